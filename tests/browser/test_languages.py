"""Each language on each page: its direction, its digits, and nothing that breaks or hides because of them."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Page

from ecrm_privacy.web.texts import TEXTS
from ecrm_privacy.words import writing
from tests.browser.test_pages import AXE, NARROW, RULES
from tests.browser.visitor import Visit

LANGUAGES = sorted(TEXTS)
RIGHT_TO_LEFT = ("ar", "fa")
PAGES = ("/", "/preferences", "/view", "/receipts/check", "/signin", "/pages/yours", "/sign-up/offers/email")
LAID_OUT = """() => [...document.querySelectorAll("main *")].map((each) => getComputedStyle(each))
  .filter((style) => style.textAlign == "left" || (style.cssFloat && style.cssFloat != "none")).length"""
HIDDEN = "() => document.documentElement.scrollWidth"
WITHOUT_NAMES = """(script) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const { parentElement: around, textContent: text } = walker.currentNode;
    if (around.closest("bdi, code, pre, script, style, [lang=en], [dir=auto], [dir=ltr], noscript")) continue;
    const said = text.replace(/\\u2068.*?\\u2069|Global Privacy Control|cookies?|JSON|Larch Advertising/g, "");
    if (new RegExp(script, "u").test(said)) found.push(text.trim());
  }
  return found;
}"""
LATIN_WORD, ENGLISH_WORDS = "[A-Za-z]{3,}", "\\b(the|your|you|and|what|with)\\b"


@pytest.fixture
def speaking(visit: Visit) -> Callable[..., Page]:
    """Return a function that opens a page as somebody who reads a language."""
    return lambda locale, path, **options: _opened(visit(locale=locale, **options).page, path)


def _opened(page: Page, path: str) -> Page:
    reply = page.goto(path)
    assert reply is not None and reply.ok
    page.wait_for_load_state("networkidle")
    return page


@pytest.mark.parametrize("locale", RIGHT_TO_LEFT)
@pytest.mark.parametrize("path", PAGES)
def test_right_to_left(speaking: Callable[..., Page], locale: str, path: str) -> None:
    """The page says its language and direction, fits a narrow screen, breaks no rule, and shows no English sentence."""
    page = speaking(locale, path, viewport=NARROW)
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == [locale, "rtl"]
    assert page.evaluate(HIDDEN) <= NARROW["width"]
    assert page.evaluate(LAID_OUT) == 0
    assert page.evaluate(WITHOUT_NAMES, LATIN_WORD) == []
    page.evaluate(AXE)
    found = page.evaluate(f"async () => (await axe.run(document, {RULES})).violations")
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []


@pytest.mark.parametrize("locale", [locale for locale in LANGUAGES if locale not in {"en", *RIGHT_TO_LEFT}])
def test_no_page_falls_back_to_english(speaking: Callable[..., Page], locale: str) -> None:
    """In each language the preferences and the front page have no English word outside of names."""
    page = speaking(locale, "/", viewport=NARROW)
    for path in ("/", "/preferences", "/view", "/sign-up/offers/email"):
        _opened(page, path)
        assert page.evaluate("document.documentElement.lang") == locale
        assert page.evaluate(HIDDEN) <= NARROW["width"]
        assert page.evaluate(WITHOUT_NAMES, ENGLISH_WORDS) == []


@pytest.mark.parametrize("locale", LANGUAGES)
def test_the_banner_speaks_too(speaking: Callable[..., Page], locale: str) -> None:
    """The banner stands in the language and direction of the notice, and its three buttons are equal and uncut."""
    banner = speaking(locale, "/", viewport=NARROW).locator("ecrm-banner")
    said = banner.evaluate("each => [each.lang, each.dir, getComputedStyle(each.shadowRoot.firstChild).direction]")
    assert said == [locale, TEXTS[locale]["dir"], TEXTS[locale]["dir"]]
    widths = banner.evaluate("""each => [...each.shadowRoot.querySelectorAll("footer button")]
      .map((button) => [Math.round(button.offsetWidth), button.scrollWidth > button.clientWidth])""")
    assert len({width for width, _ in widths}) == 1 and not any(cut for _, cut in widths)


def test_a_problem_is_said_in_the_readers_language(visit: Visit) -> None:
    """A page that is not there says so in Arabic, with the technical words in English under it."""
    reply = visit().context.request.get("/no/such/page", headers={"Accept": "text/html", "Accept-Language": "ar"})
    text = reply.text()
    assert '<html lang="ar" dir="rtl">' in text and TEXTS["ar"]["problem_missing"] in text
    assert '<p lang="en" dir="ltr">Not found. ' in text


@pytest.mark.parametrize("locale", RIGHT_TO_LEFT)
def test_the_check_that_is_kept_runs_right_to_left(speaking: Callable[..., Page], locale: str, tmp_path: Path) -> None:
    """The file to keep has the direction of its language, and what is copied into it runs from left to right."""
    page = speaking(locale, "/receipts/check")
    kept = tmp_path / "check.html"
    kept.write_bytes(page.context.request.get("/receipts/check.html", headers={"Accept-Language": locale}).body())
    page.goto(kept.as_uri())
    assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == [locale, "rtl"]
    assert page.locator("textarea").evaluate("each => getComputedStyle(each).direction") == "ltr"


@pytest.mark.parametrize("locale", [locale for locale in LANGUAGES if locale not in {"en", "ar"}])
def test_server_and_browser_write_the_same_day(speaking: Callable[..., Page], locale: str) -> None:
    """A day that the service wrote and one that the check writes in the browser are the same words."""
    page = speaking(locale, "/receipts/check")
    days = [date(2024, 3, 19), date(2024, 3, 20), date(2025, 3, 20), date(2025, 3, 21), date(2026, 11, 22)]
    write = (
        "days => days.map((each) => new Date(each).toLocaleString(document.documentElement.lang,"
        "{dateStyle: 'long', timeZone: 'UTC'}))"
    )
    written = page.evaluate(write, [each.isoformat() for each in days])
    assert [one.split() for one in written] == [writing.day(each, locale).split() for each in days]
