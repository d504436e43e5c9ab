"""SMS: words that stop, and signatures in both directions."""

import hmac
import json
from base64 import b64encode
from pathlib import Path

import pytest

from ecrm_privacy.delivery.sms import STOP_WORDS, SignedWebhook, said
from ecrm_privacy.errors import Malformed, SignatureRefused, StartRefused

SECRET = b"a-secret-of-the-provider-and-us"
NOW = 1_800_000_000


@pytest.fixture
def provider(tmp_path: Path) -> SignedWebhook:
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    return SignedWebhook("http://127.0.0.1:9/messages", tmp_path / "secret", clock=lambda: NOW)


def signed(body: bytes, *, name: str = "msg_1", stamp: int = NOW, secret: bytes = SECRET) -> dict[str, str]:
    """The headers of Standard Webhooks, made apart from the code under test."""
    mac = hmac.digest(secret, f"{name}.{stamp}.".encode() + body, "sha256")
    value = "v1," + b64encode(mac).decode()
    return {"webhook-id": name, "webhook-timestamp": str(stamp), "webhook-signature": f"v1,{'A' * 43}= {value}"}


@pytest.mark.parametrize(
    "text",
    [
        *sorted(STOP_WORDS),
        "STOP",
        " Stop. ",
        "stop!",
        "Arrêt",
        "ARRET",
        "STOPP",
        "Baja",
        "Opt-Out",
        "ＳＴＯＰ",
        "СТОП",
        "«إلغاء»",
    ],
)
def test_a_word_that_stops(text: str) -> None:
    """In any case, with whatever stands around it."""
    assert said(text) == "stop"


@pytest.mark.parametrize("text", ["", "please do not stop", "stopped", "no", "ok", "the end of it", "🛑", "\x00" * 9])
def test_what_is_no_such_word(text: str) -> None:
    """Only a message that is nothing but the word ends something."""
    assert said(text) == ""


def test_a_word_that_starts_again() -> None:
    """START and UNSTOP let a number be asked."""
    assert {said(word) for word in ("START", "unstop", " Start ")} == {"start"}


def test_what_the_provider_signed_is_read(provider: SignedWebhook) -> None:
    """One of several signatures is enough, as when a secret is being changed."""
    body = json.dumps({"from": "+4917012345", "text": "STOP"}).encode()
    found = provider.inbound(signed(body), body)
    assert (found.number, found.text) == ("+4917012345", "STOP") and "49170" not in repr(found)


def test_what_anybody_else_sends_is_refused(provider: SignedWebhook) -> None:
    """Another secret, body, id or time, and no signature at all."""
    body = b'{"from":"+4917012345","text":"STOP"}'
    good = signed(body)
    for headers, sent in (
        (signed(body, secret=b"another-secret-of-thirty-bytes"), body),
        (good, body + b" "),
        ({**good, "webhook-id": "msg_2"}, body),
        ({**good, "webhook-timestamp": str(NOW + 1)}, body),
        (signed(body, stamp=NOW - 301), body),
        (signed(body, stamp=NOW + 301), body),
        ({**good, "webhook-timestamp": "soon"}, body),
        ({**good, "webhook-signature": "v1,ä"}, body),
        ({}, body),
    ):
        with pytest.raises(SignatureRefused):
            provider.inbound(headers, sent)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"from":1,"text":"STOP"}', b"\xff", b'{"from":"+49","text":"%s"}' % (b"x" * 2000)]
)
def test_a_signed_body_in_another_form_is_malformed(provider: SignedWebhook, body: bytes) -> None:
    """The provider is told, and nothing is repeated."""
    with pytest.raises(Malformed):
        provider.inbound(signed(body), body)


def test_a_provider_without_secrecy_does_not_start(tmp_path: Path) -> None:
    """A secret that is short or missing, and an address that others could read."""
    (tmp_path / "short").write_bytes(b"short")
    (tmp_path / "secret").write_bytes(SECRET)
    for url, file in (
        ("http://127.0.0.1:9/", tmp_path / "short"),
        ("http://127.0.0.1:9/", tmp_path / "missing"),
        ("http://sms.example/", tmp_path / "secret"),
    ):
        with pytest.raises(StartRefused):
            SignedWebhook(url, file)
