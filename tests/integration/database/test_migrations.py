"""The schema goes forward only."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from shutil import copy

import asyncpg
import msgspec
import pytest

from ecrm_privacy.database.address import Address
from ecrm_privacy.database.migrate import check_schema, migrate
from ecrm_privacy.database.pools import connect
from ecrm_privacy.database.postgres import ADMIN_ROLE
from ecrm_privacy.errors import SchemaRefused, StartRefused

pytestmark = pytest.mark.anyio

MIGRATIONS = Path(__file__).resolve().parents[3] / "migrations"
NAMES = sorted(path.name for path in MIGRATIONS.glob("*.sql"))


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A copy of the migrations to which a test may add."""
    for name in NAMES:
        copy(MIGRATIONS / name, tmp_path / name)
    return tmp_path


@pytest.fixture
async def empty(cluster, database, admin) -> Address:
    """The address of a database without anything in it."""
    name = f"{database.address.database}_empty"
    await admin.execute(f"drop database if exists {name} with (force)")
    await admin.execute(f"create database {name}")
    yield msgspec.structs.replace(database.address, database=name)
    await admin.execute(f"drop database {name} with (force)")


@pytest.fixture
def run(cluster) -> Callable[..., object]:
    """Migrate as the cluster's admin."""

    async def go(address: Address, migrations: Path, *, dry_run: bool = False) -> list[str]:
        return await migrate(
            address, ADMIN_ROLE, cluster.admin_password, cluster.passwords, migrations, dry_run=dry_run
        )

    return go


async def test_a_dry_run_lists_and_changes_nothing(empty, run, cluster) -> None:
    """All that would be applied is named; the database stays empty."""
    assert await run(empty, MIGRATIONS, dry_run=True) == NAMES
    conn = await asyncpg.connect(**empty.connect_args(ADMIN_ROLE, cluster.admin_password))
    assert await conn.fetchval("select count(*) from pg_namespace where nspname in ('ecrm', 'engine')") == 0
    assert await conn.fetchval("select to_regclass('public.ecrm_migration')") is None
    await conn.close()


async def test_each_migration_is_applied_once(empty, run) -> None:
    """The first run applies all, the second nothing."""
    assert await run(empty, MIGRATIONS) == NAMES
    assert await run(empty, MIGRATIONS) == []


async def test_two_who_migrate_at_once_do_it_once(empty, run) -> None:
    """The second waits for the first and finds nothing to do."""
    done = await asyncio.gather(run(empty, MIGRATIONS), run(empty, MIGRATIONS))
    assert sorted(done) == [[], NAMES]


@pytest.mark.parametrize("role", ["house", "gate", "guest"])
async def test_every_role_can_check_the_schema(role, pools) -> None:
    """The service's start asks under whichever role it has."""
    async with getattr(pools, role).acquire() as conn:
        await check_schema(conn, MIGRATIONS)


async def test_an_older_and_a_newer_database_are_refused(house, database, run, ours) -> None:
    """Older: it says which command to run. Newer: it says so, to the service and to `migrate`."""
    (ours / "0900_more.sql").write_text("create table ecrm.more (n int)")
    with pytest.raises(SchemaRefused, match=r"0900_more\.sql.*ecrm migrate"):
        await check_schema(house, ours)
    assert await run(database.address, ours) == ["0900_more.sql"]
    await check_schema(house, ours)
    with pytest.raises(SchemaRefused, match="newer version"):
        await check_schema(house, MIGRATIONS)
    with pytest.raises(SchemaRefused, match="newer version"):
        await run(database.address, MIGRATIONS)


async def test_a_changed_migration_is_refused(house, ours) -> None:
    """A file that was edited after it was applied is found by its SHA-256."""
    (ours / NAMES[0]).write_text("select 1")
    with pytest.raises(SchemaRefused, match="changed after"):
        await check_schema(house, ours)


async def test_a_failing_migration_leaves_nothing(admin, database, run, ours) -> None:
    """What came before it stays applied; its own first half is gone."""
    (ours / "0900_good.sql").write_text("create table ecrm.good (n int)")
    (ours / "0901_bad.sql").write_text("create table ecrm.half (n int); select 1 / 0")
    with pytest.raises(SchemaRefused, match=r"0901_bad\.sql"):
        await run(database.address, ours)
    assert await admin.fetchval("select to_regclass('ecrm.good') is not null and to_regclass('ecrm.half') is null")
    assert await admin.fetchval("select max(name) from public.ecrm_migration") == "0900_good.sql"


async def test_a_migration_waits_without_holding_others_up(admin, database, run, ours) -> None:
    """It gives up after a second, tries again, and gets through when the long transaction is over."""
    (ours / "0900_more.sql").write_text("alter table ecrm.job add column more int")
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute("lock table ecrm.job in access share mode")
    task = asyncio.create_task(run(database.address, ours))
    await asyncio.sleep(1.2)
    assert not task.done()
    await transaction.rollback()
    assert await task == ["0900_more.sql"]


async def test_everything_belongs_to_the_owner_who_cannot_log_in(admin) -> None:
    """Schemas, tables, views and functions are `ecrm_owner`'s, which has no login, no password and no powers."""
    foreign = await admin.fetch("""
        select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('ecrm', 'engine') and c.relowner <> 'ecrm_owner'::regrole
        union all select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname in ('ecrm', 'engine') and p.proowner <> 'ecrm_owner'::regrole
        union all select nspname from pg_namespace
        where nspname in ('ecrm', 'engine') and nspowner <> 'ecrm_owner'::regrole
    """)
    assert foreign == []
    owner = await admin.fetchrow("select * from pg_authid where rolname = 'ecrm_owner'")
    assert owner["rolpassword"] is None
    assert not any(owner[name] for name in ("rolcanlogin", "rolsuper", "rolcreaterole", "rolcreatedb", "rolbypassrls"))


async def test_passwords_are_verifiers_and_can_be_changed(admin, database, cluster, run) -> None:
    """A further run sets new passwords; the old ones are refused."""
    changed = {**database.passwords, "ecrm_guest": "another-password"}
    await migrate(database.address, ADMIN_ROLE, cluster.admin_password, changed, MIGRATIONS)
    stored = await admin.fetchval("select rolpassword from pg_authid where rolname = 'ecrm_guest'")
    assert stored.startswith("SCRAM-SHA-256$4096:")
    await (await connect(database.address, "ecrm_guest", "another-password")).close()
    with pytest.raises(StartRefused, match="ecrm_guest"):
        await connect(database.address, "ecrm_guest", database.passwords["ecrm_guest"])
    await run(database.address, MIGRATIONS)
    await (await connect(database.address, "ecrm_guest", database.passwords["ecrm_guest"])).close()


async def test_an_owner_without_superuser_can_migrate(admin, database, cluster) -> None:
    """A managed database gives its owner CREATEROLE and no more; a role that has less is told what it needs."""
    name = f"{database.address.database}_managed"
    login = "login password 'managed'"
    roles = ", ".join(cluster.passwords)
    await admin.execute(f"create role managed_admin createrole {login}; create role managed_nobody {login}")
    await admin.execute(f"grant {roles}, ecrm_owner to managed_admin with admin option")
    await admin.execute(f"create database {name} owner managed_admin")
    address = msgspec.structs.replace(database.address, database=name)
    try:
        with pytest.raises(StartRefused, match="may create roles"):
            await migrate(address, "managed_nobody", "managed", cluster.passwords, MIGRATIONS)
        assert await migrate(address, "managed_admin", "managed", cluster.passwords, MIGRATIONS) == NAMES
        conn = await connect(address, "ecrm_house", cluster.passwords["ecrm_house"])
        await check_schema(conn, MIGRATIONS)
        await conn.close()
    finally:
        await admin.execute(f"drop database {name} with (force)")
        await admin.execute("drop owned by managed_admin; drop role managed_admin, managed_nobody")
