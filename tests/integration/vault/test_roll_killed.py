"""Whoever rotates or destroys is killed before each of its steps, gives the command again, and everything is right.

A step is a change to the disk, a use of the database, and an entry of the log, before and after it was written.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ecrm_privacy.errors import Failure
from ecrm_privacy.ledger.record import Entry
from ecrm_privacy.roll import Roll
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault import private_file
from ecrm_privacy.vault.epochs.epoch import EpochState
from tests.conftest import Database
from tests.faulty import Faulty, Killed
from tests.houses import Opened
from tests.integration.vault.rolling import epochs_of_keys, file_of, keeping_epochs, opens, roll_of, said, settle

pytestmark = pytest.mark.anyio

STEPS_MAX = 200


def quiet(_done: int, _of: int) -> None:
    """Show no progress."""


def doomed(opened: Opened, faulty: Faulty) -> Roll:
    """A roll that is killed before a step of that number."""
    house = opened.house

    @asynccontextmanager
    async def acquire() -> AsyncIterator[Conn]:
        faulty.step()
        async with house.pools.house.acquire() as conn:
            yield conn
            faulty.step()

    async def append(entries: Sequence[Entry]) -> list[int | Failure]:
        faulty.step()
        written = await house.writer.append(entries)
        faulty.step()
        return written

    return Roll(acquire, append, house.keyring, 0, 30)


def left_over(folder: Path) -> list[str]:
    """What lies about that nobody reads."""
    return [each.name for each in folder.rglob(".epochs*") if each.name != ".epochs.lock"]


async def test_a_rotation_goes_on_from_wherever_it_was_killed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every key opens at any time; each epoch is begun once in the log; the copies and the folder are clean after."""
    (tmp_path / "usb").mkdir()
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        file_of(opened).add_copy(tmp_path / "usb")
        people = await settle(opened, 10)
        kills = 0
        for at in range(1, STEPS_MAX):
            faulty = Faulty(at)
            monkeypatch.setattr(private_file, "os", faulty)
            try:
                await doomed(opened, faulty).rotate(quiet)
            except Killed:
                kills += 1
            monkeypatch.undo()
            assert await opens(admin, opened.house.keyring, people), f"killed before step {at}"
            await roll_of(opened).rotate(quiet)
            newest = opened.house.keyring.epoch
            listed = file_of(opened).read()
            assert await epochs_of_keys(admin) == {newest: 10} and listed.upcoming is None
            assert await said(admin) == [("key.epoch", number) for number in range(2, newest + 1)]
            assert [each.number for each in listed.epochs] == list(range(1, newest + 1))
            assert file_of(opened).is_in_step(tmp_path / "usb" / "epochs.toml") and left_over(tmp_path) == []
            if not faulty.killed:
                break
        assert kills > 30
        assert {one.due for one in (await roll_of(opened).standing()).epochs if one.epoch.number == newest} == {""}


async def test_a_destruction_goes_on_from_wherever_it_was_killed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log never says so before the key is gone everywhere, says so once, and no trace of the key is left."""
    (tmp_path / "usb").mkdir()
    async with keeping_epochs(database, tmp_path) as opened, opened.as_admin() as admin:
        file_of(opened).add_copy(tmp_path / "usb")
        people = await settle(opened, 1)
        kills = 0
        for at in range(1, STEPS_MAX):
            ending = opened.house.keyring.epoch
            await roll_of(opened).rotate(quiet)
            wrapped = next(each.wrapped for each in file_of(opened).read().epochs if each.number == ending)
            assert wrapped is not None
            faulty = Faulty(at)
            monkeypatch.setattr(private_file, "os", faulty)
            try:
                await doomed(opened, faulty).destroy(ending)
            except Killed:
                kills += 1
                told = ("key.destroyed", ending) in await said(admin)
                assert not (told and _traces(tmp_path, wrapped)), f"killed before step {at}"
                status = {one.epoch.number: one for one in (await roll_of(opened, 0).standing()).epochs}[ending]
                assert told or "keys destroy" in status.due
            monkeypatch.undo()
            assert (await roll_of(opened, 0).destroy(ending)).state is EpochState.DESTROYED
            assert _traces(tmp_path, wrapped) == [] == left_over(tmp_path)
            assert await opens(admin, opened.house.keyring, people)
            assert (await said(admin)).count(("key.destroyed", ending)) == 1
            if not faulty.killed:
                break
        assert kills > 15


def _traces(folder: Path, wrapped: bytes) -> list[str]:
    files = [each for each in folder.rglob("*") if each.is_file()]
    return [each.name for each in files if wrapped.hex().encode() in each.read_bytes()]
