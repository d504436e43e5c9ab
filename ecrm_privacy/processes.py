"""The process group: one parent with the embedded PostgreSQL, and workers that share one listening socket.

The parent answers nothing. It starts the database, migrates, starts the workers, starts one anew that dies, and at the
end stops the workers before the database, so that what was acknowledged is written and what is under way is answered.
One that had answered is started anew at once; one that ends before it can is tried less and less often, and when that
becomes of every worker the parent gives up. Before it serves, a signal ends it at once, as an import is resumed anyway;
from then on it stops in order.
"""

import asyncio
import contextlib
import ctypes
import os
import resource
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
import structlog
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ecrm_privacy import shipped
from ecrm_privacy.app import build_app, open_house, passwords
from ecrm_privacy.config import Config
from ecrm_privacy.custody import keeper_at
from ecrm_privacy.database.address import Address, admin_of
from ecrm_privacy.database.migrate import migrate
from ecrm_privacy.database.postgres import ADMIN_ROLE, EmbeddedPostgres
from ecrm_privacy.errors import Failure, StartRefused
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.memory import keep_memory_private
from ecrm_privacy.web.logs import install

log = structlog.get_logger(__name__)

BACKLOG = 4096
STOP_S = 20.0
RESTART_S, RESTART_S_MAX = 0.5, 30.0
"""How long a place stays empty: doubled for each worker in a row that ended before it could answer."""
FAILURES_MAX = 6
"""So many of these in a row, in every place, and the service ends: about 20 s after the first."""
CONNECTIONS_MAX = 16_384
"""Per worker, where the system allows it. An idle one costs about 6 KiB."""
HEAD_S, HEAD_BYTES_MAX = 10.0, 64 * 1024
"""What the head of a request may take, in time and size; edges.py says the same of bodies."""
PR_SET_PDEATHSIG = 1
WORK = "ECRM_WORK"


class Work(msgspec.Struct, frozen=True):
    """What a worker is told: the configuration, where the database is, and what it inherits.

    That is the socket to listen on and, unless it is -1, the pipe to say by that it answers.
    """

    config: Config
    address: Address
    fd: int
    parent: int
    ready_fd: int = -1


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
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with database(config, keyring) as (address, admin, admin_password):
        prepare(config, keyring, address, admin, admin_password)
        before(address)
        stopping = _stop_on_signals()
        with _listen(config) as listener:
            work = Work(config, address, listener.fileno(), os.getpid())
            places = [Place(work) for _ in range(config.workers)]
            try:
                if _wait_ready(places, stopping):
                    ready()
                _watch(places, stopping)
            finally:
                listener.close()  # whoever comes now is refused at once, instead of waiting for nobody
                _stop([place.process for place in places])
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


class Place:
    """A worker's place: who fills it, and how many in a row ended before they could answer."""

    failures = 0

    def __init__(self, work: Work) -> None:
        self._work = work
        self._due_s: float | None = None
        self._fill()

    def _fill(self) -> None:
        self._answered = False
        ear, mouth = os.pipe()
        os.set_blocking(ear, False)
        self._ear = os.fdopen(ear, "rb", buffering=0)
        told = msgspec.json.encode(msgspec.structs.replace(self._work, ready_fd=mouth), enc_hook=_to_text)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ecrm_privacy", "_work"],
                env={**os.environ, WORK: told.decode()},
                pass_fds=[self._work.fd, mouth],
                process_group=0,  # a terminal's Ctrl-C reaches the parent alone, which then stops us in order
            )
        finally:
            os.close(mouth)

    def answers(self) -> bool:
        """Tell whether the worker has said that it answers."""
        if not self._ear.closed and (said := self._ear.read(1)) is not None:  # None: nothing yet; empty: it ended
            self._answered = bool(said)
            self._ear.close()
        return self._answered

    def look(self) -> None:
        """Fill the place anew when its worker ended, after the pause that is due."""
        if self.answers():
            self.failures = 0
        if self.process.poll() is None:
            return
        if self._due_s is None:
            self.failures += not self.answers()
            pause_s = restart_pause_s(self.failures)
            self._due_s = time.monotonic() + pause_s
            if self.failures <= 1:  # of several in a row only the first is told; what they say themselves is enough
                log.error("worker_ended", exit_code=self.process.returncode, due_in_s=pause_s)
        elif time.monotonic() >= self._due_s:
            self._due_s = None
            self._fill()


def restart_pause_s(failures: int) -> float:
    """Return how long a place stays empty after so many workers in a row that ended before they could answer."""
    return float(min(RESTART_S * 2 ** max(failures - 1, 0), RESTART_S_MAX))


def _wait_ready(places: list[Place], stopping: _Stopping) -> bool:
    """Wait until a worker answers; False when asked to stop, StartRefused when every worker ended instead."""
    while not stopping.asked:
        if any(place.answers() for place in places):
            return True
        if all(place.process.poll() is not None for place in places):
            raise StartRefused("the service ended before it could answer; the lines above say why")
        time.sleep(0.05)
    return False


def _watch(places: list[Place], stopping: _Stopping) -> None:
    """Keep the places filled until asked to stop. Raises StartRefused when none can be filled any more."""
    while not stopping.asked:
        for place in places:
            place.look()
        if all(place.failures >= FAILURES_MAX for place in places):
            raise StartRefused(
                f"every worker ended before it could answer, {FAILURES_MAX} times in a row (exit status"
                f" {places[0].process.returncode}): the lines above say why; mend that and start again"
            )
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
    told = msgspec.json.decode(os.environ.pop(WORK), type=Work, dec_hook=_to_path)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != told.parent:  # it ended before we asked to hear of it
        return 1
    keep_memory_private()
    _allow_connections()
    install()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_work(told))
    except Failure as failure:
        sys.stderr.write(f"ecrm: a worker ended: {type(failure).__name__}: {failure}\n")
        return 2
    return 0


def _allow_connections() -> None:
    """Hold as many connections as the system lets us; a shell's usual limit of 1,024 goes dark under idle ones."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = CONNECTIONS_MAX if hard == resource.RLIM_INFINITY else min(hard, CONNECTIONS_MAX)
    with contextlib.suppress(ValueError, OSError):  # macOS names a limit that it does not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


async def _work(told: Work) -> None:
    keyring = Keyring.load(told.config.key_file, keeper_at)
    async with open_house(told.config, told.address, keyring) as house:
        if (why := await house.frozen()) is not None:
            sys.stderr.write(f"ecrm: the log is frozen: {why}. Nothing personal is shown; see `ecrm ledger shard`\n")
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
                http=Protocol,
                ws="none",
            )
        )
        # The server raises its signal once more when it is done, which would end us before the house is closed.
        signal.signal(signal.SIGTERM, server.handle_exit)
        if told.ready_fd >= 0:
            os.write(told.ready_fd, b"1")
            os.close(told.ready_fd)
        await server.serve(sockets=[socket.socket(fileno=told.fd)])


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 for whoever says what he wants: the head of a request must come in time, and must have an end.

    uvicorn hangs up on a connection that is idle after a response, but not on one that never says anything, and not on
    one that says a head by the byte; and it keeps a head of any size.
    """

    _head_due: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect the first head."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Expect a head to begin here if we were idle: then uvicorn's own wait is over with the first byte."""
        if self._head_due is None and self.timeout_keep_alive_task is not None:
            self._expect_head()
        super().data_received(data)
        if self._head_due is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")

    def on_headers_complete(self) -> None:
        """Expect no head until the next request begins."""
        self._stop_expecting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        self._stop_expecting()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._head_due = self.loop.call_later(HEAD_S, self.timeout_keep_alive_handler)

    def _stop_expecting(self) -> None:
        self._head_bytes = 0
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None
