"""Double opt-in: a yes to a channel counts once it was confirmed over that channel, and leaves nothing else behind."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.vocabulary import Category
from ecrm_privacy.web.texts import TEXTS
from tests.conftest import ADMIN_PASSWORD
from tests.houses import Opened, idempotent
from tests.integration.channels.people import asked_to_confirm, sign_up, status
from tests.integration.privacy.dump import take
from tests.integration.privacy.traces import find
from tests.mailbox import Mailbox, link_in, text_of

pytestmark = pytest.mark.anyio


async def pending(opened: Opened) -> list[Any]:
    async with opened.as_admin() as admin:
        return list(await admin.fetch("select * from ecrm.pending"))


async def pending_keys(opened: Opened) -> int:
    async with opened.as_admin() as admin:
        return int(await admin.fetchval("select count(*) from ecrm.subject_key where category = 'pending'"))


async def test_a_yes_counts_once_it_was_confirmed(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """Requested until then; a link that is only opened, however often, confirms nothing; its button does."""
    browser, link = await asked_to_confirm(opened, mailbox, address)
    assert await status(browser) == "requested" and "offers/email" not in await browser.allowed()
    scanner = opened.browser().http
    for _ in range(3):
        page = await scanner.get(link)
        assert page.status_code == 200 and address not in page.text and "<form" in page.text
        assert (await scanner.head(link)).status_code == 200
    assert await status(browser) == "requested"
    confirmed = await opened.browser().http.post(link, content=b"")
    assert confirmed.status_code == 200 and address not in confirmed.text
    assert await status(browser) == "given" and "offers/email" in await browser.allowed()


async def test_the_confirmed_yes_is_an_entry_with_its_evidence(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """Its method is double_opt_in; it says over which channel, in which message and to which entry."""
    browser, link = await asked_to_confirm(opened, mailbox, address)
    (letter,) = mailbox.to(address)
    await opened.browser().http.post(link)
    newest, asked = (await browser.http.get("/v1/receipts")).json()["receipts"]
    assert newest["method"] == "double_opt_in" and newest["kind"] == "answer"
    assert [(each["channel"], each["status"]) for each in newest["changes"]] == [("email", "given")]
    assert "by_parent" not in (await browser.http.get("/v1/permissions")).text, "nobody said it for them"
    message = letter["Message-ID"].strip("<>").partition("@")[0]
    assert newest["evidence"] == f"confirmed over email; asked in entry {asked['leaf_index']}; message {message}"


async def test_links_that_do_not_confirm_are_told_apart(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """Forged, used and out of time are problems of their own, shown and pressed, in people's words; nothing changes."""
    browser, link = await asked_to_confirm(opened, mailbox, address)
    http = opened.browser().http
    assert (await http.post(link)).status_code == 200
    late, old = await asked_to_confirm(opened, mailbox, f"late-{address}")
    async with opened.as_admin() as admin:
        await admin.execute("update ecrm.pending set expires = now() where sealed is not null")
    flipped = link[:-2] + ("A" if link[-2] != "A" else "B") + link[-1]
    for path, kind, code, words in (
        (link, "link-used", 410, "used"),
        (old, "link-expired", 410, "over"),
        (flipped, "link-unknown", 404, "link"),
        ("/confirm/nobody@example.com", "link-unknown", 404, "link"),
        (f"{link}A", "link-unknown", 404, "link"),
    ):
        for reply in (await http.get(path), await http.post(path)):
            assert (reply.status_code, reply.json()["type"]) == (code, f"/problems/{kind}")
        page = await http.get(path, headers={"Accept": "text/html", "Accept-Language": "ar"})
        assert TEXTS["ar"][f"problem_{words}_text"] in page.text
    assert await status(browser) == "given" and await status(late) == "requested"


async def test_one_message_a_day_goes_to_an_address(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """Whoever asks, and however it is spelled; the first link confirms what the same person asked for again."""
    browser, link = await asked_to_confirm(opened, mailbox, address)
    await sign_up(browser, address.upper())
    for _ in range(3):
        await sign_up(opened.browser(), f" {address} ")
    await opened.settle()
    assert len(mailbox.letters) == 1
    assert (await opened.browser().http.post(link)).status_code == 200
    assert "offers/email" in await browser.allowed()
    async with opened.as_admin() as admin:
        await admin.execute("update ecrm.messaged set value = sha256(value), day = day - 1")
    await sign_up(opened.browser(), address)
    await opened.settle()
    assert len(mailbox.letters) == 3  # the welcome, and another day's question


async def test_the_answer_is_the_same_for_addresses_that_are_known(
    opened: Opened, mailbox: Mailbox, address: str
) -> None:
    """An address that somebody confirmed and one that nobody ever had get the same bytes, and the same message."""
    _, link = await asked_to_confirm(opened, mailbox, address)
    await opened.browser().http.post(link)
    await opened.settle()
    mailbox.clear()
    async with opened.as_admin() as admin:
        await admin.execute("delete from ecrm.messaged")
    other = f"un{address}"
    replies = []
    for each in (address, other):
        reply = await sign_up(opened.browser(), each)
        told = {name: value for name, value in reply.json().items() if "receipt" not in name and name != "leaf_index"}
        replies.append((reply.status_code, sorted(reply.headers), told))
    assert replies[0] == replies[1]
    await opened.settle()
    (known,), (unknown,) = mailbox.to(address), mailbox.to(other)
    assert known["Subject"] == unknown["Subject"]
    assert text_of(known).partition("/confirm/")[0] == text_of(unknown).partition("/confirm/")[0]


async def test_what_nobody_confirms_is_gone_after_three_days(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """Nothing opens it when its time is over, and the next look takes it away, with its key."""
    await opened.house.channels.forget()
    async with opened.as_admin() as admin:
        await admin.execute("delete from ecrm.pending")
        await admin.execute("delete from ecrm.subject_key where category = 'pending'")
    await asked_to_confirm(opened, mailbox, address)
    ((row,),) = (await pending(opened),)
    async with opened.as_admin() as admin:
        left = row["expires"] - await admin.fetchval("select now()")
        assert timedelta(hours=71) < left <= timedelta(hours=72)
        await opened.house.channels.forget()
        assert len(await pending(opened)) == await pending_keys(opened) == 1
        await admin.execute("update ecrm.pending set expires = now()")
    await opened.house.channels.forget()
    assert await pending(opened) == [] and await pending_keys(opened) == 0


async def test_a_message_that_is_late_is_not_sent(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """The mail server was away for three days: its link would confirm nothing any more."""
    await sign_up(opened.browser(), address)
    async with opened.as_admin() as admin:
        await admin.execute("update ecrm.pending set expires = now() where sealed is not null")
    await opened.settle()
    assert mailbox.letters == []


async def test_a_no_in_between_ends_the_request(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """Whoever took it back, to the channel or to its purpose, is not opted in by a link that is pressed later."""
    for n, rule in enumerate(("offers/email", "offers")):
        browser, link = await asked_to_confirm(opened, mailbox, f"{n}{address}")
        assert (await browser.answer({rule: "withdrawn"})).status_code == 201
        reply = await opened.browser().http.post(link)
        assert reply.json()["type"] == "/problems/link-expired"
        assert await status(browser) in {"refused", "withdrawn"}


async def test_another_address_replaces_the_first(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """Whoever mistyped asks again, and the link that a stranger got confirms nothing any more."""
    browser, wrong = await asked_to_confirm(opened, mailbox, f"wrong-{address}")
    await sign_up(browser, address)
    await opened.settle()
    assert (await opened.browser().http.post(wrong)).json()["type"] == "/problems/link-expired"
    assert await status(browser) == "requested"


async def test_pressed_twice_at_once_it_is_one_entry(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """One press confirms, the other is told that it was done."""
    browser, link = await asked_to_confirm(opened, mailbox, address)
    replies = await asyncio.gather(*(opened.browser().http.post(link) for _ in range(4)))
    assert sorted(reply.status_code for reply in replies) == [200, 410, 410, 410]
    assert len((await browser.http.get("/v1/receipts")).json()["receipts"]) == 2


async def test_a_customers_own_address_is_asked(opened: Opened, mailbox: Mailbox, address: str, number: str) -> None:
    """Signed in nobody types it: the address that the shop has is asked, and it is the account's yes."""
    browser = opened.browser()
    await browser.sign_in(number)
    await browser.answer({"offers": "given"})
    profile = Profile(number, {Category("contact"): {"email": address}})
    assert await opened.house.profiles.put([profile], site_signals(opened.house), Where("demo", "en", "eu")) == [0]
    await browser.answer({"offers/email": "given"})
    await opened.settle()
    (letter,) = mailbox.to(address)
    assert (await opened.browser().http.post(link_in(letter))).status_code == 200
    assert "offers/email" in await browser.allowed()


async def test_whoever_was_never_to_be_contacted_is_not_asked(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """Anybody can type an address: one on the suppression list gets no message, and the answer says nothing of it."""
    browser, link = await asked_to_confirm(opened, mailbox, address)
    await opened.browser().http.post(link)
    reply = await browser.http.post(
        "/v1/rights-requests", json={"right": "erasure", "never_contact": True}, headers=idempotent()
    )
    assert reply.json()["suppressed"] == 1
    await opened.settle()
    mailbox.clear()
    async with opened.as_admin() as admin:
        await admin.execute("delete from ecrm.messaged")
    assert (await sign_up(opened.browser(), address)).status_code == 201
    await opened.settle()
    assert mailbox.letters == []


async def test_an_erasure_takes_what_is_pending(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """Its key and its row go at once, the link is dead, and a message that is still owed is not sent."""
    browser, link = await asked_to_confirm(opened, mailbox, address)
    package_of = await browser.ask("access")
    package = (await browser.http.get(f"/v1/rights-requests/{package_of.json()['request_id']}/export")).json()
    assert [each["pending"][0]["address"] for each in package["about_you"]] == [address]
    before = await pending_keys(opened)
    await browser.ask("erasure")
    assert await pending_keys(opened) == before - 1
    assert (await opened.browser().http.post(link)).json()["type"] == "/problems/link-expired"


async def test_no_address_stands_anywhere(opened: Opened, mailbox: Mailbox, address: str) -> None:
    """A dump has none, neither waiting nor confirmed."""
    _, link = await asked_to_confirm(opened, mailbox, address)
    await asked_to_confirm(opened, mailbox, f"second-{address}")
    await opened.browser().http.post(link)
    dumped = await asyncio.to_thread(take, opened.address, ADMIN_PASSWORD)
    assert find([address], [dumped.text, dumped.binary()]) == []


@pytest.mark.parametrize(
    ("channel", "text"),
    [
        ("email", "nobody"),
        ("email", "a@b\r\nBcc: c@d.example"),
        ("email", "a b@c.example"),
        ("email", f"{'a' * 250}@b.example"),
        ("sms", "12345"),
        ("sms", "+49 call me"),
        ("post", "4 Weir Lane"),
    ],
)
async def test_what_is_no_address_is_refused(opened: Opened, channel: str, text: str) -> None:
    """The problem names the field and never its value; nothing is stored."""
    browser = opened.browser()
    reply = await sign_up(browser, text, channel)
    assert reply.status_code == 400 and "address" in reply.json()["detail"] and text not in reply.text
    assert browser.cookies == {}
