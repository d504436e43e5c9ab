"""Connections: checked before use, short waits, and up again by themselves."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import msgspec
import pytest

from ecrm_privacy.database import leftovers, postgres
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.migrate import migrate
from ecrm_privacy.database.pools import connect, open_pools
from ecrm_privacy.database.postgres import ADMIN_ROLE, EmbeddedPostgres
from ecrm_privacy.errors import DurabilityRefused, StartRefused, Unavailable

pytestmark = pytest.mark.anyio

ADMIN_PASSWORD = "password-of-the-admin"
PASSWORDS = {"ecrm_house": "h-password", "ecrm_gate": "g-password", "ecrm_guest": "u-password"}
MIGRATIONS = Path(__file__).resolve().parents[3] / "migrations"


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's folder that the tests of this module may maltreat."""
    folder = tmp_path_factory.mktemp("own")
    with EmbeddedPostgres(folder, ADMIN_PASSWORD) as address:
        asyncio.run(migrate(address, ADMIN_ROLE, ADMIN_PASSWORD, PASSWORDS, MIGRATIONS))
    return folder


@pytest.fixture
def own(own_folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(own_folder, ADMIN_PASSWORD)
    yield server
    server.stop()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_server_that_can_lose_answers_is_refused(setting, own, monkeypatch) -> None:
    """With any of the three off, pools and connections are refused, and the message says what to set."""
    monkeypatch.setitem(postgres.SETTINGS, setting, "off")
    own.start()
    with pytest.raises(DurabilityRefused, match=f"{setting} = off.*set each to on"):
        await open_pools(own.address, PASSWORDS)
    with pytest.raises(DurabilityRefused):
        await connect(own.address, "ecrm_house", PASSWORDS["ecrm_house"])


async def test_a_server_that_becomes_unsafe_is_not_used(admin, database, pools) -> None:
    """Every new connection is looked at: what was safe at the start is refused once it is not."""
    async with pools.house.acquire() as conn:
        assert await conn.fetchval("select 1") == 1
    await admin.execute(f"alter role ecrm_house in database {database.address.database} set synchronous_commit = off")
    await pools.house.expire_connections()
    with pytest.raises(Unavailable):
        await pools.house.fetchval("select 1")


@pytest.mark.parametrize(
    ("grant", "why"),
    [
        ("alter role {} superuser", "superuser"),
        ("alter role {} createrole", "privileged"),
        ("alter role {} bypassrls", "privileged"),
        ("create table public.mine (n int); alter table public.mine owner to {}", "owns"),
        ("grant ecrm_owner to {}", "member"),
    ],
)
async def test_a_role_with_too_many_rights_is_refused(grant, why, admin, database) -> None:
    """A superuser, an owner of anything and a member of another role could walk past the grants."""
    await admin.execute("create role ecrm_test login password 'x'")
    await admin.execute(f"grant connect on database {database.address.database} to ecrm_test")
    try:
        await admin.execute(grant.format("ecrm_test"))
        with pytest.raises(StartRefused, match=f"ecrm_test.*{why}"):
            await connect(database.address, "ecrm_test", "x")
    finally:
        await admin.execute("drop owned by ecrm_test; drop role ecrm_test")


async def test_sessions_are_the_same_everywhere(pools) -> None:
    """UTC dates, no search path, nothing compiled, prepared statements kept."""
    async with pools.guest.acquire() as conn:
        shown = [await conn.fetchval(f"show {name}") for name in ("timezone", "search_path", "jit", "application_name")]
        assert shown == ["UTC", "pg_catalog", "off", "ecrm"]
        await conn.fetchval("select $1::int", 1)
        await conn.fetchval("select $1::int", 2)
        assert (
            await conn.fetchval("select count(*) from pg_prepared_statements where statement = 'select $1::int'") == 1
        )


async def test_without_a_free_connection_the_wait_is_short(database) -> None:
    """A quarter of a second, then Unavailable; the connection that was held is fit for use."""
    pools = await open_pools(database.address, database.passwords, size=1)
    async with pools.house.acquire() as conn:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            async with pools.house.acquire():
                pass
        assert 0.2 < time.monotonic() - began < 0.5
        assert await conn.fetchval("select 1") == 1
    assert await pools.house.fetchval("select 2") == 2
    await pools.close()


async def test_the_gate_gives_up_on_a_slow_server(pools) -> None:
    """A look takes a second at most; its connection is not used again before the server has let go."""
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await pools.gate.fetchval("select pg_sleep(30)")
    assert time.monotonic() - began < 2
    assert await pools.gate.fetchval("select 1") == 1


async def test_a_connection_that_is_lost_while_held_says_unavailable(admin, pools) -> None:
    """In the statement that was under way and in those after it; the next connection is a new one."""

    async def lose_it() -> None:
        async with pools.house.acquire() as conn:
            await admin.execute("select pg_terminate_backend($1)", await conn.fetchval("select pg_backend_pid()"))
            await conn.fetchval("select 1")

    async def use_it_closed() -> None:
        async with pools.house.acquire() as conn:
            conn.terminate()
            await conn.fetchval("select 1")

    for lost in (lose_it, use_it_closed):
        with pytest.raises(Unavailable):
            await lost()
        assert await pools.house.fetchval("select 1") == 1


async def test_other_errors_pass_through(pools) -> None:
    """A constraint, a bug in SQL and an error of ours are not outages."""
    with pytest.raises(asyncpg.DivisionByZeroError):
        await pools.house.fetchval("select 1 / 0")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pools.guest.fetchval("select * from ecrm.session")
    with pytest.raises(KeyError):
        async with pools.house.acquire():
            raise KeyError


async def test_a_session_lock_does_not_outlive_a_cancelled_transaction(pools) -> None:
    """A task that is cancelled in a transaction gives back a connection without one."""

    async def forever() -> None:
        async with pools.house.acquire() as conn, conn.transaction():
            await conn.execute("select pg_advisory_xact_lock(1)")
            await conn.execute("select pg_sleep(60)")

    for _ in range(6):
        task = asyncio.create_task(forever())
        await asyncio.sleep(0.03)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await pools.house.fetchval("select pg_try_advisory_lock(1)")


async def test_pools_open_while_the_database_is_away_and_come_up_with_it(own) -> None:
    """Away at the start, there, stopped and there again: Unavailable in between, at once, and no other error."""
    pools = await open_pools(own.address, PASSWORDS)
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await pools.gate.fetchval("select 1")
        assert time.monotonic() - began < 0.5
        await asyncio.to_thread(own.start)
        assert await pools.gate.fetchval("select 1") == 1
        await asyncio.to_thread(own.stop)
    await pools.close()


async def test_a_killed_server_is_an_outage_of_a_moment(own) -> None:
    """Requests meanwhile get Unavailable and nothing else; then all works again without a restart of ours."""
    await asyncio.to_thread(own.start)
    pools = await open_pools(own.address, PASSWORDS)
    assert await pools.house.fetchval("select 1") == 1
    postmaster = leftovers.postmaster_on(Path(own.address.host).parent / "data")
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
    deadline = time.monotonic() + 20
    answers: list[int] = []
    refused = 0
    while len(answers) < 3 and time.monotonic() < deadline:
        try:
            answers.append(await pools.house.fetchval("select 1"))
        except Unavailable:
            refused += 1
        await asyncio.sleep(0.02)
    assert answers == [1, 1, 1] and refused >= 1
    await pools.close()


@pytest.mark.parametrize(
    ("broken", "why"),
    [({"database": "nowhere"}, "no database nowhere"), ({}, "key file")],
)
async def test_a_wrong_address_or_password_stops_the_start(broken, why, database) -> None:
    """These do not go away by waiting, so the start is refused with what to do."""
    address: Address = msgspec.structs.replace(database.address, **broken)
    with pytest.raises(StartRefused, match=why):
        await open_pools(address, {**database.passwords, **({} if broken else {"ecrm_gate": "wrong"})})


async def test_closing_does_not_wait_for_ever(database, monkeypatch, caplog) -> None:
    """Connections still in use at the end are cut."""
    monkeypatch.setattr("ecrm_privacy.database.pools.CLOSE_S", 0.1)
    pools = await open_pools(database.address, database.passwords)
    conn = await pools.house.acquire()
    await pools.close()
    with pytest.raises(asyncpg.InterfaceError):
        await conn.fetchval("select 1")
    assert "were cut" in caplog.text
