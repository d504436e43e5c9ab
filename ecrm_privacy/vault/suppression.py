"""The suppression list: addresses that were never to be contacted again, as keyed hashes that outlive an erasure.

Whoever is erased and asks never to be contacted again could not be kept from it by what was erased. So HMAC-SHA256 of
each address is kept, under a key of its own per kind of address, which is not changed with the index keys: it names
nobody, and only the same address, brought again, meets it. The ground is the person's own objection (GDPR 17(3)(b) and
21(3), kept under 6(1)(c); for electronic mail also PECR 22).
"""

import hmac
import unicodedata
from collections.abc import Mapping
from enum import StrEnum

from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.blind_index import IndexKind, normalise
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vocabulary import Category, Channel, channel_category


class AddressKind(StrEnum):
    """By which kind of address somebody is reached."""

    EMAIL = "email"
    PHONE = "phone"


ADDRESSES: Mapping[tuple[Category, str], AddressKind] = {
    (Category("contact"), "email"): AddressKind.EMAIL,
    (Category("contact"), "phone"): AddressKind.PHONE,
    (channel_category(Channel("email")), "address"): AddressKind.EMAIL,
    (channel_category(Channel("sms")), "address"): AddressKind.PHONE,
    (channel_category(Channel("phone")), "address"): AddressKind.PHONE,
}
"""Fields that are addresses. One by post is none: it is of a household, and is written in too many ways to be met."""


class Suppressions:
    """The keys of the list."""

    __slots__ = ("_keys",)

    def __init__(self, keyring: Keyring) -> None:
        self._keys = {kind: Secret(keyring.derive(f"suppressed/v1/{kind}")) for kind in AddressKind}

    def among(self, fields: Mapping[Category, Mapping[str, str]]) -> list[bytes]:
        """Return the 32 bytes of each address among the fields of a profile, in their own order."""
        found = {
            hmac.digest(self._keys[kind].reveal(), address.encode(), "sha256")
            for category, named in fields.items()
            for field, value in named.items()
            if (kind := ADDRESSES.get((category, field))) and (address := _normalise(kind, value))
        }
        return sorted(found)


def _normalise(kind: AddressKind, value: str) -> str:
    """Return the one spelling of an address: of a phone its digits, after a plus sign if one begins it, or `00`."""
    if kind is AddressKind.EMAIL:
        return normalise(IndexKind.EMAIL, value)
    text = unicodedata.normalize("NFKC", value).strip()
    digits = "".join(sign for sign in text if sign in "0123456789")
    if not digits or not text.startswith(("+", "00")):
        return digits
    return "+" + digits.removeprefix("00")
