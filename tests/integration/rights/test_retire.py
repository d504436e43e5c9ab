"""What a withdrawal leaves to be forgotten later: not before its own time, and nothing that came with a renewed yes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import msgspec
import pytest

from ecrm_privacy.rights.desk import RightsDesk
from ecrm_privacy.rights.holders import Holder
from ecrm_privacy.sql import Conn
from ecrm_privacy.vocabulary import Pseudonym
from tests.conftest import Cluster
from tests.houses import Browser, Opened, house_of_its_own

pytestmark = pytest.mark.anyio

ACQUIRES = 12
"""How often a job that forgets borrows a connection: to look, for both steps of five holders, and at the end."""


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    folder = tmp_path_factory.mktemp("house")
    async with house_of_its_own(cluster, folder, plugins=("personalization.plugin",)) as house:
        yield house


async def view(browser: Browser) -> None:
    """Look at something that is remembered."""
    event = {"event_id": str(uuid4()), "type": "view", "item_id": "cup"}
    assert (await browser.http.post("/v1/events", json={"events": [event]})).json()["stored"] == 1


async def visitor(opened: Opened) -> Browser:
    """A browser that is remembered, and alone in its house with what is owed later."""
    async with opened.as_admin() as admin:
        await admin.execute("delete from ecrm.job; delete from engine.event")
    browser = opened.browser()
    assert (await browser.answer({"remember": "given"})).status_code == 201
    await view(browser)
    return browser


async def events(opened: Opened) -> int:
    async with opened.as_admin() as admin:
        return int(await admin.fetchval("select count(*) from engine.event"))


async def owed(opened: Opened) -> list[str]:
    """The payloads of what is to be forgotten later."""
    async with opened.as_admin() as admin:
        rows = await admin.fetch("select payload from ecrm.job where kind = 'retire'")
    return [row["payload"] for row in rows]


async def test_history_goes_when_its_time_is_over(opened: Opened) -> None:
    """After the last withdrawal nothing keeps it, and its name goes too."""
    browser = await visitor(opened)
    await browser.answer({"remember": "withdrawn"})
    (job,) = await owed(opened)
    await opened.house.rights.retire(job)
    assert await events(opened) == 0 and await owed(opened) == []
    names = msgspec.json.decode(job)["pseudonyms"]
    async with opened.as_admin() as admin:
        assert not await admin.fetchval("select count(*) from ecrm.pseudonym where pseudonym = any($1::uuid[])", names)
    await browser.answer({"remember": "given"})
    await view(browser)
    assert await events(opened) == 1


async def test_an_earlier_withdrawal_does_not_shorten_the_time_of_a_later_one(opened: Opened) -> None:
    """Of withdraw, yes, withdraw the last one's time counts: until then a yes brings everything back."""
    browser = await visitor(opened)
    await browser.answer({"remember": "withdrawn"})
    (first,) = await owed(opened)
    for word in ("given", "withdrawn"):
        await browser.answer({"remember": word})
    (second,) = set(await owed(opened)) - {first}
    await opened.house.rights.retire(first)
    assert await events(opened) == 1
    await opened.house.rights.retire(second)
    assert await events(opened) == 0


@pytest.mark.parametrize("at", range(1, ACQUIRES + 1))
async def test_a_renewed_yes_between_two_steps_of_the_job(at: int, opened: Opened) -> None:
    """Whenever it comes, what was seen after it stays."""
    browser, left, house = await visitor(opened), at, opened.house
    await browser.answer({"remember": "withdrawn"})

    @asynccontextmanager
    async def acquire() -> AsyncIterator[Conn]:
        nonlocal left
        left -= 1
        if left == 0:
            assert (await browser.answer({"remember": "given"})).status_code == 201
            await view(browser)
        async with house.pools.house.acquire() as conn:
            yield conn

    held = house.rights.holders, house.rights.journal
    rights = RightsDesk(acquire, house.writer.append, house.keyring, *held, "controller", "demo")
    (job,) = await owed(opened)
    await rights.retire(job)
    assert left <= 0, "the job has fewer steps than the test knows"
    assert await events(opened) >= 1
    await view(browser)


async def test_a_renewed_yes_while_the_job_deletes(opened: Opened) -> None:
    """It waits for the transaction that deletes, and then begins anew; it is not refused."""
    browser, house = await visitor(opened), opened.house
    await browser.answer({"remember": "withdrawn"})
    began, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(_conn: Conn, _names: Sequence[Pseudonym], _most: int) -> bool:
        began.set()
        await go_on.wait()
        return True

    async def nothing(_conn: Conn, _known: object) -> None:
        return None

    held = (*house.rights.holders, Holder("slow", frozenset(), nothing, forget=slowly)), house.rights.journal
    rights = RightsDesk(house.pools.house.acquire, house.writer.append, house.keyring, *held, "controller", "demo")
    (job,) = await owed(opened)
    retiring = asyncio.create_task(rights.retire(job))
    await began.wait()
    renewing = asyncio.create_task(browser.answer({"remember": "given"}))
    await asyncio.sleep(0.2)
    assert not renewing.done()
    go_on.set()
    assert (await renewing).status_code == 201
    await retiring
    await view(browser)
    assert await events(opened) == 1
