"""Where the benchmarks run: a PostgreSQL of their own in a temporary folder, with one database per benchmark.

It is the embedded server with the service's settings, a key file of its own, and the roles' real rights. What the
limits need beside it, tables that anybody may read without asking, lives in the schema `bench`.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import msgspec

from ecrm_privacy import shipped
from ecrm_privacy.app import House, open_house, passwords
from ecrm_privacy.config import Config
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.migrate import migrate, rights_on
from ecrm_privacy.database.postgres import ADMIN_ROLE, EmbeddedPostgres
from ecrm_privacy.vault.keyring import Keyring

TEMPLATE = "bench_template"
START_S = 60.0
YARDSTICK = """
create schema bench;
create table bench.answer (id bigint generated always as identity primary key, body bytea not null);
create table bench.person (token_hash bytea primary key, name text not null);
grant usage on schema bench to ecrm_house, ecrm_gate, ecrm_guest;
grant select, insert on bench.answer to ecrm_house;
grant select on bench.person to ecrm_house, ecrm_gate, ecrm_guest;
"""


class Ground(msgspec.Struct, frozen=True):
    """A running server, the key that goes with it, and the folder of both."""

    folder: Path
    address: Address
    keyring: Keyring
    admin_password: str

    def home(self, database: str) -> Path:
        """Return the data folder of a database, with the key file: what a log published is remembered beside it."""
        keys = self.folder / database / "keys"
        if not keys.exists():
            shutil.copytree(self.folder / "keys", keys)
        return keys.parent

    def config(self, database: str, **settings: Any) -> Config:
        """Return the service's own settings, but for rates."""
        unlimited = {"yes_per_minute_subject": 0, "yes_per_minute_address": 0}
        return Config(data_dir=self.home(database), **{"plugins": (), **unlimited, **settings})

    async def admin(self, database: str) -> asyncpg.Connection:
        """Connect as somebody who may do everything."""
        return await asyncpg.connect(**self.at(database).connect_args(ADMIN_ROLE, self.admin_password))

    def at(self, database: str) -> Address:
        """Return the address of a database."""
        return msgspec.structs.replace(self.address, database=database)

    async def make(self, database: str) -> Address:
        """Make a migrated database without people."""
        conn = await self.admin("postgres")
        await conn.execute(f"create database {database} template {TEMPLATE}")
        await conn.execute(rights_on(database))
        await conn.close()
        return self.at(database)

    @asynccontextmanager
    async def house(self, database: str, **settings: Any) -> AsyncIterator[House]:
        """Open in this process what a worker opens, on `database`."""
        async with open_house(self.config(database, **settings), self.at(database), self.keyring) as house:
            yield house


@contextmanager
def ground() -> Iterator[Ground]:
    """Start the server, and leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="ecrm-bench-") as place:
        folder = Path(place)
        (folder / "keys").mkdir(mode=0o700)
        keyring = Keyring.create(folder / "keys" / "ecrm.key")
        admin_password = keyring.password(ADMIN_ROLE)
        with EmbeddedPostgres(folder / "postgres", admin_password) as address:
            made = Ground(folder, address, keyring, admin_password)
            asyncio.run(_prepare(made))
            yield made


async def _prepare(made: Ground) -> None:
    conn = await made.admin("postgres")
    await conn.execute(f"create database {TEMPLATE}")
    await conn.close()
    secrets = passwords(made.keyring)
    await migrate(made.at(TEMPLATE), ADMIN_ROLE, made.admin_password, secrets, shipped.migrations())
    conn = await made.admin(TEMPLATE)
    await conn.execute(YARDSTICK)
    await conn.close()


@contextmanager
def service(made: Ground, database: str, *plugins: str, gate_process: bool = False) -> Iterator[int]:
    """Run the service as `ecrm run` does, with one worker, on `database`; yields its port."""
    port = free_port()
    environment = {
        **os.environ,
        "ECRM_DATABASE_URL": f"postgresql:///{database}?host={quote(made.address.host)}&port={made.address.port}",
        "ECRM_PLUGINS": ",".join(plugins),
        "ECRM_GATE_PROCESS": str(gate_process).lower(),
        "ECRM_YES_PER_MINUTE_SUBJECT": "0",
        "ECRM_YES_PER_MINUTE_ADDRESS": "0",
    }
    command = [sys.executable, "-m", "ecrm_privacy", "run", "--data-dir", str(made.home(database)), "--port", str(port)]
    root = Path(__file__).resolve().parents[2]
    told = made.home(database) / "service.log"
    with told.open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=root, stdout=subprocess.DEVNULL, stderr=log)
        try:
            wait_for(process, port, told)
            yield port
        finally:
            process.terminate()
            process.wait(START_S)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path, path: str = "/health/live") -> None:
    """Wait until a service answers at `path`; raises RuntimeError with the end of its log when it does not."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as conn:
                conn.settimeout(1)
                conn.sendall(request)
                if b" 200 " in conn.recv(64):
                    return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the service did not start:\n{log.read_text()[-2000:]}")
