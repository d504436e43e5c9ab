"""Connections: one pool per role, each connection checked for durability and for too many rights before it is used.

The pools come up again by themselves after an outage. What is handed to stores and doors is a pool whose outages are
`Unavailable`, so that nobody else has to know asyncpg's errors.
"""

import asyncio
import logging
from collections.abc import Generator, Mapping
from types import TracebackType
from typing import Any

import asyncpg
import msgspec

from ecrm_privacy.database.address import Address
from ecrm_privacy.errors import DurabilityRefused, StartRefused, Unavailable
from ecrm_privacy.sql import Conn

log = logging.getLogger(__name__)

HOUSE, GATE, GUEST = "ecrm_house", "ecrm_gate", "ecrm_guest"
ACQUIRE_S = 0.25
"""How long a request waits for a connection before it is told to come again."""
CONNECT_S = 5.0
GATE_COMMAND_S = 1.0
"""The gate only reads, so it may give up early; a commit must not be cut short (its outcome would be unknown)."""
CLOSE_S = 5.0
RELEASE_S = 0.25
"""How long a server may take to confirm that it gave a statement up; after that the connection is cut."""
IDLE_S = 300.0

OUTAGES: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError, asyncpg.IdleSessionTimeoutError, asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.PostgresIOError, asyncpg.InsufficientResourcesError, asyncpg.ReadOnlySQLTransactionError,
    asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError, ConnectionError, TimeoutError,
)  # fmt: skip
"""What a moment later may succeed: the server away, starting, full or demoted; a lock or a race lost; time run out."""
NO_CONNECTION: tuple[type[Exception], ...] = (
    *OUTAGES, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.TargetServerAttributeNotMatched,
    asyncpg.InternalClientError,  # the server's farewell came between two statements and the driver lost its place
)  # fmt: skip
"""What keeps a connection from being made at all, or from being looked at."""
MOVED: tuple[type[Exception], ...] = (asyncpg.ReadOnlySQLTransactionError, asyncpg.AdminShutdownError)
"""What says that the primary is elsewhere now: every connection of the pool is replaced."""

CHECK = """
select current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
    current_setting('synchronous_commit') as synchronous_commit, r.rolname as role, r.rolsuper as superuser,
    r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls as privileged,
    exists (select from pg_shdepend d where d.refclassid = 'pg_authid'::regclass and d.refobjid = r.oid
            and d.deptype = 'o') as owns,
    exists (select from pg_auth_members m where m.member = r.oid) as member
from pg_roles r where r.rolname = current_user
"""


async def check(conn: asyncpg.Connection) -> None:
    """Look at the server and the role behind a new connection.

    Raises DurabilityRefused if the server would acknowledge what it can lose, and StartRefused if the role can do more
    than it was granted (superuser, owner of anything, member of another role): then grants would protect nothing.
    """
    found = await conn.fetchrow(CHECK)
    unsafe = [f"{name} = {found[name]}" for name in ("fsync", "full_page_writes") if found[name] != "on"]
    if found["synchronous_commit"] not in {"on", "remote_apply"}:
        unsafe.append(f"synchronous_commit = {found['synchronous_commit']}")
    if unsafe:
        raise DurabilityRefused(
            f"the database has {', '.join(unsafe)} and would acknowledge answers that it can lose: set each to on "
            f"(`alter system set fsync = on`, `alter role ROLE reset synchronous_commit`) and reload it"
        )
    if too_much := [name for name in ("superuser", "privileged", "owns", "member") if found[name]]:
        raise StartRefused(
            f"the role {found['role']} has more rights than a role of the service may have "
            f"({', '.join(too_much)}): take away SUPERUSER, CREATEROLE, CREATEDB, REPLICATION and BYPASSRLS, "
            f"whatever it owns and every membership"
        )


class Pool(asyncpg.Pool):  # type: ignore[misc]  # asyncpg publishes no types
    """The driver's pool, whose `acquire` (and what is built on it: `fetch`, `execute`, …) raises Unavailable if away.

    A connection is handed back without a round trip: use `set local`, and no advisory locks, cursors or listeners that
    outlive their transaction.
    """

    __slots__ = ()

    def acquire(self, *, timeout: float | None = ACQUIRE_S) -> "Held":
        """Hold a connection for an `async with` block, after waiting `timeout` seconds at most."""
        return Held(self, timeout)


class Held:
    """A connection held for one block. Raises Unavailable if there is none in time, or if it is lost in the block."""

    __slots__ = ("_conn", "_pool", "_wait_s")

    def __init__(self, pool: Pool, wait_s: float | None) -> None:
        self._pool = pool
        self._wait_s = wait_s
        self._conn: asyncpg.pool.PoolConnectionProxy | None = None

    def __await__(self) -> Generator[Any, None, Conn]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Conn:
        try:
            async with asyncio.timeout(self._wait_s):
                self._conn = await asyncpg.Pool.acquire(self._pool)
        except NO_CONNECTION as outage:
            raise Unavailable("no database connection in time") from outage
        except StartRefused as refused:  # another server stands there now, e.g. after a failover
            log.error("%s", refused)
            raise Unavailable("the database may not be used") from refused
        return self._conn

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._conn is not None, "left once, entered once"
        conn, self._conn = self._conn, None
        if isinstance(error, asyncpg.InternalClientError):
            conn.terminate()  # the server's farewell came between two statements and the driver lost its place
        lost = _is_lost(conn)
        try:
            await self._pool.release(conn, timeout=RELEASE_S)
        except OUTAGES as outage:
            error = error or outage
        if isinstance(error, MOVED):
            await self._pool.expire_connections()
        if isinstance(error, OUTAGES) or (
            lost and isinstance(error, (asyncpg.InterfaceError, asyncpg.InternalClientError))
        ):
            raise Unavailable("the database went away or gave up") from error


def _is_lost(conn: asyncpg.pool.PoolConnectionProxy) -> bool:
    try:
        return bool(conn.is_closed())
    except asyncpg.InterfaceError:  # it broke, and the pool has taken it back already
        return True


class Pools(msgspec.Struct, frozen=True):
    """One pool per role that serves requests. Each binds to the event loop in which it was opened."""

    house: Pool
    gate: Pool
    guest: Pool
    address: Address

    async def close(self) -> None:
        """Wait a moment for what is under way, then end every connection."""
        for pool in (self.guest, self.gate, self.house):
            try:
                await asyncio.wait_for(pool.close(), CLOSE_S)
            except TimeoutError:
                log.warning("connections were still in use at the end and were cut")


async def open_pools(address: Address, passwords: Mapping[str, str], *, size: int = 4) -> Pools:
    """Open pools of at most `size` connections per role, connecting when first needed.

    The first connections are tried here: raises DurabilityRefused or StartRefused. A database that is away is no error;
    requests get `Unavailable` until it is back, and the check is made then.
    """
    pools = [await open_pool(address, role, passwords[role], size) for role in (HOUSE, GATE, GUEST)]
    try:
        for role in (HOUSE, GATE, GUEST):
            await _try(address, role, passwords[role])
    except BaseException:
        for pool in pools:
            pool.terminate()
        raise
    return Pools(house=pools[0], gate=pools[1], guest=pools[2], address=address)


async def open_pool(address: Address, role: str, password: str, size: int) -> Pool:
    """Open a pool for one role, connecting when first needed."""
    # Without a floor (min_size) asyncpg keeps no background task, whose only news during an outage would be tracebacks.
    pool = Pool(
        min_size=0, max_size=size, max_queries=1_000_000, max_inactive_connection_lifetime=IDLE_S, init=check,
        reset=_leave_as_is, loop=asyncio.get_running_loop(), connection_class=asyncpg.Connection,
        record_class=asyncpg.Record, timeout=CONNECT_S, command_timeout=GATE_COMMAND_S if role == GATE else None,
        **address.connect_args(role, password),
    )  # fmt: skip
    await pool
    return pool


async def _leave_as_is(conn: asyncpg.Connection) -> None:
    """The driver would send RESET ALL at each release; see `Pool` for the rule that makes it needless."""


async def _try(address: Address, role: str, password: str) -> None:
    try:
        conn = await connect(address, role, password)
    except Unavailable:
        log.warning("the database is away; the service starts and waits for it")
    else:
        await conn.close(timeout=CLOSE_S)


async def connect(address: Address, role: str, password: str) -> asyncpg.Connection:
    """Return a checked connection of its own, e.g. for the ledger writer.

    Raises Unavailable if the database is away, StartRefused if it does not take role and password, and as `check` does.
    """
    conn = await connect_unchecked(address, role, password)
    try:
        await check(conn)
    except BaseException as failure:
        conn.terminate()
        if isinstance(failure, NO_CONNECTION):
            raise Unavailable("the database went away") from failure
        raise
    return conn


async def connect_unchecked(address: Address, role: str, password: str) -> asyncpg.Connection:
    """Return a connection for a role that may have every right (migrations). Errors as for `connect`."""
    try:
        return await asyncpg.connect(timeout=CONNECT_S, **address.connect_args(role, password))
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InsufficientPrivilegeError) as refused:
        raise StartRefused(
            f"the database does not let {role} in: is this the key file that it was set up with? `ecrm migrate` makes "
            f"the roles and sets their passwords"
        ) from refused
    except asyncpg.InvalidCatalogNameError as missing:
        raise StartRefused(f"there is no database {address.database}: create it, then run `ecrm migrate`") from missing
    except NO_CONNECTION as outage:
        raise Unavailable("the database is away") from outage
