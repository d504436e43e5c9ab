"""Restriction (GDPR 18): at once, all of it, until the person lifts it; what is kept comes back as it was."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where, hash_token
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.consent.reconcile import Reconciler
from ecrm_privacy.ledger.verify import verify
from ecrm_privacy.logbook import opener
from ecrm_privacy.verbs import importers
from ecrm_privacy.vocabulary import Category
from tests.conftest import Cluster
from tests.houses import CHOICE, SESSION, Browser, Opened, everything, house_of_its_own, idempotent

pytestmark = pytest.mark.anyio

YES = {"remember": "given", "personalize": "given", "model.contribute": "given", "offers": "given"}
KEPT = {"order"}
"""What the service itself consists of: nobody can restrict it and go on ordering."""
ITEMS = ("cup", "pot", "tin", "pen")
PLACE = Where("demo", "en", "eu")
RETIRING = "select count(*) from ecrm.job where kind = 'retire'"


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


async def restricts(browser: Browser, key: str | None = None) -> str:
    reply = await browser.ask("restriction", key)
    assert reply.status_code == 201, reply.text
    assert reply.json()["status"] == "fulfilled"
    return str(reply.json()["request_id"])


async def lifts(browser: Browser, request_id: str) -> None:
    reply = await browser.http.delete(f"/v1/rights-requests/{request_id}")
    assert (reply.status_code, reply.json()["status"]) == (200, "revoked"), reply.text


async def buys(opened: Opened, browser: Browser) -> int:
    events = [{"event_id": str(uuid4()), "type": "view", "item_id": item} for item in ITEMS]
    return int((await browser.http.post("/v1/events", json={"events": events})).json()["stored"])


async def is_personal(browser: Browser) -> bool:
    reply = await browser.http.get("/v1/slots/for-you", headers={"Accept": "application/json"})
    return bool(reply.json()["personal"])


async def uses(opened: Opened) -> set[Any]:
    async with opened.as_admin() as admin:
        return {(row["pseudonym"], row["purpose"]) for row in await admin.fetch("select * from ecrm.pseudonym_use")}


async def test_from_the_next_request_on_nothing_is_used(opened: Opened) -> None:
    """No permission but for the order, no slot, no event, no tag; and all of it again once it is lifted."""
    browser, others = opened.browser(), await uses(opened)
    await browser.answer(YES)
    assert await buys(opened, browser) == len(ITEMS)
    before, open_for, choice = await browser.allowed(), await uses(opened), browser.cookies[CHOICE]
    assert await is_personal(browser)
    request_id = await restricts(browser)
    rows = (await browser.http.get("/v1/permissions")).json()["permissions"]
    assert {row["purpose"] for row in rows if row["allowed"]} == KEPT
    assert {row["because"] for row in rows if row["purpose"] not in KEPT and "channel" not in row} == {"restricted"}
    assert not await is_personal(browser) and await buys(opened, browser) == 0
    assert {purpose for _, purpose in await uses(opened) - others} <= KEPT
    assert browser.cookies[CHOICE] != choice
    await lifts(browser, request_id)
    assert (await browser.allowed(), await uses(opened), browser.cookies[CHOICE]) == (before, open_for, choice)
    assert await is_personal(browser) and await buys(opened, browser) == len(ITEMS)


async def test_history_leaves_the_counts_and_comes_back(opened: Opened) -> None:
    """Nothing of somebody restricted serves others, and nothing of it is forgotten meanwhile."""
    browser, plugin = opened.browser(), opened.house.plugins[0]
    await browser.answer(YES)
    events = [{"event_id": str(uuid4()), "type": "purchase", "item_id": item, "quantity": 1} for item in ITEMS]
    await browser.http.post("/v1/events", json={"events": events})
    await plugin.learn(lambda _done, _of: None)
    async with opened.as_admin() as admin:
        contributions = "select count(distinct pseudonym) from engine.contribution"
        before, owed = await admin.fetchval(contributions), await admin.fetchval(RETIRING)
        request_id = await restricts(browser)
        await opened.settle()
        assert await admin.fetchval(contributions) == before - 1
        assert await admin.fetchval(RETIRING) == owed and await plugin.verify() is None
        await lifts(browser, request_id)
        await opened.settle()
        assert await admin.fetchval(contributions) == before and await plugin.verify() is None


async def test_it_holds_on_every_device_and_for_both_histories(opened: Opened, number: str) -> None:
    """The account and the browser's own subject are restricted by one act, and lifted by one, from any device."""
    browser, other = opened.browser(), opened.browser()
    await browser.answer(YES)
    await browser.sign_in(number)
    await browser.answer(YES)
    await other.sign_in(number)
    before = await browser.allowed()
    async with opened.as_admin() as admin:
        restricted = (
            "select array_agg(t.restricted) from ecrm.session s"
            " join ecrm.subject_state t on t.subject in (s.browser, s.account) where s.token_hash = $1"
        )
        request_id = await restricts(browser)
        cookie = hash_token(browser.cookies[SESSION])
        assert await admin.fetchval(restricted, cookie) == [True, True]
        assert {rule.partition("/")[0] for rule in await other.allowed()} == KEPT
        await lifts(other, request_id)
        assert not any(await admin.fetchval(restricted, hash_token(other.cookies[SESSION])))
        await lifts(browser, await restricts(browser))
        assert await admin.fetchval(restricted, cookie) == [False, False]
    assert await browser.allowed() == before


async def test_an_answer_meanwhile_counts_when_it_is_lifted(opened: Opened) -> None:
    """A no stays a no, a yes waits, and what nobody permits any more goes after its time, counted from then."""
    browser = opened.browser()
    await browser.answer(YES)
    async with opened.as_admin() as admin:
        owed = await admin.fetchval(RETIRING)
        request_id = await restricts(browser)
        assert (await browser.answer({"measure": "given", "remember": "withdrawn"})).status_code == 201
        assert {rule.partition("/")[0] for rule in await browser.allowed()} == KEPT
        await Reconciler(opened.house.desk).everybody()
        assert await admin.fetchval(RETIRING) == owed
        await lifts(browser, request_id)
        allowed = await browser.allowed()
        assert "remember" not in allowed and {"personalize", "measure"} <= allowed
        assert await admin.fetchval(RETIRING) > owed


async def test_what_its_only_yes_was_taken_from_meanwhile_goes_when_it_is_lifted(opened: Opened) -> None:
    """Then nothing covers the history any more, neither before the end of the restriction nor after it."""
    browser = opened.browser()
    await browser.answer({"remember": "given"})
    assert await buys(opened, browser) == len(ITEMS)
    async with opened.as_admin() as admin:
        request_id = await restricts(browser)
        await browser.answer({"remember": "withdrawn"})
        owed = await admin.fetchval(RETIRING)
        await lifts(browser, request_id)
        assert await admin.fetchval(RETIRING) == owed + 1


async def test_what_was_to_be_forgotten_is_kept(opened: Opened) -> None:
    """Whoever restricts wants it kept (GDPR 18(1)(b)): a withdrawal before it forgets nothing until it is lifted."""
    browser = opened.browser()
    await browser.answer(YES)
    await browser.answer({"remember": "withdrawn"})
    kept = "select count(*) from ecrm.pseudonym where retiring is null"
    async with opened.as_admin() as admin:
        before = await admin.fetchval(kept)
        request_id = await restricts(browser)
        assert await admin.fetchval(kept) > before
        await lifts(browser, request_id)
        assert await admin.fetchval(kept) == before


async def test_each_act_has_its_receipt_and_the_log_replays(opened: Opened) -> None:
    """A restriction and its end are entries like any other: read by their subject, and folded from the log alone."""
    browser = opened.browser()
    await browser.answer(YES)
    request_id = await restricts(browser)
    asked = {"at": datetime.now(UTC).isoformat()}
    then = (await browser.http.get("/v1/permissions", params=asked)).json()["permissions"]
    await lifts(browser, request_id)
    lifted, restricted, _ = (await browser.http.get("/v1/receipts")).json()["receipts"]
    assert (restricted["kind"], restricted["state"]["restricted"]) == ("restriction", True)
    assert (lifted["kind"], lifted["state"]["restricted"]) == ("restriction", False)
    async with opened.as_admin() as admin:
        assert (await verify(admin, opener(admin, opened.house.keyring))).problem is None
    index = restricted["leaf_index"]
    (told,) = [row for row in then if row["purpose"] == "personalize"]
    assert told["because"] == "restricted" and index in told["decided_by"]
    page = (await browser.http.get(f"/preferences/receipts/{index}")).text
    assert "A restriction of what we do" in page and "The end of" not in page


async def test_a_repeat_is_the_same_request(opened: Opened) -> None:
    """The same key gives the same reply, also after it was lifted, and restricts nobody again."""
    browser, key = opened.browser(), str(uuid4())
    await browser.answer(YES)
    first = await browser.ask("restriction", key)
    assert (await browser.ask("restriction", key)).json() == first.json()
    await lifts(browser, first.json()["request_id"])
    assert (await browser.ask("restriction", key)).json() == first.json()
    assert "personalize" in await browser.allowed()
    other = await browser.http.post("/v1/rights-requests", json={"right": "objection"}, headers=idempotent(key))
    assert (other.status_code, other.json()["type"]) == (422, "/problems/key-reuse")
    reply = await browser.http.get(f"/v1/rights-requests/{first.json()['request_id']}")
    assert [step["status"] for step in reply.json()["history"]] == ["fulfilled", "revoked"]


async def test_a_stranger_lifts_nothing(opened: Opened) -> None:
    """The name of a request is not enough: only who is behind it, by their own session, can end it."""
    browser, stranger = opened.browser(), opened.browser()
    await browser.answer(YES)
    await stranger.answer(YES)
    request_id = await restricts(browser)
    await opened.settle()
    async with opened.as_admin() as admin:
        before = await everything(admin)
        for caller in (stranger, opened.browser()):
            reply = await caller.http.delete(f"/v1/rights-requests/{request_id}")
            assert (reply.status_code, reply.json()["type"]) == (404, "/problems/not-found")
        assert await everything(admin) == before
    assert (await opened.browser().ask("restriction")).status_code == 404


async def test_what_a_shop_says_meanwhile_lifts_nothing(opened: Opened, number: str) -> None:
    """A profile from the shop changes no restriction, and the person still reads what is kept of them."""
    browser = opened.browser()
    await browser.sign_in(number)
    await browser.answer(YES)
    await restricts(browser)
    profile = Profile(number, {Category("contact"): {"name": "Ottilie Vanterpool"}})
    assert await opened.house.profiles.put([profile], site_signals(opened.house), PLACE) == [0]
    assert {rule.partition("/")[0] for rule in await browser.allowed()} == KEPT
    assert "Ottilie Vanterpool" in (await browser.http.get("/preferences")).text
