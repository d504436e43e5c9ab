"""Cosignatures: what a witness states about somebody else's checkpoint (C2SP tlog-cosignature, Ed25519, version 1).

    cosignature/v1
    time 1679315147
    <the text of the checkpoint>

is what is signed; the signature line of the note holds the time, 8 bytes, before the 64 bytes of the signature. It
says: as of that time, this is the largest tree that I saw of this log, and it continues every one that I saw before.
The key type is 0x04, so that the key of a log is never taken for the key of a witness. Cosignatures of other kinds
(ML-DSA-44, type 0x06) are of keys that nobody can name here, and pass by like those of any unknown key.
"""

import struct
from collections.abc import Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.checkpoint import NoteKey, parse_checkpoint, split_note, split_signatures

TIMESTAMP_MAX = 2**63 - 1
REPLY_CHARACTERS_MAX = 64 * 1024
_STAMPED_BYTES = 8 + 64


def _message(text: str, timestamp: int) -> bytes:
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


class CosignatureKey(NoteKey, frozen=True):
    """The key of a witness: Ed25519 over time and checkpoint (type 0x04)."""

    TYPE = b"\x04"
    MEANING = "an Ed25519 cosignature key of a named witness"

    def check(self, text: str, signature: bytes) -> None:
        """Check one cosignature over the text of a checkpoint; raises `Tampered`."""
        self.timestamp(text, signature)

    def timestamp(self, text: str, signature: bytes) -> int:
        """Return the time of a cosignature over `text`, in seconds since 1970; raises `Tampered` if it does not check.

        Extension lines of the checkpoint are signed with it, and nothing is said about them.
        """
        parse_checkpoint(text, extensions=True)
        if len(signature) != _STAMPED_BYTES:
            raise Tampered("a cosignature is not 72 bytes long")
        (timestamp,) = struct.unpack_from(">Q", signature)
        if timestamp > TIMESTAMP_MAX:
            raise Tampered("the time of a cosignature is out of range")
        self.verify(signature[8:], _message(text, timestamp))
        return int(timestamp)


class Cosigner:
    """Cosigns checkpoints under one name. The key is never shown, and is of this one cosigner alone."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.name = name
        self.key = CosignatureKey.of(name, key.public_key().public_bytes_raw())

    def vkey(self) -> str:
        """Return the verifier key to publish."""
        return self.key.vkey()

    def cosign(self, text: str, timestamp: int) -> str:
        """Return the signature line over the text of a checkpoint, as of `timestamp` (seconds since 1970).

        Raises `Tampered` for a text that is no checkpoint. Whether it should be cosigned is the caller's to know.
        """
        assert 0 < timestamp <= TIMESTAMP_MAX, "a witness says when it saw the tree"
        parse_checkpoint(text, extensions=True)
        return self.key.line(struct.pack(">Q", timestamp) + self._key.sign(_message(text, timestamp)))


class Cosignature(msgspec.Struct, frozen=True):
    """A cosignature that was checked: by which key, when (seconds since 1970), and its line for the note."""

    key: CosignatureKey
    timestamp: int
    line: str


def find_cosignatures(note: str, lines: str, keys: Sequence[CosignatureKey]) -> list[Cosignature]:
    """Return the cosignatures over `note` by `keys` in the signature lines that a witness answered; `[]` if none.

    Lines by unknown keys are ignored. Raises `Tampered` when the answer is no list of signature lines, or when a line
    by one of `keys` does not check, comes twice, or omits its time: then nothing in the answer is to be believed.
    """
    if len(lines) > REPLY_CHARACTERS_MAX:
        raise Tampered("the answer of the witness is too long")
    text, _ = split_note(note)
    known = {(key.name, key.key_id): key for key in keys}
    found: dict[CosignatureKey, Cosignature] = {}
    for each in split_signatures(lines):
        key = known.get((each.name, each.key_id))
        if key is None:
            continue
        timestamp = key.timestamp(text, each.signature)
        if key in found or not timestamp:
            raise Tampered("the answer of the witness has a cosignature twice, or one without a time")
        found[key] = Cosignature(key, timestamp, each.line)
    return list(found.values())
