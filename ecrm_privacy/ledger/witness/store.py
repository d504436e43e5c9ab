"""The record of a witness: one SQLite file with the newest checkpoint that it cosigned of each log.

To look and to write is two steps; `advance` makes them one: it writes only if what was looked at still stands there, in
a single statement, which SQLite puts on disk before it returns. Two threads or two processes that judged by the same
state cannot both go on from it.
"""

import sqlite3
from pathlib import Path

from ecrm_privacy.ledger.witness.verdict import State

_WAIT_S = 5.0
"""How long to wait for another process that writes."""


class Record:
    """An open record. `logs` are the origins that it has to have a place for. Used by one thread at a time."""

    def __init__(self, path: Path, logs: list[str]) -> None:
        self._file = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
        self._file.execute("pragma synchronous = extra")  # the folder's entry is on disk, too
        self._file.execute(
            "create table if not exists cosigned (origin text primary key, tree_size integer not null,"
            " root_hash blob not null, note text not null, cosigned_at integer not null) strict, without rowid"
        )
        first = State()
        for origin in logs:
            self._file.execute(
                "insert into cosigned (origin, tree_size, root_hash, note, cosigned_at) values (?, ?, ?, ?, ?)"
                " on conflict do nothing",
                (origin, first.tree_size, first.root_hash, first.note, first.cosigned_at),
            )

    def state(self, origin: str) -> State:
        """Return what was cosigned last of a log, `State()` if nothing was."""
        found = self._file.execute(
            "select tree_size, root_hash, note, cosigned_at from cosigned where origin = ?", (origin,)
        ).fetchone()
        return State() if found is None else State(*found)

    def advance(self, origin: str, known: State, new: State) -> bool:
        """Put `new` on disk if `known` still stands there; False if it does not, and then nothing was written."""
        done = self._file.execute(
            "update cosigned set tree_size = ?, root_hash = ?, note = ?, cosigned_at = ?"
            " where origin = ? and tree_size = ? and root_hash = ? and cosigned_at = ?",
            (
                *(new.tree_size, new.root_hash, new.note, new.cosigned_at),
                *(origin, known.tree_size, known.root_hash, known.cosigned_at),
            ),
        )
        return done.rowcount == 1

    def is_fresh(self) -> bool:
        """Tell whether nothing was ever cosigned."""
        return self._file.execute("select 1 from cosigned where note <> '' limit 1").fetchone() is None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
