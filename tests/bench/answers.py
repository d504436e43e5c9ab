"""Durable answers per second, in process: the whole desk and the ledger's writer, beside bare inserts that commit.

Every round has as many callers as it says, and each comes again as soon as it was answered.
"""

import asyncio
import os
import secrets
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from hashlib import sha256
from uuid import uuid4

import asyncpg
import msgspec

from ecrm_privacy.app import House, passwords
from ecrm_privacy.consent.answer import Said, SaidAnswer
from ecrm_privacy.database.pools import HOUSE, connect
from ecrm_privacy.errors import Failure, Unavailable
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.ledger.record import Body, Change, Entry, LeafType, StateChange, leaf
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.verbs import site_of
from ecrm_privacy.vocabulary import Answer, ConsentStatus, ExpressionMethod, NoticeVersion, SubjectId
from tests.bench.ground import Ground
from tests.bench.measure import Line, Scale, Table, interleave
from tests.bench.people import SIGNALS

CONNECTIONS_MOST = 64
"""The embedded server takes a hundred; the house itself holds some of them."""
SEALED_BYTES = 300
"""About what a sealed answer to every purpose has: what the bare inserts write."""
INSERT = "insert into bench.answer (body) values ($1)"

Act = Callable[[], Awaitable[bool]]
"""One attempt; False when it was refused for now."""


async def run(ground: Ground, scale: Scale) -> list[Table]:
    """Measure answers at each number of waiters."""
    await ground.make("bench_answers")
    lines: list[Line] = []
    refused: Counter[int] = Counter()
    async with ground.house("bench_answers") as house:
        for waiters in scale.waiters:
            lines += await _at(ground, house, waiters, scale, refused)
    told = [f"at {waiters} waiting, {count} were told to come again" for waiters, count in refused.items()]
    return [Table("durable answers, in process", lines, [*NOTES, *told])]


NOTES = (
    "an answer: a first yes to every purpose, which makes a subject, its keys, pseudonyms, a session and a receipt;",
    f"an entry: the same without desk and vault; a bare insert: {SEALED_BYTES} random bytes, one row;",
    f"one each: every waiter has a connection of its own ({CONNECTIONS_MOST} at most) and commits every row;",
    "pipelined: one connection, as many rows to a commit as there are waiters",
)


async def _at(ground: Ground, house: House, waiters: int, scale: Scale, refused: Counter[int]) -> list[Line]:
    async with AsyncExitStack() as closing:
        conns = [await _connect(ground, closing) for _ in range(min(waiters, CONNECTIONS_MOST))]
        sides = {
            "answers": _closed_loop(waiters, scale, lambda _: _answer(house, waiters, refused)),
            "entries": _entries(house, waiters, scale),
            "one": _closed_loop(1, scale, lambda _: _insert(conns[0])),
            "pipelined": pipelined(conns[0], waiters, scale),
        }
        if waiters > 1:
            sides["each"] = _closed_loop(len(conns), scale, lambda number: _insert(conns[number]))
        found = await interleave(sides, scale.rounds)
    limits = {"one": "one insert to a commit, one connection", "each": f"the same, {len(conns)} connections"}
    limits["pipelined"] = f"{waiters} pipelined inserts to a commit"
    return [
        Line(f"{what}, {waiters} waiting", "/s", found[what], found[name], limits[name])
        for what in ("answers", "entries")
        for name in ("one", "each", "pipelined")
        if name in found and not (waiters == 1 and name == "pipelined")
    ]


async def _connect(ground: Ground, closing: AsyncExitStack) -> asyncpg.Connection:
    conn = await connect(ground.at("bench_answers"), HOUSE, passwords(ground.keyring)[HOUSE])
    closing.push_async_callback(conn.close)
    return conn


def _closed_loop(callers: int, scale: Scale, act: Callable[[int], Act]) -> Callable[[], Awaitable[float]]:
    """Return a round in which each of `callers` acts again and again; it comes to acts per second."""

    async def call(number: int, until: float) -> int:
        one, count = act(number), 0
        while time.perf_counter() < until:
            count += await one()
        return count

    async def measured() -> float:
        started = time.perf_counter()
        counts = await asyncio.gather(*(call(number, started + scale.round_s) for number in range(callers)))
        return sum(counts) / (time.perf_counter() - started)

    return measured


def _insert(conn: asyncpg.Connection) -> Act:
    async def insert() -> bool:
        await conn.execute(INSERT, os.urandom(SEALED_BYTES))
        return True

    return insert


def pipelined(conn: asyncpg.Connection, rows: int, scale: Scale) -> Callable[[], Awaitable[float]]:
    """Return a round of inserts of which `rows` share a commit; it comes to rows per second."""

    async def measured() -> float:
        started, count = time.perf_counter(), 0
        while time.perf_counter() < started + scale.round_s:
            await conn.executemany(INSERT, [(os.urandom(SEALED_BYTES),) for _ in range(rows)])
            count += rows
        return count / (time.perf_counter() - started)

    return measured


def yes_to_everything(bundle: Bundle) -> Said:
    """Return what somebody says who accepts all that can be chosen."""
    notice = bundle.current_notice(next(iter(bundle.sites.values())).notice)
    answers = [SaidAnswer(name, Answer.GIVEN) for name in notice.purposes if not bundle.purposes[name].required]
    return Said(NoticeVersion(notice.name), tuple(answers), ExpressionMethod.ACCEPT_ALL)


def _answer(house: House, waiters: int, refused: Counter[int]) -> Act:
    said, where = yes_to_everything(house.hallway.bundle), site_of(house)
    body = msgspec.json.encode(said)

    async def answer() -> bool:
        try:
            await house.desk.take(Caller(), said, SIGNALS, where, idempotency_key=secrets.token_hex(16), body=body)
        except Unavailable:
            refused[waiters] += 1
            return False
        return True

    return answer


def _entries(house: House, waiters: int, scale: Scale) -> Callable[[], Awaitable[float]]:
    """Return a round of appending, with the entries made before the clock starts."""
    changes = changes_of(house)

    async def append(ready: deque[Entry], until: float) -> int:
        count = 0
        while ready and time.perf_counter() < until:
            outcome = (await house.writer.append([ready.popleft()]))[0]
            if isinstance(outcome, Failure):
                raise outcome
            count += 1
        return count

    async def measured() -> float:
        ready = deque(entries(changes, int(scale.round_s * (1_000 if waiters == 1 else 15_000)) + 1))
        started = time.perf_counter()
        counts = await asyncio.gather(*(append(ready, started + scale.round_s) for _ in range(waiters)))
        return sum(counts) / (time.perf_counter() - started)

    return measured


def changes_of(house: House) -> tuple[Change, ...]:
    """Return what such an answer changes for its subject."""
    said = yes_to_everything(house.hallway.bundle)
    today = datetime.now(UTC).date()
    return tuple(
        Change(purpose=one.purpose, status=ConsentStatus.GIVEN, notice=said.notice, since=today) for one in said.answers
    )


def entries(changes: Sequence[Change], count: int) -> list[Entry]:
    """Make `count` entries of as many subjects, with random bytes for what would be sealed."""
    return [_entry(changes) for _ in range(count)]


def _entry(changes: Sequence[Change]) -> Entry:
    seed = os.urandom(32)
    body = Body(sha256(seed).digest(), os.urandom(SEALED_BYTES), os.urandom(50), os.urandom(66))
    return Entry(
        leaf=leaf(LeafType.SUBJECT, seed), subject=SubjectId(uuid4()), body=body, changes=tuple(changes),
        state=StateChange(regime=SIGNALS.regime),
    )  # fmt: skip
