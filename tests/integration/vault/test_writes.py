"""Keys that writes make, beside those who rotate, read, erase, and find a history by a key."""

import asyncio
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.errors import EpochDestroyed, SubjectErased, Unavailable
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.ledger.failures import EntryRefused
from ecrm_privacy.vault import keys
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vault.store import keys_of, register
from ecrm_privacy.vocabulary import RightKind, SubjectId
from tests.conftest import Database
from tests.houses import Browser, Opened, logged, open_for_test
from tests.integration.vault.rolling import CONTACT, epochs_of_keys, keeping_epochs, roll_of

pytestmark = pytest.mark.anyio

KEY = "select wrapped from ecrm.subject_key where subject = $1 and category = 'contact'"
RECORDS = "select field, sealed from ecrm.record where subject = $1"


async def put(opened: Opened, number: str, **fields: str) -> object:
    house = opened.house
    (outcome,) = await house.profiles.put(
        [Profile(number, {CONTACT: fields})], site_signals(house), Where("demo", "en", "eu")
    )
    return outcome


async def settled(opened: Opened) -> tuple[str, SubjectId, Browser]:
    """A customer with a name, whom pages may greet; their subject, and a browser of theirs."""
    number, browser = f"C-{uuid4()}", opened.browser()
    assert await put(opened, number, name="zero") == 0
    await browser.sign_in(number)
    assert (await browser.answer({"personalize": "given"})).status_code == 201
    standing = await opened.house.desk.standing(Caller(customer_number=number))
    assert standing.account is not None
    return number, standing.account.subject, browser


async def own(opened: Opened, number: str) -> dict[str, str]:
    return (await opened.house.rights.profile(Caller(customer_number=number)))[CONTACT]


async def test_a_rotation_loses_no_write_and_puts_none_back(database: Database, tmp_path: Path) -> None:
    """While two workers write, every key is moved: afterwards the last of each is there, under the new epoch."""
    async with keeping_epochs(database, tmp_path) as one, keeping_epochs(database, tmp_path) as other:
        people = [(await settled(one))[0] for _ in range(4)]
        rotating = asyncio.create_task(roll_of(one).rotate(lambda _done, _of: None))
        turns = 0
        while turns < 5 or not rotating.done():
            turns += 1
            told = [
                put(who, number, **{field: f"{turns}"})
                for number in people
                for who, field in ((one, "name"), (other, "city"))
            ]
            assert set(await asyncio.gather(*told)) == {0}
        await rotating
        await roll_of(one).rotate(lambda _done, _of: None)
        assert [await own(one, number) for number in people] == [{"name": f"{turns}", "city": f"{turns}"}] * 4
        async with one.as_admin() as admin:
            assert set(await epochs_of_keys(admin)) == {3}


async def test_what_was_overwritten_ends_with_its_epoch(database: Database, tmp_path: Path) -> None:
    """A whole category put back with its key opens no more once that epoch is destroyed, nor can it be put."""
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        number, subject, _ = await settled(opened)
        wrapped, rows = await admin.fetchval(KEY, subject), await admin.fetch(RECORDS, subject)
        assert await put(opened, number, name="one") == 0
        roll = roll_of(opened, backup_days=0)
        await roll.rotate(lambda _done, _of: None)
        await roll.destroy(1)
        back = "update ecrm.subject_key set wrapped = $2 where subject = $1 and category = 'contact'"
        with pytest.raises(asyncpg.CheckViolationError):
            await admin.execute(back, subject, wrapped)
        await admin.execute("alter table ecrm.subject_key drop constraint subject_key_epoch_closed")
        await admin.execute(back, subject, wrapped)
        for row in rows:
            await admin.execute("update ecrm.record set sealed = $3 where subject = $1 and field = $2", subject, *row)
        with logged() as log:
            grants = await opened.house.gate.admit(
                Caller(customer_number=number), ["slot:greeting"], site_signals(opened.house)
            )
        assert not grants["slot:greeting"].values and b"epoch_destroyed" in log.getvalue()
        with pytest.raises(EpochDestroyed):
            keys.unwrap(opened.house.keyring, subject, CONTACT, 1, wrapped)


async def test_a_write_under_an_epoch_that_was_closed_since_is_told_to_come_again(
    database: Database, tmp_path: Path
) -> None:
    """Whoever wraps a key in the moment in which its epoch ends writes nothing, and what stood still opens."""
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        number, _, _ = await settled(opened)
        await admin.execute(
            "alter table ecrm.subject_key add constraint subject_key_epoch_closed"
            " check (substring(wrapped from 3 for 4) > int4send(1)) not valid"
        )
        with pytest.raises(Unavailable):
            await put(opened, number, name="one")
        assert await own(opened, number) == {"name": "zero"}


async def test_who_reads_meanwhile_reads_what_one_write_left(database: Database, tmp_path: Path) -> None:
    """Page, gate and copy see a category as it was before a write or after it, and never a key of the one alone."""
    async with open_for_test(database, tmp_path) as opened:
        number, subject, _ = await settled(opened)
        caller, turns = Caller(customer_number=number), 40

        async def write() -> None:
            for turn in range(turns):
                assert await put(opened, number, name=f"{turn}", city=f"{turn}") == 0

        with logged() as log:
            writing, seen = asyncio.create_task(write()), 0
            while not writing.done():
                shown = await own(opened, number)
                grants = await opened.house.gate.admit(caller, ["slot:greeting"], site_signals(opened.house))
                greeted = grants["slot:greeting"].values[CONTACT]
                (part,) = (await opened.house.rights.everything([subject]))["about_you"]
                for fields in (shown, greeted, part["profile"][CONTACT]):
                    assert fields.get("city", fields["name"]) == fields["name"]
                seen += 1
            await writing
        assert seen > 5 and b"ampered" not in log.getvalue()


async def test_a_key_that_names_a_history_stays(database: Database, tmp_path: Path) -> None:
    """A category that was one of behaviour keeps the key by which its history is found and erased; fields open too."""
    async with open_for_test(database, tmp_path) as opened, opened.as_admin() as admin:
        number, subject, _ = await settled(opened)
        (row,) = [row for row in await keys_of([subject]).all(admin) if row.category == CONTACT]
        name = pseudonym(keys.unwrap(opened.house.keyring, subject, CONTACT, row.version, row.wrapped))
        await register([name], CONTACT).run(admin)
        assert await put(opened, number, name="one", city="two") == 0
        assert await admin.fetchval(KEY, subject) == row.wrapped
        assert await own(opened, number) == {"name": "one", "city": "two"}


async def test_an_erasure_takes_a_write_along(database: Database, tmp_path: Path) -> None:
    """Who writes while somebody is erased writes before it, and it goes; later they are told, or it is somebody new."""
    async with open_for_test(database, tmp_path) as opened:
        for _ in range(5):
            number, subject, browser = await settled(opened)
            erased, *written = await asyncio.gather(
                browser.ask(RightKind.ERASURE), *(put(opened, number, **{f"field {n}": "x"}) for n in range(3))
            )
            assert erased.status_code == 201
            assert all(outcome == 0 or isinstance(outcome, SubjectErased | EntryRefused) for outcome in written)
            async with opened.as_admin() as admin:
                assert await admin.fetchval(KEY, subject) is None and not await admin.fetch(RECORDS, subject)
