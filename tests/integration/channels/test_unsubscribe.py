"""One-click unsubscribe (RFC 8058), as mail programs press it: without cookie and origin, and with nothing to gain."""

import re

import httpx
import pytest

from tests.houses import ORIGIN, Browser, Opened, idempotent
from tests.integration.channels.people import asked_to_confirm, status
from tests.mailbox import Mailbox, link_in

pytestmark = pytest.mark.anyio

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def mail_program(opened: Opened) -> httpx.AsyncClient:
    """The server of a mail provider: it knows the link and nothing else."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=opened.app), base_url=ORIGIN)


async def subscribed(opened: Opened, mailbox: Mailbox, address: str) -> tuple[Browser, str]:
    """Somebody who confirmed, and the link in the header of their welcome."""
    browser, link = await asked_to_confirm(opened, mailbox, address)
    await opened.browser().http.post(link)
    await opened.settle()
    header = mailbox.to(address)[-1]["List-Unsubscribe"]
    found = re.fullmatch(rf"<{ORIGIN}(/unsubscribe/[^<>\s]+)>", header)
    assert found, header
    return browser, found[1]


async def test_one_click_from_the_mail_program(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """One POST ends it, from the next request on; it is an entry with its evidence; the purpose's own yes stays."""
    browser, link = await subscribed(opened, mailbox, address)
    reply = await mail_program(opened).post(link, data=ONE_CLICK)
    assert reply.status_code == 200 and "set-cookie" not in reply.headers
    assert await status(browser) == "withdrawn"
    assert "offers/email" not in await browser.allowed() and "offers" in await browser.allowed()
    newest = (await browser.http.get("/v1/receipts")).json()["receipts"][0]
    assert newest["evidence"] == "one-click unsubscribe (RFC 8058)"
    assert [(each["channel"], each["status"]) for each in newest["changes"]] == [("email", "withdrawn")]


@pytest.mark.parametrize("form", ["urlencoded", "multipart"])
async def test_the_mails_own_headers_are_enough(opened: Opened, mailbox: Mailbox, address: str, form: str) -> None:
    """Address and body are those of the letter as it arrived; RFC 8058 lets a program send the body in two forms."""
    browser, _ = await asked_to_confirm(opened, mailbox, address)
    await opened.browser().http.post(link_in(mailbox.to(address)[0]))
    await opened.settle()
    letter = mailbox.to(address)[-1]
    assert [len(letter.get_all(name, [])) for name in ("List-Unsubscribe", "List-Unsubscribe-Post")] == [1, 1]
    url = letter["List-Unsubscribe"].removeprefix("<").removesuffix(">")
    name, _, value = letter["List-Unsubscribe-Post"].partition("=")
    sent = {"files": {name: (None, value)}} if form == "multipart" else {"data": {name: value}}
    reply = await httpx.AsyncClient(transport=httpx.ASGITransport(app=opened.app)).post(url, **sent)
    assert reply.status_code == 200
    assert await status(browser) == "withdrawn"


async def test_looking_ends_nothing(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """A scanner that opens every link finds a page with one button, which does it."""
    browser, link = await subscribed(opened, mailbox, address)
    page = await mail_program(opened).get(link)
    assert page.status_code == 200 and page.text.count("<button") == 1 and address not in page.text
    assert await status(browser) == "given"
    assert (await opened.browser().http.post(link, data=ONE_CLICK)).status_code == 200
    assert await status(browser) == "withdrawn"


async def test_it_may_be_pressed_again(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """By anybody, as often as they like: the same page, and no further entry."""
    browser, link = await subscribed(opened, mailbox, address)
    replies = [await mail_program(opened).post(link) for _ in range(3)]
    assert {(reply.status_code, reply.text) for reply in replies} == {(200, replies[0].text)}
    assert len((await browser.http.get("/v1/receipts")).json()["receipts"]) == 3


async def test_it_gains_nothing_from_a_cookie(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """Somebody else's session neither ends anything of theirs, nor changes what comes back."""
    browser, link = await subscribed(opened, mailbox, f"a-{address}")
    other, _ = await subscribed(opened, mailbox, f"b-{address}")
    with_session = await other.http.post(link, data=ONE_CLICK, headers={"Sec-Fetch-Site": "cross-site"})
    assert with_session.status_code == 200 and "set-cookie" not in with_session.headers
    assert await status(browser) == "withdrawn" and await status(other) == "given"


async def test_whoever_is_erased_is_told_the_same(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """The link says nothing about whether anybody is there."""
    browser, link = await subscribed(opened, mailbox, f"a-{address}")
    other, another = await subscribed(opened, mailbox, f"b-{address}")
    await browser.http.post("/v1/rights-requests", json={"right": "erasure"}, headers=idempotent())
    gone = await mail_program(opened).post(link)
    there = await mail_program(opened).post(another)
    assert (gone.status_code, gone.text) == (there.status_code, there.text)
    assert await status(other) == "withdrawn"


async def test_a_forged_link_is_a_problem(opened: Opened) -> None:
    """It is told apart by its form alone, and other writes still need their origin."""
    forged = ("offers~email~AAAA", "nobody@example.com", "a~b~c~d", f"{'%C3%A9' * 200}~email~{'A' * 62}")
    for path in (f"/unsubscribe/{each}" for each in forged):
        for reply in (await mail_program(opened).get(path), await mail_program(opened).post(path)):
            assert (reply.status_code, reply.json()["type"]) == (404, "/problems/link-unknown")
    for path in ("/preferences", "/v1/answers", "/confirm/x", "/unsubscribe"):
        reply = await mail_program(opened).post(path)
        assert reply.json()["type"] == "/problems/foreign-origin", path
