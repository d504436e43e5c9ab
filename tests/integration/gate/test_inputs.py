"""What the gate takes in beside an answer: each holds with the very next request, and ends with the next one."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import asyncpg
import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import hash_token
from ecrm_privacy.enact import activate
from ecrm_privacy.gate.types import Caller
from tests.houses import SESSION, Browser, Opened
from tests.unit.policy.policies import SHIPPED, bundle, tree

pytestmark = pytest.mark.anyio

SLOT, OBJECTABLE = "personalize", "measure"


@pytest.fixture
async def customer(opened: Opened, number: str) -> AsyncIterator[Browser]:
    """Somebody who said yes, and whose slot opens."""
    browser = opened.browser()
    await browser.sign_in(number)
    await browser.answer({SLOT: "given", "remember": "given"})
    assert await said(browser) == {SLOT: "consent", OBJECTABLE: "legitimate_interest", "order": "required"}
    yield browser
    await browser.ask("erasure")
    await opened.settle()


async def said(browser: Browser) -> dict[str, str]:
    """Return why each of three purposes is allowed or not, as the next request is told."""
    rows = (await browser.http.get("/v1/permissions")).json()["permissions"]
    return {
        row["purpose"]: row["because"]
        for row in rows
        if row["purpose"] in {SLOT, OBJECTABLE, "order"} and not {"channel", "recipient"} & row.keys()
    }


async def opens(opened: Opened, browser: Browser) -> bool:
    """Whether the gate opens a history for the slot."""
    caller = Caller(token_hash=hash_token(browser.cookies[SESSION]))
    grant = (await opened.house.gate.admit(caller, ["slot:for-you"], site_signals(opened.house)))["slot:for-you"]
    return grant.permission.allowed and not grant.is_empty


async def change(opened: Opened, browser: Browser, column: str, value: Any) -> None:
    """Write what an entry about the person would fold into the tables."""
    standing = await opened.house.desk.standing(Caller(token_hash=hash_token(browser.cookies[SESSION])))
    assert standing.account is not None
    async with opened.as_admin() as admin:
        await _write(admin, column, value, standing.account.subject)


async def _write(admin: asyncpg.Connection, column: str, value: Any, subject: Any) -> None:
    table = "consent_status" if column == "until" else "subject_state"
    where = " and purpose in ('personalize', 'remember')" if column == "until" else ""
    await admin.execute(f"update ecrm.{table} set {column} = $1 where subject = $2{where}", value, subject)


async def test_a_restriction(opened: Opened, customer: Browser) -> None:
    """GDPR 18: nothing but what the service consists of, whatever was said; lifted, everything is as before."""
    await change(opened, customer, "restricted", True)
    assert await said(customer) == {SLOT: "restricted", OBJECTABLE: "restricted", "order": "required"}
    assert not await opens(opened, customer)
    await change(opened, customer, "restricted", False)
    assert (await said(customer))[SLOT] == "consent" and await opens(opened, customer)


async def test_an_objection(opened: Opened, customer: Browser) -> None:
    """GDPR 21: it closes what stands on our interest, and nothing else; a yes lifts it."""
    await customer.answer({OBJECTABLE: "objected"})
    assert await said(customer) == {SLOT: "consent", OBJECTABLE: "objected", "order": "required"}
    await customer.answer({OBJECTABLE: "given"})
    assert (await said(customer))[OBJECTABLE] == "legitimate_interest"


async def test_a_yes_runs_out(opened: Opened, customer: Browser) -> None:
    """On its last day by the database's clock, without anybody doing anything."""
    async with opened.as_admin() as admin:
        today: date = await admin.fetchval("select current_date")
        tomorrow: date = await admin.fetchval("select current_date + 1")
    await change(opened, customer, "until", tomorrow)
    assert (await said(customer))[SLOT] == "consent" and await opens(opened, customer)
    await change(opened, customer, "until", today)
    assert (await said(customer))[SLOT] == "expired" and not await opens(opened, customer)
    await customer.answer({SLOT: "given", "remember": "given"})
    assert (await said(customer))[SLOT] == "consent" and await opens(opened, customer)


async def test_a_childs_yes(opened: Opened, customer: Browser) -> None:
    """GDPR 8: until the day on which they are of age, a yes of their own does not count."""
    async with opened.as_admin() as admin:
        today: date = await admin.fetchval("select current_date")
        tomorrow: date = await admin.fetchval("select current_date + 1")
    await change(opened, customer, "adult_from", tomorrow)
    assert await said(customer) == {SLOT: "under_age", OBJECTABLE: "legitimate_interest", "order": "required"}
    assert not await opens(opened, customer)
    await change(opened, customer, "adult_from", today)
    assert (await said(customer))[SLOT] == "consent" and await opens(opened, customer)


async def test_a_notice_that_changed_materially(opened: Opened, customer: Browser) -> None:
    """A yes to what has changed since does not count, from the moment on at which the new policy is in force."""
    changed = tree()
    changed["notices"]["shop@2"] = {**changed["notices"]["shop@1"], "asks_again": [SLOT]}
    house = opened.house
    try:
        await activate(house.pools.house.acquire, house.writer.append, bundle(changed))
        assert (await said(customer))[SLOT] == "stale_notice" and not await opens(opened, customer)
    finally:
        await activate(house.pools.house.acquire, house.writer.append, SHIPPED)
    assert (await said(customer))[SLOT] == "consent" and await opens(opened, customer)
