"""A house whose epochs stand in a file, and what tests of their roll look at."""

import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import msgspec

from ecrm_privacy.ledger.record import parse_leaf
from ecrm_privacy.roll import Roll
from ecrm_privacy.vault import keys
from ecrm_privacy.vault.epochs import acts
from ecrm_privacy.vault.epochs.file import EpochFile
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vocabulary import Category, SubjectId
from tests.conftest import Database
from tests.houses import ClusterKeyring, Opened, open_for_test

CONTACT = Category("contact")


class Person(msgspec.Struct, frozen=True):
    """Somebody with one key."""

    subject: SubjectId
    dek: bytes


@asynccontextmanager
async def keeping_epochs(database: Database, folder: Path) -> AsyncIterator[Opened]:
    """Open a house with its key file and epochs in `folder`; a second one follows the same files."""
    path = folder / "keys" / "ecrm.key"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keyring = ClusterKeyring.load(path) if path.exists() else ClusterKeyring.create(path)
    async with open_for_test(database, folder, keyring) as opened:
        yield opened


def file_of(opened: Opened) -> EpochFile:
    """The file of a house's epochs."""
    assert opened.house.keyring.epochs.file is not None
    return opened.house.keyring.epochs.file


def roll_of(opened: Opened, backup_days: int = 30) -> Roll:
    """What `ecrm keys` uses."""
    house = opened.house
    return Roll(house.pools.house.acquire, house.writer.append, house.keyring, backup_days, 30)


async def settle(opened: Opened, count: int) -> list[Person]:
    """Put keys of so many people under the current epoch."""
    made = []
    rows = []
    for _ in range(count):
        key, wrapped = keys.new(opened.house.keyring, SubjectId(uuid4()), CONTACT)
        made.append(Person(key.subject, key.dek.reveal()))
        rows.append((key.subject, CONTACT, 1, wrapped))
    async with opened.as_admin() as admin:
        await admin.copy_records_to_table(
            "subject_key", schema_name="ecrm", columns=("subject", "category", "version", "wrapped"), records=rows
        )
    return made


async def epochs_of_keys(admin: asyncpg.Connection) -> dict[int, int]:
    """How many keys stand under which epoch."""
    rows = await admin.fetch("select substring(wrapped from 3 for 4) e, count(*) n from ecrm.subject_key group by 1")
    return {struct.unpack(">I", row["e"])[0]: row["n"] for row in rows}


async def opens(admin: asyncpg.Connection, keyring: Keyring, people: Sequence[Person]) -> bool:
    """Whether everybody's key is there and is what it was."""
    rows = await admin.fetch("select subject, version, wrapped from ecrm.subject_key where category = 'contact'")
    wrapped = {row["subject"]: row["wrapped"] for row in rows}
    return all(
        keys.unwrap(keyring, person.subject, CONTACT, 1, wrapped[person.subject]).dek.reveal() == person.dek
        for person in people
    )


async def said(admin: asyncpg.Connection) -> list[tuple[str, int]]:
    """What the log says in public about epochs, in its order."""
    rows = await admin.fetch(
        "select s.payload, e.leaf from ecrm.statement s join ecrm.ledger_entry e using (leaf_index) order by leaf_index"
    )
    found = [acts.parse(row["payload"]) for row in rows if parse_leaf(row["leaf"]).type == "key"]
    assert all(isinstance(act.at, datetime) for act in found)
    return [(act.act, act.epoch) for act in found]


async def heap(admin: asyncpg.Connection) -> bytes:
    """What stands in the file of the table of keys, dead rows and all."""
    await admin.execute("checkpoint")
    content = await admin.fetchval("select pg_read_binary_file(pg_relation_filepath('ecrm.subject_key'))")
    assert isinstance(content, bytes)
    return content
