"""Checks the whole ledger from what the database holds, sharing no line with the writer's storage or its tree.

It has its own statements and its own hashing (RFC 9162, straight from the definition), reads one consistent snapshot
while the log goes on growing, and names the first thing that is wrong. What it holds in memory does not grow with the
log. Formats (leaf, payload, checkpoint) and the fold are the same as the writer's: those are what is checked against.

Files: `tree` (leaves, tiles, checkpoints) · `replay` (bodies, and the rows that are their fold) · `report`.
"""

from collections.abc import Sequence
from typing import Any

from ecrm_privacy.ledger.checkpoint import Checkpoint, Verifier
from ecrm_privacy.ledger.entry import opens
from ecrm_privacy.ledger.verify.replay import Differs, Opened, Opener, Replay, SealedBody
from ecrm_privacy.ledger.verify.report import ROWS_AT_ONCE, Progress, Report, Wrong
from ecrm_privacy.ledger.verify.tree import Kept, Leaves, Tree, published
from ecrm_privacy.sql import Conn

__all__ = ["Differs", "Opened", "Opener", "Progress", "Replay", "Report", "SealedBody", "Tree", "verify"]


async def verify(
    conn: Conn,
    opener: Opener | None = None,
    progress: Progress | None = None,
    known: Sequence[Checkpoint] = (),
    verifiers: Sequence[Verifier] = (),
) -> Report:
    """Check the ledger behind `conn`, which must not be in a transaction.

    Always: leaf indexes are dense from 0, each leaf is canonical and has the hash stored with it, exactly the tiles
    that are full are stored, size, edge and root of the head follow from the leaves, the tree continues each of the
    `known` checkpoints, and the statements of our own acts match their leaves. With `verifiers`, the keys of all names
    that the log ever had, also: that of its name signed the public checkpoint, and the tree continues it. With an
    `opener` also: each body that opens is what its leaf committed to, and the rows of current answers are exactly the
    fold of those bodies.
    """
    check = _Check(conn, opener, progress or (lambda _what, _done, _of: None))
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        try:
            await check.everything([Kept("a known checkpoint", each) for each in known], verifiers)
        except Wrong as wrong:
            return Report(problem=wrong.problem, leaf_index=wrong.leaf_index, **check.counts())
    return Report(**check.counts())


class _Check:
    def __init__(self, conn: Conn, opener: Opener | None, progress: Progress) -> None:
        self.conn, self.progress = conn, progress
        self.replay = None if opener is None else Replay(conn, opener, progress)
        self.leaves = Leaves(conn, progress, ())
        self.head_size, self.root_hash, self.published, self.stated = 0, b"", 0, 0

    def counts(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "tree_size": self.head_size, "root_hash": self.root_hash, "leaves": self.leaves.tree.size,
            "tiles": self.leaves.tiles, "published": self.published, "statements": self.stated,
        }  # fmt: skip
        if self.replay is not None:
            found |= {name: getattr(self.replay, name) for name in ("opened", "unopened", "subjects")}
        return found

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
        if self.replay is None:
            return
        earliest: Wrong | None = None
        async for differs in self.replay.differences():
            wrong = differs.wrong
            if earliest is None or (wrong.leaf_index or 0) < (earliest.leaf_index or 0):
                earliest = wrong
        if earliest is not None:
            raise earliest
