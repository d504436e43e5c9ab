"""The writer against a real PostgreSQL: what it promises each entry."""

import asyncio

import asyncpg
import msgspec
import pytest

from ecrm_privacy.errors import Failure, Tampered, Unavailable
from ecrm_privacy.ledger import writer as room
from ecrm_privacy.ledger.failures import EntryRefused, KeyTaken, LogFrozen, StaleSubject
from ecrm_privacy.ledger.record import ANY_SEEN, LEAF_INDEX, Entry, StateChange
from ecrm_privacy.ledger.verify import verify
from ecrm_privacy.ledger.writer import Writer
from ecrm_privacy.sql import Effect, Query
from tests.integration.ledger.conftest import MakeWriter
from tests.integration.ledger.making import GIVEN, REFUSED, a_subject, an_entry, opener, own_act

pytestmark = pytest.mark.anyio


def keeps_reply(key: bytes) -> Effect:
    return Query(
        "insert into ecrm.reply (key_mac, body_mac, sealed, leaf_index, expires)"
        " values ($1, '', '', $2, date_trunc('hour', now()))",
        (key, LEAF_INDEX),
    )


def with_effects(*effects: Effect, entry: Entry | None = None) -> Entry:
    return msgspec.structs.replace(entry or an_entry(a_subject(), [GIVEN]), effects=effects)


async def is_sound(house: asyncpg.Connection, leaves: int) -> bool:
    report = await verify(house, opener)
    assert report.problem is None
    return report.leaves == leaves


async def test_entries_get_dense_indexes(writer: Writer, house: asyncpg.Connection) -> None:
    """What is appended at once gets the indexes 0, 1, 2 …, and the ledger is sound."""
    results = await asyncio.gather(*(writer.append([an_entry(a_subject(), [GIVEN, REFUSED])]) for _ in range(100)))
    assert sorted(index for (index,) in results) == list(range(100))
    assert await is_sound(house, 100)


async def test_two_writers_share_the_log(new_writer: MakeWriter, house: asyncpg.Connection) -> None:
    """Two writers on one log at the same time leave no gap, no fork and no double index."""
    writers = [await new_writer(), await new_writer()]
    calls = [writers[number % 2].append([an_entry(a_subject(), [GIVEN]), an_entry()]) for number in range(400)]
    results = await asyncio.gather(*calls)
    assert sorted(index for result in results for index in result) == list(range(800))
    assert await is_sound(house, 800)


async def test_a_call_may_bring_more_than_a_batch(writer: Writer, house: asyncpg.Connection) -> None:
    """A list longer than a batch is appended whole, its results in the order of the list."""
    entries = [an_entry() for _ in range(room.BATCH_ENTRIES_MAX + 100)]
    assert await writer.append(entries) == list(range(len(entries)))
    assert await writer.append([]) == []
    assert await is_sound(house, len(entries))


async def test_all_kinds_of_entries(writer: Writer, house: asyncpg.Connection) -> None:
    """Answers, refusals without anybody, erasures and our own acts stand side by side in one sound log."""
    subject = a_subject()
    gone = [Query(f"delete from ecrm.{table} where subject = $1", (subject,)) for table in ("body", "consent_status")]
    gone.append(Query("delete from ecrm.subject_state where subject = $1", (subject,)))
    answered = await writer.append([an_entry(subject, [GIVEN], StateChange(regime="gdpr")), an_entry(), own_act()])
    erasure = an_entry(subject, erases=True, seen=answered[0], effects=tuple(gone))
    assert [*answered, *await writer.append([erasure])] == [0, 1, 2, 3]
    assert await house.fetchval("select count(*) from ecrm.body where subject is not null") == 0
    assert await house.fetchval("select count(*) from ecrm.subject_state") == 0
    assert await house.fetchval("select payload from ecrm.statement where leaf_index = 2") == b"policy"
    assert await is_sound(house, 4)


async def test_effects_are_true_together_with_their_entry(writer: Writer, house: asyncpg.Connection) -> None:
    """An effect finds its entry's leaf index in its arguments, and is there when the entry is acknowledged."""
    results = await writer.append([with_effects(keeps_reply(b"%d" % number)) for number in range(5)])
    kept = await house.fetch("select key_mac, leaf_index from ecrm.reply order by leaf_index")
    assert [(row["key_mac"], row["leaf_index"]) for row in kept] == [(b"%d" % index, index) for index in results]


BAD: dict[str, tuple[Effect, str, str | None]] = {
    "a row that breaks a rule": (
        Query("insert into ecrm.policy_bundle (bundle, documents) values ('short', '')"),
        "23514",
        "policy_bundle_bundle_check",
    ),
    "a missing table": (Query("delete from ecrm.nowhere"), "42P01", None),
    "a table of somebody else": (Query("delete from ecrm.ledger_entry"), "42501", None),
    "a wrong type": (Query("delete from ecrm.reply where leaf_index = $1", ("seven",)), "22000", None),
    "an exception": (Query("do $$ begin raise exception 'no'; end $$"), "P0001", None),
}


@pytest.mark.parametrize(("effect", "sqlstate", "constraint"), BAD.values(), ids=BAD.keys())
async def test_a_bad_entry_fails_alone(
    writer: Writer, house: asyncpg.Connection, effect: Effect, sqlstate: str, constraint: str | None
) -> None:
    """Among a hundred that wait together, only the one that the database refuses is refused; nothing of it stays."""
    await writer.append([an_entry()])
    entries = [with_effects(keeps_reply(b"%d" % number)) for number in range(100)]
    entries[37] = with_effects(keeps_reply(b"bad"), effect)
    results = await writer.append(entries)
    refused = results.pop(37)
    assert isinstance(refused, EntryRefused)
    assert (refused.sqlstate, refused.constraint) == (sqlstate, constraint)
    assert sorted(results) == list(range(1, 100))  # type: ignore[type-var]
    assert await house.fetchval("select count(*) from ecrm.reply where key_mac = 'bad'") == 0
    assert await is_sound(house, 100)


async def test_a_taken_key_has_a_name_of_its_own(writer: Writer) -> None:
    """Of two entries with one Idempotency-Key, in one batch or later, the second learns that the key was taken."""
    first, second = await writer.append([with_effects(keeps_reply(b"key")), with_effects(keeps_reply(b"key"))])
    assert first == 0
    assert isinstance(second, KeyTaken)
    (third,) = await writer.append([with_effects(keeps_reply(b"key"))])
    assert isinstance(third, KeyTaken)


async def test_refusals_quote_nothing(writer: Writer) -> None:
    """What a refusal says carries no value of the entry: the database's own words do."""
    await writer.append([with_effects(keeps_reply(b"secret-of-somebody"))])
    entry = with_effects(Query("insert into ecrm.reply select * from ecrm.reply"))
    (refused,) = await writer.append([entry])
    assert isinstance(refused, Failure)
    assert b"secret".hex() not in str(refused) + repr(vars(refused))
    assert refused.__cause__ is None and refused.__context__ is None


async def test_an_older_view_is_refused(writer: Writer, house: asyncpg.Connection) -> None:
    """Who decided by an older state of the subject is refused, in the same batch too; who read again is not."""
    subject = a_subject()
    first, second = await writer.append([an_entry(subject, [GIVEN]), an_entry(subject, [REFUSED])])
    assert first == 0
    assert isinstance(second, StaleSubject)
    assert await writer.append([an_entry(subject, [REFUSED], seen=0)]) == [1]
    (late,) = await writer.append([an_entry(subject, [GIVEN], seen=0)])
    assert isinstance(late, StaleSubject)
    assert await house.fetchval("select status from ecrm.consent_status where subject = $1", subject) == "refused"
    assert await is_sound(house, 2)


async def test_whoever_does_not_mind_is_taken_in_order(writer: Writer, house: asyncpg.Connection) -> None:
    """With ANY_SEEN a subject's whole history goes in at once, and its last word counts."""
    subjects = [a_subject() for _ in range(3)]
    entries = [
        an_entry(subject, [GIVEN if turn < 4 else REFUSED], seen=ANY_SEEN) for turn in range(5) for subject in subjects
    ]
    results = await writer.append(entries)
    for number in range(3):
        own = results[number::3]
        assert own == sorted(own)  # type: ignore[type-var]
    assert {row["status"] for row in await house.fetch("select status from ecrm.consent_status")} == {"refused"}
    assert await is_sound(house, 15)


async def test_a_merge_sees_both_sides(writer: Writer) -> None:
    """An entry that was decided by a second subject is refused when that one has a newer entry."""
    browser, account = a_subject(), a_subject()
    assert await writer.append([an_entry(browser, [GIVEN])]) == [0]
    merge = an_entry(account, [GIVEN], also_seen=((browser, 0),))
    refusal, merged = await writer.append([an_entry(browser, [REFUSED], seen=0), merge])
    assert refusal == 1
    assert isinstance(merged, StaleSubject)
    assert await writer.append([an_entry(account, [REFUSED], also_seen=((browser, 1),))]) == [2]


async def test_a_caller_that_leaves_takes_nothing_along(writer: Writer, house: asyncpg.Connection) -> None:
    """A cancelled caller's entry is written all the same, and nobody else notices."""
    async with house.transaction():
        await house.execute("select from ecrm.ledger_head for update")
        leaving = asyncio.create_task(writer.append([an_entry()]))
        staying = asyncio.create_task(writer.append([an_entry()]))
        await asyncio.sleep(0.05)
        leaving.cancel()
        await asyncio.sleep(0.05)
    assert await staying == [1]
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await is_sound(house, 2)


async def test_stopping_writes_what_waits(new_writer: MakeWriter, house: asyncpg.Connection) -> None:
    """A writer that is stopped writes what it accepted and refuses what comes after."""
    writer = await new_writer()
    calls = [asyncio.create_task(writer.append([an_entry()])) for _ in range(1000)]
    await asyncio.sleep(0)
    await writer.stop()
    assert sorted(index for (index,) in await asyncio.gather(*calls)) == list(range(1000))
    (late,) = await writer.append([an_entry()])
    assert isinstance(late, Unavailable)
    assert await is_sound(house, 1000)


async def test_no_more_wait_than_fit(writer: Writer, house: asyncpg.Connection) -> None:
    """When too many wait, the next one is told so at once, and those who wait are written."""
    async with house.transaction():
        await house.execute("select from ecrm.ledger_head for update")
        waiting = [asyncio.create_task(writer.append([an_entry()])) for _ in range(room.WAITING_ENTRIES_MAX)]
        await asyncio.sleep(0.1)
        (refused,) = await asyncio.wait_for(writer.append([an_entry()]), 0.5)
        assert isinstance(refused, Unavailable)
    assert len({index for (index,) in await asyncio.gather(*waiting)}) == room.WAITING_ENTRIES_MAX


async def test_a_frozen_log_takes_nothing(writer: Writer, admin: asyncpg.Connection) -> None:
    """While the log is frozen every entry is told so; thawed, it goes on."""
    await admin.execute("update ecrm.ledger_head set frozen = 'behind its checkpoint'")
    assert all(isinstance(result, LogFrozen) for result in await writer.append([an_entry(), an_entry()]))
    await admin.execute("update ecrm.ledger_head set frozen = null")
    assert await writer.append([an_entry()]) == [0]


async def test_nothing_is_built_on_a_damaged_head(writer: Writer, admin: asyncpg.Connection) -> None:
    """A head whose size, edge and root do not fit together, or that is behind its entries, takes no entry."""
    assert await writer.append([an_entry(), an_entry()]) == [0, 1]
    await admin.execute("create table ecrm.sound as table ecrm.ledger_head")
    for damage in ("root_hash = sha256('')", "edge = sha256('')", "tree_size = 3", "tree_size = 1"):
        await admin.execute(f"update ecrm.ledger_head set {damage}")
        (refused,) = await writer.append([an_entry()])
        assert isinstance(refused, Tampered), damage
        await admin.execute("truncate ecrm.ledger_head; insert into ecrm.ledger_head table ecrm.sound")
    assert await writer.append([an_entry()]) == [2]


async def test_a_log_is_opened_first(writer: Writer, admin: asyncpg.Connection) -> None:
    """Without a head there is nothing to append to."""
    await admin.execute("delete from ecrm.ledger_head")
    (refused,) = await writer.append([an_entry()])
    assert isinstance(refused, Unavailable)
