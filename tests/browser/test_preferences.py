"""The preferences page: one click, at once, with scripts and without; receipts that check; a way out."""

import time
from pathlib import Path
from uuid import uuid4

import jwt
from playwright.sync_api import expect

from tests.browser.visitor import Demo, Visit, Visitor, at_a_shop
from tests.integration.surface.test_tags import TC_STRING

SWITCH = '[role=switch][name="answer.personalize"]'


def test_a_switch_holds_at_once_and_can_be_undone(visit: Visit, scripts: bool) -> None:
    """One click turns a purpose on, says so with a receipt, and Undo turns it off again."""
    visitor = visit(scripts=scripts)
    visitor.switches("personalize")
    page = visitor.page
    flash = page.locator("#flash")
    expect(flash.get_by_role("link")).to_have_text("Your receipt")
    if scripts:
        assert page.evaluate("document.activeElement.name") == "answer.personalize"
    flash.get_by_role("button", name="Undo").click()
    expect(page.locator(SWITCH)).to_have_attribute("aria-checked", "false")
    page.goto("/preferences")
    expect(page.locator(SWITCH)).to_have_attribute("aria-checked", "false")
    assert page.locator("#receipts li").count() == 2


def test_it_works_by_keyboard_alone(visit: Visit) -> None:
    """Tab leads to each switch in the order of the page, Space turns it, focus stays, and Undo can be pressed."""
    page = visit().page
    page.goto("/preferences")
    switches = page.locator("main [role=switch]").evaluate_all("all => all.map((each) => each.name)")
    met: list[str] = []
    while len(met) < len(switches):
        page.keyboard.press("Tab")
        name, is_seen = page.evaluate("""() => {
          const each = document.activeElement, style = getComputedStyle(each);
          return [each.name || "", style.outlineStyle != "none" && parseFloat(style.outlineWidth) >= 2];
        }""")
        assert is_seen, "what has focus shows it"
        met += [name] if name in switches else []
    assert met == switches
    while page.evaluate("document.activeElement.name") != "answer.personalize":
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    switch = page.locator(SWITCH)
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(switch).to_be_focused()
    undo = page.locator("#flash").get_by_role("button", name="Undo")
    for _ in range(60):
        page.keyboard.press("Tab")
        if undo.evaluate("each => each == document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(switch).to_have_attribute("aria-checked", "false")


def test_it_works_in_a_page_of_the_shop(visit: Visit, scripts: bool) -> None:
    """In a frame of the account page an answer stays there and is said in sight; its receipt takes the page's place."""
    page = visit(scripts=scripts).page
    frame = '<iframe src="/preferences?embedded=1" title="Privacy" width="400" height="600"></iframe>'
    at_a_shop(page, f"<h1>My account</h1>{frame}", head="")
    inside = page.frame_locator("iframe")
    switch = inside.locator(SWITCH)
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    expect(inside.locator("#flash").get_by_role("button", name="Undo")).to_be_in_viewport()
    expect(page.locator("h1")).to_have_text("My account")
    inside.locator("#flash").get_by_role("link", name="Your receipt").click()
    expect(page.locator("h1")).to_have_text("A receipt")


def test_my_view_is_pressed(visit: Visit, demo: Demo, scripts: bool) -> None:
    """A customer sees what is inferred beside what everybody sees, and each wish holds from the next page on."""
    visitor = visit(scripts=scripts)
    page = visitor.page
    visitor.signs_in(demo.file["customers"][-3 if scripts else -4]["customer_number"])
    page.goto("/preferences")
    switch = page.locator(SWITCH)
    if switch.get_attribute("aria-checked") == "false":
        visitor.switches("personalize")
    page.get_by_role("link", name="See my view").click()
    expect(page.locator("h1")).to_have_text("My view")
    more = page.locator("#topics").get_by_role("button", name="More Garden")
    more.click()
    expect(more).to_have_attribute("aria-pressed", "true")
    first = page.locator("#compared .compared > div").first
    title = first.locator("li a").first.inner_text()
    first.get_by_role("button", name="Not interested").first.click()
    expect(page.locator("#hidden")).to_contain_text(title)
    expect(first).not_to_contain_text(title)
    page.get_by_role("button", name="For an hour").click()
    expect(page.locator("main")).to_contain_text("Suggestions pause until")
    expect(first.get_by_role("button")).to_have_count(0)
    page.get_by_role("button", name="Go on now").click()
    page.get_by_role("button", name="Show again").click()
    expect(page.locator("#hidden")).to_have_count(0)


def test_a_channel_has_its_own_yes(visit: Visit, scripts: bool) -> None:
    """A yes to offers opens no channel; each is its own switch, and a no to offers closes them all."""
    visitor = visit(scripts=scripts)
    visitor.switches("offers")
    post = visitor.page.locator('[role=switch][name="answer.offers/post"]')
    expect(post).to_have_attribute("aria-checked", "false")
    visitor.switches("offers/post")
    visitor.switches("offers")
    expect(post).to_have_attribute("aria-checked", "false")


def test_all_can_be_answered_there(visit: Visit, scripts: bool) -> None:
    """Whoever has not answered finds "no to all" beside "yes to all", and is not asked again after either."""
    visitor = visit(scripts=scripts)
    page = visitor.page
    page.goto("/preferences")
    page.get_by_role("button", name="No to all").click()
    expect(page.get_by_role("button", name="Yes to all")).to_have_count(0)
    assert [cookie["name"] for cookie in visitor.context.cookies()] == ["ecrm_choice"]


def test_a_receipt_checks_in_the_browser(visit: Visit, tmp_path: Path) -> None:
    """The saved receipt is sound, and one changed letter of it is not."""
    visitor = visit()
    page = visitor.page
    visitor.switches("remember")
    page.locator("#flash").get_by_role("link").click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save the receipt").click()
    receipt = tmp_path / "receipt"
    saved.value.save_as(receipt)
    page.goto("/receipts/check")
    page.locator("input[type=file]").set_input_files(receipt)
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#result")).to_contain_text("The receipt is sound")
    expect(page.locator("#result")).to_contain_text("remember")

    text = receipt.read_text("utf-8")
    at = text.index("extra ") + 200
    page.goto("/receipts/check")
    page.locator("textarea").fill(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :])
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#result")).to_contain_text("The receipt is not sound")


def test_a_customer_sees_and_deletes_what_is_known(visit: Visit, demo: Demo, scripts: bool) -> None:
    """A customer reads what is known, gets a copy, and is deleted after a second press; then nothing is known."""
    customer = demo.file["customers"][-1 if scripts else -2]
    visitor = visit(scripts=scripts)
    page = visitor.page
    visitor.signs_in(customer["customer_number"])
    page.goto("/preferences")
    expect(page.locator("#known")).to_contain_text(customer["email"])
    page.get_by_role("button", name="Download my data").click()
    expect(page.locator("h1")).to_have_text("A copy of your data")
    expect(page.locator("main")).to_contain_text(customer["email"])
    page.goto("/preferences")
    page.locator("summary", has_text="Delete me").click()
    page.get_by_role("button", name="Yes, delete everything about me").click()
    expect(page.locator("h1")).to_have_text("You are deleted")
    page.goto("/preferences")
    expect(page.locator("#known")).to_contain_text("Nothing")
    expect(page.locator("main")).not_to_contain_text(customer["name"])


def test_a_browser_can_be_forgotten(visit: Visit, scripts: bool) -> None:
    """After "forget this browser" no cookie of ours is left, and the next page asks as on the first day."""
    visitor = visit(scripts=scripts)
    visitor.switches("personalize")
    visitor.page.get_by_role("button", name="Forget this browser").click()
    expect(visitor.page.locator("h1")).to_have_text("This browser is forgotten")
    assert visitor.context.cookies() == []
    visitor.page.goto("/")
    expect(visitor.banner).to_be_visible()


def test_a_tc_string_is_read_in_the_receipt(visit: Visit) -> None:
    """What a TCF platform on the page handed over with the answer stands in its receipt, for whoever opens it."""
    visitor = visit()
    page = visitor.page
    at_a_shop(page, "<h1>A shop</h1>")
    visitor.banner.locator("section").wait_for()
    said = f"ecrm.answer([{{purpose: 'remember', answer: 'given'}}], 'save', '{TC_STRING}')"
    page.goto(f"/receipts/{page.evaluate(said)['receipt_id']}")
    payload = page.locator("pre")
    expect(payload).to_be_hidden()
    page.locator("summary").click()
    expect(payload).to_contain_text(TC_STRING)


def signed_in(visitor: Visitor, demo: Demo, number: str) -> None:
    """Sign in with a token, as a page of the shop does."""
    told = {"sub": number, "aud": demo.file["audience"], "iss": demo.file["issuer"], "exp": int(time.time()) + 300}
    token = jwt.encode({**told, "jti": str(uuid4())}, demo.file["token_secret"], "HS256")
    reply = visitor.context.request.post("/v1/session", data={"token": token}, headers={"Origin": demo.base})
    assert reply.status == 201, reply.text()


def test_a_yes_of_this_browser_is_the_accounts_after_one_click(visit: Visit, demo: Demo, scripts: bool) -> None:
    """What was said before signing in holds here alone, and is ticked for nobody; the page offers the click."""
    here, there = visit(scripts=scripts), visit(scripts=scripts)
    here.switches("personalize")
    number = f"C-9{uuid4().int % 10**8:08}"
    for visitor, held in ((here, "true"), (there, "false")):
        signed_in(visitor, demo, number)
        visitor.page.goto("/preferences")
        expect(visitor.page.locator(SWITCH)).to_have_attribute("aria-checked", held)
    everywhere = here.page.locator('.here-only button[name="answer.personalize"]')
    everywhere.click()
    expect(everywhere).to_have_count(0)
    there.page.goto("/preferences")
    expect(there.page.locator(SWITCH)).to_have_attribute("aria-checked", "true")
