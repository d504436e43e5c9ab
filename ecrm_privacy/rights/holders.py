"""Who holds data about people. Every room that does registers one `Holder` in `app.py`; together they are complete.

A test walks the schema: each table with a subject or pseudonym column is claimed by exactly one holder, so an export
and an erasure cannot forget a table. Steps work in chunks, are idempotent, and run on the house's connection.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from ecrm_privacy.sql import Conn, Effect
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vocabulary import Category, Pseudonym, SubjectId


class Known(msgspec.Struct, frozen=True):
    """What leads to a subject's data while an export or an erasure is made: its identifier, keys and pseudonyms."""

    subject: SubjectId
    keys: tuple[SubjectKey, ...]
    pseudonyms: Mapping[Category, tuple[Pseudonym, ...]]

    @property
    def all_pseudonyms(self) -> tuple[Pseudonym, ...]:
        """Every pseudonym, in the order in which they are locked."""
        return tuple(
            sorted((name for names in self.pseudonyms.values() for name in names), key=lambda name: name.bytes)
        )


Export = Callable[[Conn, Known], Awaitable[Any]]
"""Returns what is held about a subject, readable, as JSON-like values; None or empty when nothing is."""
Destroy = Callable[[SubjectId], Sequence[Effect]]
"""Returns the effects that end access at once; they run in the erasure's own short transaction."""
Step = Callable[[Conn, Sequence[Pseudonym], int], Awaitable[bool]]
"""Does at most so many rows of work about these pseudonyms, in one transaction; True when nothing is left."""


async def _nothing(_conn: Conn, _pseudonyms: Sequence[Pseudonym], _most: int) -> bool:
    return True


class Holder(msgspec.Struct, frozen=True):
    """A room's part in exports and erasures. `tables` are schema-qualified names."""

    name: str
    tables: frozenset[str]
    export: Export
    destroy: Destroy = lambda _subject: ()
    forget: Step = _nothing
    unlearn: Step = _nothing
    relearn: Step = _nothing
