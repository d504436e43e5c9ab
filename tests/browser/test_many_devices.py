"""One person with two devices, at a shop that hands its token to the service: whose answer counts where.

Each test has two browsers of the same customer. The pages of the shop are another origin than the service, and do what
docs/how-to/sign-customers-in.md says.
"""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.shops import Shops
from tests.browser.visitor import Visit, Visitor, until

EMAIL = {"name": "Ada Meadow", "email": "ada@mailbox.example"}
UNKNOWN, CONSENT = "It is off until you say yes.", "You said yes, so it is on."
REFUSED = "You said no, so it is off."
CLOSED = "It is off in this browser, because you said no here."


def at_the_shop(visitor: Visitor, shops: Shops, number: str, said: str | None = None) -> None:
    """Look at the shop's page, and press a button of the banner where something is said."""
    visitor.page.goto(f"{shops.at('tea')}/?customer={number}")
    if said is not None:
        visitor.press(said)


def signs_in(visitor: Visitor) -> None:
    """Press the shop's own button; its page comes again, and has heard what is allowed."""
    with visitor.page.expect_response("**/v1/session") as reply, visitor.page.expect_navigation():
        visitor.page.locator("#in").click()
    assert reply.value.status == 201
    until(visitor.page, "window.ecrm?.permissions.length > 0")


def preference(visitor: Visitor, purpose: str = "personalize") -> Locator:
    """Open the preferences; returns what stands there about a purpose."""
    visitor.page.goto("/preferences")
    return visitor.page.locator(f"#purpose-{purpose}")


def is_shown(visitor: Visitor, words: str) -> None:
    """The preferences say so in these words, and the switch agrees."""
    section = preference(visitor)
    expect(section).to_contain_text(words)
    expect(section.get_by_role("switch").first).to_have_attribute("aria-checked", str(words == CONSENT).lower())


@pytest.mark.parametrize(
    ("account", "browser", "here", "there", "then"),
    [
        (None, "refuse_all", REFUSED, REFUSED, None),
        (None, "accept_all", CONSENT, UNKNOWN, "everywhere"),
        ("accept_all", "refuse_all", CLOSED, CONSENT, "here"),
        ("refuse_all", "accept_all", REFUSED, REFUSED, None),
    ],
)
def test_the_accounts_answer_counts(
    come: Visit, shops: Shops, account: str | None, browser: str | None, here: str, there: str, then: str | None
) -> None:
    """What both said meets as the table says; a yes of one browser is everybody's by a click, a no ends by a yes."""
    number, this, other = shops.customer(), come(), come()
    at_the_shop(other, shops, number)
    signs_in(other)
    if account is not None:
        other.press(account)
    at_the_shop(this, shops, number, browser)
    signs_in(this)
    expect(this.banner).to_have_count(0)
    is_shown(other, there)
    is_shown(this, here)
    assert this.page.locator("input:checked").count() == 0
    everywhere = this.page.locator("#purpose-personalize .here-only button")
    expect(everywhere).to_have_count(int(then == "everywhere"))
    if then is not None:
        switch = this.page.locator('[role=switch][name="answer.personalize"]')
        (everywhere if then == "everywhere" else switch).click()
        expect(this.page.locator("#flash a")).to_be_visible()
        is_shown(this, CONSENT)
        expect(everywhere).to_have_count(0)
        is_shown(other, CONSENT)
        expect(preference(other, "remember")).to_contain_text(UNKNOWN if then == "everywhere" else CONSENT)


def test_signing_out_leaves_nothing(come: Visit, shops: Shops) -> None:
    """No cookie, nothing on the page, nothing after Back: neither at the service nor at the shop."""
    number, this = shops.customer(contact=EMAIL), come()
    page = this.page
    at_the_shop(this, shops, number)
    signs_in(this)
    this.press("accept_all")
    expect(preference(this)).to_contain_text(CONSENT)
    expect(page.locator("main")).to_contain_text(EMAIL["name"])
    at_the_shop(this, shops, number)
    assert {cookie["name"] for cookie in this.context.cookies()} == {"ecrm", "ecrm_choice"}
    with page.expect_response(lambda reply: reply.request.method == "DELETE") as reply, page.expect_navigation():
        page.locator("#out").click()
    assert reply.value.status == 200
    assert this.context.cookies() == []
    expect(this.banner).to_be_visible()  # a new browser, of which nothing is known
    assert not page.evaluate("ecrm.allowed('personalize')")
    page.go_back(wait_until="commit")
    expect(page.locator("main")).to_be_visible()
    for word in EMAIL.values():
        assert word not in page.content()
    is_shown(this, UNKNOWN)


def test_whoever_leaves_at_once_has_said_no(come: Visit, shops: Shops) -> None:
    """A no without a name stands in a cookie alone, and it comes also when the page is left before it did."""
    visitor = come()
    page = visitor.page
    preference(visitor)
    with shops.busy():
        with page.expect_request(lambda request: request.method == "POST"):
            page.locator('[role=switch][name="answer.measure"]').click()
        page.reload()
    until(page, "document.cookie.includes('ecrm_choice')")
    expect(preference(visitor, "measure").get_by_role("switch").first).to_have_attribute("aria-checked", "false")
