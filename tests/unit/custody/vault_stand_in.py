"""A stand-in for HashiCorp Vault that speaks its HTTP API for one Transit engine, as the documentation has it.

Keys are AES-256-GCM; ciphertexts are `vault:v<version>:<base64 of nonce, ciphertext and tag>`. Encrypting under a name
that is not there makes a key, as Vault does where the policy lets it. A test may seal it, and delete keys.
"""

import base64
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.token-of-the-test"


class VaultStandIn:
    """Its keys, and how it is."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.sealed = False
        self.garbled = False
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.address = ""

    def answer(self, method: str, path: str, headers: dict[str, str], body: dict[str, str]) -> tuple[int, Any]:
        """Answer one call."""
        self.asked.append((method, path, headers))
        if self.garbled:
            return 200, ["not", "vault"]
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if headers.get("x-vault-token") != TOKEN:
            return 403, {"errors": ["permission denied"]}
        prefix, _, rest = path.partition("/v1/secrets/transit/")
        operation, _, name = rest.partition("/")
        if prefix or not name:
            return 404, {"errors": ["no handler for route"]}
        if operation == "keys" and method == "GET":
            return (200, _data({"name": name, "type": "aes256-gcm96"})) if name in self.keys else (404, {"errors": []})
        bound = base64.b64decode(body.get("associated_data", ""))
        if operation == "encrypt":
            key = AESGCM(self.keys.setdefault(name, os.urandom(32)))
            nonce = os.urandom(12)
            raw = nonce + key.encrypt(nonce, base64.b64decode(body["plaintext"]), bound)
            return 200, _data({"ciphertext": f"vault:v1:{base64.b64encode(raw).decode()}", "key_version": 1})
        if operation == "decrypt":
            return self._decrypt(name, body["ciphertext"], bound)
        return 404, {"errors": ["unsupported path"]}

    def _decrypt(self, name: str, ciphertext: str, bound: bytes) -> tuple[int, Any]:
        if name not in self.keys:
            return 400, {"errors": ["encryption key not found"]}
        if not ciphertext.startswith("vault:v1:"):
            return 400, {"errors": ["invalid ciphertext: no prefix"]}
        raw = base64.b64decode(ciphertext.removeprefix("vault:v1:"))
        try:
            plain = AESGCM(self.keys[name]).decrypt(raw[:12], raw[12:], bound)
        except InvalidTag:
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, _data({"plaintext": base64.b64encode(plain).decode()})


def _data(held: dict[str, Any]) -> dict[str, Any]:
    return {"request_id": "8375227a-4a9f-a108-0b89-84c448419e80", "lease_id": "", "data": held, "warnings": None}


@contextmanager
def vault() -> Iterator[VaultStandIn]:
    """Run it on a port of loopback."""
    state = VaultStandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def _serve(self, method: str) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, reply = state.answer(method, self.path, headers, json.loads(raw or b"{}"))
            content = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
