"""Checks the whole ledger from what the database holds, sharing no line with the writer's storage or its tree.

It has its own statements and its own hashing (RFC 9162, straight from the definition), reads one consistent snapshot
while the log goes on growing, and names the first thing that is wrong. What it holds in memory does not grow with the
log. Bodies may be opened by several processes at once, each a share of the subjects over the same snapshot. Formats
(leaf, payload, checkpoint) and the fold are the same as the writer's: those are what is checked against.

Files: `tree` (leaves, tiles, checkpoints) · `replay` (bodies, and the rows that are their fold) · `report`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ecrm_privacy.ledger.checkpoint import Checkpoint, Verifier
from ecrm_privacy.ledger.entry import opens
from ecrm_privacy.ledger.verify.replay import Differs, Opened, Opener, Replay, SealedBody, Share
from ecrm_privacy.ledger.verify.report import ROWS_AT_ONCE, Part, Progress, Report, Wrong
from ecrm_privacy.ledger.verify.tree import Kept, Leaves, Tree, published
from ecrm_privacy.sql import Conn

__all__ = [
    "Apart", "Differs", "Opened", "Opener", "Part", "Progress", "Replay", "Report", "SealedBody", "Share", "Tree",
    "verify", "verify_share",
]  # fmt: skip

Apart = Callable[[str, Share], Awaitable[Part]]
"""Runs `verify_share` elsewhere, over the snapshot of that name."""


async def verify(
    conn: Conn,
    opener: Opener | None = None,
    progress: Progress | None = None,
    known: Sequence[Checkpoint] = (),
    verifiers: Sequence[Verifier] = (),
    apart: tuple[Apart, int] | None = None,
) -> Report:
    """Check the ledger behind `conn`, which must not be in a transaction.

    Always: leaf indexes are dense from 0, each leaf is canonical and has the hash stored with it, exactly the tiles
    that are full are stored, size, edge and root of the head follow from the leaves, the tree continues each of the
    `known` checkpoints, and the statements of our own acts match their leaves. With `verifiers`, the keys of all names
    that the log ever had, also: that of its name signed the public checkpoint, and the tree continues it. With an
    `opener` also: each body that opens is what its leaf committed to, and the rows of current answers are exactly the
    fold of those bodies; with `apart`, in so many shares, of which the others are checked elsewhere.
    """
    check = _Check(conn, opener, progress or (lambda _what, _done, _of: None), apart)
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        try:
            await check.everything([Kept("a known checkpoint", each) for each in known], verifiers)
        except Wrong as wrong:
            return Report(problem=wrong.problem, leaf_index=wrong.leaf_index, **check.counts())
    return Report(**check.counts())


class _Check:
    def __init__(self, conn: Conn, opener: Opener | None, progress: Progress, apart: tuple[Apart, int] | None) -> None:
        self.conn, self.progress, self.opener, self.apart = conn, progress, opener, apart
        self.parts: list[Part] = []
        self.leaves = Leaves(conn, progress, ())
        self.head_size, self.root_hash, self.published, self.stated = 0, b"", 0, 0

    def counts(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "tree_size": self.head_size, "root_hash": self.root_hash, "leaves": self.leaves.tree.size,
            "tiles": self.leaves.tiles, "published": self.published, "statements": self.stated,
        }  # fmt: skip
        return found | {
            name: sum(getattr(part, name) for part in self.parts) for name in ("opened", "unopened", "subjects")
        }

    async def everything(self, known: Sequence[Kept], verifiers: Sequence[Verifier]) -> None:
        head = await self.conn.fetchrow("select tree_size, root_hash, edge from ecrm.ledger_head")
        if head is None:
            raise Wrong(None, "the log was never opened")
        self.head_size, self.root_hash = head["tree_size"], head["root_hash"]
        public = await published(self.conn, verifiers) if verifiers else []
        self.published = max((each.checkpoint.tree_size for each in public), default=0)
        self.leaves = Leaves(self.conn, self.progress, [*public, *known])
        await self.leaves.read(self.head_size)
        await self.statements()
        await self.bodies()
        # Last, because what goes before names the leaf more exactly than a root that differs can.
        self.leaves.compare_head(head["root_hash"], head["edge"])
        self.leaves.compare_kept()

    async def statements(self) -> None:
        found = await self.conn.cursor(
            "select s.leaf_index, s.payload, s.open, e.leaf from ecrm.statement s"
            " left join ecrm.ledger_entry e using (leaf_index) order by s.leaf_index"
        )
        unstated = set(self.leaves.own_acts)
        while rows := await found.fetch(ROWS_AT_ONCE):
            for leaf_index, payload, open, leaf in rows:
                if leaf_index not in unstated:
                    raise Wrong(leaf_index, f"leaf {leaf_index} is no act of our own, but has a public statement")
                if not opens(leaf, open, payload):
                    raise Wrong(leaf_index, f"leaf {leaf_index} does not commit to its public statement")
                unstated.remove(leaf_index)
            self.stated += len(rows)
            self.progress("statements", self.stated, len(self.leaves.own_acts))
        if unstated:
            raise Wrong(min(unstated), f"leaf {min(unstated)} is an act of our own without its public statement")

    async def bodies(self) -> None:
        """Check bodies and current answers; subjects come in no order of leaves, so the earliest leaf is sought."""
        if self.opener is None:
            return
        elsewhere, shares = self.apart or (None, 1)
        others: list[asyncio.Task[Part]] = []
        if elsewhere is not None and shares > 1:
            snapshot = await self.conn.fetchval("select pg_export_snapshot()")
            others = [asyncio.ensure_future(elsewhere(snapshot, Share(each, shares))) for each in range(1, shares)]
        try:
            own = await _part(Replay(self.conn, self.opener, self.progress, Share(0, shares)))
            self.parts = [own, *await asyncio.gather(*others)]
        finally:
            for each in others:
                each.cancel()
        wrong = [part for part in self.parts if part.problem is not None]
        if wrong:
            earliest = min(wrong, key=lambda part: part.leaf_index or 0)
            raise Wrong(earliest.leaf_index, str(earliest.problem))


async def verify_share(conn: Conn, opener: Opener, snapshot: str, share: Share) -> Part:
    """Check the bodies of one share, and the rows that are their fold, over the snapshot that another one exported."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        await conn.execute(f"set transaction snapshot '{snapshot}'")
        return await _part(Replay(conn, opener, among=share))


async def _part(replay: Replay) -> Part:
    earliest: Wrong | None = None
    async for differs in replay.differences():
        wrong = differs.wrong
        if earliest is None or (wrong.leaf_index or 0) < (earliest.leaf_index or 0):
            earliest = wrong
    counts = replay.opened, replay.unopened, replay.subjects
    return Part(*counts) if earliest is None else Part(*counts, earliest.problem, earliest.leaf_index)
