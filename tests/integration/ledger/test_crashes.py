"""What becomes of entries when connections, commits and the database fail."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from ecrm_privacy.database.pools import connect
from ecrm_privacy.errors import OutcomeUnknown, Unavailable
from ecrm_privacy.ledger.verify import verify
from ecrm_privacy.ledger.writer import Writer
from ecrm_privacy.sql import Query
from tests.conftest import Database
from tests.integration.ledger.making import GIVEN, a_subject, an_entry, opener

pytestmark = pytest.mark.anyio

KILLS_ITSELF = Query("select pg_terminate_backend(pg_backend_pid())")
BACKENDS = "select pid from pg_stat_activity where datname = current_database() and usename = 'ecrm_house'"


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(5):
        while not await condition():
            await asyncio.sleep(0.01)


async def is_sound(house: asyncpg.Connection, leaves: int) -> bool:
    report = await verify(house, opener)
    assert report.problem is None
    return report.leaves == leaves


async def test_a_lost_connection_is_replaced(
    writer: Writer, house: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    """A connection that dies before the commit, idle or in the middle, costs nobody an answer."""
    assert await writer.append([an_entry()]) == [0]
    mine = await house.fetchval("select pg_backend_pid()")
    await admin.fetch(f"select pg_terminate_backend(pid) from ({BACKENDS}) b where pid <> $1", mine)
    assert await writer.append([an_entry()]) == [1]
    async with house.transaction():
        await house.execute("select from ecrm.ledger_head for update")
        calls = [asyncio.create_task(writer.append([an_entry(a_subject(), [GIVEN])])) for _ in range(50)]
        await until(lambda: admin.fetchval(f"{BACKENDS} and wait_event_type = 'Lock'"))
        await admin.fetch(f"select pg_terminate_backend(pid) from ({BACKENDS} and wait_event_type = 'Lock') b")
    assert sorted(index for (index,) in await asyncio.gather(*calls)) == list(range(2, 52))
    assert await is_sound(house, 52)


async def test_what_kills_its_connection_dies_alone(writer: Writer, house: asyncpg.Connection) -> None:
    """An entry whose effect ends the connection is told to try again; everybody else is written."""
    entries = [an_entry(a_subject(), [GIVEN]) for _ in range(20)]
    entries[7] = an_entry(a_subject(), [GIVEN], effects=(KILLS_ITSELF,))
    results = await writer.append(entries)
    failed = results.pop(7)
    assert isinstance(failed, Unavailable) and not isinstance(failed, OutcomeUnknown)
    assert sorted(results) == list(range(19))  # type: ignore[type-var]
    assert await is_sound(house, 19)


async def slow_commits(admin: asyncpg.Connection, what: str) -> None:
    """Let the database do `what` while it commits an entry."""
    await admin.execute(
        f"""
        create function ecrm.at_commit() returns trigger language plpgsql as $$ begin {what} return null; end $$;
        create constraint trigger at_commit after insert on ecrm.ledger_entry deferrable initially deferred
            for each row execute function ecrm.at_commit();
        """
    )


async def test_a_commit_that_is_not_confirmed_is_unknown(
    writer: Writer, house: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    """When the connection is lost between COMMIT and its answer, nobody is told yes or no; the log goes on."""
    await slow_commits(admin, "perform pg_sleep(5);")
    call = asyncio.create_task(writer.append([an_entry(), an_entry()]))
    await until(lambda: admin.fetchval(f"{BACKENDS} and wait_event = 'PgSleep'"))
    await admin.fetch(f"select pg_terminate_backend(pid) from ({BACKENDS} and wait_event = 'PgSleep') b")
    assert all(isinstance(result, OutcomeUnknown) for result in await call)
    await admin.execute("drop trigger at_commit on ecrm.ledger_entry")
    assert await writer.append([an_entry()]) == [0]
    assert await is_sound(house, 1)


async def test_a_commit_that_is_refused_is_known(
    writer: Writer, house: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    """A constraint that fails only at COMMIT refuses its entry as if it had failed before."""
    await slow_commits(admin, "if new.leaf_index = 1 then raise exception 'no'; end if;")
    first, second = await writer.append([an_entry(), an_entry()])
    assert first == 0
    assert not isinstance(second, int) and not isinstance(second, Unavailable)
    assert await is_sound(house, 1)


async def test_a_commit_that_no_standby_confirmed_is_unknown(
    writer: Writer, house: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    """A commit cancelled while it waits for its standby is acknowledged with a warning: that is no yes."""
    assert await writer.append([an_entry()]) == [0]
    await admin.execute("alter system set synchronous_standby_names = 'nobody'")
    try:
        await admin.execute("select pg_reload_conf()")
        await until(lambda: admin.fetchval("select current_setting('synchronous_standby_names') = 'nobody'"))
        call = asyncio.create_task(writer.append([an_entry()]))
        await until(lambda: admin.fetchval(f"{BACKENDS} and wait_event = 'SyncRep'"))
        await admin.fetch(f"select pg_cancel_backend(pid) from ({BACKENDS} and wait_event = 'SyncRep') b")
        (result,) = await call
    finally:
        await admin.execute("alter system reset synchronous_standby_names")
        await admin.execute("select pg_reload_conf()")
    assert isinstance(result, OutcomeUnknown)
    assert await house.fetchval("select tree_size from ecrm.ledger_head") == 2
    assert await writer.append([an_entry()]) == [2]
    assert await is_sound(house, 3)


async def test_a_held_head_keeps_nobody_waiting_for_ever(writer: Writer, house: asyncpg.Connection) -> None:
    """When the head stays locked by somebody else, everybody is told to try again within seconds."""
    async with house.transaction():
        await house.execute("select from ecrm.ledger_head for update")
        async with asyncio.timeout(8):
            results = await asyncio.gather(*(writer.append([an_entry()]) for _ in range(3)))
    assert all(isinstance(result, Unavailable) for (result,) in results)
    assert await writer.append([an_entry()]) == [0]


async def test_a_database_that_is_away(writer: Writer, database: Database, house: asyncpg.Connection) -> None:
    """While nobody can connect, entries are refused at once; when the database is back, the same writer goes on."""
    away = True

    async def connecting() -> asyncpg.Connection:
        if away:
            raise ConnectionRefusedError
        return await connect(database.address, "ecrm_house", database.passwords["ecrm_house"])

    patient = Writer(connecting)
    await patient.start()
    assert all(isinstance(result, Unavailable) for result in await patient.append([an_entry(), an_entry()]))
    away = False
    assert await patient.append([an_entry()]) == [0]
    await patient.stop()
    assert await is_sound(house, 1)


async def test_a_cancelled_writer_leaves_nobody_waiting(writer: Writer, house: asyncpg.Connection) -> None:
    """When the writer's task is cancelled, whoever waits is answered: taken or not, nothing of it was written."""
    async with house.transaction():
        await house.execute("select from ecrm.ledger_head for update")
        calls = [asyncio.create_task(writer.append([an_entry()])) for _ in range(10)]
        await asyncio.sleep(0.1)
        assert writer._task is not None
        writer._task.cancel()
        async with asyncio.timeout(1):
            results = await asyncio.gather(*calls)
    assert all(isinstance(result, Unavailable) for (result,) in results)
    assert await house.fetchval("select tree_size from ecrm.ledger_head") == 0
    with pytest.raises(asyncio.CancelledError):
        await writer.stop()
    writer._task = None  # so that the fixture may stop it, too


async def test_a_driver_that_stumbles_takes_nobody_with_it(
    writer: Writer, house: asyncpg.Connection, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ending a connection that broke may fail in the driver; whoever waits is answered, and the writer goes on."""
    assert await writer.append([an_entry()]) == [0]

    def stumble(_conn: asyncpg.Connection) -> None:
        raise AttributeError("'NoneType' object has no attribute 'abort'")

    monkeypatch.setattr(asyncpg.Connection, "terminate", stumble)
    mine = await house.fetchval("select pg_backend_pid()")
    await admin.fetch(f"select pg_terminate_backend(pid) from ({BACKENDS}) b where pid <> $1", mine)
    async with asyncio.timeout(10):
        assert await writer.append([an_entry(a_subject(), [GIVEN], effects=(KILLS_ITSELF,)), an_entry()]) != []
        assert await writer.append([an_entry()]) == [2]
