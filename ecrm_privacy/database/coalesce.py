"""Reads that arrive together go to the database together.

Whoever asks within one turn of the event loop shares one statement, which is sent after the turn: so an answer is
never older than its question, and nothing is remembered from one statement to the next. Several statements may be under
way. While all connections are busy, questions gather and share the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

import asyncpg

from ecrm_privacy.sql import Conn

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")

DEALT_AT_ONCE = 4
"""Answers dealt out in one turn of the event loop."""


class Coalescer(Generic[Ask, Answer]):
    """Turns `statement(conn, asks) -> answers` (as many, in order) into `ask(one) -> answer`.

    At most `most` asks share a statement; an ask waits `wait_s` seconds for a connection and `answer_s` for its answer,
    then it gets Unavailable: also from a server that hangs without hanging up.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        statement: Callable[[Conn, Sequence[Ask]], Awaitable[Sequence[Answer]]],
        *,
        most: int = 64,
        wait_s: float = 0.25,
        answer_s: float = 1.0,
    ) -> None:
        self._pool = pool
        self._statement = statement
        self._most = most
        self._wait_s = wait_s
        self._answer_s = answer_s
        self._waiting: list[tuple[Ask, asyncio.Future[Answer]]] = []
        self._called = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, ask: Ask) -> Answer:
        """Return the answer to `ask`; raises what the statement raised, or Unavailable. May be cancelled."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((ask, future))
        self._call_next_turn(loop)
        return await future

    def _call_next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._called:
            self._called = True
            # An empty context: the statement is everybody's, so it carries nobody's context variables.
            loop.call_soon(self._start, context=Context())

    def _start(self) -> None:
        task = asyncio.get_running_loop().create_task(self._serve())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self) -> None:
        """Wait for a connection, and only then decide who shares the statement; `_called` is true up to that moment."""
        came_before = len(self._waiting)
        batch: list[tuple[Ask, asyncio.Future[Answer]]] | None = None
        try:
            async with self._pool.acquire(timeout=self._wait_s) as conn:
                batch = self._take(self._most)
                if batch:
                    async with asyncio.timeout(self._answer_s):
                        answers = await self._statement(conn, [ask for ask, _ in batch])
            if batch:
                await _deal(batch, answers)
        except asyncio.CancelledError:
            for _, future in self._waiting if batch is None else batch:
                future.cancel()
            raise
        except Exception as failure:  # noqa: BLE001 - the edge: whatever it is, each who asked is told, and nobody else
            for _, future in self._take(came_before) if batch is None else batch:
                if not future.done():
                    future.set_exception(failure)

    def _take(self, most: int) -> list[tuple[Ask, asyncio.Future[Answer]]]:
        taken, self._waiting = self._waiting[:most], self._waiting[most:]
        self._called = False
        if self._waiting:
            self._call_next_turn(asyncio.get_running_loop())
        return [(ask, future) for ask, future in taken if not future.done()]


async def _deal(batch: Sequence[tuple[Ask, asyncio.Future[Answer]]], answers: Sequence[Answer]) -> None:
    """Give each their answer, a few in a turn of the event loop.

    All at once they would all come again at once, and wait for the database together while nobody else works.
    """
    if len(answers) != len(batch):  # a bug that is raised for all, before anybody gets a neighbour's answer
        raise ValueError(f"{len(answers)} answers to {len(batch)} questions")
    for n, ((_, future), answer) in enumerate(zip(batch, answers, strict=True)):
        if n and n % DEALT_AT_ONCE == 0:
            await asyncio.sleep(0)
        if not future.done():  # whoever asked may have gone
            future.set_result(answer)
