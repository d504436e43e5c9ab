"""Bad input: each kind has a problem of its own, changes nothing, echoes nothing and logs nobody."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest

from tests.houses import CHOICE, NOTICE, SESSION, Opened, everything, idempotent, logged, token

pytestmark = pytest.mark.anyio

CANARY = "ada.lovelace@example.com"
JSON, FORM = {"content-type": "application/json"}, {"content-type": "application/x-www-form-urlencoded"}
ANSWERS, SESSIONS, RIGHTS = "/v1/answers", "/v1/session", "/v1/rights-requests"


def answers(*said: dict[str, Any], notice: Any = NOTICE, method: Any = "save", **more: Any) -> bytes:
    return json.dumps({"notice": notice, "answers": list(said), "method": method, **more}).encode()


YES = {"purpose": "remember", "answer": "given"}
NO = {"purpose": "remember", "answer": "refused"}

BAD: dict[str, tuple[str, bytes, dict[str, str], int, str]] = {
    "no JSON": (ANSWERS, b'{"notice": "' + CANARY.encode(), JSON, 400, "malformed"),
    "nothing": (ANSWERS, b"", JSON, 400, "malformed"),
    "another shape": (ANSWERS, f'["{CANARY}"]'.encode(), JSON, 400, "malformed"),
    "no UTF-8": (ANSWERS, b'{"notice": "\xff\xfe"}', JSON, 400, "malformed"),
    "a field too few": (ANSWERS, b'{"notice":"shop@1","method":"save"}', JSON, 400, "malformed"),
    "a wrong type": (ANSWERS, answers({"purpose": 7, "answer": "given"}), JSON, 400, "malformed"),
    "a wrong type within": (ANSWERS, answers({**YES, "channel": [CANARY]}), JSON, 400, "malformed"),
    "an unknown answer": (ANSWERS, answers({"purpose": "remember", "answer": CANARY}), JSON, 400, "malformed"),
    "an unknown method": (ANSWERS, answers(NO, method=CANARY), JSON, 400, "malformed"),
    "an unknown field": (ANSWERS, answers(NO, email="x"), JSON, 400, "unknown-field"),
    "an unknown field within": (ANSWERS, answers({**NO, CANARY: 1}), JSON, 400, "unknown-field"),
    "no answer": (ANSWERS, answers(), JSON, 400, "empty-answer"),
    "an unknown purpose": (ANSWERS, answers({**NO, "purpose": CANARY}), JSON, 422, "unknown-purpose"),
    "an unknown channel": (ANSWERS, answers({**YES, "channel": CANARY}), JSON, 422, "unknown-purpose"),
    "an unknown recipient": (ANSWERS, answers({**YES, "recipient": CANARY}), JSON, 422, "unknown-purpose"),
    "a no to what is required": (ANSWERS, answers({**NO, "purpose": "order"}), JSON, 422, "required-purpose"),
    "a yes to an unknown notice": (ANSWERS, answers(YES, notice="shop@8"), JSON, 422, "unknown-notice"),
    "a yes to no notice": (ANSWERS, answers(NO, YES, notice=CANARY), JSON, 422, "unknown-notice"),
    "a body over its limit": (ANSWERS, answers(NO, notice=CANARY * 2000), JSON, 413, "body-too-large"),
    "another page's write": (ANSWERS, answers(NO), {**JSON, "origin": "https://evil.example"}, 403, "foreign-origin"),
    "a write from nowhere": (ANSWERS, answers(NO), {**JSON, "origin": ""}, 403, "foreign-origin"),
    "a cross-site write": (ANSWERS, answers(NO), {**JSON, "sec-fetch-site": "cross-site"}, 403, "foreign-origin"),
    "no key": (ANSWERS, answers(NO), {**JSON, "idempotency-key": ""}, 400, "idempotency-key-missing"),
    "a form that is none": (ANSWERS, b"%ff%fe;", FORM, 400, "malformed"),
    "half a character": (ANSWERS, rb'{"notice":"\ud800","answers":[],"method":"save"}', JSON, 400, "malformed"),
    "a deep nest": (ANSWERS, b'{"answers":' + b"[" * 30_000, JSON, 400, "malformed"),
    "an unknown word in a form": (
        ANSWERS,
        f"idempotency_key={uuid4()}&notice=shop@1&answer.remember={CANARY}".encode(),
        FORM,
        400,
        "malformed",
    ),
    "an expired token": (
        SESSIONS, json.dumps({"token": token(CANARY, exp=int(time.time()) - 120)}).encode(), JSON, 401, "token-refused"
    ),
    "a forged token": (
        SESSIONS, json.dumps({"token": token(CANARY, secret=b"x" * 32)}).encode(), JSON, 401, "token-refused"
    ),
    "no token": (SESSIONS, json.dumps({"token": CANARY}).encode(), JSON, 401, "token-refused"),
    "a token and more": (SESSIONS, json.dumps({"token": "x", CANARY: 1}).encode(), JSON, 400, "unknown-field"),
    "an unknown right": (RIGHTS, json.dumps({"right": CANARY}).encode(), JSON, 400, "malformed"),
    "a right of nobody": (RIGHTS, b'{"right":"erasure"}', JSON, 404, "not-found"),
    "a form for preferences without a key": (
        "/preferences", b"answer.remember=given", FORM, 400,
        "idempotency-key-missing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_is_told_apart_and_changes_nothing(name: str, opened: Opened) -> None:
    """Type and status are its own; no row is added or changed; no value comes back or is logged."""
    path, body, headers, status, kind = BAD[name]
    browser = opened.browser(**idempotent())
    async with opened.as_admin() as admin:
        before = await everything(admin)
        with logged() as log:
            reply = await browser.http.post(path, content=body, headers=headers)
        assert await everything(admin) == before
    problem = reply.json()
    assert (reply.status_code, problem["type"], problem["status"]) == (status, f"/problems/{kind}", status), reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert "set-cookie" not in reply.headers and browser.cookies == {}
    for text in (reply.text, str(reply.headers), log.getvalue().decode()):
        assert CANARY not in text and "lovelace" not in text
    assert (await browser.http.get(problem["type"])).status_code == 200


async def test_a_browser_that_asks_for_pages_gets_a_page(opened: Opened) -> None:
    """The same problem in words, and as little of what was sent."""
    body = answers({**NO, "purpose": CANARY})
    reply = await opened.browser().http.post(ANSWERS, content=body, headers={**idempotent(), "accept": "text/html"})
    assert reply.status_code == 422 and reply.headers["content-type"].startswith("text/html")
    assert CANARY not in reply.text


FORGED = {
    "an unknown session": {SESSION: "Zm9yZ2Vk" * 5},
    "a session that is a sentence": {SESSION: CANARY},
    "an endless session": {SESSION: "x" * 4000},
    "a choice that is none": {CHOICE: CANARY},
    "a choice of another notice": {CHOICE: "1.shop@9999.ffffffffffffffff"},
    "an endless choice": {CHOICE: "1.shop@1." + "f" * 4000},
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_cookie_reaches_nobody(name: str, opened: Opened) -> None:
    """It is nobody's: pages are those of a stranger or narrower, requests find nobody, and nothing is written."""
    browser = opened.browser()
    for cookie, value in FORGED[name].items():
        browser.http.cookies.set(cookie, value, domain="127.0.0.1", path="/")
    async with opened.as_admin() as admin:
        before = await everything(admin)
        with logged() as log:
            assert await browser.allowed() <= {"order", "measure"}
            assert (await browser.http.get("/v1/receipts")).json() == {"receipts": []}
            refused = await browser.ask("erasure")
            page = await browser.http.get("/preferences")
        assert await everything(admin) == before
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/not-found")
    assert page.status_code == 200
    for value in FORGED[name].values():
        assert value not in page.text and value.encode() not in log.getvalue()


async def test_a_no_is_taken_whatever_came_with_it(opened: Opened) -> None:
    """Forged cookies, unknown notices, texts in place of a notice: recorded, and not written down as they came."""
    for cookies in FORGED.values():
        for notice in (NOTICE, "shop@8", "", CANARY, "\x00", "x" * 20_000):
            browser = opened.browser()
            for cookie, value in cookies.items():
                browser.http.cookies.set(cookie, value, domain="127.0.0.1", path="/")
            reply = await browser.answer({"remember": "refused", "offers": "withdrawn"}, notice=notice)
            assert reply.status_code == 201, reply.text
            assert reply.json()["answer_due"] or notice == NOTICE
            assert CANARY not in reply.text
    async with opened.as_admin() as admin:
        assert CANARY not in str(await everything(admin))


async def test_a_stale_cookie_ends_with_the_next_answer(opened: Opened) -> None:
    """A choice that cannot be read closes everything until somebody answers again."""
    browser = opened.browser()
    await browser.answer({"remember": "given"})
    browser.http.cookies.delete(CHOICE)
    browser.http.cookies.set(CHOICE, "1.shop@1.xyz", domain="127.0.0.1", path="/")
    assert await browser.allowed() == {"order"}
    browser.http.cookies.delete(CHOICE)
    await browser.answer({"offers": "refused"})
    assert await browser.allowed() == {"order", "measure", "remember"}
