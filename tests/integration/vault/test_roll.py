"""Epochs are begun and destroyed beside everybody, and a kill between any two steps costs nothing."""

import asyncio
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.errors import ClockDiffers, CopyMissing, EpochDestroyed, EpochInUse, EpochsRefused
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.ledger.failures import StaleSubject
from ecrm_privacy.ledger.record import Entry, LeafType, commitment, leaf
from ecrm_privacy.ledger.verify import verify
from ecrm_privacy.logbook import opener
from ecrm_privacy.rights.recall import CAME_BACK
from ecrm_privacy.roll import Roll
from ecrm_privacy.vault import keys
from ecrm_privacy.vault.epochs.epoch import EpochState
from ecrm_privacy.vault.store import insert_key
from ecrm_privacy.vocabulary import SubjectId
from tests.conftest import Database
from tests.houses import SESSION, ClusterKeyring, logged, until_heard
from tests.integration.vault.rolling import (
    CONTACT,
    epochs_of_keys,
    file_of,
    heap,
    keeping_epochs,
    opens,
    roll_of,
    said,
    settle,
)

pytestmark = pytest.mark.anyio


def quiet(_done: int, _of: int) -> None:
    """Show no progress."""


async def test_a_rotation_moves_every_key_beside_whoever_is_served(database: Database, tmp_path: Path) -> None:
    """Two workers answer and admit meanwhile and follow; afterwards no key that was wrapped before is in the table."""
    async with keeping_epochs(database, tmp_path) as one, keeping_epochs(database, tmp_path) as other:
        people = await settle(one, 5000)
        visitor = other.browser()
        assert (await visitor.answer({"remember": "given", "personalize": "given"})).status_code == 201
        async with one.as_admin() as admin:
            before = [row["wrapped"] for row in await admin.fetch("select wrapped from ecrm.subject_key")]
            rotating = asyncio.create_task(roll_of(one).rotate(quiet))
            newcomers = 0
            while not rotating.done():
                newcomer, key = other.browser(), str(uuid4())
                heard = await until_heard(lambda who=newcomer, key=key: who.answer({"remember": "given"}, key=key))  # type: ignore[misc]
                assert heard.status_code == 201, heard.text
                assert {"remember", "personalize"} <= await visitor.allowed()
                newcomers += 1
            done = await rotating
            assert (done.epoch, done.resumed, done.unopened) == (2, False, 0) and newcomers
            assert set(await epochs_of_keys(admin)) == {2}
            assert await opens(admin, one.house.keyring, people) and await opens(admin, other.house.keyring, people)
            content = await heap(admin)
            assert [wrapped for wrapped in before if wrapped in content] == []
            assert await said(admin) == [("key.epoch", 2)]
            assert (await verify(admin, opener(admin, other.house.keyring))).problem is None
        receipts = (await visitor.http.get("/v1/receipts")).json()
        assert receipts, "what was sealed before opens after"


async def test_the_heap_keeps_keys_until_it_is_rewritten(database: Database, tmp_path: Path) -> None:
    """What the test above looks for is there to be found: an update alone leaves the old key in the file."""
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        await settle(opened, 20)
        wrapped = await admin.fetchval("select wrapped from ecrm.subject_key limit 1")
        await admin.execute("update ecrm.subject_key set wrapped = $1 where wrapped = $2", bytes(66), wrapped)
        assert wrapped in await heap(admin)


async def test_an_epoch_is_destroyed_everywhere(database: Database, tmp_path: Path) -> None:
    """Its key is in no file, a restored key is gone and not damaged, the log says so, and no late key slips in."""
    (tmp_path / "usb").mkdir()
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        people = await settle(opened, 3)
        file, roll = file_of(opened), roll_of(opened, backup_days=0)
        file.add_copy(tmp_path / "usb")
        backup = await admin.fetch("select subject, wrapped from ecrm.subject_key")
        gone = file.read().epochs[0].wrapped
        assert gone is not None
        await roll.rotate(quiet)
        left = await roll.destroy(1)
        assert (left.number, left.state, left.wrapped) == (1, EpochState.DESTROYED, None)
        files = [each for each in tmp_path.rglob("*") if each.is_file() and each.name != "demo-site.key"]
        assert [each for each in files if gone.hex().encode() in each.read_bytes()] == []
        assert file.is_in_step(tmp_path / "usb" / file.path.name)
        assert await said(admin) == [("key.epoch", 2), ("key.destroyed", 1)]
        assert await opens(admin, opened.house.keyring, people)
        with pytest.raises(asyncpg.CheckViolationError):
            await admin.execute("update ecrm.subject_key set wrapped = $1", backup[0]["wrapped"])
        with pytest.raises(EpochDestroyed):
            keys.unwrap(opened.house.keyring, backup[0]["subject"], CONTACT, 1, backup[0]["wrapped"])
        assert (await roll.destroy(1)).number == 1, "and again: nothing more happens"
        assert await said(admin) == [("key.epoch", 2), ("key.destroyed", 1)]


async def test_an_epoch_is_not_destroyed_too_early(database: Database, tmp_path: Path) -> None:
    """In use, with keys under it, before an older one, or while backups may need it: each says what to do."""
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        roll = roll_of(opened)
        for number, words in ((1, "is the newest"), (7, "no epoch 7")):
            with pytest.raises(EpochInUse, match=words):
                await roll.destroy(number, at_once=True)
        await settle(opened, 1)
        old = await admin.fetchval("select wrapped from ecrm.subject_key")
        await roll.rotate(quiet)
        new = await admin.fetchval("select wrapped from ecrm.subject_key")
        with pytest.raises(EpochInUse, match="backups of the last 30 days"):
            await roll.destroy(1)
        await admin.execute("update ecrm.subject_key set wrapped = $1", old)
        with pytest.raises(EpochInUse, match="1 keys stand under epoch 1"):
            await roll.destroy(1, at_once=True)
        await admin.execute("update ecrm.subject_key set wrapped = $1", new)
        await roll.rotate(quiet)
        with pytest.raises(EpochInUse, match="epoch 1 is older"):
            await roll.destroy(2, at_once=True)
        await admin.execute("update ecrm.key_epoch set emptied = current_date - 30 where epoch = 1")
        assert (await roll.destroy(1)).state is EpochState.DESTROYED
        assert (await roll.destroy(2, at_once=True)).state is EpochState.DESTROYED


async def test_a_late_key_is_moved_by_the_next_rotation(database: Database, tmp_path: Path) -> None:
    """Somebody wrapped a key before an epoch was begun and put it there after: destroying waits for it."""
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        (person,) = await settle(opened, 1)
        late = await admin.fetchval("delete from ecrm.subject_key returning wrapped")
        await roll_of(opened).rotate(quiet)
        await admin.execute("insert into ecrm.subject_key values ($1, $2, 1, $3)", person.subject, CONTACT, late)
        standing = {one.epoch.number: one for one in (await roll_of(opened).standing()).epochs}
        assert standing[1].keys == 1 and "keys rotate" in standing[1].due
        await roll_of(opened).rotate(quiet)
        assert await opens(admin, opened.house.keyring, [person]) and set(await epochs_of_keys(admin)) == {3}


async def test_a_damaged_key_stays_and_is_told(database: Database, tmp_path: Path) -> None:
    """It keeps nobody else's key from being moved, and its epoch from being destroyed, until somebody looked."""
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        people = await settle(opened, 5)
        await admin.execute(
            "update ecrm.subject_key set wrapped = set_byte(wrapped, 30, get_byte(wrapped, 30) # 1) where subject = $1",
            people[2].subject,
        )
        done = await roll_of(opened).rotate(quiet)
        assert (done.moved, done.unopened) == (4, 1)
        assert await epochs_of_keys(admin) == {1: 1, 2: 4}
        with pytest.raises(EpochInUse, match="1 keys"):
            await roll_of(opened).destroy(1, at_once=True)
        assert (await roll_of(opened).rotate(quiet)).epoch == 3, "and a further epoch can be begun all the same"


async def test_nobody_waits_for_somebody_who_is_at_a_key(database: Database, tmp_path: Path) -> None:
    """A key that is locked is passed over, and moved once it is let go."""
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin, opened.as_admin() as at_it:
        people = await settle(opened, 3)
        held = at_it.transaction()
        await held.start()
        await at_it.execute("select from ecrm.subject_key where subject = $1 for update", people[0].subject)
        rotating = asyncio.create_task(roll_of(opened).rotate(quiet))
        async with asyncio.timeout(10):
            while (await epochs_of_keys(admin)).get(2) != 2:
                await asyncio.sleep(0.01)
        await held.rollback()
        assert (await rotating).moved == 3
        assert await epochs_of_keys(admin) == {2: 3}


async def test_an_older_copy_of_the_file_is_refused(database: Database, tmp_path: Path) -> None:
    """Whoever puts back what was copied before a rotation would give its number away twice."""
    async with keeping_epochs(database, tmp_path) as opened:
        older = file_of(opened).path.read_bytes()
        await roll_of(opened).rotate(quiet)
        path = file_of(opened).path
    path.write_bytes(older)
    with pytest.raises(EpochsRefused, match=r"knows epoch 2.*older copy"):
        async with keeping_epochs(database, tmp_path):
            pass


async def test_a_copy_out_of_reach_stops_a_roll_before_it_begins(database: Database, tmp_path: Path) -> None:
    """Until it is back, or said to be gone; nothing is changed before."""
    (tmp_path / "usb").mkdir()
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        file_of(opened).add_copy(tmp_path / "usb")
        await roll_of(opened).rotate(quiet)
        (tmp_path / "usb").rename(tmp_path / "pocket")
        for act in (roll_of(opened).rotate(quiet), roll_of(opened).destroy(1, at_once=True)):
            with pytest.raises(CopyMissing, match="--gone"):
                await act
        assert await said(admin) == [("key.epoch", 2)] and opened.house.keyring.epoch == 2
        assert (await roll_of(opened).standing()).copies == ((tmp_path / "usb", False),)
        await roll_of(opened).destroy(1, at_once=True, gone=[tmp_path / "usb"])
        assert (await roll_of(opened).standing()).copies == ()


async def test_a_clock_that_jumps_destroys_nothing(database: Database, tmp_path: Path) -> None:
    """Neither this machine's, nor the database's, whichever way."""
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        await roll_of(opened).rotate(quiet)
        house = opened.house
        for days in (-40, 40):
            jumped = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
            roll = Roll(
                house.pools.house.acquire, house.writer.append, house.keyring, 0, 30, lambda jumped=jumped: jumped
            )
            with pytest.raises(ClockDiffers, match="put the wrong clock right"):
                await roll.destroy(1)
        await admin.execute("update ecrm.key_epoch set emptied = current_date + 3")
        with pytest.raises(ClockDiffers, match="one of the two days is wrong"):
            await roll_of(opened, backup_days=0).destroy(1)
        assert await said(admin) == [("key.epoch", 2)]


async def test_two_commands_at_once_are_one_after_the_other(database: Database, tmp_path: Path) -> None:
    """The second is refused while the first is at it."""
    async with keeping_epochs(database, tmp_path) as opened:
        with file_of(opened).locked(), pytest.raises(EpochsRefused, match="another command"):
            await roll_of(opened).rotate(quiet)


async def test_a_key_that_another_root_wrapped_is_not_moved(database: Database, tmp_path: Path) -> None:
    """A wrong key file, whose epochs have the same number, changes nothing."""
    async with keeping_epochs(database, tmp_path / "right") as right, right.as_admin() as admin:
        people = await settle(right, 3)
        (tmp_path / "wrong" / "keys").mkdir(parents=True, mode=0o700)
        wrong = ClusterKeyring.create(tmp_path / "wrong" / "keys" / "ecrm.key")
        roll = Roll(right.house.pools.house.acquire, right.house.writer.append, wrong, 0, 30)
        assert (await roll.rotate(quiet)).unopened == 3
        assert await opens(admin, right.house.keyring, people)


async def test_what_a_backup_brought_back_of_a_destroyed_epoch_is_gone(database: Database, tmp_path: Path) -> None:
    """The person's page comes without them, and what they said is beyond reach; neither is taken for damage."""
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        visitor = opened.browser()
        assert (await visitor.answer({"remember": "given", "personalize": "given"})).status_code == 201
        rows = await admin.fetch("select subject, category, version, wrapped from ecrm.subject_key")
        await roll_of(opened).rotate(quiet)
        await roll_of(opened).destroy(1, at_once=True)
        await admin.execute("alter table ecrm.subject_key drop constraint subject_key_epoch_closed")
        for row in rows:
            await admin.execute(
                "update ecrm.subject_key set wrapped = $4 where subject = $1 and category = $2 and version = $3", *row
            )
        with logged() as told:
            grants = await opened.house.gate.admit(
                Caller(token_hash=sha256(visitor.cookies[SESSION].encode()).digest()),
                ["slot:for-you"],
                site_signals(opened.house),
            )
        grant = grants["slot:for-you"]
        assert grant.permission.allowed and grant.values == {} == grant.pseudonyms
        assert b"epoch_destroyed" in told.getvalue() and b"tampered" not in told.getvalue()
        report = await verify(admin, opener(admin, opened.house.keyring))
        assert (report.opened, report.unopened) == (0, 1) and "current answers" in (report.problem or "")


async def test_who_was_erased_is_found_after_their_epoch_is_gone(database: Database, tmp_path: Path) -> None:
    """A backup that should be gone brings back what no key closes, such as uses of a history; the journal knows."""
    tables = ("subject_state", "pseudonym", "pseudonym_use")
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        visitor = opened.browser()
        assert (await visitor.answer({"remember": "given", "model.contribute": "given"})).status_code == 201
        backup = {table: await admin.fetch(f"select * from ecrm.{table}") for table in tables}
        assert (await visitor.ask("erasure")).status_code == 201
        await opened.settle()
        await roll_of(opened).rotate(quiet)
        await roll_of(opened).destroy(1, at_once=True)
        for table, rows in backup.items():
            assert rows and await admin.fetchval(f"select count(*) from ecrm.{table}") == 0
            await admin.copy_records_to_table(table, schema_name="ecrm", records=[tuple(row) for row in rows])
        await admin.execute("delete from ecrm.erasure_journal")
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        assert await admin.fetchval("select frozen from ecrm.ledger_head") == CAME_BACK


async def test_a_key_that_came_too_late_is_wrapped_again(database: Database, tmp_path: Path) -> None:
    """Whoever prepared an answer before an epoch was closed is told to begin again, and nothing is written."""
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        key, wrapped = keys.new(opened.house.keyring, SubjectId(uuid4()), CONTACT)
        await roll_of(opened).rotate(quiet)
        await roll_of(opened).destroy(1, at_once=True)
        text, opening = b"{}", bytes(32)
        late = Entry(
            leaf=leaf(LeafType.POLICY, commitment(opening, text)),
            statement=(text, opening),
            effects=(insert_key(key.subject, CONTACT, 1, wrapped),),
        )
        before = await admin.fetchval("select tree_size from ecrm.ledger_head")
        assert isinstance((await opened.house.writer.append([late]))[0], StaleSubject)
        assert await admin.fetchval("select tree_size from ecrm.ledger_head") == before
