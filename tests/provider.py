"""A stand-in for what is called over HTTP: an SMS provider, a push service. It keeps what it gets."""

import hmac
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

SECRET = b"a-secret-of-the-provider-and-us"


class Provider:
    """What it got: path, headers and body of each request; `status` is what it says."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 201
        self.base = ""

    def clear(self) -> None:
        """Forget what it got, and take everything."""
        self.got.clear()
        self.status = 201


def signature(name: str, stamp: str, body: bytes) -> str:
    """Sign as the SMS provider and we do (Standard Webhooks)."""
    return "v1," + b64encode(hmac.digest(SECRET, f"{name}.{stamp}.".encode() + body, "sha256")).decode()


@contextmanager
def provider_server() -> Iterator[Provider]:
    """Run one on loopback, in threads of its own."""
    provider = Provider()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            provider.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(provider.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    provider.base = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
