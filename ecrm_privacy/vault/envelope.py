"""Records: field values sealed under a subject key.

Layout: `01 | alg | key version u32 | nonce 12 | ciphertext | tag 16`, 34 bytes more than the plaintext. Associated
data: `"rec1" | subject 16 | key version u32 | length u8, category | length u8, field`. A record that was moved to
another subject, category, field or key version does not open, also where two subjects share a DEK after a merge.
"""

import struct

from ecrm_privacy.errors import Tampered
from ecrm_privacy.vault import aead
from ecrm_privacy.vault.keys import SubjectKey

OVERHEAD_BYTES = 34


def seal(key: SubjectKey, field: str, plaintext: bytes) -> bytes:
    """Seal the value of one field for the key's subject and category."""
    cipher, header, place = key.shared
    name = field.encode()
    return aead.seal(cipher, header, plaintext, place + len(name).to_bytes() + name)


def open_(key: SubjectKey, field: str, sealed: bytes) -> bytes:
    """Open the value of one field. Raises Tampered when it was not sealed under exactly this key for this field."""
    cipher, header, place = key.shared
    name = field.encode()
    return aead.open_sealed(cipher, header, sealed, place + len(name).to_bytes() + name)


def reseal(old: SubjectKey, new: SubjectKey, field: str, sealed: bytes) -> bytes:
    """Seal a field again for the owner that a key was handed over to. Raises Tampered when it does not open."""
    return seal(new, field, open_(old, field, sealed))


def key_version(sealed: bytes) -> int:
    """Return the version of the key that sealed a record. Raises Tampered when it is no record."""
    if len(sealed) < OVERHEAD_BYTES or sealed[0] != 1:
        raise Tampered("sealed bytes are truncated or of another format")
    version: int = struct.unpack_from(">I", sealed, 2)[0]
    return version
