"""Back and Forward: what the browser kept of a page is never shown where it is permitted no longer.

Each page comes from the back/forward cache of the browser, also those that say `no-store`: a mark that a script left in
the page tells so. Between one look and the next somebody said something else, here or on another tab.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.visitor import TAGS, Demo, Visit, Visitor, at_a_shop

SLOT = '<h1>A shop</h1><ecrm-slot name="for-you" limit="4"></ecrm-slot><p id="after">After</p>'
FRAME = '<h1>A film</h1><iframe data-ecrm-purpose="advertise" data-ecrm-src="/banner" title="A film"></iframe>'
STILL = {"reduced_motion": "reduce"}
PERSONAL = '[data-slot="for-you"][data-personal="true"]'


AGAIN = '<script type="module" src="/static/again.js"></script>'
SHOWN = """addEventListener("pageshow", ({ persisted }) =>
  (sessionStorage.shown = persisted + " " + getComputedStyle(document.querySelector("main")).visibility))"""
"""Writes down whether a page came back as it was, and whether its content could be seen then."""


def known(visit: Visit, demo: Demo) -> Visitor:
    """Somebody who is signed in and has said yes to pages of their own."""
    visitor = visit(**STILL)
    visitor.signs_in(demo.file["customers"][0]["customer_number"])
    visitor.page.goto("/")
    visitor.page.evaluate(
        "ecrm.answer([{purpose: 'remember', answer: 'given'}, {purpose: 'personalize', answer: 'given'}])"
    )
    return visitor


def leave(page: Page, url: str) -> None:
    """Go on to another page; the one that is left is marked."""
    page.evaluate("window.kept = true")
    page.goto(url)


def back(page: Page) -> None:
    """Go back, to what the browser kept."""
    page.go_back(wait_until="commit")
    assert page.evaluate("window.kept")


def until_it_holds(page: Page, selector: str) -> None:
    """Wait until the frame of the page holds this; asked in the page, because Playwright has lost sight of it."""
    for _ in range(100):
        if page.evaluate(f"!!document.querySelector('iframe').contentDocument?.querySelector('{selector}')"):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"the frame never held {selector}")


def hold(page: Page, pattern: str) -> list[Route]:
    """Let what is asked for from now on wait."""
    held: list[Route] = []

    def wait(route: Route) -> None:
        held.append(route)

    page.route(pattern, wait)
    return held


def let_go(page: Page, held: list[Route], pattern: str) -> None:
    """Let it come."""
    page.unroute(pattern)
    for route in held:
        route.continue_()


def act_on(tab: str, visitor: Visitor, act: Callable[[Page], None]) -> None:
    """Do something on this tab, which is on another page now, or on another tab of the same browser."""
    if tab == "here":
        act(visitor.page)
        return
    page = visitor.context.new_page()
    page.goto("/signin")
    act(page)
    page.close()


def withdraw(page: Page) -> None:
    """Take the yes to personal pages back."""
    page.evaluate("ecrm.answer([{purpose: 'personalize', answer: 'withdrawn'}])")


def sign_out(page: Page) -> None:
    """Sign out, as the button of the shop does."""
    origin = page.evaluate("location.origin")
    assert page.request.post("/signout", form={"return_to": "/"}, headers={"Origin": origin}).ok


@pytest.mark.parametrize("act", [withdraw, sign_out])
@pytest.mark.parametrize("tab", ["here", "on another tab"])
def test_a_slot_is_empty_until_it_was_asked_for_anew(
    visit: Visit, demo: Demo, act: Callable[[Page], None], tab: str
) -> None:
    """A page of the shop comes back with an empty slot of its size and allows nothing; then it shows what is true."""
    visitor = known(visit, demo)
    page = visitor.page
    at_a_shop(page, SLOT)
    page.locator(PERSONAL).wait_for()
    place = page.locator("#after").bounding_box()
    leave(page, "/signin")
    act_on(tab, visitor, act)
    held = hold(page, "**/v1/**")
    back(page)
    expect(page.locator("ecrm-slot")).to_have_text("")
    assert page.locator("#after").bounding_box() == place
    assert page.evaluate("ecrm.permissions") == []
    let_go(page, held, "**/v1/**")
    page.locator('[data-slot="for-you"][data-personal="false"]').wait_for()
    assert not page.evaluate("ecrm.allowed('personalize')")
    assert page.evaluate("window.kept")


@pytest.mark.parametrize("path", ["/", "/pages/yours"])
@pytest.mark.parametrize("act", [withdraw, sign_out])
def test_a_page_that_the_server_made_for_one_person_is_asked_for_anew(
    visit: Visit, demo: Demo, act: Callable[[Page], None], path: str
) -> None:
    """Of the shop's own pages neither what was permitted nor a name comes back."""
    visitor = known(visit, demo)
    page = visitor.page
    page.goto(path)
    page.locator(PERSONAL).wait_for()
    leave(page, "/signin")
    act_on("on another tab", visitor, act)
    page.go_back()
    page.locator('[data-slot="for-you"][data-personal="false"]').wait_for()
    if act is sign_out:
        assert demo.file["customers"][0]["name"].split()[0] not in page.content()


@pytest.mark.parametrize("tab", ["here", "on another tab"])
def test_the_preferences_come_back_as_they_are_now(visit: Visit, demo: Demo, tab: str) -> None:
    """The page of somebody who signed out is not shown again, and switches stand as they were answered last."""
    visitor = known(visit, demo)
    page = visitor.page
    page.goto("/preferences")
    switch = page.locator('[role=switch][name="answer.personalize"]')
    expect(switch).to_have_attribute("aria-checked", "true")
    page.evaluate(SHOWN)
    leave(page, "/signin")
    act_on(tab, visitor, withdraw)
    page.go_back()
    expect(switch).to_have_attribute("aria-checked", "false")
    assert page.evaluate("sessionStorage.shown") != "true visible"
    leave(page, "/signin")
    act_on(tab, visitor, sign_out)
    page.go_back()
    expect(page.locator("main")).to_be_visible()
    assert demo.file["customers"][0]["name"].split()[0] not in page.content()


@pytest.mark.parametrize("where", ["on another device", "on another tab"])
def test_my_view_comes_back_as_it_is_now(visit: Visit, demo: Demo, where: str) -> None:
    """What is inferred about somebody is not shown again once they took their yes back, or signed out."""
    visitor = known(visit, demo)
    page = visitor.page
    page.goto("/view")
    expect(page.locator("#topics svg").first).to_be_visible()
    page.evaluate(SHOWN)
    leave(page, "/signin")
    if where == "on another device":  # no cookie of this browser tells
        withdraw(known(visit, demo).page)
    else:
        act_on(where, visitor, sign_out)
    page.go_back()
    expect(page.locator("#compared")).to_be_visible()
    expect(page.locator("#topics, .compared")).to_have_count(0)
    assert page.evaluate("sessionStorage.shown") != "true visible"


def test_a_shops_own_page_can_do_the_same(visit: Visit) -> None:
    """With `again.js` a page that the browser kept comes back hidden, and then as its server makes it now."""
    page = visit(**STILL).page
    at_a_shop(page, "<main>Ada, this is yours</main>", AGAIN)
    page.evaluate(SHOWN)
    leave(page, "/signin")
    page.go_back()
    expect(page.locator("main")).to_be_visible()
    assert page.evaluate("[sessionStorage.shown, window.kept]") == ["true hidden", None]


def test_a_frame_stops_until_it_is_allowed_again(visit: Visit) -> None:
    """A frame that started is emptied when its page comes back, and starts again where its purpose is still allowed."""
    visitor = visit(**STILL)
    page = visitor.page
    at_a_shop(page, FRAME)
    visitor.press("accept_all")
    until_it_holds(page, "body.ecrm-framed")
    leave(page, "/signin")
    back(page)
    until_it_holds(page, "body.ecrm-framed")
    leave(page, "/signin")
    page.evaluate("ecrm.answer([{purpose: 'advertise', answer: 'withdrawn'}])")
    back(page)
    until_it_holds(page, "body[data-state] button")


def test_what_was_open_is_closed(visit: Visit) -> None:
    """Neither the choices of whoever was here before nor the address of their receipt come back."""
    visitor = visit(**STILL)
    page = visitor.page
    at_a_shop(page, "<h1>A shop</h1>", TAGS)
    visitor.press("refuse_all")
    expect(visitor.banner.locator("a")).to_be_visible()
    leave(page, "/signin")
    back(page)
    expect(visitor.banner).to_have_count(0)


def test_a_slot_that_cannot_be_asked_for_stays_empty(visit: Visit, demo: Demo) -> None:
    """Without a connection nothing that was permitted once is shown; with one the slot is filled again."""
    visitor = known(visit, demo)
    page = visitor.page
    at_a_shop(page, SLOT)
    page.locator(PERSONAL).wait_for()
    leave(page, "/signin")
    visitor.context.set_offline(True)
    back(page)
    expect(page.locator("ecrm-slot")).to_have_text("")
    visitor.context.set_offline(False)
    page.locator(PERSONAL).wait_for()
