"""The house's end of the hatch. Whoever can connect may ask: the folder of the socket is the house's alone."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import structlog

from ecrm_privacy.errors import Failure
from ecrm_privacy.hall import Doors
from ecrm_privacy.hatch import words
from ecrm_privacy.hatch.wire import FRAME_BYTES_MAX, Line
from ecrm_privacy.hatch.words import DONE, END, FAILED, PART, START
from ecrm_privacy.policy.shelf import Shelf
from ecrm_privacy.web import problems
from ecrm_privacy.web.edges import Application

log = structlog.get_logger(__name__)

BACKLOG = 128
FINISH_S = 5.0
"""How long what is under way may take at the end."""

_ENCODER = msgspec.msgpack.Encoder()
_QUESTION = msgspec.msgpack.Decoder(words.Question)


class Counter:
    """Answers halls: through the house's `doors`, and with its application `app` for calls of its own `paths`."""

    def __init__(
        self, doors: Doors, shelf: Shelf, app: Application, paths: tuple[str, ...], guest_password: str
    ) -> None:
        self._doors = doors
        self._shelf = shelf
        self._app = app
        self._guest_password = guest_password
        self._paths = paths
        self._requests: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self, path: Path) -> AsyncIterator[None]:
        """Answer at `path` for the time of a block; what is under way at its end may finish."""
        before = os.umask(0o177)
        try:
            server = await asyncio.get_running_loop().create_unix_server(
                lambda: _Conversation(self).line, str(path), backlog=BACKLOG
            )  # which takes the place of one that was killed
        finally:
            os.umask(before)
        try:
            yield
        finally:
            server.close()
            if self._requests:
                await asyncio.wait(self._requests, timeout=FINISH_S)

    async def value_of(self, question: words.Question) -> Any:
        """Return the answer to a question. Raises what the door raised."""
        match question:
            case words.Admit():
                grants = await self._doors.admit(question.caller, question.needs, question.signals)
                return words.Admitted(self._policy(), grants)
            case words.WhoIs():
                visitor, _ = await self._doors.visitors(question.caller, question.signals)
                return visitor
            case words.WhoseKey():
                return await self._doors.bearer(question.authorization, question.scope)
            case words.IsFrozen():
                return await self._doors.frozen()
            case words.Documents():
                return (await self._shelf.earlier(question.bundle)).documents
            case words.Hello():
                if question.version != words.VERSION:
                    raise ValueError("a hall of another version")
                return words.Welcome(self._guest_password, self._policy(), self._paths)
            case _:
                return None

    def _policy(self) -> bytes:
        assert self._shelf.latest is not None, "a house opens with a policy"
        return self._shelf.latest.hash

    def answer(self, request: words.Request, line: Line, number: int, gone: "asyncio.Future[None]") -> None:
        """Answer a call; it goes on to its end even if nobody hears it any more."""
        task = asyncio.get_running_loop().create_task(self._answer(request, line, number, gone))
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def _answer(self, request: words.Request, line: Line, number: int, gone: "asyncio.Future[None]") -> None:
        scope = _scope(request)
        given = begun = False

        async def receive() -> dict[str, Any]:
            nonlocal given
            if given:
                await asyncio.shield(gone)
                return {"type": "http.disconnect"}
            given = True
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                line.say(number, START, _ENCODER.encode(_start(scope, message)))
                return
            body, more = message.get("body", b""), message.get("more_body", False)
            for at in range(0, max(len(body), 1), FRAME_BYTES_MAX):
                last = not more and at + FRAME_BYTES_MAX >= len(body)
                line.say(number, END if last else PART, body[at : at + FRAME_BYTES_MAX])

        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 -- the edge of a request: whatever it is, it is answered and logged by id
            status, headers, body = problems.answer(scope, error, _accept(request))
            if begun:
                line.say(number, FAILED, _ENCODER.encode(words.told(error)))
            else:
                head = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
                await send({"type": "http.response.start", "status": status, "headers": head})
                await send({"type": "http.response.body", "body": body})


class _Conversation:
    """One hall's connection."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._looks: set[asyncio.Task[None]] = set()
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.line = Line(self._hear, self._end)

    def _hear(self, number: int, _kind: int, payload: bytes) -> None:
        try:
            question = _QUESTION.decode(payload)
        except msgspec.DecodeError as error:  # what speaks so is no hall of ours
            log.error("hatch_misheard", exc_info=error)
            self.line.close()
            return
        if isinstance(question, words.Request):
            self._counter.answer(question, self.line, number, self._gone)
        elif isinstance(question, words.AreYouThere):
            self.line.say(number, DONE, _ENCODER.encode(None))
        else:
            task = asyncio.get_running_loop().create_task(self._look(number, question))
            self._looks.add(task)
            task.add_done_callback(self._looks.discard)

    async def _look(self, number: int, question: words.Question) -> None:
        try:
            said = DONE, _ENCODER.encode(await self._counter.value_of(question))
        except Failure as failure:
            said = FAILED, _ENCODER.encode(words.told(failure))
        except Exception as error:  # the edge of a question: whatever it is, it is answered
            log.error("hatch_failed", kind=type(question).__name__, exc_info=error)
            said = FAILED, _ENCODER.encode(words.told(error))
        self.line.say(number, *said)

    def _end(self) -> None:
        if not self._gone.done():
            self._gone.set_result(None)
        for look in self._looks:
            look.cancel()


def _scope(request: words.Request) -> dict[str, Any]:
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
        "method": request.method, "scheme": request.scheme, "path": request.path, "raw_path": request.raw_path,
        "query_string": request.query, "root_path": "", "headers": request.headers, "client": request.client,
        "server": request.server, "state": {},
    }  # fmt: skip


def _start(scope: dict[str, Any], message: Any) -> words.Start:
    headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
    template, problem = str(scope.get("path_template", "-")), scope.get(problems.SCOPE_PROBLEM, {})
    return words.Start(message["status"], headers, template, problem)


def _accept(request: words.Request) -> str:
    return next((value.decode("latin-1") for name, value in request.headers if name == b"accept"), "")
