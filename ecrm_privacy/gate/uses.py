"""The use log's beginning: what the gate released is counted in memory, and written down every few seconds.

What our own pages use is counted so: a crash loses those seconds, and the page that shows the counts says so. What a
department or a partner gets is written down before it is handed over, or it is not handed over.

Only wrapped keys are kept from one turn of the event loop to the next: a count is made from them when it is written.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import NamedTuple

import structlog

from ecrm_privacy.errors import Tampered, Unavailable
from ecrm_privacy.vault import keys, uses
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.uses import Counted, Use
from ecrm_privacy.vocabulary import ACCOUNTABILITY, SubjectId

log = structlog.get_logger(__name__)

FLUSH_S = 5.0
FLUSH_AT, KEPT_MOST = 1_000, 20_000
"""So many different uses are written down early; more than so many are not kept while the database cannot take them."""
AT_ONCE = 50
"""Uses per statement: making them takes a millisecond, in which nobody else has a turn."""

Write = Callable[[Sequence[Counted]], Awaitable[int]]
"""Adds to counts in one transaction, and says for how many of them it did. Raises Unavailable."""


class Released(NamedTuple):
    """That something of a subject was released: for which use, and the wrapped key to count it under."""

    subject: SubjectId
    version: int
    wrapped: bytes
    use: Use


class UseLog:
    """Counts the uses of one gate. `today` is the day of UTC."""

    def __init__(
        self, write: Write, keyring: Keyring, today: Callable[[], date] = lambda: datetime.now(UTC).date()
    ) -> None:
        self._write = write
        self._keyring = keyring
        self._today = today
        self._counts: Counter[tuple[date, Released]] = Counter()
        self._early = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._lost = 0

    def count(self, released: Sequence[Released]) -> None:
        """Count what our own pages got; it is written down within seconds."""
        month = uses.month_of(self._today())
        for one in released:
            if len(self._counts) < KEPT_MOST or (month, one) in self._counts:
                self._counts[month, one] += 1
            else:
                self._lost += 1
        if len(self._counts) >= FLUSH_AT:
            self._early.set()

    async def note(self, released: Sequence[Released]) -> None:
        """Write down what others are about to get. Raises Unavailable, and then they may not get it."""
        month = uses.month_of(self._today())
        made = [row for one in released if (row := self._made(month, one, 1)) is not None]
        if len(made) < len(released) or await self._write(made) < len(made):
            raise Unavailable("a use cannot be written down")

    async def flush(self) -> None:
        """Write down what was counted; what cannot be written now is kept for the next time. Raises Unavailable.

        Where a connection broke before the answer came, a few may be counted twice.
        """
        counts, self._counts = self._counts, Counter()
        self._early.clear()
        if self._lost:
            log.warning("uses_lost", count=self._lost)
            self._lost = 0
        waiting = list(counts.items())
        try:
            while waiting:
                now = waiting[:AT_ONCE]
                made = [row for (month, one), times in now if (row := self._made(month, one, times)) is not None]
                if made:
                    await self._write(made)
                del waiting[:AT_ONCE]
        finally:
            self._counts.update(dict(waiting))

    def start(self) -> None:
        """Begin to write down what is counted, every few seconds and when it is much."""
        self._task = asyncio.create_task(self._again(), name="uses")

    async def stop(self) -> None:
        """Write down what was counted so far, and count no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self.flush()
        except Unavailable:
            log.warning("uses_lost", count=self._counts.total())

    async def _again(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_S):
                    await self._early.wait()
            try:
                await self.flush()
            except Unavailable:
                await asyncio.sleep(FLUSH_S)  # much may be waiting: that is no reason to ask without a pause
            except Exception as error:  # the edge of a job
                log.error("job_failed", kind="uses", exc_info=error)
                await asyncio.sleep(FLUSH_S)

    def _made(self, month: date, one: Released, times: int) -> Counted | None:
        try:
            key = keys.unwrap(self._keyring, one.subject, ACCOUNTABILITY, one.version, one.wrapped)
        except Tampered:
            log.error("use_not_counted", reason="tampered")
            return None
        return uses.count(key, month, one.use, times)
