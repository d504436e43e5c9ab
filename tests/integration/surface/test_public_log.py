"""The log as the public reads it: anybody rebuilds it from key and tiles, and nothing runs ahead of its pace."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from ecrm_privacy.ledger import merkle
from ecrm_privacy.ledger.checkpoint import Checkpoint, Verifier, open_checkpoint
from tests.conftest import Database
from tests.houses import Browser, Opened, open_for_test

pytestmark = pytest.mark.anyio


@pytest.fixture
async def opened(database: Database, tmp_path: Path) -> AsyncIterator[Opened]:
    async with open_for_test(database, tmp_path, checkpoint_period_s=0.01) as house:
        yield house


async def public(browser: Browser) -> Checkpoint:
    key = (await browser.http.get("/ledger/key")).text.strip()
    reply = await browser.http.get("/ledger/checkpoint")
    assert reply.headers["cache-control"] == "public, max-age=1"
    return open_checkpoint(reply.text, Verifier.parse(key))


async def test_anybody_rebuilds_the_log_from_its_tiles(opened: Opened) -> None:
    """The leaves lead to the hashes, and both to the signed root; what is served may be kept for ever."""
    browser = opened.browser()
    for _ in range(3):
        await browser.answer({"remember": "refused"})
    seen = await public(browser)
    assert seen.tree_size == 4
    reply = await browser.http.get("/ledger/tile/entries/000.p/4")
    assert "immutable" in reply.headers["cache-control"]
    leaves, rest = [], reply.content
    while rest:
        length = int.from_bytes(rest[:2], "big")
        leaves, rest = [*leaves, rest[2 : 2 + length]], rest[2 + length :]
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    assert (await browser.http.get("/ledger/tile/0/000.p/4")).content == b"".join(hashes)
    assert merkle.root(hashes) == seen.root_hash


async def test_what_is_not_public_yet_is_not_there(opened: Opened, admin: asyncpg.Connection) -> None:
    """A tile beyond the public checkpoint is not served; a proof of a receipt may lead to a newer tree."""
    browser = opened.browser()
    before = await public(browser)
    await admin.execute("update ecrm.published set at = 'infinity'")
    assert (await browser.answer({"remember": "refused"})).status_code == 201
    assert await public(browser) == before
    for name in ("0/000.p/2", "entries/000.p/2", "0/000", "1/000.p/1", "0/0", "entries/1", "0/000.p/0", "x"):
        assert (await browser.http.get(f"/ledger/tile/{name}")).status_code == 404


@pytest.mark.parametrize("number", ["9", "-1", str(2**63), "9" * 20, "9" * 5000, "x", "1_0", "١"])
async def test_a_number_that_no_entry_has_is_a_404(opened: Opened, number: str) -> None:
    """However large: what a database cannot hold as a number is no fault of ours either."""
    reply = await opened.browser().http.get(f"/ledger/statement/{number}")
    assert reply.status_code == 404, reply.text
