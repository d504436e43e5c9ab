"""Channels from the form to the way out: what the person presses, what comes to them, and what their page says then."""

import json

import pytest
from playwright.sync_api import Error, Locator, expect

from tests.browser.shops import Shops, snippet
from tests.browser.visitor import Visit, Visitor, until
from tests.integration.channels.test_sms_and_push import hand_in, subscribe
from tests.mailbox import link_in
from tests.unit.vault.test_web_push import opened as opened_by_browser

ASKED, BACK = "We asked you to confirm this", "You took your yes back"
NUMBER = "+491701234567"


def channel(visitor: Visitor, name: str) -> Locator:
    """Open the preferences; returns the switch of a channel of offers."""
    visitor.page.goto("/preferences")
    return visitor.page.locator("#purpose-offers").get_by_role("switch", name=name)


def stands(visitor: Visitor, name: str, words: str, checked: bool) -> None:
    """A channel is said to be on or off, with what the person said."""
    switch = channel(visitor, name)
    expect(switch).to_have_attribute("aria-checked", str(checked).lower())
    expect(visitor.page.locator("#purpose-offers li").filter(has_text=name)).to_contain_text(words)


def signs_up(visitor: Visitor, where: str, address: str) -> None:
    """Fill in the form for an address."""
    visitor.page.goto(f"/sign-up/offers/{where}")
    visitor.page.locator("#address").fill(address)
    visitor.page.get_by_role("button", name="Yes, write to me").click()
    expect(visitor.page.locator("#address")).to_have_count(0)


def confirms(visitor: Visitor, link: str, heading: str) -> None:
    """Open a link from a message, and press its one button."""
    visitor.page.goto(link)
    visitor.page.locator("main button").click()
    expect(visitor.page.locator("h1")).to_have_text(heading)


def test_mail_from_the_form_to_the_way_out(come: Visit, shops: Shops) -> None:
    """A link that is opened does nothing, its button does: in whichever browser, also without scripts."""
    visitor, reader, address = come(), come(scripts=False), "ada@mailbox.example"
    signs_up(visitor, "email", address)
    stands(visitor, "E-mail", ASKED, checked=False)
    shops.settle()
    (letter,) = shops.mailbox.to(address)
    reader.page.goto(link_in(letter))
    stands(visitor, "E-mail", ASKED, checked=False)
    confirms(reader, link_in(letter), "Thank you")
    stands(visitor, "E-mail", "You said yes", checked=True)
    shops.settle()
    _, welcome = shops.mailbox.to(address)
    reader.page.goto(link_in(welcome, "/unsubscribe/"))
    stands(visitor, "E-mail", "You said yes", checked=True)
    confirms(reader, link_in(welcome, "/unsubscribe/"), "It is ended")
    stands(visitor, "E-mail", BACK, checked=False)
    assert reader.context.cookies() == []


def test_a_word_ends_text_messages(come: Visit, shops: Shops) -> None:
    """STOP sent back from the telephone is on the page, with its receipt; the yes to offers themselves stays."""
    visitor = come()
    signs_up(visitor, "sms", NUMBER)
    shops.settle()
    text = json.loads(shops.provider.got[-1][2])["text"]
    confirms(visitor, "/confirm/" + text.partition("/confirm/")[2].split()[0], "Thank you")
    stands(visitor, "Text message", "You said yes", checked=True)
    assert shops.do(hand_in(shops.opened, NUMBER, "STOP")).status_code == 204
    stands(visitor, "Text message", BACK, checked=False)
    expect(visitor.page.locator('[role=switch][name="answer.offers"]')).to_have_attribute("aria-checked", "true")
    assert visitor.page.locator("#receipts li").count() == 3


SUBSCRIBE = """async () => {
  await navigator.serviceWorker.register("/worker.js");
  %s
  return JSON.stringify(subscription);
}"""
INSTEAD = "(text) => { PushManager.prototype.subscribe = async (told) => (window.told = told, JSON.parse(text)); }"
SAY = """(address) => ecrm.answer([{purpose: "offers", answer: "given"},
  {purpose: "offers", channel: "web_push", answer: "given", address}])"""


def test_a_subscription_is_reached_and_shown(come: Visit, shops: Shops) -> None:
    """What the page of a shop does by our documentation: Chromium takes our key, the welcome comes, the page says on.

    Chromium's own push service cannot be had here, and it has none where nothing is kept: what that would return is
    the test's, all before it and after it is real.
    """
    visitor = come()
    page = visitor.page
    page.goto(shops.at("tea"))
    until(page, "window.ecrm?.permissions.length > 0")
    subscribe_here = SUBSCRIBE % snippet("pushManager", shops.base)
    visitor.context.grant_permissions(["notifications"], origin=shops.at("tea"))
    for key, refused in (("'AAAA'", "InvalidAccessError"), ("key", "Registration failed")):
        with pytest.raises(Error, match=refused):
            page.evaluate(subscribe_here.replace("applicationServerKey: key", f"applicationServerKey: {key}"))
    text, secret, auth = subscribe(shops.provider.base)
    page.evaluate(INSTEAD, text)
    page.evaluate(SAY, page.evaluate(subscribe_here))
    assert page.evaluate("told.userVisibleOnly")
    stands(visitor, "Browser notification", "You said yes", checked=True)
    shops.settle()
    (_, headers, body) = shops.provider.got[-1]
    assert headers["authorization"].startswith("vapid ")
    assert json.loads(opened_by_browser(body, secret, auth))["title"] == "Welcome: News and offers"
