"""HashiCorp Vault, Transit secrets engine: encrypt and decrypt with associated data, for a key of an AEAD type.

Address: `vault-transit:https://HOST:PORT/MOUNT/keys/NAME?token_file=FILE`; the token is in a file that nobody else may
read, and goes along as `X-Vault-Token`. `http` is taken on loopback alone (a Vault agent, say). `&namespace=NAME` where
there are namespaces. https://developer.hashicorp.com/vault/api-docs/secret/transit
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from ecrm_privacy.errors import KeyFileRefused, RootDestroyed, RootUnavailable, Tampered
from ecrm_privacy.vault import private_file

SCHEME = "vault-transit"
TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 1 << 16
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_NO_SUCH_KEY = "encryption key not found"
_NOT_OURS = ("message authentication failed", "invalid ciphertext")


class Transit:
    """A key of Vault's Transit engine."""

    def __init__(self, address: str) -> None:
        scheme, _, rest = address.partition(":")
        parts = urlsplit(rest)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        mount, _, name = parts.path.strip("/").rpartition("/keys/")
        is_private = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        if scheme != SCHEME or not is_private or not mount or not name or "token_file" not in asked:
            raise KeyFileRefused(
                f"an address of Vault is {SCHEME}:https://HOST:PORT/MOUNT/keys/NAME?token_file=FILE (http on loopback)"
            )
        self._address = address
        self._base = f"{parts.scheme}://{parts.netloc}/v1/{quote(mount)}"
        self._name = quote(name, safe="")
        self._token_file = Path(asked["token_file"])
        self._namespace = asked.get("namespace")

    def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Return `secret` wrapped: Vault's ciphertext `vault:v1:…` as bytes. Raises RootUnavailable, RootDestroyed."""
        if not self._exists():  # to encrypt under a name that is not there makes a key, where the token may
            raise RootUnavailable(f"Vault has no key {self._name}: make it there (type aes256-gcm96), and try again")
        return self._call("encrypt", {"plaintext": _b64(secret), **_bound(context)}, "ciphertext").encode()

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        """Return what was wrapped. Raises RootUnavailable, RootDestroyed, Tampered."""
        try:
            ciphertext = blob.decode("ascii")
            plaintext = self._call("decrypt", {"ciphertext": ciphertext, **_bound(context)}, "plaintext")
            return base64.b64decode(plaintext, validate=True)
        except ValueError:
            raise Tampered("this is not what Vault wrapped") from None

    def describe(self) -> str:
        """Return the address; the token is in its own file."""
        return self._address

    def _exists(self) -> bool:
        return self._ask("GET", f"keys/{self._name}", None).status_code == httpx.codes.OK

    def _call(self, operation: str, body: Mapping[str, str], field: str) -> str:
        reply = self._ask("POST", f"{operation}/{self._name}", body)
        try:
            held: Any = reply.json()
            if reply.status_code == httpx.codes.OK:
                return str(held["data"][field])
            errors = " ".join(str(each) for each in held.get("errors") or ())
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._away(f"it answered {reply.status_code}, and not as Vault does") from None
        if reply.status_code == httpx.codes.BAD_REQUEST:
            if _NO_SUCH_KEY in errors:
                raise RootDestroyed(
                    f"Vault says that there is no key {self._name}: it was deleted, or the key file is of another"
                    " Vault. If it was deleted, what is sealed is lost but for the recovery copy: `ecrm keys create"
                    " --recover`"
                )
            if any(words in errors for words in _NOT_OURS):
                raise Tampered("Vault did not wrap this")
        raise self._away(f"it answered {reply.status_code}")

    def _ask(self, method: str, path: str, body: Mapping[str, str] | None) -> httpx.Response:
        missing = "it holds the token with which Vault is asked for the root key"
        token = private_file.read(self._token_file, KeyFileRefused, missing)[0].decode("ascii", "replace").strip()
        headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
        if self._namespace:
            headers["X-Vault-Namespace"] = self._namespace
        try:
            with httpx.Client(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client:
                reply = client.request(method, f"{self._base}/{path}", json=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self._away(type(error).__name__) from None
        if len(reply.content) > ANSWER_BYTES_MAX:
            raise self._away("its answer is too long")
        return reply

    def _away(self, why: str) -> RootUnavailable:
        return RootUnavailable(
            f"Vault does not give the root key now ({why}), so the service does not start. Nothing is lost: see that it"
            f" is unsealed, that this machine reaches it, that the token in {self._token_file} is good, and start again"
        )


def _bound(context: Mapping[str, str]) -> dict[str, str]:
    return {"associated_data": _b64(json.dumps(dict(sorted(context.items())), separators=(",", ":")).encode())}


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
