"""Somebody with a browser in front of the demo, with scripts or without."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import BrowserContext, Locator, Page

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
UNTIL_S = 10.0
CHOICES = ("accept_all", "refuse_all", "choose")


class Demo(NamedTuple):
    """A running demo: its address, and what `demo.json` says."""

    base: str
    file: dict[str, Any]
    data_dir: Path


class Visitor(NamedTuple):
    """Somebody with a browser: `page` to look at, `context` for cookies, `scripts` for whether they run."""

    page: Page
    context: BrowserContext
    scripts: bool

    @property
    def banner(self) -> Locator:
        """The question: the element with scripts, the form without."""
        return self.page.locator("ecrm-banner" if self.scripts else "form[data-ecrm-banner]")

    def press(self, action: str) -> None:
        """Press one of the banner's buttons, and wait until it is answered."""
        button = self.banner.locator(f"[data-ecrm-action={action}]")
        if not self.scripts:
            button.click()
            return
        with self.page.expect_response("**/v1/answers*") as reply:
            button.click()
        assert reply.value.status == 201
        button.wait_for(state="detached")  # the page has taken it up, not only heard it

    def answers(self, action: str) -> None:
        """Answer the banner of the front page with one button, and let go of the receipt."""
        self.page.goto("/")
        self.press(action)
        if self.scripts:
            self.banner.locator("[data-ecrm-action=close]").click()

    def signs_in(self, customer_number: str) -> None:
        """Sign in to the demo as one of its customers, as the buttons of `/signin` do."""
        self.page.goto("/signin")
        origin = self.page.evaluate("location.origin")
        reply = self.context.request.post(
            "/signin/as", form={"customer_number": customer_number}, headers={"Origin": origin}
        )
        assert reply.ok

    def switches(self, purpose: str) -> None:
        """Press a purpose's switch on the preferences page."""
        self.page.goto("/preferences")
        switch = self.page.locator(f'[role=switch][name="answer.{purpose}"]')
        before = switch.get_attribute("aria-checked")
        switch.click()
        self.page.locator(f'[role=switch][name="answer.{purpose}"]:not([aria-checked={before}])').wait_for()

    def slot(self, name: str = "for-you") -> Locator:
        """Return a slot's section."""
        return self.page.locator(f'ecrm-slot[name="{name}"] [data-slot="{name}"]')


def until(page: Page, expression: str) -> None:
    """Wait until an expression is true in the page, asked from here: one that polls itself in there is an eval."""
    deadline = time.monotonic() + UNTIL_S
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(20)


STRICT = {"Content-Security-Policy": "default-src 'self'"}
TAGS = '<script src="/signals.js"></script><script type="module" src="/ecrm.js"></script>'


def at_a_shop(page: Page, body: str, head: str = TAGS, headers: dict[str, str] | None = None) -> None:
    """Look at a page of a shop with this body, under a policy that allows nothing inline and nobody else."""
    html = f"<!doctype html><html lang='en'><head><title>A shop</title>{head}</head><body>{body}</body></html>"
    page.route("**/a-shop", lambda route: route.fulfill(body=html, content_type="text/html", headers=headers or STRICT))
    page.goto("/a-shop")


Visit = Callable[..., Visitor]
"""`visit(scripts=False, viewport=PHONE, color_scheme="dark", …)` makes a visitor with a fresh browser.

What a test brings about on purpose it names: `errors=("status of 4",)`. Any other error in a page fails it.
"""
