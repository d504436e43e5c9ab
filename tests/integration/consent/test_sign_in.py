"""Signing in and out: how a browser's own answers and an account's meet, and what a token must be."""

import time
from uuid import uuid4

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import hash_token
from ecrm_privacy.gate.types import Caller
from tests.houses import CHOICE, SESSION, Browser, Opened, token
from tests.integration.consent.forms import buttons, press

pytestmark = pytest.mark.anyio

PURPOSE = "personalize"


async def account_that_said(opened: Opened, number: str, word: str | None) -> Browser:
    """Sign a customer in on another device and let them answer there; what ended was given before."""
    device = opened.browser()
    assert (await device.sign_in(number)).status_code == 201
    for said in {"withdrawn": ("given", "withdrawn"), "expired": ("given",)}.get(word or "", (word,)):
        if said is not None:
            assert (await device.answer({PURPOSE: said})).status_code == 201
    if word == "expired":
        account = (await opened.house.desk.standing(Caller(customer_number=number))).account
        assert account is not None
        async with opened.as_admin() as admin:
            ran_out = "update ecrm.consent_status set until = current_date where subject = $1"
            await admin.execute(ran_out, account.subject)
    return device


async def browser_that_said(opened: Opened, how: str) -> Browser:
    """A browser that said nothing, or no without a name, or no under its own name, or yes."""
    browser = opened.browser()
    said = {
        "no": {PURPOSE: "refused"},
        "named no": {"remember": "given", PURPOSE: "refused"},
        "yes": {PURPOSE: "given"},
    }
    if how != "nothing":
        assert (await browser.answer(said[how])).status_code == 201
    return browser


async def status_of(browser: Browser) -> tuple[bool, str]:
    rows = (await browser.http.get("/v1/permissions")).json()["permissions"]
    return next((row["allowed"], row["because"]) for row in rows if row["purpose"] == PURPOSE)


@pytest.mark.parametrize(
    ("account", "browser", "here", "elsewhere"),
    [
        (None, "nothing", (False, "unknown"), (False, "unknown")),
        (None, "no", (False, "refused"), (False, "refused")),
        (None, "named no", (False, "refused"), (False, "refused")),
        (None, "yes", (True, "consent"), (False, "unknown")),
        ("given", "nothing", (True, "consent"), (True, "consent")),
        ("given", "no", (False, "closed_here"), (True, "consent")),
        ("given", "named no", (False, "closed_here"), (True, "consent")),
        ("given", "yes", (True, "consent"), (True, "consent")),
        ("refused", "nothing", (False, "refused"), (False, "refused")),
        ("refused", "no", (False, "refused"), (False, "refused")),
        ("refused", "named no", (False, "refused"), (False, "refused")),
        ("refused", "yes", (False, "refused"), (False, "refused")),
        ("withdrawn", "nothing", (False, "withdrawn"), (False, "withdrawn")),
        ("withdrawn", "no", (False, "withdrawn"), (False, "withdrawn")),
        ("withdrawn", "named no", (False, "withdrawn"), (False, "withdrawn")),
        ("withdrawn", "yes", (False, "withdrawn"), (False, "withdrawn")),
        ("expired", "nothing", (False, "expired"), (False, "expired")),
        ("expired", "no", (False, "expired"), (False, "expired")),
        ("expired", "named no", (False, "expired"), (False, "expired")),
        ("expired", "yes", (False, "expired"), (False, "expired")),
    ],
)
async def test_the_accounts_answer_counts(
    account: str | None,
    browser: str,
    here: tuple[bool, str],
    elsewhere: tuple[bool, str],
    opened: Opened,
    number: str,
) -> None:
    """The table of signing in, per purpose, in this browser and on the customer's other device."""
    device = await account_that_said(opened, number, account)
    this = await browser_that_said(opened, browser)
    assert (await this.sign_in(number)).status_code == 201
    assert await status_of(this) == here
    assert await status_of(device) == elsewhere


@pytest.mark.parametrize(
    ("account", "browser", "here", "elsewhere"),
    [
        (None, None, True, True),
        (None, "objected", False, False),
        (None, "given", True, True),
        ("given", "objected", False, True),
        ("objected", None, False, False),
        ("objected", "objected", False, False),
        ("objected", "given", False, False),
    ],
)
async def test_an_objection_is_merged_like_a_no(
    account: str | None, browser: str | None, here: bool, elsewhere: bool, opened: Opened, number: str
) -> None:
    """The same table for what needs no yes: silence allows it on either side, and lifts nobody's objection."""
    device, this = opened.browser(), opened.browser()
    await device.sign_in(number)
    for who, word in ((device, account), (this, browser)):
        if word is not None:
            await who.answer({"measure": word, **({"remember": "given"} if who is this else {})})
    await this.sign_in(number)
    assert ("measure" in await this.allowed(), "measure" in await device.allowed()) == (here, elsewhere)


async def test_a_no_that_is_carried_over_is_an_entry(opened: Opened, number: str) -> None:
    """With a receipt of its own, by the notice to which it was said, that names how it came."""
    browser = await browser_that_said(opened, "no")
    await browser.sign_in(number)
    (act,) = (await browser.http.get("/v1/receipts")).json()["receipts"]
    assert act["method"] == "carried" and PURPOSE in str(act)
    other = opened.browser()
    await other.sign_in(number)
    assert len((await other.http.get("/v1/receipts")).json()["receipts"]) == 1, "once"


async def test_a_yes_of_this_browser_becomes_the_accounts_by_one_click(opened: Opened, number: str) -> None:
    """Nothing is ticked beforehand: the page says that it holds here alone, and offers the click."""
    device = await account_that_said(opened, number, None)
    browser = opened.browser()
    await browser.answer({PURPOSE: "given", "order": "given"})
    assert "here_only" not in (await browser.http.get("/v1/permissions")).text
    await browser.sign_in(number)
    page = await browser.http.get("/preferences")
    offered = [one for one in buttons(page) if one.name == f"answer.{PURPOSE}"]
    assert [one.value for one in offered] == ["withdrawn", "given"]
    assert not [one for one in buttons(page) if one.name == "answer.order"], "nobody answers to what is required"
    assert PURPOSE not in await device.allowed()
    page = await press(browser, page, f"answer.{PURPOSE}", "given")
    assert PURPOSE in await device.allowed()
    assert [one.value for one in buttons(page) if one.name == f"answer.{PURPOSE}"] == ["withdrawn"]


async def test_a_no_that_only_the_browsers_own_answers_hold_closes_too(opened: Opened, number: str) -> None:
    """Also when the cookie with the mark was lost."""
    await account_that_said(opened, number, "given")
    browser = await browser_that_said(opened, "named no")
    browser.http.cookies.delete(CHOICE)
    await browser.sign_in(number)
    assert await status_of(browser) == (False, "closed_here")


async def test_a_choice_that_cannot_be_read_stays_closed_through_a_sign_in(opened: Opened, number: str) -> None:
    """Nobody knows what it closed; the next answer opens again what it says."""
    await account_that_said(opened, number, "given")
    browser = opened.browser()
    browser.http.cookies.set(CHOICE, "1.shop@1.zz", domain="127.0.0.1", path="/")
    reply = await browser.sign_in(number)
    assert not any(row["allowed"] for row in reply.json()["permissions"] if row["purpose"] != "order")
    assert await status_of(browser) == (False, "closed_here")
    await browser.answer({PURPOSE: "given"})
    assert await status_of(browser) == (True, "consent")


async def test_deciding_here_ends_the_difference(opened: Opened, number: str) -> None:
    """A yes in this browser lifts its mark; a no there is the account's, everywhere."""
    device = await account_that_said(opened, number, "given")
    browser = await browser_that_said(opened, "no")
    await browser.sign_in(number)
    await browser.answer({PURPOSE: "given"})
    assert await status_of(browser) == (True, "consent")
    await browser.answer({PURPOSE: "withdrawn"})
    assert await status_of(device) == (False, "withdrawn")


async def test_signing_out_starts_a_new_browser(opened: Opened, number: str) -> None:
    """Nothing of the account is allowed any more, and no cookie is left."""
    device = await account_that_said(opened, number, "given")
    assert (await device.http.delete("/v1/session")).status_code == 200
    assert device.cookies == {}
    assert await device.allowed() == {"order", "measure"}


async def history(opened: Opened, browser: Browser) -> set[str]:
    """The pseudonyms behind a browser that are open for remembering."""
    caller = Caller(token_hash=hash_token(browser.cookies[SESSION]))
    grants = await opened.house.gate.admit(caller, ["event:view"], site_signals(opened.house))
    return {str(name) for name in grants["event:view"].all_pseudonyms()}


async def test_history_joins_where_both_sides_remember(opened: Opened, number: str) -> None:
    """The key is handed over: the account reads the browser's history everywhere, without a row of it moving."""
    device = opened.browser()
    await device.sign_in(number)
    await device.answer({"remember": "given"})
    browser = opened.browser()
    await browser.answer({"remember": "given"})
    (before,) = await history(opened, browser)
    (own,) = await history(opened, device)
    await browser.sign_in(number)
    assert await history(opened, device) == {own, before} == await history(opened, browser)


@pytest.mark.parametrize(("account", "browser"), [("refused", "given"), (None, "given"), ("given", "refused")])
async def test_history_joins_nowhere_else(account: str | None, browser: str, opened: Opened, number: str) -> None:
    """One side's no, or its silence, keeps them apart."""
    device = opened.browser()
    await device.sign_in(number)
    if account:
        await device.answer({"remember": account})
    this = opened.browser()
    await this.answer({"remember": browser, "personalize": "given"})
    its = await history(opened, this)
    await this.sign_in(number)
    assert its.isdisjoint(await history(opened, device))
    await device.answer({"remember": "given"})
    assert its.isdisjoint(await history(opened, device)), "what was apart then is not joined by a later yes"


async def test_a_signed_in_no_is_everywhere_at_once(opened: Opened, number: str) -> None:
    """Both devices know with their next request."""
    one, other = await account_that_said(opened, number, "given"), await account_that_said(opened, number, None)
    assert PURPOSE in await other.allowed()
    await one.answer({PURPOSE: "withdrawn"})
    assert PURPOSE not in await other.allowed()


# tokens ---------------------------------------------------------------------------------------------------------------

SOON = {"exp": int(time.time()) + 300}


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 120},
        {"exp": int(time.time()) + 86_400},
        {"exp": (int(time.time()) + 300) * 1000},
        {"exp": str(int(time.time()) + 300)},
        {"exp": None},
        {"jti": None},
        {"jti": ""},
        {"aud": "another"},
        {"aud": ["ecrm", "another"]},
        {"iss": "another"},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 200},
        {"sub": "\ud800"},
        {"jti": "\ud800"},
        {"secret": b"another key, of 32 bytes or more"},
    ],
)
async def test_a_token_that_is_not_good_opens_nothing(claims: dict[str, object], opened: Opened, number: str) -> None:
    """Expired, foreign, forged or incomplete: one problem, no cookie, no trace."""
    browser = opened.browser()
    text = token(number, **claims)  # type: ignore[arg-type]
    reply = await browser.http.post("/v1/session", json={"token": text})
    assert (reply.status_code, reply.json()["type"]) == (401, "/problems/token-refused")
    assert browser.cookies == {}
    assert number not in reply.text and text not in reply.text


@pytest.mark.parametrize("text", ["", "x", "a.b.c", token("C-1").rsplit(".", 1)[0] + ".", "e30.e30.e30"])
async def test_what_is_no_token_opens_nothing(text: str, opened: Opened) -> None:
    """Also one without a signature."""
    reply = await opened.browser().http.post("/v1/session", json={"token": text})
    assert (reply.status_code, reply.json()["type"]) == (401, "/problems/token-refused")


async def test_a_token_is_used_once(opened: Opened, number: str) -> None:
    """The second use is refused, from whichever browser it comes; another token of the same customer is not."""
    text = token(number)
    first, second = opened.browser(), opened.browser()
    assert (await first.http.post("/v1/session", json={"token": text})).status_code == 201
    assert (await first.http.post("/v1/session", json={"token": text})).status_code == 401
    assert (await second.http.post("/v1/session", json={"token": text})).status_code == 401
    assert second.cookies == {}
    assert (await second.sign_in(number)).status_code == 201


async def test_a_planted_cookie_is_not_adopted(opened: Opened, number: str) -> None:
    """A session's name is always of our making: an unknown one is nobody's, and a sign-in or a yes makes a new one."""
    planted = str(uuid4())
    for act in ("sign in", "yes"):
        browser = opened.browser()
        browser.http.cookies.set(SESSION, planted, domain="127.0.0.1", path="/")
        assert await browser.allowed() == {"order", "measure"}
        if act == "sign in":
            await browser.sign_in(number)
        else:
            await browser.answer({"remember": "given"})
        assert browser.cookies[SESSION] not in {planted, ""}
        other = opened.browser()
        other.http.cookies.set(SESSION, planted, domain="127.0.0.1", path="/")
        assert await other.allowed() == {"order", "measure"}


async def test_a_sign_in_makes_the_old_cookie_worthless(opened: Opened, number: str) -> None:
    """Whoever knew the browser's cookie before does not get into the account."""
    browser = opened.browser()
    await browser.answer({"remember": "given"})
    old = browser.cookies[SESSION]
    await browser.sign_in(number)
    thief = opened.browser()
    thief.http.cookies.set(SESSION, old, domain="127.0.0.1", path="/")
    assert await thief.allowed() == {"order", "measure"}
    assert (await thief.http.get("/v1/receipts")).json() == {"receipts": []}
