"""Pseudonyms: the name under which the behaviour of one subject in one category is kept (GDPR 4(5)).

Derived from the category's key, so it needs no table that leads back to the subject, survives a hand-over of the key,
and cannot be computed once the key is destroyed.
"""

import hmac
from uuid import UUID

from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vocabulary import Pseudonym


def pseudonym(key: SubjectKey) -> Pseudonym:
    """Return the pseudonym of this key's category: 122 bits of HMAC-SHA256 as a UUID of version 8 (RFC 9562)."""
    mac = bytearray(hmac.digest(key.dek.reveal(), b"pseudonym/v1" + key.category.encode(), "sha256")[:16])
    mac[6] = mac[6] & 0x0F | 0x80
    mac[8] = mac[8] & 0x3F | 0x80
    return Pseudonym(UUID(bytes=bytes(mac)))
