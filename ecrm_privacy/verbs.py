"""What each verb of the command line does."""

import asyncio
import importlib
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ecrm_privacy import shipped
from ecrm_privacy.app import House, open_house, passwords, site_signals
from ecrm_privacy.config import Config
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.imported import AnswerImport, ImportedAnswer
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.custody import keeper_at
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.migrate import migrate as migrate_database
from ecrm_privacy.database.postgres import ADMIN_ROLE, EmbeddedPostgres
from ecrm_privacy.enact import Instead, Rendered, activate, read_policy
from ecrm_privacy.errors import Failure, LogFrozen, StartRefused, Unavailable
from ecrm_privacy.imports import Importer, Report
from ecrm_privacy.imports import run as run_import
from ecrm_privacy.logbook import guard, signer
from ecrm_privacy.moving.answers import reader
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.store import active_hash
from ecrm_privacy.processes import database, serve
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.memory import keep_memory_private

T = TypeVar("T")


def say(*words: object) -> None:
    """Print for the person at the terminal."""
    print(*words, flush=True)  # noqa: T201 -- the one place that does


def log_key(config: Config, keyring: Keyring) -> str:
    """Return the verifier key of the log, under the name that it was last shown with."""
    highest = guard(config, keyring).highest()
    return signer(config, keyring, highest.origin if highest else None).vkey()


def load_keyring(config: Config) -> Keyring:
    """Load the key file and the epochs, in a process whose memory nobody can read. Errors as `Keyring.load`."""
    keep_memory_private()
    return Keyring.load(config.key_file, keeper_at)


@contextmanager
def reach(config: Config, keyring: Keyring) -> Iterator[Address]:
    """Give the database's address: of the running service's server if there is one, else of one started for now."""
    embedded = EmbeddedPostgres(config.data_dir / "postgres", keyring.password(ADMIN_ROLE))
    if config.database_url is None:
        try:
            address = embedded.start()
        except StartRefused as refused:
            if not str(refused).startswith("already running"):
                raise
            yield embedded.address
            return
        try:
            yield address
        finally:
            embedded.stop()
        return
    with database(config, keyring) as (address, _, _):
        yield address


def in_house(config: Config, act: Callable[[House], Awaitable[T]], instead: Instead | None = None) -> T:
    """Open the house, do one thing in it, close it; `instead` names the policy to take when the one in force cannot be
    read.
    """
    keyring = load_keyring(config)

    async def run(address: Address) -> T:
        async with open_house(config, address, keyring, instead) as house:
            return await act(house)

    with reach(config, keyring) as address:
        return asyncio.run(run(address))


def run(config: Config, _given: Namespace) -> int:
    """`ecrm run`."""
    if config.gate_process is None:
        config = msgspec.structs.replace(config, gate_process=True)
    keyring = load_keyring(config)
    read_policy(config)
    return serve(config, keyring, before=lambda _address: None, ready=lambda: say(f"ecrm answers at {config.origin}"))


def migrate(config: Config, given: Namespace) -> int:
    """`ecrm migrate`."""
    keyring = load_keyring(config)
    with database(config, keyring) as (address, admin, password):
        names = asyncio.run(
            migrate_database(address, admin, password, passwords(keyring), shipped.migrations(), dry_run=given.dry_run)
        )
    for name in names:
        say("would apply" if given.dry_run else "applied", name)
    if not names:
        say("the database is of this version")
    return 0


async def put_in_force(house: House, bundle: Bundle, rendered: Rendered | None = None) -> int | None:
    """Activate `bundle` unless it is active, with what was found about its banners; returns the act's leaf index."""
    async with house.pools.house.acquire() as conn:
        active = await active_hash().first(conn)
    if active is not None and active.bundle == bundle.hash:
        return None
    index = await activate(house.pools.house.acquire, house.writer.append, bundle, rendered)
    await house.shelf.bundle(bundle.hash)
    return index


# import and aggregate -------------------------------------------------------------------------------------------------


@contextmanager
def bar(label: str) -> Iterator[Callable[..., None]]:
    """Show a progress bar on a terminal; silent elsewhere. It is told how many are done, of how many, and of what."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total, what=label: progress.update(task, completed=done, total=total, description=what)


def site_of(house: House) -> Where:
    """Return site, locale and jurisdiction for what is not asked by a browser."""
    name, site = next(iter(house.hallway.bundle.sites.items()))
    return Where(name, site.locales[0], site.jurisdiction)


def importers(house: House) -> dict[str, Importer]:
    """Return how each kind of file is taken in."""
    where = site_of(house)

    async def subjects(records: Sequence[Profile]) -> list[str]:
        outcomes = await house.profiles.put(records, site_signals(house), where)
        return [_word(outcome) for outcome in outcomes]

    async def answers(records: Sequence[ImportedAnswer]) -> list[str]:
        outcomes = await AnswerImport(house.desk, house.indexes).put(records, where)
        return ["nothing new" if outcome is None else _word(outcome) for outcome in outcomes]

    made = [
        Importer("subjects", Profile, subjects, about="customer_number"),
        Importer("answers", ImportedAnswer, answers, about="customer_number", reader=reader(house.hallway.bundle)),
        *(importer for plugin in house.plugins for importer in plugin.importers),
    ]
    return {importer.kind: importer for importer in made}


def _word(outcome: int | Failure) -> str:
    return "stored" if isinstance(outcome, int) else type(outcome).__name__


async def take_file(house: House, kind: str, path: Path, mapping: Path | None, *, dry_run: bool = False) -> Report:
    """Take one file in, with a progress bar; afterwards the register of pseudonyms is mixed."""
    found = importers(house).get(kind)
    if found is None:
        raise StartRefused(f"no plugin takes {kind} in: name it in ECRM_PLUGINS")
    with bar(kind) as progress:
        secret = house.keyring.derive("imports/order")
        report = await run_import(path, found, mapping, house.pools.house.acquire, progress, secret, dry_run=dry_run)
    if not dry_run:
        await house.runner.drain()
        with suppress(Unavailable):  # somebody is at work in it: then it is mixed within the hour, like all else
            await house.upkeep.mix_register()
    return report


def take_in(config: Config, given: Namespace) -> int:
    """`ecrm import`."""
    if not given.file.is_file():
        raise StartRefused(f"{given.file}: no such file")
    report = in_house(
        config, lambda house: take_file(house, given.kind, given.file, given.mapping, dry_run=given.dry_run)
    )
    show_report(given.kind, report)
    return 1 if report.bad else 0


def show_report(kind: str, report: Report) -> None:
    """Say what became of a file."""
    outcomes = ", ".join(f"{count} {word}" for word, count in sorted(report.outcomes.items()))
    resumed = f" (went on at {report.resumed_at})" if report.resumed_at else ""
    say(f"{kind}: {report.lines} lines{resumed}: {outcomes or 'nothing'}; {report.bad_lines} bad")
    for line in report.bad:
        say(f"  line {line.number}: {line.cause}")
    if report.bad_lines > len(report.bad):
        say(f"  … and {report.bad_lines - len(report.bad)} more")
    for what, count in sorted(report.dropped.items()):
        say(f"  dropped: {count} × {what}")


def aggregate_run(config: Config, _given: Namespace) -> int:
    """`ecrm aggregate run`."""

    async def learn(house: House) -> int:
        if (why := await house.frozen()) is not None:  # who withdrew may be counted again
            raise LogFrozen(why)
        for plugin in house.plugins:
            with bar("learning") as progress:
                say(await plugin.learn(progress))
        return 0

    return in_house(config, learn)


def aggregate_verify(config: Config, _given: Namespace) -> int:
    """`ecrm aggregate verify`: 0 if the counts hold exactly the contributors."""

    async def check(house: House) -> int:
        status = 0
        for plugin in house.plugins:
            problem = await plugin.verify()
            say(problem or "exact: the counts equal a rebuild from contributors alone")
            status = 1 if problem else status
        return status

    return in_house(config, check)


def bench(_config: Config, given: Namespace) -> int:
    """`ecrm bench`: in the checkout, because the limits it compares with are no part of the service."""
    try:
        found = importlib.import_module("tests.bench.run")
    except ModuleNotFoundError:
        raise StartRefused("the benchmarks live in the checkout: run `make bench` there") from None
    return int(found.main(given.name))
