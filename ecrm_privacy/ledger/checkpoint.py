"""Signed statements about a log: C2SP signed-note with Ed25519, and tlog-checkpoint.

A note is a text that ends in a newline, an empty line, and signature lines `— name base64(key id || signature)`. A
checkpoint is a note whose text is `origin`, `tree size`, `base64(root hash)`, one per line. Everything is parsed
canonically: what does not render to the same characters is refused. A key never comes with the message it checks.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from hashlib import sha256
from typing import ClassVar, Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ecrm_privacy.errors import Tampered

NOTE_CHARACTERS_MAX = 128 * 1024
"""Enough for the sixteen signatures that every reader must take, each as large as post-quantum ones get (5 kB)."""
SIGNATURES_MAX = 64
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


class NoteKey(msgspec.Struct, frozen=True):
    """A key to check notes with: its name, 4-byte key id and 32-byte Ed25519 public key.

    What its signatures look like is the matter of its type, which stands in its key id and in its text form.
    """

    name: str
    key_id: bytes
    public: bytes

    TYPE: ClassVar[bytes]
    """Signature type of signed-note, one byte."""
    MEANING: ClassVar[str]
    """The type in words, for errors."""

    @classmethod
    def of(cls, name: str, public: bytes) -> Self:
        """Return the key of this type with that name and public key; raises `Tampered` for what is no name."""
        if not re.fullmatch(_NAME, name) or not _is_utf8(name):
            raise Tampered("a key name has no space and no plus sign and is not empty")
        return cls(name, sha256(name.encode() + b"\n" + cls.TYPE + public).digest()[:4], public)

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Return the key of `name+hex(key id)+base64(type || key)`; raises `Tampered` when it is damaged."""
        name, _, rest = vkey.partition("+")
        key_id, _, key = rest.partition("+")
        raw = strict_base64(key, "the verifier key")
        if raw[:1] != cls.TYPE or len(raw) != 33:
            raise Tampered(f"the verifier key is not {cls.MEANING}")
        found = cls.of(name, raw[1:])
        if key_id != found.key_id.hex():
            raise Tampered("the verifier key does not match its own key id")
        return found

    def vkey(self) -> str:
        """Return the text form that `parse` reads."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(self.TYPE + self.public).decode()}"

    def line(self, signature: bytes) -> str:
        """Return the signature line of a note for a signature by this key."""
        return f"— {self.name} {b64encode(self.key_id + signature).decode()}\n"

    def check(self, text: str, signature: bytes) -> None:
        """Check one signature over the text of a note; raises `Tampered`."""
        self.verify(signature, text.encode())

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check the bare Ed25519 signature; raises `Tampered`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            raise Tampered("the signature of the note does not check") from None


class Verifier(NoteKey, frozen=True):
    """The key of a log: plain Ed25519 over the text (type 0x01)."""

    TYPE = b"\x01"
    MEANING = "an Ed25519 key of a named log"


class Signer:
    """Signs the notes of one log. `name` is the log's origin, e.g. `shop.example/ledger`. The key is never shown."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.name = name
        self.verifier = Verifier.of(name, key.public_key().public_bytes_raw())

    def vkey(self) -> str:
        """Return the verifier key to publish."""
        return self.verifier.vkey()

    def sign(self, text: str) -> str:
        """Return the signed note over `text`. Ed25519 is deterministic: the same text gives the same note."""
        assert _is_note_text(text), "the text of a note ends in a newline and has no other control character"
        return f"{text}\n{self.verifier.line(self._key.sign(text.encode()))}"


def _is_note_text(text: str) -> bool:
    return text.endswith("\n") and not any(ord(character) < 0x20 and character != "\n" for character in text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # what a command line or a file held beside UTF-8
        return False
    return True


class Signature(msgspec.Struct, frozen=True):
    """One signature line of a note: whose it says it is, the signature, and the line as it stands there."""

    name: str
    key_id: bytes
    signature: bytes
    line: str


class Opened(msgspec.Struct, frozen=True):
    """A note whose signatures by known keys were checked: its text, and those keys with their lines, in order."""

    text: str
    keys: tuple[NoteKey, ...]
    lines: tuple[str, ...]


def note_parts(note: str) -> tuple[str, str]:
    """Return the text of a note and, unread, what stands behind its last empty line; raises `Tampered`."""
    if len(note) > NOTE_CHARACTERS_MAX:
        raise Tampered("the note is too long")
    text, separator, signatures = note.rpartition("\n\n")
    text += "\n"
    if not separator or not signatures or not _is_note_text(text):
        raise Tampered("the note has no text and signatures separated by an empty line")
    return text, signatures


def split_note(note: str) -> tuple[str, list[Signature]]:
    """Return the text of a note and its signatures, none of them checked; raises `Tampered` for another form."""
    text, signatures = note_parts(note)
    return text, split_signatures(signatures)


def split_signatures(lines: str) -> list[Signature]:
    """Return what stands in signature lines, unchecked; raises `Tampered` for another form or more than 64."""
    apart = lines.splitlines(keepends=True)
    if len(apart) > SIGNATURES_MAX:
        raise Tampered("the note has too many signatures")
    return [_signature(line) for line in apart]


def read_note(note: str, *known: NoteKey) -> Opened:
    """Return a note with the keys that signed it, of those that are `known`; raises `Tampered` if none did.

    Signatures by unknown keys are ignored; a known key with a bad signature condemns the note (signed-note v1), and
    so does one that signed twice.
    """
    text, signatures = split_note(note)
    keys = {(key.name, key.key_id): key for key in known}
    met: dict[NoteKey, str] = {}
    for each in signatures:
        key = keys.get((each.name, each.key_id))
        if key is None:
            continue
        if key in met:
            raise Tampered("the note is signed twice by one key")
        key.check(text, each.signature)
        met[key] = each.line
    if not met:
        raise Tampered("the note is not signed by the expected key")
    return Opened(text, tuple(met), tuple(met.values()))


def open_note(note: str, *known: NoteKey) -> str:
    """Return the text of a note that at least one of the `known` keys signed; raises `Tampered` as `read_note` does."""
    return read_note(note, *known).text


def _signature(line: str) -> Signature:
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None:
        raise Tampered("a signature line of the note is damaged")
    raw = strict_base64(match[2], "a signature of the note")
    if len(raw) < 5:
        raise Tampered("a signature of the note is too short")
    return Signature(match[1], raw[:4], raw[4:], line)


class Checkpoint(msgspec.Struct, frozen=True):
    """What a log states about itself: under `origin` it has `tree_size` leaves with this 32-byte `root_hash`."""

    origin: str
    tree_size: int
    root_hash: bytes

    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.tree_size}\n{b64encode(self.root_hash).decode()}\n"


_CHECKPOINT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n")
_EXTENSIONS = re.compile(r"(?:[^\n]+\n)*")


def parse_checkpoint(text: str, *, extensions: bool = False) -> Checkpoint:
    """Return the checkpoint in the text of a note; raises `Tampered`.

    Extension lines are refused, as we sign none, but for a witness of other logs (`extensions`), which passes them by.
    """
    match = _CHECKPOINT.match(text)
    if match is None or not (_EXTENSIONS.fullmatch(text, match.end()) if extensions else match.end() == len(text)):
        raise Tampered("the checkpoint is damaged")
    return Checkpoint(match[1], int(match[2]), strict_base64(match[3], "the root hash of the checkpoint"))


def open_checkpoint(note: str, verifier: Verifier) -> Checkpoint:
    """Return the checkpoint that the log itself signed: its origin is the name of the key. Raises `Tampered`."""
    checkpoint = parse_checkpoint(open_note(note, verifier))
    if checkpoint.origin != verifier.name:
        raise Tampered("the checkpoint is of another log")
    return checkpoint
