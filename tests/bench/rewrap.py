"""Rotating an epoch: every key wrapped anew and the table written into a new file, beside the bare cipher.

The limit unwraps and wraps as many keys with the cipher objects and the associated data at hand, and keeps none. Beside
it stands what a look at one key waits for meanwhile, and what the same look waits for when nobody rotates.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ecrm_privacy.app import PATIENCE_S, House, open_house
from ecrm_privacy.roll import Roll
from ecrm_privacy.vault import keys
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vocabulary import Category, SubjectId
from tests.bench.ground import Ground
from tests.bench.measure import Line, Scale, Table, interleave

DATABASE = "bench_rewrap"
KEYS_EACH = 5
"""So many times the many people of the scale."""
CONTACT = Category("contact")
NOTES = (
    "processor and disk: the whole command, with the new file of the table at its end;",
    "a look waits longest while that file is written, because nobody reads keys meanwhile",
)


async def run(ground: Ground, scale: Scale) -> list[Table]:
    """Measure one rotation after the other over the same keys."""
    await ground.make(DATABASE)
    config = ground.config(DATABASE)
    async with open_house(config, ground.at(DATABASE), Keyring.load(config.key_file)) as house:
        admin = await ground.admin(DATABASE)
        count = KEYS_EACH * scale.many
        somebody = await fill(house.keyring, admin, count)
        found = await interleave(sides(house, admin, somebody, count), scale.rounds)
        await admin.close()
    return [table(count, found)]


Side = Callable[[], Awaitable[tuple[float, float]]]
"""Comes to keys per second, and the longest look at a key in ms."""


def sides(house: House, admin: asyncpg.Connection, somebody: SubjectId, count: int) -> dict[str, Side]:
    """Return a rotation of all `count` keys, the same with nothing but the cipher, and a while without rotation."""
    return {
        "rotate": lambda: rotate(house, admin, somebody, count),
        "bare": lambda: _bare(min(count, 20_000)),
        "calm": lambda: _calm(admin, somebody),
    }


def table(count: int, found: Mapping[str, Sequence[tuple[float, float]]]) -> Table:
    """Set what the rounds of `sides` came to."""
    speed, longest = [each[0] for each in found["rotate"]], [each[1] for each in found["rotate"]]
    bare, calm = [each[0] for each in found["bare"]], [each[1] for each in found["calm"]]
    lines = [
        Line("keys wrapped anew", "keys/s", speed, bare, "AES-256-GCM, open and seal", "≥ 50k keys/s"),
        Line("longest look at a key meanwhile", "ms", longest, calm, "the longest without"),
    ]
    return Table(f"rotate {count:,} keys, while somebody looks", lines, NOTES)


async def fill(keyring: Keyring, admin: asyncpg.Connection, count: int) -> SubjectId:
    """Put so many keys into the table; returns the subject of one."""
    subject = SubjectId(uuid4())
    for start in range(0, count, 100_000):
        rows = []
        for _ in range(min(100_000, count - start)):
            subject = SubjectId(uuid4())
            rows.append((subject, CONTACT, 1, keys.new(keyring, subject, CONTACT)[1]))
        await admin.copy_records_to_table(
            "subject_key", schema_name="ecrm", columns=("subject", "category", "version", "wrapped"), records=rows
        )
    await admin.execute("vacuum analyze ecrm.subject_key")
    return subject


async def rotate(house: House, admin: asyncpg.Connection, somebody: SubjectId, count: int) -> tuple[float, float]:
    """Rotate once; returns keys per second, and the longest look in ms."""
    roll = Roll(partial(house.pools.house.acquire, timeout=PATIENCE_S), house.writer.append, house.keyring, 30, 30)
    async with _looking(admin, somebody) as waits:
        started = time.perf_counter()
        done = await roll.rotate(lambda _done, _of: None)
        took = time.perf_counter() - started
    assert done.moved == count
    return count / took, max(waits, default=0.0)


@asynccontextmanager
async def _looking(admin: asyncpg.Connection, somebody: SubjectId) -> AsyncIterator[Sequence[float]]:
    """Look at one key again and again, as the gate does; gives how long each look took, in ms."""
    waits: list[float] = []

    async def look() -> None:
        while True:
            started = time.perf_counter()
            await admin.fetchval("select wrapped from ecrm.subject_key where subject = $1", somebody)
            waits.append((time.perf_counter() - started) * 1e3)
            await asyncio.sleep(0.005)

    looker = asyncio.create_task(look())
    try:
        yield waits
    finally:
        looker.cancel()
        await asyncio.gather(looker, return_exceptions=True)
        await _rest(admin)


async def _rest(admin: asyncpg.Connection) -> None:
    await admin.execute("select 1")


async def _calm(admin: asyncpg.Connection, somebody: SubjectId) -> tuple[float, float]:
    async with _looking(admin, somebody) as waits:
        await asyncio.sleep(0.3)
    return 0.0, max(waits)


async def _bare(count: int) -> tuple[float, float]:
    """Open and seal with everything at hand; returns keys per second."""
    old, new = AESGCM(os.urandom(32)), AESGCM(os.urandom(32))
    nonce, bound = os.urandom(12), os.urandom(40)
    wrapped = old.encrypt(nonce, os.urandom(32), bound)
    started = time.perf_counter()
    for _ in range(count):
        new.encrypt(os.urandom(12), old.decrypt(nonce, wrapped, bound), bound)
    return count / (time.perf_counter() - started), 0.0
