"""An answer that was given in a shop or on the phone: recorded with its evidence, and asked where that is due."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.consent.store import add_api_key
from ecrm_privacy.vocabulary import Category
from tests.houses import NOTICE, Browser, Opened, idempotent
from tests.integration.channels.people import status
from tests.mailbox import Mailbox, link_in

pytestmark = pytest.mark.anyio

KEY = "a-key-of-the-shop-for-answers"
EVIDENCE = "paper form 2026-118, shop in Weir Lane"
TC_STRING = "CQuFeUAQuFeUAAAAAAENAAFgAKAAAAAAAAYgAEkiAAAAAAAA"


async def tell(opened: Opened, number: str, *answers: dict[str, str], **more: str) -> Any:
    """Let the shop record what a customer said there."""
    async with opened.as_admin() as admin:
        await add_api_key(sha256(KEY.encode()).digest(), "shop", ("consent:write",), 6000).run(admin)
    body = {"notice": NOTICE, "answers": list(answers), "method": "staff", **more}
    headers = {"Authorization": f"Bearer {KEY}", "Ecrm-Subject": number, **idempotent()}
    return await opened.browser().http.post("/v1/subject/answers", json=body, headers=headers)


async def customer(opened: Opened, number: str, email: str) -> Browser:
    """Somebody whom the shop knows."""
    profile = Profile(number, {Category("contact"): {"email": email}})
    assert await opened.house.profiles.put([profile], site_signals(opened.house), Where("demo", "en", "eu")) == [0]
    browser = opened.browser()
    await browser.sign_in(number)
    return browser


async def test_it_carries_its_evidence(opened: Opened, number: str, address: str) -> None:
    """In the record and its receipt, for the person; a letter needs no confirmation."""
    browser = await customer(opened, number, address)
    yes = {"purpose": "offers", "answer": "given"}, {"purpose": "offers", "channel": "post", "answer": "given"}
    reply = await tell(opened, number, *yes, evidence=EVIDENCE)
    assert reply.status_code == 201, reply.text
    assert "offers/post" in await browser.allowed()
    newest = (await browser.http.get("/v1/receipts")).json()["receipts"][0]
    assert (newest["method"], newest["evidence"]) == ("staff", EVIDENCE)
    receipt = (await opened.browser().http.get(f"/v1/receipts/{reply.json()['receipt_id']}")).json()
    assert receipt["evidence"] == EVIDENCE


async def test_a_channel_is_asked_all_the_same(opened: Opened, mailbox: Mailbox, number: str, address: str) -> None:
    """Staff can mishear an address: the one on file, or the one that was given, is asked."""
    browser = await customer(opened, number, address)
    given = f"given-{address}"
    for to, more in ((address, {}), (given, {"address": given})):
        yes = {"purpose": "offers", "answer": "given"}
        await tell(opened, number, yes, {"purpose": "offers", "channel": "email", "answer": "given", **more})
        await opened.settle()
        assert await status(browser) == "requested" and len(mailbox.to(to)) == 1
    assert (await opened.browser().http.post(link_in(mailbox.to(given)[0]))).status_code == 200
    assert "offers/email" in await browser.allowed()


async def test_a_tc_string_is_evidence_beside_it(opened: Opened, number: str, address: str) -> None:
    """What the shop's own platform wrote at the act is kept, as it is with an answer of a browser."""
    browser = await customer(opened, number, address)
    await tell(opened, number, {"purpose": "offers", "answer": "given"}, evidence=EVIDENCE, tc_string=TC_STRING)
    newest = (await browser.http.get("/v1/receipts")).json()["receipts"][0]
    assert EVIDENCE in newest["evidence"] and TC_STRING in newest["evidence"]


@pytest.mark.parametrize("evidence", ["x" * 301, 7])
async def test_evidence_is_a_short_text(opened: Opened, number: str, address: str, evidence: Any) -> None:
    """Anything else is refused, with the field's name alone; a browser can bring none."""
    browser = await customer(opened, number, address)
    reply = await tell(opened, number, {"purpose": "offers", "answer": "given"}, evidence=evidence)
    assert reply.status_code == 400 and "evidence" in reply.json()["detail"]
    body = {"notice": NOTICE, "answers": [{"purpose": "offers", "answer": "given"}], "method": "save", "evidence": "x"}
    own = await browser.http.post("/v1/answers", json=body, headers=idempotent())
    assert own.json()["type"] == "/problems/unknown-field"


async def test_a_parents_yes_is_confirmed_as_theirs(
    opened: Opened, mailbox: Mailbox, number: str, address: str
) -> None:
    """Whoever confirms shows that the address is right; the child's own yes turns the request into none of theirs."""
    browser = await customer(opened, number, address)
    born = (datetime.now(UTC) - timedelta(days=365 * 12)).date().isoformat()
    profile = Profile(number, {Category("demographics"): {"birth_date": born}})
    assert await opened.house.profiles.put([profile], site_signals(opened.house), Where("demo", "en", "eu")) == [0]
    channel = {"purpose": "offers", "channel": "email", "answer": "given"}
    yes = {"purpose": "offers", "answer": "given"}, channel
    assert (await tell(opened, number, *yes, by="parent", evidence=EVIDENCE)).status_code == 201
    await opened.settle()
    other = {"notice": NOTICE, "answers": [{**channel, "address": f"other-{address}"}], "method": "save"}
    assert (await browser.http.post("/v1/answers", json=other, headers=idempotent())).status_code == 201
    await opened.settle()
    assert mailbox.to(f"other-{address}") == [] and "offers/email" not in await browser.allowed()
    (letter,) = mailbox.to(address)
    assert (await opened.browser().http.post(link_in(letter))).status_code == 200
    assert "offers/email" in await browser.allowed()
    await browser.answer({"offers/email": "withdrawn"})
    assert "offers/email" not in await browser.allowed()
