"""The one who appends. One task, one connection of its own, one transaction for everything that arrived meanwhile.

A turn: begin; lock the head; take what waits; refuse what decided by an older state; append, fold and run the effects;
commit; answer. Batches clock themselves: while one commits, the next gathers. Several processes may write: they queue
at the head's row lock, and none remembers the head from one turn to the next.

What a caller learns, per entry: a leaf index (it is durable, in the tree and provable), a `Refusal` (nothing of it was
written), `Unavailable` (nothing was written, try again), or `OutcomeUnknown` (the commit was sent and not confirmed).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import asyncpg
import msgspec

from ecrm_privacy.errors import Failure, OutcomeUnknown, Tampered, Unavailable
from ecrm_privacy.ledger import store
from ecrm_privacy.ledger.entry import ANY_SEEN, LEAF_INDEX, Entry
from ecrm_privacy.ledger.failures import EntryRefused, KeyTaken, LogFrozen, StaleSubject
from ecrm_privacy.ledger.merkle import CompactRange, leaf_hash
from ecrm_privacy.sql import Effect, run_all
from ecrm_privacy.vocabulary import SubjectId

BATCH_ENTRIES_MAX = 512
WAITING_ENTRIES_MAX = 4096
TURN_S_MAX = 10.0
ANSWER_S_MAX = 30.0
"""Whoever waits longer is told that the outcome is unknown, whatever holds the writer up."""
# A plan that was made while the tables were small would go on reading them whole when they are large: so that every
# look-up goes by its index, the other ways are switched off for this connection.
_SETTINGS = (
    "set lock_timeout = '4s'; set statement_timeout = '8s'; set idle_in_transaction_session_timeout = '10s';"
    " set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off"
)
_log = logging.getLogger(__name__)

# SQLSTATE classes that blame what an entry brought: data, integrity, syntax and rights, views, limits, `raise`.
_ENTRY_AT_FAULT = frozenset({"22", "23", "42", "44", "54", "P0"})
# An error of these classes at COMMIT means that the server rolled back; after any other the outcome is unknown.
_ROLLED_BACK = _ENTRY_AT_FAULT | {"40"}
_BY_LEAF_INDEX = frozenset({"ledger_entry_pkey", "body_pkey", "statement_pkey"})  # dense indexes never meet twice
_TOO_SLOW = frozenset({"55P03", "57014"})  # a lock or a statement timed out: trying again would make all others wait


class _Doubt(Exception):
    """The server acknowledged a commit in a way that does not mean durable."""


class _Call:
    """One call of `append`: its results as they come in."""

    def __init__(self, count: int) -> None:
        self.future: asyncio.Future[list[int | Failure]] = asyncio.get_running_loop().create_future()
        self._results: list[int | Failure] = [Unavailable("not settled")] * count
        self._open = count

    def settle(self, place: int, result: int | Failure) -> None:
        self._results[place] = result
        self._open -= 1
        if not self._open and not self.future.done():  # done: the caller was cancelled; what it asked for still happens
            self.future.set_result(self._results)


class _Waiting(msgspec.Struct, frozen=True, eq=False):
    entry: Entry
    call: _Call
    place: int

    def settle(self, result: int | Failure) -> None:
        self.call.settle(self.place, result)


class _Turn:
    """What must be known about a turn when it fails."""

    def __init__(self) -> None:
        self.batch: list[_Waiting] = []
        self.committing = False

    def settle(self, make: Callable[[], Failure]) -> None:
        for waiting in self.batch:
            waiting.settle(make())


class Writer:
    """Appends entries to the log; see the module. `connect` opens a connection as the role of the house."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._connect = connect
        self._conn: asyncpg.Connection | None = None
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._batch_max = BATCH_ENTRIES_MAX
        self._tried_again = False
        self._warned = False

    async def start(self) -> None:
        """Start the task. It connects when the first entry comes: a database that is away does not hinder the start."""
        assert self._task is None, "a writer is started once"
        self._task = asyncio.create_task(self._run(), name="ledger writer")

    async def stop(self) -> None:
        """Refuse new entries, write those that wait, and close the connection."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    async def append(self, entries: Sequence[Entry]) -> list[int | Failure]:
        """Append each entry, or say why not; returns after COMMIT, one result per entry in the order given.

        Entries are independent of each other: each is written or refused alone. Entries of one call get ascending leaf
        indexes, except that a further entry about the same subject may come after entries about others. A caller that
        is cancelled while it waits does not take its entries back.
        """
        if not entries:
            return []
        refusal = self._refusal(len(entries))
        if refusal is not None:
            return [refusal] * len(entries)
        call = _Call(len(entries))
        self._queue.extend(_Waiting(entry, call, place) for place, entry in enumerate(entries))
        self._wake.set()
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                return await asyncio.shield(call.future)
        except TimeoutError:
            return [OutcomeUnknown("the ledger did not answer in time")] * len(entries)

    def _refusal(self, count: int) -> Unavailable | None:
        if self._stopping or self._task is None or self._task.done():
            return Unavailable("the ledger writer is not running")
        if self._queue and len(self._queue) + count > WAITING_ENTRIES_MAX:
            return Unavailable("too many entries wait for the ledger writer")
        return None

    async def _run(self) -> None:
        try:
            while self._queue or not self._stopping:
                if self._queue:
                    await self._turn()
                else:
                    self._wake.clear()
                    await self._wake.wait()
        finally:  # also when the task is cancelled: nobody may wait for ever
            self._fail_queue()
            self._drop()

    async def _turn(self) -> None:
        turn = _Turn()
        try:
            async with asyncio.timeout(TURN_S_MAX):
                await self._transact(turn)
        except asyncio.CancelledError:
            turn.settle(OutcomeUnknown if turn.committing else Unavailable)
            raise
        except Exception as problem:  # noqa: BLE001 -- the edge of a job: whatever it was, every caller is answered
            await self._recover(turn, problem)
        else:
            self._tried_again = False
            self._batch_max = min(2 * self._batch_max, BATCH_ENTRIES_MAX)

    async def _transact(self, turn: _Turn) -> None:
        conn = await self._connected()
        await conn.execute("begin")
        head = await store.lock_head().first(conn)
        if head is None:
            raise Unavailable("the log was never opened")
        if head.frozen is not None:
            raise LogFrozen("the log is frozen")
        before = CompactRange.load(head.tree_size, head.edge)
        if before.root() != head.root_hash:
            raise Tampered("the head of the log does not check; verify the ledger before anything is appended to it")
        turn.batch = self._take()
        turn.batch = await self._not_stale(conn, turn.batch)
        await self._append(conn, before, [waiting.entry for waiting in turn.batch])
        self._warned, turn.committing = False, True
        if await conn.execute("commit") != "COMMIT" or self._warned:
            raise _Doubt
        for leaf_index, waiting in enumerate(turn.batch, before.size):
            waiting.settle(leaf_index)

    async def _connected(self) -> asyncpg.Connection:
        if self._conn is None or self._conn.is_closed():
            self._conn = await self._connect()
            self._conn.add_log_listener(self._heard)
            await self._conn.execute(_SETTINGS)
        return self._conn

    def _heard(self, _conn: object, message: Any) -> None:
        # A commit that is cancelled while it waits for a synchronous standby succeeds "with a warning": it may be lost.
        # asyncpg calls listeners in the order of the wire, so this runs before the commit's own answer is seen.
        if message.severity_en == "WARNING":
            self._warned = True

    def _take(self) -> list[_Waiting]:
        """Take a batch in which no subject occurs twice: so effects of different entries never meet in one batch."""
        batch: list[_Waiting] = []
        left: list[_Waiting] = []
        met: set[SubjectId] = set()
        while self._queue and len(batch) < self._batch_max and len(left) < BATCH_ENTRIES_MAX:
            waiting = self._queue.popleft()
            about = _subjects(waiting.entry)
            (batch if met.isdisjoint(about) else left).append(waiting)
            met |= about
        self._queue.extendleft(reversed(left))
        return batch

    async def _not_stale(self, conn: asyncpg.Connection, batch: list[_Waiting]) -> list[_Waiting]:
        subjects = [subject for waiting in batch for subject, _ in _seen(waiting.entry)]
        if not subjects:
            return batch
        newest = {row.subject: row.seen for row in await store.newest(subjects).all(conn)}
        fresh = []
        for waiting in batch:
            if all(newest.get(subject) == seen for subject, seen in _seen(waiting.entry)):
                fresh.append(waiting)
            else:
                waiting.settle(StaleSubject("the subject has a newer entry than the one this was decided by"))
        return fresh

    async def _append(self, conn: asyncpg.Connection, before: CompactRange, batch: list[Entry]) -> None:
        if not batch:
            return
        hashes = [leaf_hash(entry.leaf) for entry in batch]
        appended = await store.append(before, hashes, batch).first(conn)
        assert appended is not None and appended.heads == 1, "the head is locked, nobody else can have moved it"
        await run_all(conn, effects_of(batch, before.size))

    async def _recover(self, turn: _Turn, problem: Exception) -> None:
        """Answer whom we can and put back whom we can try again, before anything is awaited: nobody may be lost."""
        state = (problem.sqlstate or "") if isinstance(problem, asyncpg.PostgresError) else ""
        _log.warning("ledger turn failed: %s %s", type(problem).__name__, state)
        if turn.committing and state[:2] not in _ROLLED_BACK:
            self._drop()
            turn.settle(lambda: OutcomeUnknown("the commit was not confirmed"))
        elif turn.batch and _blames_entry(problem, state):  # before any was taken, none is to blame
            self._halve_or(turn, lambda: _refusal_of(problem, state))
            await self._roll_back()
        else:
            self._drop()
            self._try_again_or_fail(turn, problem, too_slow=state in _TOO_SLOW or isinstance(problem, TimeoutError))

    def _halve_or(self, turn: _Turn, make: Callable[[], Failure]) -> None:
        """Go on with half of the batch until the bad entry stands alone; it alone is refused."""
        if len(turn.batch) > 1:
            self._batch_max = len(turn.batch) // 2
            self._queue.extendleft(reversed(turn.batch))
        else:
            turn.settle(make)

    def _try_again_or_fail(self, turn: _Turn, problem: Exception, *, too_slow: bool) -> None:
        """Try the turn again once, on a new connection; then fail as few as possible."""
        if not turn.batch and (self._tried_again or too_slow or isinstance(problem, Failure)):
            self._tried_again = False
            self._fail_queue(problem)
        elif too_slow:
            turn.settle(lambda: Unavailable("the ledger was too slow"))
        elif not self._tried_again:
            self._tried_again = True
            self._queue.extendleft(reversed(turn.batch))
        else:
            self._halve_or(turn, lambda: Unavailable("the ledger cannot write this now"))

    def _fail_queue(self, why: Exception | None = None) -> None:
        while self._queue:
            known = type(why)(*why.args) if isinstance(why, Failure) else None
            self._queue.popleft().settle(known or Unavailable("the ledger cannot be written now"))

    async def _roll_back(self) -> None:
        try:
            if self._conn is not None:
                await self._conn.execute("rollback", timeout=1)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
            self._drop()

    def _drop(self) -> None:
        """Abort the connection: the server rolls back, and nothing that was read over it is used again.

        Never fails: a driver that stumbles over a connection that broke just now must not take the callers with it.
        """
        conn, self._conn = self._conn, None
        if conn is not None:
            try:
                conn.terminate()
            except Exception as problem:  # noqa: BLE001 -- whatever it is, the connection is not used again
                _log.warning("ledger connection did not end cleanly: %s", type(problem).__name__)


def _blames_entry(problem: Exception, state: str) -> bool:
    # Without a SQLSTATE it is the driver that refused an argument, or our own code that tripped over one.
    return state[:2] in _ENTRY_AT_FAULT if state else isinstance(problem, (TypeError, ValueError, OverflowError))


def _refusal_of(problem: Exception, state: str) -> Failure:
    constraint = getattr(problem, "constraint_name", None)
    if constraint == "reply_pkey":
        return KeyTaken("the Idempotency-Key was taken by an earlier entry")
    if constraint == "subject_key_epoch_closed":
        return StaleSubject("a key of this entry was wrapped under an epoch that was closed since")
    if constraint in _BY_LEAF_INDEX:
        return Tampered("the head of the log is behind its entries; verify the ledger")
    return EntryRefused(state or type(problem).__name__, constraint)


def _subjects(entry: Entry) -> set[SubjectId]:
    about = {subject for subject, _ in entry.also_seen}
    return about if entry.subject is None else about | {entry.subject}


def _seen(entry: Entry) -> Iterable[tuple[SubjectId, int | None]]:
    if entry.subject is not None and entry.seen is not ANY_SEEN:
        assert entry.seen is not LEAF_INDEX, "an entry cannot have seen itself"
        yield entry.subject, entry.seen
    yield from entry.also_seen


def effects_of(batch: Sequence[Entry], first_index: int) -> list[Effect]:
    """Return the effects of a batch as they will run, with each LEAF_INDEX filled in.

    First those that close, in the order of their pseudonyms; then the others, each entry's in its own order. Where
    several entries have the same statement next, those run together: one round trip for all of them. Entries of a batch
    are about different subjects, so theirs may run in any order among each other.
    """
    closing = sorted(
        (
            (pseudonym, _numbered(effect, index))
            for index, entry in enumerate(batch, first_index)
            for pseudonym, effect in entry.closing
        ),
        key=itemgetter(0),
    )
    rest = [
        deque(_numbered(effect, index) for effect in entry.effects)
        for index, entry in enumerate(batch, first_index)
        if entry.effects
    ]
    woven = []
    while rest:
        text = rest[0][0].text
        woven += [effects.popleft() for effects in rest if effects[0].text == text]
        rest = [effects for effects in rest if effects]
    return [effect for _, effect in closing] + woven


def _numbered(effect: Effect, leaf_index: int) -> Effect:
    if not any(arg is LEAF_INDEX for arg in effect.args):
        return effect
    return msgspec.structs.replace(effect, args=tuple(leaf_index if arg is LEAF_INDEX else arg for arg in effect.args))
