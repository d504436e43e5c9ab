"""What was said in a shop, on the phone, or to another tool, as the customer finds it on their preferences page."""

import json
from pathlib import Path

from playwright.sync_api import expect

from ecrm_privacy.verbs import take_file
from tests.browser.shops import Shops
from tests.browser.test_many_devices import at_the_shop, preference, signs_in
from tests.browser.visitor import Visit, Visitor

EVIDENCE = "paper form 2026-118, shop in Weir Lane"
MAPPING = """
from = "vanilla-cookieconsent"
[notices]
"0" = "shop@1"
[answers]
pages = "personalize"
news = "offers"
"news/mail" = "offers/email"
adverts = {rule = "advertise", closes = ["share"]}
"""
COOKIE = {
    "categories": ["necessary", "pages", "news"], "services": {"necessary": [], "news": ["mail"], "adverts": []},
    "revision": 0, "data": None, "languageCode": "de", "consentId": "0f7c34f0-6b0a-4b22-8f0b-0d3a3c1f0a11",
    "consentTimestamp": "2026-10-01T09:00:00.000Z", "lastConsentTimestamp": "2026-10-01T09:00:00.000Z",
    "expirationTime": 4102444800000,
}  # fmt: skip


def customer_of(visitor: Visitor, shops: Shops) -> str:
    """Sign a new customer in. Returns their number."""
    number = shops.customer(contact={"email": "ada@mailbox.example"})
    at_the_shop(visitor, shops, number)
    signs_in(visitor)
    return number


def test_an_answer_given_to_staff_is_there_with_its_receipt(come: Visit, shops: Shops) -> None:
    """It is on, its receipt says how it was given, and names the paper behind it; the customer takes it back."""
    visitor = come()
    page, number = visitor.page, customer_of(visitor, shops)
    offers = {"purpose": "offers", "answer": "given"}
    shops.tell(number, offers, {**offers, "channel": "post"}, evidence=EVIDENCE)
    section = preference(visitor, "offers")
    expect(section).to_contain_text("You said yes, so it is on.")
    letter = section.get_by_role("switch", name="Letter")
    expect(letter).to_have_attribute("aria-checked", "true")
    page.locator("#receipts li a").first.click()
    for words in ("To one of our staff", EVIDENCE):
        expect(page.locator(".ecrm-facts").first).to_contain_text(words)
    preference(visitor, "offers")
    letter.click()
    expect(letter).to_have_attribute("aria-checked", "false")


def test_what_another_tool_kept_is_there_and_nothing_more(come: Visit, shops: Shops, tmp_path: Path) -> None:
    """A yes counts, what needs confirming waits, a no and what was said here stay; it says where it is from."""
    visitor = come()
    page, number = visitor.page, customer_of(visitor, shops)
    visitor.switches("remember")
    cookie, mapping = tmp_path / "cookies.ndjson", tmp_path / "vanilla.toml"
    cookie.write_text(json.dumps({"customer_number": number, "record": json.dumps(COOKIE)}))
    mapping.write_text(MAPPING)
    taken = shops.do(take_file(shops.opened.house, "answers", cookie, mapping, dry_run=False))
    assert taken.outcomes == {"stored": 1}
    for purpose, words in {
        "personalize": "You said yes, so it is on.",
        "remember": "You said yes, so it is on.",
        "advertise": "You said no, so it is off.",
        "share": "You said no, so it is off.",
        "measure": "You may object",
    }.items():
        expect(preference(visitor, purpose).first).to_contain_text(words)
    offers = preference(visitor, "offers")
    expect(offers.get_by_role("switch", name="E-mail")).to_have_attribute("aria-checked", "false")
    expect(offers).to_contain_text("We asked you to confirm this")
    page.locator("#receipts li a").first.click()
    for words in ("Taken over from an earlier record", "vanilla-cookieconsent"):
        expect(page.locator(".ecrm-facts").first).to_contain_text(words)
