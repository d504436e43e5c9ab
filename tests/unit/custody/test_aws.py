"""A root key that AWS KMS keeps: the real client against a server that speaks AWS's own wire format."""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ecrm_privacy.custody import AwsKms, keeper_at
from ecrm_privacy.errors import KeyFileRefused, RootDestroyed, RootUnavailable, Tampered
from ecrm_privacy.vault.keyring import Keyring

ROOT, CONTEXT = bytes(range(32)), {"use": "a test"}
REGION = "eu-central-1"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The stand-in's address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks; and the machine has no others."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def kms(endpoint: str) -> Any:
    """The administrator's client."""
    return boto3.client("kms", region_name=REGION, endpoint_url=endpoint)


@pytest.fixture
def arn(kms: Any) -> str:
    """A new key."""
    return str(kms.create_key()["KeyMetadata"]["Arn"])


def at(arn: str, endpoint: str) -> AwsKms:
    """The keeper with that key."""
    keeper = keeper_at(f"aws-kms:{arn}?endpoint={endpoint}")
    assert isinstance(keeper, AwsKms)
    return keeper


def test_what_it_wrapped_it_unwraps_for_the_same_context_alone(arn: str, endpoint: str) -> None:
    """Another context, another key's bytes and damaged bytes are told apart from being away."""
    keeper = at(arn, endpoint)
    wrapped = keeper.wrap(ROOT, CONTEXT)
    assert ROOT not in wrapped and keeper.unwrap(wrapped, CONTEXT) == ROOT
    for blob, context in ((wrapped, {"use": "another"}), (wrapped[:-1] + bytes([wrapped[-1] ^ 1]), CONTEXT)):
        with pytest.raises(Tampered):
            keeper.unwrap(blob, context)


def test_a_key_file_whose_root_is_kept_by_aws(arn: str, endpoint: str, tmp_path: Path) -> None:
    """The root does not stand in it, it opens by asking, and it names whom to ask."""
    path = tmp_path / "ecrm.key"
    made = Keyring.create(path, ROOT, at(arn, endpoint))
    assert ROOT.hex() not in path.read_text() and arn in path.read_text()
    loaded = Keyring.load(path, keeper_at)
    assert loaded.same_as(made) and loaded.kept_by == f"aws-kms:{arn}?endpoint={endpoint}"
    assert loaded.unwrap(made.wrap(bytes(32), b""), b"") == bytes(32)
    path.write_text(path.read_text().replace('check = "e9', 'check = "ea'))
    with pytest.raises(KeyFileRefused, match="did not wrap"):
        Keyring.load(path, keeper_at)


def _kms_that_says(replies: dict[str, tuple[int, dict[str, Any]]]) -> ThreadingHTTPServer:
    """A server that gives one reply per operation, for states that the stand-in above does not know (AWS JSON 1.1)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, body = replies[self.headers["x-amz-target"].removeprefix("TrentService.")]
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server


def _state(state: str, **more: Any) -> tuple[int, dict[str, Any]]:
    return 200, {"KeyMetadata": {"KeyId": "k", "KeyState": state, **more}}


INVALID = (400, {"__type": "KMSInvalidStateException", "message": "arn is pending deletion."})
AWAY = {
    "disabled": {"Decrypt": (400, {"__type": "DisabledException", "message": "arn is disabled."})},
    "refused": {"Decrypt": (400, {"__type": "AccessDeniedException", "message": "not authorized"})},
    "invalid for now": {"Decrypt": INVALID, "DescribeKey": _state("Unavailable")},
    "invalid, and we may not ask why": {"Decrypt": INVALID, "DescribeKey": (400, {"__type": "AccessDeniedException"})},
    "down": {"Decrypt": (503, {"__type": "KMSInternalException"})},
}


@pytest.mark.parametrize("how", AWAY)
def test_whatever_else_it_says_it_is_away_and_not_gone(how: str, arn: str) -> None:
    """A key that somebody may enable again is not an erased one; the message says that nothing is lost."""
    server = _kms_that_says(AWAY[how])
    with pytest.raises(RootUnavailable, match="Nothing is lost"):
        at(arn, f"http://127.0.0.1:{server.server_port}").unwrap(b"x", CONTEXT)
    server.shutdown()
    server.server_close()


def test_a_key_that_is_about_to_be_deleted_is_told_as_such(arn: str) -> None:
    """With the day until which somebody can still cancel it."""
    server = _kms_that_says({"Decrypt": INVALID, "DescribeKey": _state("PendingDeletion", DeletionDate=1796000000)})
    with pytest.raises(RootDestroyed, match=r"deleted on 2026-11-30: .* cancel"):
        at(arn, f"http://127.0.0.1:{server.server_port}").unwrap(b"x", CONTEXT)
    server.shutdown()
    server.server_close()


def test_a_key_that_is_not_there_is_gone(arn: str, endpoint: str) -> None:
    """AWS says so in so many words."""
    wrapped = at(arn, endpoint).wrap(ROOT, CONTEXT)
    with pytest.raises(RootDestroyed, match="recovery copy"):
        at(arn[:-12] + "000000000000", endpoint).unwrap(wrapped, CONTEXT)


def test_nobody_there_is_away(arn: str) -> None:
    """No connection refuses the start, with what to do, and never looks like an erasure."""
    with pytest.raises(RootUnavailable, match=r"EndpointConnectionError.*Nothing is lost"):
        at(arn, "http://127.0.0.1:9").unwrap(b"x", CONTEXT)


def test_nobody_to_ask_as_is_away(arn: str, endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials nothing can be asked."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(RootUnavailable, match="NoCredentialsError"):
        at(arn, endpoint).unwrap(b"x", CONTEXT)


@pytest.mark.parametrize("address", ["aws-kms:alias/ecrm", "aws-kms:arn:aws:s3:eu-central-1:1:key/x", "gcp-kms:x", ""])
def test_an_address_of_nobody_is_refused(address: str) -> None:
    """What names no key of a keeper that we know."""
    with pytest.raises(KeyFileRefused):
        keeper_at(address)
