"""The service under test: its real process group on loopback, and every way in which a part of it can be killed.

Processes are found by what they are, never by name alone: workers by the folder in their command, the database's by
the folder they work in. So nothing of another service on this machine is ever touched.
"""

import asyncio
import importlib.util
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import asyncpg
import msgspec

from ecrm_privacy.config import Config
from ecrm_privacy.database import leftovers
from ecrm_privacy.database.postgres import ADMIN_ROLE, EmbeddedPostgres
from ecrm_privacy.logbook import guard
from ecrm_privacy.vault.keyring import Keyring

READY_S_MOST = 120.0
GONE_S_MOST = 30.0
STOP_S_MOST = 40.0
HAS_PLUGIN = importlib.util.find_spec("personalization.plugin") is not None


class DemoFile(msgspec.Struct, frozen=True):
    """What the demo tells programs: with it, anyone on this machine can sign its customers in."""

    base: str
    token_secret: str
    issuer: str
    audience: str
    customers: list[dict[str, str]]


class Group:
    """`ecrm demo` on `data_dir` with its workers and its database; a context manager that leaves nothing behind."""

    def __init__(
        self,
        data_dir: Path,
        *,
        workers: int = 2,
        port: int | None = None,
        gate_process: bool = False,
        plugins: str | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.log = data_dir.with_name(data_dir.name + ".log")
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.parent: subprocess.Popen[bytes] | None = None
        self._workers_wanted = workers
        self._gate_process = gate_process
        self._plugins = plugins

    def __enter__(self) -> "Group":
        self.start()
        self.wait_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.parent is not None and self.parent.poll() is None:
            self.parent.terminate()
            try:
                self.parent.wait(STOP_S_MOST)
            except subprocess.TimeoutExpired:
                self.parent.kill()
                self.parent.wait()
        for process in self.processes():
            leftovers.send(process, signal.SIGKILL)

    def start(self) -> None:
        """Start the group and return at once."""
        environment = {**os.environ, "ECRM_GATE_PROCESS": str(self._gate_process).lower()}
        if self._plugins is not None:
            environment["ECRM_PLUGINS"] = self._plugins
        if not HAS_PLUGIN:
            environment["ECRM_PLUGINS"] = ""
        command = [
            sys.executable, "-m", "ecrm_privacy", "demo", "--port", str(self.port),
            "--data-dir", str(self.data_dir), "--workers", str(self._workers_wanted),
        ]  # fmt: skip
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.parent = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def wait_ready(self, within_s: float = READY_S_MOST) -> float:
        """Wait until the service says that it is ready, and return the seconds that took."""
        began = time.monotonic()
        while time.monotonic() - began < within_s:
            if self.parent is None or self.parent.poll() is not None:
                raise AssertionError(f"the service ended by itself; its last words:\n{self.last_words()}")
            if answers(f"{self.base}/health/ready"):
                return time.monotonic() - began
            time.sleep(0.02)
        raise AssertionError(f"the service was not ready within {within_s} s; its last words:\n{self.last_words()}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Ask the parent to stop; return its exit status and the seconds that took."""
        assert self.parent is not None
        began = time.monotonic()
        self.parent.send_signal(number)
        return self.parent.wait(STOP_S_MOST), time.monotonic() - began

    def wait_gone(self, within_s: float = GONE_S_MOST) -> list[int]:
        """Wait until no process of the group is left; return those that are left all the same."""
        assert self.parent is not None
        self.parent.poll()
        return _settled(self.processes, within_s)

    def demo(self) -> DemoFile:
        """Read `demo.json`."""
        return msgspec.json.decode((self.data_dir / "demo.json").read_bytes(), type=DemoFile)

    def last_words(self) -> str:
        """Return the end of what the service printed."""
        return self.log.read_text("utf-8", "replace")[-3000:] if self.log.exists() else "none"

    # who is there -----------------------------------------------------------------------------------------------------

    def workers(self) -> list[int]:
        """Return the workers, also those whose parent is gone; a house is one of them."""
        return sorted(number for part in ("whole", "house", "hall") for number in self.having(part))

    def having(self, part: str) -> list[int]:
        """Return the processes of one part: `whole`, `house` or `hall`."""
        mark = [b"_work", part.encode(), os.fsencode(self.data_dir), b""]
        listed = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return sorted(int(each.name) for each in listed if _read(each / "cmdline").split(b"\0")[-4:] == mark)

    def database(self) -> list[int]:
        """Return every process of PostgreSQL, the postmaster first."""
        found = sorted(leftovers.processes_on(self.data_dir / "postgres" / "data"))
        postmaster = self.postmaster()
        return [process for process in found if process == postmaster] + [p for p in found if p != postmaster]

    def postmaster(self) -> int | None:
        """Return the postmaster, or None while there is none."""
        return leftovers.postmaster_on(self.data_dir / "postgres" / "data")

    def backends(self) -> list[int]:
        """Return the processes of PostgreSQL that serve a connection of ours."""
        return [p for p in self.database() if _read(Path(f"/proc/{p}/cmdline")).startswith(b"postgres: ecrm_")]

    def processes(self) -> list[int]:
        """Return every process of the group that still runs."""
        alive = [self.parent.pid] if self.parent is not None and self.parent.poll() is None else []
        return [*alive, *self.workers(), *self.database()]


def kill_worker(group: Group, rng: random.Random) -> None:
    """SIGKILL one worker."""
    _kill(rng.sample(group.workers(), 1))


def kill_workers(group: Group, _rng: random.Random) -> None:
    """SIGKILL every worker at once."""
    _kill(group.workers())


def kill_house(group: Group, _rng: random.Random) -> None:
    """SIGKILL the process with the keys, where it is one of its own; the halls go on without it."""
    houses = group.having("house")
    assert len(houses) == 1, "this service has no gate process"
    _kill(houses)


def kill_parent(group: Group, _rng: random.Random) -> None:
    """SIGKILL the parent; the others notice."""
    assert group.parent is not None
    group.parent.kill()
    group.parent.wait()


def kill_postmaster(group: Group, _rng: random.Random) -> None:
    """SIGKILL the postmaster; its backends notice."""
    postmaster = group.postmaster()
    _kill([] if postmaster is None else [postmaster])


def kill_backend(group: Group, rng: random.Random) -> None:
    """SIGKILL one backend of PostgreSQL; the postmaster ends all others and recovers."""
    backends = group.backends()
    _kill(rng.sample(backends, min(1, len(backends))))


def kill_everything(group: Group, _rng: random.Random) -> None:
    """SIGKILL every process of the group, as when a machine is switched off (but for what its disk had in flight)."""
    assert group.parent is not None
    _kill(group.processes())
    group.parent.wait()


def quit_postmaster(group: Group, _rng: random.Random) -> None:
    """SIGQUIT to the postmaster: the immediate shutdown, from which it must recover."""
    postmaster = group.postmaster()
    if postmaster is not None:
        leftovers.send(postmaster, signal.SIGQUIT)


def kill_publishing(group: Group, _rng: random.Random) -> None:
    """SIGKILL every worker while one stands between the guard's file, which it wrote, and the public row."""
    asyncio.run(_kill_publishing(group))


HOLD = """
    create function public.held() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock(4711); return new; end $$;
    create trigger held before update on ecrm.published
        for each row when (new.tree_size > old.tree_size) execute function public.held();
"""
LET_GO = "drop trigger if exists held on ecrm.published; drop function if exists public.held()"
HELD = "select pid from pg_locks where locktype = 'advisory' and not granted"
HELD_S_MOST = 20.0


async def _kill_publishing(group: Group) -> None:
    keyring = Keyring.load(group.data_dir / "keys" / "ecrm.key")
    address = EmbeddedPostgres(group.data_dir / "postgres", keyring.password(ADMIN_ROLE)).address
    conn = await asyncpg.connect(**address.connect_args(ADMIN_ROLE, keyring.password(ADMIN_ROLE)))
    try:
        await conn.execute("select pg_advisory_lock(4711)")
        await conn.execute(HOLD)
        async with asyncio.timeout(HELD_S_MOST):
            while not await conn.fetchval(HELD):
                await asyncio.sleep(0.01)
        _kill(group.workers())
        # Its server process does not notice yet: what was sent would still be written once it is let go.
        while held := await conn.fetch(HELD):
            await conn.fetch("select pg_terminate_backend(pid) from unnest($1::int[]) pid", [row[0] for row in held])
            await asyncio.sleep(0.01)
        public = await conn.fetchval("select tree_size from ecrm.published")
        assert _guarded(group, keyring) > public, "nobody was killed between the file and the row"
    finally:
        await conn.execute(
            "select pg_advisory_unlock_all()"
        )  # first, or the next one to publish would stand in the way
        await conn.execute(LET_GO)
        await conn.close()


def _guarded(group: Group, keyring: Keyring) -> Any:
    highest = guard(Config(data_dir=group.data_dir), keyring).highest()
    return 0 if highest is None else highest.tree_size


def stop(group: Group, _rng: random.Random) -> None:
    """SIGTERM to the parent: the way an operator stops it."""
    status, _ = group.stop()
    assert status == 0, f"a stop on request ended with status {status}"


KILLS: dict[str, Callable[[Group, random.Random], None]] = {
    "worker": kill_worker,
    "postmaster": kill_postmaster,
    "publishing": kill_publishing,
    "backend": kill_backend,
    "everything": kill_everything,
    "parent": kill_parent,
    "workers": kill_workers,
    "immediate": quit_postmaster,
    "stop": stop,
}
"""Every kind of kill, in the order in which a short run takes them."""
WITH_HOUSE = {**KILLS, "house": kill_house}
"""The same for a service with a gate process."""


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def answers(url: str, within_s: float = 1.0) -> bool:
    """Tell whether `url` answers 200."""
    try:
        with urlopen(url, timeout=within_s) as reply:
            return bool(reply.status == 200)
    except (URLError, OSError, ValueError):
        return False


def _kill(processes: list[int]) -> None:
    for process in processes:
        leftovers.send(process, signal.SIGKILL)


def _settled(found: Callable[[], list[int]], within_s: float) -> list[int]:
    deadline = time.monotonic() + within_s
    while (left := found()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
