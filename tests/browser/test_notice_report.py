"""What `ecrm notice report` and the linter write, opened from disk: one file each, which asks nobody for anything."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from ecrm_privacy.consent.store import NoticeCount, Standings
from ecrm_privacy.showroom.charts import page as written
from ecrm_privacy.showroom.effect import METHODS, effect
from ecrm_privacy.showroom.report import evidence
from tests.browser.test_pages import AXE, NARROW, RULES
from tests.integration.consent.test_reception import shots
from tests.unit.policy.policies import SHIPPED

K = 20
WHATS = ("served", "seen", "opened", *(f"answer:{method}" for method in METHODS), "yes:measure", "no:measure",
         "time:5", "time:10", "change", "withdrawal")  # fmt: skip


def report(people: int) -> str:
    """The report on two versions of a notice, the second of which twice as many accepted."""
    counts = [
        NoticeCount(notice, "eu", "en", "script", what, people * (2 if what == accepted else 1))
        for notice, accepted in (("shop@1", ""), ("shop@2", "answer:accept_all"))
        for what in WHATS
    ]
    standings = [Standings("shop@1", "measure", "given", people), Standings("shop@1", "measure", "withdrawn", people)]
    return written(effect(counts, standings, K, ("shop@1", "shop@2")), "abc")


@contextmanager
def from_disk(chromium: Browser, file: Path, html: str) -> Iterator[Page]:
    """Open it on a narrow screen: nothing else is loaded, nothing is scrolled sideways, and axe finds nothing."""
    file.write_text(html, "utf-8")
    page = chromium.new_page(viewport=NARROW)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri(), wait_until="load")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.evaluate(AXE)
    found = page.evaluate(f"async () => (await axe.run(document, {RULES})).violations")
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
    yield page
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    page.close()


def test_two_notices_are_told_in_tables_and_charts(chromium: Browser, tmp_path: Path) -> None:
    """Each number stands in a table and is drawn; what differs between the two has its interval."""
    with from_disk(chromium, tmp_path / "report.html", report(400)) as page:
        changed = page.get_by_role("group", name="What changed").get_by_role("row")
        expect(changed.filter(has_text="accepted")).to_contain_text("50 %")
        expect(changed.filter(has_text="accepted")).to_contain_text("points")
        numbers = page.get_by_role("group", name="In numbers").get_by_role("row")
        expect(numbers.filter(has_text="shop@2")).to_contain_text("1,600")
        for card in page.locator(".card").all():
            assert card.locator("rect:not(.all)").evaluate_all("all => all.some((each) => each.getBBox().width)")
        expect(page.locator(".card")).to_have_count(6)


def test_nothing_is_told_of_a_few(chromium: Browser, tmp_path: Path) -> None:
    """Below k people there is no number and no chart."""
    with from_disk(chromium, tmp_path / "report.html", report(3)) as page:
        cells = page.locator("td").all_inner_texts()
        assert set(cells) == {"shop@1", "shop@2", "others", "measure", "fewer than 20", "not shown", "0"}
        expect(page.locator("svg")).to_have_count(0)


def test_the_linters_report_is_a_page_too(chromium: Browser, tmp_path: Path) -> None:
    """What is kept as evidence with a notice can be read by everybody."""
    made = evidence(SHIPPED, shots(SHIPPED), "test")
    with from_disk(chromium, tmp_path / "linter.html", made.page.decode()) as page:
        expect(page.locator("h1")).to_be_visible()
