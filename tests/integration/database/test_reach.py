"""What gate and guest reach, tried out on everything that there is: tables, views, sequences, functions, procedures."""

from typing import NamedTuple

import asyncpg
import pytest

pytestmark = pytest.mark.anyio

RELATIONS = """
select format('%I.%I', n.nspname, c.relname) as name, c.relkind::text as kind,
    (select array_agg(quote_ident(a.attname)) from pg_attribute a
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^(pg_|information_schema)' and c.relkind in ('r', 'v', 'm', 'p', 'f', 'S') order by 1
"""
ROUTINES = """
select format('%I.%I', n.nspname, p.proname) as name, p.prokind::text as kind,
    array(select format_type(t, null) from unnest(p.proargtypes) as t) as types
from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname !~ '^(pg_|information_schema)' order by 1
"""
APPLIED = {"select public.ecrm_migration"}
GATE = APPLIED | {"ecrm.admit()", "ecrm.count_uses()"}
CATALOGUE = {
    f"{act} engine.{table}"
    for table in ("item", "item_neighbour", "item_count", "item_pair", "contribution")
    for act in ("select", "insert", "update", "delete", "lock")
}
GUEST = (
    APPLIED
    | CATALOGUE
    | {
        "insert engine.event",
        "select engine.contributor",
        "select engine.event_contributed",
        "select engine.model",
        "update engine.model",
        "lock engine.model",
        "ecrm.hold()",
        "engine.behaviour()",
    }
)
ALLOWED = {"ecrm_gate": GATE, "ecrm_guest": GUEST}


class Try(NamedTuple):
    """One thing to try: what it is called, and how it is done to no row at all."""

    name: str
    statement: str


async def tries(admin: asyncpg.Connection) -> list[Try]:
    """Return everything that a role could try, on everything there is, column by column where it can be granted so."""
    found: list[Try] = []
    for row in await admin.fetch(RELATIONS):
        name = row["name"]
        if row["kind"] == "S":
            found += [Try(f"select {name}", f"select nextval('{name}')"), Try(f"read {name}", f"select * from {name}")]
            continue
        found += [
            *(Try(f"select {name}", f"select {column} from {name} where false") for column in row["columns"]),
            Try(f"select {name}", f"select count(*) from {name} where false"),
            *(Try(f"insert {name}", f"insert into {name} ({c}) values (null)") for c in row["columns"]),
            *(Try(f"update {name}", f"update {name} set {c} = null where false") for c in row["columns"]),
            Try(f"delete {name}", f"delete from {name} where false"),
            *([] if row["kind"] == "v" else [Try(f"truncate {name}", f"truncate {name}")]),
            Try(f"lock {name}", f"lock table {name} in access exclusive mode nowait"),
        ]
    for row in await admin.fetch(ROUTINES):
        nulls = ", ".join(f"null::{kind}" for kind in row["types"])
        call = f"call {row['name']}({nulls})" if row["kind"] == "p" else f"select * from {row['name']}({nulls})"
        found.append(Try(f"{row['name']}()", call))
    return found


async def reached(conn: asyncpg.Connection, everything: list[Try]) -> set[str]:
    """Return what a connection may do: whatever is not refused for lack of rights, even if it fails otherwise."""
    may = set()
    for one in everything:
        attempt = conn.transaction()
        await attempt.start()
        try:
            await conn.execute(one.statement)
            may.add(one.name)
        except (asyncpg.InsufficientPrivilegeError, asyncpg.ObjectNotInPrerequisiteStateError):
            pass  # the second: a view that takes no rows from anybody
        except asyncpg.PostgresError:
            may.add(one.name)
        finally:
            await attempt.rollback()
    return may


@pytest.mark.parametrize("role", ALLOWED)
async def test_a_role_reaches_what_is_listed_and_nothing_else(role: str, admin, connected) -> None:
    """The gate has two functions and reads no table; the guest has its own tables, and of the house only `hold`."""
    everything = await tries(admin)
    assert len({one.name.rpartition(" ")[2] for one in everything}) > 40
    assert await reached(await connected(role), everything) == ALLOWED[role]


GRANTS = (
    "select on ecrm.use_count",
    "select (month) on ecrm.use_count",
    "update (times) on ecrm.use_count",
    "select on ecrm.live_session",
    "insert (subject) on ecrm.subject_key",
    "delete on ecrm.record",
    "truncate on ecrm.ledger_entry",
    "execute on function ecrm.hold",
    "execute on procedure ecrm.mix_uses",
    "insert on public.ecrm_migration",
)


@pytest.mark.parametrize("grant", GRANTS)
async def test_a_grant_would_be_noticed(grant: str, admin, gate) -> None:
    """Whatever is granted to the gate beside its functions, also one column, also in another schema, is reached."""
    everything = await tries(admin)
    await admin.execute(f"grant {grant} to ecrm_gate")
    of = grant.rpartition(" ")[2]
    assert await reached(gate, [one for one in everything if of in one.name]) - GATE, grant


async def test_what_is_made_later_is_nobodys(admin, gate, guest) -> None:
    """A table or function that a migration adds is out of reach until it is granted."""
    await admin.execute(
        "set role ecrm_owner; create table ecrm.later (x int);"
        " create function ecrm.later() returns int language sql as 'select 1'; reset role"
    )
    fresh = [one for one in await tries(admin) if one.name.endswith((" ecrm.later", "ecrm.later()"))]
    assert {one.name.partition(" ")[0] for one in fresh} > {"select", "update", "ecrm.later()"}
    assert await reached(gate, fresh) == await reached(guest, fresh) == set()
