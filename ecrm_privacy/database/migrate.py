"""The schema goes forward only: roles first, then each `NNNN_noun.sql` once, in order, in a transaction of its own.

What was applied is written down with its SHA-256, in the same transaction. Run by an admin (the embedded server's, or
the owner of a database elsewhere who may create roles); everything that is made belongs to `ecrm_owner`, as whom nobody
can log in.
"""

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg
import msgspec

from ecrm_privacy.database import scram
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.pools import CLOSE_S, GATE, GUEST, HOUSE, connect_unchecked
from ecrm_privacy.errors import SchemaRefused, StartRefused
from ecrm_privacy.sql import Conn

OWNER = "ecrm_owner"
LOGIN_ROLES = (HOUSE, GATE, GUEST)
FILE = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
ADVISORY_LOCK = 0x6563726D  # "ecrm"
LOCK_TIMEOUT_S = 1
LOCK_ATTEMPTS = 30
"""A migration that waits for a lock holds up everybody behind it: it gives up after a second and tries again."""

APPLIED = """
create table if not exists public.ecrm_migration (
    name text primary key,
    sha256 bytea not null check (length(sha256) = 32),
    applied timestamptz not null default now()
)"""


class Migration(msgspec.Struct, frozen=True):
    """One file: its name, its text, and the SHA-256 of its bytes."""

    name: str
    text: str
    sha256: bytes


def read(folder: Path) -> list[Migration]:
    """Read the migrations in order. Raises SchemaRefused for a file that is misnamed or a number used twice."""
    migrations = []
    for path in sorted(folder.glob("*.sql")):
        content = path.read_bytes()
        migrations.append(Migration(path.name, content.decode(), hashlib.sha256(content).digest()))
    names = [migration.name for migration in migrations]
    wrong = [name for name in names if not FILE.fullmatch(name)]
    if wrong or len({name[:4] for name in names}) != len(names):
        raise SchemaRefused(f"migrations are named NNNN_noun.sql, each number once; found {', '.join(wrong or names)}")
    if not names:
        raise SchemaRefused(f"there are no migrations in {folder}")
    return migrations


def pending(migrations: Sequence[Migration], applied: Mapping[str, bytes]) -> list[Migration]:
    """Return what is still to be applied.

    Raises SchemaRefused if the database knows a migration that we do not (it is newer), if a file was changed after it
    was applied, or if one was put in before another that is applied already.
    """
    known = {migration.name: migration for migration in migrations}
    if newer := sorted(applied.keys() - known.keys()):
        raise SchemaRefused(
            f"the database is of a newer version of this program (it has {', '.join(newer)}): install that version"
        )
    if changed := [name for name, sha256 in applied.items() if known[name].sha256 != sha256]:
        raise SchemaRefused(
            f"{', '.join(sorted(changed))} was changed after it was applied: restore it and write a further migration"
        )
    missing = [migration for migration in migrations if migration.name not in applied]
    if missing and applied and missing[0].name < max(applied):
        raise SchemaRefused(f"{missing[0].name} comes before {max(applied)}, which is applied: give it the next number")
    return missing


async def check_schema(conn: Conn, migrations: Path) -> None:
    """Raise SchemaRefused unless exactly the `migrations` are applied; for the service's start, as any of its roles."""
    if missing := pending(read(migrations), await _applied(conn)):
        names = ", ".join(migration.name for migration in missing)
        raise SchemaRefused(f"the database is of an older version (it lacks {names}): run `ecrm migrate`")


async def migrate(
    address: Address,
    admin_role: str,
    admin_password: str,
    passwords: Mapping[str, str],
    migrations: Path,
    *,
    dry_run: bool = False,
) -> list[str]:
    """Make roles and apply what is pending; returns the names applied, or with `dry_run` those that would be.

    Safe to repeat and to run twice at once (the second waits). Sets the `passwords` of the three login roles each time.
    Raises SchemaRefused as `pending` does, or if a migration fails: the database stays as it was before that file.
    """
    assert passwords.keys() >= set(LOGIN_ROLES), "a password for each role that logs in"
    conn = await connect_unchecked(address, admin_role, admin_password)
    try:
        await conn.execute("select pg_advisory_lock($1)", ADVISORY_LOCK)
        todo = pending(read(migrations), await _applied(conn))
        if not dry_run:
            await _prepare(conn, address.database, passwords)
            for migration in todo:
                await _apply_patiently(conn, migration)
        return [migration.name for migration in todo]
    finally:
        await conn.close(timeout=CLOSE_S)


def rights_on(database: str) -> str:
    """Return the SQL that lets our roles, and nobody else, into `database`; a copy by `template` needs it again."""
    name = '"' + database.replace('"', '""') + '"'
    return (
        f"revoke all on database {name} from public; grant connect on database {name} to {', '.join(LOGIN_ROLES)}; "
        f"grant create on database {name} to {OWNER}"
    )


async def _applied(conn: Conn) -> dict[str, bytes]:
    if not await conn.fetchval("select to_regclass('public.ecrm_migration') is not null"):
        return {}
    return {row["name"]: row["sha256"] for row in await conn.fetch("select name, sha256 from public.ecrm_migration")}


async def _prepare(conn: Conn, database: str, passwords: Mapping[str, str]) -> None:
    try:
        async with conn.transaction():
            await _make_roles(conn, passwords)
            await conn.execute(
                f"{rights_on(database)}; {APPLIED}; grant select on public.ecrm_migration to {', '.join(LOGIN_ROLES)}"
            )
    except asyncpg.InsufficientPrivilegeError as refused:
        raise StartRefused(
            f"the role that migrates must own the database {database} and may create roles: {refused}"
        ) from refused


async def _make_roles(conn: Conn, passwords: Mapping[str, str]) -> None:
    existing = {row["rolname"] for row in await conn.fetch("select rolname from pg_roles")}
    if OWNER not in existing:
        await conn.execute(f"create role {OWNER} nologin")
    for role in LOGIN_ROLES:
        verb = "alter" if role in existing else "create"
        await conn.execute(f"{verb} role {role} login password '{scram.verifier(passwords[role])}'")
    if not await conn.fetchval("select pg_has_role(current_user, $1, 'member')", OWNER):
        await conn.execute(f"grant {OWNER} to current_user")


async def _apply_patiently(conn: Conn, migration: Migration) -> None:
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            await _apply(conn, migration)
            return
        except asyncpg.LockNotAvailableError as busy:
            if attempt == LOCK_ATTEMPTS:
                raise SchemaRefused(
                    f"{migration.name} found its tables in use {attempt} times: end long transactions"
                ) from busy
            await asyncio.sleep(0.5)
        except asyncpg.PostgresError as failure:
            raise SchemaRefused(f"{migration.name} failed and was rolled back: {failure}") from failure


async def _apply(conn: Conn, migration: Migration) -> None:
    async with conn.transaction():
        await conn.execute(f"set local role {OWNER}; set local lock_timeout = '{LOCK_TIMEOUT_S}s'")
        await conn.execute(migration.text)
        await conn.execute("set local role none")
        await conn.execute(
            "insert into public.ecrm_migration (name, sha256) values ($1, $2)", migration.name, migration.sha256
        )
