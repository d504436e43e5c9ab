"""The highest checkpoint that was ever published, kept in a file outside the database.

A database that is behind it was restored from a backup, or a failover lost what others were told. Going on would fork
the log, and withdrawals may be among what was lost: such a log is frozen.
"""

import os
from pathlib import Path

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.checkpoint import Checkpoint, Verifier, open_checkpoint


class Guard:
    """Remembers the highest published checkpoint in the file `path`; what it reads must be signed by `verifier`."""

    def __init__(self, path: Path, verifier: Verifier) -> None:
        self._path = path
        self._verifier = verifier

    def highest(self) -> Checkpoint | None:
        """Return the highest published checkpoint, or None before the first. Raises `Tampered` for a damaged file."""
        note = self.note()
        return None if note is None else open_checkpoint(note, self._verifier)

    def note(self) -> str | None:
        """Return the note as it was published, or None before the first."""
        try:
            return self._path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise Tampered(f"{self._path} is not a checkpoint") from None

    def keep(self, note: str) -> None:
        """Remember `note` durably, before anybody is shown it; one that is not higher changes nothing."""
        highest = self.highest()
        if highest is not None and open_checkpoint(note, self._verifier).tree_size <= highest.tree_size:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._path.with_suffix(f".{os.getpid()}")
        with beside.open("w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
