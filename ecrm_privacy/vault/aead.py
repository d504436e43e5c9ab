"""AES-256-GCM with 12-byte nonces: the one place where bytes are encrypted.

Layout of everything sealed here: `header | nonce 12 | ciphertext | tag 16`; a header begins with a version byte.
Nonces are random, which NIST SP 800-38D allows for 2^32 messages per key: far beyond what is sealed under one
subject's key. Only where a key seals one thing in its life is there no nonce: `header | ciphertext | tag`.
"""

import os
from hmac import compare_digest
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ecrm_privacy.errors import Tampered

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
_ONLY_NONCE = bytes(NONCE_BYTES)
AES_256_GCM = 1
"""The algorithm byte; a second algorithm gets another number and never shares a key with this one."""


class Secret:
    """Key bytes that have no repr, cannot be pickled, and compare in constant time."""

    __slots__ = ("_cipher", "_value")

    def __init__(self, value: bytes) -> None:
        assert len(value) == KEY_BYTES, "a key has 32 bytes"
        self._value = value
        self._cipher: AESGCM | None = None

    def reveal(self) -> bytes:
        """Return the key bytes; call this only where a primitive needs them."""
        return self._value

    def cipher(self) -> AESGCM:
        """Return the cipher of this key; building one costs more than using it, so it is kept with the key."""
        if self._cipher is None:
            self._cipher = AESGCM(self._value)
        return self._cipher

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]


def random_secret() -> Secret:
    """Return a new key of 32 random bytes."""
    return Secret(os.urandom(KEY_BYTES))


def seal(cipher: AESGCM, header: bytes, plaintext: bytes, associated_data: bytes, nonce: bytes | None = None) -> bytes:
    """Return `header | nonce | ciphertext | tag`; `nonce` is given only to reproduce known answers."""
    nonce = os.urandom(NONCE_BYTES) if nonce is None else nonce
    assert len(nonce) == NONCE_BYTES, "nonces have 12 bytes"
    return header + nonce + cipher.encrypt(nonce, plaintext, associated_data)


def open_sealed(cipher: AESGCM, header: bytes, sealed: bytes, associated_data: bytes) -> bytes:
    """Return the plaintext of `sealed`, which must begin with exactly `header`.

    Raises Tampered when the header is another one, or any byte of it or of `associated_data` is not what was sealed.
    """
    nonce_at = len(header)
    start = nonce_at + NONCE_BYTES
    if sealed[:nonce_at] != header or len(sealed) < start + TAG_BYTES:
        raise Tampered("sealed bytes are truncated or of another format")
    try:
        return cipher.decrypt(sealed[nonce_at:start], sealed[start:], associated_data)
    except InvalidTag:
        raise Tampered("sealed bytes do not check") from None


def seal_once(secret: Secret, header: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
    """Return `header | ciphertext | tag` under a key that seals nothing else, ever: its one nonce is all zeros."""
    return header + secret.cipher().encrypt(_ONLY_NONCE, plaintext, associated_data)


def open_once(secret: Secret, header: bytes, sealed: bytes, associated_data: bytes) -> bytes:
    """Return the plaintext of what `seal_once` sealed. Raises Tampered as `open_sealed` does."""
    start = len(header)
    return open_sealed(secret.cipher(), header, sealed[:start] + _ONLY_NONCE + sealed[start:], associated_data)


def hkdf(secret: bytes, info: bytes, salt: bytes | None = None, length: int = KEY_BYTES) -> bytes:
    """Derive `length` bytes from `secret` for the one use that `info` names (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)
