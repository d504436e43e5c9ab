"""Signed statements about the log: C2SP signed-note with Ed25519, and tlog-checkpoint.

A note is a text that ends in a newline, an empty line, and signature lines `— name base64(key id || signature)`. A
checkpoint is a note whose text is `origin`, `tree size`, `base64(root hash)`, one per line. Everything is parsed
canonically: what does not render to the same characters is refused. A key never comes with the message it checks.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ecrm_privacy.errors import Tampered

NOTE_CHARACTERS_MAX = 64 * 1024
SIGNATURES_MAX = 64
_ED25519 = b"\x01"
_NAME = r"[^\s+]+"
_SIGNATURE_LINE = re.compile(rf"— ({_NAME}) ([A-Za-z0-9+/]+={{0,2}})\n")


def strict_base64(text: str, what: str) -> bytes:
    """Return the bytes of standard base64 in its one canonical form; raises `Tampered` naming `what`."""
    try:
        raw = b64decode(text, validate=True)
    except (NotBase64, ValueError):
        raise Tampered(f"{what} is not base64") from None
    if b64encode(raw).decode() != text:
        raise Tampered(f"{what} is not canonical base64")
    return raw


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


class Verifier(msgspec.Struct, frozen=True):
    """A key to check notes with: its name, 4-byte key id and 32-byte Ed25519 public key."""

    name: str
    key_id: bytes
    public: bytes

    @classmethod
    def parse(cls, vkey: str) -> "Verifier":
        """Return the verifier of `name+hex(key id)+base64(type || key)`; raises `Tampered` when it is damaged."""
        name, _, rest = vkey.partition("+")
        key_id, _, key = rest.partition("+")
        raw = strict_base64(key, "the verifier key")
        if not re.fullmatch(_NAME, name) or raw[:1] != _ED25519 or len(raw) != 33:
            raise Tampered("the verifier key is not an Ed25519 key of a named log")
        if key_id != _key_id(name, raw[1:]).hex():
            raise Tampered("the verifier key does not match its own key id")
        return cls(name, bytes.fromhex(key_id), raw[1:])

    def vkey(self) -> str:
        """Return the text form that `parse` reads."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(_ED25519 + self.public).decode()}"

    def check(self, text: str, signature: bytes) -> None:
        """Check one signature over the text of a note; raises `Tampered`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except InvalidSignature:
            raise Tampered("the signature of the note does not check") from None


class Signer:
    """Signs the notes of one log. `name` is the log's origin, e.g. `shop.example/ledger`. The key is never shown."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        assert re.fullmatch(_NAME, name), "a key name has no space and no plus sign"
        public = key.public_key().public_bytes_raw()
        self._key = key
        self.name = name
        self.verifier = Verifier(name, _key_id(name, public), public)

    def vkey(self) -> str:
        """Return the verifier key to publish."""
        return self.verifier.vkey()

    def sign(self, text: str) -> str:
        """Return the signed note over `text`. Ed25519 is deterministic: the same text gives the same note."""
        assert _is_note_text(text), "the text of a note ends in a newline and has no other control character"
        signature = b64encode(self.verifier.key_id + self._key.sign(text.encode())).decode()
        return f"{text}\n— {self.name} {signature}\n"


def _is_note_text(text: str) -> bool:
    return text.endswith("\n") and not any(ord(character) < 0x20 and character != "\n" for character in text)


def open_note(note: str, *verifiers: Verifier) -> str:
    """Return the text of a note that at least one of `verifiers` signed; raises `Tampered`.

    Signatures by unknown keys are ignored; a known key with a bad signature condemns the note (signed-note v1).
    """
    if len(note) > NOTE_CHARACTERS_MAX:
        raise Tampered("the note is too long")
    text, separator, signatures = note.rpartition("\n\n")
    text += "\n"
    if not separator or not signatures or not _is_note_text(text):
        raise Tampered("the note has no text and signatures separated by an empty line")
    lines = signatures.splitlines(keepends=True)
    if len(lines) > SIGNATURES_MAX:
        raise Tampered("the note has too many signatures")
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    met = set()
    for line in lines:
        key, signature = _signature(line)
        if key in met:
            raise Tampered("the note is signed twice by one key")
        if key in known:
            known[key].check(text, signature)
            met.add(key)
    if not met:
        raise Tampered("the note is not signed by the expected key")
    return text


def _signature(line: str) -> tuple[tuple[str, bytes], bytes]:
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None:
        raise Tampered("a signature line of the note is damaged")
    raw = strict_base64(match[2], "a signature of the note")
    if len(raw) < 5:
        raise Tampered("a signature of the note is too short")
    return (match[1], raw[:4]), raw[4:]


class Checkpoint(msgspec.Struct, frozen=True):
    """What a log states about itself: under `origin` it has `tree_size` leaves with this 32-byte `root_hash`."""

    origin: str
    tree_size: int
    root_hash: bytes

    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.tree_size}\n{b64encode(self.root_hash).decode()}\n"


_CHECKPOINT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n")


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint in the text of a note; raises `Tampered`. Extension lines are refused: we sign none."""
    match = _CHECKPOINT.fullmatch(text)
    if match is None:
        raise Tampered("the checkpoint is damaged")
    return Checkpoint(match[1], int(match[2]), strict_base64(match[3], "the root hash of the checkpoint"))


def open_checkpoint(note: str, verifier: Verifier) -> Checkpoint:
    """Return the checkpoint that the log itself signed: its origin is the name of the key. Raises `Tampered`."""
    checkpoint = parse_checkpoint(open_note(note, verifier))
    if checkpoint.origin != verifier.name:
        raise Tampered("the checkpoint is of another log")
    return checkpoint
