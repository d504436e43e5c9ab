"""Bodies: the evidence behind a ledger entry, sealed once, opened by the receipt or by the subject's evidence key.

Sealed body: `01 | alg | nonce 12 | ciphertext | tag 16` over `open 32 | raw deflate of the payload`, under a random
body key, bound to the receipt's hash. The body key is wrapped under a key derived from the receipt id (62 bytes) and,
if there is a subject, sealed as the field `body` of its category `evidence` (66 bytes). Whoever holds neither opens
nothing.
"""

import hashlib
import struct
import zlib

import msgspec

from ecrm_privacy.errors import Tampered
from ecrm_privacy.vault import aead, envelope
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.keys import SubjectKey

RECEIPT_ID_BYTES = 32
OPEN_BYTES = 32
PAYLOAD_BYTES_MAX = 1 << 20
_HEADER = struct.pack(">BB", 1, aead.AES_256_GCM)
_FIELD = "body"


class SealedBody(msgspec.Struct, frozen=True):
    """What the database keeps of a body; the fields are the columns of its row."""

    receipt_hash: bytes
    sealed: bytes
    wrapped_for_receipt: bytes
    wrapped_for_subject: bytes | None


def receipt_hash(receipt_id: bytes) -> bytes:
    """Return the SHA-256 by which a receipt is found; the id itself is a capability and is not kept."""
    return hashlib.sha256(receipt_id).digest()


def seal_body(payload: bytes, opening: bytes, receipt_id: bytes, evidence: SubjectKey | None) -> SealedBody:
    """Seal a payload and the 32 bytes that open its commitment; `evidence` is None for a refusal without a subject."""
    assert len(opening) == OPEN_BYTES and len(receipt_id) == RECEIPT_ID_BYTES, "both are 32 random bytes"
    assert len(payload) <= PAYLOAD_BYTES_MAX, "a payload has at most a mebibyte"
    body_key, receipt = aead.random_secret(), receipt_hash(receipt_id)
    sealed = aead.seal(body_key.cipher(), _HEADER, opening + _deflate(payload), b"body1" + receipt)
    for_receipt = aead.seal(_receipt_key(receipt_id).cipher(), _HEADER, body_key.reveal(), b"bodykey1")
    for_subject = None if evidence is None else envelope.seal(evidence, _FIELD, body_key.reveal())
    return SealedBody(receipt, sealed, for_receipt, for_subject)


def open_with_receipt(receipt_id: bytes, body: SealedBody) -> tuple[bytes, bytes]:
    """Return `(payload, open)` for the holder of the receipt id. Raises Tampered when it is not this body's."""
    key = aead.open_sealed(_receipt_key(receipt_id).cipher(), _HEADER, body.wrapped_for_receipt, b"bodykey1")
    return _open(key, body)


def open_with_key(evidence: SubjectKey, body: SealedBody) -> tuple[bytes, bytes]:
    """Return `(payload, open)` by the subject's evidence key. Raises Tampered when this key was not the one."""
    if body.wrapped_for_subject is None:
        raise Tampered("this body was sealed for no subject")
    return _open(envelope.open_(evidence, _FIELD, body.wrapped_for_subject), body)


def evidence_version(body: SealedBody) -> int:
    """Return the version of the evidence key that opens a body. Raises Tampered when it was sealed for no subject."""
    if body.wrapped_for_subject is None:
        raise Tampered("this body was sealed for no subject")
    return envelope.key_version(body.wrapped_for_subject)


def _open(body_key: bytes, body: SealedBody) -> tuple[bytes, bytes]:
    if len(body_key) != aead.KEY_BYTES:
        raise Tampered("a body key has 32 bytes")
    plain = aead.open_sealed(Secret(body_key).cipher(), _HEADER, body.sealed, b"body1" + body.receipt_hash)
    return _inflate(plain[OPEN_BYTES:]), plain[:OPEN_BYTES]


def _receipt_key(receipt_id: bytes) -> Secret:
    return Secret(aead.hkdf(receipt_id, b"ecrm/body/receipt/v1"))


def _deflate(payload: bytes) -> bytes:
    packer = zlib.compressobj(level=6, wbits=-15)
    return packer.compress(payload) + packer.flush()


def _inflate(packed: bytes) -> bytes:
    """Unpack at most `PAYLOAD_BYTES_MAX`; the bytes are authentic, the limit is for whoever stole a key."""
    unpacker = zlib.decompressobj(wbits=-15)
    try:
        payload = unpacker.decompress(packed, PAYLOAD_BYTES_MAX)
    except zlib.error:
        raise Tampered("a body cannot be unpacked") from None
    if not unpacker.eof or unpacker.unused_data:
        raise Tampered("a body is not one packed payload")
    return payload
