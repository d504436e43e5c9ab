"""The process group: one parent with the embedded PostgreSQL, and workers that share one listening socket.

The parent answers nothing. It starts the database, migrates, starts the workers, starts one anew that dies, and at the
end stops the workers before the database, so that what was acknowledged is written and what is under way is answered.
"""

import asyncio
import contextlib
import ctypes
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import uvicorn
import uvloop

from ecrm_privacy import shipped
from ecrm_privacy.app import build_app, open_house, passwords
from ecrm_privacy.config import Config
from ecrm_privacy.database.address import Address, admin_of
from ecrm_privacy.database.migrate import migrate
from ecrm_privacy.database.postgres import ADMIN_ROLE, EmbeddedPostgres
from ecrm_privacy.errors import StartRefused
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.web.logs import install

BACKLOG = 4096
STOP_S = 20.0
RESTART_S = 0.5
PR_SET_PDEATHSIG = 1
WORK = "ECRM_WORK"


class Work(msgspec.Struct, frozen=True):
    """What a worker is told: the configuration, where the database is, and the socket it inherits."""

    config: Config
    address: Address
    fd: int


def _to_text(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError


def _to_path(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError


@contextlib.contextmanager
def database(config: Config, keyring: Keyring) -> Iterator[tuple[Address, str, str]]:
    """Give the database's address with the name and password of its administrator, starting the embedded one."""
    if config.database_url is not None:
        admin = admin_of(config.database_url) or ("", "")
        yield Address.from_url(config.database_url), *admin
        return
    password = keyring.password(ADMIN_ROLE)
    with EmbeddedPostgres(config.data_dir / "postgres", password) as address:
        yield address, ADMIN_ROLE, password


def prepare(config: Config, keyring: Keyring, address: Address, admin: str, admin_password: str) -> None:
    """Migrate the embedded database; one by URL is migrated by `ecrm migrate` alone."""
    if config.database_url is None:
        asyncio.run(migrate(address, admin, admin_password, passwords(keyring), shipped.migrations()))


def serve(config: Config, keyring: Keyring, *, before: Callable[[Address], None], ready: Callable[[], None]) -> int:
    """Run the service until SIGINT or SIGTERM; returns the exit status.

    `before` runs once the database is there, `ready` once the first worker answers.
    """
    stopping = _stop_on_signals()
    with database(config, keyring) as (address, admin, admin_password):
        prepare(config, keyring, address, admin, admin_password)
        before(address)
        with _listen(config) as listener:
            work = Work(config, address, listener.fileno())
            workers = [_spawn(work) for _ in range(config.workers)]
            try:
                if _wait_ready(config, workers, stopping):
                    ready()
                _watch(workers, work, stopping)
            finally:
                _stop(workers)
    return 0


class _Stopping:
    """Whether somebody asked us to stop."""

    asked = False


def _stop_on_signals() -> _Stopping:
    stopping = _Stopping()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stopping.asked = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    return stopping


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except OSError as error:
        raise StartRefused(
            f"port {config.port} of {config.host} is taken: stop what uses it, or name another with --port"
        ) from error
    listener.listen(BACKLOG)
    listener.set_inheritable(True)
    return listener


def _spawn(work: Work) -> subprocess.Popen[bytes]:
    environment = {**os.environ, WORK: msgspec.json.encode(work, enc_hook=_to_text).decode()}
    return subprocess.Popen(
        [sys.executable, "-m", "ecrm_privacy", "_work"],
        env=environment,
        pass_fds=[work.fd],
        process_group=0,  # a terminal's Ctrl-C reaches the parent alone, which then stops us in order
    )


def _wait_ready(config: Config, workers: list[subprocess.Popen[bytes]], stopping: _Stopping) -> bool:
    """Wait until a worker answers; False when asked to stop, StartRefused when every worker ended instead."""
    request = f"GET /health/ready HTTP/1.1\r\nHost: {config.host}:{config.port}\r\nConnection: close\r\n\r\n".encode()
    while not stopping.asked:
        if all(worker.poll() is not None for worker in workers):
            raise StartRefused("the service ended before it could answer; the lines above say why")
        with contextlib.suppress(OSError), socket.create_connection((config.host, config.port), 1) as connection:
            connection.settimeout(1)
            connection.sendall(request)
            if b" 200 " in connection.recv(64):
                return True
        time.sleep(0.05)
    return False


def _watch(workers: list[subprocess.Popen[bytes]], work: Work, stopping: _Stopping) -> None:
    while not stopping.asked:
        for place, worker in enumerate(workers):
            if worker.poll() is not None and not stopping.asked:
                time.sleep(RESTART_S)
                workers[place] = _spawn(work)
        time.sleep(0.1)


def _stop(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.terminate()
    deadline = time.monotonic() + STOP_S
    for worker in workers:
        try:
            worker.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def work() -> int:
    """Be one worker, as the parent asked for in the environment."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    told = msgspec.json.decode(os.environ.pop(WORK), type=Work, dec_hook=_to_path)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold keys
    install()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(told))
    return 0


async def _work(told: Work) -> None:
    keyring = Keyring.load(told.config.key_file)
    async with open_house(told.config, told.address, keyring) as house:
        server = uvicorn.Server(
            uvicorn.Config(
                build_app(house),
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=False,
                timeout_graceful_shutdown=5,
                timeout_keep_alive=15,
                http="httptools",
                h11_max_incomplete_event_size=64 * 1024,
            )
        )
        await server.serve(sockets=[socket.socket(fileno=told.fd)])


def random_secret() -> str:
    """Return 32 random bytes as text, for keys of the demo."""
    return secrets.token_urlsafe(32)
