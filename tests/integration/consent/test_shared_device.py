"""One browser, several people: who comes next meets nothing of who was there before."""

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import hash_token
from ecrm_privacy.gate.types import Caller
from tests.houses import CHOICE, SESSION, Browser, Opened, token

pytestmark = pytest.mark.anyio

NEW = {"order", "measure"}
"""What is allowed to somebody who never said anything."""


async def history(opened: Opened, caller: Caller) -> set[str]:
    """The pseudonyms under which what somebody looks at is kept."""
    grants = await opened.house.gate.admit(caller, ["event:view"], site_signals(opened.house))
    return {str(name) for name in grants["event:view"].all_pseudonyms()}


def behind(browser: Browser) -> Caller:
    return Caller(token_hash=hash_token(browser.cookies[SESSION]))


async def first_and_second(opened: Opened, number: str) -> tuple[Browser, str, str, set[str]]:
    """Somebody signs in whose browser remembers, and looks around; the second one's account remembers elsewhere."""
    first, second = f"{number}-1", f"{number}-2"
    device = opened.browser()
    await device.sign_in(second)
    await device.answer({"remember": "given"})
    browser = opened.browser()
    await browser.answer({"remember": "given", "personalize": "given"})
    await browser.sign_in(first)
    names = await history(opened, behind(browser))
    assert names, "the first one's looks are kept in this browser"
    return browser, first, second, names


async def test_the_next_customer_does_not_inherit_a_history(opened: Opened, number: str) -> None:
    """Signed in over somebody else who never signed out: what was kept for those two hands is gone, not handed over."""
    browser, first, second, names = await first_and_second(opened, number)
    old = behind(browser)
    assert (await browser.sign_in(second)).status_code == 201
    assert names.isdisjoint(await history(opened, behind(browser)))
    assert names.isdisjoint(await history(opened, Caller(customer_number=second)))
    assert await browser.allowed() == {*NEW, "remember"}
    await opened.settle()
    async with opened.as_admin() as admin:
        assert not await admin.fetchval("select count(*) from ecrm.pseudonym where pseudonym = any($1)", list(names))
        assert not await admin.fetchval("select count(*) from ecrm.session where token_hash = $1", old.token_hash)
    assert await history(opened, Caller(customer_number=first)) == set()


async def test_the_next_customer_does_not_inherit_an_answer(opened: Opened, number: str) -> None:
    """Neither a yes of this browser, nor its no: that was somebody else's, and is not carried over."""
    browser = opened.browser()
    await browser.answer({"personalize": "given", "measure": "objected"})
    await browser.sign_in(f"{number}-1")
    await browser.sign_in(f"{number}-2")
    assert await browser.allowed() == NEW
    rows = (await browser.http.get("/v1/permissions")).json()["permissions"]
    assert {row["status"] for row in rows} == {"unknown"}


async def test_a_token_that_is_refused_ends_nothing(opened: Opened, number: str) -> None:
    """Who has a used token of somebody else cannot sign anybody out."""
    browser, _, second, names = await first_and_second(opened, number)
    used = token(second)
    await opened.browser().http.post("/v1/session", json={"token": used})
    assert (await browser.http.post("/v1/session", json={"token": used})).status_code == 401
    assert await history(opened, behind(browser)) == names


async def test_the_same_customer_again_keeps_their_browser(opened: Opened, number: str) -> None:
    """A page that signs in at each visit changes nothing."""
    browser, first, _, names = await first_and_second(opened, number)
    await browser.sign_in(first)
    assert await history(opened, behind(browser)) == names
    assert {"remember", "personalize"} <= await browser.allowed()


async def test_after_signing_out_the_next_customer_starts_anew(opened: Opened, number: str) -> None:
    """No cookie is left between the two, and what only the first one's reached is erased."""
    browser, _, second, names = await first_and_second(opened, number)
    assert (await browser.http.delete("/v1/session")).status_code == 200
    assert browser.cookies == {}
    await opened.settle()
    async with opened.as_admin() as admin:
        assert not await admin.fetchval("select count(*) from ecrm.pseudonym where pseudonym = any($1)", list(names))
    await browser.sign_in(second)
    assert set(browser.cookies) == {SESSION, CHOICE}
    assert names.isdisjoint(await history(opened, behind(browser)))
    assert await browser.allowed() == {*NEW, "remember"}


@pytest.mark.parametrize("path", ["/preferences", "/v1/permissions", "/v1/receipts", "/v1/notice", "/v1/uses"])
async def test_nothing_about_somebody_stays_in_a_cache(path: str, opened: Opened, number: str) -> None:
    """Neither a shared one, nor that of the browser, which the next one uses too."""
    browser = opened.browser()
    await browser.sign_in(number)
    reply = await browser.http.get(path)
    assert reply.status_code == 200 and "no-store" in reply.headers["cache-control"]
