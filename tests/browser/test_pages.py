"""Every page of ours, small and large, light and dark: it fits, it can be read, and axe finds nothing."""

from importlib.resources import files

import pytest

from tests.browser.visitor import Visit

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
