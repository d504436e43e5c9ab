"""How long a session lives, and that a sign-in is whole or never was."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import ConsentDesk, Where, hash_token
from ecrm_privacy.consent.links import Links, SignInToken
from ecrm_privacy.errors import Failure, TokenRefused, Unavailable
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.ledger.record import Entry
from ecrm_privacy.rights.desk import RightsDesk
from ecrm_privacy.sql import Conn
from ecrm_privacy.vocabulary import NoticeVersion
from tests.houses import NOTICE, SESSION, Browser, Opened, token

pytestmark = pytest.mark.anyio

ABSOLUTE, IDLE = 395, 180
HERE = Where("demo", "en", "eu")


def mark(browser: Browser) -> bytes:
    return hash_token(browser.cookies[SESSION])


async def age(opened: Opened, browser: Browser, *, began: int = 0, seen: int = 0) -> None:
    """Let a session have begun, and been used last, so many days ago."""
    async with opened.as_admin() as admin:
        await admin.execute(
            "update ecrm.session set began = current_date - $2::int, seen = current_date - $3::int"
            " where token_hash = $1", mark(browser), began, seen
        )  # fmt: skip


async def row(opened: Opened, token_hash: bytes) -> Any:
    async with opened.as_admin() as admin:
        return await admin.fetchrow(
            "select *, current_date - seen as idle from ecrm.session where token_hash = $1", token_hash
        )


async def history(opened: Opened, token_hash: bytes) -> set[Any]:
    grants = await opened.house.gate.admit(Caller(token_hash=token_hash), ["event:view"], site_signals(opened.house))
    return set(grants["event:view"].all_pseudonyms())


OVER = [{"began": ABSOLUTE}, {"began": IDLE, "seen": IDLE}]


@pytest.mark.parametrize("ages", OVER, ids=["too old", "unused"])
async def test_a_session_ends(ages: dict[str, int], opened: Opened, number: str) -> None:
    """At the gate, at the desk and for rights at once; a further visit does not bring it back."""
    browser = opened.browser()
    await browser.answer({"remember": "given"})
    await browser.sign_in(number)
    assert "remember" in await browser.allowed() and await history(opened, mark(browser))
    await age(opened, browser, **ages)
    for _ in range(2):
        assert "remember" not in await browser.allowed()
        assert await history(opened, mark(browser)) == set()
        assert (await browser.ask("access")).status_code == 404


@pytest.mark.parametrize("ages", [{"began": ABSOLUTE - 1}, {"began": IDLE - 1, "seen": IDLE - 1}])
async def test_a_session_lasts_until_then(ages: dict[str, int], opened: Opened) -> None:
    """And a visit is noted, once a day."""
    browser = opened.browser()
    await browser.answer({"remember": "given"})
    await age(opened, browser, **ages)
    assert await history(opened, mark(browser)) and "remember" in await browser.allowed()
    found = await row(opened, mark(browser))
    assert found["idle"] == 0
    async with opened.as_admin() as admin:
        version = "select xmin::text from ecrm.session where token_hash = $1"
        before = await admin.fetchval(version, mark(browser))
        await browser.allowed()
        assert await admin.fetchval(version, mark(browser)) == before, "the second visit of a day writes nothing"


@pytest.mark.parametrize("ages", OVER, ids=["too old", "unused"])
@pytest.mark.parametrize("then", ["nothing", "a sign-in", "a sign-out"])
async def test_what_only_an_ended_session_reached_is_erased(
    ages: dict[str, int], then: str, opened: Opened, number: str
) -> None:
    """With the session, by the hourly upkeep; the account that was signed in there stays, and other sessions."""
    await opened.house.rights.end_sessions()
    device, browser = opened.browser(), opened.browser()
    await device.sign_in(number)
    await device.answer({"personalize": "given"})
    await browser.answer({"remember": "given"})
    await browser.sign_in(number)
    old = mark(browser)
    subject = (await row(opened, old))["browser"]
    await age(opened, browser, **ages)
    if then == "a sign-in":
        await browser.sign_in(number)
    elif then == "a sign-out":
        await browser.http.delete("/v1/session?forget=true")
    assert await opened.house.rights.end_sessions() == 1
    await opened.settle()
    async with opened.as_admin() as admin:
        for table in ("subject_state", "subject_key", "consent_status", "body"):
            assert not await admin.fetchval(f"select count(*) from ecrm.{table} where subject = $1", subject)
    await opened.house.rights.end_sessions()
    assert await row(opened, old) is None
    assert "personalize" in await device.allowed()
    assert await opened.house.rights.end_sessions() == 0


async def test_workers_that_look_at_once_erase_once(opened: Opened) -> None:
    """One entry of the ledger says that it happened, however many find the session over."""
    await opened.house.rights.end_sessions()
    browser = opened.browser()
    await browser.answer({"remember": "given"})
    await age(opened, browser, began=ABSOLUTE)
    house, lent = opened.house, 0

    @asynccontextmanager
    async def acquire() -> AsyncIterator[Conn]:
        nonlocal lent
        lent += 1
        if lent == 2:  # it has seen what is over, and another worker is faster
            await house.rights.end_sessions()
        async with house.pools.house.acquire() as conn:
            yield conn

    held = house.rights.holders, house.rights.journal
    rights = RightsDesk(acquire, house.writer.append, house.keyring, *held, "controller", "demo")
    size = "select tree_size from ecrm.ledger_head"
    async with opened.as_admin() as admin:
        before = await admin.fetchval(size)
        await rights.end_sessions()
        assert await admin.fetchval(size) == before + 1
    assert await row(opened, mark(browser)) is None


# a sign-in is whole, or never was -------------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [False, True], ids=["a new customer", "nothing to write"])
async def test_a_sign_in_that_fails_leaves_its_token_good(answered: bool, opened: Opened, number: str) -> None:
    """The session and the use of the token are one transaction."""
    house = opened.house
    if answered:
        await opened.browser().sign_in(number)

    async def fails(entries: Sequence[Entry]) -> list[int | Failure]:
        return [Unavailable() for _ in entries]

    lent = 0

    def acquire() -> Any:
        nonlocal lent
        lent += 1
        if lent == 4 and answered:  # for the token, to read twice, to write
            raise Unavailable
        return house.pools.house.acquire()

    desk = ConsentDesk(acquire, acquire, fails, house.keyring, house.shelf.bundle)
    used = SignInToken(number, str(uuid4()), datetime.now(UTC) + timedelta(minutes=5))
    args = (used, Caller(), site_signals(house), NoticeVersion(NOTICE), HERE)
    with pytest.raises(Unavailable):
        await Links(desk, house.indexes).sign_in(*args)
    made = await house.links.sign_in(*args)
    assert await row(opened, hash_token(made.session_token)) is not None
    with pytest.raises(TokenRefused):
        await house.links.sign_in(*args)


@pytest.mark.parametrize("known", [False, True])
async def test_of_two_uses_of_a_token_at_once_one_counts(known: bool, opened: Opened, number: str) -> None:
    """Whoever comes second, between the look and the transaction, is refused."""
    if known:
        await opened.browser().sign_in(number)
    text = token(number)
    browsers = [opened.browser() for _ in range(4)]
    replies = await asyncio.gather(*(one.http.post("/v1/session", json={"token": text}) for one in browsers))
    assert sorted(reply.status_code for reply in replies) == [201, 401, 401, 401]
