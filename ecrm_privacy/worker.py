"""One process of the group, as the parent asked for it: a worker that does everything, a house, or a hall.

A house has the keys and answers halls through the hatch; a hall renders, and has neither keys nor the house's role.
"""

import asyncio
import contextlib
import ctypes
import gc
import os
import resource
import signal
import socket
import sys
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ecrm_privacy.app import House, build_app, build_house, open_house
from ecrm_privacy.config import Config
from ecrm_privacy.confine import confine
from ecrm_privacy.custody import keeper_at
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.pools import GUEST
from ecrm_privacy.errors import Failure
from ecrm_privacy.hatch.answering import Counter
from ecrm_privacy.rendering import open_hall
from ecrm_privacy.routes import paths_of
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.memory import keep_memory_private
from ecrm_privacy.web.edges import Edges
from ecrm_privacy.web.logs import install

CONNECTIONS_MAX = 16_384
"""Per worker, where the system allows it. An idle one costs about 6 KiB."""
HEAD_S, HEAD_BYTES_MAX = 10.0, 64 * 1024
"""What the head of a request may take, in time and size; edges.py says the same of bodies."""
PR_SET_PDEATHSIG = 1
WORK = "ECRM_WORK"
BEAT_S = 1.0
"""How often a house says that it is alive."""


class Part(StrEnum):
    """What a process is for."""

    WHOLE = "whole"
    HOUSE = "house"
    HALL = "hall"


class Work(msgspec.Struct, frozen=True):
    """What a process is told: the configuration, where the database is, and what it inherits.

    That is the socket to listen on and the pipe to say by that it answers; each is -1 where there is none.
    """

    config: Config
    address: Address
    fd: int
    parent: int
    ready_fd: int = -1
    part: Part = Part.WHOLE
    hatch: Path = Path()
    """The socket between a house and its halls."""
    hidden: tuple[Path, ...] = ()
    """What a hall must not read."""


def to_text(work: Work) -> str:
    """Return what a process is told, as it stands in its environment."""
    return msgspec.json.encode(work, enc_hook=_path_as_text).decode()


def _path_as_text(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError


def _to_path(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError


def work() -> int:
    """Be one process, as the parent asked for in the environment."""
    told = msgspec.json.decode(os.environ.pop(WORK), type=Work, dec_hook=_to_path)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != told.parent:  # it ended before we asked to hear of it
        return 1
    if told.part is Part.HALL:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold what people see
        if not confine(told.hidden):
            sys.stderr.write(
                "ecrm: this system has no Landlock: what renders holds no key, but may read the files of its user\n"
            )
    else:
        keep_memory_private()
    _allow_connections()
    install()
    does = {Part.WHOLE: _whole, Part.HOUSE: _house, Part.HALL: _hall}[told.part]
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(does(told))
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


async def _whole(told: Work) -> None:
    """Do everything."""
    keyring = Keyring.load(told.config.key_file, keeper_at)
    async with open_house(told.config, told.address, keyring) as house:
        await _say_if_frozen(house)
        await _serve(build_app(house), told)


async def _house(told: Work) -> None:
    """Keep the keys, and answer halls until asked to stop."""
    keyring = Keyring.load(told.config.key_file, keeper_at)
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    async with open_house(told.config, told.address, keyring, renders=False) as house:
        await _say_if_frozen(house)
        app = build_house(house)
        counter = Counter(house.doors, house.shelf, app, paths_of(app), keyring.password(GUEST))
        async with counter.open(told.hatch):
            while not asked.is_set():
                with contextlib.suppress(BlockingIOError):  # a parent that does not listen has other troubles
                    os.write(told.ready_fd, b"1")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asked.wait(), BEAT_S)


async def _hall(told: Work) -> None:
    """Render."""
    async with open_hall(told.config, told.address, told.hatch) as front:
        await _serve(front.app, told)


async def _say_if_frozen(house: House) -> None:
    if (why := await house.frozen()) is not None:
        sys.stderr.write(f"ecrm: the log is frozen: {why}. Nothing personal is shown; see `ecrm ledger shard`\n")


async def _serve(app: Edges, told: Work) -> None:
    """Serve HTTP on the socket that all workers share, until asked to stop."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
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
    gc.collect()
    gc.freeze()  # what stands here by now stays: no collection need walk through it again
    if told.ready_fd >= 0:
        os.write(told.ready_fd, b"1")
        os.close(told.ready_fd)
    await server.serve(sockets=[socket.socket(fileno=told.fd)])


class Together:
    """A transport that sends what is written in one turn of the event loop by one call of the system.

    uvicorn writes the head and the body of a response apart, and each call costs as much as filling a slot.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send `data` at the end of this turn."""
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        """Send what was written, and hang up."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._written:
            written, self._written = self._written, []
            self._transport.write(b"".join(written))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 for whoever says what he wants: the head of a request must come in time, and must have an end.

    uvicorn hangs up on a connection that is idle after a response, but not on one that never says anything, and not on
    one that says a head by the byte; and it keeps a head of any size.
    """

    _head_due: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect the first head."""
        super().connection_made(Together(transport, self.loop))  # type: ignore[arg-type]
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
