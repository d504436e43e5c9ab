"""The banner in a page of a shop without scripts: put in by its server, or framed."""

from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import CHOICES, PHONE, Demo, Visit, Visitor, at_a_shop

SHEETS = '<link rel="stylesheet" href="/static/ecrm.css"><link rel="stylesheet" href="/static/banner.css">'
FRAME = '<h1>A shop</h1><iframe src="/banner?locale=de" title="Ihre Daten" width="900" height="420"></iframe>'


def included(visitor: Visitor, demo: Demo) -> None:
    """Look at a page whose server asked for the form, with what the browser had sent it."""
    cookies = {cookie["name"]: cookie["value"] for cookie in visitor.context.cookies()}
    passed_on = {"Ecrm-Choice": cookies["ecrm_choice"]} if "ecrm_choice" in cookies else {}
    with urlopen(Request(f"{demo.base}/banner/form?return_to=/signin", headers=passed_on)) as reply:
        form = reply.read().decode()
    visitor.page.unroute("**/a-shop")
    at_a_shop(visitor.page, f"<h1>A shop</h1>{form}", SHEETS)


@pytest.mark.parametrize("action", ["accept_all", "refuse_all"])
def test_a_form_that_the_shops_server_put_in_is_answered(visit: Visit, demo: Demo, action: str) -> None:
    """It records the answer, leads back to the page, and is not there the next time: after a no, and after a yes."""
    visitor = visit(scripts=False)
    included(visitor, demo)
    assert [visitor.banner.locator(f"[data-ecrm-action={each}]").is_visible() for each in CHOICES] == [True] * 3
    visitor.banner.locator(f"[data-ecrm-action={action}]").click()
    visitor.page.wait_for_url("**/signin")
    names = {cookie["name"] for cookie in visitor.context.cookies()}
    assert names == ({"ecrm_choice"} if action == "refuse_all" else {"ecrm_choice", "ecrm"})
    included(visitor, demo)
    expect(visitor.banner).to_have_count(0)


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, PHONE], ids=["desk", "phone"])
def test_a_framed_banner_is_answered(visit: Visit, viewport: dict[str, int]) -> None:
    """It asks in the frame, equal choices in the language that was named, and then says how to change the answer."""
    visitor = visit(scripts=False, viewport=viewport)
    at_a_shop(visitor.page, FRAME)
    frame = visitor.page.frame_locator("iframe")
    boxes = [frame.locator(f"[data-ecrm-action={each}]").bounding_box() for each in CHOICES]
    assert len({(box["height"], box["y"]) for box in boxes if box}) == 1
    frame.locator("[data-ecrm-action=refuse_all]").click()
    expect(frame.get_by_role("status")).to_contain_text("gespeichert")
    assert [cookie["name"] for cookie in visitor.context.cookies()] == ["ecrm_choice"]
    visitor.page.reload()
    expect(frame.locator("form")).to_have_count(0)
    expect(frame.get_by_role("link")).to_have_attribute("target", "_top")


def test_nobody_else_frames_it(visit: Visit) -> None:
    """The page may be framed by the site's origins alone."""
    page: Page = visit().page
    reply = page.request.get("/banner")
    [ancestors] = [
        part for part in reply.headers["content-security-policy"].split("; ") if part.startswith("frame-ancestors")
    ]
    assert ancestors == "frame-ancestors 'self'"


def test_both_record_the_same_answer(visit: Visit) -> None:
    """What was said with scripts and without differs in nothing but when: in the cookie of a no, and in the record."""
    kept: dict[bool, list[object]] = {}
    for scripts in (True, False):
        visitor = visit(scripts=scripts)
        visitor.page.goto("/")
        visitor.press("refuse_all")
        [no] = visitor.context.cookies()
        visitor.context.clear_cookies()
        visitor.page.goto("/")
        visitor.press("accept_all")
        [record] = visitor.page.request.get("/v1/receipts").json()["receipts"]
        changes = sorted((each["purpose"], each["status"]) for each in record["changes"])
        kept[scripts] = [no["value"], changes, record["method"], record["notice"]]
    assert kept[True] == kept[False]
