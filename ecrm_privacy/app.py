"""The composition root: from a `Config` and an address to a `House`, and from a house to the application.

This file, the command line and the processes are the only ones that know everybody.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Any

import msgspec
import structlog
from litestar import Litestar
from litestar.types import ControllerRouterHandler

from ecrm_privacy import enact, logbook, messaging, reindex, roll, routes, shipped, upkeep
from ecrm_privacy.config import Config
from ecrm_privacy.consent import store as consent_store
from ecrm_privacy.consent.callers import Callers
from ecrm_privacy.consent.channels.desk import Channels
from ecrm_privacy.consent.desk import ConsentDesk
from ecrm_privacy.consent.disclosure import Disclosures
from ecrm_privacy.consent.history import History
from ecrm_privacy.consent.links import Links
from ecrm_privacy.consent.profile import Profiles
from ecrm_privacy.consent.receipts import Receipts
from ecrm_privacy.consent.reception import FLUSH_S, Met, Reception
from ecrm_privacy.consent.reconcile import Reconciler
from ecrm_privacy.consent.restriction import Restrictions
from ecrm_privacy.consent.visitor import Visitor, visitor
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.coalesce import Coalescer
from ecrm_privacy.database.migrate import check_schema
from ecrm_privacy.database.pools import HOUSE, Pool, Pools, connect, open_pools
from ecrm_privacy.delivery import store as delivery
from ecrm_privacy.delivery.jobs import Runner
from ecrm_privacy.delivery.witnesses import Witnesses
from ecrm_privacy.errors import Failure, GuardRefused, Unavailable
from ecrm_privacy.gate.admit import Gate
from ecrm_privacy.gate.store import AdmitRow, Ask, look, write
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.gate.uses import UseLog
from ecrm_privacy.hall import Doors, Hall, Repeated, furnish, repeating
from ecrm_privacy.ledger.guard import Guard
from ecrm_privacy.ledger.publish import TURNS, Publisher
from ecrm_privacy.ledger.store import open_log
from ecrm_privacy.ledger.writer import Writer
from ecrm_privacy.policy import store as policy_store
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.shelf import Shelf
from ecrm_privacy.rights import store as rights_store
from ecrm_privacy.rights.desk import RightsDesk
from ecrm_privacy.rights.holders import Holder
from ecrm_privacy.rights.house import house_holders
from ecrm_privacy.rights.journal import Journal
from ecrm_privacy.rights.plan import Windows
from ecrm_privacy.rights.recall import recall
from ecrm_privacy.rights.requests import Requests
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault.blind_index import BlindIndexes
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.uses import Counted
from ecrm_privacy.vocabulary import ACCOUNTABILITY, COUNTED_DAYS_MOST, Category
from ecrm_privacy.web.edges import Edges
from ecrm_privacy.web.exercise import Exercise
from ecrm_privacy.web.hallway import Hallway
from ecrm_privacy.web.ledger import PublicLog
from ecrm_privacy.web.limits import Rates
from ecrm_privacy.web.operations import Health
from ecrm_privacy.web.preferences import Desks
from ecrm_privacy.web.servers import bearer_of
from ecrm_privacy.web.tokens import SignInTokens

log = structlog.get_logger(__name__)

ROLES = ("ecrm_house", "ecrm_gate", "ecrm_guest")
LAPSED_S = 3600.0
PATIENCE_S = 10.0
EPOCHS_S = 60.0
"""How long a worker that wraps no keys may still hold the key of an epoch that was destroyed."""
READ_S = 1.0
"""How long a read of the doors may take, before a server that hangs counts as away. A commit takes its time."""


class House(msgspec.Struct, frozen=True):
    """The long-lived objects of a process that has the keys. Each can be asked for by its name in a handler.

    `hall` is what it needs to render, too; nothing there reaches anything else here.
    """

    config: Config
    keyring: Keyring
    pools: Pools
    shelf: Shelf
    writer: Writer
    gate: Gate
    uses: UseLog
    desk: ConsentDesk
    reception: Reception
    links: Links
    disclosures: Disclosures
    profiles: Profiles
    receipts: Receipts
    history: History
    rights: RightsDesk
    requests: Requests
    exercise: Exercise
    runner: Runner
    channels: Channels
    upkeep: upkeep.Upkeep
    indexes: BlindIndexes
    hallway: Hallway
    desks: Desks
    tokens: SignInTokens
    publisher: Publisher
    public_log: PublicLog
    frozen: Callable[[], Awaitable[str | None]]
    health: Health
    log_key: str
    doors: Doors
    hall: Hall
    keepers: tuple[Any, ...] = ()
    """What of each plugin runs here: how what it keeps about people goes."""

    @property
    def plugins(self) -> tuple[Any, ...]:
        """The plugins that render in this process."""
        return self.hall.plugins


def passwords(keyring: Keyring) -> dict[str, str]:
    """Return the passwords of the database roles; they follow from the key file and are stored nowhere."""
    return {role: keyring.password(role) for role in ROLES}


@asynccontextmanager
async def open_house(
    config: Config, address: Address, keyring: Keyring, instead: enact.Instead | None = None, *, renders: bool = True
) -> AsyncIterator[House]:
    """Open everything one worker needs, and close it again; without `renders`, all but what plugins show.

    `instead` names a policy where that in force is unreadable.

    Raises SchemaRefused for a database of another version, PolicyRefused when none is active, DurabilityRefused,
    EpochsRefused when the database knows an epoch of keys that their file does not.
    """
    secrets = passwords(keyring)
    pools = await open_pools(address, secrets, size=config.pool_size)
    writer: Writer | None = None
    witnesses: Witnesses | None = None
    try:
        async with pools.house.acquire(timeout=PATIENCE_S) as conn:
            await check_schema(conn, shipped.migrations())
            await roll.check(conn, keyring)
            head = await open_log(conn, config.log_origin)
        witnesses = logbook.witnesses(config)
        publisher = logbook.publisher(config, keyring, partial(_briefly, pools.house), head, witnesses)
        await publisher.check()
        writer = Writer(partial(logbook.connect_writer, partial(connect, address, HOUSE, secrets[HOUSE]), publisher))
        await writer.start()
        house = await _furnish(config, keyring, pools, writer, publisher, instead, renders=renders)
        await recall(pools.house.acquire, house.rights)
        await _warm_up(house)
        house.runner.start()
        house.uses.start()
        work = (
            Repeated("publish", max(config.checkpoint_period_s / TURNS, 0.1), house.publisher.publish),
            Repeated("upkeep", upkeep.LOOK_S, house.upkeep.run),
            Repeated("lapsed", LAPSED_S, Reconciler(house.desk).lapsed),
            Repeated("reception", FLUSH_S, house.reception.flush),
            Repeated("sessions", LAPSED_S, house.rights.end_sessions),
            Repeated("pending", messaging.FORGET_S, house.channels.forget),
            Repeated("epochs", EPOCHS_S, partial(asyncio.to_thread, keyring.epochs.look)),
            Repeated("indexes", reindex.LOOK_S, partial(reindex.hear, pools.house.acquire, house.indexes)),
            *house.hall.jobs,
        )
        try:
            async with repeating(work, house.frozen):
                yield house
        finally:
            await house.runner.stop()
            await house.uses.stop()
            with suppress(Unavailable):  # that minute is not counted
                await house.reception.flush()
    finally:
        if writer is not None:
            await writer.stop()
        if witnesses is not None:
            await witnesses.close()
        await pools.close()


async def _warm_up(house: House) -> None:
    """Open a connection per role and have the gate's statement planned, so that the first visitor does not wait."""
    for pool in (house.pools.gate, *((house.pools.guest,) if house.plugins else ())):
        async with pool.acquire(timeout=PATIENCE_S):
            pass
    await house.gate.admit(Caller(), ["permission:order"], site_signals(house))


async def _furnish(
    config: Config,
    keyring: Keyring,
    pools: Pools,
    writer: Writer,
    publisher: Publisher,
    instead: enact.Instead | None,
    *,
    renders: bool,
) -> House:
    read, acquire = partial(_briefly, pools.house), pools.house.acquire
    shelf = Shelf(partial(_documents, read))
    bundle = await enact.active(acquire, writer.append, shelf, config, instead)
    indexes = await reindex.known(acquire, keyring)
    coalescer: Coalescer[Ask, list[AdmitRow]] = Coalescer(pools.gate, look)
    use_log = UseLog(partial(_write_uses, pools.gate), keyring)
    gate = Gate(coalescer.ask, keyring, shelf.bundle, use_log, indexes)
    desk = ConsentDesk(acquire, read, writer.append, keyring, shelf.bundle, f"{config.origin}/preferences", indexes)
    links = Links(desk, indexes)
    reader = publisher.reader
    prove = logbook.receipt_maker(publisher)
    receipts = Receipts(read, keyring, prove)
    keepers = tuple(importlib.import_module(name).keeper(config) for name in config.plugins)
    frozen = partial(logbook.frozen, read, reader.signer.name)
    doors = Doors(gate.admit, partial(_visitor, desk), bearer_of(Callers(read), Rates(0, 0)), frozen)
    hall = furnish(config, shelf, doors, pools.guest if renders else None)
    site, document = next(iter(bundle.sites.items()))
    holders = [
        messaging.holder(),
        *house_holders(keyring),
        *(holder for keeper in keepers for holder in keeper.holders),
    ]
    journal = Journal(config.key_file.with_name("erasures.journal"), keyring)
    windows = Windows(config.key_epoch_days, config.key_backup_days)
    rights_desk = RightsDesk(
        acquire, writer.append, keyring, holders, journal, document.controller.name, site, windows, indexes
    )
    requests = Requests(rights_desk)
    exercise = Exercise(desk, Restrictions(desk), rights_desk, requests, hall.hallway)
    channels = messaging.channels(config, desk, indexes, hall.pages, bundle)
    handlers = {name: getattr(rights_desk, name) for name in ("erase", "retire", "unlearn", "relearn")}
    runner = Runner(acquire, {**handlers, **messaging.handlers(channels)})
    return House(
        config=config, keyring=keyring, pools=pools, shelf=shelf, writer=writer, gate=gate, uses=use_log, desk=desk,
        reception=Reception(partial(_write_counts, pools.house)),
        links=links, disclosures=Disclosures(desk), profiles=Profiles(desk, indexes), receipts=receipts,
        history=History(read, keyring, prove, shelf.earlier, desk), rights=rights_desk,
        requests=requests, exercise=exercise, runner=runner,
        channels=channels,
        upkeep=_upkeep(config, acquire, hall.hallway, (upkeep.UseCounts(), *keepers), holders),
        indexes=indexes, hallway=hall.hallway,
        desks=Desks(desk, receipts, rights_desk, links, requests, exercise, hall.hallway, hall.pages, _view(keepers)),
        tokens=SignInTokens(_site_keys(config, bundle)),
        publisher=publisher, public_log=logbook.public_log(read, publisher),
        frozen=frozen, health=_health(read, frozen, logbook.guard(config, keyring)),
        log_key=reader.signer.vkey(), doors=doors, hall=hall, keepers=keepers,
    )  # fmt: skip


def _view(keepers: Sequence[Any]) -> str:
    """Return where a plugin shows what it makes of somebody; empty where none does."""
    return next((keeper.view for keeper in keepers if keeper.view), "")


def _upkeep(
    config: Config, acquire: upkeep.Acquire, hallway: Hallway, plugins: Sequence[Any], holders: Sequence[Holder]
) -> upkeep.Upkeep:
    """Upkeep of every table in which something about people may lie; what names nobody belongs to no holder."""
    tables = sorted(
        {table for holder in holders for table in holder.tables} | {"ecrm.reply", "ecrm.job", "ecrm.messaged"}
    )
    rewrite = (config.rewrite_days, config.rewrite_hour)
    ageing = (delivery.forget_replies(), consent_store.forget_tokens(), rights_store.forget_nobodys())
    return upkeep.Upkeep(acquire, partial(_days, hallway), plugins, ageing, tables, rewrite)


def _days(hallway: Hallway) -> dict[Category, int]:
    """How old behaviour may become, and the counts of how data was used, which no policy keeps longer."""
    categories = hallway.bundle.categories
    days = {name: kept.retention.at_most_days for name, kept in categories.items() if kept.behavioural}
    own = categories.get(ACCOUNTABILITY)
    return {**days, ACCOUNTABILITY: own.retention.at_most_days if own else COUNTED_DAYS_MOST}


@asynccontextmanager
async def _briefly(pool: Pool) -> AsyncIterator[Conn]:
    async with pool.acquire() as conn, asyncio.timeout(READ_S):
        yield conn


async def _write_uses(pool: Pool, made: Sequence[Counted]) -> int:
    async with pool.acquire() as conn:
        return await write(conn, made)


async def _write_counts(pool: Pool, counts: Sequence[tuple[Met, int]]) -> None:
    async with pool.acquire() as conn, conn.transaction():
        for query in (consent_store.add_notice_counts(counts), consent_store.age_notice_counts()):
            await query.run(conn)


async def _visitor(desk: ConsentDesk, caller: Caller, signals: Signals) -> tuple[Visitor, Bundle]:
    standing = await desk.standing(caller)
    return visitor(standing, signals), standing.bundle


async def _documents(acquire: Callable[[], AbstractAsyncContextManager[Conn]], bundle_hash: bytes) -> bytes | None:
    async with acquire() as conn:
        row = await policy_store.documents_of(bundle_hash).first(conn)
    return row.documents if row else None


def _site_keys(config: Config, bundle: Bundle) -> dict[str, bytes]:
    """Read each site's sign-in key; a site without one lets nobody sign in."""
    found = {}
    for name, site in bundle.sites.items():
        path = config.data_dir / "keys" / site.token.key_file
        if path.is_file():
            found[name] = path.read_bytes().strip()
    return found


def _health(
    acquire: Callable[[], AbstractAsyncContextManager[Conn]],
    frozen: Callable[[], Awaitable[str | None]],
    kept: Guard,
) -> Health:
    async def database() -> str | None:
        try:
            async with acquire() as conn:
                await conn.fetchval("select 1")
        except Failure:
            return "the database does not answer"
        return None

    async def log_goes_on() -> str | None:
        try:
            await asyncio.to_thread(kept.highest)
            why = await frozen()
        except GuardRefused:  # whose message has a path of this machine
            return "the file of the highest checkpoint, beside the key file, is damaged or of another log"
        except Failure:
            return "the database does not answer"
        return f"frozen: {why}; an operator must decide (docs/how-to/after-a-restore.md)" if why else None

    async def work() -> str | None:
        try:
            async with acquire() as conn:
                row = await delivery.state().first(conn)
        except Failure:
            return "the database does not answer"
        return f"{row.failed} jobs fail again and again" if row and row.failed else None

    return Health({"database": database, "log": log_goes_on}, {"jobs": work})


def site_signals(house: House) -> Signals:
    """Return the signals of what is not asked by a browser: the site's own jurisdiction."""
    bundle = house.hallway.bundle
    site = next(iter(bundle.sites.values()))
    return Signals(bundle.jurisdiction(site.jurisdiction).regime)


def build_app(house: House) -> Edges:
    """Make the application of one worker that does everything, inside its edges."""
    hall = house.hall
    handlers = [*routes.OPEN, *at_the_doors(house), *routes.rendered(hall)]
    return routes.edged(routes.application(handlers, _given(house), house.hallway, routes.described(hall)), hall)


def build_house(house: House) -> Litestar:
    """Make the application of a house that others render for. It has no edges: those are theirs."""
    return routes.application(at_the_doors(house), _given(house), house.hallway, None)


def _given(house: House) -> dict[str, Any]:
    return routes.fields(house.hall) | routes.fields(house)


def at_the_doors(house: House) -> list[ControllerRouterHandler]:
    """Return the calls that need the house, those of plugins too."""
    return [*routes.AT_THE_DOORS, *(handler for keeper in house.keepers for handler in keeper.route_handlers)]
