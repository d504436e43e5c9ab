"""Every page of ours, small and large, light and dark: it fits, it can be read, and axe finds nothing."""

from importlib.resources import files

import pytest
from playwright.sync_api import Locator, expect

from ecrm_privacy.web.texts import TEXTS
from tests.browser.visitor import CHOICES, Visit, Visitor

EMBEDDED = "/preferences?embedded=1"
PAGES = ["/", "/preferences", EMBEDDED, "/view", "/receipts/check", "/signin", "/pages/yours", "/sign-up/offers/email"]
OURS = ["/preferences", "/view", "/receipts/check", "/sign-up/offers/email"]
AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
RULES = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice']}"
NARROW = {"width": 320, "height": 640}


@pytest.mark.parametrize("path", PAGES)
def test_it_fits_a_narrow_screen(visit: Visit, path: str) -> None:
    """At 320 px nothing has to be scrolled sideways."""
    page = visit(viewport=NARROW).page
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(visit: Visit, path: str, scheme: str) -> None:
    """No page breaks a rule of WCAG 2.2 AA that a machine can check."""
    page = visit(color_scheme=scheme).page
    page.goto(path)
    page.wait_for_load_state("networkidle")
    page.evaluate(AXE)
    found = page.evaluate(f"async () => (await axe.run(document, {RULES})).violations")
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


@pytest.mark.parametrize("path", OURS)
def test_it_can_be_read_at_twice_the_size(visit: Visit, path: str) -> None:
    """With text at 200 % nothing is cut off and nothing has to be scrolled sideways."""
    page = visit(viewport={"width": 640, "height": 800}).page
    page.goto(path)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    cut = page.evaluate("""() => [...document.querySelectorAll("main :is(p, h1, h2, h3, a, button, dd, dt, summary)")]
      .filter((each) => !each.closest(".ecrm-hidden") && each.clientHeight
        && (each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflow != "visible"))
      .map((each) => each.outerHTML.slice(0, 90))""")
    assert cut == []


def test_a_switch_can_be_read_in_forced_colours(visit: Visit) -> None:
    """Where the system chooses the colours, on and off still look different, and both can be seen."""
    visitor = visit(forced_colors="active")
    page = visitor.page
    look = "(each) => [getComputedStyle(each).backgroundColor, getComputedStyle(each, '::before').backgroundColor]"
    page.goto("/preferences")
    switch = page.locator('[role=switch][name="answer.remember"]')
    off = switch.evaluate(look)
    visitor.switches("remember")
    on = switch.evaluate(look)
    assert off[0] != off[1] and on[0] != on[1] and off != on


@pytest.mark.parametrize("path", OURS)
def test_nothing_moves_for_whoever_asked_for_stillness(visit: Visit, path: str) -> None:
    """With reduced motion no element has a transition or an animation that lasts."""
    page = visit(reduced_motion="reduce").page
    page.goto(path)
    moving = page.evaluate("""() => [...document.querySelectorAll("body *")].filter((each) => {
      if (!each.checkVisibility()) return false;
      const style = getComputedStyle(each);
      return [style.transitionDuration, style.animationDuration]
        .some((text) => text.split(", ").some((each) => parseFloat(each) > 0));
    }).map((each) => each.outerHTML.slice(0, 90))""")
    assert moving == []


def test_controls_can_be_hit(visit: Visit) -> None:
    """On the preferences page whatever is pressed is at least 44 px high where a finger looks for it."""
    page = visit().page
    page.goto("/preferences")
    too_small = page.evaluate("""() => [...document.querySelectorAll("main button, main summary, .frame a")]
      .map((each) => {
        const box = each.getBoundingClientRect(), after = getComputedStyle(each, "::after");
        const more = after.content == "none" ? 0 : parseFloat(after.height) - box.height;
        return [each.outerHTML.slice(0, 90), box.height + Math.max(more, 0)];
      })
      .filter(([, height]) => height && height < 43.5)""")
    assert too_small == []


# the question, which lies over whatever page there is -----------------------------------------------------------------

VIEWS = ["ask", "choose", "done"]
BUTTONS = {"ask": CHOICES, "choose": ("accept_all", "refuse_all", "save"), "done": ("undo", "close")}
CUT = """(each) => [...each.querySelectorAll("*")]
  .filter((one) => one.clientWidth && one.scrollWidth > one.clientWidth + 1)
  .filter((one) => getComputedStyle(one).display != "inline").map((one) => one.outerHTML.slice(0, 90))"""
MOVING = """(each) => [each, ...each.querySelectorAll("*")].flatMap((one) => [null, "::before"].map((part) => {
  const { transitionDuration, animationName } = getComputedStyle(one, part);
  return transitionDuration + animationName;
})).filter((said) => said != "0snone")"""
EDGE = "(each) => { const s = getComputedStyle(each); return [s.borderTopStyle, s.borderTopColor, s.backgroundColor]; }"
SWITCH = "(each) => [null, '::before'].map((part) => getComputedStyle(each, part).backgroundColor)"
RING = "(each) => { const s = getComputedStyle(each); return s.outlineStyle + ' ' + s.outlineWidth; }"


def seen(visitor: Visitor, view: str) -> Locator:
    """Look at one view of the question, on the front page."""
    visitor.page.goto("/")
    section = visitor.banner.locator("section")
    section.wait_for()
    if view == "choose":
        visitor.banner.locator("[data-ecrm-action=choose]").click()
        visitor.banner.get_by_role("switch").first.wait_for()
    if view == "done":
        visitor.press("accept_all")
        visitor.banner.locator("[data-ecrm-action=close]").wait_for()
    return section


@pytest.mark.parametrize("size", ["narrow", "at twice the size"])
@pytest.mark.parametrize("view", VIEWS)
def test_the_question_fits(visit: Visit, view: str, size: str) -> None:
    """At 320 px and with text at 200 % nothing of it is cut off, and its buttons are in sight whatever is scrolled."""
    visitor = visit(viewport=NARROW if size == "narrow" else {"width": 640, "height": 800})
    section = seen(visitor, view)
    if size != "narrow":
        visitor.page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert section.evaluate("(each) => each.scrollWidth <= each.clientWidth")
    assert section.evaluate(CUT) == []
    for end in (0, 100_000):
        section.evaluate("(each, end) => each.scrollTo(0, end)", end)
        for action in BUTTONS[view]:
            expect(visitor.banner.locator(f"[data-ecrm-action={action}]")).to_be_in_viewport(ratio=0.99)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS[1:])
def test_axe_finds_nothing_in_the_question(visit: Visit, view: str, scheme: str) -> None:
    """Nor in the choices and in what is said afterwards."""
    visitor = visit(color_scheme=scheme)
    seen(visitor, view)
    visitor.page.evaluate(AXE)
    found = visitor.page.evaluate(f"async () => (await axe.run('ecrm-banner', {RULES})).violations")
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


def test_the_question_has_names(visit: Visit) -> None:
    """It is a region with a name and a heading, buttons and switches say what they are about, and changes are read."""
    visitor = visit()
    page, words = visitor.page, TEXTS["en"]
    seen(visitor, "ask")
    region = page.get_by_role("region", name=words["region"], exact=True)
    expect(region.get_by_role("heading", level=2)).to_have_text("May we remember you?")
    for name in ("Accept all", "Refuse all", "Choose"):
        expect(region.get_by_role("button", name=name, exact=True)).to_be_visible()
    expect(region.get_by_role("status")).to_have_count(1)
    region.get_by_role("button", name="Choose").click()
    expect(region.get_by_role("heading", level=2)).to_be_focused()
    for name in ("Our adverts on other sites", "E-mail"):
        expect(region.get_by_role("switch", name=name, exact=True)).to_have_count(1)
    nameless = region.get_by_role("switch").evaluate_all(
        "all => all.filter((each) => !each.labels[0].innerText.trim())"
    )
    assert nameless == []


@pytest.mark.parametrize("view", VIEWS)
def test_the_question_in_forced_colours(visit: Visit, view: str) -> None:
    """Where the system chooses the colours, edges, what is switched on, and what has the focus can be seen."""
    visitor = visit(forced_colors="active")
    seen(visitor, view)
    for action in BUTTONS[view]:
        button = visitor.banner.locator(f"[data-ecrm-action={action}]")
        style, edge, ground = button.evaluate(EDGE)
        assert style == "solid" and edge != ground
    visitor.page.keyboard.press("Tab")
    focused = visitor.banner.locator(":focus-visible")
    assert focused.evaluate(RING) == "solid 2px"
    if view == "choose":
        switch = visitor.banner.get_by_role("switch").first
        off = switch.evaluate(SWITCH)
        switch.check()
        on = switch.evaluate(SWITCH)
        assert off[0] != off[1] and on[0] != on[1] and on[0] != off[0]


@pytest.mark.parametrize("view", VIEWS)
def test_the_question_stands_still(visit: Visit, view: str) -> None:
    """With reduced motion, and without: nothing in it moves by itself."""
    assert seen(visit(reduced_motion="reduce"), view).evaluate(MOVING) == []
