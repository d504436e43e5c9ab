"""What every test may ask for: an event loop, a fresh migrated database on one embedded PostgreSQL, and shared data.

`database` is a copy of a migrated template: nothing that a test does can be seen by another. `house`, `gate` and
`guest` are connections under those roles, `admin` one that may do everything, `pools` what the service itself uses.
"""

import asyncio
import math
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import asyncpg
import msgspec
import pytest
from hypothesis import settings

from ecrm_privacy import shipped
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.migrate import migrate, rights_on
from ecrm_privacy.database.pools import Pools, connect, open_pools
from ecrm_privacy.database.postgres import ADMIN_ROLE, EmbeddedPostgres
from ecrm_privacy.policy.compile import compile as compile_policy
from ecrm_privacy.policy.load import load
from ecrm_privacy.policy.store import write_rows
from tests import markers

settings.register_profile("default", deadline=None)  # how long a case takes says how busy the machine is
settings.load_profile("default")

CHECKOUT = Path(__file__).resolve().parents[1]
MIGRATIONS = CHECKOUT / "migrations"
SHARED = Path(os.environ.get("ECRM_SHARED", CHECKOUT.parent / "shared"))
NO_SHARED_DATA = "shared data missing"
ADMIN_PASSWORD = "password-of-the-admin"
PASSWORDS = {
    "ecrm_house": "password-of-the-house",
    "ecrm_gate": "password-of-the-gate",
    "ecrm_guest": "password-of-the-guest",
}
TEMPLATE = "ecrm_template"
MEMORY, ROOM_BYTES = Path("/dev/shm"), 4 * 2**30
"""Where Linux keeps files in memory, and how much must be free there before a run puts its server there (0.25 used)."""


class Database(NamedTuple):
    """A migrated database of one test: `address, passwords = database`."""

    address: Address
    passwords: dict[str, str]


class Cluster(NamedTuple):
    """The embedded PostgreSQL of this test run."""

    server: EmbeddedPostgres
    address: Address
    admin_password: str
    passwords: dict[str, str]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def no_trace_by_accident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After the run: nothing that a test sent stands in what was logged, or on an error page (promise 9)."""
    with markers.gathered() as log:
        yield
        said = [("an error page", content) for content in markers.said]
    found = markers.traces([("houses in this process", log.getvalue()), *said])
    found |= markers.traces(markers.logs_in(tmp_path_factory.getbasetemp()))
    assert not found, f"logged or shown: {sorted(found)[:20]}"


# the database ---------------------------------------------------------------------------------------------------------


async def _as_admin(address: Address, *statements: str) -> None:
    conn = await asyncpg.connect(**address.connect_args(ADMIN_ROLE, ADMIN_PASSWORD))
    try:
        for statement in statements:
            await conn.execute(statement)
    finally:
        await conn.close()


async def _write_ahead(template: Address) -> None:
    """Write the rows of the shipped policy, which mean nothing before it is in force: every house would write them."""
    bundle = load(shipped.policies())
    conn = await asyncpg.connect(**template.connect_args(ADMIN_ROLE, ADMIN_PASSWORD))
    try:
        for effect in write_rows(bundle, compile_policy(bundle)):
            await effect.run(conn)
    finally:
        await conn.close()


async def _make_template(address: Address) -> None:
    template = msgspec.structs.replace(address, database=TEMPLATE)
    await _as_admin(address, f"create database {TEMPLATE}")
    await migrate(template, ADMIN_ROLE, ADMIN_PASSWORD, PASSWORDS, MIGRATIONS)
    await _write_ahead(template)


@contextmanager
def _quick_folder(usual: Path) -> Iterator[Path]:
    """A folder in memory where there is room, else the usual one; the logs are in the usual one afterwards.

    Nothing here outlives a power cut, which is all that a disk could add: what is killed finds its files either way.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        yield usual
        return
    with TemporaryDirectory(prefix="ecrm-", dir=MEMORY) as folder:
        yield Path(folder)
        for log in Path(folder).glob("*.log*"):
            shutil.copy(log, usual)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One server for the whole run, with a migrated template; if the run is killed, Linux stops the server."""
    with ExitStack() as stack:
        folder = stack.enter_context(_quick_folder(tmp_path_factory.mktemp("postgres")))
        server = EmbeddedPostgres(folder, ADMIN_PASSWORD)
        address = stack.enter_context(server)
        with ThreadPoolExecutor(1) as beside:  # where a browser is driven, no event loop may start in this thread
            beside.submit(asyncio.run, _make_template(address)).result()
        yield Cluster(server, address, ADMIN_PASSWORD, PASSWORDS)


_numbers = count(1)


@pytest.fixture
def new_database(cluster: Cluster) -> Iterator[Callable[[], Database]]:
    """Make further databases, e.g. one per example of a property test; all are dropped after the test."""
    made: list[str] = []

    def make() -> Database:
        made.append(f"test_{next(_numbers)}")
        create = f"create database {made[-1]} template {TEMPLATE}"
        asyncio.run(_as_admin(cluster.address, create, rights_on(made[-1])))
        return Database(msgspec.structs.replace(cluster.address, database=made[-1]), dict(PASSWORDS))

    yield make
    asyncio.run(_as_admin(cluster.address, *[f"drop database if exists {name} with (force)" for name in made]))


@pytest.fixture
def database(new_database: Callable[[], Database]) -> Database:
    """A fresh migrated database: its address and the passwords of the three roles."""
    return new_database()


@pytest.fixture
async def pools(database: Database) -> AsyncIterator[Pools]:
    """The pools that the service uses."""
    opened = await open_pools(database.address, database.passwords)
    yield opened
    await opened.close()


@pytest.fixture
async def connected(database: Database) -> AsyncIterator[Callable[[str], Awaitable[asyncpg.Connection]]]:
    """Connect under a role, as often as a test likes."""
    made: list[asyncpg.Connection] = []

    async def make(role: str) -> asyncpg.Connection:
        made.append(await connect(database.address, role, database.passwords[role]))
        return made[-1]

    yield make
    for conn in made:
        conn.terminate()


@pytest.fixture
async def house(connected: Callable[[str], Awaitable[asyncpg.Connection]]) -> asyncpg.Connection:
    return await connected("ecrm_house")


@pytest.fixture
async def gate(connected: Callable[[str], Awaitable[asyncpg.Connection]]) -> asyncpg.Connection:
    return await connected("ecrm_gate")


@pytest.fixture
async def guest(connected: Callable[[str], Awaitable[asyncpg.Connection]]) -> asyncpg.Connection:
    return await connected("ecrm_guest")


@pytest.fixture
async def admin(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection, for what only an attacker or a fault would do."""
    conn = await asyncpg.connect(**database.address.connect_args(ADMIN_ROLE, ADMIN_PASSWORD))
    yield conn
    conn.terminate()


# shared data ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data and vectors beside the checkout. Without it the test is skipped, and counted at the end."""
    if not SHARED.is_dir():
        pytest.skip(f"{NO_SHARED_DATA}: no folder {SHARED.name} beside the checkout (or ECRM_SHARED)")
    return SHARED


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the browser tests last: their driver keeps an event loop running, beside which no other may start.

    Of those, the files with the most tests come first, so that no process is left with a long one at the end.
    """
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: sizes[item.path] if "browser" in item.path.parts else math.inf, reverse=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    missing = sum(NO_SHARED_DATA in _reason(report) for report in skipped)
    if missing:
        terminalreporter.write_line(f"{missing} tests were skipped for missing shared data", yellow=True)
    if skipped and SHARED.is_dir():
        terminalreporter.write_line(
            f"{len(skipped)} tests were skipped though the shared data is here: a failure", red=True
        )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where the shared data is, nothing may be skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if (
        reporter is not None
        and reporter.stats.get("skipped")
        and SHARED.is_dir()
        and session.exitstatus == pytest.ExitCode.OK
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
