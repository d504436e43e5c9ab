"""Every page of ours, small and large, light and dark: it fits, it can be read, and axe finds nothing."""

from importlib.resources import files

import pytest

from tests.browser.visitor import Visit

PAGES = ["/", "/preferences", "/receipts/check", "/signin", "/pages/yours", "/sign-up/offers/email"]
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
