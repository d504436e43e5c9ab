"""Bad input, as the person before the screen meets it: the page is whole and says in words what was not taken."""

import asyncio
import json

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.shops import DOMAIN, YES_PER_MINUTE, Shops
from tests.browser.visitor import Visit, Visitor, until
from tests.houses import SESSION

REFUSED = "the server responded with a status of 4"
NOBODY = "3675e2b7-f5aa-499c-9442-be484646458f"
SWITCH = '[role=switch][name="answer.{}"]'


@pytest.mark.parametrize(("name", "value", "closes"), [(SESSION, NOBODY, False), ("ecrm_choice", "9'><b>x", True)])
def test_a_forged_cookie_opens_nothing_and_breaks_nothing(
    come: Visit, shops: Shops, name: str, value: str, closes: bool
) -> None:
    """Whoever brings one is nobody: a stranger's page, all off where it cannot be read; an answer puts it right."""
    visitor = come()
    page = visitor.page
    where = {"domain": f".{DOMAIN}", "path": "/"} if name == "ecrm_choice" else {"url": shops.base}
    visitor.context.add_cookies([{"name": name, "value": value, **where}])
    page.goto("/preferences")
    expect(page.locator("main")).to_contain_text("You are not signed in.")
    expect(page.locator(SWITCH.format("personalize"))).to_have_attribute("aria-checked", "false")
    expect(page.locator(SWITCH.format("measure"))).to_have_attribute("aria-checked", str(not closes).lower())
    expect(page.locator("b")).to_have_count(0)
    visitor.switches("personalize")
    page.goto(shops.at("tea"))
    until(page, "window.ecrm?.allowed('personalize')")
    assert page.evaluate("!ecrm.allowed('advertise')")


def other_notice(page: Page) -> None:
    """Let the page's answers name the notice of another shop."""

    def change(route: Route) -> None:
        route.continue_(post_data=json.dumps(route.request.post_data_json | {"notice": "shop@1"}))

    page.route("**/v1/answers", change)


def test_a_yes_to_the_notice_of_another_site_is_none(come: Visit, shops: Shops) -> None:
    """The banner says that it was not saved and can be answered again; then it is."""
    visitor = come(errors=(REFUSED,))
    page = visitor.page
    page.goto(shops.at("stall"))
    other_notice(page)
    visitor.banner.locator("[data-ecrm-action=accept_all]").click()
    expect(visitor.banner.get_by_role("status")).to_have_text("That was not saved. Please try again.")
    assert not page.evaluate("ecrm.allowed('stall')") and visitor.context.cookies() == []
    page.unroute("**/v1/answers")
    visitor.press("accept_all")
    assert page.evaluate("ecrm.allowed('stall')")


def test_a_form_with_the_notice_of_another_site_is_answered_in_words(come: Visit, shops: Shops) -> None:
    """Without scripts the same is a page that says so and leads back; nothing changed."""
    visitor = come(scripts=False, errors=(REFUSED,))
    page = visitor.page
    page.goto("/preferences?site=stall")
    page.locator("#answers input[name=notice]").evaluate("(each) => { each.value = 'shop@1'; }")
    page.locator(SWITCH.format("stall")).click()
    expect(page.locator("h1")).to_have_text("This could not be read")
    expect(page.locator("main")).to_contain_text("Nothing was recorded.")
    page.go_back()
    expect(page.locator(SWITCH.format("stall"))).to_have_attribute("aria-checked", "false")
    assert visitor.context.cookies() == []


def too_many(visitor: Visitor, shops: Shops) -> None:
    """Say yes with this browser's cookies until no more are taken."""
    browser = shops.opened.browser(Origin=shops.base)
    for cookie in visitor.context.cookies():
        browser.http.cookies.set(cookie["name"], cookie["value"])

    async def burst() -> set[int]:
        said = [browser.answer({"remember": "given"}) for _ in range(YES_PER_MINUTE + 1)]
        return {reply.status_code for reply in await asyncio.gather(*said)}

    assert shops.do(burst()) == {201, 429}


def test_in_a_burst_of_answers_a_no_gets_through(come: Visit, shops: Shops) -> None:
    """A yes too many is a page that says to wait; a no of the same person is taken at once."""
    visitor = come(errors=(REFUSED,))
    page = visitor.page
    visitor.switches("remember")
    too_many(visitor, shops)
    page.locator(SWITCH.format("personalize")).click()
    expect(page.locator("h1")).to_have_text("That was too fast")
    expect(page.locator("main")).to_contain_text("A no is always taken at once.")
    page.get_by_role("link", name="Back to your privacy").click()
    expect(page.locator(SWITCH.format("personalize"))).to_have_attribute("aria-checked", "false")
    visitor.switches("remember")
    expect(page.locator(SWITCH.format("remember"))).to_have_attribute("aria-checked", "false")
