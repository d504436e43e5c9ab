"""What the gate takes in beside an answer: each holds with the very next request, and ends with the next one."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import asyncpg
import httpx
import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.access import wanted
from ecrm_privacy.consent.desk import hash_token
from ecrm_privacy.consent.reconcile import Reconciler
from ecrm_privacy.consent.store import add_api_key
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


@pytest.fixture(scope="module")
async def shop(opened: Opened) -> dict[str, str]:
    """The header of a server that may tell what the shop knows."""
    async with opened.as_admin() as admin:
        await add_api_key(sha256(b"a-key-of-the-shop").digest(), "shop", ("subjects:write",), 60_000).run(admin)
    return {"Authorization": "Bearer a-key-of-the-shop"}


async def tell(opened: Opened, shop: Mapping[str, str], number: str, born: str) -> httpx.Response:
    """Tell the day of birth of a customer, as a shop's server does."""
    body = {"fields": {"demographics": {"birth_date": born}}}
    return await opened.browser().http.put("/v1/subject", json=body, headers={**shop, "Ecrm-Subject": number})


def years_ago(years: int, days: int = 0) -> date:
    """Return the day of birth of somebody who is so many years old in so many days, in UTC as the database is."""
    day = datetime.now(UTC).date() + timedelta(days=days)
    return day.replace(year=day.year - years, day=min(day.day, 28))


async def purposes_of(opened: Opened, browser: Browser) -> set[str]:
    """Return what the person's histories are registered for, which batch work reads."""
    standing = await opened.house.desk.standing(Caller(token_hash=hash_token(browser.cookies[SESSION])))
    assert standing.account is not None
    now = wanted(opened.house.keyring, standing, standing.account)
    async with opened.as_admin() as admin:
        names = [name for held, _ in now.values() for name in held]
        rows = await admin.fetch("select purpose from ecrm.pseudonym_use where pseudonym = any($1)", names)
    return {row["purpose"] for row in rows}


async def test_a_day_of_birth(opened: Opened, shop: Mapping[str, str], customer: Browser, number: str) -> None:
    """Who is told to be below the age of the site's law (16) is a child from the next request on, until that day."""
    assert "remember" in await purposes_of(opened, customer)
    born = years_ago(15)
    assert (await tell(opened, shop, number, born.isoformat())).status_code == 200
    assert await said(customer) == {SLOT: "under_age", OBJECTABLE: "legitimate_interest", "order": "required"}
    assert not await opens(opened, customer) and "remember" not in await purposes_of(opened, customer)
    noted = "select adult_from from ecrm.subject_state where adult_from is not null"
    async with opened.as_admin() as admin:
        assert await admin.fetchval(noted) == born.replace(year=born.year + 16)
        entries = await admin.fetchval("select tree_size from ecrm.ledger_head")
        assert (await tell(opened, shop, number, born.isoformat())).status_code == 200
        assert await admin.fetchval("select tree_size from ecrm.ledger_head") == entries, "nothing new was told"
    assert (await tell(opened, shop, number, years_ago(30).isoformat())).status_code == 200, "it was a mistake"
    assert (await said(customer))[SLOT] == "consent" and await opens(opened, customer)
    assert "remember" in await purposes_of(opened, customer)


async def test_a_yes_that_ran_out_and_was_noticed_is_renewed(opened: Opened, customer: Browser) -> None:
    """The register follows both: behaviour is kept again from the renewed yes on."""
    async with opened.as_admin() as admin:
        today: date = await admin.fetchval("select current_date")
    await change(opened, customer, "until", today)
    await Reconciler(opened.house.desk).lapsed()
    assert "remember" not in await purposes_of(opened, customer)
    await customer.answer({SLOT: "given", "remember": "given"})
    assert "remember" in await purposes_of(opened, customer)


async def test_who_comes_of_age_is_heard_without_doing_anything(
    opened: Opened, shop: Mapping[str, str], customer: Browser, number: str
) -> None:
    """On the day itself pages know, and within the hour so does the register that batch work reads."""
    assert (await tell(opened, shop, number, years_ago(15).isoformat())).status_code == 200
    async with opened.as_admin() as admin:
        today: date = await admin.fetchval("select current_date")
    await change(opened, customer, "adult_from", today)
    assert await opens(opened, customer) and "remember" not in await purposes_of(opened, customer)
    await Reconciler(opened.house.desk).lapsed()
    assert "remember" in await purposes_of(opened, customer)


async def test_nothing_is_noted_of_adults(opened: Opened, shop: Mapping[str, str], number: str) -> None:
    """Neither of somebody new, nor of somebody known; a child who is new is noted at once."""
    async with opened.as_admin() as admin:
        noted = "select count(*) from ecrm.subject_state where adult_from is not null"
        before = await admin.fetchval(noted)
        for _ in range(2):
            assert (await tell(opened, shop, number, years_ago(16).isoformat())).status_code == 200
        assert await admin.fetchval(noted) == before
        assert (await tell(opened, shop, f"{number}-child", years_ago(10).isoformat())).status_code == 200
        assert await admin.fetchval(noted) == before + 1


@pytest.mark.parametrize("born", ["", "12.5.2012", "2012-13-01", "9999-01-01"])
async def test_a_day_that_is_none(opened: Opened, shop: Mapping[str, str], number: str, born: str) -> None:
    """A 400 that says which field and not what was in it; nothing is stored."""
    refused = await tell(opened, shop, number, born)
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/malformed")
    assert "demographics.birth_date" in refused.text and (not born or born not in refused.text)
    assert (await opened.house.desk.standing(Caller(customer_number=number))).account is None


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
