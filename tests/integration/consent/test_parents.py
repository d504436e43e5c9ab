"""Below the age of consent a parent answers, and it is recorded as theirs; the child can say no (GDPR 8)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.consent.store import add_api_key
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.ledger.jsonld import PARENT
from ecrm_privacy.vocabulary import Category
from tests.conftest import Cluster
from tests.houses import NOTICE, Browser, Opened, house_of_its_own, idempotent

pytestmark = pytest.mark.anyio

KEY, EVIDENCE = "a-key-of-the-shop-for-parents", "a parent's account, asked by its payment card"
CHILD = (datetime.now(UTC) - timedelta(days=365 * 12)).date().isoformat()


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    async with house_of_its_own(cluster, tmp_path_factory.mktemp("house")) as house:
        async with house.as_admin() as admin:
            await add_api_key(sha256(KEY.encode()).digest(), "shop", ("consent:write",), 6000).run(admin)
        yield house


async def child(opened: Opened, number: str, born: str = CHILD) -> Browser:
    """A customer of twelve years, signed in."""
    profile = Profile(number, {Category("demographics"): {"birth_date": born}})
    assert await opened.house.profiles.put([profile], site_signals(opened.house), Where("demo", "en", "eu")) == [0]
    browser = opened.browser()
    await browser.sign_in(number)
    return browser


async def parent(opened: Opened, number: str, said: dict[str, str], **more: Any) -> Any:
    """Let the shop record what a parent said."""
    answers = [{"purpose": purpose, "answer": word} for purpose, word in said.items()]
    body = {"notice": NOTICE, "answers": answers, "method": "staff", "by": "parent", "evidence": EVIDENCE, **more}
    headers = {"Authorization": f"Bearer {KEY}", "Ecrm-Subject": number, **idempotent()}
    return await opened.browser().http.post("/v1/subject/answers", json=body, headers=headers)


async def row_of(browser: Browser, purpose: str) -> dict[str, Any]:
    rows = (await browser.http.get("/v1/permissions")).json()["permissions"]
    found: dict[str, Any] = next(row for row in rows if row["purpose"] == purpose)
    return found


async def opens(opened: Opened, number: str) -> bool:
    """Whether the gate agrees."""
    caller, signals = Caller(customer_number=number), site_signals(opened.house)
    grants = await opened.house.gate.admit(caller, ["permission:personalize"], signals)
    return grants["permission:personalize"].permission.allowed


async def test_a_parents_yes_counts_and_the_childs_does_not(opened: Opened, number: str) -> None:
    """At the desk, at the gate, and for what it was said to alone; the child reads who said it."""
    browser = await child(opened, number)
    await browser.answer({"personalize": "given", "advertise": "given"})
    assert (await row_of(browser, "personalize"))["because"] == "under_age" and not await opens(opened, number)
    reply = await parent(opened, number, {"personalize": "given"})
    assert reply.status_code == 201, reply.text
    row = await row_of(browser, "personalize")
    assert (row["allowed"], row["by_parent"], row["because"]) == (True, True, "consent")
    assert await opens(opened, number)
    assert (await row_of(browser, "advertise"))["because"] == "under_age"
    page = (await browser.http.get("/preferences")).text
    assert "A parent said yes for you" in page and "or a parent says yes for you" in page


async def test_it_is_recorded_as_the_parents(opened: Opened, number: str) -> None:
    """With how it was made sure who answers; the receipt says it, and so do the rows that follow from the log."""
    browser = await child(opened, number)
    reply = await parent(opened, number, {"personalize": "given"})
    receipt = (await opened.browser().http.get(f"/v1/receipts/{reply.json()['receipt_id']}")).json()
    assert receipt["evidence"] == EVIDENCE and PARENT in str(receipt["payload"])
    own = (await browser.http.get("/v1/receipts")).json()["receipts"][0]
    assert own["evidence"] == EVIDENCE


async def test_the_child_says_no(opened: Opened, number: str) -> None:
    """A no is always taken; a yes of the child beside the parent's changes nothing, and lifts no no."""
    browser = await child(opened, number)
    await parent(opened, number, {"personalize": "given"})
    await browser.answer({"personalize": "given"})
    assert (await row_of(browser, "personalize"))["by_parent"]
    await browser.answer({"personalize": "withdrawn"})
    assert (await row_of(browser, "personalize"))["allowed"] is False
    await browser.answer({"personalize": "given"})
    assert (await row_of(browser, "personalize"))["because"] == "under_age" and not await opens(opened, number)


async def test_of_age_the_yes_stands_and_is_their_own_to_give(opened: Opened, number: str) -> None:
    """EDPB 05/2020: what a parent allowed goes on until the person says otherwise."""
    browser = await child(opened, number)
    await parent(opened, number, {"personalize": "given"})
    account = (await opened.house.desk.standing(Caller(customer_number=number))).account
    assert account is not None
    async with opened.as_admin() as admin:
        grown = "update ecrm.subject_state set adult_from = current_date where subject = $1"
        await admin.execute(grown, account.subject)
    assert (await row_of(browser, "personalize"))["by_parent"] and await opens(opened, number)
    await browser.answer({"personalize": "given"})
    row = await row_of(browser, "personalize")
    assert (row["allowed"], row.get("by_parent", False), row["status"]) == (True, False, "renewed")


@pytest.mark.parametrize(
    ("born", "more", "named"),
    [("1980-01-01", {}, "under age"), (CHILD, {"evidence": ""}, "evidence"), (CHILD, {"by": "uncle"}, "by")],
)
async def test_nobody_else_answers_for_anybody(
    born: str, more: dict[str, Any], named: str, opened: Opened, number: str
) -> None:
    """No parent for an adult, none without evidence, and nobody but a parent; nothing is recorded."""
    browser = await child(opened, number, born)
    reply = await parent(opened, number, {"personalize": "given"}, **more)
    assert reply.status_code == 400 and named in reply.json()["detail"]
    assert (await row_of(browser, "personalize"))["status"] == "unknown"


async def test_a_browser_is_no_parent(opened: Opened, number: str) -> None:
    """Only a server with a key can say whose answer it is."""
    browser = await child(opened, number)
    body = {
        "notice": NOTICE,
        "answers": [{"purpose": "personalize", "answer": "given"}],
        "method": "save",
        "by": "parent",
    }
    reply = await browser.http.post("/v1/answers", json=body, headers=idempotent())
    assert reply.json()["type"] == "/problems/unknown-field"
