"""The log by itself: group commit beside a transaction per answer, and proofs beside checking them."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from hashlib import sha256
from itertools import cycle

import asyncpg

from ecrm_privacy.app import House, passwords
from ecrm_privacy.database.pools import HOUSE, connect
from ecrm_privacy.errors import Failure
from ecrm_privacy.ledger import merkle, store, tiles
from ecrm_privacy.ledger.merkle import CompactRange
from ecrm_privacy.ledger.record import Change, Entry
from tests.bench.answers import changes_of, entries
from tests.bench.ground import Ground
from tests.bench.measure import Line, Scale, Table, at, each_us, interleave

CONNECTIONS_MOST = 64
PURPOSES = (1, 6)
NOTES = (
    "an append: leaf, tree, tiles, sealed body, status rows, the subject's state; durable when it returns;",
    "one transaction each: the same for one entry at a time, every waiter on a connection of its own (64 at most)",
)


async def run(ground: Ground, scale: Scale) -> list[Table]:
    """Measure appending and proving."""
    await ground.make("bench_log")
    lines: list[Line] = []
    async with ground.house("bench_log") as house:
        for waiters in scale.waiters:
            for purposes in PURPOSES:
                lines += await _appending(ground, house, waiters, changes_of(house)[:purposes], scale)
    return [Table("group commit", lines, NOTES), _proving(scale)]


async def _appending(ground: Ground, house: House, waiters: int, changes: Sequence[Change], scale: Scale) -> list[Line]:
    took: list[list[float]] = []

    async def grouped(one: Entry) -> None:
        outcome = (await house.writer.append([one]))[0]
        if isinstance(outcome, Failure):
            raise outcome

    async with AsyncExitStack() as closing:
        conns: asyncio.Queue[asyncpg.Connection] = asyncio.Queue()
        for _ in range(min(waiters, CONNECTIONS_MOST)):
            conn = await connect(ground.at("bench_log"), HOUSE, passwords(ground.keyring)[HOUSE])
            closing.push_async_callback(conn.close)
            conns.put_nowait(conn)

        async def alone(one: Entry) -> None:
            conn = await conns.get()
            await _transaction(conn, one)
            conns.put_nowait(conn)

        found = await interleave(
            {
                "grouped": _round(waiters, grouped, changes, scale, 15_000, took),
                "alone": _round(waiters, alone, changes, scale, 2_000, []),
            },
            scale.rounds,
        )
    what = f"{waiters} waiting, {len(changes)} purpose{'s' if len(changes) > 1 else ''}"
    aim = "≥ 20" if waiters >= 128 and len(changes) == 1 else ""
    lines = [Line(what, "/s", found["grouped"], found["alone"], "one transaction each", aim)]
    if waiters == 1:
        own = [at(each, 0.5) * 1000 for each in took[1:]]
        lines.append(Line(f"{what}, p50", "ms", own, [1000 / rate for rate in found["alone"]], "one transaction each"))
    return lines


async def _transaction(conn: asyncpg.Connection, one: Entry) -> None:
    async with conn.transaction():
        head = await store.lock_head().first(conn)
        assert head is not None, "the log was opened"
        before = CompactRange.load(head.tree_size, head.edge)
        await store.append(before, [merkle.leaf_hash(one.leaf)], [one]).first(conn)


def _round(
    waiters: int,
    act: Callable[[Entry], Awaitable[None]],
    changes: Sequence[Change],
    scale: Scale,
    most_per_s: int,
    took: list[list[float]],
) -> Callable[[], Awaitable[float]]:
    """Return a round of `waiters` who act again and again; the entries are made before the clock starts."""

    async def measured() -> float:
        ready = deque(entries(changes, int(scale.round_s * (1_000 if waiters == 1 else most_per_s)) + waiters))
        own: list[float] = []
        started = time.perf_counter()

        async def wait() -> None:
            while ready and time.perf_counter() < started + scale.round_s:
                one, began = ready.popleft(), time.perf_counter()
                await act(one)
                own.append(time.perf_counter() - began)

        await asyncio.gather(*(wait() for _ in range(waiters)))
        took.append(own)
        return len(own) / (time.perf_counter() - started)

    return measured


def _proving(scale: Scale) -> Table:
    lines = []
    for size in (scale.few, 50 * scale.many):
        hashes = [sha256(number.to_bytes(8, "big")).digest() for number in range(size)]
        opened = _cut(hashes)
        indexes = cycle(index * 7919 % size for index in range(1000))
        path, root = tiles.hashes(tiles.inclusion(0, size), opened), merkle.root(hashes)
        prove = partial(_prove, indexes, size, opened)
        check = partial(merkle.verify_inclusion, hashes[0], 0, size, path, root)
        ours = [1e6 / each_us(prove, scale.round_s / 3) for _ in range(scale.rounds)]
        limit = [1e6 / each_us(check, scale.round_s / 3) for _ in range(scale.rounds)]
        lines.append(Line(f"proofs from warm tiles, of {size:,}", "/s", ours, limit, "checking such a proof"))
    return Table("proofs", lines, ("processor time; the tiles are in memory, as a worker keeps those it met",))


def _prove(indexes: Iterator[int], size: int, opened: Mapping[tiles.Tile, tiles.Opened]) -> None:
    path = tiles.inclusion(next(indexes), size)
    tiles.hashes(path, {tile: opened[tile] for tile in tiles.needed(path, size)})


def _cut(hashes: Sequence[bytes]) -> dict[tiles.Tile, tiles.Opened]:
    opened: dict[tiles.Tile, tiles.Opened] = {}
    for tile in tiles.tiles_of(len(hashes)):
        level = [
            opened[tiles.Tile(tile.level - 1, number, tiles.WIDTH)][-1][0]
            for number in range(tile.number * tiles.WIDTH, tile.number * tiles.WIDTH + tile.width)
        ] if tile.level else hashes[tile.number * tiles.WIDTH :][: tile.width]  # fmt: skip
        opened[tile] = tiles.open_tile(tile, b"".join(level))
    return opened
