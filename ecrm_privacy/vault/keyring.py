"""The keyring: one root secret in a file outside the database, and what is derived from it.

The file is TOML: `version`, `root` (32 bytes, hex) and `check` (8 bytes, hex, over version and root). It has mode 0600
and belongs to the user of this process. It is written whole, flushed, and never overwritten. The recovery copy is the
same root in 14 groups of four characters (Crockford's base32, 24 bits of checksum), to be written on paper.

Epoch KEKs are derived from the root. To make backups of wrapped keys worthless, an epoch must end with its root
destroyed, so a further epoch will bring a further root; this version knows epoch 1.
"""

import errno
import hashlib
import os
import secrets
import stat
import struct
import tomllib
from pathlib import Path
from typing import NoReturn

from ecrm_privacy.errors import KeyFileRefused, Tampered
from ecrm_privacy.vault import aead
from ecrm_privacy.vault.aead import Secret

FILE_VERSION = 1
FILE_BYTES_MAX = 4096
WRAPPED_BYTES = 66
EPOCH = 1

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None, "\n": None, "\r": None, "\t": None})
_RECOVERY_CHECK_BYTES = 3
_RECOVERY_DIGITS = (aead.KEY_BYTES + _RECOVERY_CHECK_BYTES) * 8 // 5


class Keyring:
    """The root secret, its current epoch KEK, and keys derived by label."""

    __slots__ = ("_kek", "_root", "epoch")

    def __init__(self, root: bytes, epoch: int = EPOCH) -> None:
        self._root = Secret(root)
        self.epoch = epoch
        self._kek = Secret(aead.hkdf(root, b"ecrm/kek/v1/" + struct.pack(">I", epoch)))

    @staticmethod
    def create(path: Path, root: bytes | None = None) -> "Keyring":
        """Make a key file at `path`, with a random root unless one is given, and return its keyring.

        Raises KeyFileRefused when there is a file already: a key file is never overwritten.
        """
        keyring = Keyring(secrets.token_bytes(aead.KEY_BYTES) if root is None else root)
        keyring.save(path)
        return keyring

    @staticmethod
    def load(path: Path) -> "Keyring":
        """Read the key file at `path`.

        Raises KeyFileRefused when it is missing, a link, readable by others, of another owner, or damaged.
        """
        return Keyring(_parse(path, _read_private(path)))

    @staticmethod
    def from_recovery(text: str) -> "Keyring":
        """Return the keyring of a recovery copy; `save` makes its key file again.

        Case, spaces and hyphens do not matter; O reads as 0, I and L as 1. Raises KeyFileRefused when it does not
        check.
        """
        digits = text.upper().translate(_MISREAD)
        if len(digits) != _RECOVERY_DIGITS or not set(digits) <= set(_ALPHABET):
            raise KeyFileRefused(f"a recovery copy has {_RECOVERY_DIGITS} letters and digits; this text has not")
        number = 0
        for digit in digits:
            number = number * 32 + _ALPHABET.index(digit)
        raw = number.to_bytes(aead.KEY_BYTES + _RECOVERY_CHECK_BYTES, "big")
        root, check = raw[: aead.KEY_BYTES], raw[aead.KEY_BYTES :]
        if not secrets.compare_digest(check, _recovery_check(root)):
            raise KeyFileRefused("the recovery copy does not check: at least one character was misread")
        return Keyring(root)

    def recovery_copy(self) -> str:
        """Return the root as 14 groups of four characters, checksum included. Show it once, keep it on paper."""
        root = self._root.reveal()
        number = int.from_bytes(root + _recovery_check(root), "big")
        digits = "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (_RECOVERY_DIGITS - 1), -1, -5))
        return "-".join(digits[at : at + 4] for at in range(0, _RECOVERY_DIGITS, 4))

    def save(self, path: Path) -> None:
        """Write the key file: complete and flushed, or not at all. Raises KeyFileRefused when there is one already."""
        root = self._root.reveal()
        text = (
            "# ecrm key file. Without it nothing that the database keeps sealed can be opened.\n"
            "# Keep it out of the database's backups; keep the recovery copy on paper.\n"
            f'version = {FILE_VERSION}\nroot = "{root.hex()}"\ncheck = "{_file_check(root).hex()}"\n'
        )
        _write_private(path, text.encode())

    def derive(self, label: str) -> bytes:
        """Return the 32 bytes that belong to `label`: one label per use, with a version, and never changed."""
        return aead.hkdf(self._root.reveal(), b"ecrm/derive/v1/" + label.encode())

    def password(self, role: str) -> str:
        """Return the password of a database role, in hex."""
        return self.derive(f"role-password/v1/{role}").hex()

    def wrap(self, dek: bytes, associated_data: bytes) -> bytes:
        """Wrap a key under this epoch: `01 | alg | epoch u32 | nonce 12 | ciphertext 32 | tag 16`, 66 bytes."""
        assert len(dek) == aead.KEY_BYTES, "only keys are wrapped"
        return aead.seal(self._kek.cipher(), self._header(), dek, self._bound(associated_data))

    def unwrap(self, wrapped: bytes, associated_data: bytes) -> bytes:
        """Return the key that was wrapped for exactly this `associated_data`. Raises Tampered if it was not."""
        if len(wrapped) != WRAPPED_BYTES:
            raise Tampered("a wrapped key is truncated")
        return aead.open_sealed(self._kek.cipher(), self._header(), wrapped, self._bound(associated_data))

    def same_as(self, other: "Keyring") -> bool:
        """Tell whether both hold the same root: how `ecrm keys create` checks the copy it asks back."""
        return self._root == other._root

    def _header(self) -> bytes:
        return struct.pack(">BBI", 1, aead.AES_256_GCM, self.epoch)

    def _bound(self, associated_data: bytes) -> bytes:
        return associated_data + struct.pack(">I", self.epoch)

    def __repr__(self) -> str:
        return f"<Keyring epoch {self.epoch}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring is not pickled")


def _recovery_check(root: bytes) -> bytes:
    return hashlib.sha256(b"ecrm recovery copy/v1" + root).digest()[:_RECOVERY_CHECK_BYTES]


def _file_check(root: bytes) -> bytes:
    return hashlib.sha256(b"ecrm key file/v1" + root).digest()[:8]


def _parse(path: Path, content: bytes) -> bytes:
    """Return the root that a key file holds. No message repeats what stood in the file."""
    try:
        fields = tomllib.loads(content.decode())
        version, root, check = fields["version"], bytes.fromhex(fields["root"]), bytes.fromhex(fields["check"])
    except (ValueError, KeyError, TypeError):
        raise KeyFileRefused(f"{path} is damaged: restore it, or make it again from the recovery copy") from None
    if version != FILE_VERSION:
        raise KeyFileRefused(f"{path} is a key file of another version; this program reads version {FILE_VERSION}")
    if len(root) != aead.KEY_BYTES or not secrets.compare_digest(check, _file_check(root)):
        raise KeyFileRefused(f"{path} is damaged: restore it, or make it again from the recovery copy")
    return root


def _read_private(path: Path) -> bytes:
    """Read a small file that only this process's user may read; O_NONBLOCK so that a pipe cannot hold us up."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyFileRefused(_why_not_opened(path, error)) from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileRefused(f"{path} is not a regular file")
        if status.st_mode & 0o077:
            raise KeyFileRefused(f"{path} can be read or changed by others: chmod 600 {path}")
        if status.st_uid != os.geteuid():
            raise KeyFileRefused(f"{path} belongs to another user than the one that runs this program")
        return file.read(FILE_BYTES_MAX)


def _why_not_opened(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"{path} is missing: `ecrm keys create` makes one, the recovery copy makes the old one again"
    if error.errno == errno.ELOOP:
        return f"{path} is a symbolic link; a key file must not be"
    return f"{path} cannot be opened: {os.strerror(error.errno or 0)}"


def _write_private(path: Path, content: bytes) -> None:
    """Put `content` at `path` durably and without ever overwriting.

    A link, not a rename, gives the finished file its name: a rename would replace a key file that came in between.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.link(draft, path)
    except FileExistsError:
        raise KeyFileRefused(f"{path} exists already; a key file is never overwritten") from None
    finally:
        draft.unlink()
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
