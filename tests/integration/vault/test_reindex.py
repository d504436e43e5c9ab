"""Index keys change while people are served: everybody is found at each moment, and nobody twice."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from ecrm_privacy import reindex
from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.reindex import TooSoon
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.blind_index import IndexKind
from ecrm_privacy.vocabulary import Category
from tests.conftest import Database
from tests.houses import ClusterKeyring, Opened, open_for_test, until_heard

pytestmark = pytest.mark.anyio

NUMBERS = [f"C-{number:06}" for number in range(8)]
CONTACT = Category("contact")
WHERE = Where("demo", "en", "eu")
SUBJECTS = "select count(distinct subject) from ecrm.subject_state"


@pytest.fixture
async def opened(database: Database, tmp_path: Path) -> AsyncIterator[Opened]:
    async with open_for_test(database, tmp_path) as house:
        await told(house, NUMBERS)
        yield house


async def told(opened: Opened, numbers: list[str]) -> None:
    """Let the shop tell who its customers are."""
    profiles = [Profile(number, {CONTACT: {"email": f"{number}@example.com"}}) for number in numbers]
    assert await opened.house.profiles.put(profiles, site_signals(opened.house), WHERE) == [0] * len(numbers)


async def found(opened: Opened, number: str) -> str | None:
    """The address of a customer, where the desk finds them by their number; the gate must find them too."""
    grants = await opened.house.gate.admit(Caller(customer_number=number), ["slot:history"], site_signals(opened.house))
    profile = await opened.house.rights.profile(Caller(customer_number=number))
    assert grants["slot:history"].is_empty is (profile == {})
    return profile.get("contact", {}).get("email")


async def change(opened: Opened, apart_s: float = 0) -> int:
    return await reindex.change(
        opened.house.pools.house.acquire, opened.house.indexes, lambda _done, _of: None, apart_s
    )


async def changed(opened: Opened) -> None:
    """Go on with a change until it is done, whenever it finds no connection on a busy machine."""
    while True:
        with suppress(Unavailable):
            await change(opened)
            return
        await asyncio.sleep(0.05)


async def test_everybody_is_found_before_while_and_after(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the gate's statement and by the desk's, at each step of three changes; no value of before is left."""
    house = opened.house
    steps = 0

    async def chunk(*args: object) -> object:
        nonlocal steps
        steps += 1
        for number in NUMBERS:
            assert await found(opened, number) == f"{number}@example.com", (house.indexes.generation, steps)
        return await whole(*args)

    whole = reindex._chunk
    monkeypatch.setattr(reindex, "CHUNK_ROWS", 3)
    monkeypatch.setattr(reindex, "_chunk", chunk)
    async with opened.as_admin() as admin:
        for generation in (2, 3, 4):
            before = {row["value"] for row in await admin.fetch("select value from ecrm.blind_index")}
            assert await change(opened) == 2 * len(NUMBERS)
            after = {row["value"] for row in await admin.fetch("select value from ecrm.blind_index")}
            assert house.indexes.generation == generation and before.isdisjoint(after)
            assert house.indexes.of(IndexKind.CUSTOMER_NUMBER, NUMBERS[0]) in after
        assert steps > 3 * 2 * len(NUMBERS) / 3


async def test_a_worker_that_has_not_heard_finds_everybody_and_makes_nobody_twice(
    database: Database, tmp_path: Path
) -> None:
    """It asks for the generation after its own, and what it writes takes the generation in force."""
    keyring = ClusterKeyring(secrets.token_bytes(32))
    async with (
        open_for_test(database, tmp_path / "one", keyring) as one,
        open_for_test(database, tmp_path / "other", keyring) as other,
    ):
        await told(one, NUMBERS)
        await change(one)
        assert (one.house.indexes.generation, other.house.indexes.generation) == (2, 1)
        for number in NUMBERS:
            assert await found(other, number) == f"{number}@example.com"
        await told(other, [*NUMBERS, "C-of-the-other"])
        assert (await other.browser().sign_in(NUMBERS[0])).status_code == 201
        assert await found(one, "C-of-the-other") == "C-of-the-other@example.com"
        async with one.as_admin() as admin:
            assert await admin.fetchval(SUBJECTS) == len(NUMBERS) + 1
            assert await admin.fetchval("select count(*) from ecrm.blind_index where generation <> 2") == 0
        await reindex.hear(other.house.pools.house.acquire, other.house.indexes)
        assert other.house.indexes.generation == 2


async def test_the_same_number_is_claimed_once_while_its_row_is_renewed(opened: Opened) -> None:
    """Between the generations too: whoever claims it under the new one is told that it names somebody."""
    async with opened.house.pools.house.acquire() as conn:
        await vault.begin_generation(1).run(conn)
    browser = opened.browser()
    assert (await browser.sign_in(NUMBERS[0])).status_code == 201
    await told(opened, NUMBERS)
    async with opened.as_admin() as admin:
        assert await admin.fetchval(SUBJECTS) == len(NUMBERS)
        assert await admin.fetchval("select count(*) from ecrm.blind_index") == 2 * len(NUMBERS)


async def test_a_change_that_stopped_goes_on(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next call begins none of its own; what was renewed stays, what was erased meanwhile stays erased."""

    async def stop(*args: object) -> object:
        rows = await whole(*args)
        raise ConnectionError(len(rows))

    whole = reindex._chunk
    monkeypatch.setattr(reindex, "CHUNK_ROWS", 5)
    monkeypatch.setattr(reindex, "_chunk", stop)
    with pytest.raises(ConnectionError):
        await change(opened)
    monkeypatch.setattr(reindex, "_chunk", whole)
    browser = opened.browser()
    await browser.sign_in(NUMBERS[0])
    assert (await browser.ask("erasure")).status_code == 201
    assert await change(opened) in range(2 * len(NUMBERS) - 7, 2 * len(NUMBERS) - 4)
    assert opened.house.indexes.generation == 2
    assert await found(opened, NUMBERS[0]) is None


async def test_the_next_change_waits_for_everybody_to_hear(opened: Opened) -> None:
    """Within an hour of the last one it is refused, and nothing changes."""
    await change(opened, 3600)
    with pytest.raises(TooSoon):
        await change(opened, 3600)
    assert opened.house.indexes.generation == 2


async def test_answers_and_changes_do_not_stop_each_other(opened: Opened) -> None:
    """First sign-ins of the same new customers on the way of a change: one subject each."""
    numbers = [f"C-new-{number}" for number in range(12)]
    browsers = [opened.browser() for _ in range(2 * len(numbers))]
    signing = [lambda n=n, browser=browser: browser.sign_in(numbers[n // 2]) for n, browser in enumerate(browsers)]  # type: ignore[misc]
    _, *replies = await asyncio.gather(changed(opened), *(until_heard(each) for each in signing))
    assert {reply.status_code for reply in replies} == {201}
    async with opened.as_admin() as admin:
        assert await admin.fetchval(SUBJECTS) == len(NUMBERS) + len(numbers)
