"""What the guest brings: handlers, holders, importers and jobs. The composition root loads it by name."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from litestar import Router
from litestar.static_files import create_static_files_router
from litestar.types import ControllerRouterHandler

from ecrm_privacy import shipped
from ecrm_privacy.config import Config
from ecrm_privacy.database.coalesce import Coalescer
from ecrm_privacy.database.pools import Pool
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.gate.types import Admit, Caller, Signals
from ecrm_privacy.imports import Importer
from ecrm_privacy.rights.holders import Holder, Known
from ecrm_privacy.sql import Conn, Effect
from ecrm_privacy.vocabulary import Category
from ecrm_privacy.web.given import given
from ecrm_privacy.web.hallway import Hallway
from ecrm_privacy.web.pages import Pages
from ecrm_privacy.web.schema import Surface
from personalization import storefront
from personalization.aggregate import affinity
from personalization.collect import catalogue, keeping
from personalization.collect.catalogue import NamedItem
from personalization.collect.events import STORED, Acquire, EventLine, Intake
from personalization.interact import because, behaviour, browse, outage
from personalization.interact.shelf import Shelf, Shelves
from personalization.interact.slots import Slots
from personalization.web import intake, pages, slots
from personalization.web.engine import Engine

HERE = Path(__file__).parent
TEMPLATES, STATIC = HERE / "templates", HERE / "static"
WORDS = because.WORDS
"""What the guest says, by language; `ecrm words` reads it here."""
SURFACE = Surface(HERE / "web" / "calls.toml", intake.BODIES)
ACQUIRE_S = 10.0
"""How long a job or an import waits for a connection; nobody waits for them."""
ATTEMPTS_MOST = 8
LEARN_EVERY_S, PUBLISH_EVERY_S = 900.0, 60.0

Progress = Callable[[int, int], None]


class Job(msgspec.Struct, frozen=True):
    """Work that is done again and again, by any number of workers."""

    name: str
    every_s: float
    run: Callable[[], Awaitable[object]]


def _mix(newer_than: datetime) -> tuple[Effect, ...]:
    return (*keeping.mix(newer_than), *affinity.mix())


async def _age(conn: Conn, category: Category, days: int, most: int) -> bool:
    gone = await keeping.age(conn, category, days, most)
    await affinity.learn(conn, sorted(gone))
    return sum(gone.values()) < most


class Keeper(msgspec.Struct, frozen=True):
    """What of the guest runs beside the keys, on the house's connections: how what it keeps about people goes."""

    holders: tuple[Holder, ...]
    route_handlers: tuple[ControllerRouterHandler, ...] = ()
    """What needs the house itself: signing in and out, in the demo."""
    mix: Callable[[datetime], tuple[Effect, ...]] = _mix
    """What takes from behaviour since then the order in which it came, for the house to run."""
    age: Callable[[Conn, Category, int, int], Awaitable[bool]] = _age
    """Forgets at most so many events of a category that are older than so many days, and what was learned from them."""
    view: str = pages.VIEW
    """Where people see what it makes of them, and say what they want."""


class Plugin(msgspec.Struct, frozen=True):
    """What of the guest needs no key: it may run in a process of its own."""

    route_handlers: tuple[ControllerRouterHandler, ...]
    importers: tuple[Importer, ...]
    jobs: tuple[Job, ...]
    static: tuple[Path, ...]
    surface: Surface
    """What it adds to the description at /schema."""
    learn: Callable[[Progress], Awaitable[str]]
    """Learns from everybody who contributes, publishes, and says in a sentence what came of it."""
    verify: Callable[[], Awaitable[str | None]]
    """Compares the counts with a rebuild; says where they first differ, or nothing."""


def keeper(config: Config) -> Keeper:
    """Make what the house needs of the guest."""
    return Keeper((HOLDER,), tuple(storefront.AT_THE_DOORS) if config.demo else ())


def plugin(config: Config, guest: Pool, admit: Admit, coalescer: type[Coalescer[Any, Any]], hallway: Hallway) -> Plugin:
    """Make the guest of one worker; `guest` are connections of its own role."""
    patient: Acquire = partial(guest.acquire, timeout=ACQUIRE_S)
    read_behaviour = coalescer(guest, behaviour.read)
    read_shelf: Coalescer[tuple[str, ...], Shelf] = coalescer(guest, Shelves(config.k_people).read)

    engine = Engine(
        slots=Slots(admit, outage.no_acts(read_behaviour.ask), outage.everybodys_shelf(read_shelf.ask)),
        intake=Intake(admit, guest.acquire),
        acquire=guest.acquire,
        pages=Pages(TEMPLATES),
        bundle=lambda: hallway.bundle,
        sections=outage.LastKnown(partial(_sections, guest.acquire)),
        panel=config.demo,
    )
    learning = Learning(patient, config.k_people)
    return Plugin(
        route_handlers=_handlers(engine, config),
        importers=_importers(Intake(admit, patient), patient, hallway),
        jobs=(
            Job("learn", LEARN_EVERY_S, learning.learn),
            Job("publish", PUBLISH_EVERY_S, learning.publish),
        ),
        static=(STATIC,),
        surface=SURFACE,
        learn=learning.report,
        verify=learning.verify,
    )


def _handlers(engine: Engine, config: Config) -> tuple[ControllerRouterHandler, ...]:
    own = {"engine": given(engine)}
    surface = Router("/", route_handlers=[*slots.HANDLERS, *pages.HANDLERS, *intake.HANDLERS], dependencies=own)
    if not config.demo:
        return (surface,)
    shop = shipped.demo_shop()
    demo = storefront.Demo(storefront.people(config, shop / "answers.ndjson"))
    own["demo"] = given(demo)
    pictures = create_static_files_router(path="/pictures", directories=[shop / "pictures"], include_in_schema=False)
    store = Router("/", route_handlers=list(storefront.HANDLERS), dependencies=own, include_in_schema=False)
    return (surface, store, pictures)


async def _sections(acquire: Acquire) -> list[dict[str, str]]:
    async with acquire() as conn:
        return await browse.sections(conn)


# importers ------------------------------------------------------------------------------------------------------------


def _importers(taking: Intake, acquire: Acquire, hallway: Hallway) -> tuple[Importer, ...]:
    async def items(records: Sequence[NamedItem]) -> list[str]:
        async with acquire() as conn:
            await catalogue.put_items(conn, records)
        return [STORED] * len(records)

    async def acts(records: Sequence[EventLine]) -> list[str]:
        site = next(iter(hallway.bundle.sites.values()))
        signals = Signals(hallway.bundle.jurisdiction(site.jurisdiction).regime)
        words = await _patiently(
            taking, [(Caller(customer_number=record.customer_number), record) for record in records], signals
        )
        return [word if word == STORED else f"dropped ({word})" for word in words]

    return Importer("items", NamedItem, items, about="item_id"), Importer("events", EventLine, acts)


async def _patiently(taking: Intake, said: Sequence[tuple[Caller, EventLine]], signals: Signals) -> list[str]:
    """Take events in, again and again while the database is busy: a file waits, and loses no line."""
    for attempt in range(ATTEMPTS_MOST):
        try:
            return await taking.take(said, signals)
        except Unavailable:
            await asyncio.sleep(0.1 * 2**attempt)
    return await taking.take(said, signals)


# what it holds about people -------------------------------------------------------------------------------------------


async def _export(conn: Conn, known: Known) -> dict[str, Any] | None:
    return await keeping.export(conn, known.all_pseudonyms)


HOLDER = Holder(
    "behaviour",
    frozenset({"engine.event", "engine.contribution"}),
    _export,
    forget=keeping.forget_some,
    unlearn=affinity.unlearn_some,
    relearn=affinity.relearn_some,
)


# learning -------------------------------------------------------------------------------------------------------------


class Learning:
    """The jobs around the counts. Any number of workers may run them; whoever comes second finds nothing to do."""

    def __init__(self, acquire: Acquire, k_people: int) -> None:
        self._acquire = acquire
        self._k_people = k_people

    async def learn(self, progress: Progress = lambda _done, _total: None) -> int:
        """Learn from everybody concerned; returns how many pseudonyms that were."""
        async with self._acquire() as conn:
            total, seen = await affinity.contributors(conn), 0
        async for seen in affinity.catch_up(self._acquire):
            progress(min(seen, total), total)
        return seen

    async def publish(self) -> int:
        """Publish the neighbours if something changed; returns how many rows changed."""
        async with self._acquire() as conn:
            return await affinity.publish(conn, self._k_people)

    async def report(self, progress: Progress) -> str:
        """Learn, publish, and say what came of it. Counts that somebody changed are counted anew, and that is said."""
        anew = ""
        try:
            await self.learn(progress)
        except affinity.CountsDiffer as differ:
            async with self._acquire() as conn:
                await affinity.rebuild(conn)
            await self.learn(progress)
            anew = f"{differ}: done; "
        changed = await self.publish()
        async with self._acquire() as conn:
            sizes = await affinity.sizes(conn)
        return (
            f"{anew}learned from {sizes.contributors} contributors: {sizes.items} items, {sizes.pairs} pairs; "
            f"{changed} neighbours changed, none made by fewer than {self._k_people} people"
        )

    async def verify(self) -> str | None:
        """Compare with a rebuild; says where it first differs."""
        async with self._acquire() as conn:
            return (await affinity.verify(conn)).difference
