"""Rights on the preferences page: each one click away, at once or with its day, and taken back as easily."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_pages import AXE, RULES
from tests.browser.visitor import Demo, Visit

SWITCH = '[role=switch][name="answer.personalize"]'


def test_a_restriction_holds_from_the_next_page_until_it_is_lifted(visit: Visit, demo: Demo) -> None:
    """Restricted, the shop shows what everybody sees, and the page says so first; lifted, it is personal again."""
    visitor = visit()
    page = visitor.page
    visitor.signs_in(demo.file["customers"][-5]["customer_number"])
    page.goto("/preferences")
    if page.locator(SWITCH).get_attribute("aria-checked") == "false":
        visitor.switches("personalize")

    def is_personal() -> str | None:
        page.goto("/pages/yours")
        return visitor.slot().get_attribute("data-personal")

    before = is_personal()
    page.goto("/preferences")
    page.get_by_role("button", name="Restrict what you do").click()
    expect(page.locator("#flash")).to_contain_text("What we do is restricted")
    lift = page.get_by_role("button", name="Lift the restriction")
    expect(lift).to_be_visible()
    expect(page.locator(SWITCH)).to_have_attribute("aria-checked", "false")
    expect(page.get_by_role("button", name="Restrict what you do")).to_have_count(0)
    restricted = is_personal()
    page.goto("/preferences")
    expect(page.locator("#receipts li").first).to_contain_text("A restriction of what we do")
    page.evaluate(AXE)
    found = page.evaluate(f"async () => (await axe.run(document, {RULES})).violations")
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
    lift.click()
    expect(page.locator("#flash")).to_contain_text("The restriction is lifted")
    expect(page.locator(SWITCH)).to_have_attribute("aria-checked", "true")
    assert (before, restricted, is_personal()) == ("true", "false", "true")


def test_a_correction_is_asked_for_and_taken_back_without_scripts(visit: Visit) -> None:
    """It stands above the rights with its day, opens with what was written, and goes when it is taken back."""
    visitor = visit(scripts=False)
    page = visitor.page
    visitor.switches("remember")
    page.locator("summary", has_text="Correct my data").click()
    page.get_by_label("What is wrong, and what is right?").fill("My street is 12 Mill Lane,\nnot 21.")
    page.get_by_role("button", name="Send it").click()
    expect(page.locator("#flash")).to_contain_text("You have our answer by")
    page.locator("#rights").get_by_role("link", name="Correct my data").click()
    expect(page.locator("main")).to_contain_text("My street is 12 Mill Lane,")
    page.get_by_role("button", name="Take it back").click()
    expect(page.locator("#flash")).to_contain_text("Your request is taken back.")
    expect(page.locator("#rights").get_by_role("button", name="Take it back")).to_have_count(0)
    page.locator("#flash").get_by_role("link", name="Your request").click()
    expect(page.locator("ol li").last).to_contain_text("Taken back by you")


@pytest.mark.parametrize("known", [True, False], ids=["known", "nobody"])
def test_an_objection_is_one_click_with_undo(visit: Visit, known: bool) -> None:
    """For somebody known and for nobody: off at once, undone by one click; nobody gets no name by it."""
    visitor = visit()
    page = visitor.page
    if known:
        visitor.switches("remember")
    page.goto("/preferences")
    switch = page.locator('[role=switch][name="answer.measure"]')
    expect(page.get_by_text("We hold nothing that leads to you. So")).to_have_count(0 if known else 1)
    page.get_by_role("button", name="I object").click()
    expect(switch).to_have_attribute("aria-checked", "false")
    expect(page.locator("#rights")).to_contain_text("You have objected to everything")
    assert ("ecrm" in {cookie["name"] for cookie in visitor.context.cookies()}) == known
    page.locator("#flash").get_by_role("button", name="Undo").click()
    expect(switch).to_have_attribute("aria-checked", "true")
