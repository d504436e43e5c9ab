"""The product in one line: a no shows everybody's shop, a yes one's own with reasons; taken back, it is gone."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_banner import LAYOUT_SHIFT
from tests.browser.visitor import DESK, PHONE, TAGS, Demo, Visit, at_a_shop

LOOKED_AT = ("/items/kyusu-ash-glaze", "/items/matcha-bowl-winter")


def test_no_then_yes_then_taken_back(visit: Visit, scripts: bool) -> None:
    """Without any account: no, then yes and a look around, then no again, each true of the next page."""
    visitor = visit(scripts=scripts)
    page = visitor.page
    visitor.answers("refuse_all")
    for path in (*LOOKED_AT, "/"):
        page.goto(path)
    expect(visitor.slot()).to_have_attribute("data-personal", "false")
    same_for_all = visitor.slot().inner_text()

    visitor.switches("remember")
    visitor.switches("personalize")
    page.goto("/")
    expect(visitor.slot()).to_have_attribute("data-personal", "false")  # what was looked at under a no was not kept
    for path in (*LOOKED_AT, "/"):
        page.goto(path)
    expect(visitor.slot()).to_have_attribute("data-personal", "true")
    why = visitor.slot().locator('.ecrm-why:not([data-because="popular"])').first
    why.locator("summary").click()
    expect(why).to_contain_text("What you look at")
    expect(why.get_by_role("link", name="Switch this off")).to_be_visible()

    visitor.switches("personalize")
    page.goto("/")
    expect(visitor.slot()).to_have_attribute("data-personal", "false")
    assert visitor.slot().inner_text() == same_for_all


def test_a_reason_leads_to_its_switch(visit: Visit) -> None:
    """ "Switch this off" opens the purpose in the page; saved, the slot changes in place."""
    visitor = visit()
    page = visitor.page
    visitor.answers("accept_all")
    for path in (*LOOKED_AT, "/"):
        page.goto(path)
    expect(visitor.slot()).to_have_attribute("data-personal", "true")
    why = visitor.slot().locator('.ecrm-why:not([data-because="popular"])').first
    why.locator("summary").click()
    why.get_by_role("link", name="Switch this off").click()
    switch = visitor.banner.locator('[name="personalize//"]')
    expect(switch).to_be_focused()
    expect(switch).to_be_checked()
    switch.uncheck()
    visitor.press("save")
    expect(visitor.slot()).to_have_attribute("data-personal", "false")
    visitor.press("undo")
    expect(visitor.slot()).to_have_attribute("data-personal", "true")


def test_another_device_obeys_the_account(visit: Visit, demo: Demo) -> None:
    """Signed in on two devices, a purpose taken back on one is closed on the other's next page."""
    customer = demo.file["customers"][0]["customer_number"]
    here, there = visit(), visit(scripts=False)
    for visitor in (here, there):
        visitor.signs_in(customer)
    here.page.goto("/preferences")
    switch = here.page.locator('[role=switch][name="answer.personalize"]')
    if switch.get_attribute("aria-checked") == "false":
        here.switches("personalize")
    there.page.goto("/pages/yours")
    expect(there.slot()).to_have_attribute("data-personal", "true")
    here.switches("personalize")
    there.page.goto("/pages/yours")
    expect(there.slot()).to_have_attribute("data-personal", "false")


RESERVED = "ecrm-slot { min-block-size: 46rem }"
SLOT = '<h1>A shop</h1><ecrm-slot name="for-you" limit="4"></ecrm-slot><p id="after">After</p>'
SHEETS = "".join(f'<link rel="stylesheet" href="{sheet}">' for sheet in ("/static/ecrm.css", "/static/slot.css"))


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_moves_when_a_slot_is_filled(visit: Visit, demo: Demo, viewport: dict[str, int]) -> None:
    """Neither a slot that comes into its place moves a page, nor one's own items in the place of everybody's."""
    visitor = visit(viewport=viewport)
    page = visitor.page
    visitor.signs_in(demo.file["customers"][24]["customer_number"])
    page.route("**/shop.css", lambda route: route.fulfill(body=RESERVED, content_type="text/css"))
    at_a_shop(page, SLOT, f'{SHEETS}<link rel="stylesheet" href="/shop.css">{TAGS}')
    visitor.slot().wait_for()
    assert page.evaluate(LAYOUT_SHIFT) == 0
    page.goto("/")  # here the server filled it
    place = visitor.slot().bounding_box()
    for word in ("given", "withdrawn"):
        page.evaluate(f"ecrm.answer([{{purpose: 'personalize', answer: '{word}'}}])")
        expect(visitor.slot()).to_have_attribute("data-personal", str(word == "given").lower())
        assert visitor.slot().bounding_box() == place
