"""Below the age of consent the page says that a parent has to answer, and only that answer counts (GDPR 8)."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Locator, expect

from tests.browser.shops import Shops
from tests.browser.test_many_devices import at_the_shop, preference, signs_in
from tests.browser.visitor import Visit

CHILD = (datetime.now(UTC) - timedelta(days=365 * 12)).date().isoformat()
UNDER_AGE = "It is off until you are of age, or a parent says yes for you."
BY_A_PARENT = "A parent said yes for you, so it is on. You can switch it off."


def test_a_parents_yes_counts_and_the_childs_does_not(come: Visit, shops: Shops) -> None:
    """The child reads what is missing, before and after a yes of their own; sees the parent's yes; and can end it."""
    visitor, number = come(), shops.customer(demographics={"birth_date": CHILD})
    page = visitor.page

    def stands(words: str, checked: bool) -> Locator:
        section = preference(visitor)
        expect(section).to_contain_text(words)
        switch = section.get_by_role("switch").first
        expect(switch).to_have_attribute("aria-checked", str(checked).lower())
        return switch

    def says_yes(switch: Locator) -> None:
        with page.expect_response("**/preferences*"):
            switch.click()
        expect(page.locator("#flash a")).to_be_visible()

    at_the_shop(visitor, shops, number)
    signs_in(visitor)
    expect(visitor.banner).to_have_count(0)  # a child is not asked what only a parent can answer
    says_yes(stands(UNDER_AGE, checked=False))
    stands(UNDER_AGE, checked=False)
    yes = {"purpose": "personalize", "answer": "given"}
    shops.tell(number, yes, by="parent", evidence="a parent's account, asked by its payment card")
    switch = stands(BY_A_PARENT, checked=True)
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    says_yes(switch)
    stands(UNDER_AGE, checked=False)
