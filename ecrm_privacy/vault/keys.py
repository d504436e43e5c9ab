"""Subject keys: one random DEK per subject, category and version, wrapped by the keyring.

The wrap is bound to its owner: moving a wrapped key to another subject, category or version makes it useless.
Associated data: `"dek1" | subject 16 | length u8, category | version u32 | epoch u32` (the keyring adds the epoch).
"""

from collections.abc import Callable
from functools import cached_property

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ecrm_privacy.vault import aead
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vocabulary import Category, SubjectId

_RECORD = bytes((1, aead.AES_256_GCM))


class SubjectKey(msgspec.Struct, frozen=True, dict=True):
    """The unwrapped key of one subject and category. Never kept from one event-loop turn to the next."""

    subject: SubjectId
    category: Category
    version: int
    dek: Secret

    @cached_property
    def shared(self) -> tuple[AESGCM, bytes, bytes]:
        """What all records under this key share (envelope): cipher, header, and how their associated data begins.

        Made with the first of them, and gone with the key.
        """
        version, category = self.version.to_bytes(4, "big"), self.category.encode()
        place = b"rec1" + self.subject.bytes + version + len(category).to_bytes() + category
        return self.dek.cipher(), _RECORD + version, place


def new(keyring: Keyring, subject: SubjectId, category: Category, version: int = 1) -> tuple[SubjectKey, bytes]:
    """Make a key and its wrapped row of 66 bytes."""
    key = SubjectKey(subject, category, version, aead.random_secret())
    return key, _wrap(keyring, key)


def unwrap(keyring: Keyring, subject: SubjectId, category: Category, version: int, wrapped: bytes) -> SubjectKey:
    """Open a wrapped row. Raises Tampered when it was not wrapped for exactly this subject, category and version."""
    dek = keyring.unwrap(wrapped, _owner(subject, category, version))
    return SubjectKey(subject, category, version, Secret(dek))


def hand_over(keyring: Keyring, key: SubjectKey, to: SubjectId, version: int) -> tuple[SubjectKey, bytes]:
    """Wrap the same DEK for another subject, as its `version`.

    The pseudonym stays the same, so history needs no copying. Records do not open under the new owner until they went
    through `envelope.reseal`.
    """
    handed = SubjectKey(to, key.category, version, key.dek)
    return handed, _wrap(keyring, handed)


def rewrapper(keyring: Keyring) -> Callable[[SubjectId, Category, int, bytes], bytes]:
    """Return what wraps a row's key under the epoch that is current now. It raises Tampered as `unwrap` does."""
    rewrap = keyring.rewrapper()
    return lambda subject, category, version, wrapped: rewrap(wrapped, _owner(subject, category, version))


def _wrap(keyring: Keyring, key: SubjectKey) -> bytes:
    return keyring.wrap(key.dek.reveal(), _owner(key.subject, key.category, key.version))


def _owner(subject: SubjectId, category: Category, version: int) -> bytes:
    name = category.encode()
    return b"dek1" + subject.bytes + len(name).to_bytes() + name + version.to_bytes(4, "big")
