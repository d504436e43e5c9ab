"""Reads that arrive together go to the database together, and an answer is never older than its question."""

import asyncio
import random
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from ecrm_privacy.database.coalesce import Coalescer
from ecrm_privacy.database.pools import Pools, open_pools
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.sql import Conn

pytestmark = pytest.mark.anyio


class Read:
    """A statement that doubles numbers in the database and remembers who shared it."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def __call__(self, conn: Conn, asks: Sequence[int]) -> list[int]:
        self.batches.append(list(asks))
        rows = await conn.fetch(
            "select n * 2 as twice from unnest($1::int[]) with ordinality as a(n, i) order by i", asks
        )
        return [row["twice"] for row in rows]


async def test_those_of_one_turn_share_one_statement(pools: Pools) -> None:
    """Each gets its own answer, by place."""
    read = Read()
    coalescer = Coalescer(pools.gate, read)
    assert await asyncio.gather(*[coalescer.ask(n) for n in (3, 1, 3, 2)]) == [6, 2, 6, 4]
    assert read.batches == [[3, 1, 3, 2]]


async def test_nothing_is_remembered(pools: Pools) -> None:
    """The same question a turn later is asked again."""
    read = Read()
    coalescer = Coalescer(pools.gate, read)
    assert [await coalescer.ask(1), await coalescer.ask(1)] == [2, 2]
    assert read.batches == [[1], [1]]


async def test_a_statement_is_shared_by_so_many_at_most(pools: Pools) -> None:
    """The rest go with further statements, none is left behind."""
    read = Read()
    coalescer = Coalescer(pools.gate, read, most=4)
    assert await asyncio.gather(*[coalescer.ask(n) for n in range(10)]) == [n * 2 for n in range(10)]
    assert read.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize("seed", range(5))
async def test_an_answer_is_never_older_than_its_question(seed: int, pools: Pools) -> None:
    """Under random arrivals, delays, failures and cancellations, no one joins a statement sent before they came."""
    chance = random.Random(seed)
    clock = 0
    under_way = most_under_way = 0

    async def tell_the_time(conn: Conn, asks: Sequence[int]) -> list[int]:
        nonlocal clock, under_way, most_under_way
        clock += 1
        sent = clock
        assert all(asked < sent for asked in asks)
        under_way += 1
        most_under_way = max(most_under_way, under_way)
        await conn.execute("select pg_sleep($1)", chance.random() / 200)
        under_way -= 1
        if chance.random() < 0.1:
            raise LookupError
        return [sent] * len(asks)

    coalescer = Coalescer(pools.gate, tell_the_time, most=3, wait_s=10, answer_s=10)  # a busy machine takes its time

    async def customer() -> bool:
        nonlocal clock
        await asyncio.sleep(chance.random() / 10)
        clock += 1
        asked = clock
        try:
            async with asyncio.timeout(0.001 if chance.random() < 0.1 else 5):
                return await coalescer.ask(asked) > asked
        except (LookupError, TimeoutError):
            return True

    assert all(await asyncio.gather(*[customer() for _ in range(200)]))
    assert most_under_way > 1


async def test_while_all_connections_are_busy_questions_gather(database) -> None:
    """Those of many turns share the statement that is sent when a connection is free again."""
    pools = await open_pools(database.address, database.passwords, size=1)
    read = Read()
    coalescer = Coalescer(pools.gate, read)
    async with pools.gate.acquire():
        tasks = []
        for n in range(5):
            tasks.append(asyncio.create_task(coalescer.ask(n)))
            await asyncio.sleep(0.01)
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]
    assert read.batches == [[0, 1, 2, 3, 4]]
    await pools.close()


async def test_without_a_connection_in_time_it_is_unavailable(database) -> None:
    """Who came before the wait began is refused; who came later has a wait of their own."""
    pools = await open_pools(database.address, database.passwords, size=1)
    coalescer = Coalescer(pools.gate, Read(), wait_s=0.1)
    async with pools.gate.acquire():
        early = asyncio.create_task(coalescer.ask(1))
        await asyncio.sleep(0.06)
        late = asyncio.create_task(coalescer.ask(2))
        with pytest.raises(Unavailable):
            await early
        assert not late.done()
    assert await late == 4
    await pools.close()


async def test_a_failure_reaches_everybody_who_shared_it_and_nobody_else(pools: Pools) -> None:
    """The next statement is not affected."""

    async def refuse_seven(conn: Conn, asks: Sequence[int]) -> list[int]:
        if 7 in asks:
            raise LookupError
        return list(asks)

    coalescer = Coalescer(pools.gate, refuse_seven)
    told = await asyncio.gather(*[coalescer.ask(n) for n in (6, 7, 8)], return_exceptions=True)
    assert [type(answer) for answer in told] == [LookupError] * 3
    assert await coalescer.ask(6) == 6


async def test_a_lost_connection_is_unavailable(pools: Pools) -> None:
    """The driver's errors stay in this room."""

    async def lose(conn: Conn, asks: Sequence[int]) -> list[int]:
        conn.terminate()
        return [await conn.fetchval("select 1")]

    with pytest.raises(Unavailable):
        await Coalescer(pools.gate, lose).ask(1)


async def test_too_few_answers_answer_nobody_wrongly(pools: Pools) -> None:
    """A statement that loses an answer is a bug that is raised, not a neighbour's answer."""

    async def lose_the_last(conn: Conn, asks: Sequence[int]) -> list[int]:
        return list(asks)[:-1]

    coalescer = Coalescer(pools.gate, lose_the_last)
    told = await asyncio.gather(*[coalescer.ask(n) for n in (1, 2)], return_exceptions=True)
    assert all(isinstance(answer, ValueError) for answer in told)


async def test_who_goes_away_disturbs_nobody(pools: Pools) -> None:
    """A cancelled question is not asked if that is early enough, and the others are answered."""
    read = Read()
    coalescer = Coalescer(pools.gate, read)
    stays, goes = asyncio.create_task(coalescer.ask(1)), asyncio.create_task(coalescer.ask(2))
    await asyncio.sleep(0)
    goes.cancel()
    assert await stays == 2
    assert read.batches == [[1]]
    with pytest.raises(asyncio.CancelledError):
        await goes


async def test_the_statement_carries_nobodys_context(pools: Pools) -> None:
    """What one request binds (its id in the log, say) is not seen in a statement that others share."""
    request = ContextVar("request", default="nobody")
    seen: list[str] = []

    async def look(conn: Conn, asks: Sequence[int]) -> list[int]:
        seen.append(request.get())
        return list(asks)

    request.set("somebody")
    await Coalescer(pools.gate, look).ask(1)
    assert seen == ["nobody"]
