"""The hall: what a process needs to render. Nothing in it reaches a key, and its one password is the guest's.

What it asks of the house are four `Doors`. In a worker that does everything they are the house's own functions; in a
worker that only renders they lead through the hatch.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import structlog

from ecrm_privacy.config import Config
from ecrm_privacy.consent.visitor import Visitors
from ecrm_privacy.database.coalesce import Coalescer
from ecrm_privacy.database.pools import Pool
from ecrm_privacy.gate.types import Admit
from ecrm_privacy.policy.notice import Notices
from ecrm_privacy.policy.shelf import Shelf
from ecrm_privacy.web.hallway import Hallway
from ecrm_privacy.web.operations import Script, read_script
from ecrm_privacy.web.pages import Pages
from ecrm_privacy.web.servers import Authorize, Bearer, authorizer
from ecrm_privacy.web.texts import TEXTS
from ecrm_privacy.words.catalogue import Catalogues

log = structlog.get_logger(__name__)

Frozen = Callable[[], Awaitable[str | None]]
"""`await frozen()`: why the log takes no entries, or None while it does."""


class Doors(msgspec.Struct, frozen=True):
    """What a hall asks of the house."""

    admit: Admit
    visitors: Visitors
    bearer: Bearer
    frozen: Frozen


class Repeated(msgspec.Struct, frozen=True):
    """Work that is done again and again."""

    name: str
    every_s: float
    run: Callable[[], Awaitable[object]]


class Hall(msgspec.Struct, frozen=True):
    """The long-lived objects of whoever renders. Each can be asked for by its name in a handler."""

    config: Config
    shelf: Shelf
    hallway: Hallway
    admit: Admit
    visitors: Visitors
    notices: Notices
    authorize: Authorize
    frozen: Frozen
    embed: Script
    pages: Pages
    plugins: tuple[Any, ...] = ()

    @property
    def jobs(self) -> tuple[Repeated, ...]:
        """The plugins' own work."""
        return tuple(Repeated(job.name, job.every_s, job.run) for plugin in self.plugins for job in plugin.jobs)


def catalogues(config: Config) -> list[Catalogues]:
    """Return the words of our pages, and those of each plugin that speaks, with those that the operator put beside."""
    plugins = (importlib.import_module(name) for name in config.plugins)
    found = [TEXTS, *(plugin.WORDS for plugin in plugins if hasattr(plugin, "WORDS"))]
    if config.words is not None:
        for each in found:
            each.beside(config.words / each.folder.parent.name)
    return found


def furnish(config: Config, shelf: Shelf, doors: Doors, guest: Pool | None) -> Hall:
    """Make a hall, with its plugins if there are connections for them."""
    hallway = Hallway(config, shelf)
    if config.words is not None:
        catalogues(config)
    plugins: tuple[Any, ...] = ()
    if guest is not None:
        plugins = tuple(
            importlib.import_module(name).plugin(config, guest, doors.admit, Coalescer, hallway)
            for name in config.plugins
        )
    return Hall(
        config, shelf, hallway, doors.admit, doors.visitors, Notices(), authorizer(doors.bearer), doors.frozen,
        read_script(), Pages(), plugins,
    )  # fmt: skip


@asynccontextmanager
async def repeating(work: Iterable[Repeated], frozen: Frozen) -> AsyncIterator[None]:
    """Do `work` again and again for the time of a block."""
    tasks = [asyncio.create_task(again(each, frozen), name=each.name) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def again(work: Repeated, frozen: Frozen) -> None:
    """Do `work` in its time, but while the log is frozen; a failure is logged by name, and it comes again."""
    while True:
        await asyncio.sleep(work.every_s)
        try:
            if await frozen() is None:
                await work.run()
        except Exception as error:  # the edge of a job
            log.error("job_failed", kind=work.name, exc_info=error)
