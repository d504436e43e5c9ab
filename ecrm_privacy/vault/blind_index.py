"""Blind indexes: how a subject is found by customer number or e-mail address without storing either in the clear.

HMAC-SHA256 under a key of its own per kind, truncated to 16 bytes. Both kinds are unique by nature, so that equality
tells nothing; the row goes with the subject's erasure. Guessing needs the key, which the database does not have.
"""

import hmac
import unicodedata
from enum import StrEnum

from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.keyring import Keyring

INDEX_BYTES = 16


class IndexKind(StrEnum):
    """What a subject can be found by."""

    CUSTOMER_NUMBER = "customer_number"
    EMAIL = "email"


class BlindIndexes:
    """The index keys of a keyring, derived once."""

    __slots__ = ("_keys",)

    def __init__(self, keyring: Keyring) -> None:
        self._keys = {kind: Secret(keyring.derive(f"blind-index/v1/{kind}")) for kind in IndexKind}

    def of(self, kind: IndexKind, value: str) -> bytes:
        """Return the 16 bytes under which the subject of `value` is found."""
        return blind_index(self._keys[kind], kind, value)

    def of_customer(self, number: str | None) -> bytes | None:
        """Return the index of a customer number; none for none."""
        return None if number is None else self.of(IndexKind.CUSTOMER_NUMBER, number)


def blind_index(key: Secret, kind: IndexKind, value: str) -> bytes:
    """Return the first 16 bytes of HMAC-SHA256 over the normalised value."""
    return hmac.digest(key.reveal(), normalise(kind, value).encode(), "sha256")[:INDEX_BYTES]


def normalise(kind: IndexKind, value: str) -> str:
    """Return the one spelling that is indexed, without the spaces around it.

    E-mail by compatibility caseless match (Unicode 3.13, D146). Customer numbers keep their case and form: they are the
    shop's names, and the shop says when two are equal.
    """
    if kind is IndexKind.CUSTOMER_NUMBER:
        return value.strip()
    folded = unicodedata.normalize("NFD", value).casefold()
    again = unicodedata.normalize("NFKD", folded).casefold()
    return unicodedata.normalize("NFKC", again).strip()
