"""Every write refuses what it has no place for: a problem of its own, no row more or less, and no value said again."""

import shutil
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from ecrm_privacy.consent.store import add_api_key
from tests.conftest import CHECKOUT, Cluster
from tests.houses import CHOICE, SESSION, Opened, everything, house_of_its_own, idempotent, logged, token

pytestmark = pytest.mark.anyio

EVIL = {"Origin": "https://evil.example"}
SHOP, CLUB, FRAMED = "http://127.0.0.1:8001", "https://club.example", "http://127.0.0.1:8000"
CANARY = "ada.lovelace@example.com"
KEY, WEAK = "a-key-that-may-everything", "a-key-that-may-nothing"
SCOPES = ("consent:read", "consent:write", "subjects:write", "slots:read", "events:write", "catalogue:write")
AS, FORM = {"Authorization": f"Bearer {KEY}", "Ecrm-Subject": "C-1"}, "application/x-www-form-urlencoded"
BY_THE_CLOCK = {"ecrm.published", "ecrm.tile", "ecrm.upkeep", "ecrm.notice_count"}
YES, NO = {"purpose": "remember", "answer": "given"}, {"purpose": "remember", "answer": "refused"}
PUSH = {"purpose": "offers", "channel": "web_push", "answer": "given", "address": f'{{"endpoint":"{CANARY}"}}'}
EVENT = {"event_id": "0123456789", "type": "view", "item_id": "cup"}


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    """A house with two shops, each with a notice of its own, a customer, and the keys of two servers."""
    folder = tmp_path_factory.mktemp("house")
    policies = folder / "policies"
    shutil.copytree(CHECKOUT / "policies", policies)
    demo = (policies / "sites/demo.toml").read_text("utf-8")
    club = demo.replace("origins = []", f'origins = ["{CLUB}"]').replace('notice = "shop"', 'notice = "club"')
    (policies / "sites/club.toml").write_text(club, "utf-8")
    shutil.copy(policies / "notices/shop@1.toml", policies / "notices/club@1.toml")
    settings: dict[str, Any] = {"policies": policies, "site_origins": {"demo": [SHOP]}}
    async with house_of_its_own(cluster, folder, plugins=("personalization.plugin",), **settings) as house:
        async with house.as_admin() as admin:
            await add_api_key(sha256(KEY.encode()).digest(), "warehouse", SCOPES, 60_000).run(admin)
            await add_api_key(sha256(WEAK.encode()).digest(), "warehouse", (), 60_000).run(admin)
        assert (await house.browser(Origin=SHOP).sign_in("C-1")).status_code == 201
        yield house


def said(*answers: dict[str, Any], notice: str = "shop@1", **more: Any) -> dict[str, Any]:
    return {"notice": notice, "answers": list(answers), "method": "save", **more}


def form(**fields: str) -> dict[str, Any]:
    return {"data": {"idempotency_key": str(uuid4()), "notice": "shop@1", **fields}}


BAD: dict[str, tuple[str, dict[str, Any], dict[str, str], int, str]] = {
    # what a page may say
    "a yes to a notice of another site": (
        "POST /v1/answers", {"json": said(YES, notice="club@1")}, {"Origin": SHOP}, 422, "unknown-notice"
    ),
    "the same from the other site": ("POST /v1/answers", {"json": said(YES)}, {"Origin": CLUB}, 422, "unknown-notice"),
    "the same in a frame": (
        "POST /v1/answers?site=club", form(method="accept_all"), {"Origin": FRAMED}, 422, "unknown-notice"
    ),
    "a time that ran backwards": ("POST /v1/answers", {"json": said(YES, shown={"seconds": -1})}, {}, 400, "malformed"),
    "more about the time": (
        "POST /v1/answers", {"json": said(NO, shown={"seconds": 1, "who": CANARY})}, {}, 400, "unknown-field"
    ),
    "an address with a no": (
        "POST /v1/answers", {"json": said({**NO, "purpose": "offers", "channel": "email", "address": CANARY})}, {}, 400,
        "malformed",
    ),
    "an address that is no subscription": ("POST /v1/answers", {"json": said(PUSH)}, {}, 400, "malformed"),
    "a channel and a recipient": (
        "POST /v1/answers", {"json": said({**YES, "channel": "email", "recipient": "tea-guild"})}, {}, 422,
        "unknown-purpose",
    ),
    "a channel of another purpose": (
        "POST /v1/answers", {"json": said({**YES, "channel": "email"})}, {}, 422, "unknown-purpose"
    ),
    "a recipient of another purpose": (
        "POST /v1/answers", {"json": said({**YES, "recipient": "tea-guild"})}, {}, 422, "unknown-purpose"
    ),
    "a method that only others have": (
        "POST /v1/answers", {"json": said(NO) | {"method": "staff"}}, {}, 400, "malformed"
    ),
    "a signal that is not sent": ("POST /v1/answers", {"json": said(NO) | {"method": "gpc"}}, {}, 400, "malformed"),
    "an endless key": (
        "POST /v1/answers", {"json": said(NO)}, {"Idempotency-Key": "k" * 65}, 400, "idempotency-key-missing"
    ),
    "preferences of a foreign page": (
        "POST /preferences", form(**{"answer.remember": "given"}), EVIL, 403,
        "foreign-origin",
    ),
    "a form with a purpose that is none": (
        "POST /v1/answers", form(**{f"answer.{CANARY}": "given"}), {"Origin": FRAMED}, 422, "unknown-purpose"
    ),
    # signing in and out
    "a sign-out by a foreign page": ("DELETE /v1/session", {}, EVIL, 403, "foreign-origin"),
    "a token of another shop": (
        "POST /v1/session", {"json": {"token": token(CANARY, aud="elsewhere")}}, {}, 401, "token-refused"
    ),
    # channels
    "a sign-up to nothing": ("POST /sign-up/remember/email", form(address=CANARY), {}, 404, "not-found"),
    "a sign-up over no channel": (f"POST /sign-up/offers/{CANARY}", form(address=CANARY), {}, 404, "not-found"),
    "a sign-up without an address": ("POST /sign-up/offers/email", form(address="nobody"), {}, 400, "malformed"),
    "a sign-up from a foreign page": (
        "POST /sign-up/offers/email", form(address=CANARY), EVIL, 403, "foreign-origin"
    ),
    "a forged confirmation": (f"POST /confirm/{CANARY}", {}, {}, 404, "link-unknown"),
    "a forged end": (f"POST /unsubscribe/{CANARY}", {}, {}, 404, "link-unknown"),
    # events
    "an event of no kind": ("POST /v1/events", {"json": {"events": [{**EVENT, "type": CANARY}]}}, {}, 400, "malformed"),
    "an event with more": ("POST /v1/events", {"json": {"events": [{**EVENT, "x": CANARY}]}}, {}, 400, "unknown-field"),
    "too many events": ("POST /v1/events", {"json": {"events": [EVENT] * 501}}, {}, 400, "malformed"),
    # servers
    "no key": ("PUT /v1/subject", {"json": {"fields": {}}}, {"Ecrm-Subject": CANARY}, 401, "api-key-refused"),
    "a key that there is not": (
        "PUT /v1/subject", {"json": {"fields": {}}}, {"Authorization": f"Bearer {CANARY}"}, 401, "api-key-refused"
    ),
    "a key that may not": (
        "PUT /v1/subject", {"json": {"fields": {}}}, {"Authorization": f"Bearer {WEAK}"}, 403, "scope-missing"
    ),
    "fields of nobody": (
        "PUT /v1/subject", {"json": {"fields": {}}}, {"Authorization": f"Bearer {KEY}"}, 400, "malformed"
    ),
    "fields that are no text": (
        "PUT /v1/subject", {"json": {"fields": {"contact": {"name": [CANARY]}}}}, AS, 400, "malformed"
    ),
    "a field too long": (
        "PUT /v1/subject", {"json": {"fields": {"contact": {"name": "x" * 4001}}}}, AS, 400, "malformed"
    ),
    "a day of birth that is none": (
        "PUT /v1/subject", {"json": {"fields": {"demographics": {"birth_date": CANARY}}}}, AS, 400, "malformed"
    ),
    "an answer of somebody unknown": (
        "POST /v1/subject/answers", {"json": said(YES)}, {**AS, "Ecrm-Subject": CANARY}, 404, "not-found"
    ),
    "evidence without end": (
        "POST /v1/subject/answers", {"json": said(YES, evidence=CANARY * 20)}, AS, 400, "malformed"
    ),
    "an answer to no purpose": (
        "POST /v1/subject/answers", {"json": said({**YES, "purpose": CANARY})}, AS, 422, "unknown-purpose"
    ),
    "a yes to no notice": (
        "POST /v1/subject/answers", {"json": said(YES, notice=CANARY)}, AS, 422, "unknown-notice"
    ),
    "a question about no purpose": (
        "POST /v1/access:check", {"json": {"subjects": ["C-1"], "purpose": CANARY}}, AS, 422, "unknown-purpose"
    ),
    "a question about no channel": (
        "POST /v1/access:check", {"json": {"subjects": ["C-1"], "purpose": "offers", "channel": CANARY}}, AS, 422,
        "unknown-purpose",
    ),
    "a question about no recipient": (
        "POST /v1/access:check", {"json": {"subjects": ["C-1"], "purpose": "share", "recipient": CANARY}}, AS, 422,
        "unknown-purpose",
    ),
    "a question about too many": (
        "POST /v1/access:check", {"json": {"subjects": ["C-1"] * 1001, "purpose": "offers"}}, AS, 400, "malformed"
    ),
    "a slot that there is not": (f"POST /v1/subject/slots/{CANARY}", {}, AS, 404, "not-found"),
    "stock that is owed": ("PUT /v1/stock", {"json": {"stock": {"cup": -1}}}, AS, 400, "malformed"),
    "an item that leads elsewhere": (
        "PUT /v1/items/cup", {"json": {"kind": "product", "title": "Cup", "url": "javascript:0"}}, AS, 400, "malformed"
    ),
}  # fmt: skip


async def stored(admin: asyncpg.Connection) -> dict[str, list[str]]:
    """Every row but those that a clock moves: the public log, whose turn upkeep is, what pages were served."""
    return {table: rows for table, rows in (await everything(admin)).items() if table not in BY_THE_CLOCK}


def headers(given: dict[str, str]) -> dict[str, str]:
    return {**idempotent(), **given}


async def send(web: httpx.AsyncClient, call: str, body: dict[str, Any], given: dict[str, str]) -> httpx.Response:
    method, _, path = call.partition(" ")
    return await web.request(method, path, **body, headers=headers(given))


@pytest.mark.parametrize("name", BAD)
async def test_what_has_no_place_is_refused_and_leaves_nothing(name: str, opened: Opened) -> None:
    """Status and type are its own; no row of any table changed; what was sent is neither answered nor logged."""
    call, body, given, status, kind = BAD[name]
    browser = opened.browser()
    async with opened.as_admin() as admin:
        before = await stored(admin)
        with logged() as log:
            reply = await send(browser.http, call, body, given)
        assert await stored(admin) == before
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), reply.text
    assert reply.json()["type"] == f"/problems/{kind}", reply.text
    assert "set-cookie" not in reply.headers
    path = log.getvalue().decode().replace(f"/{CANARY}", "")  # addresses of calls are looked at elsewhere
    for text in (reply.text, path):
        assert "lovelace" not in text


async def test_a_token_opens_one_session_and_no_second(opened: Opened) -> None:
    """Sent again, by the same browser or another, it is refused; nothing is stored and no cookie comes."""
    text = token("C-2")
    first = await opened.browser().http.post("/v1/session", json={"token": text})
    assert first.status_code == 201
    async with opened.as_admin() as admin:
        before = await stored(admin)
        for _ in range(3):
            thief = opened.browser()
            again = await thief.http.post("/v1/session", json={"token": text})
            assert (again.status_code, again.json()["type"]) == (401, "/problems/token-refused")
            assert thief.cookies == {}
        assert await stored(admin) == before


async def test_a_no_is_taken_with_a_notice_of_another_site(opened: Opened) -> None:
    """Whatever was shown, a no counts; nobody gets a session by it."""
    browser = opened.browser(Origin=CLUB)
    reply = await browser.http.post("/v1/answers", json=said(NO), headers=idempotent())
    assert reply.status_code == 201
    assert set(browser.cookies) == {CHOICE}


async def test_each_site_takes_a_yes_to_its_own_notice(opened: Opened) -> None:
    """From the pages of a site, from a frame that names it, and from our own pages."""
    for origin, path, notice in (
        (SHOP, "/v1/answers", "shop@1"),
        (CLUB, "/v1/answers", "club@1"),
        (FRAMED, "/v1/answers?site=club", "club@1"),
        (FRAMED, "/v1/answers", "shop@1"),
    ):
        browser = opened.browser(Origin=origin)
        reply = await browser.http.post(path, json=said(YES, notice=notice), headers=idempotent())
        assert (reply.status_code, SESSION in browser.cookies) == (201, True), (origin, notice)
