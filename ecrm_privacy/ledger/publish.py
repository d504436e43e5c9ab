"""The one checkpoint that the public sees. It moves at a steady pace, so that it tells nobody's moment.

A turn: claim it, so that one worker takes it; make sure that the log continues what was published before; sign; let the
witnesses sign; remember the note outside the database; show it. No connection is held while witnesses are asked.

What a receipt shows is remembered too, though nobody counts its pace: a fork is one whoever was shown the other side.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial

import msgspec

from ecrm_privacy.errors import GuardRefused, LogFrozen, NotKnown, Tampered
from ecrm_privacy.ledger import store, tiles
from ecrm_privacy.ledger.checkpoint import Checkpoint, note_parts, open_checkpoint
from ecrm_privacy.ledger.guard import Guard
from ecrm_privacy.ledger.reader import LogReader
from ecrm_privacy.ledger.tiles import Tile
from ecrm_privacy.sql import Conn

Acquire = Callable[[], AbstractAsyncContextManager[Conn]]
Prove = Callable[[int], Awaitable[Sequence[bytes]]]
"""Gives the consistency proof from a tree of that size to the one that is published."""


class Witnessing(msgspec.Struct, frozen=True):
    """How witnesses are asked: `gather(note, tree_size, prove)` gives their signature lines; `most` may come."""

    gather: Callable[[str, int, Prove], Awaitable[Sequence[str]]]
    most: int

    def is_complete(self, note: str) -> bool:
        """Tell whether every witness has signed beside the log."""
        return note_parts(note)[1].count("\n") > self.most


BEHIND = "the log is behind what was published: the database was restored, or a failover lost entries"
FORKED = "the log is not the one that was published: its entries differ"
RENAMED = "it goes on under another name than this process knows: start the service anew"
TURNS = 4
"""Each worker looks so many times in a period whether the next turn is due."""


async def _nobody(_note: str, _tree_size: int, _prove: Prove) -> Sequence[str]:
    return ()


class Publisher:
    """Publishes the log that `reader` reads, at most once per `period_s`; `guard` keeps what was published."""

    def __init__(
        self,
        acquire: Acquire,
        reader: LogReader,
        guard: Guard,
        period_s: float,
        witnesses: Witnessing = Witnessing(_nobody, 0),  # noqa: B008 -- it never changes
    ) -> None:
        self._acquire = acquire
        self.reader = reader
        self._guard = guard
        self._period = timedelta(seconds=period_s)
        self._witnesses = witnesses

    async def check(self) -> str | None:
        """Freeze the log when it does not continue what was published, and return why; see `ecrm ledger shard`.

        Raises `GuardRefused` when the file that says so is damaged or of another log.
        """
        async with self._acquire() as conn:
            return await self.check_on(conn)

    async def check_on(self, conn: Conn) -> str | None:
        """Check as `check` does, over a connection that is about to write: a failover may have lost entries."""
        return await self._check(conn, await asyncio.to_thread(self._guard.highest))

    async def publish(self) -> None:
        """Move the public checkpoint, if its time has come and no other worker does."""
        async with self._acquire() as conn:
            claimed = await store.claim_publishing(self._period).first(conn)
            if claimed is None or await self._check(conn, await asyncio.to_thread(self._guard.highest)):
                return
            note = await self.reader.checkpoint(conn)
        checkpoint = open_checkpoint(note, self.reader.signer.verifier)
        has_grown = not claimed.note or checkpoint.tree_size > claimed.tree_size
        if not has_grown and self._witnesses.is_complete(claimed.note):
            return
        note += "".join(
            await self._witnesses.gather(note, checkpoint.tree_size, partial(self._prove, checkpoint.tree_size))
        )
        await asyncio.to_thread(self._guard.keep, note)
        async with self._acquire() as conn:
            await store.show(checkpoint.tree_size, note).run(conn)

    async def _prove(self, tree_size: int, first: int) -> Sequence[bytes]:
        async with self._acquire() as conn:
            return await self.reader.consistency(conn, first, tree_size)

    async def checkpoint(self) -> str:
        """Return the public checkpoint. Raises `NotKnown` while nothing is published, `LogFrozen`."""
        await self.publish()
        async with self._acquire() as conn:
            head = await store.head().first(conn)
        if head is not None and head.frozen is not None:  # what the database holds as published may not be the highest
            raise LogFrozen(head.frozen)
        return (await self._published()).note

    async def vouch(self, note: str) -> None:
        """Remember the checkpoint of a receipt before it is handed out. Raises `Unavailable`, `LogFrozen`."""
        if not await asyncio.to_thread(self._guard.keep, note) and (wrong := await self.check()) is not None:
            raise LogFrozen(wrong)

    async def tile(self, path: str) -> bytes:
        """Return a tile of the public tree by its name: hashes, or leaves. Raises `NotKnown`."""
        try:
            level, number, width = tiles.parse_tile_path(path)
        except Tampered as tampered:
            raise NotKnown(str(tampered)) from None
        tile = Tile(level or 0, number, width)
        if not tiles.is_in(tile, (await self._published()).tree_size):
            raise NotKnown("the public log has no such tile yet")
        async with self._acquire() as conn:
            if level is None:
                return await self.reader.entries(conn, number, width)
            return await self.reader.tile(conn, tile)

    async def _published(self) -> store.Published:
        async with self._acquire() as conn:
            found = await store.published().first(conn)
        if found is None or not found.note:
            raise NotKnown("nothing of the log is published yet")
        return found

    async def _check(self, conn: Conn, highest: Checkpoint | None) -> str | None:
        """Return why the log is frozen, after freezing it if it must be."""
        head = await store.head().first(conn)
        if head is None:
            raise NotKnown("the log was never opened")
        if head.origin != self.reader.signer.name:
            raise LogFrozen(RENAMED)
        if head.frozen is None and (wrong := await self._wrong(conn, head, highest)) is not None:
            await store.freeze(wrong).run(conn)
            return wrong
        return head.frozen

    async def _wrong(self, conn: Conn, head: store.Head, highest: Checkpoint | None) -> str | None:
        here = Checkpoint(head.origin, head.tree_size, head.root_hash)
        if highest is None or self._guard.rank(here)[0] > self._guard.rank(highest)[0]:
            return None
        if (
            here.tree_size == 0 < highest.tree_size
        ):  # no backup, but the wrong database, or a new one: nothing in it is to be saved
            raise GuardRefused(
                f"this database is empty, and the log was shown with {highest.tree_size} entries: is it the right one?"
                " A new log takes a new ECRM_LOG_ORIGIN, and a key folder without highest.checkpoint"
            )
        if self._guard.rank(here) < self._guard.rank(highest):
            return BEHIND
        try:  # by a reader that met nothing before: tiles that are kept may be those of what was lost
            root = await LogReader(self.reader.signer).root(conn, highest.tree_size)
        except LogFrozen as frozen:  # another worker was a moment earlier
            return str(frozen)
        except Tampered:
            return FORKED
        return None if root == highest.root_hash else FORKED
