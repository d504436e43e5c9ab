"""The hall's end of the hatch."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog

from ecrm_privacy.consent.callers import ServerCaller
from ecrm_privacy.consent.visitor import Visitor
from ecrm_privacy.errors import OutcomeUnknown, StartRefused, Unavailable
from ecrm_privacy.gate.types import NOBODY, Caller, Grant, Signals
from ecrm_privacy.hall import Doors
from ecrm_privacy.hatch import words
from ecrm_privacy.hatch.wire import Line
from ecrm_privacy.hatch.words import DONE, FAILED, LOST, PART, START
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.shelf import Shelf
from ecrm_privacy.web.edges import SAFE_METHODS
from ecrm_privacy.web.problems import SCOPE_PROBLEM

log = structlog.get_logger(__name__)

LOOK_S = 1.5
"""How long a page waits for the house: a little longer than the house waits for the database."""
ANSWER_S = 30.0
"""How long a call of the house may be silent: a commit takes its time."""
BEAT_S, SILENT_S = 0.5, 2.0
"""How often the house is asked whether it is there, and after how long without a word it counts as away."""
RETRY_S, START_S = 0.05, 20.0

T = TypeVar("T")

_ENCODER = msgspec.msgpack.Encoder()
_ADMITTED = msgspec.msgpack.Decoder(words.Admitted)
_VISITOR = msgspec.msgpack.Decoder(Visitor)
_CALLER = msgspec.msgpack.Decoder(ServerCaller)
_REASON = msgspec.msgpack.Decoder(str | None)
_BYTES = msgspec.msgpack.Decoder(bytes | None)
_WELCOME = msgspec.msgpack.Decoder(words.Welcome)
_NOTHING = msgspec.msgpack.Decoder(None)
_START = msgspec.msgpack.Decoder(words.Start)
_FAILED = msgspec.msgpack.Decoder(words.Failed)


class Hatch:
    """A connection to the house, made anew whenever it is lost. Raises Unavailable while there is none."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._line: Line | None = None
        self._waiting: dict[int, Callable[[int, bytes], None]] = {}
        self._numbers = count(1)
        self._is_silent = False
        self._welcome: words.Welcome | None = None
        self._come = asyncio.Event()

    @property
    def welcome(self) -> words.Welcome:
        """What the house said when we came."""
        assert self._welcome is not None, "asked after `open`"
        return self._welcome

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Hatch"]:
        """Connect, and stay connected. Raises StartRefused when the house is not there in time."""
        keeping = asyncio.create_task(self._keep(), name="hatch")
        try:
            try:
                await asyncio.wait_for(self._come.wait(), START_S)
            except TimeoutError as late:
                raise StartRefused("the process with the keys does not answer; the lines above say why") from late
            yield self
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            if self._line is not None:
                self._line.close()

    async def ask(self, question: words.Question, answer: "msgspec.msgpack.Decoder[T]", within_s: float) -> T:
        """Return the answer to a question. Raises Unavailable, and what the house raised."""
        line = self._line
        if line is None or self._is_silent:
            raise Unavailable("the process with the keys is away")
        return await self._ask(line, question, answer, within_s)

    async def _ask(
        self, line: Line, question: words.Question, answer: "msgspec.msgpack.Decoder[T]", within_s: float
    ) -> T:
        number = next(self._numbers)
        future: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = lambda kind, payload: None if future.done() else future.set_result((kind, payload))
        try:
            line.say(number, 0, _ENCODER.encode(question))
            async with asyncio.timeout(within_s):
                kind, payload = await future
        except TimeoutError:
            raise Unavailable("the process with the keys does not answer") from None
        finally:
            self._waiting.pop(number, None)
        if kind == DONE:
            return answer.decode(payload)
        raise words.heard(_FAILED.decode(payload)) if kind == FAILED else Unavailable("the process with the keys ended")

    async def serve(self, scope: MutableMapping[str, Any], body: bytes, send: Callable[..., Any]) -> None:
        """Have the house answer a call, and pass its answer on as it comes.

        Raises Unavailable when it cannot have happened, OutcomeUnknown when it may have.
        """
        line = self._line
        if line is None or self._is_silent:
            raise Unavailable("the process with the keys is away")
        frames: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        number = next(self._numbers)
        self._waiting[number] = lambda kind, payload: frames.put_nowait((kind, payload))
        try:
            line.say(number, 0, _ENCODER.encode(_request(scope, body)))
            kind, payload = await _next(frames)
            if kind == FAILED:
                raise words.heard(_FAILED.decode(payload))
            if kind != START:
                raise Unavailable("no answer") if scope["method"] in SAFE_METHODS else OutcomeUnknown("no answer")
            await send(_head(scope, _START.decode(payload)))
            more = True
            while more:
                kind, payload = await _next(frames)
                if kind in {LOST, FAILED}:
                    raise Unavailable("the process with the keys could not end what it began")
                more = kind == PART
                await send({"type": "http.response.body", "body": payload, "more_body": more})
        finally:
            del self._waiting[number]

    def _hear(self, number: int, kind: int, payload: bytes) -> None:
        if (waiting := self._waiting.get(number)) is not None:
            waiting(kind, payload)

    def _end(self) -> None:
        self._line = None
        for waiting in list(self._waiting.values()):
            waiting(LOST, b"")

    async def _keep(self) -> None:
        """Connect whenever there is no connection, and notice when there is one that says nothing."""
        while True:
            if self._line is None:
                with suppress(OSError, Unavailable, words.HouseFailed):
                    await self._connect()
                await asyncio.sleep(RETRY_S)
            else:
                try:
                    await self._ask(self._line, words.AreYouThere(), _NOTHING, SILENT_S)
                    self._is_silent = False
                except Unavailable:
                    self._is_silent = True
                await asyncio.sleep(BEAT_S)

    async def _connect(self) -> None:
        line = Line(self._hear, self._end)
        await asyncio.get_running_loop().create_unix_connection(lambda: line, self._path)
        try:
            self._welcome = await self._ask(line, words.Hello(words.VERSION), _WELCOME, SILENT_S)
        except BaseException:
            line.close()
            raise
        self._is_silent = False
        self._line = line
        self._come.set()


async def _next(frames: "asyncio.Queue[tuple[int, bytes]]") -> tuple[int, bytes]:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await frames.get()
    except TimeoutError:
        return LOST, b""


def _request(scope: MutableMapping[str, Any], body: bytes) -> words.Request:
    return words.Request(
        scope["method"], scope["path"], scope.get("raw_path") or scope["path"].encode(), scope["query_string"],
        list(scope["headers"]), scope["scheme"], scope["client"], scope["server"], body,
    )  # fmt: skip


def _head(scope: MutableMapping[str, Any], start: words.Start) -> dict[str, Any]:
    """Return the head of a response, and leave in the scope what is logged of it."""
    scope["path_template"] = start.template
    if start.problem:
        scope[SCOPE_PROBLEM] = start.problem
    return {"type": "http.response.start", "status": start.status, "headers": start.headers}


# what a hall asks -----------------------------------------------------------------------------------------------------


async def documents(hatch: Hatch, bundle_hash: bytes) -> bytes | None:
    """Return the documents of a policy by its hash; None where the house does not know it."""
    return await hatch.ask(words.Documents(bundle_hash), _BYTES, ANSWER_S)


def doors(hatch: Hatch, shelf: Shelf) -> Doors:
    """Return the doors of a house behind a hatch; `shelf` learns from each answer which policy is in force."""
    asking = _Asking(hatch, shelf)
    return Doors(asking.admit, asking.visitors, asking.bearer, asking.frozen)


class _Asking:
    """Asks at each door."""

    def __init__(self, hatch: Hatch, shelf: Shelf) -> None:
        self._hatch = hatch
        self._shelf = shelf

    async def admit(self, caller: Caller, needs: Sequence[str], signals: Signals) -> Mapping[str, Grant]:
        if not needs:
            return {}
        try:
            admitted = await self._hatch.ask(words.Admit(caller, tuple(needs), signals), _ADMITTED, LOOK_S)
            await self._shelf.bundle(admitted.policy)
        except Unavailable:
            log.warning("gate_closed", reason="unavailable")
        except Exception as error:  # whatever it is, it is a doubt: the page comes, without the person
            log.error("gate_closed", reason="failed", exc_info=error)
        else:
            return admitted.grants
        return {need: Grant(NOBODY) for need in needs}

    async def visitors(self, caller: Caller, signals: Signals) -> tuple[Visitor, Bundle]:
        visitor = await self._hatch.ask(words.WhoIs(caller, signals), _VISITOR, LOOK_S)
        return visitor, await self._shelf.bundle(visitor.policy)

    async def bearer(self, authorization: str, scope: str) -> ServerCaller:
        return await self._hatch.ask(words.WhoseKey(authorization, scope), _CALLER, LOOK_S)

    async def frozen(self) -> str | None:
        return await self._hatch.ask(words.IsFrozen(), _REASON, LOOK_S)
