"""The process group: one parent with the embedded PostgreSQL, and workers that share one listening socket.

With a gate process there is one more, the house: it has the keys and is started first and stopped last; the workers
then only render. One that hangs is killed and started anew.

The parent answers nothing. It starts the database, migrates, starts the workers, starts one anew that dies, and at the
end stops the workers before the database, so that what was acknowledged is written and what is under way is answered.
One that had answered is started anew at once; one that ends before it can is tried less and less often, and when that
becomes of every worker the parent gives up. Before it serves, a signal ends it at once, as an import is resumed anyway;
from then on it stops in order.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

import msgspec
import structlog

from ecrm_privacy import shipped
from ecrm_privacy.app import passwords
from ecrm_privacy.config import Config
from ecrm_privacy.database.address import Address, admin_of
from ecrm_privacy.database.migrate import migrate
from ecrm_privacy.database.postgres import ADMIN_ROLE, EmbeddedPostgres
from ecrm_privacy.errors import StartRefused
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.worker import WORK, Part, Work, to_text

log = structlog.get_logger(__name__)

BACKLOG = 4096
STOP_S = 20.0
RESTART_S, RESTART_S_MAX = 0.5, 30.0
"""How long a place stays empty: doubled for each worker in a row that ended before it could answer."""
FAILURES_MAX = 6
"""So many of these in a row, in every place, and the service ends: about 20 s after the first."""
SILENT_LOOKS = 150
"""After so many looks, ten a second, without a word from it, a house hangs and is killed."""
ENVIRONMENT = ("HOME", "LANG", "LANGUAGE", "LC_", "PATH", "PYTHON", "TMPDIR", "TZ", "VIRTUAL_ENV")
"""How the names begin of what a hall is told of our environment: there may be secrets in the rest."""


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
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it starts in the background ignore it
    signal.signal(signal.SIGTERM, _interrupt)
    with database(config, keyring) as (address, admin, admin_password):
        with _interruptible():
            prepare(config, keyring, address, admin, admin_password)
            before(address)
        stopping = _stop_on_signals()
        with _listen(config) as listener, _hatch() as hatch:
            houses = [Place(_house(config, address, hatch))] if config.gate_process else []
            workers: list[Place] = []
            try:
                if not houses or _wait_ready(houses, stopping):
                    workers += [
                        Place(_worker(config, address, hatch, listener.fileno())) for _ in range(config.workers)
                    ]
                    if _wait_ready(workers, stopping):
                        ready()
                _watch(workers, stopping, houses)
            finally:
                listener.close()  # whoever comes now is refused at once, instead of waiting for nobody
                _stop([place.process for place in workers])
                _stop([place.process for place in houses])
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Let another signal be what Ctrl-C is: asyncio, while it runs, cancels then instead of raising anywhere."""
    signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt when Ctrl-C came in here, whatever became of it.

    asyncio makes a cancellation of it, which may be let fall, or come out as something else; Python also writes each
    signal into a socket of ours, which nobody lets fall.
    """
    ear, mouth = socket.socketpair()
    with ear, mouth:
        ear.setblocking(False)
        mouth.setblocking(False)
        before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        try:
            yield
        except BaseException as ended:
            if _came(ear):
                raise KeyboardInterrupt from ended
            raise
        finally:
            signal.set_wakeup_fd(before)
        if _came(ear):
            raise KeyboardInterrupt


def _came(ear: socket.socket) -> bool:
    try:
        return signal.SIGINT in ear.recv(4096)
    except BlockingIOError:
        return False


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


@contextlib.contextmanager
def _hatch() -> Iterator[Path]:
    """Give the address of the socket between house and halls: in a folder of our own, and short, as such names are."""
    with tempfile.TemporaryDirectory(prefix="ecrm-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "hatch"


def _house(config: Config, address: Address, hatch: Path) -> Work:
    return Work(config, address, -1, os.getpid(), part=Part.HOUSE, hatch=hatch)


def _worker(config: Config, address: Address, hatch: Path, fd: int) -> Work:
    """Say what a worker is told. One that only renders is told no secret, and not where there are any."""
    if not config.gate_process:
        return Work(config, address, fd, os.getpid())
    settings = os.environ.get("ECRM_CONFIG")
    hidden = (config.key_file.parent, config.data_dir / "postgres" / "data", *([Path(settings)] if settings else []))
    told = msgspec.structs.replace(config, database_url=None)
    return Work(told, address, fd, os.getpid(), part=Part.HALL, hatch=hatch, hidden=tuple(p.absolute() for p in hidden))


class Place:
    """A worker's place: who fills it, and how many in a row ended before they could answer."""

    failures = 0

    def __init__(self, work: Work) -> None:
        self._work = work
        self._due_s: float | None = None
        self._fill()

    def _fill(self) -> None:
        self._answered = False
        self._silent_looks = 0
        ear, mouth = os.pipe()
        os.set_blocking(ear, False)
        self._ear = os.fdopen(ear, "rb", buffering=0)
        told = msgspec.structs.replace(self._work, ready_fd=mouth)
        known = {
            name: value
            for name, value in os.environ.items()
            if told.part is not Part.HALL or name.startswith(ENVIRONMENT)
        }
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ecrm_privacy", "_work", told.part, str(told.config.data_dir)],
                env={**known, WORK: to_text(told)},
                pass_fds=[fd for fd in (told.fd, mouth) if fd >= 0],
                process_group=0,  # a terminal's Ctrl-C reaches the parent alone, which then stops us in order
            )
        finally:
            os.close(mouth)

    def answers(self) -> bool:
        """Tell whether the worker has said that it answers; a house says it again and again."""
        self._silent_looks += 1
        if not self._ear.closed and (said := self._ear.read(64)) is not None:  # None: nothing; empty: no more
            self._answered = self._answered or bool(said)
            self._silent_looks = 0
            if not said:
                self._ear.close()
        return self._answered

    def look(self) -> None:
        """Fill the place anew when its worker ended, after the pause that is due."""
        if self.answers():
            self.failures = 0
            if self._work.part is Part.HOUSE and self._silent_looks > SILENT_LOOKS:
                log.error("house_hangs", pid=self.process.pid)
                self.process.kill()
                self.process.wait()
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


def _watch(workers: Sequence[Place], stopping: _Stopping, houses: Sequence[Place] = ()) -> None:
    """Keep the places filled until asked to stop. Raises StartRefused when none of a kind can be filled any more."""
    while not stopping.asked:
        for place in (*houses, *workers):
            place.look()
        for places in filter(None, (houses, workers)):
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
