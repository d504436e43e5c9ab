"""The choices: they come when they are wanted, are there at once, and where they cannot be loaded they are a page."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import TAGS, Visit, at_a_shop

PART = "**/static/ecrm-choices.js"
OPENERS = (
    '<h1>A shop</h1><button data-ecrm-open="offers">Your privacy</button><a data-ecrm-open href="/signin">Yours</a>'
)


def block(page: Page) -> None:
    """Let something in the browser keep the part away."""
    page.route(PART, lambda route: route.abort("blockedbyclient"))


@pytest.mark.parametrize("near", ["pointer", "keyboard"])
def test_they_are_there_before_they_are_wanted(visit: Visit, near: str) -> None:
    """They are looked for when somebody comes near the question, and not before; then they open at once."""
    visitor = visit()
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.page.goto("/")
    accept = visitor.banner.locator("[data-ecrm-action=accept_all]")
    accept.wait_for()
    visitor.page.wait_for_load_state("networkidle")
    assert not [url for url in asked if "ecrm-choices" in url]
    with visitor.page.expect_response(PART) as part:
        accept.hover() if near == "pointer" else accept.focus()
    part.value.finished()
    visitor.context.set_offline(True)
    visitor.banner.locator("[data-ecrm-action=choose]").click()
    expect(visitor.banner.get_by_role("switch").first).to_be_visible()
    visitor.context.set_offline(False)


def test_who_has_answered_loads_them_when_they_are_wanted(visit: Visit) -> None:
    """A page that asks nothing does not load them; the opener does, and the answer is taken as before."""
    visitor = visit()
    visitor.answers("refuse_all")
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.page.goto("/")
    visitor.page.wait_for_load_state("networkidle")
    assert not [url for url in asked if "ecrm-choices" in url or "/v1/notice" in url]
    visitor.page.locator("footer [data-ecrm-open]").click()
    visitor.banner.locator('input[name="remember//"]').check()
    visitor.press("save")
    assert visitor.page.evaluate("ecrm.allowed('remember') && !ecrm.allowed('personalize')")


def test_a_channel_needs_its_purpose(visit: Visit) -> None:
    """A channel brings its purpose along, and a purpose takes its channels back; what is sent is what is shown."""
    visitor = visit()
    at_a_shop(visitor.page, "<h1>A shop</h1>")
    visitor.banner.locator("[data-ecrm-action=choose]").click()
    purpose, channel = (visitor.banner.locator(f'input[name="{name}"]') for name in ("offers//", "offers/email/"))
    channel.check()
    expect(purpose).to_be_checked()
    purpose.uncheck()
    expect(channel).not_to_be_checked()
    channel.check()
    with visitor.page.expect_request("**/v1/answers") as sent:
        visitor.banner.locator("[data-ecrm-action=save]").click()
    said = {(each["purpose"], each.get("channel")): each["answer"] for each in sent.value.post_data_json["answers"]}
    assert said["offers", None] == said["offers", "email"] == "given"
    assert said["personalize", None] == "refused"
    expect(visitor.banner.locator("[data-ecrm-action=undo]")).to_be_visible()


def test_without_them_the_button_leads_to_the_page(visit: Visit) -> None:
    """Where the part cannot be loaded the question stands as before, and Choose leads to the preferences."""
    visitor = visit(reduced_motion="reduce")
    block(visitor.page)
    visitor.page.goto("/")
    visitor.banner.locator("[data-ecrm-action=choose]").click()
    visitor.page.wait_for_url("**/preferences")
    visitor.page.goto("/")
    visitor.press("refuse_all")
    expect(visitor.banner.locator("[data-ecrm-action=close]")).to_be_visible()


def test_without_them_an_opener_leads_where_it_says(visit: Visit) -> None:
    """An opener that is a link leads where it leads, any other to the preferences."""
    visitor = visit(reduced_motion="reduce")
    block(visitor.page)
    for opener, place in (("button[data-ecrm-open]", "**/preferences"), ("a[data-ecrm-open]", "**/signin")):
        at_a_shop(visitor.page, OPENERS, TAGS)
        visitor.banner.locator("section").wait_for()
        visitor.page.locator(opener).click()
        visitor.page.wait_for_url(place)


def test_focus_returns_to_what_opened_them(visit: Visit) -> None:
    """By keyboard alone: the opener opens them where the reading begins, Escape closes them and leads back."""
    visitor = visit()
    visitor.answers("refuse_all")
    at_a_shop(visitor.page, OPENERS)
    opener = visitor.page.get_by_role("button", name="Your privacy")
    opener.focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.banner.locator('input[name="offers//"]')).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(visitor.banner).to_have_count(0)
    expect(opener).to_be_focused()
