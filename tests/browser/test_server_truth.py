"""The server's truth: nothing that a browser loses turns a no into a question, and nothing it lacks is a yes."""

from playwright.sync_api import BrowserContext, expect

from tests.browser.visitor import Visit, Visitor, at_a_shop, until

CLEAR = """async () => {
  localStorage.clear();
  sessionStorage.clear();
  for (const { name } of await indexedDB.databases()) indexedDB.deleteDatabase(name);
  for (const name of await caches.keys()) await caches.delete(name);
}"""
SEVEN_DAYS_S = 7 * 86_400


def allowed(visitor: Visitor) -> set[str]:
    """The purposes that need a yes and are allowed, in the permissions and to a tag that asks."""
    rows = visitor.page.evaluate("ecrm.permissions.map((row) => ({...row, told: ecrm.allowed(row.purpose)}))")
    rows = [row for row in rows if row["basis"] == "consent"]
    found = {row["purpose"] for row in rows if row["allowed"]}
    assert {row["purpose"] for row in rows if row["told"]} == found
    return found


def answered(visitor: Visitor) -> dict[str, str]:
    """What the service knows of this visitor's answers, by purpose."""
    asked = visitor.page.request.get("/v1/notice").json()["purposes"]
    return {each["purpose"]: each["answer"] for each in asked if "answer" in each}


def test_a_cleared_storage_asks_nobody_again(visit: Visit) -> None:
    """Whatever a script could store is gone, and the no is still known; also a yes."""
    for action, opened in (("refuse_all", False), ("accept_all", True)):
        visitor = visit()
        visitor.page.goto("/")
        visitor.press(action)
        visitor.page.evaluate(CLEAR)
        visitor.page.goto("/")
        visitor.page.wait_for_load_state("networkidle")
        expect(visitor.banner).to_have_count(0)
        assert bool(allowed(visitor)) == opened


def test_the_choice_is_a_cookie_that_the_server_set(visit: Visit) -> None:
    """Browsers end after seven days what a script stored; the choice comes by `Set-Cookie`, for longer than that."""
    visitor = visit()
    visitor.page.goto("/")
    with visitor.page.expect_response("**/v1/answers") as reply:
        visitor.banner.locator("[data-ecrm-action=refuse_all]").click()
    header = reply.value.headers_array()
    [cookie] = [each["value"] for each in header if each["name"].lower() == "set-cookie"]
    assert cookie.startswith("ecrm_choice=")
    [age] = [part for part in cookie.split("; ") if part.startswith("Max-Age=")]
    assert int(age.removeprefix("Max-Age=")) > SEVEN_DAYS_S


def test_a_cleared_cookie_asks_again_and_is_never_a_yes(visit: Visit) -> None:
    """Without its cookies a browser is nobody's: the question comes back, and nothing that needs a yes is allowed."""
    visitor = visit()
    visitor.page.goto("/")
    visitor.press("accept_all")
    until(visitor.page, "ecrm.allowed('personalize')")
    visitor.context.clear_cookies()
    visitor.page.goto("/")
    visitor.banner.locator("section").wait_for()
    assert allowed(visitor) == set()


def test_a_forged_choice_opens_nothing(visit: Visit) -> None:
    """A choice cookie that claims a yes to everything opens nothing."""
    visitor = visit()
    visitor.page.goto("/")
    url = visitor.page.url
    visitor.context.add_cookies([{"name": "ecrm_choice", "value": "1.shop@1.5555", "url": url}])
    visitor.page.goto("/")
    until(visitor.page, "ecrm.permissions.length")
    assert allowed(visitor) == set()


def test_a_blocked_script_asks_nobody_again(visit: Visit) -> None:
    """Without our script the same answer is given by the form, and a no is as little a question on the next page."""
    visitor = visit()
    context: BrowserContext = visitor.context
    for pattern in ("**/ecrm.js", "**/signals.js"):
        context.route(pattern, lambda route: route.fulfill(body="", content_type="text/javascript"))
    form = visitor.page.locator("form[data-ecrm-banner]")
    visitor.page.goto("/")
    form.locator("[data-ecrm-action=refuse_all]").click()
    expect(form).to_have_count(0)
    visitor.page.goto("/")
    expect(form).to_have_count(0)
    assert [cookie["name"] for cookie in context.cookies()] == ["ecrm_choice"]


def test_a_refusal_is_kept_for_each_purpose(visit: Visit) -> None:
    """One purpose refused is refused, and the others stay a question: by the cookie, and later in the log."""
    visitor = visit()
    visitor.page.goto("/")
    visitor.banner.locator("section").wait_for()
    visitor.page.evaluate("ecrm.answer([{purpose: 'advertise', answer: 'refused'}])")
    assert answered(visitor) == {"advertise": "refused"}
    visitor.page.goto("/")
    expect(visitor.banner).to_have_count(1)  # about the others
    visitor.page.evaluate(
        "ecrm.answer([{purpose: 'remember', answer: 'given'}, {purpose: 'share', answer: 'refused'}])"
    )
    assert answered(visitor) == {"advertise": "refused", "remember": "given", "share": "refused"}


def test_a_no_holds_at_once_and_until_it_is_heard(visit: Visit) -> None:
    """A withdrawal without a connection closes on the page at once, is told to be pending, and arrives later, once."""
    visitor = visit()
    page = visitor.page
    page.goto("/")
    visitor.press("accept_all")
    visitor.banner.locator("[data-ecrm-action=close]").click()
    visitor.context.set_offline(True)
    page.evaluate("""() => {
      window.told = 0;
      document.addEventListener("ecrm:pending", () => (window.told += 1));
      window.answered = ecrm.answer([{purpose: "personalize", answer: "withdrawn"}]);
    }""")
    until(page, "window.told")
    assert not page.evaluate("ecrm.allowed('personalize')")
    assert visitor.page.evaluate("!dispatchEvent(new Event('beforeunload', {cancelable: true}))")
    visitor.context.set_offline(False)
    page.evaluate("window.answered")
    assert page.evaluate("dispatchEvent(new Event('beforeunload', {cancelable: true}))")
    visitor.page.goto("/")
    until(page, "ecrm.permissions.length")
    assert not page.evaluate("ecrm.allowed('personalize')")
    assert page.evaluate("ecrm.allowed('remember')")


def test_an_answer_before_anything_was_loaded_is_taken(visit: Visit) -> None:
    """Where the permissions did not come, an answer asks which notice it answers, and is taken."""
    visitor = visit()
    visitor.page.route("**/v1/permissions?*", lambda route: route.abort("internetdisconnected"))
    visitor.page.goto("/")
    taken = visitor.page.evaluate("ecrm.answer([{purpose: 'remember', answer: 'refused'}])")
    assert taken["receipt_id"]
    assert [cookie["name"] for cookie in visitor.context.cookies()] == ["ecrm_choice"]


def test_a_strict_page_runs_all_of_it(visit: Visit) -> None:
    """Under `default-src 'self'` alone the question comes, is answered, and tags were told before they could run."""
    visitor = visit()
    at_a_shop(visitor.page, "<h1>A shop</h1>")
    visitor.banner.locator("section").wait_for()
    first = visitor.page.evaluate("[...dataLayer[0]]")
    assert first[:2] == ["consent", "default"]
    assert first[2]["ad_storage"] == "denied" and "wait_for_update" not in first[2]
    visitor.press("accept_all")
    visitor.page.reload()
    assert visitor.page.evaluate("dataLayer[0][2].ad_storage") == "granted"
    assert visitor.page.evaluate("[...dataLayer].filter((each) => each[1] == 'default').length") == 1
