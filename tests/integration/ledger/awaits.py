"""Lets one await of the ledger writer fail, whichever it is: a connection that counts them, and ways to fail.

The connection is a real one to a real PostgreSQL; what stands before it only counts and interferes. Errors of the
server are the server's own: it is told to raise them. An await that is added to the writer is met without a word here.
"""

import ast
import asyncio
import inspect
import secrets
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from ecrm_privacy.ledger import store
from ecrm_privacy.ledger import writer as room
from ecrm_privacy.ledger.record import Entry, LeafType, leaf

WRITER = Path(room.__file__)
AT_ONCE = frozenset({"is_closed", "terminate", "add_log_listener"})
"""What the writer calls without waiting."""
ELSEWHERE = {
    "self._wake.wait()": "until there is work",
    "asyncio.shield(call.future)": "of a caller",
    "self._task": "of who stops it",
}
"""Awaits of the writer that no statement stands behind."""

OF_THE_DRIVER = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)

Go = Callable[[], Awaitable[Any]]


class Met(NamedTuple):
    """One await: `go` does what the writer asked for. `raw` is the connection, None while there is none yet."""

    trouble: "Trouble"
    text: str
    raw: asyncpg.Connection | None
    go: Go
    patience_s: float | None = None

    @property
    def commits(self) -> bool:
        """Tell whether its outcome decides about the batch."""
        return self.text == "commit"

    async def lose(self, conn: asyncpg.Connection | None = None) -> None:
        """Let the server end the session, and wait until it has."""
        await self.trouble.end_session((conn or self.raw).get_server_pid())


Fault = Callable[[Met], Awaitable[Any]]


class Trouble:
    """Counts the awaits of one writer over all its connections, and lets `fault` loose on those numbered `at`."""

    def __init__(self, connect: Go, admin: asyncpg.Connection, beside: room.Writer) -> None:
        self._connect = connect
        self.admin = admin
        self.beside = beside
        self._fault: Fault | None = None
        self._at: Callable[[int, str], bool] = lambda _number, _text: False
        self.writer: room.Writer | None = None
        self.met: list[str] = []
        self.lines: set[int] = set()
        self.struck: list[Met] = []
        self.opened: list[asyncpg.Connection] = []
        self.meanwhile: list[asyncio.Task[Any]] = []
        self.stumbles = False

    def strike(self, fault: Fault, at: Callable[[int, str], bool]) -> None:
        """From now on count anew, and let the awaits fail that `at` picks by their numbers from 0 and their texts."""
        self._fault, self._at, self.met, self.struck = fault, at, [], []

    async def connect(self) -> "Watched":
        """Connect as the writer wants it."""

        async def go() -> Watched:
            self.opened.append(await self._connect())
            return Watched(self.opened[-1], self)

        found: Watched = await self.meet(Met(self, "connect", None, go))
        return found

    async def meet(self, met: Met) -> Any:
        """Count one await and do what it is for, or let it fail."""
        number = len(self.met)
        self.met.append(met.text)
        self._note_lines()
        if self._fault is None or not self._at(number, met.text):
            return await met.go()
        self.struck.append(met)
        return await self._fault(met)

    async def end_session(self, process: int) -> None:
        """End a session of the server and wait until it is gone."""
        await self.admin.execute("select pg_terminate_backend($1)", process)
        while await self.admin.fetchval("select count(*) from pg_stat_activity where pid = $1", process):
            await asyncio.sleep(0.001)

    def cancel(self) -> None:
        """Cancel the writer's task."""
        assert self.writer is not None and self.writer._task is not None
        self.writer._task.cancel()

    def unmet(self) -> list[str]:
        """Return the awaits in the writer's source that nothing was met at so far, apart from those elsewhere."""
        source = ast.parse(WRITER.read_text("utf-8"))
        awaits = [node for node in ast.walk(source) if isinstance(node, ast.Await)]
        left = [node for node in awaits if not self.lines & set(range(node.lineno, (node.end_lineno or 0) + 1))]
        return [text for node in left if (text := ast.unparse(node.value)) not in ELSEWHERE]

    def _note_lines(self) -> None:
        frame = sys._getframe()
        while frame := frame.f_back:  # type: ignore[assignment]
            if frame.f_code.co_filename == str(WRITER):
                self.lines.add(frame.f_lineno)


class Watched:
    """A connection each await of which is met first."""

    def __init__(self, raw: asyncpg.Connection, trouble: Trouble) -> None:
        self.raw = raw
        self._trouble = trouble

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.raw, name)
        if name == "terminate" and self._trouble.stumbles:
            return self._stumble
        if name in AT_ONCE:
            return found
        assert inspect.iscoroutinefunction(found), f"the writer uses {name}, where no fault can be injected yet"

        async def call(*args: Any, **more: Any) -> Any:
            go = partial(found, *args, **more)
            return await self._trouble.meet(Met(self._trouble, args[0], self.raw, go, more.get("timeout")))

        return call

    def _stumble(self) -> None:
        self.raw.terminate()
        raise AttributeError("the driver stumbles over what is gone")


# ways to fail ---------------------------------------------------------------------------------------------------------


async def lost_before(met: Met) -> Any:
    """The session ends before the server has the statement."""
    if met.raw is None:
        raise ConnectionRefusedError
    await met.lose()
    return await met.go()


async def lost_during(met: Met) -> Any:
    """The session ends while the server is at it."""
    if met.raw is None:
        raise ConnectionResetError
    under_way = asyncio.ensure_future(met.go())
    await asyncio.sleep(0)
    await met.lose()
    await under_way
    raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


async def lost_after(met: Met) -> Any:
    """The server did it, and the answer is lost with the session."""
    done = await met.go()
    if met.raw is None:
        await met.lose(done.raw)
        return done
    await met.lose()
    raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


async def lost_for_the_driver_too(met: Met) -> Any:
    """As `lost_before`, and the driver stumbles when the connection is given up."""
    met.trouble.stumbles = True
    return await lost_before(met)


def refused(state: str, constraint: str = "") -> Fault:
    """The server refuses with this SQLSTATE instead."""
    named = f", constraint = '{constraint}'" if constraint else ""

    async def fail(met: Met) -> Any:
        raw = (await met.go()).raw if met.raw is None else met.raw
        try:
            await raw.execute(f"do $$ begin raise exception using errcode = '{state}'{named}; end $$")
        finally:
            if met.raw is None:  # what could not be opened is not there
                raw.terminate()
        raise AssertionError("the server raised nothing")

    return fail


def tripped(error: type[Exception]) -> Fault:
    """The driver or our own code fails without a word of the server; at a plain "rollback" only the driver can."""

    async def fail(met: Met) -> Any:
        if met.text == "rollback" and not issubclass(error, OF_THE_DRIVER):
            return await met.go()
        raise error("tripped")

    return fail


async def warned(met: Met) -> Any:
    """The server does it, and warns: at a commit that means that no standby has it."""
    if met.raw is not None and met.raw.is_in_transaction():
        await met.raw.execute("do $$ begin raise warning 'somebody will regret this'; end $$")
    return await met.go()


async def hangs_before(met: Met) -> Any:
    """Nothing is sent until the turn has taken too long."""
    await asyncio.wait_for(asyncio.sleep(30), met.patience_s)
    return await met.go()


async def hangs_after(met: Met) -> Any:
    """The server did it, and its answer does not come until the turn has taken too long."""
    await met.go()
    await asyncio.wait_for(asyncio.sleep(30), met.patience_s)


async def cancelled_before(met: Met) -> Any:
    """The writer's task is cancelled before anything is sent."""
    met.trouble.cancel()
    await asyncio.sleep(0)
    raise AssertionError("a cancelled task went on")


async def cancelled_during(met: Met) -> Any:
    """The writer's task is cancelled while the server is at it."""
    asyncio.get_running_loop().call_soon(met.trouble.cancel)
    return await met.go()


async def cancelled_after(met: Met) -> Any:
    """The server did it, and the writer's task is cancelled before it hears so."""
    await met.go()
    met.trouble.cancel()
    await asyncio.sleep(0)


async def overtaken(met: Met) -> Any:
    """Before the server has the statement another process appends, or waits for the head if it cannot."""
    met.trouble.meanwhile.append(asyncio.create_task(met.trouble.beside.append([filler()])))
    await asyncio.wait(met.trouble.meanwhile, timeout=0.02)
    return await met.go()


async def frozen(met: Met) -> Any:
    """Before the server has the statement another process freezes the log, or waits for the head if it cannot."""

    async def freeze() -> list[int]:
        await store.freeze("tried").run(met.trouble.admin)
        return [0]

    met.trouble.meanwhile.append(asyncio.create_task(freeze()))
    await asyncio.wait(met.trouble.meanwhile, timeout=0.02)
    return await met.go()


def filler() -> Entry:
    """The smallest entry: a leaf whose body is gone."""
    return Entry(leaf=leaf(LeafType.SUBJECT, secrets.token_bytes(32)))


HANGS: dict[str, Fault] = {"hangs before": hangs_before, "hangs after": hangs_after}
CANCELS: dict[str, Fault] = {
    "cancelled before": cancelled_before,
    "cancelled during": cancelled_during,
    "cancelled after": cancelled_after,
}
PASSING: dict[str, Fault] = {
    "lost before": lost_before,
    "lost during": lost_during,
    "lost after": lost_after,
    "lost for the driver, too": lost_for_the_driver_too,
    "serialization failure": refused("40001"),
    "deadlock": refused("40P01"),
    "ended by an administrator": refused("57P01"),
    "disk full": refused("53100"),
    "read-only after a failover": refused("25006"),
    "internal error": refused("XX000"),
    "driver gives up": tripped(asyncpg.InterfaceError),
    "driver is confused": tripped(asyncpg.InternalClientError),
    "network": tripped(OSError),
}
"""Faults that pass: before a commit, trying again on a new connection helps everybody."""
OTHERS: dict[str, Fault] = {
    "statement timeout": refused("57014"),
    "lock timeout": refused("55P03"),
    "key taken": refused("23505", "reply_pkey"),
    "index taken": refused("23505", "ledger_entry_pkey"),
    "check violated": refused("23514"),
    "no right": refused("42501"),
    "bad value": refused("22001"),
    "raised": refused("P0001"),
    "driver refuses": tripped(ValueError),
    "our own mistake": tripped(AssertionError),
    "warned": warned,
}
BESIDE: dict[str, Fault] = {"overtaken": overtaken, "frozen": frozen}
FAULTS = PASSING | OTHERS | HANGS | CANCELS | BESIDE
