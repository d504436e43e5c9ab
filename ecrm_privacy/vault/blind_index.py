"""Blind indexes: how a subject is found by customer number or by an address, without storing any of them in the clear.

HMAC-SHA256 under a key of its own per kind, truncated to 16 bytes. A value leads to one subject at most, so that
equality tells nothing; the row goes with the subject's erasure. Guessing needs the key, and the database has none.

The keys have generations. A value of generation n is the HMAC, under the key of n, of the value of n - 1: so a stored
value becomes the next one without the number or address that it was made from, which is stored nowhere. While rows
are being changed both are asked for. A process may be behind by one generation and still finds everybody, because it
also asks for the generation after the one it knows; there is an hour at least between two changes.
"""

import hmac
import unicodedata
from enum import StrEnum

import msgspec

from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.keyring import Keyring

INDEX_BYTES = 16


class IndexKind(StrEnum):
    """What a subject can be found by."""

    CUSTOMER_NUMBER = "customer_number"
    EMAIL = "email"
    PHONE = "phone"


class Spelled(msgspec.Struct, frozen=True):
    """The values under which one subject may be found now, by generation; rising, at most three."""

    kind: IndexKind
    values: dict[int, bytes]

    @property
    def asked(self) -> bytes:
        """All of them, one after the other: what a look-up takes."""
        return b"".join(self.values.values())


class BlindIndexes:
    """The index keys of a keyring. `generation` is the newest that this process has heard of."""

    __slots__ = ("_keyring", "_keys", "generation")

    def __init__(self, keyring: Keyring, generation: int = 1) -> None:
        self._keyring = keyring
        self._keys: dict[tuple[int, IndexKind], Secret] = {}
        self.generation = generation

    def of(self, kind: IndexKind, value: str) -> bytes:
        """Return the 16 bytes that `value` has in the generation that this process knows."""
        return self.spelled(kind, value).values[self.generation]

    def spelled(self, kind: IndexKind, value: str) -> Spelled:
        """Return what `value` may be stored as: in the generation known here, the one before it, and the next."""
        made = blind_index(self._key(1, kind), kind, value)
        values = {1: made}
        for generation in range(2, self.generation + 2):
            values[generation] = made = self._next(generation, kind, made)
        return Spelled(kind, {number: values[number] for number in sorted(values)[-3:]})

    def renewed(self, kind: IndexKind, stored: bytes, since: int, to: int) -> bytes:
        """Return what a value of the generation `since` is in the later generation `to`."""
        for generation in range(since + 1, to + 1):
            stored = self._next(generation, kind, stored)
        return stored

    def _next(self, generation: int, kind: IndexKind, stored: bytes) -> bytes:
        return hmac.digest(self._key(generation, kind).reveal(), stored, "sha256")[:INDEX_BYTES]

    def _key(self, generation: int, kind: IndexKind) -> Secret:
        found = self._keys.get((generation, kind))
        if found is None:
            found = self._keys[generation, kind] = Secret(self._keyring.derive(f"blind-index/v{generation}/{kind}"))
        return found

    def of_customer(self, number: str | None) -> bytes | None:
        """Return every spelling of a customer number's index, one after the other; none for none."""
        return None if number is None else self.spelled(IndexKind.CUSTOMER_NUMBER, number).asked


def blind_index(key: Secret, kind: IndexKind, value: str) -> bytes:
    """Return the first 16 bytes of HMAC-SHA256 over the normalised value."""
    return hmac.digest(key.reveal(), normalise(kind, value).encode(), "sha256")[:INDEX_BYTES]


def normalise(kind: IndexKind, value: str) -> str:
    """Return the one spelling that is indexed, without the spaces around it.

    E-mail by compatibility caseless match (Unicode 3.13, D146). Customer numbers keep their case and form: they are the
    shop's names, and the shop says when two are equal. Telephone numbers come as `+` and digits.
    """
    if kind is not IndexKind.EMAIL:
        return value.strip()
    folded = unicodedata.normalize("NFD", value).casefold()
    again = unicodedata.normalize("NFKD", folded).casefold()
    return unicodedata.normalize("NFKC", again).strip()
