"""One look at the gate, beside a bare SELECT by primary key on the same pool, among few people and among many.

The databases of few and of many people are measured turn by turn in the same rounds, so flatness is a ratio, too.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from ecrm_privacy.app import House
from ecrm_privacy.errors import Unavailable
from tests.bench.ground import Ground
from tests.bench.measure import Line, Scale, Table, at, interleave
from tests.bench.people import SIGNALS, Person, settle, turns

NEED = "slot:greeting"
SELECT = "select name from bench.person where token_hash = $1"


class Side(NamedTuple):
    """What is measured: among how many people, how many ask at once, and whether the gate is asked or the table."""

    people: int
    callers: int
    what: str


Look = Callable[[Person], Awaitable[bool]]
"""One look; False when nothing was released."""


async def run(ground: Ground, scale: Scale) -> list[Table]:
    """Measure one caller at a time, and as many as there are connections in the other benchmarks."""
    tally: Counter[str] = Counter()
    sides: dict[Side, Callable[[], Awaitable[list[float]]]] = {}
    async with AsyncExitStack() as closing:
        for count in (scale.few, scale.many):
            name = f"bench_gate_{count}"
            await ground.make(name)
            house = await closing.enter_async_context(ground.house(name))
            admin = await ground.admin(name)
            people = await settle(house, admin, count)
            await admin.close()
            for callers in (1, scale.connections):
                sides[Side(count, callers, "gate")] = _round(people, callers, scale, _gate(house), tally)
                sides[Side(count, callers, "select")] = _round(people, callers, scale, _select(house), tally)
        found = await interleave(sides, scale.rounds)
    told = [f"{tally['shut']} looks found the gate shut"] if tally["shut"] else []
    return [
        Table("one look at the gate", _beside_select(found, scale), [*NOTES, *told]),
        Table("the gate, more people", _flat(found, scale)),
    ]


NOTES = (
    f"the gate: Gate.admit for `{NEED}`, which opens a name and an address; coalesced over an event-loop turn;",
    "the limit: a pooled connection, one fetchrow by primary key, nothing shared",
)


def _beside_select(found: dict[Side, list[list[float]]], scale: Scale) -> list[Line]:
    return [
        Line(
            f"{word}, {callers} at once, {count:,} people", "ms",
            _each(found[Side(count, callers, "gate")], share), _each(found[Side(count, callers, "select")], share),
            "SELECT by primary key", aim,
        )
        for count in (scale.few, scale.many)
        for callers in (1, scale.connections)
        for word, share, aim in (("p50", 0.5, ""), ("p99", 0.99, "≤ 2"))
    ]  # fmt: skip


def _flat(found: dict[Side, list[list[float]]], scale: Scale) -> list[Line]:
    return [
        Line(
            f"p50, {callers} at once, {scale.many:,} people", "ms",
            _each(found[Side(scale.many, callers, what)], 0.5), _each(found[Side(scale.few, callers, what)], 0.5),
            f"the same {word}, {scale.few:,} people", aim,
        )
        for what, word, aim in (("gate", "look", "≤ 1.2"), ("select", "SELECT", ""))
        for callers in (1, scale.connections)
    ]  # fmt: skip


def _each(rounds: Sequence[Sequence[float]], share: float) -> list[float]:
    return [at(round_, share) * 1000 for round_ in rounds]


def _gate(house: House) -> Look:
    async def look(person: Person) -> bool:
        grant = (await house.gate.admit(person.caller, (NEED,), SIGNALS))[NEED]
        return not grant.is_empty

    return look


def _select(house: House) -> Look:
    async def look(person: Person) -> bool:
        try:
            async with house.pools.gate.acquire() as conn:
                return await conn.fetchrow(SELECT, person.caller.token_hash) is not None
        except Unavailable:
            return False

    return look


def _round(
    people: Sequence[Person], callers: int, scale: Scale, look: Look, tally: Counter[str]
) -> Callable[[], Awaitable[list[float]]]:
    """Return a round in which `callers` look again and again; it comes to the seconds that each look took."""
    asking = turns(people)

    async def call(until: float) -> list[float]:
        took: list[float] = []
        while not took or time.perf_counter() < until:
            person = next(asking)
            started = time.perf_counter()
            opened = await look(person)
            took.append(time.perf_counter() - started)
            tally["opened" if opened else "shut"] += 1
        return took

    async def measured() -> list[float]:
        until, opened = time.perf_counter() + scale.round_s, tally["opened"]
        found = [took for taken in await asyncio.gather(*(call(until) for _ in range(callers))) for took in taken]
        if tally["opened"] == opened:
            raise RuntimeError("the gate opened nothing")
        return found

    return measured
