"""What is owed is done: at least once, by whoever comes, and what cannot be done is kept and shown."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from ecrm_privacy.database.pools import Pools
from ecrm_privacy.delivery import jobs, store
from ecrm_privacy.delivery.jobs import ATTEMPTS_MAX, Runner
from ecrm_privacy.errors import Unavailable
from tests.houses import Opened, logged

pytestmark = pytest.mark.anyio


class Errand(msgspec.Struct, frozen=True):
    """A payload."""

    name: str


def runner(pools: Pools, handler: Callable[[str], Awaitable[None]]) -> Runner:
    return Runner(pools.house.acquire, {"errand": handler})


async def owe(house: asyncpg.Connection, name: str = "one", **more: int) -> None:
    await store.enqueue("errand", Errand(name), **more).run(house)


async def test_a_job_is_done_once_and_struck_off(pools: Pools, house: asyncpg.Connection) -> None:
    """Due ones in the order in which they fell due; later ones not yet."""
    done: list[str] = []

    async def do(payload: str) -> None:
        done.append(msgspec.json.decode(payload, type=Errand).name)

    for name in ("one", "two"):
        await owe(house, name)
    await owe(house, "later", after_days=30)
    assert await runner(pools, do).drain() == 2
    assert done == ["one", "two"]
    assert await house.fetchval("select count(*) from ecrm.job") == 1


async def test_two_runners_share_the_work(pools: Pools, house: asyncpg.Connection) -> None:
    """A job that one holds is not the other's."""
    done: list[str] = []

    async def do(payload: str) -> None:
        await asyncio.sleep(0.01)
        done.append(payload)

    for n in range(12):
        await owe(house, str(n))
    counts = await asyncio.gather(runner(pools, do).drain(), runner(pools, do).drain())
    assert sum(counts) == len(done) == len(set(done)) == 12


async def test_a_job_whose_runner_died_is_done_by_the_next(pools: Pools, house: asyncpg.Connection) -> None:
    """When its lease is over."""
    done: list[str] = []

    async def die(_payload: str) -> None:
        raise asyncio.CancelledError

    async def do(payload: str) -> None:
        done.append(payload)

    await owe(house)
    with pytest.raises(asyncio.CancelledError):
        await runner(pools, die).step()
    assert await runner(pools, do).drain() == 0
    await house.execute("update ecrm.job set leased_until = now() - interval '1 second'")
    assert await runner(pools, do).drain() == 1 and len(done) == 1


async def test_a_long_job_is_not_taken_by_another(
    pools: Pools, house: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease is renewed while it runs: nobody else finds it due, however long it takes."""
    monkeypatch.setattr(jobs, "LEASE_S", 3.0)
    monkeypatch.setattr(jobs, "RENEW_S", 0.1)
    done: list[str] = []

    async def do(payload: str) -> None:
        lease = await house.fetchval("select leased_until from ecrm.job")
        while await house.fetchval("select now() <= $1", lease):
            await asyncio.sleep(0.05)
        done.append(payload)

    await owe(house)
    first = asyncio.create_task(runner(pools, do).step())
    others = 0
    while not first.done():
        await asyncio.sleep(0.05)
        others += await runner(pools, do).step()
    assert (await first, others, len(done)) == (True, 0, 1)
    assert await house.fetchval("select count(*) from ecrm.job") == 0


async def test_a_lost_lease_ends_the_job_and_strikes_nothing_off(
    pools: Pools, house: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was away so long that another took the job stops, and leaves it to the other."""
    monkeypatch.setattr(jobs, "RENEW_S", 0.1)
    done: list[str] = []

    async def do(payload: str) -> None:
        await house.execute("update ecrm.job set attempts = attempts + 1, leased_until = now() + interval '1 hour'")
        await asyncio.sleep(10.0)
        done.append(payload)

    await owe(house)
    with logged():
        assert await runner(pools, do).step()
    assert done == []
    assert await house.fetchval("select leased_until > now() from ecrm.job")


async def test_a_late_finisher_strikes_nothing_off(pools: Pools, house: asyncpg.Connection) -> None:
    """What another has taken is struck off by the other alone, done or failed."""

    async def do(payload: str) -> None:
        await house.execute("update ecrm.job set attempts = attempts + 1, leased_until = now() + interval '1 hour'")
        if "bad" in payload:
            raise ValueError

    for name in ("good", "bad"):
        await owe(house, name)
        with logged():
            assert await runner(pools, do).step()
        assert await house.fetchval("select leased_until > now() from ecrm.job where payload like $1", f"%{name}%")


async def test_a_stop_lets_the_job_end(pools: Pools, house: asyncpg.Connection) -> None:
    """A job that runs when the service stops is finished, and no other is begun."""
    began, done = asyncio.Event(), []

    async def do(payload: str) -> None:
        began.set()
        await asyncio.sleep(0.5)
        done.append(payload)

    await owe(house, "one")
    await owe(house, "two")
    working = runner(pools, do)
    working.start()
    await asyncio.wait_for(began.wait(), 10)
    await working.stop()
    assert len(done) == 1
    assert await house.fetchval("select count(*) from ecrm.job where leased_until is null") == 1


async def test_a_stop_does_not_wait_for_ever(
    pools: Pools, house: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that takes longer than the grace time is ended, and is still owed."""
    monkeypatch.setattr(jobs, "GRACE_S", 0.2)
    began = asyncio.Event()

    async def do(_payload: str) -> None:
        began.set()
        await asyncio.sleep(60)

    await owe(house)
    working = runner(pools, do)
    working.start()
    await asyncio.wait_for(began.wait(), 10)
    await asyncio.wait_for(working.stop(), 5)
    assert await house.fetchval("select count(*) from ecrm.job") == 1


async def test_what_fails_is_tried_later_and_at_last_noted(pools: Pools, house: asyncpg.Connection) -> None:
    """The wait doubles; what fails too often says what stopped it, by its id, and keeps nobody else waiting."""
    done: list[str] = []

    async def fail(payload: str) -> None:
        if "bad" in payload:
            raise ValueError("ada@example.com")
        done.append(payload)

    await owe(house, "bad")
    with logged() as log:
        for attempt in range(1, ATTEMPTS_MAX + 1):
            assert await runner(pools, fail).step()
            row = await house.fetchrow("select attempts, failed, due > now() as later from ecrm.job")
            assert (row["attempts"], row["later"]) == (attempt, True)
            assert row["failed"] == ("ValueError" if attempt == ATTEMPTS_MAX else None)
            await house.execute("update ecrm.job set due = now()")
    await house.execute("update ecrm.job set due = now() + interval '1 hour'")
    await owe(house, "good")
    assert await runner(pools, fail).drain() == 1 and len(done) == 1
    lines = [msgspec.json.decode(line) for line in log.getvalue().splitlines()]
    assert [line["attempts"] for line in lines] == list(range(1, ATTEMPTS_MAX + 1))
    assert all(line["event"] == "job_failed" and "left_out" not in line for line in lines)
    assert b"ada@" not in log.getvalue()


async def test_an_unknown_kind_of_job_is_a_dead_letter_at_last(pools: Pools, house: asyncpg.Connection) -> None:
    """A job of a newer program does not stop an older one."""
    await store.enqueue("unheard-of", Errand("x")).run(house)

    async def do(_payload: str) -> None:
        raise AssertionError

    with logged():
        assert await runner(pools, do).step()
    assert await house.fetchval("select attempts from ecrm.job") == 1


async def test_the_loop_survives_whatever_the_queue_does(pools: Pools, house: asyncpg.Connection) -> None:
    """An outage, a right that is missing for a moment: what is owed is done afterwards."""
    done = asyncio.Event()
    failures = iter([Unavailable(), asyncpg.InsufficientPrivilegeError("no"), RuntimeError("no")])

    class Shaky:
        """Lends connections, but for the first few times."""

        def __init__(self) -> None:
            self._held = pools.house.acquire()

        async def __aenter__(self) -> object:
            if (failure := next(failures, None)) is not None:
                raise failure
            return await self._held.__aenter__()

        async def __aexit__(self, *raised: object) -> None:
            await self._held.__aexit__(*raised)  # type: ignore[arg-type]

    async def do(_payload: str) -> None:
        done.set()

    await owe(house)
    with logged() as log:
        working = Runner(Shaky, {"errand": do})  # type: ignore[arg-type]
        working.start()
        await asyncio.wait_for(done.wait(), 10)
        await working.stop()
    assert log.getvalue().count(b'"event":"jobs_stopped"') == 2


async def test_what_fails_again_and_again_shows_in_readiness(opened: Opened) -> None:
    """Somebody must look; the service goes on."""
    browser = opened.browser()
    assert (await browser.http.get("/health/ready")).status_code == 200
    async with opened.as_admin() as admin:
        await admin.execute(
            "insert into ecrm.job (job_id, kind, payload, due, failed) values ($1, 'erase', '{}', now(), 'X')", uuid4()
        )
        reply = await browser.http.get("/health/ready")
        await admin.execute("delete from ecrm.job where failed is not null")
    assert reply.status_code == 200 and "1 jobs fail" in reply.text
