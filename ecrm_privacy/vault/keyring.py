"""The keyring: one root secret outside the database, what is derived from it, and the epochs whose keys it wraps.

The recovery copy is the root in 14 groups of four characters (Crockford's base32, 24 bits of checksum), to be written
on paper. It does not hold the epochs: their file has copies of its own, because what is on paper cannot be destroyed
from here (epochs/).
"""

import hashlib
import secrets
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, Self

from ecrm_privacy.errors import EpochsRefused, KeyFileRefused, Tampered
from ecrm_privacy.vault import aead
from ecrm_privacy.vault import root as root_file
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.epochs import file as epochs_file
from ecrm_privacy.vault.epochs.epoch import EpochKeys, now
from ecrm_privacy.vault.epochs.file import EpochFile, Epochs
from ecrm_privacy.vault.root import Keepers, RootKeeper

WRAPPED_BYTES = 66
_HEADER_BYTES = 6
_VERSION = struct.pack(">BB", 1, aead.AES_256_GCM)

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None, "\n": None, "\r": None, "\t": None})
_RECOVERY_CHECK_BYTES = 3
_RECOVERY_DIGITS = (aead.KEY_BYTES + _RECOVERY_CHECK_BYTES) * 8 // 5


class Keyring:
    """The root secret, the keys of the epochs, and keys derived by label. `kept_by` is who keeps the root, if anybody.

    Without `epochs` it has one of its own in memory: for a keyring that is not written down.
    """

    __slots__ = ("_root", "epochs", "kept_by")

    def __init__(self, root: bytes, epochs: Epochs | None = None, kept_by: str | None = None) -> None:
        self._root = Secret(root)
        self.epochs = Epochs(None) if epochs is None else epochs
        self.kept_by = kept_by

    @classmethod
    def create(cls, path: Path, root: bytes | None = None, keeper: RootKeeper | None = None) -> Self:
        """Make a key file at `path`, with a random root unless one is given, and epochs beside it; return the keyring.

        Raises KeyFileRefused when there is a key file already, EpochsRefused when there are epochs: neither is ever
        overwritten.
        """
        cls(secrets.token_bytes(aead.KEY_BYTES) if root is None else root).write(path, keeper)
        return cls.load(path, None if keeper is None else lambda _address: keeper)

    @classmethod
    def load(cls, path: Path, keepers: Keepers | None = None) -> Self:
        """Read the key file at `path` and the epochs beside it.

        Raises KeyFileRefused when the key file is missing, a link, readable by others, of another owner, or damaged;
        EpochsRefused when the epochs are; RootUnavailable and RootDestroyed when the root is kept by somebody else.
        """
        root, kept_by = root_file.read(path, keepers)
        return cls(root, Epochs(cls(root).epoch_file(path)), kept_by)

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

    def write(self, path: Path, keeper: RootKeeper | None = None) -> Path:
        """Write the key file, and beside it new epochs; return where those are.

        Raises KeyFileRefused when there is a key file already, EpochsRefused when there are epochs.
        """
        file = self.epoch_file(path)
        if not path.exists() and file.path.exists():
            raise EpochsRefused(
                f"{file.path} is there without its key file: make that again with `ecrm keys create --recover`, or move"
                " the epochs away if nothing is sealed under them"
            )
        self.save(path, keeper)
        file.create(now())
        return file.path

    def save(self, path: Path, keeper: RootKeeper | None = None) -> None:
        """Write the key file, and not the epochs. Raises KeyFileRefused when there is one already."""
        root_file.write(path, self._root.reveal(), keeper)

    def epoch_file(self, path: Path) -> EpochFile:
        """Return the file of the epochs that stands beside the key file at `path`."""
        return EpochFile(path.with_name(epochs_file.NAME), EpochKeys(self.derive))

    @property
    def epoch(self) -> int:
        """The number of the epoch under which new keys are wrapped."""
        return self.epochs.number

    def derive(self, label: str) -> bytes:
        """Return the 32 bytes that belong to `label`: one label per use, with a version, and never changed."""
        return aead.hkdf(self._root.reveal(), b"ecrm/derive/v1/" + label.encode())

    def password(self, role: str) -> str:
        """Return the password of a database role, in hex."""
        return self.derive(f"role-password/v1/{role}").hex()

    def wrap(self, dek: bytes, associated_data: bytes) -> bytes:
        """Wrap a key under the current epoch: `01 | alg | epoch u32 | nonce 12 | ciphertext 32 | tag 16`, 66 bytes.

        Raises Unavailable when the file of the epochs cannot be read any more: then nothing new is sealed.
        """
        assert len(dek) == aead.KEY_BYTES, "only keys are wrapped"
        header, cipher = self.epochs.current()
        return aead.seal(cipher, header, dek, associated_data + header[2:])

    def unwrap(self, wrapped: bytes, associated_data: bytes) -> bytes:
        """Return the key that was wrapped for exactly this `associated_data`, under whichever epoch.

        Raises Tampered if it was not, EpochDestroyed when that epoch was, EpochUnknown when it is not in the file.
        """
        header = wrapped[:_HEADER_BYTES]
        if len(wrapped) != WRAPPED_BYTES or not header.startswith(_VERSION):
            raise Tampered("a wrapped key is truncated or of another format")
        return aead.open_sealed(self.epochs.cipher(header), header, wrapped, associated_data + header[2:])

    def rewrapper(self) -> Callable[[bytes, bytes], bytes]:
        """Return what takes a wrapped key and its associated data, and gives it wrapped under the current epoch.

        It looks at the epochs' file once, now: use it for a moment. It raises Tampered as `unwrap` does.
        """
        header, cipher = self.epochs.current()
        unwrap, epoch = self.unwrap, header[2:]
        return lambda wrapped, bound: aead.seal(cipher, header, unwrap(wrapped, bound), bound + epoch)

    def same_as(self, other: "Keyring") -> bool:
        """Tell whether both hold the same root: how `ecrm keys create` checks the copy it asks back."""
        return self._root == other._root

    def __repr__(self) -> str:
        return f"<Keyring epoch {self.epoch}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring is not pickled")


def _recovery_check(root: bytes) -> bytes:
    return hashlib.sha256(b"ecrm recovery copy/v1" + root).digest()[:_RECOVERY_CHECK_BYTES]
