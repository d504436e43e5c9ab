"""Who may do what is part of the schema: the role matrix."""

import asyncpg
import pytest

pytestmark = pytest.mark.anyio

ROLES = ("ecrm_house", "ecrm_gate", "ecrm_guest")
ADMIT = "select * from ecrm.admit($1, $2, $3, $4, $5, $6)"
ASK = ([b"\x00" * 32], [None], ["gdpr"], [False], [""], ["slot:for-you"])
RELATIONS = """
select n.nspname || '.' || c.relname as name, has_any_column_privilege($1, c.oid, 'select, insert, update, references')
    or has_table_privilege($1, c.oid, 'delete, truncate, trigger') as touched
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('ecrm', 'engine') and c.relkind in ('r', 'v', 'm', 'p')
"""
FUNCTIONS = """
select n.nspname || '.' || p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname in ('ecrm', 'engine') and has_function_privilege($1, p.oid, 'execute')
"""


async def touched(admin, role: str) -> set[str]:
    return {row["name"] for row in await admin.fetch(RELATIONS, role) if row["touched"]}


async def callable_by(admin, role: str) -> set[str]:
    return {row["name"] for row in await admin.fetch(FUNCTIONS, role)}


@pytest.mark.parametrize("role", ["house", "gate", "guest"])
@pytest.mark.parametrize(
    "statement",
    [
        "update ecrm.ledger_entry set leaf = leaf",
        "delete from ecrm.ledger_entry",
        "truncate ecrm.ledger_entry",
        "drop table ecrm.ledger_entry",
        "alter table ecrm.ledger_entry rename to gone",
        "update ecrm.statement set payload = payload",
        "delete from ecrm.statement",
        "truncate ecrm.statement",
    ],
)
async def test_nobody_changes_what_was_appended(role, statement, pools) -> None:
    """No role that can log in may update, delete or truncate entries and statements."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await getattr(pools, role).execute(statement)


@pytest.mark.parametrize("role", ROLES)
async def test_nobody_has_the_rights_of_an_owner(role, admin) -> None:
    """No role may truncate, reference or put triggers on any table, create schemas, temporary tables or objects."""
    rights = await admin.fetch(
        """select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where n.nspname in ('ecrm', 'engine') and c.relkind in ('r', 'v', 'p')
           and has_table_privilege($1, c.oid, 'truncate, references, trigger')""",
        role,
    )
    assert rights == []
    assert not await admin.fetchval("select has_database_privilege($1, current_database(), 'create, temporary')", role)
    assert (
        await admin.fetch("select nspname from pg_namespace where has_schema_privilege($1, oid, 'create')", role) == []
    )


async def test_the_gate_may_only_ask_and_count(admin, gate) -> None:
    """It reads and writes no table, and may execute `ecrm.admit`, count uses, and nothing else of ours."""
    assert await touched(admin, "ecrm_gate") == set()
    assert await callable_by(admin, "ecrm_gate") == {"ecrm.admit", "ecrm.count_uses"}
    await gate.fetch(ADMIT, *ASK)
    for table in ("ecrm.subject_key", "ecrm.session", "ecrm.consent_status", "engine.event"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await gate.fetch(f"select * from {table}")


async def test_the_guest_sees_no_table_of_the_house(admin, guest) -> None:
    """It cannot ask the gate about anyone, and reads nothing in schema ecrm."""
    assert {name for name in await touched(admin, "ecrm_guest") if name.startswith("ecrm.")} == set()
    assert "ecrm.admit" not in await callable_by(admin, "ecrm_guest")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await guest.fetch(ADMIT, *ASK)
    for table in ("subject_key", "pseudonym", "pseudonym_use", "session", "record"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await guest.fetch(f"select * from ecrm.{table}")


async def test_the_guest_reads_behaviour_only_by_naming_pseudonyms(guest) -> None:
    """It may add events and ask for those of named pseudonyms or by a purpose's view, not browse, change or delete."""
    for statement in (
        "select * from engine.event",
        "select count(*) from engine.event",
        "update engine.event set quantity = 2",
        "delete from engine.event",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await guest.execute(statement)
    assert await guest.fetch("select * from engine.behaviour(array[]::uuid[], 10)") == []
    assert await guest.fetch("select * from engine.event_contributed") == []
    assert await guest.fetch("select * from ecrm.hold(array[]::uuid[], 'remember')") == []


async def test_the_house_keeps_no_key_to_the_gate(admin, house) -> None:
    """House credentials read the house's tables; the gate's function is the gate's."""
    assert "ecrm.admit" not in await callable_by(admin, "ecrm_house")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await house.fetch(ADMIT, *ASK)


async def test_everybody_is_nobody(admin) -> None:
    """PUBLIC has no right in the database: not to connect, to no table, to no function of ours."""
    await admin.execute("create role ecrm_stranger")
    try:
        assert await touched(admin, "ecrm_stranger") == set()
        assert await callable_by(admin, "ecrm_stranger") == set()
        assert not await admin.fetchval(
            "select has_database_privilege('ecrm_stranger', current_database(), 'connect, create, temporary')"
        )
    finally:
        await admin.execute("drop role ecrm_stranger")


async def test_definer_functions_trust_no_search_path(admin) -> None:
    """Each function that runs as the owner fixes its search path, with temporary objects last."""
    rows = await admin.fetch(
        """select p.oid::regprocedure::text as name, p.proconfig::text as settings from pg_proc p
           join pg_namespace n on n.oid = p.pronamespace where n.nspname in ('ecrm', 'engine') and p.prosecdef"""
    )
    assert rows
    assert [row["name"] for row in rows if "pg_temp" not in (row["settings"] or "")] == []


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_can_become_another(role, connected) -> None:
    """`set role` leads nowhere."""
    conn = await connected(role)
    for other in ("ecrm_owner", "ecrm_admin", *(name for name in ROLES if name != role)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute(f"set role {other}")
