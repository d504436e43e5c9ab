"""Opens every body, folds everybody's, and compares with the rows of current answers, one subject after the other.

Bodies come in the order of subjects, a few hundred at a time, and while these are opened and folded the server already
gets the next ones ready. A subject's answers come as one text: most of the time it is only compared.
"""

import asyncio
import hmac
import re
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.change import Change, Standing, State, StateChange, fold
from ecrm_privacy.ledger.entry import OPEN_BYTES
from ecrm_privacy.ledger.record import parse
from ecrm_privacy.ledger.verify.report import Progress, Wrong
from ecrm_privacy.sql import Conn

BODIES_AT_ONCE = 500
SUBJECTS_PER_TURN = 50
"""After so many the event loop has its turn, which takes in what the server sent meanwhile."""


class SealedBody(msgspec.Struct, frozen=True):
    """A body as it is stored: what an opener gets."""

    leaf_index: int
    subject: UUID | None
    receipt_hash: bytes
    sealed: bytes
    wrapped_for_receipt: bytes
    wrapped_for_subject: bytes | None


Opened = tuple[bytes, bytes] | Tampered | None
Opener = Callable[[Sequence[SealedBody]], Awaitable[Iterable[Opened]]]
"""Is awaited for what must be read to open some bodies; then gives of each, in order, (payload, open), or None when no
key opens it, or `Tampered` when it was altered. What is costly is best done while that is iterated.

It may read over the connection that is being checked, and then sees the same snapshot. Over another one it may miss the
keys of somebody who is erased meanwhile, which looks like rows that no body vouches for.
"""


class Differs(NamedTuple):
    """A subject whose rows are not what its bodies say.

    `standing` is what they say; None where that cannot be told, because a body does not open, or a row names one that
    is not there.
    """

    subject: UUID | None
    wrong: Wrong
    standing: Standing | None


class Share(msgspec.Struct, frozen=True):
    """One of `of` shares of all subjects, by their random names, so that shares are alike; counted from 0."""

    number: int = 0
    of: int = 1

    def bounds(self) -> tuple[UUID, UUID]:
        """Return the first and the last name of this share."""
        whole = 1 << 128
        return UUID(int=whole * self.number // self.of), UUID(int=whole * (self.number + 1) // self.of - 1)


EVERYBODY = Share()
_BODIES = (
    "select b.subject, b.leaf_index, e.leaf, b.receipt_hash, b.sealed, b.wrapped_for_receipt, b.wrapped_for_subject"
    " from ecrm.body b left join ecrm.ledger_entry e using (leaf_index)"
)
_FIELD, _ROW = "\x1f", "\x1e"
# With their count, lines are compared without doubt: whoever puts a separator into a word has one too many.
_ANSWERS = """
    select subject, count(*), string_agg(purpose || e'\\x1f' || channel || e'\\x1f' || recipient || e'\\x1f' || status
        || e'\\x1f' || notice || e'\\x1f' || since || e'\\x1f' || coalesce(until::text, '') || e'\\x1f'
        || case when by_parent then 'parent' else '' end || e'\\x1f' || leaf_index,
        e'\\x1e')
    from ecrm.consent_status {where} group by subject order by subject
"""
_STATES = (
    "select subject, regime, restricted, adult_from, gpc, leaf_index from ecrm.subject_state {where} order by subject"
)


class _Sorted:
    """Rows that come sorted by their first column, the subject."""

    def __init__(self, cursor: Any, at_once: int = 2 * BODIES_AT_ONCE) -> None:
        self.cursor, self.at_once = cursor, at_once
        self.rows: deque[Any] = deque()
        self.more = True

    async def ahead(self) -> None:
        found = await self.cursor.fetch(self.at_once)
        self.more = len(found) == self.at_once
        self.rows.extend(found)

    async def chunk(self) -> list[Any]:
        """Take the next rows, all of each subject that is among them."""
        while self.more and (not self.rows or self.rows[0][0] == self.rows[-1][0]):
            await self.ahead()
        left: list[Any] = []
        while self.more and self.rows[-1][0] != self.rows[0][0] and (not left or left[-1][0] == self.rows[-1][0]):
            left.append(self.rows.pop())
        found, self.rows = list(self.rows), deque(reversed(left))
        return found

    async def until(self, subject: UUID | None) -> dict[UUID, Any]:
        """Take the one row of each subject as far as this one, or all that are left."""
        found = {}
        while self.rows or self.more:
            if not self.rows:
                await self.ahead()
            while self.rows and (subject is None or self.rows[0][0] <= subject):
                row = self.rows.popleft()
                found[row[0]] = row
            if self.rows:
                break
        return found


class _Chunk(NamedTuple):
    bodies: list[Any]
    opened: Iterator[Opened]
    answers: Mapping[UUID, Any]
    states: Mapping[UUID, Any]

    def subjects(self) -> Iterator[tuple[UUID | None, list[tuple[Any, Opened]]]]:
        """Give each subject with its bodies, and then those that have rows and no body."""
        bodied: set[UUID | None] = set()
        for subject, rows in groupby(zip(self.bodies, self.opened, strict=True), lambda pair: pair[0][0]):
            bodied.add(subject)
            yield subject, list(rows)
        for subject in sorted((self.answers.keys() | self.states.keys()) - bodied):
            yield subject, []


class Replay:
    """Folds the bodies of a share of everybody, or of some subjects, over a connection that is in a transaction.

    What links to nobody is in the first share.
    """

    def __init__(
        self, conn: Conn, opener: Opener, progress: Progress | None = None, among: Share | Sequence[UUID] = EVERYBODY
    ) -> None:
        self.conn, self.opener, self.progress = conn, opener, progress or (lambda _what, _done, _of: None)
        self.among = among
        self.payloads, self.lines = Payloads(), Lines()
        self.opened = self.unopened = self.subjects = self.total = 0

    async def differences(self) -> AsyncIterator[Differs]:
        """Give every subject whose rows are not what its bodies say, and every body that is not what its leaf says."""
        await self.conn.execute("set local datestyle = 'ISO'")
        self.total = await self.conn.fetchval("select count(*) from ecrm.body")
        if isinstance(self.among, Share):
            self.total //= self.among.of  # about: what is shown of it is how far it has come
        if isinstance(self.among, Share) and self.among.number == 0:
            async for found in self._strangers():
                yield found
        bodies, answers, states = await self._sorted()
        ahead = asyncio.create_task(self._chunk(bodies, answers, states))
        try:
            while (chunk := await ahead) is not None:
                ahead = asyncio.create_task(self._chunk(bodies, answers, states))
                for number, (subject, own) in enumerate(chunk.subjects()):
                    if number % SUBJECTS_PER_TURN == 0:
                        await asyncio.sleep(0)
                    differs = self._compare(chunk, subject, own)
                    if differs is not None:
                        yield differs
                self.progress("bodies", self.opened + self.unopened, self.total)
        finally:
            ahead.cancel()
            with suppress(asyncio.CancelledError):
                await ahead

    async def _sorted(self) -> tuple[_Sorted, _Sorted, _Sorted]:
        which, args = (
            ("between $1 and $2", self.among.bounds())
            if isinstance(self.among, Share)
            else ("= any($1::uuid[])", (self.among,))
        )
        bodies = f"{_BODIES} where b.subject {which} order by b.subject, b.leaf_index"
        where = f"where subject {which}"
        return (
            _Sorted(await self.conn.cursor(bodies, *args), BODIES_AT_ONCE),
            _Sorted(await self.conn.cursor(_ANSWERS.format(where=where), *args)),
            _Sorted(await self.conn.cursor(_STATES.format(where=where), *args)),
        )

    async def _strangers(self) -> AsyncIterator[Differs]:
        """Give what is wrong with bodies that link to nobody: they open to their leaf, if anything opens them here."""
        cursor = await self.conn.cursor(_BODIES + " where b.subject is null order by b.leaf_index")
        while rows := await cursor.fetch(BODIES_AT_ONCE):
            for row, opened in zip(rows, await self._open(rows), strict=True):
                try:
                    self._payload(row, opened)
                except Wrong as wrong:
                    yield Differs(None, wrong, None)
            self.progress("bodies", self.opened + self.unopened, self.total)

    async def _chunk(self, bodies: _Sorted, answers: _Sorted, states: _Sorted) -> _Chunk | None:
        rows = await bodies.chunk()
        last = rows[-1][0] if rows and (bodies.rows or bodies.more) else None
        chunk = _Chunk(rows, await self._open(rows), await answers.until(last), await states.until(last))
        return chunk if rows or chunk.answers or chunk.states else None

    async def _open(self, rows: Sequence[Any]) -> Iterator[Opened]:
        if not rows:
            return iter(())
        return iter(await self.opener([SealedBody(row[1], row[0], row[3], row[4], row[5], row[6]) for row in rows]))

    def _compare(self, chunk: _Chunk, subject: UUID | None, own: Sequence[tuple[Any, Opened]]) -> Differs | None:
        assert subject is not None, "bodies without a subject were looked at before"
        self.subjects += 1
        unopened = self.unopened
        try:
            standing = self._fold(own)
        except Wrong as wrong:
            return Differs(subject, wrong, None)
        answers, states = chunk.answers.get(subject), chunk.states.get(subject)
        differs = difference(self.lines, standing, answers, states)
        if differs is None:
            return None
        vouched = self.unopened == unopened and _named(answers, states) <= {row[1] for row, _ in own}
        return Differs(subject, differs, standing if vouched else None)

    def _fold(self, own: Iterable[tuple[Any, Opened]]) -> Standing:
        standing = Standing()
        for row, opened in own:
            payload = self._payload(row, opened)
            if payload is not None:
                try:
                    changes, state = self.payloads.read(payload)
                except Tampered as tampered:
                    raise Wrong(row[1], f"leaf {row[1]}: {tampered}") from None
                standing = fold(standing, row[1], changes, state)
        return standing

    def _payload(self, row: Any, opened: Opened) -> bytes | None:
        _, leaf_index, leaf = row[:3]
        if leaf is None:
            raise Wrong(leaf_index, f"a body names leaf {leaf_index}, which the log does not have")
        if isinstance(opened, Tampered):
            raise Wrong(leaf_index, f"the body of leaf {leaf_index} was altered")
        if opened is None:
            self.unopened += 1
            return None
        payload, open = opened
        if len(open) != OPEN_BYTES or leaf != _SUBJECT_LEAF % b64encode(hmac.digest(open, payload, "sha256")):
            raise Wrong(leaf_index, f"leaf {leaf_index} does not commit to its body")
        self.opened += 1
        return payload


_SUBJECT_LEAF = b'{"v":1,"t":"subject","c":"%s"}'


class Lines:
    """Writes answers as the server does, and remembers it for the very objects that `Payloads` remembers."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Change, str]] = {}

    def of(self, change: Change, leaf_index: int) -> str:
        """Return an answer as one line."""
        known = self._known.get(id(change))
        if known is None or known[0] is not change:
            if len(self._known) >= 16 * KNOWN_MAX:
                self._known.clear()
            known = self._known[id(change)] = (change, _words(change))
        return f"{known[1]}{leaf_index}"


def _words(change: Change) -> str:
    until = "" if change.until is None else change.until.isoformat()
    said_by = "parent" if change.by_parent else ""
    words = (*change.rule, change.status.value, change.notice, change.since.isoformat(), until, said_by, "")
    return _FIELD.join(words)


def difference(lines: Lines, standing: Standing, answers: Any, states: Any) -> Wrong | None:
    """Compare one subject's stored rows with the fold; the earliest leaf whose word is not kept is named."""
    said = [lines.of(change, leaf_index) for change, leaf_index in standing.rows.values()]
    stored = answers[2].split(_ROW) if answers else []
    if len(said) != (answers[1] if answers else 0) or set(said) != set(stored):
        at = _earliest(standing, said, stored)
        return Wrong(at, f"a row of current answers is not what the body of leaf {at} says")
    kept = State(*states[1:]) if states else None
    if kept != standing.state:
        at = min(state.leaf_index for state in (kept, standing.state) if state is not None)
        return Wrong(at, f"the state of the subject of leaf {at} is not what its bodies say")
    return None


def _named(answers: Any, states: Any) -> set[int]:
    """Return the leaf indexes that a subject's rows name."""
    last = [line.rpartition(_FIELD)[2] for line in answers[2].split(_ROW)] if answers else []
    return {int(index) for index in last if index.isdecimal()} | ({states[-1]} if states else set())


def _earliest(standing: Standing, said: Sequence[str], stored: Sequence[str]) -> int:
    answers = zip(said, standing.rows.values(), strict=True)
    wrong = [leaf_index for line, (_, leaf_index) in answers if line not in stored]
    for line in set(stored) - set(said):
        *words, leaf_index = line.split(_FIELD)
        if tuple(words[:3]) not in standing.rows and leaf_index.isdecimal():
            wrong.append(int(leaf_index))
    return min(wrong, default=standing.state.leaf_index if standing.state else 0)


Said = tuple[tuple[Change, ...], StateChange | None]
KNOWN_MAX = 1024
_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BEFORE_ID, _BEFORE_TIME = b'"@id":"urn:uuid:', b'"dct:created":"'
_ID_HERE, _TIME_HERE = b"\x00", b"\x01"


class Payloads:
    """Reads what payloads say, exactly as `parse` does, and remembers it for those that differ in id and time alone.

    A canonical text stays one when its record id is exchanged for another wherever it stands, and its time likewise:
    both are rendered in one way only. So a text whose frame (what is left without them) was parsed before says the
    same. Neither mark of the frame can stand in JSON, and what was said never holds the id or the time.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Said] = {}

    def read(self, payload: bytes) -> Said:
        """Return changes and state of a payload; raises `Tampered` for what `parse` refuses."""
        frame = _frame(payload)
        found = None if frame is None else self._known.get(frame)
        if found is None:
            event = parse(payload)
            found = (event.changes, event.state)
            told_at_once = event.indicated_at is None  # an older answer has two times, whose order is checked
            if told_at_once and frame is not None and frame == _frame(payload, msgspec.json.encode(found)):
                if len(self._known) >= KNOWN_MAX:
                    self._known.clear()
                self._known[frame] = found
        return found


def _frame(payload: bytes, said: bytes = b"") -> bytes | None:
    """Return the text with marks for its record id and its time; None when they are not where they should be.

    None also when one of them occurs in `said`.
    """
    begin = payload.find(_BEFORE_ID) + len(_BEFORE_ID)
    record_id = payload[begin : begin + 36]
    begin = payload.find(_BEFORE_TIME) + len(_BEFORE_TIME)
    time = payload[begin : payload.find(b'"', begin)]
    if not _ID.fullmatch(record_id) or not _is_canonical(time) or record_id in said or time in said:
        return None
    if _ID_HERE in payload or _TIME_HERE in payload:
        return None
    return payload.replace(record_id, _ID_HERE).replace(time, _TIME_HERE)


def _is_canonical(time: bytes) -> bool:
    quoted = b'"%s"' % time
    try:
        return time.endswith(b"Z") and msgspec.json.encode(msgspec.json.decode(quoted, type=datetime)) == quoted
    except msgspec.MsgspecError:
        return False
