"""SMS through a provider: what one must be able to do, and one that speaks signed HTTP in both directions.

The signature is that of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, in the headers `webhook-id`,
`webhook-timestamp` and `webhook-signature` (`v1,` and base64). Out goes `POST {"id", "to", "text"}`; in comes
`{"from", "text"}`. A provider with another form needs a class of its own with these two methods.
"""

import hmac
import re
import time
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Protocol

import httpx
import msgspec

from ecrm_privacy.delivery.messages import Message, Undeliverable
from ecrm_privacy.delivery.public import checked
from ecrm_privacy.errors import Malformed, SignatureRefused, StartRefused, Unavailable

SEND_S = 10.0
TOLERANCE_S = 300
"""How old a signature may be (Standard Webhooks)."""
SECRET_BYTES_LEAST = 24

STOP_WORDS = frozenset(
    {
        "stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out", "opt-out",
        "arret", "stopp", "abmelden", "abbestellen", "baja", "alto", "cancelar", "parar", "sair", "fine", "basta",
        "стоп", "отписка", "отписаться", "توقف", "إلغاء", "الغاء", "لغو",
    }
)  # fmt: skip
"""What ends messages when it is all that somebody sends back (47 CFR 64.1200(a)(10), and words of other languages)."""
START_WORDS = frozenset({"start", "unstop"})


class Inbound(msgspec.Struct, frozen=True):
    """A message that came in: from which number, and what it says. Not shown by `repr`."""

    number: Annotated[str, msgspec.Meta(max_length=32)] = msgspec.field(name="from")
    text: Annotated[str, msgspec.Meta(max_length=1600)]

    def __repr__(self) -> str:
        return "Inbound(…)"


class SmsProvider(Protocol):
    """Who takes SMS on, and hands on what is answered."""

    async def send(self, message: Message) -> None:
        """Hand a message on. Raises Undeliverable for good, Unavailable when it is worth another try."""

    def inbound(self, headers: Mapping[str, str], body: bytes) -> Inbound:
        """Read what the provider sends in. Raises SignatureRefused for anybody else, Malformed."""


class SignedWebhook:
    """A provider, or a small gateway before one, that speaks JSON over HTTP and signs it."""

    def __init__(self, url: str, secret_file: Path, clock: Callable[[], float] = time.time) -> None:
        self._url = checked(url)
        try:
            self._secret = secret_file.read_bytes().strip()
        except OSError:
            raise StartRefused("ECRM_SMS_SECRET_FILE cannot be read") from None
        if len(self._secret) < SECRET_BYTES_LEAST:
            raise StartRefused(f"ECRM_SMS_SECRET_FILE has fewer than {SECRET_BYTES_LEAST} bytes")
        self._clock = clock

    async def send(self, message: Message) -> None:
        """Hand a message on; the provider knows by `webhook-id` that one comes again."""
        body = msgspec.json.encode({"id": message.message_id, "to": message.to, "text": message.text})
        stamp = str(int(self._clock()))
        headers = {
            "content-type": "application/json", "webhook-id": message.message_id, "webhook-timestamp": stamp,
            "webhook-signature": self._signature(message.message_id, stamp, body),
        }  # fmt: skip
        try:
            async with httpx.AsyncClient(timeout=SEND_S, follow_redirects=False, trust_env=False) as client:
                status = (await client.post(self._url, content=body, headers=headers)).status_code
        except httpx.HTTPError:
            raise Unavailable("the SMS provider does not answer") from None
        if status in {408, 425, 429} or status >= 500:
            raise Unavailable("the SMS provider cannot take it now")
        if not 200 <= status < 300:
            raise Undeliverable("the SMS provider refuses it")

    def inbound(self, headers: Mapping[str, str], body: bytes) -> Inbound:
        """Read what the provider sends in. Raises SignatureRefused for anybody else, Malformed."""
        name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not stamp.isascii() or not stamp.isdigit() or abs(int(stamp[:12]) - self._clock()) > TOLERANCE_S:
            raise SignatureRefused
        wanted = self._signature(name, stamp, body).encode()
        given = headers.get("webhook-signature", "").encode("latin-1", "replace").split(b" ")
        if not any(hmac.compare_digest(each, wanted) for each in given):
            raise SignatureRefused
        try:
            return msgspec.json.decode(body, type=Inbound)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Malformed("The body is `{from, text}`") from None

    def _signature(self, name: str, stamp: str, body: bytes) -> str:
        mac = hmac.digest(self._secret, b".".join((name.encode("latin-1", "replace"), stamp.encode(), body)), "sha256")
        return "v1," + b64encode(mac).decode()


def said(text: str) -> str:
    """Return `stop`, `start` or nothing: what somebody who sends only this word means."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = "".join(sign for sign in unicodedata.normalize("NFD", folded) if sign not in "\u0300\u0301\u0302\u0308")
    words = [" ".join(re.sub(r"[^\w\s-]", " ", each).split()) for each in (unicodedata.normalize("NFC", bare), folded)]
    if any(word in STOP_WORDS for word in words):
        return "stop"
    return "start" if any(word in START_WORDS for word in words) else ""
