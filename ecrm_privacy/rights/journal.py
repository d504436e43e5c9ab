"""The erasure journal: who was erased, as keyed hashes in a file outside the database.

A restored backup brings people back who were erased after it was made. So an erasure is written down here, durably,
before it is committed, and marked as done after it; whoever stands here and is in a database is erased again before
anybody is served from it. The file names nobody: without the key file its hashes cannot be compared with anything.

One line per step, ASCII, always the same length for the same step; `s` is HMAC-SHA256 of the 16 bytes
of the subject under a key derived from the key file, `on` the day:

    {"v":1,"s":"<64 hex>","on":"2026-11-22"}                   begun, before the commit
    {"v":1,"s":"<64 hex>","on":"2026-11-22","is":"done"}       committed
    {"v":1,"s":"<64 hex>","on":"2026-11-22","is":"void"}       refused: nothing was erased

A write that a crash tore leaves the beginning of a line, which was never promised to anybody: it is passed by, and the
next write begins a line of its own. Anything else that is not such a line is refused: somebody must look.
"""

import errno
import fcntl
import hmac
import os
import re
from collections import Counter
from datetime import date
from enum import StrEnum
from pathlib import Path

import msgspec

from ecrm_privacy.errors import GuardRefused, Unavailable
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vocabulary import SubjectId


class Mark(StrEnum):
    """How far an erasure came."""

    BEGUN = ""
    DONE = "done"
    VOID = "void"


_LINE = re.compile(r'\{"v":1,"s":"([0-9a-f]{64})","on":"\d{4}-\d\d-\d\d"(?:,"is":"(done|void)")?\}')


def _line(name: str, on: str, mark: Mark) -> str:
    step = f',"is":"{mark.value}"' if mark else ""
    return f'{{"v":1,"s":"{name}","on":"{on}"{step}}}'


_WHOLE = tuple(_line("0" * 64, "2026-01-01", mark) for mark in Mark)


class Written(msgspec.Struct, frozen=True):
    """What the journal holds: how many lines; whose erasure was done; whose was begun, and neither done nor refused."""

    lines: int
    done: frozenset[str]
    begun: frozenset[str]


class Journal:
    """The journal in the file `path`. Every worker has one on the same file."""

    def __init__(self, path: Path, keyring: Keyring) -> None:
        self._path = path
        self._key = keyring.derive("rights/journal")

    def name(self, subject: SubjectId) -> str:
        """Return the hash under which a subject stands in the journal."""
        return hmac.digest(self._key, subject.bytes, "sha256").hex()

    def write(self, subject: SubjectId, mark: Mark, on: date) -> None:
        """Add a line durably. Raises `Unavailable` when it cannot be: then nothing may be erased."""
        line = _line(self.name(subject), on.isoformat(), mark)
        try:
            self._append(line)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise Unavailable(f"{self._path} cannot be written, so nobody can be erased: {reason}") from None

    def _append(self, line: str) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not self._path.exists()
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            torn = size and os.pread(descriptor, 1, size - 1) != b"\n"
            raw = (("\n" if torn else "") + line + "\n").encode()
            if os.write(descriptor, raw) != len(raw):
                raise OSError(errno.ENOSPC, "the line was cut off")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            _flush_folder(self._path.parent)

    def read(self) -> Written:
        """Return what stands in the journal; nothing when there is none yet.

        Raises `GuardRefused` for a line that no crash leaves, and for a file that cannot be read.
        """
        try:
            text = self._path.read_bytes().decode("ascii", errors="replace")
        except FileNotFoundError:
            return Written(0, frozenset(), frozenset())
        except OSError as error:
            raise GuardRefused(f"{self._path} cannot be read: {os.strerror(error.errno or 0)}") from None
        met: Counter[tuple[str, Mark]] = Counter()
        lines = [line for line in text.split("\n") if line]
        for number, line in enumerate(lines, 1):
            if (match := _LINE.fullmatch(line)) is not None:
                met[match[1], Mark(match[2] or "")] += 1
            elif not _is_torn(line):
                raise GuardRefused(
                    f"{self._path}, line {number}: this is no line of the erasure journal. Put the file back from a"
                    " copy of the folder: without it, people who were erased may come back from a backup"
                )
        done = frozenset(name for name, mark in met if mark is Mark.DONE)
        # Counted, because two workers may have begun the same one, and one of them may have been refused.
        begun = {name for name, mark in met if mark is Mark.BEGUN and met[name, mark] > met[name, Mark.VOID]}
        return Written(len(lines), done, frozenset(begun) - done)


def _is_torn(line: str) -> bool:
    """Whether a line is the beginning of one; a file system may have filled its end with zeros."""
    begun = line.rstrip("\0")
    return any(len(begun) < len(whole) and _LINE.fullmatch(begun + whole[len(begun) :]) for whole in _WHOLE)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
