"""Frames that wait for a yes: what stands in their place, and how they start and stop."""

import pytest
from playwright.sync_api import FrameLocator, Page, Route, expect

from tests.browser.test_banner import LAYOUT_SHIFT
from tests.browser.test_pages import AXE, RULES
from tests.browser.visitor import PHONE, TAGS, Visit, Visitor, at_a_shop, until

FRAME = (
    '<h1>A film</h1><p>Before</p><iframe id="film" title="A film about kettles" width="640" height="360" {more}'
    ' data-ecrm-purpose="{purpose}" data-ecrm-src="/frame"></iframe><p id="after">After</p>'
)
SETTLED = "document.querySelector('iframe').contentDocument?.body.dataset.state"


def shop(visitor: Visitor, purpose: str = "advertise", more: str = "", head: str = TAGS) -> FrameLocator:
    """Look at a page with a frame, and wait for what stands in its place."""
    page = visitor.page
    page.route("**/frame", lambda route: route.fulfill(body="<p>the film</p>", content_type="text/html"))
    at_a_shop(page, FRAME.format(purpose=purpose, more=more), head)
    until(page, SETTLED)
    return page.frame_locator("#film")


def test_a_frame_says_who_would_receive_what(visit: Visit) -> None:
    """Its host and the purpose's recipients are named, and what they would get; nothing was asked of the host."""
    visitor = visit()
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    body = shop(visitor).locator("body")
    host = visitor.page.evaluate("location.host")
    expect(body).to_contain_text(f"Received by: \u2068{host}\u2069, \u2068Larch Advertising\u2069")
    expect(body).to_contain_text("Uses: ")
    expect(body).to_contain_text("Our adverts on other sites")
    assert not [url for url in asked if url.endswith("/frame")]


def test_its_button_says_yes_to_exactly_its_purpose(visit: Visit) -> None:
    """One press starts the frame; no other purpose was answered, and the question about them stays."""
    visitor = visit()
    frame = shop(visitor)
    with visitor.page.expect_response("**/v1/answers") as reply:
        frame.get_by_role("button", name="Yes to this").click()
    said = reply.value.request.post_data_json
    assert [(each["purpose"], each["answer"]) for each in said["answers"]] == [("advertise", "given")]
    expect(visitor.page.frame_locator("#film").get_by_text("the film")).to_be_visible()
    rows = visitor.page.evaluate("ecrm.permissions")
    assert {row["purpose"] for row in rows if row["status"] == "given"} == {"advertise"}
    expect(visitor.banner).to_have_count(1)


def test_its_other_button_opens_the_choices(visit: Visit) -> None:
    """All choices open at the frame's purpose."""
    visitor = visit()
    shop(visitor).get_by_role("button", name="All choices").click()
    expect(visitor.banner.locator('input[name="advertise//"]')).to_be_focused()


def test_a_frame_that_was_stopped_says_so_again(visit: Visit) -> None:
    """After a withdrawal the frame is empty of its content and asks again."""
    visitor = visit()
    frame = shop(visitor)
    frame.get_by_role("button", name="Yes to this").click()
    expect(frame.get_by_text("the film")).to_be_visible()
    visitor.page.evaluate("ecrm.answer([{purpose: 'advertise', answer: 'withdrawn'}])")
    expect(visitor.page.frame_locator("#film").get_by_role("button", name="Yes to this")).to_be_visible()


@pytest.mark.parametrize("more", ["", 'loading="lazy"'], ids=["plain", "lazy"])
@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, PHONE], ids=["desk", "phone"])
def test_nothing_moves_when_it_comes_and_goes(visit: Visit, viewport: dict[str, int], more: str) -> None:
    """Neither what stands in the frame's place nor its content moves the page, on a screen wide or narrow."""
    visitor = visit(viewport=viewport)
    held: list[Route] = []
    page = visitor.page

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/v1/permissions?*", hold)
    page.route("**/frame", lambda route: route.fulfill(body="<p>the film</p>", content_type="text/html"))
    with page.expect_request("**/v1/permissions?*"):
        at_a_shop(page, FRAME.format(purpose="advertise", more=more))
    before = page.locator("#after").bounding_box()
    held[0].continue_()
    until(page, SETTLED)
    assert page.locator("#after").bounding_box() == before
    page.frame_locator("#film").get_by_role("button", name="Yes to this").click()
    expect(page.frame_locator("#film").get_by_text("the film")).to_be_visible()
    assert page.locator("#after").bounding_box() == before
    assert page.evaluate(LAYOUT_SHIFT) == 0


def test_a_frame_that_the_signal_closes_offers_no_yes(visit: Visit) -> None:
    """Where Global Privacy Control closes the purpose a yes would open nothing, so it is not offered; that is said."""
    frame = shop(visit(extra_http_headers={"Sec-GPC": "1"}))
    expect(frame.locator("body")).to_contain_text("asks us not to sell or share")
    expect(frame.get_by_role("button")).to_have_count(1)


def test_a_yes_without_a_connection_waits_in_the_frame_too(visit: Visit) -> None:
    """The frame says that the answer waits, and stays closed until it is acknowledged."""
    visitor = visit()
    frame = shop(visitor)
    visitor.context.set_offline(True)
    frame.get_by_role("button", name="Yes to this").click()
    expect(frame.get_by_role("status")).to_contain_text("No connection")
    assert not visitor.page.evaluate("document.querySelector('iframe').src")
    visitor.context.set_offline(False)
    expect(frame.get_by_text("the film")).to_be_visible()


def test_a_frame_that_is_shut_to_us_stays_empty(visit: Visit) -> None:
    """A sandboxed frame cannot be written into: it waits without words, and starts after the yes."""
    visitor = visit()
    page = visitor.page
    page.route("**/frame", lambda route: route.fulfill(body="<p>the film</p>", content_type="text/html"))
    at_a_shop(page, FRAME.format(purpose="advertise", more='sandbox="allow-scripts"'))
    visitor.banner.locator("section").wait_for()
    visitor.press("accept_all")
    expect(page.frame_locator("#film").get_by_text("the film")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_it(visit: Visit, scheme: str) -> None:
    """What stands in the frame's place breaks no rule of WCAG 2.2 AA that a machine can check."""
    visitor = visit(color_scheme=scheme)
    shop(visitor, head='<link rel="stylesheet" href="/static/ecrm.css">' + TAGS)
    frame = visitor.page.frames[1]
    frame.evaluate(AXE)
    found = frame.evaluate(f"async () => (await axe.run(document, {RULES})).violations")
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


def tokens(page: Page) -> str:
    """The colour of the text in the frame's place."""
    found: str = page.frame_locator("#film").locator("h1").evaluate("(each) => getComputedStyle(each).color")
    return found


def test_it_wears_the_colours_of_the_page(visit: Visit) -> None:
    """The page's tokens reach into the frame, light and dark, and change with the scheme."""
    sheet = '<link rel="stylesheet" href="/static/ecrm.css">'
    visitor = visit(color_scheme="light")
    shop(visitor, head=sheet + TAGS)
    light = tokens(visitor.page)
    assert light == "rgb(36, 33, 28)"
    visitor.page.emulate_media(color_scheme="dark")
    expect(visitor.page.frame_locator("#film").locator("h1")).to_have_css("color", "rgb(238, 232, 221)")
