"""The highest checkpoint that was ever shown to anybody, kept in a file outside the database.

A database that is behind it was restored from a backup, or a failover lost what others were told. Going on would fork
the log, and withdrawals may be among what was lost: such a log is frozen. A shard signs under a further name of the
log, and is higher than everything under the names before.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ecrm_privacy.errors import GuardRefused, Tampered, Unavailable
from ecrm_privacy.ledger.checkpoint import Checkpoint, Verifier, open_checkpoint, parse_checkpoint, split_note
from ecrm_privacy.ledger.names import number_of

Rank = tuple[int, int]
"""The number of the name that a checkpoint is signed under, and its tree size: the greater is the higher one."""


class Guard:
    """Remembers the highest checkpoint of the log `base` in the file `path`, over all its names.

    `verifier(origin)` gives the key of each name. Every worker has a guard on the same file.
    """

    def __init__(self, path: Path, base: str, verifier: Callable[[str], Verifier]) -> None:
        self._path = path
        self._base = base
        self._verifier = verifier
        self._kept: Rank = (0, 0)

    def highest(self) -> Checkpoint | None:
        """Return the highest checkpoint, or None before the first.

        Raises `GuardRefused` for a file that is damaged, cannot be read or is of another log.
        """
        note = self.note()
        return None if note is None else self._open(note)

    def note(self) -> str | None:
        """Return the note as it was kept, or None before the first; raises `GuardRefused` as `highest` does."""
        try:
            note = self._path.read_bytes().decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise self._refused("it is no signed checkpoint") from None
        except OSError as error:
            raise self._refused(f"it cannot be read: {os.strerror(error.errno or 0)}") from None
        self._open(note)
        return note

    def rank(self, checkpoint: Checkpoint) -> Rank:
        """Return how high a checkpoint of this log is."""
        number = number_of(self._base, checkpoint.origin)
        assert number is not None, "who asks has opened it with a key of this log"
        return number, checkpoint.tree_size

    def keep(self, note: str) -> bool:
        """Remember `note` durably, before anybody is shown it; False, and nothing changes, where a higher one was.

        Raises `Unavailable` when the file cannot be written: then nobody may be shown it.
        """
        rank = self.rank(self._open(note))
        if rank <= self._kept:
            return rank == self._kept
        try:
            with self._alone() as folder:
                highest = self.highest()
                if highest is None or rank > self.rank(highest):
                    self._replace(note, folder)
                    self._kept = rank
                else:
                    self._kept = self.rank(highest)
                return rank == self._kept
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be written: {os.strerror(error.errno or 0)}") from None

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """Let no other worker write meanwhile, which could replace a higher note by a lower one."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(folder)

    def _replace(self, note: str, folder: int) -> None:
        beside = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        try:
            with beside.open("x", encoding="utf-8") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        finally:
            beside.unlink(missing_ok=True)
        os.fsync(folder)

    def _open(self, note: str) -> Checkpoint:
        try:
            text, _ = split_note(note)
            origin = parse_checkpoint(text).origin
            if number_of(self._base, origin) is None:
                raise self._refused(f"it is of another log, {origin}; this one is {self._base}")
            return open_checkpoint(note, self._verifier(origin))
        except Tampered as tampered:
            raise self._refused(str(tampered)) from None

    def _refused(self, why: str) -> GuardRefused:
        return GuardRefused(
            f"{self._path} does not say how far this log was published: {why}. Put the file back from a copy of the"
            " folder. Only if you know that the database is complete, move it away: the next start makes a new one"
        )
