"""Who was erased and is in the database again: "a restored backup is not opened before the journal was replayed".

Everybody is compared with the erasure journal at a start, but only when the journal grew since this database was last
compared. A backup remembers the shorter journal of its day, so a restored one is compared whenever there is anything to
find; an ordinary start reads one row and counts lines.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import msgspec

from ecrm_privacy.ledger.store import freeze
from ecrm_privacy.rights import store
from ecrm_privacy.rights.desk import RightsDesk
from ecrm_privacy.rights.journal import Journal
from ecrm_privacy.sql import Conn
from ecrm_privacy.vocabulary import SubjectId

Acquire = Callable[[], AbstractAsyncContextManager[Conn]]

COMPARED_AT_ONCE = 5000
CAME_BACK = "somebody who was erased is in the database again: it was restored from a backup"


class Returned(msgspec.Struct, frozen=True):
    """Who of the erasure journal is in the database: erasures that were done, and those that were only begun.

    `lines` is how long the journal was.
    """

    lines: int
    done: tuple[SubjectId, ...]
    begun: tuple[SubjectId, ...]

    @property
    def everybody(self) -> tuple[SubjectId, ...]:
        """All of them."""
        return (*self.done, *self.begun)


async def returned(acquire: Acquire, journal: Journal) -> Returned:
    """Compare everybody in the database with the journal, as it was before. Raises GuardRefused for a damaged one."""
    written = await asyncio.to_thread(journal.read)
    done: list[SubjectId] = []
    begun: list[SubjectId] = []
    after = UUID(int=0)
    while True:
        async with acquire() as conn:
            rows = await store.subjects_after(after, COMPARED_AT_ONCE).all(conn)
        if not rows:
            return Returned(written.lines, tuple(done), tuple(begun))
        for subject in (SubjectId(row.subject) for row in rows):
            name = journal.name(subject)
            if name in written.done:
                done.append(subject)
            elif name in written.begun:
                begun.append(subject)
        after = rows[-1].subject


async def recall(acquire: Acquire, desk: RightsDesk) -> str | None:
    """Before anybody is served: freeze a database that holds somebody who was erased, and return why it is frozen.

    Whose erasure was only begun is let be: it was never acknowledged (what is, is marked as done before), another
    worker may be at it now, and the same Idempotency-Key asks for it again. Raises GuardRefused for a damaged journal.
    """
    async with acquire() as conn:
        row = await store.compared().first(conn)
    assert row is not None, "that statement has one row"
    if row.frozen is not None or (await asyncio.to_thread(desk.journal.read)).lines == row.lines:
        return row.frozen
    back = await returned(acquire, desk.journal)
    if back.done:
        async with acquire() as conn:
            await freeze(CAME_BACK).run(conn)
        return CAME_BACK
    async with acquire() as conn:
        await store.note_compared(back.lines).run(conn)
    return None
