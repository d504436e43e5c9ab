"""Requests of a subject: who may make one, what the copy holds, and who may read it."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where, hash_token
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.vocabulary import Category
from tests.houses import SESSION, Opened, everything, idempotent, logged

pytestmark = pytest.mark.anyio

FIELDS = {Category("contact"): {"name": "Ottilie Vanterpool", "email": "ottilie@example.com"}}
PLACE = Where("demo", "en", "eu")


async def test_nobody_has_no_rights_to_anything(opened: Opened) -> None:
    """Without a session that is known there is nobody to ask for, and nothing is written."""
    browser = opened.browser()
    async with opened.as_admin() as admin:
        before = await everything(admin)
        for right in ("access", "portability", "erasure"):
            reply = await browser.ask(right)
            assert (reply.status_code, reply.json()["type"]) == (404, "/problems/not-found")
        assert await everything(admin) == before


async def test_a_copy_holds_everything_that_is_known(opened: Opened, number: str) -> None:
    """Answers with their records, the profile in the clear, the sessions, the requests."""
    house = opened.house
    assert await house.profiles.put([Profile(number, FIELDS)], site_signals(house), PLACE) == [0]
    browser = opened.browser()
    await browser.sign_in(number)
    await browser.answer({"remember": "given", "offers/post": "given"})
    made = (await browser.ask("access")).json()
    assert made["status"] == "fulfilled" and made["verification"] == "session"
    assert date.fromisoformat(made["expected_by"]) > date.today() + timedelta(days=20)  # noqa: DTZ011
    reply = await browser.http.get(f"/v1/rights-requests/{made['request_id']}/export")
    (part,) = reply.json()["about_you"]
    assert part["profile"] == {"contact": FIELDS[Category("contact")]}
    assert {row["purpose"] for row in part["answers"]["current"]} == {"remember", "offers"}
    assert len(part["answers"]["acts"]) == 2 and part["sessions"][0]["signed_in"]
    assert part["requests"][0]["kind"] == "access"
    assert reply.headers["content-disposition"].startswith("attachment")
    assert reply.headers["cache-control"] == "private, no-store"


async def test_a_copy_is_for_whoever_asked(opened: Opened, number: str) -> None:
    """The name of a request says how it stands, and hands nothing over to another session."""
    house = opened.house
    await house.profiles.put([Profile(number, FIELDS)], site_signals(house), PLACE)
    browser, stranger, other = opened.browser(), opened.browser(), opened.browser()
    await browser.sign_in(number)
    await other.sign_in(f"{number}-other")
    request_id = (await browser.ask("access")).json()["request_id"]
    for reader in (stranger, other):
        for path in (f"/v1/rights-requests/{request_id}/export", f"/requests/{request_id}/copy"):
            reply = await reader.http.get(path)
            assert reply.status_code == 404 and "Ottilie" not in reply.text
        assert (await reader.http.get(f"/v1/rights-requests/{request_id}")).json()["right"] == "access"
    for unknown in (str(uuid4()), "x", request_id + "0"):
        assert (await browser.http.get(f"/v1/rights-requests/{unknown}/export")).status_code == 404


async def test_the_page_of_a_copy_shows_what_the_file_holds(opened: Opened, number: str) -> None:
    """Readable without scripts and without a program."""
    house = opened.house
    await house.profiles.put([Profile(number, FIELDS)], site_signals(house), PLACE)
    browser = opened.browser()
    await browser.sign_in(number)
    request_id = (await browser.ask("portability")).json()["request_id"]
    page = await browser.http.get(f"/requests/{request_id}/copy")
    assert page.status_code == 200 and "Ottilie Vanterpool" in page.text and "ottilie@example.com" in page.text


async def test_an_erasure_takes_browser_and_account(opened: Opened, number: str) -> None:
    """Both subjects behind a session end; the certificate comes when both are forgotten, and counts both histories."""
    browser = opened.browser()
    await browser.answer({"remember": "given", "personalize": "given"})
    await browser.sign_in(number)
    await browser.answer({"offers": "given"})
    reply = await browser.ask("erasure")
    assert reply.status_code == 201 and reply.json()["status"] == "in_progress"
    await opened.settle()
    done = (await browser.http.get(f"/v1/rights-requests/{reply.json()['request_id']}")).json()
    certificate = done["certificate"]
    assert done["status"] == "fulfilled" and certificate["pseudonyms"] >= 3
    assert {"ecrm.subject_key", "ecrm.record", "ecrm.session"} <= set(certificate["goes"]) and certificate["stays"]
    last = certificate["last_copies"]
    assert last["epoch"] == 1 and certificate["done"] < last["behaviour_until"] < last["sealed_until"]


async def test_nothing_personal_is_logged(opened: Opened, number: str) -> None:
    """Through sign-in, answers, a copy and an erasure: no number, name, cookie, request or receipt."""
    house = opened.house
    with logged() as log:
        await house.profiles.put([Profile(number, FIELDS)], site_signals(house), PLACE)
        browser = opened.browser()
        await browser.sign_in(number)
        receipt_id = (await browser.answer({"remember": "given"})).json()["receipt_id"]
        cookies = list(browser.cookies.values())
        key = str(uuid4())
        request_id = (await browser.ask("access", key)).json()["request_id"]
        await browser.http.get(f"/v1/rights-requests/{request_id}/export", headers=idempotent(key))
        await browser.http.get(f"/v1/receipts/{receipt_id}")
        await browser.ask("erasure")
        await opened.settle()
    text = log.getvalue().decode()
    assert text.count('"event":"request"') >= 6 and "left_out" not in text
    for secret in (number, "Ottilie", "ottilie@example.com", receipt_id, request_id, key, cookies[-1]):
        assert secret not in text


async def test_a_browser_and_its_account_are_erased_together_or_not_at_all(opened: Opened, number: str) -> None:
    """One entry ends both; while nothing can be written, the request is refused and both are as they were."""
    browser = opened.browser()
    await browser.answer({"remember": "given"})
    await browser.sign_in(number)
    await browser.answer({"personalize": "given"})
    allowed = await browser.allowed()
    journal = opened.house.rights.journal
    before = journal.read()
    async with opened.as_admin() as admin:
        people = await admin.fetchval(
            "select array[browser, account] from ecrm.session where token_hash = $1",
            hash_token(browser.cookies[SESSION]),
        )
        await admin.execute("alter table ecrm.job add constraint never check (kind <> 'erase') not valid")
        assert (await browser.ask("erasure")).status_code >= 400
        await admin.execute("alter table ecrm.job drop constraint never")
        assert await browser.allowed() == allowed
        assert (await browser.ask("erasure")).status_code == 201
        left = "select count(*) from ecrm.subject_state where subject = any($1)"
        assert len(people) == 2 and await admin.fetchval(left, people) == 0
    after = journal.read()
    assert (len(after.done - before.done), after.begun) == (2, before.begun)
