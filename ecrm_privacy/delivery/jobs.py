"""The runner: leases one job at a time, runs its handler, strikes it off. Any number of workers may run one each.

A lease is renewed while its job runs, so that only a worker which died, or hears nothing of the database, loses it. The
number of the attempt goes with each lease: who finds that it moved on has lost the job, stops, and strikes nothing off.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import structlog

from ecrm_privacy.delivery import store
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.sql import Conn

log = structlog.get_logger(__name__)

ATTEMPTS_MAX = 8
"""After so many failures somebody must look; the job is tried again all the same."""
RETRY_S_MAX = 3600.0
LEASE_S, RENEW_S = 300.0, 100.0
"""For how long a job is leased, and how often the lease is renewed: two renewals may fail."""
IDLE_S = 0.25
GRACE_S = 8.0
"""How long a job that runs may go on when the service stops."""

Handler = Callable[[str], Awaitable[None]]
"""Runs one job from its payload (JSON); must be idempotent, because a crash runs it again."""
Acquire = Callable[[], AbstractAsyncContextManager[Conn]]


class Runner:
    """Runs what is owed until it is stopped."""

    def __init__(self, acquire: Acquire, handlers: Mapping[str, Handler]) -> None:
        self._acquire = acquire
        self._handlers = handlers
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begin in the running loop."""
        self._task = asyncio.create_task(self._loop(), name="jobs")

    async def stop(self) -> None:
        """End after the current job, or within `GRACE_S`: an interrupted one runs again when its lease is over."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=GRACE_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                busy = await self.step()
            except Unavailable:
                busy = False
            except Exception as error:  # the edge of the queue: whatever it is, what is owed stays owed
                log.error("jobs_stopped", exc_info=error)
                busy = False
            if not busy:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), IDLE_S)

    async def step(self) -> bool:
        """Run one job that is due; False if there was none."""
        async with self._acquire() as conn:
            job = await store.lease(LEASE_S).first(conn)
        if job is None:
            return False
        effect = store.done(job)
        try:
            async with self._renewing(job):
                await self._handlers[job.kind](job.payload)
        except Exception as error:  # the edge of a job: logged by id, and tried again until it is done
            over = job.attempts >= ATTEMPTS_MAX
            log.error("job_failed", job=str(job.job_id), kind=job.kind, attempts=job.attempts, exc_info=error)
            effect = store.retry(job, min(2.0**job.attempts, RETRY_S_MAX), type(error).__name__ if over else None)
        async with self._acquire() as conn:
            await effect.run(conn)
        return True

    @asynccontextmanager
    async def _renewing(self, job: store.JobRow) -> AsyncIterator[None]:
        """Keep the lease of `job`; what runs within ends with TimeoutError when somebody else has it."""
        async with asyncio.timeout(None) as running:
            renewing = asyncio.create_task(self._renew(job, running), name="lease")
            try:
                yield
            finally:
                renewing.cancel()
                await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, job: store.JobRow, running: asyncio.Timeout) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            with suppress(Unavailable):  # the database may be back before the lease is over
                async with self._acquire() as conn:
                    if not await store.renew(job, LEASE_S).run(conn):
                        running.reschedule(0)
                        return

    async def drain(self) -> int:
        """Run everything that is due now; returns how many jobs ran."""
        count = 0
        while await self.step():
            count += 1
        return count
