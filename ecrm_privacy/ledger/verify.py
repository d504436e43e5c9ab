"""Checks the whole ledger from what the database holds, sharing no line with the writer's storage or its tree.

It has its own statements and its own hashing (RFC 9162, straight from the definition), reads one consistent snapshot
while the log goes on growing, and names the first thing that is wrong. What it holds in memory does not grow with the
log. Formats (leaf, payload) and the fold are the same as the writer's: those are what is to be checked against.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from hashlib import sha256
from inspect import isawaitable
from typing import Any
from uuid import UUID

import msgspec

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.change import Change, Standing, State, fold
from ecrm_privacy.ledger.checkpoint import Checkpoint
from ecrm_privacy.ledger.entry import LeafType, opens, parse_leaf
from ecrm_privacy.ledger.record import parse
from ecrm_privacy.sql import Conn
from ecrm_privacy.vocabulary import ConsentStatus

ROWS_AT_ONCE = 2000


class SealedBody(msgspec.Struct, frozen=True):
    """A body as it is stored: what an opener gets."""

    leaf_index: int
    subject: UUID | None
    receipt_hash: bytes
    sealed: bytes
    wrapped_for_receipt: bytes
    wrapped_for_subject: bytes | None


Opened = tuple[bytes, bytes] | None
Opener = Callable[[SealedBody], Opened | Awaitable[Opened]]
"""Gives (payload, open) of a body, or None when no key opens it; raises `Tampered` when it was altered.

It may read over the connection that is being checked, and then sees the same snapshot. Over another one it may miss the
keys of somebody who is erased meanwhile, which looks like rows that no body vouches for.
"""
Progress = Callable[[str, int, int], None]
"""Is told what is being checked, how many of them are done, and of how many."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `leaf_index` is where `problem`, the first one, is; counts reach as far as the check did."""

    problem: str | None = None
    leaf_index: int | None = None
    tree_size: int = 0
    root_hash: bytes = b""
    leaves: int = 0
    statements: int = 0
    opened: int = 0
    unopened: int = 0
    subjects: int = 0

    @property
    def sound(self) -> bool:
        """True when nothing wrong was found."""
        return self.problem is None


class _Wrong(Exception):
    """The first thing that is wrong, and at which leaf."""

    def __init__(self, leaf_index: int | None, problem: str) -> None:
        super().__init__(problem)
        self.leaf_index, self.problem = leaf_index, problem


async def verify(
    conn: Conn,
    opener: Opener | None = None,
    progress: Progress | None = None,
    known: Sequence[Checkpoint] = (),
) -> Report:
    """Check the ledger behind `conn`, which must not be in a transaction.

    Always: leaf indexes are dense from 0, each leaf is canonical and has the hash stored with it, size, edge and root
    of the head follow from the leaves, the tree continues each of the `known` checkpoints, and the statements of our
    own acts match their leaves. With an `opener` also: each body that opens is what its leaf committed to, and the rows
    of current answers are exactly the fold of those bodies.
    """
    check = _Check(conn, opener, progress or (lambda _what, _done, _of: None))
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        try:
            head, tree, roots = await check.tree({checkpoint.tree_size for checkpoint in known})
            await check.statements()
            if opener is not None:
                await check.bodies()
                await check.answers()
                if check.earliest is not None:
                    raise check.earliest
            # Last, because what goes before names the leaf more exactly than a root that differs can.
            _compare_head(tree, head)
            _compare_known(roots, known)
        except _Wrong as wrong:
            return Report(problem=wrong.problem, leaf_index=wrong.leaf_index, **check.counts)
    return Report(**check.counts)


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class _Tree:
    """The roots of the perfect subtrees so far, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []

    def add(self, leaf_hash: bytes) -> None:
        self.size += 1
        self.peaks.append(leaf_hash)
        merges = self.size
        while merges % 2 == 0:
            right, left = self.peaks.pop(), self.peaks.pop()
            self.peaks.append(_node(left, right))
            merges //= 2

    def root(self) -> bytes:
        if not self.peaks:
            return sha256(b"").digest()
        node = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            node = _node(left, node)
        return node

    def stretches(self) -> list[tuple[int, int]]:
        """First and last leaf under each peak."""
        start, found = 0, []
        for bit in reversed(range(self.size.bit_length())):
            if self.size >> bit & 1:
                found.append((start, start + (1 << bit) - 1))
                start += 1 << bit
        return found


_BODIES = (
    "select b.subject, b.leaf_index, e.leaf, b.receipt_hash, b.sealed, b.wrapped_for_receipt, b.wrapped_for_subject"
    " from ecrm.body b left join ecrm.ledger_entry e using (leaf_index)"
)


class _Sorted:
    """Rows that come sorted by their first column, the subject, and are dealt out one subject at a time."""

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor
        self.rows: deque[Any] = deque()
        self.subject: UUID | None = None

    @classmethod
    async def over(cls, conn: Conn, statement: str) -> "_Sorted":
        rows = cls(await conn.cursor(statement))
        await rows.ahead()
        return rows

    async def ahead(self) -> None:
        if not self.rows:
            self.rows.extend(await self.cursor.fetch(ROWS_AT_ONCE))
        self.subject = self.rows[0][0] if self.rows else None

    async def of(self, subject: UUID) -> list[Any]:
        """Take the rows of `subject`, which is the next one or has none."""
        found = []
        while self.subject == subject:
            found.append(self.rows.popleft())
            await self.ahead()
        return found


class _Check:
    def __init__(self, conn: Conn, opener: Opener | None, progress: Progress) -> None:
        self.conn, self.opener, self.progress = conn, opener, progress
        self.counts: dict[str, Any] = {}
        self.own_acts: set[int] = set()
        self.earliest: _Wrong | None = None

    def count(self, what: str, more: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + more

    async def tree(self, sizes: Set[int]) -> tuple[Any, _Tree, Mapping[int, bytes]]:
        """Check each leaf; return the head, the tree of the leaves, and the roots it had at `sizes`."""
        head = await self.conn.fetchrow("select tree_size, root_hash, edge from ecrm.ledger_head")
        if head is None:
            raise _Wrong(None, "the log was never opened")
        size = head["tree_size"]
        self.counts |= {"tree_size": size, "root_hash": head["root_hash"]}
        tree = _Tree()
        roots = {0: tree.root()}
        leaves = await self.conn.cursor("select leaf_index, leaf, leaf_hash from ecrm.ledger_entry order by leaf_index")
        while rows := await leaves.fetch(ROWS_AT_ONCE):
            for leaf_index, leaf, leaf_hash in rows:
                self.leaf(tree.size, leaf_index, leaf, leaf_hash)
                tree.add(leaf_hash)
                if tree.size in sizes:
                    roots[tree.size] = tree.root()
            self.count("leaves", len(rows))
            self.progress("leaves", tree.size, size)
        if tree.size != size:
            found = "is missing" if tree.size < size else "lies beyond the head of the log"
            raise _Wrong(min(tree.size, size), f"leaf {min(tree.size, size)} {found}")
        return head, tree, roots

    def leaf(self, expected: int, leaf_index: int, leaf: bytes, leaf_hash: bytes) -> None:
        if leaf_index != expected:
            raise _Wrong(expected, f"leaf {expected} is missing")
        if sha256(b"\x00" + leaf).digest() != leaf_hash:
            raise _Wrong(leaf_index, f"leaf {leaf_index} does not have the hash that is stored with it")
        try:
            if parse_leaf(leaf).type is not LeafType.SUBJECT:
                self.own_acts.add(leaf_index)
        except Tampered as tampered:
            raise _Wrong(leaf_index, f"leaf {leaf_index}: {tampered}") from None

    async def statements(self) -> None:
        found = await self.conn.cursor(
            "select s.leaf_index, s.payload, s.open, e.leaf from ecrm.statement s"
            " left join ecrm.ledger_entry e using (leaf_index) order by s.leaf_index"
        )
        unstated = set(self.own_acts)
        while rows := await found.fetch(ROWS_AT_ONCE):
            for leaf_index, payload, open, leaf in rows:
                if leaf_index not in unstated:
                    raise _Wrong(leaf_index, f"leaf {leaf_index} is no act of our own, but has a public statement")
                if not opens(leaf, open, payload):
                    raise _Wrong(leaf_index, f"leaf {leaf_index} does not commit to its public statement")
                unstated.remove(leaf_index)
            self.count("statements", len(rows))
            self.progress("statements", self.counts["statements"], len(self.own_acts))
        if unstated:
            raise _Wrong(min(unstated), f"leaf {min(unstated)} is an act of our own without its public statement")

    async def bodies(self) -> None:
        """Check the bodies that link to nobody: they open to their leaf, if anything opens them here."""
        found = await self.conn.cursor(_BODIES + " where b.subject is null order by b.leaf_index")
        while rows := await found.fetch(ROWS_AT_ONCE):
            for row in rows:
                await self.later(self.folded([row]))
            self.progress("bodies", self.counts.get("opened", 0) + self.counts.get("unopened", 0), 0)

    async def answers(self) -> None:
        """Check everybody's rows, one subject at a time, against the fold of what that subject's bodies say."""
        bodies = await _Sorted.over(
            self.conn, _BODIES + " where b.subject is not null order by b.subject, b.leaf_index"
        )
        answers = await _Sorted.over(
            self.conn,
            "select subject, purpose, channel, recipient, status, notice, since, until, leaf_index"
            " from ecrm.consent_status order by subject",
        )
        states = await _Sorted.over(
            self.conn,
            "select subject, regime, restricted, adult_from, gpc, leaf_index from ecrm.subject_state order by subject",
        )
        while left := [rows.subject for rows in (bodies, answers, states) if rows.subject is not None]:
            subject = min(left)
            own = await bodies.of(subject), await answers.of(subject), await states.of(subject)
            await self.later(self.compare(*own))
            self.count("subjects")
            if self.counts["subjects"] % ROWS_AT_ONCE == 0:
                self.progress("subjects", self.counts["subjects"], 0)
        self.progress("subjects", self.counts.get("subjects", 0), 0)

    async def compare(self, bodies: Sequence[Any], answers: Sequence[Any], states: Sequence[Any]) -> None:
        _compare_rows(await self.folded(bodies), answers, states)

    async def later(self, check: Awaitable[object]) -> None:
        """Subjects come in no order of leaves, so what is wrong with one waits for what may be wrong earlier."""
        try:
            await check
        except _Wrong as wrong:
            if self.earliest is None or (wrong.leaf_index or 0) < (self.earliest.leaf_index or 0):
                self.earliest = wrong

    async def folded(self, bodies: Iterable[Any]) -> Standing:
        standing = Standing()
        for subject, leaf_index, leaf, *rest in bodies:
            payload = await self.open(leaf, SealedBody(leaf_index, subject, *rest))
            if payload is not None:
                try:
                    event = parse(payload)
                except Tampered as tampered:
                    raise _Wrong(leaf_index, f"leaf {leaf_index}: {tampered}") from None
                standing = fold(standing, leaf_index, event.changes, event.state)
        return standing

    async def open(self, leaf: bytes | None, body: SealedBody) -> bytes | None:
        assert self.opener is not None, "bodies are checked only with an opener"
        if leaf is None:
            raise _Wrong(body.leaf_index, f"a body names leaf {body.leaf_index}, which the log does not have")
        try:
            opened = self.opener(body)
            found = await opened if isawaitable(opened) else opened
        except Tampered:
            raise _Wrong(body.leaf_index, f"the body of leaf {body.leaf_index} was altered") from None
        if found is None:
            self.count("unopened")
            return None
        payload, open = found
        if not opens(leaf, open, payload):
            raise _Wrong(body.leaf_index, f"leaf {body.leaf_index} does not commit to its body")
        self.count("opened")
        return payload


def _compare_head(tree: _Tree, head: Any) -> None:
    for number, (first, last) in enumerate(tree.stretches()):
        if tree.peaks[number] != head["edge"][32 * number : 32 * number + 32]:
            raise _Wrong(first, f"leaves {first} to {last} are not the ones that were appended")
    if head["edge"] != b"".join(tree.peaks):
        raise _Wrong(None, "the edge of the head does not fit the tree")
    if head["root_hash"] != tree.root():
        raise _Wrong(None, "the root of the head is not the root of the tree")


def _compare_known(roots: Mapping[int, bytes], known: Sequence[Checkpoint]) -> None:
    for checkpoint in known:
        if checkpoint.tree_size not in roots:
            raise _Wrong(None, f"the log has lost leaves: a known checkpoint has {checkpoint.tree_size}")
        if roots[checkpoint.tree_size] != checkpoint.root_hash:
            raise _Wrong(None, f"the first {checkpoint.tree_size} leaves are not those of a known checkpoint")


def _compare_rows(standing: Standing, answers: Sequence[Any], states: Sequence[Any]) -> None:
    """Compare one subject's stored rows with the fold; the earliest leaf whose word is not kept is named."""
    stored = {
        (purpose, channel, recipient): (
            Change(
                purpose=purpose,
                channel=channel,
                recipient=recipient,
                status=ConsentStatus(status),
                notice=notice,
                since=since,
                until=until,
            ),
            leaf_index,
        )
        for _, purpose, channel, recipient, status, notice, since, until, leaf_index in answers
    }
    wrong = [
        (standing.rows.get(rule) or stored[rule])[1]
        for rule in standing.rows.keys() | stored.keys()
        if standing.rows.get(rule) != stored.get(rule)
    ]
    if wrong:
        raise _Wrong(min(wrong), f"a row of current answers is not what the body of leaf {min(wrong)} says")
    kept = State(*states[0][1:]) if states else None
    if kept != standing.state:
        at = min(state.leaf_index for state in (kept, standing.state) if state is not None)
        raise _Wrong(at, f"the state of the subject of leaf {at} is not what its bodies say")
