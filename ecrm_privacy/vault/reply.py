"""Replies kept for idempotency: unreadable without the caller's Idempotency-Key.

From the server's secret and the Idempotency-Key come two keys: one seals the reply, one makes the MAC of the request
body. So the database can neither open a reply nor see that two people sent the same body. Sealed reply: `01 | alg |
nonce 12 | ciphertext | tag 16`, associated data `"reply1" | key_mac`.
"""

import hmac
import struct
from uuid import UUID

from ecrm_privacy.vault import aead
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.keyring import Keyring

_HEADER = struct.pack(">BB", 1, aead.AES_256_GCM)


class ReplyKey:
    """What one Idempotency-Key stands for; `key_mac` (32 bytes) is the name under which its reply is kept.

    `name` is what the act is called that it asked for, where that needs a name that nobody else can guess.
    """

    __slots__ = ("_body_key", "_seal_key", "key_mac", "name")

    def __init__(self, secret: Secret, idempotency_key: str) -> None:
        name = idempotency_key.encode()
        keys = aead.hkdf(name, b"ecrm/reply/v1", salt=secret.reveal(), length=2 * aead.KEY_BYTES)
        self.key_mac = hmac.digest(secret.reveal(), b"reply-key/v1" + name, "sha256")
        self.name = UUID(bytes=hmac.digest(secret.reveal(), b"reply-name/v1" + name, "sha256")[:16], version=4)
        self._seal_key, self._body_key = Secret(keys[: aead.KEY_BYTES]), Secret(keys[aead.KEY_BYTES :])

    def body_mac(self, body: bytes) -> bytes:
        """Return the 32 bytes that tell whether a repeat came with the same body."""
        return hmac.digest(self._body_key.reveal(), body, "sha256")

    def seal(self, reply: bytes) -> bytes:
        """Seal a reply for whoever comes again with the same Idempotency-Key."""
        return aead.seal(self._seal_key.cipher(), _HEADER, reply, b"reply1" + self.key_mac)

    def open_(self, sealed: bytes) -> bytes:
        """Open a reply that was kept. Raises Tampered when it was kept for another Idempotency-Key."""
        return aead.open_sealed(self._seal_key.cipher(), _HEADER, sealed, b"reply1" + self.key_mac)

    def __repr__(self) -> str:
        return "<ReplyKey>"


class Replies:
    """The server's half of the secret."""

    __slots__ = ("_secret",)

    def __init__(self, keyring: Keyring) -> None:
        self._secret = Secret(keyring.derive("reply/v1"))

    def key(self, idempotency_key: str) -> ReplyKey:
        """Return the keys of one Idempotency-Key."""
        return ReplyKey(self._secret, idempotency_key)
