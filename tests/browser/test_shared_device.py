"""Two customers at one browser: the second one never meets the first, with scripts and without."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import Demo, Visit


def _people(demo: Demo, scripts: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two customers whom no other test takes."""
    found = demo.file["customers"]
    return (found[20], found[21]) if scripts else (found[22], found[23])


def _shows_nobody(page: Page, *people: dict[str, Any]) -> None:
    for each in people:
        for word in (each["name"], each["email"], each["customer_number"]):
            assert word not in page.content()


@pytest.mark.parametrize("way", ["signed out", "signed in over"])
def test_the_next_customer_meets_nobody(visit: Visit, demo: Demo, scripts: bool, way: str) -> None:
    """Pages, preferences and the copy of one's data show the one who is signed in, also after Back."""
    first, second = _people(demo, scripts)
    visitor = visit(scripts=scripts)
    page = visitor.page
    visitor.signs_in(first["customer_number"])
    page.goto("/preferences")
    expect(page.locator("#known")).to_contain_text(first["email"])
    page.get_by_role("button", name="Download my data").click()
    expect(page.locator("main")).to_contain_text(first["email"])
    copy = page.url
    cookies = {cookie["name"]: cookie["value"] for cookie in visitor.context.cookies()}
    if way == "signed out":
        reply = visitor.context.request.post("/signout", form={}, headers={"Origin": demo.base})
        assert reply.ok
        assert visitor.context.cookies() == []
        page.go_back()
        _shows_nobody(page, first)
    visitor.signs_in(second["customer_number"])
    now = {cookie["name"]: cookie["value"] for cookie in visitor.context.cookies()}
    assert now["ecrm"] != cookies["ecrm"]
    for path in ("/", "/pages/yours", "/preferences"):
        page.goto(path)
        expect(page.locator("main")).to_be_visible()
        _shows_nobody(page, first)
    expect(page.locator("#known")).to_contain_text(second["email"])
    reply = visitor.context.request.get(copy)
    assert reply.status == 404 and first["email"] not in reply.text()
    page.go_back(wait_until="commit")  # a page that is kept whole is not loaded again
    _shows_nobody(page, first)


def test_signing_out_leaves_nothing_in_the_browser(visit: Visit, demo: Demo) -> None:
    """No cookie, no storage, no cached page, no worker."""
    visitor = visit()
    visitor.signs_in(_people(demo, scripts=True)[0]["customer_number"])
    for path in ("/", "/preferences"):
        visitor.page.goto(path)
    assert visitor.context.request.post("/signout", form={}, headers={"Origin": demo.base}).ok
    visitor.page.goto("/")
    left = visitor.page.evaluate(
        """async () => [Object.keys(localStorage), Object.keys(sessionStorage), await caches.keys(),
            (await indexedDB.databases()).map((one) => one.name),
            (await navigator.serviceWorker.getRegistrations()).length]"""
    )
    assert left == [[], [], [], [], 0]
    assert [cookie["name"] for cookie in visitor.context.cookies()] in ([], ["ecrm_choice"])
