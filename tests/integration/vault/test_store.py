"""The vault's queries against a migrated database, under the role that runs them."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from ecrm_privacy.sql import Query, run_all
from ecrm_privacy.vault import envelope, keys, store, uses
from ecrm_privacy.vault.blind_index import BlindIndexes, IndexKind
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vocabulary import Category, Pseudonym, Purpose, SubjectId

pytestmark = pytest.mark.anyio

KEYRING = Keyring(bytes(range(32)))
ADA, BOB = SubjectId(UUID(int=1)), SubjectId(UUID(int=2))
BROWSING, CONTACT = Category("browsing"), Category("contact")
REMEMBER, PERSONALIZE = Purpose("remember"), Purpose("personalize")
NAME, MONTH = Pseudonym(UUID(int=9)), date(2026, 11, 1)
INDEX = BlindIndexes(KEYRING).spelled(IndexKind.EMAIL, "ada@example.org")

EVERY_QUERY: list[Query[Any]] = [
    store.insert_key(ADA, BROWSING, 1, bytes(66), NAME, [REMEMBER]),
    store.keys_of([ADA]),
    store.keys_in([ADA], BROWSING),
    store.destroy_key(ADA, BROWSING, 1),
    store.replace_key(ADA, BROWSING, 1, bytes(66), NAME),
    store.put_records(ADA, CONTACT, 1, {"email": b"sealed"}),
    store.records_of(ADA),
    store.insert_index(INDEX, ADA),
    store.claim_index(BlindIndexes(KEYRING).spelled(IndexKind.EMAIL, "bob@example.org"), ADA),
    store.generation(),
    store.begin_generation(1),
    store.older_indexes("", b"", 2, 10),
    store.renew_indexes([store.IndexRow("email", bytes(16), 1)], [bytes(16)], 2),
    store.end_generation(2),
    store.suppress([bytes(32)]),
    store.suppressed([bytes(32)]),
    *store.destroy_category(ADA, CONTACT),
    *store.destroy_subject(ADA),
    store.register([NAME], BROWSING),
    store.hold_retiring([NAME], UUID(int=1)),
    *store.mix(),
    store.rewrite("ecrm.record"),
    store.insert_uses([NAME], [REMEMBER]),
    store.delete_all_uses([NAME]),
    store.uses_of([NAME]),
    store.lock_uses([NAME]),
    store.delete_pseudonyms([NAME]),
    store.count_uses([uses.Counted(ADA, NAME, bytes(16), MONTH, b"sealed", 2**40, 1)]),
    store.use_counts([NAME]),
    store.forget_use_counts([NAME], 10),
    store.age_use_counts(395, 10),
    store.mix_use_counts(datetime(2026, 11, 1, tzinfo=UTC)),
]


def test_every_query_of_the_store_is_tried() -> None:
    """A query that is added is added here."""
    texts = {query.text for query in EVERY_QUERY}
    queries = [function for name, function in vars(store).items() if inspect.isfunction(function)]
    written = sum(inspect.getsource(function).count("Query(") for function in queries)
    assert len(texts) == written


@pytest.mark.parametrize("query", EVERY_QUERY, ids=lambda query: " ".join(query.text.split())[:60])
async def test_a_query_prepares_and_its_columns_are_its_rows_fields(
    house: asyncpg.Connection, query: Query[Any]
) -> None:
    """Text, arguments and row type agree with the schema."""
    statement = await house.prepare(query.text)
    assert len(statement.get_parameters()) == len(query.args)
    fields = msgspec.structs.fields(query.row) if query.row else ()
    assert [column.name for column in statement.get_attributes()] == [field.name for field in fields]
    await query.run(house)


async def test_a_key_brings_its_pseudonym_and_uses(house: asyncpg.Connection) -> None:
    """One statement makes all three, and what comes back unwraps to the same pseudonym."""
    key, wrapped = keys.new(KEYRING, ADA, BROWSING)
    await store.insert_key(ADA, BROWSING, 1, wrapped, pseudonym(key), [REMEMBER, PERSONALIZE]).run(house)
    (row,) = await store.keys_of([ADA, BOB]).all(house)
    again = keys.unwrap(KEYRING, SubjectId(row.subject), Category(row.category), row.version, row.wrapped)
    uses = await store.uses_of([pseudonym(again)]).all(house)
    assert [use.purpose for use in uses] == ["personalize", "remember"]


async def test_who_comes_second_registers_nothing(house: asyncpg.Connection) -> None:
    """A key row that lost the race leaves no pseudonym that nobody could ever find again."""
    first, wrapped = keys.new(KEYRING, ADA, BROWSING)
    second, late = keys.new(KEYRING, ADA, BROWSING)
    for key, row in ((first, wrapped), (second, late)):
        await store.insert_key(ADA, BROWSING, 1, row, pseudonym(key), [REMEMBER]).run(house)
    assert [row.wrapped for row in await store.keys_of([ADA]).all(house)] == [wrapped]
    assert await house.fetch("select pseudonym from ecrm.pseudonym") == [(pseudonym(first),)]
    assert len(await store.uses_of([pseudonym(first), pseudonym(second)]).all(house)) == 1


async def test_a_key_without_behaviour_registers_no_pseudonym(house: asyncpg.Connection) -> None:
    """Contact data has a key and no history."""
    _, wrapped = keys.new(KEYRING, ADA, CONTACT)
    await store.insert_key(ADA, CONTACT, 1, wrapped).run(house)
    assert len(await store.keys_of([ADA]).all(house)) == 1
    assert await house.fetchval("select count(*) from ecrm.pseudonym") == 0


async def test_a_hand_over_keeps_the_pseudonym_and_seals_records_again(house: asyncpg.Connection) -> None:
    """The effects of a merge: new owner, same history, nothing left with the old one."""
    key, wrapped = keys.new(KEYRING, ADA, BROWSING)
    await store.insert_key(ADA, BROWSING, 1, wrapped, pseudonym(key), [REMEMBER]).run(house)
    await store.put_records(ADA, BROWSING, 1, {"seen": envelope.seal(key, "seen", b"monday")}).run(house)
    handed, for_bob = keys.hand_over(KEYRING, key, BOB, 2)
    (record,) = await store.records_of(ADA).all(house)
    await run_all(
        house,
        [
            store.insert_key(BOB, BROWSING, 2, for_bob, pseudonym(handed), [PERSONALIZE]),
            store.put_records(BOB, BROWSING, 2, {"seen": envelope.reseal(key, handed, "seen", record.sealed)}),
            *store.destroy_category(ADA, BROWSING),
        ],
    )
    assert [(row.subject, row.version) for row in await store.keys_of([ADA, BOB]).all(house)] == [(BOB, 2)]
    assert await store.records_of(ADA).all(house) == []
    (moved,) = await store.records_of(BOB).all(house)
    assert envelope.open_(handed, moved.field, moved.sealed) == b"monday"
    assert [use.purpose for use in await store.uses_of([pseudonym(key)]).all(house)] == ["personalize", "remember"]


async def test_a_newer_value_replaces_a_record(house: asyncpg.Connection) -> None:
    """One row per field, with the version of the key that sealed it."""
    await store.put_records(ADA, CONTACT, 1, {"email": b"old"}).run(house)
    await store.put_records(ADA, CONTACT, 2, {"email": b"new"}).run(house)
    assert [(row.version, row.sealed) for row in await store.records_of(ADA).all(house)] == [(2, b"new")]


async def test_a_blind_index_names_the_first_subject_that_came(house: asyncpg.Connection) -> None:
    """Who inserts later changes nothing, who claims it is told so."""
    for subject in (ADA, BOB):
        await store.insert_index(INDEX, subject).run(house)
    with pytest.raises(asyncpg.UniqueViolationError) as taken:
        await store.claim_index(INDEX, BOB).run(house)
    assert taken.value.constraint_name == "blind_index_pkey"
    named = await house.fetch(
        "select kind, subject from ecrm.blind_index where value = any(ecrm.spellings($1))", INDEX.asked
    )
    assert named == [("email", ADA)]


async def test_registering_brings_back_a_pseudonym_that_went(house: asyncpg.Connection) -> None:
    """A renewed yes after the history was deleted starts an empty one under the same name."""
    for _ in range(2):
        await store.register([NAME], BROWSING).run(house)
    assert await house.fetchval("select category from ecrm.pseudonym where pseudonym = $1", NAME) == "browsing"
    await run_all(house, store.mix())
    assert await house.fetchval("select count(*) from ecrm.pseudonym") == 1


async def test_destroying_a_subject_leaves_nothing_of_it_and_all_of_others(house: asyncpg.Connection) -> None:
    """Keys, records and names go in one transaction; pseudonyms go last, by the job that knows them."""
    for subject in (ADA, BOB):
        key, wrapped = keys.new(KEYRING, subject, BROWSING)
        await store.insert_key(subject, BROWSING, 1, wrapped, pseudonym(key), [REMEMBER]).run(house)
        await store.put_records(subject, CONTACT, 1, {"email": b"x"}).run(house)
        index = BlindIndexes(KEYRING).spelled(IndexKind.EMAIL, str(subject))
        await store.insert_index(index, subject).run(house)
    await run_all(house, store.destroy_subject(ADA))
    for table in ("subject_key", "record", "blind_index"):
        assert await house.fetch(f"select subject from ecrm.{table}") == [(BOB,)], table
    assert await house.fetchval("select count(*) from ecrm.pseudonym") == 2


async def test_uses_open_and_close_only_registered_pseudonyms(house: asyncpg.Connection) -> None:
    """A pseudonym that was erased meanwhile is passed over, not brought back."""
    key, wrapped = keys.new(KEYRING, ADA, BROWSING)
    name = pseudonym(key)
    await store.insert_key(ADA, BROWSING, 1, wrapped, name).run(house)
    assert await store.insert_uses([name, NAME], [REMEMBER, PERSONALIZE]).run(house) == 2
    assert await store.insert_uses([name], [REMEMBER]).run(house) == 0
    assert [use.purpose for use in await store.uses_of([name]).all(house)] == ["personalize", "remember"]
    assert await store.delete_all_uses([name, NAME]).run(house) == 2
    assert await store.delete_pseudonyms([name]).run(house) == 1


async def test_closing_waits_for_events_that_hold_a_pseudonym_and_does_not_deadlock(
    connected: Callable[[str], Awaitable[asyncpg.Connection]],
) -> None:
    """Events and the closing of their pseudonyms lock in the same order, whatever order was asked for."""
    house, guest = await connected("ecrm_house"), await connected("ecrm_guest")
    names = sorted(Pseudonym(uuid4()) for _ in range(20))
    await house.executemany("insert into ecrm.pseudonym values ($1, 'browsing')", [(name,) for name in names])
    await store.insert_uses(names, [REMEMBER]).run(house)
    transaction = guest.transaction()
    await transaction.start()
    held = await guest.fetch("select * from ecrm.hold($1, 'remember')", names[::-1])
    assert [row[0] for row in held] == names
    closing = asyncio.create_task(store.delete_all_uses(names[::-1]).run(house))
    await asyncio.sleep(0.1)
    assert not closing.done()
    await transaction.commit()
    assert await closing == 20
    assert await guest.fetch("select * from ecrm.hold($1, 'remember')", names) == []
