"""What an erasure leaves in the files, and when it is gone from them: found first, then not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import asyncpg
import pytest

from ecrm_privacy.consent.desk import hash_token
from ecrm_privacy.rights.journal import Journal
from ecrm_privacy.vault.blind_index import IndexKind
from tests.conftest import ADMIN_PASSWORD, Cluster
from tests.houses import SESSION, Opened, house_of_its_own, logged
from tests.integration.privacy import residue
from tests.integration.privacy.dump import take
from tests.integration.privacy.residue import Left
from tests.integration.privacy.traces import find
from tests.property.test_erased_is_gone import PLUGIN, Person, live, names_of, put_items, receipt_hash

pytestmark = pytest.mark.anyio

NUMBER, OTHER = "C-kuckuck-918273", "C-sperling-445566"


@pytest.fixture
async def opened(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Opened]:
    async with house_of_its_own(cluster, tmp_path, plugins=(PLUGIN,), k_people=1) as house:
        await put_items(house)
        yield house


async def names(opened: Opened, admin: asyncpg.Connection, person: Person) -> dict[str, bytes]:
    """Everything binary that leads to a person or was sealed for one."""
    indexes, found = opened.house.indexes, {}
    for place, name in enumerate(sorted(await names_of(opened, admin, person))):
        found[f"subject or pseudonym {place}"] = name.bytes
        for n, row in enumerate(await admin.fetch("select wrapped from ecrm.subject_key where subject = $1", name)):
            found[f"wrapped key {place}.{n}"] = row["wrapped"]
        for n, row in enumerate(await admin.fetch("select sealed from ecrm.record where subject = $1", name)):
            found[f"sealed field {place}.{n}"] = row["sealed"]
        for n, row in enumerate(await admin.fetch("select * from ecrm.pending where subject = $1", name)):
            found[f"request that waits {place}.{n}"] = row["pending_id"].bytes
            found[f"address that waits {place}.{n}"] = row["sealed"]
            found[f"hash of that address {place}.{n}"] = row["same"]
        for n, row in enumerate(await admin.fetch("select sealed from ecrm.body where subject = $1", name)):
            found[f"sealed body {place}.{n}"] = row["sealed"][:64]
    found["index of the number"] = indexes.of(IndexKind.CUSTOMER_NUMBER, person.number)
    found["index of the address"] = indexes.of(IndexKind.EMAIL, f"{person.number}@example.com")
    for each, browser in (("browser", person.browser), ("device", person.device)):
        found[f"session of the {each}"] = hash_token(browser.cookies[SESSION])
    found["receipt"] = bytes.fromhex(receipt_hash(person.receipt_id))
    return found


async def files(opened: Opened, cluster: Cluster, folder: Path) -> dict[str, bytes]:
    """The files after a checkpoint, our own, and what a dump would give."""
    async with opened.as_admin() as admin:
        for _ in range(2):  # what a transaction dropped is deleted by the checkpoint after it
            await admin.execute("checkpoint")
        database = await admin.fetchval("select oid from pg_database where datname = current_database()")
    server = cluster.server._folder
    found = await asyncio.to_thread(residue.files_of, server, int(database))
    found |= await asyncio.to_thread(residue.files_of, folder / "keys")
    dumped = await asyncio.to_thread(take, opened.address, ADMIN_PASSWORD)
    return {**found, "pg_dump": dumped.text, "values of pg_dump": dumped.binary()}


def kinds(found: list[Left]) -> set[str]:
    """What was found, without its number."""
    return {left.what.rstrip("0123456789. ") for left in found}


def test_whatever_stands_there_is_found() -> None:
    """At any place and of any length, whole and not nearly: what a plain search finds, and nothing else."""
    chance = Random(7)
    for _ in range(100):
        names = {f"{n}": chance.randbytes(chance.choice([3, 14, 15, 16, 32, 66])) for n in range(4)}
        written = {what: dict(residue.spellings(value)) for what, value in names.items()}
        content = bytearray(chance.randbytes(chance.randrange(300)))
        for raw in (raw for spelled in written.values() for raw in spelled.values() if chance.random() < 0.3):
            place = chance.randrange(len(content) + 1)
            content[place:place] = raw if chance.random() < 0.7 else raw[:-1]
        plain = {(what, way) for what, spelled in written.items() for way, raw in spelled.items() if raw in content}
        assert {left[:2] for left in residue.look({"file": bytes(content)}, names)} == plain


async def test_nothing_of_the_erased_is_left_in_any_file(opened: Opened, cluster: Cluster, tmp_path: Path) -> None:
    """A deleted row lies in its page, its index and in statistics; once the tables are written anew it lies nowhere."""
    with logged() as log:
        person, other = await live(opened, NUMBER), await live(opened, OTHER)
        journal = Journal(opened.house.config.key_file.with_name("erasures.journal"), opened.house.keyring)
        async with opened.as_admin() as admin:
            theirs, others = await names(opened, admin, person), await names(opened, admin, other)
            await admin.execute("analyze")
            await person.browser.ask("erasure")
            await opened.settle()
            before = await files(opened, cluster, tmp_path)
            assert kinds(residue.look(before, theirs)) == kinds(residue.look(before, others)) == kinds_of(theirs)
            assert residue.erased(before, journal)
            await opened.house.upkeep.rewrite()
            after = await files(opened, cluster, tmp_path)
        after["our log"] = log.getvalue()
    words = (NUMBER, f"{NUMBER}@example.com", f"waiting-{NUMBER}@mailbox.example", f"Name of {NUMBER}")
    assert residue.look(after, theirs | {word: word.encode() for word in words}) == []
    assert find(words, [after["our log"], after["pg_dump"], after["values of pg_dump"]]) == []
    assert residue.erased(after, journal) == []
    assert kinds(residue.look(after, others)) == kinds_of(others)


def kinds_of(sought: dict[str, bytes]) -> set[str]:
    """What was looked for, without its number."""
    return {what.rstrip("0123456789. ") for what in sought}


async def test_upkeep_writes_tables_anew_once_a_day_and_only_after_an_erasure(opened: Opened) -> None:
    """Nothing is touched on a day without one, nor before its hour; what was erased since waits for the next day."""
    upkeep = opened.house.upkeep
    upkeep._hour = 0

    async def turn(admin: asyncpg.Connection) -> bool:
        file = "select pg_relation_filenode('ecrm.subject_key')"
        before = await admin.fetchval(file)
        await admin.execute("update ecrm.upkeep set begun = 'epoch'")
        assert await upkeep.run()
        return bool(before != await admin.fetchval(file))

    async with opened.as_admin() as admin:
        assert not await turn(admin)
        browser = opened.browser()
        await browser.answer({"remember": "given"})
        await browser.ask("erasure")
        await opened.settle()
        upkeep._hour = 24
        assert not await turn(admin)
        upkeep._hour = 0
        assert await turn(admin) and not await turn(admin)
        await admin.execute("update ecrm.upkeep set erased = erased + 1")
        assert not await turn(admin)
        await admin.execute("update ecrm.upkeep set rewritten_on = rewritten_on - 1")
        assert await turn(admin) and not await turn(admin)
