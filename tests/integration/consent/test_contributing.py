"""What contributes: withdrawn or merged away, it leaves the counts again; renewed, it comes back."""

from collections.abc import AsyncIterator
from uuid import uuid4

import msgspec
import pytest

from ecrm_privacy.verbs import importers
from tests.conftest import Cluster
from tests.houses import Browser, Opened, house_of_its_own

pytestmark = pytest.mark.anyio

ITEMS = ("cup", "pot", "tin", "pen")


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    folder = tmp_path_factory.mktemp("house")
    async with house_of_its_own(cluster, folder, plugins=("personalization.plugin",)) as house:
        importer = importers(house.house)["items"]
        lines = [
            {"item_id": name, "kind": "product", "title": name, "url": f"/items/{name}", "stock": 3} for name in ITEMS
        ]
        await importer.store([msgspec.convert(line, importer.record) for line in lines])
        yield house


async def buy(opened: Opened, browser: Browser) -> None:
    """Buy things, and be learned from as far as that is permitted."""
    events = [{"event_id": str(uuid4()), "type": "purchase", "item_id": item, "quantity": 1} for item in ITEMS]
    assert (await browser.http.post("/v1/events", json={"events": events})).json()["stored"] == len(ITEMS)
    await opened.house.plugins[0].learn(lambda _done, _of: None)


async def contributions(opened: Opened) -> int:
    async with opened.as_admin() as admin:
        return await admin.fetchval("select count(distinct pseudonym) from engine.contribution")


async def test_a_withdrawal_leaves_the_counts(opened: Opened) -> None:
    """With its job they are exactly those of the others; a renewed yes brings it back."""
    browser, before = opened.browser(), await contributions(opened)
    await browser.answer({"remember": "given", "model.contribute": "given"})
    await buy(opened, browser)
    assert await contributions(opened) == before + 1
    for word, more in (("withdrawn", 0), ("given", 1)):
        await browser.answer({"model.contribute": word})
        await opened.settle()
        assert await contributions(opened) == before + more
        assert await opened.house.plugins[0].verify() is None


async def test_what_was_bought_before_a_yes_counts_with_it(opened: Opened) -> None:
    """Purchases are kept for the order alone; they are learned from when somebody permits that, and not before."""
    browser, before = opened.browser(), await contributions(opened)
    await browser.answer({"remember": "given"})
    await buy(opened, browser)
    assert await contributions(opened) == before
    await browser.answer({"model.contribute": "given"})
    await opened.settle()
    await opened.house.plugins[0].learn(lambda _done, _of: None)
    assert await contributions(opened) == before + 1
    assert await opened.house.plugins[0].verify() is None


async def test_of_a_withdrawal_and_a_renewal_at_once_the_last_one_counts(opened: Opened) -> None:
    """Jobs that are late find how it stands now."""
    browser, before = opened.browser(), await contributions(opened)
    await browser.answer({"remember": "given", "model.contribute": "given"})
    await buy(opened, browser)
    for word in ("withdrawn", "given", "withdrawn", "given", "withdrawn"):
        await browser.answer({"model.contribute": word})
    await opened.settle()
    assert await contributions(opened) == before
    assert await opened.house.plugins[0].verify() is None
