"""The gate among ten thousand people and among a million, and what only a million shows.

Both databases stand in one server and are asked in turn. In the larger one every table about people is written anew, as
upkeep does it every day, and all keys are wrapped under a new epoch.
"""

import asyncio
import time
from contextlib import AsyncExitStack

import asyncpg
import msgspec

from ecrm_privacy.app import House, open_house
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.upkeep import PAUSE_S
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.verbs import bar
from tests.bench import multitude, rewrap
from tests.bench.gate import NEED, SHARES, Place, compare
from tests.bench.ground import Ground
from tests.bench.measure import Line, Scale, Table
from tests.bench.people import SIGNALS

LONGER, UNSETTLED = 4, 0.25
"""Rounds are so many times longer, and so much of each is not counted: first the pages of one database make room."""
MET_AT_ONCE = 8
KEEPS_BEHAVIOUR = ("personalization.plugin",)
COPY = "create table bench.copy as table {}"
SIZE = "select pg_database_size(current_database()), current_setting('shared_buffers')"
ROWS = "select reltuples::bigint from pg_class where oid = $1::text::regclass"


async def run(ground: Ground, scale: Scale) -> list[Table]:
    """Measure looks among both crowds, and then the upkeep of the larger."""
    few, many = scale.crowds
    async with AsyncExitStack() as closing:
        places: list[Place] = []
        for count in scale.crowds:
            house, admin = await _open(ground, f"bench_crowd_{count}", closing)
            started = time.perf_counter()
            with bar(f"{count:,} people") as tell:
                people = await multitude.fill(house, admin, count, few, tell)
            took = time.perf_counter() - started
            places.append(Place(count, house, people))
            first = await _write_anew(house)
            await multitude.tidy(admin)
        for place in places:
            await _meet(place)
        longer = msgspec.structs.replace(scale, round_s=LONGER * scale.round_s)
        looks = await compare(places, longer, tuple(SHARES), UNSETTLED)
        upkeep = await _upkeep(house, admin, count, first)
        keys = await admin.fetchval("select count(*) from ecrm.subject_key")
        measured = rewrap.sides(house, admin, people[0].subject, keys)
        rotated = rewrap.table(keys, {name: [await side()] for name, side in measured.items()})
        size, memory = await admin.fetchrow(SIZE)
    told = f"{many:,} people are {size / 1e9:.1f} GB, filled in {took:.0f} s; the server keeps {memory} of pages itself"
    looks[0] = msgspec.structs.replace(looks[0], notes=[*looks[0].notes, told])
    return [*looks, upkeep, rotated]


async def _open(ground: Ground, database: str, closing: AsyncExitStack) -> tuple[House, asyncpg.Connection]:
    """Open a house that keeps behaviour and shows none, on a database of its own, with the epochs beside its key."""
    await ground.make(database)
    config = ground.config(database, plugins=KEEPS_BEHAVIOUR)
    opened = open_house(config, ground.at(database), Keyring.load(config.key_file), renders=False)
    house = await closing.enter_async_context(opened)
    admin = await ground.admin(database)
    closing.push_async_callback(admin.close)
    return house, admin


async def _meet(place: Place) -> None:
    """Look at everybody until they were seen: rounds read from memory, and a disk is waited for here."""
    with bar(f"looked at, of {place.count:,}") as tell:
        for done in range(0, len(place.people), MET_AT_ONCE):
            tell(done, len(place.people))
            unseen = list(place.people[done : done + MET_AT_ONCE])
            while unseen:
                seen = await asyncio.gather(*(place.house.gate.admit(one.caller, (NEED,), SIGNALS) for one in unseen))
                unseen = [one for one, grants in zip(unseen, seen, strict=True) if grants[NEED].is_empty]


async def _write_anew(house: House) -> dict[str, float]:
    """Write every table about people anew, one by one; returns for how many seconds each was closed."""
    closed: dict[str, float] = {}
    with bar("written anew") as tell:
        tables = sorted({table for holder in house.rights.holders for table in holder.tables})
        for number, table in enumerate(tables):
            tell(number, len(tables), table)
            closed[table] = await _written_anew(house, table)
    return closed


async def _written_anew(house: House, table: str) -> float:
    """Write one table anew as upkeep does it, again while somebody is at it; returns the seconds of the last time."""
    while True:
        try:
            async with house.pools.house.acquire() as conn:
                started = time.perf_counter()
                await vault.rewrite(table).run(conn)
                return time.perf_counter() - started
        except Unavailable:
            await asyncio.sleep(PAUSE_S)


async def _upkeep(house: House, admin: asyncpg.Connection, count: int, first: dict[str, float]) -> Table:
    """Set how long each table was closed when people stood in it as they came, and how long all are the next day."""
    rows = {table: await admin.fetchval(ROWS, table) for table in first}
    large = sorted((table for table in first if rows[table] >= count), key=first.__getitem__, reverse=True)
    copied: dict[str, float] = {}
    for table in large:
        started = time.perf_counter()
        await admin.execute(COPY.format(table))
        copied[table] = time.perf_counter() - started
        await admin.execute("drop table bench.copy")
    again = await _write_anew(house)
    lines = [
        Line(f"{table}, {rows[table]:,} rows", "s", [first[table]], [copied[table]], "the rows copied, no index")
        for table in large
    ]
    copies = [sum(copied.values())]
    lines.append(Line("all, one after the other", "s", [sum(first.values())], copies, "the same"))
    lines.append(Line("the longest, the next day", "s", [max(again.values())], [max(copied.values())], "the same"))
    lines.append(Line("all, the next day", "s", [sum(again.values())], copies, "the same"))
    return Table(f"tables written anew, {count:,} people", lines, NOTES)


NOTES = (
    "each table is closed to everybody for so long, and no other meanwhile; rows stood in the order in which people",
    "came, and the next day in that of the table's key, as the day before left them",
)
