"""Bodies: the evidence behind a ledger entry, sealed once, opened by the receipt or by the subject's evidence key.

Sealed body: `02 | alg | ciphertext | tag 16` over `open 32 | record id 16 | hash of the notice 32 | packed`, under a
random body key that seals nothing else, bound to the receipt's hash. Packed is raw deflate with the preset dictionary
of dictionary.py over `time LF validity LF frame`; the frame is the payload with a byte 0, 1, 2 and 3 for its record id,
its time, its most frequent validity and the hash of its notice, wherever they stand. What a payload does not have is
empty, or zero.

The body key is wrapped under a key derived from the receipt id, which seals nothing else either (50 bytes), and, if
there is a subject, sealed as the field `body` of its category `evidence` (66 bytes). Without them nothing opens it.

Format 1 has `01` in front, a random nonce after the algorithm, also in the wrap for the receipt (62 bytes), and
`open 32 | raw deflate of the payload` inside. It still opens, and still seals what holds such a byte itself, which no
payload in JSON does.
"""

import hashlib
import re
import struct
import zlib

import msgspec

from ecrm_privacy.errors import Tampered
from ecrm_privacy.vault import aead, envelope
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.dictionary import DICTIONARY_2
from ecrm_privacy.vault.keys import SubjectKey

RECEIPT_ID_BYTES = 32
OPEN_BYTES = 32
PAYLOAD_BYTES_MAX = 1 << 20
_HEADER, _HEADER_2 = struct.pack(">BB", 1, aead.AES_256_GCM), struct.pack(">BB", 2, aead.AES_256_GCM)
_RAW_BYTES = 16 + 32
_MARKS = (b"\0", b"\1", b"\2", b"\3")
_RECORD_ID = re.compile(rb'"dct:identifier":"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')
_TIME, _VALIDITY = re.compile(rb'"dct:created":"([^"\n]+)"'), re.compile(rb'"dct:valid":"([^"\n]+)"')
_NOTICE_HASH = re.compile(rb'"ecrm:sha256":"([0-9a-f]{64})"')
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
    receipt_key = _receipt_key(receipt_id)
    if not any(mark in payload for mark in _MARKS):
        sealed = aead.seal_once(body_key, _HEADER_2, opening + _pack(payload), b"body2" + receipt)
        for_receipt = aead.seal_once(receipt_key, _HEADER_2, body_key.reveal(), b"bodykey2")
    else:
        sealed = aead.seal(body_key.cipher(), _HEADER, opening + _deflate(payload), b"body1" + receipt)
        for_receipt = aead.seal(receipt_key.cipher(), _HEADER, body_key.reveal(), b"bodykey1")
    for_subject = None if evidence is None else envelope.seal(evidence, _FIELD, body_key.reveal())
    return SealedBody(receipt, sealed, for_receipt, for_subject)


def open_with_receipt(receipt_id: bytes, body: SealedBody) -> tuple[bytes, bytes]:
    """Return `(payload, open)` for the holder of the receipt id. Raises Tampered when it is not this body's."""
    return _open(_body_key(receipt_id, body), body)


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


def _body_key(receipt_id: bytes, body: SealedBody) -> bytes:
    key, wrapped = _receipt_key(receipt_id), body.wrapped_for_receipt
    if wrapped.startswith(_HEADER_2):
        return aead.open_once(key, _HEADER_2, wrapped, b"bodykey2")
    return aead.open_sealed(key.cipher(), _HEADER, wrapped, b"bodykey1")


def _open(body_key: bytes, body: SealedBody) -> tuple[bytes, bytes]:
    if len(body_key) != aead.KEY_BYTES:
        raise Tampered("a body key has 32 bytes")
    key = Secret(body_key)
    if body.sealed.startswith(_HEADER_2):
        plain = aead.open_once(key, _HEADER_2, body.sealed, b"body2" + body.receipt_hash)
        return _unpack(plain[OPEN_BYTES:]), plain[:OPEN_BYTES]
    plain = aead.open_sealed(key.cipher(), _HEADER, body.sealed, b"body1" + body.receipt_hash)
    return _inflate(plain[OPEN_BYTES:]), plain[:OPEN_BYTES]


def _receipt_key(receipt_id: bytes) -> Secret:
    return Secret(aead.hkdf(receipt_id, b"ecrm/body/receipt/v1"))


def _pack(payload: bytes) -> bytes:
    record_id, time, validity, notice_hash = _words(payload)
    frame = payload
    for mark, word in enumerate((record_id, time, validity, notice_hash)):
        if word:
            frame = frame.replace(word, bytes((mark,)))
    packed = _deflate(b"%s\n%s\n%s" % (time, validity, frame), DICTIONARY_2)
    raw_id = bytes.fromhex(record_id.replace(b"-", b"").decode())
    return raw_id.ljust(16, b"\0") + bytes.fromhex(notice_hash.decode()).ljust(32, b"\0") + packed


def _words(payload: bytes) -> list[bytes]:
    found = (words.findall(payload) for words in (_RECORD_ID, _TIME, _VALIDITY, _NOTICE_HASH))
    return [max(words, key=words.count) if words else b"" for words in found]


def _unpack(plain: bytes) -> bytes:
    if len(plain) < _RAW_BYTES:
        raise Tampered("a body is not one packed payload")
    lines = _inflate(plain[_RAW_BYTES:], DICTIONARY_2).split(b"\n", 2)
    if len(lines) != 3:
        raise Tampered("a body is not one packed payload")
    time, validity, payload = lines
    digits = plain[:16].hex()
    record_id = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}".encode()
    payload = payload.replace(b"\x03", plain[16:_RAW_BYTES].hex().encode()).replace(b"\x02", validity)
    return payload.replace(b"\x01", time).replace(b"\x00", record_id)


def _deflate(payload: bytes, dictionary: bytes = b"") -> bytes:
    packer = zlib.compressobj(9 if dictionary else 6, zlib.DEFLATED, -15, 8, zlib.Z_DEFAULT_STRATEGY, dictionary)
    return packer.compress(payload) + packer.flush()


def _inflate(packed: bytes, dictionary: bytes = b"") -> bytes:
    """Unpack at most `PAYLOAD_BYTES_MAX`; the bytes are authentic, the limit is for whoever stole a key."""
    unpacker = zlib.decompressobj(-15, zdict=dictionary)
    try:
        payload = unpacker.decompress(packed, PAYLOAD_BYTES_MAX)
    except zlib.error:
        raise Tampered("a body cannot be unpacked") from None
    if not unpacker.eof or unpacker.unused_data:
        raise Tampered("a body is not one packed payload")
    return payload
