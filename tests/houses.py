"""A whole house on the database of a test: one worker without a network, and a browser that calls it.

`open_for_test` opens what the service opens, on a fresh database and with a key of its own. The roles of the test
cluster have fixed passwords, so the keyring hands out those; everything else about it is real.
"""

import asyncio
import io
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import jwt
import msgspec
import structlog

from ecrm_privacy.app import House, build_app, build_house, open_house
from ecrm_privacy.config import Config
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.migrate import rights_on
from ecrm_privacy.database.pools import GUEST, Pool
from ecrm_privacy.database.postgres import ADMIN_ROLE
from ecrm_privacy.enact import Instead
from ecrm_privacy.hall import Hall
from ecrm_privacy.hatch.answering import Counter
from ecrm_privacy.rendering import Front, open_hall
from ecrm_privacy.routes import paths_of
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.web import logs
from tests import markers
from tests.conftest import ADMIN_PASSWORD, PASSWORDS, TEMPLATE, Cluster, Database

ORIGIN = "http://127.0.0.1:8000"
SESSION, CHOICE = "ecrm", "ecrm_choice"
NOTICE = "shop@1"
HEARD_S_MOST = 30.0
SITE_KEY = b"site-key-of-the-tests-32-bytes-ok"


class ClusterKeyring(Keyring):
    """A keyring whose database passwords are those of the test cluster's roles."""

    __slots__ = ()

    def password(self, role: str) -> str:
        """Return the password of a role of the cluster."""
        return PASSWORDS[role]


class Browser:
    """One browser: an HTTP client with cookies of its own, and the words that a visitor has."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.http = client

    @property
    def cookies(self) -> dict[str, str]:
        """What this browser keeps, by name."""
        return {cookie.name: cookie.value or "" for cookie in self.http.cookies.jar}

    async def answer(
        self, said: Mapping[str, str], *, notice: str = NOTICE, method: str = "save", key: str | None = None
    ) -> httpx.Response:
        """Answer: `said` is rule → answer, a rule as in `offers`, `offers/email`, `share//tea-guild`."""
        body = {"notice": notice, "answers": [{**rule(name), "answer": word} for name, word in said.items()]}
        return await self.http.post("/v1/answers", json={**body, "method": method}, headers=idempotent(key))

    async def sign_in(self, number: str, **claims: Any) -> httpx.Response:
        """Exchange a fresh token for a session."""
        return await self.http.post("/v1/session", json={"token": token(number, **claims)})

    async def ask(self, right: str, key: str | None = None) -> httpx.Response:
        """Make a rights request."""
        return await self.http.post("/v1/rights-requests", json={"right": right}, headers=idempotent(key))

    async def allowed(self) -> set[str]:
        """Return the rules that are allowed now; who is told to come again on a busy machine does."""
        reply = await until_heard(lambda: self.http.get("/v1/permissions"))
        assert reply.status_code == 200, reply.text
        return {name_of(row) for row in reply.json()["permissions"] if row["allowed"]}


async def until_heard(say: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Say it again while the answer is 503, as that answer asks for: the machine is busy, or a connection was cut.

    A write needs the same Idempotency-Key each time.
    """
    async with asyncio.timeout(HEARD_S_MOST):
        while (reply := await say()).status_code == 503:
            await asyncio.sleep(0.05)
    return reply


class Opened(msgspec.Struct, frozen=True):
    """A house, and browsers to call it with; `app` is what a server would be given.

    `front` is the hall where it renders on its own, as with `ecrm run --gate-process`.
    """

    house: House
    app: Any
    address: Address
    front: Front | None = None

    @property
    def hall(self) -> Hall:
        """What renders."""
        return self.front.hall if self.front else self.house.hall

    @property
    def pools(self) -> tuple[Pool, Pool, Pool]:
        """The connections that serve requests: the house's, the gate's, the guest's."""
        pools = self.house.pools
        return pools.house, pools.gate, self.front.guest if self.front else pools.guest

    def browser(self, **headers: str) -> Browser:
        """Open a new browser on the service's own pages."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        hooks = {"response": [markers.overhear_async]}
        headers = {"Origin": ORIGIN, **headers}
        return Browser(httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers, event_hooks=hooks))

    @asynccontextmanager
    async def as_admin(self) -> AsyncIterator[asyncpg.Connection]:
        """Look at its database as somebody who may see everything."""
        conn = await asyncpg.connect(**self.address.connect_args(ADMIN_ROLE, ADMIN_PASSWORD))
        try:
            yield conn
        finally:
            conn.terminate()

    async def settle(self) -> None:
        """Wait until nothing is owed."""
        async with asyncio.timeout(HEARD_S_MOST):
            while True:
                await self.house.runner.drain()
                async with self.house.pools.house.acquire() as conn:
                    if not await conn.fetchval("select count(*) from ecrm.job where due <= now() and failed is null"):
                        return
                await asyncio.sleep(0.02)


@asynccontextmanager
async def open_for_test(
    database: Database,
    folder: Path,
    keyring: Keyring | None = None,
    *,
    instead: Instead | None = None,
    **settings: Any,
) -> AsyncIterator[Opened]:
    """Open a house on `database`, with its key files in `folder`; two may share a database and a keyring.

    With `gate_process` it renders in a hall that reaches it through a real socket.
    """
    keys = folder / "keys"
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    (keys / "demo-site.key").write_bytes(SITE_KEY)
    config = Config(data_dir=folder, **{"plugins": (), **settings})
    address: Address = database.address
    keyring = keyring or ClusterKeyring(secrets.token_bytes(32))
    async with open_house(config, address, keyring, instead, renders=not config.gate_process) as house:
        await _warm(house)
        if not config.gate_process:
            yield Opened(house, build_app(house), address)
            return
        async with counter(house) as socket, open_hall(config, address, socket) as front:
            yield Opened(house, front.app, address, front)


@asynccontextmanager
async def counter(house: House) -> AsyncIterator[Path]:
    """Answer halls for a house, at a socket in a folder of its own."""
    with TemporaryDirectory(prefix="ecrm-") as folder:
        socket, app = Path(folder) / "hatch", build_house(house)
        made = Counter(house.doors, house.shelf, app, paths_of(app), house.keyring.password(GUEST))
        async with made.open(socket):
            yield socket


async def _warm(house: House) -> None:
    """Connect patiently, so that a busy machine does not make the first requests wait longer than they may."""
    async with AsyncExitStack() as held:
        for pool, count in ((house.pools.house, house.config.pool_size), (house.pools.gate, 1)):
            for _ in range(count):
                await held.enter_async_context(pool.acquire(timeout=10))


@asynccontextmanager
async def house_of_its_own(cluster: Cluster, folder: Path, **settings: Any) -> AsyncIterator[Opened]:
    """Open a house on a database that is made for it and dropped after it: for the tests of a whole module."""
    name = f"house_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(**cluster.address.connect_args(ADMIN_ROLE, ADMIN_PASSWORD))
    try:
        await admin.execute(f"create database {name} template {TEMPLATE}")
        await admin.execute(rights_on(name))
        address = msgspec.structs.replace(cluster.address, database=name)
        async with open_for_test(Database(address, dict(PASSWORDS)), folder, **settings) as opened:
            yield opened
    finally:
        await admin.execute(f"drop database if exists {name} with (force)")
        await admin.close()


@contextmanager
def running(database: Database, folder: Path, **settings: Any) -> Iterator[tuple[asyncio.Runner, Opened]]:
    """Open a house for a test that is itself not asynchronous, such as one that Hypothesis calls again and again."""
    with asyncio.Runner() as runner:
        manager = open_for_test(database, folder, **settings)
        opened = runner.run(manager.__aenter__())
        try:
            yield runner, opened
        finally:
            runner.run(manager.__aexit__(None, None, None))


@contextmanager
def logged() -> Iterator[io.BytesIO]:
    """Log as the service does, into memory; everything is put back afterwards."""
    root, stream, before = logging.getLogger(), io.BytesIO(), structlog.get_config()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    logs.install(stream)
    try:
        yield stream
    finally:
        structlog.configure(**before)
        if not stream.closed:
            markers.said.append(stream.getvalue())
        logging.captureWarnings(capture=False)
        root.handlers[:], logging.raiseExceptions = handlers, raising
        root.setLevel(level)


def rule(name: str) -> dict[str, str]:
    """Take `offers/email` or `share//tea-guild` apart."""
    purpose, _, rest = name.partition("/")
    if rest.startswith("/"):
        return {"purpose": purpose, "recipient": rest[1:]}
    return {"purpose": purpose, "channel": rest} if rest else {"purpose": purpose}


def name_of(row: Mapping[str, Any]) -> str:
    """Put a rule of a reply together again."""
    if row.get("recipient"):
        return f"{row['purpose']}//{row['recipient']}"
    return f"{row['purpose']}/{row['channel']}" if row.get("channel") else str(row["purpose"])


def idempotent(key: str | None = None) -> dict[str, str]:
    """Return the header of a write; a new key unless one is given."""
    return {"Idempotency-Key": key or str(uuid4())}


def token(number: str, *, secret: bytes = SITE_KEY, **claims: Any) -> str:
    """Return a sign-in token as the shop would make it."""
    now = int(time.time())
    made = {"sub": number, "aud": "ecrm", "iss": "demo-shop", "exp": now + 300, "jti": str(uuid4()), **claims}
    return jwt.encode({name: value for name, value in made.items() if value is not None}, secret, "HS256")


async def every_table(conn: asyncpg.Connection) -> Sequence[str]:
    """Name every table of the product, with its schema."""
    rows = await conn.fetch(
        "select format('%I.%I', table_schema, table_name) as name from information_schema.tables"
        " where table_schema in ('ecrm', 'engine') and table_type = 'BASE TABLE' order by 1"
    )
    return [row["name"] for row in rows]


async def everything(conn: asyncpg.Connection) -> dict[str, list[str]]:
    """Return every row of every table as text: what a dump would hold. `conn` is the administrator's."""
    return {
        table: sorted(row["t"] for row in await conn.fetch(f"select x::text as t from {table} x"))
        for table in await every_table(conn)
    }
