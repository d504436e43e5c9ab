"""What people do about channels in these tests."""

from typing import Any

import httpx

from tests.houses import NOTICE, Browser, Opened, idempotent
from tests.mailbox import Mailbox, link_in


async def sign_up(browser: Browser, address: str, channel: str = "email", **more: Any) -> httpx.Response:
    """Say yes to offers, and to a channel of them with an address."""
    answers = [
        {"purpose": "offers", "answer": "given"},
        {"purpose": "offers", "channel": channel, "answer": "given", "address": address},
    ]
    body = {"notice": NOTICE, "answers": answers, "method": "save", **more}
    return await browser.http.post("/v1/answers", json=body, headers=idempotent())


async def status(browser: Browser, channel: str = "email", purpose: str = "offers") -> str:
    """Return how a channel stands."""
    rows = (await browser.http.get("/v1/permissions")).json()["permissions"]
    return next(row["status"] for row in rows if row["purpose"] == purpose and row.get("channel") == channel)


async def asked_to_confirm(opened: Opened, mailbox: Mailbox, address: str) -> tuple[Browser, str]:
    """Sign up, and return the browser and the link that came."""
    browser = opened.browser()
    assert (await sign_up(browser, address)).status_code == 201
    await opened.settle()
    (letter,) = mailbox.to(address)
    return browser, link_in(letter)
