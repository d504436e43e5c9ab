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


SHARES = {"p50": 0.5, "p99": 0.99}
FLAT = ("p50",)
"""What of a look among few people stands beside the same among many."""


class Place(NamedTuple):
    """A house in which so many people live, and those of them who are looked at."""

    count: int
    house: House
    people: Sequence[Person]


class Side(NamedTuple):
    """What is measured: among how many people, how many ask at once, and whether the gate is asked or the table."""

    people: int
    callers: int
    what: str


Look = Callable[[Person], Awaitable[bool]]
"""One look; False when nothing was released."""


async def run(ground: Ground, scale: Scale) -> list[Table]:
    """Measure one caller at a time, and as many as there are connections in the other benchmarks."""
    places: list[Place] = []
    async with AsyncExitStack() as closing:
        for count in (scale.few, scale.many):
            name = f"bench_gate_{count}"
            await ground.make(name)
            house = await closing.enter_async_context(ground.house(name))
            admin = await ground.admin(name)
            places.append(Place(count, house, await settle(house, admin, count)))
            await admin.close()
        return await compare(places, scale, FLAT)


async def compare(places: Sequence[Place], scale: Scale, flat: Sequence[str], unsettled: float = 0.0) -> list[Table]:
    """Measure looks beside SELECTs in each place, and the last place beside the first by the words in `flat`.

    The first part of each round, `unsettled` of it, is not counted.
    """
    tally: Counter[str] = Counter()
    sides: dict[Side, Callable[[], Awaitable[list[float]]]] = {}
    for place in places:
        for callers in (1, scale.connections):
            for what, look in (("gate", _gate(place.house)), ("select", _select(place.house))):
                side = Side(place.count, callers, what)
                sides[side] = _round(place.people, callers, scale.round_s, unsettled, look, tally)
    found = await interleave(sides, scale.rounds)
    told = [f"{tally['shut']} looks found the gate shut"] if tally["shut"] else []
    counts = [place.count for place in places]
    return [
        Table("one look at the gate", _beside_select(found, counts, scale.connections), [*NOTES, *told]),
        Table("the gate, more people", _flat(found, counts, scale.connections, flat)),
    ]


NOTES = (
    f"the gate: Gate.admit for `{NEED}`, which opens a name and an address; coalesced over an event-loop turn;",
    "the limit: a pooled connection, one fetchrow by primary key, nothing shared",
)


def _beside_select(found: dict[Side, list[list[float]]], counts: Sequence[int], connections: int) -> list[Line]:
    return [
        Line(
            f"{word}, {callers} at once, {count:,} people", "ms",
            _each(found[Side(count, callers, "gate")], share), _each(found[Side(count, callers, "select")], share),
            "SELECT by primary key", "≤ 2" if word == "p99" else "",
        )
        for count in counts
        for callers in (1, connections)
        for word, share in SHARES.items()
    ]  # fmt: skip


def _flat(
    found: dict[Side, list[list[float]]], counts: Sequence[int], connections: int, flat: Sequence[str]
) -> list[Line]:
    few, many = counts[0], counts[-1]
    return [
        Line(
            f"{word}, {callers} at once, {many:,} people", "ms",
            _each(found[Side(many, callers, what)], SHARES[word]), _each(found[Side(few, callers, what)], SHARES[word]),
            f"the same {called}, {few:,} people", aim,
        )
        for what, called, aim in (("gate", "look", "≤ 1.2"), ("select", "SELECT", ""))
        for callers in (1, connections)
        for word in flat
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
    people: Sequence[Person], callers: int, round_s: float, unsettled: float, look: Look, tally: Counter[str]
) -> Callable[[], Awaitable[list[float]]]:
    """Return a round in which `callers` look again and again; it comes to the seconds that each look took."""
    asking = turns(people)

    async def call(counts_from: float, until: float) -> list[float]:
        took: list[float] = []
        while not took or time.perf_counter() < until:
            person = next(asking)
            started = time.perf_counter()
            opened = await look(person)
            if started >= counts_from:
                took.append(time.perf_counter() - started)
            tally["opened" if opened else "shut"] += 1
        return took

    async def measured() -> list[float]:
        begun, opened = time.perf_counter(), tally["opened"]
        counts_from, until = begun + unsettled * round_s, begun + round_s
        taken = await asyncio.gather(*(call(counts_from, until) for _ in range(callers)))
        found = [took for each in taken for took in each]
        if tally["opened"] == opened:
            raise RuntimeError("the gate opened nothing")
        return found

    return measured
