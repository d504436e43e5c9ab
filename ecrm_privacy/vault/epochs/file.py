"""The epochs' file and its copies, and the keys in it as a running process has them."""

import os
import struct
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ecrm_privacy.errors import CopyMissing, EpochDestroyed, EpochsRefused, EpochUnknown, Unavailable
from ecrm_privacy.vault import aead, private_file
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.epochs.epoch import EpochKeys, EpochList, EpochState, first, keks, parse, render

NAME = "epochs.toml"
READS_MAX = 5
_MISSING = (
    "put a copy there (`ecrm keys backup DIR` made it). If there is none, what is sealed is lost; if nothing was ever"
    " sealed, move the key file away and begin with `ecrm keys create`"
)


class EpochFile:
    """The file at `path` and its copies. Whoever changes it holds it `locked`."""

    def __init__(self, path: Path, keys: EpochKeys) -> None:
        self.path = path
        self.keys = keys

    def create(self, at: datetime) -> None:
        """Write the file with one new epoch. Raises EpochsRefused when there is one already."""
        try:
            private_file.create(self.path, render(first(self.keys, at), self.keys))
        except FileExistsError:
            raise EpochsRefused(f"{self.path} exists already; it is never overwritten") from None

    def read(self) -> EpochList:
        """Return what the file says. Raises EpochsRefused."""
        return self.read_marked()[0]

    def read_marked(self) -> tuple[EpochList, tuple[int, ...]]:
        """Return what the file says, and its mark. Raises EpochsRefused.

        A file that was replaced while it was read may have been overwritten under our eyes: then the new one is read.
        """
        for _ in range(READS_MAX - 1):
            content, mark = private_file.read(self.path, EpochsRefused, _MISSING)
            try:
                return parse(self.path, content, self.keys), mark
            except EpochsRefused:
                if private_file.mark(self.path) == mark:
                    raise
        content, mark = private_file.read(self.path, EpochsRefused, _MISSING)
        return parse(self.path, content, self.keys), mark

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other command from changing the file. Raises EpochsRefused when one is at it."""
        busy = f"another command is changing {self.path}: let it finish"
        with private_file.locked(self.path.with_name(".epochs.lock"), EpochsRefused, busy):
            yield

    def change(self, to: EpochList, *, copies_first: bool = False) -> None:
        """Replace the file and every copy, whole, and overwrite what they held. Raises CopyMissing, changing nothing.

        With `copies_first` a key is in the copies before anything can depend on it.
        """
        paths = self.copies(to)
        content = render(to, self.keys)
        for path in (*paths, self.path) if copies_first else (self.path, *paths):
            private_file.replace(path, content)

    def settle(self) -> None:
        """Bring copies into step that a crash left behind, and overwrite what it left beside them."""
        listed = self.read()
        content = render(listed, self.keys)
        for path in self.copies(listed):
            if not self.is_in_step(path, content):
                private_file.replace(path, content)
        for path in (self.path, *self.copies(listed)):
            private_file.clear(path)

    def copies(self, listed: EpochList) -> tuple[Path, ...]:
        """Return where the copies are. Raises CopyMissing for a folder that cannot be reached or written."""
        for folder in listed.copies:
            if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
                raise CopyMissing(
                    f"the copy of the epochs in {folder} cannot be reached: bring it back, or say with --gone {folder}"
                    " that it no longer exists"
                )
        return tuple(folder / NAME for folder in listed.copies)

    def is_in_step(self, copy: Path, content: bytes | None = None) -> bool:
        """Tell whether a copy says what the file says."""
        try:
            return copy.read_bytes() == (content or render(self.read(), self.keys))
        except OSError:
            return False

    def forget_copies(self, gone: Collection[Path]) -> EpochList:
        """Remember no more the copies that somebody says are gone. Raises CopyMissing for one that never was."""
        listed = self.read()
        if strange := [folder for folder in gone if folder not in listed.copies]:
            raise CopyMissing(f"no copy of the epochs was ever put into {strange[0]}")
        if gone:
            listed = msgspec.structs.replace(listed, copies=tuple(c for c in listed.copies if c not in gone))
            private_file.replace(self.path, render(listed, self.keys))
        return listed

    def add_copy(self, folder: Path) -> Path:
        """Put a copy into `folder` and remember it, in the file first. Raises CopyMissing, EpochsRefused."""
        listed = self.read()
        copy = folder / NAME
        if folder.resolve() == self.path.parent.resolve():
            raise CopyMissing(f"{folder} is where the epochs are: a copy belongs elsewhere")
        if copy.exists() and folder not in listed.copies:
            parse(copy, private_file.read(copy, EpochsRefused, "")[0], self.keys)  # never over another's epochs
        if folder not in listed.copies:
            listed = msgspec.structs.replace(listed, copies=(*listed.copies, folder))
            self.copies(listed)
        self.change(listed)
        return copy


class _Held(NamedTuple):
    """What is known at one moment: put in the place of what was known before as a whole, as another thread may look."""

    ciphers: Mapping[bytes, AESGCM]
    current: bytes
    destroyed: frozenset[int]


def _held(keks_of: Mapping[int, Secret], current: int, destroyed: frozenset[int]) -> _Held:
    ciphers = {header_of(number): secret.cipher() for number, secret in keks_of.items()}
    return _Held(ciphers, header_of(current), destroyed)


class Epochs:
    """The keys of the epochs in a running process. It follows the file (`look`). `numbers` are all that it names."""

    __slots__ = ("_held", "_mark", "file", "numbers")

    def __init__(self, file: EpochFile | None, held: Mapping[int, Secret] | None = None) -> None:
        """Read `file`, or hold what is given. Raises EpochsRefused."""
        self.file = file
        self._mark: tuple[int, ...] | None = None
        if file is None:
            held = {1: aead.random_secret()} if held is None else held
            self._held = _held(held, max(held), frozenset())
            self.numbers = frozenset(held)
        else:
            self.look()

    @property
    def number(self) -> int:
        """The number of the current epoch, as this process last saw it."""
        return int(struct.unpack(">I", self._held.current[2:])[0])

    @property
    def live(self) -> tuple[int, ...]:
        """The numbers of all epochs under which keys may stand."""
        return tuple(sorted(struct.unpack(">I", header[2:])[0] for header in self._held.ciphers))

    def look(self) -> bool:
        """Read the file again if it was replaced; True if so. Raises EpochsRefused: then what was known still holds.

        Called before each wrap (new keys are rare), when an epoch is met that is not known, and every minute.
        """
        if self.file is None or (self._mark is not None and private_file.mark(self.file.path) == self._mark):
            return False
        listed, mark = self.file.read_marked()
        destroyed = frozenset(e.number for e in listed.epochs if e.state is EpochState.DESTROYED)
        self._held = _held(keks(self.file.path, listed, self.file.keys), listed.current.number, destroyed)
        self.numbers, self._mark = frozenset(epoch.number for epoch in listed.epochs), mark
        return True

    def current(self) -> tuple[bytes, AESGCM]:
        """Return header and cipher under which new keys are wrapped. Raises Unavailable when the file went away."""
        try:
            self.look()
        except EpochsRefused as refused:  # what is sealed still opens, and nothing new is sealed under what may be over
            raise Unavailable("the epochs' file cannot be read") from refused
        held = self._held
        return held.current, held.ciphers[held.current]

    def cipher(self, header: bytes) -> AESGCM:
        """Return the cipher for a wrapped key that begins with `header`. Raises EpochUnknown, EpochDestroyed."""
        try:
            return self._held.ciphers[header]
        except KeyError:
            return self._met(header)

    def _met(self, header: bytes) -> AESGCM:
        number = struct.unpack(">I", header[2:])[0]
        try:
            self.look()
        except EpochsRefused as refused:
            raise EpochUnknown(f"epoch {number} is not known, and the epochs' file cannot be read") from refused
        held = self._held
        if header in held.ciphers:
            return held.ciphers[header]
        if number in held.destroyed:
            raise EpochDestroyed(f"epoch {number} of keys was destroyed")
        raise EpochUnknown(f"epoch {number} of keys is not in the epochs' file")

    def __repr__(self) -> str:
        return f"<Epochs, current {self.number}>"


def header_of(number: int) -> bytes:
    """Return how a key that is wrapped under an epoch begins: `01 | alg | epoch u32`."""
    return struct.pack(">BBI", 1, aead.AES_256_GCM, number)
