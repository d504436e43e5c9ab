"""The surface from outside, as http.md says it: names, statuses, caching, origins and forms of each call."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Cluster
from tests.houses import CHOICE, ORIGIN, SESSION, Opened, house_of_its_own, idempotent

pytestmark = pytest.mark.anyio

SHOP, ELSEWHERE = "http://127.0.0.1:8001", "http://shop.example"
PROBLEM = "application/problem+json"
NO = {"purpose": "remember", "answer": "refused"}
YES = {"purpose": "remember", "answer": "given"}
STALE = "shop@0"


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "with a gate process"])
async def opened(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Opened]:
    """One house with a shop of its own origin, and behind a proxy that says where a visitor is."""
    settings = {"site_origins": {"demo": [SHOP]}, "region_header": "x-region", "plugins": ("personalization.plugin",)}
    settings["gate_process"] = request.param
    async with house_of_its_own(cluster, tmp_path_factory.mktemp("house"), **settings) as house:
        yield house


@pytest.fixture
async def web(opened: Opened) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on the shop's page."""
    browser = opened.browser(Origin=SHOP).http
    async with browser:
        yield browser


def said(*answers: dict[str, str], notice: str = "shop@1", method: str = "save") -> dict[str, Any]:
    return {"notice": notice, "answers": list(answers), "method": method}


async def answer(web: httpx.AsyncClient, *answers: dict[str, str], **more: str) -> httpx.Response:
    return await web.post("/v1/answers", json=said(*answers, **more), headers=idempotent())


# the notice -----------------------------------------------------------------------------------------------------------


async def test_the_notice_says_what_to_ask_this_visitor(web: httpx.AsyncClient) -> None:
    """It has the members of http.md, is stored by nobody, and says what this visitor answered."""
    await answer(web, YES)
    reply = await web.get("/v1/notice")
    assert reply.headers["cache-control"] == "private, no-store"
    assert {"Cookie", "Origin", "Accept-Language", "Sec-GPC"} <= set(reply.headers["vary"].split(", "))
    body = reply.json()
    assert {"notice", "purposes", "jurisdiction", "regime", "gpc", "answer_due"} <= body.keys()
    assert {"version", "locale", "title", "text", "hash"} <= body["notice"].keys()
    asked = {each["purpose"]: each for each in body["purposes"]}
    members = {"name", "text", "benefit", "categories", "recipients", "channels", "retention", "basis", "required"}
    assert all(members <= each.keys() for each in asked.values())
    assert asked["remember"]["answer"] == "given"
    assert "answer" not in asked["offers"]


async def test_one_call_brings_permissions_and_question(web: httpx.AsyncClient) -> None:
    """With `question=1` the permissions bring what the notice says, in its language, to whoever owes an answer."""
    asked = await web.get("/v1/permissions?question=1&locale=de&site=demo")
    assert asked.headers["cache-control"] == "private, no-store"
    question = asked.json()["question"]
    assert question == (await web.get("/v1/notice?locale=de&site=demo")).json()
    assert question["notice"]["locale"] == "de"
    assert "question" not in (await web.get("/v1/permissions")).json()
    assert (await web.get("/v1/permissions?question=1&site=elsewhere")).status_code == 404
    await answer(web, *({**NO, "purpose": each["purpose"]} for each in question["purposes"] if not each["required"]))
    assert "question" not in (await web.get("/v1/permissions?question=1")).json()


async def test_the_public_notice_looks_at_nobody(web: httpx.AsyncClient, opened: Opened) -> None:
    """With `public=1` it is the same for who answered and who did not, and may be kept, apart by what decides it."""
    await answer(web, YES)
    known, nobody = (
        await web.get("/v1/notice?public=1"),
        await opened.browser(Origin=SHOP).http.get("/v1/notice?public=1"),
    )
    assert known.content == nobody.content
    assert known.headers["cache-control"].startswith("public")
    assert "Cookie" not in known.headers["vary"]
    assert "x-region" in known.headers["vary"]
    assert "answer_due" not in known.json()
    assert not any("answer" in each for each in known.json()["purposes"])


@pytest.mark.parametrize(
    ("path", "accept_language", "locale"),
    [
        ("/v1/notice", "de-AT,en;q=0.5", "de"),
        ("/v1/notice?locale=de", "en", "de"),
        ("/v1/notice?locale=tlh", "en", "en"),
    ],
)
async def test_the_notice_is_in_the_visitors_language(
    path: str, accept_language: str, locale: str, web: httpx.AsyncClient
) -> None:
    """`locale` decides where the site has it, else Accept-Language."""
    reply = await web.get(path, headers={"Accept-Language": accept_language})
    assert reply.json()["notice"]["locale"] == locale


async def test_a_site_that_there_is_not(web: httpx.AsyncClient) -> None:
    """A notice of an unknown site is a 404."""
    assert (await web.get("/v1/notice?site=elsewhere")).status_code == 404


# answers --------------------------------------------------------------------------------------------------------------


async def test_an_answer_is_a_receipt_and_what_follows(web: httpx.AsyncClient) -> None:
    """201 with the members of http.md; the receipt's address leads to it, as JSON and as the proof alone."""
    reply = await answer(web, YES)
    assert reply.status_code == 201
    body = reply.json()
    assert body.keys() == {"receipt_id", "leaf_index", "permissions", "answer_due", "receipt_url"}
    assert len(body["receipt_id"]) == 43
    receipt = (await web.get(body["receipt_url"])).json()
    assert receipt["leaf_index"] == body["leaf_index"]
    assert '"dpv:ConsentReceipt"' in receipt["payload"]
    alone = await web.get(body["receipt_url"], headers={"Accept": "text/plain"})
    assert alone.text == receipt["proof"]
    assert alone.text.startswith("c2sp.org/tlog-proof@v1\nextra ")


async def test_the_same_key_gives_the_same_reply_and_cookie(opened: Opened) -> None:
    """A first yes is repeated without the cookie and gives the same one; with another body it is 422."""
    key = idempotent()
    first, again, other = (opened.browser(Origin=SHOP).http for _ in range(3))
    one = await first.post("/v1/answers", json=said(YES), headers=key)
    two = await again.post("/v1/answers", json=said(YES), headers=key)
    assert (one.status_code, one.content) == (two.status_code, two.content)
    assert first.cookies[SESSION] == again.cookies[SESSION]
    assert (await other.post("/v1/answers", json=said(NO), headers=key)).json()["type"] == "/problems/key-reuse"


async def test_a_no_leaves_no_session(web: httpx.AsyncClient) -> None:
    """A no without an earlier yes leaves exactly `ecrm_choice`."""
    assert (await answer(web, NO)).status_code == 201
    assert [cookie.name for cookie in web.cookies.jar] == [CHOICE]


async def test_an_outdated_notice_takes_the_no_and_not_the_yes(web: httpx.AsyncClient) -> None:
    """An unknown notice is taken with a no and asks again; with a yes it is 422."""
    taken = await answer(web, NO, notice=STALE)
    assert (taken.status_code, taken.json()["answer_due"]) == (201, True)
    refused = await answer(web, YES, notice=STALE)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/unknown-notice")


async def test_a_form_goes_back_to_where_it_came_from_and_nowhere_else(opened: Opened) -> None:
    """A form post is a 303 back; an address elsewhere is not followed."""
    for return_to, location in (("/items/x", "/items/x"), ("//evil.example", "/preferences")):
        fields = {"notice": "shop@1", "method": "refuse_all", "idempotency_key": str(uuid4()), "return_to": return_to}
        reply = await opened.browser().http.post("/v1/answers", data=fields)
        assert (reply.status_code, reply.headers["location"]) == (303, location)


# origins --------------------------------------------------------------------------------------------------------------


async def test_a_configured_shop_may_write_with_credentials(opened: Opened) -> None:
    """The preflight of a site's page is allowed with credentials and our headers; its reply can be read by it."""
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,idempotency-key"}
    reply = await opened.browser(Origin=SHOP).http.options("/v1/answers", headers=wanted)
    assert reply.status_code == 204
    assert reply.headers["access-control-allow-origin"] == SHOP
    assert reply.headers["access-control-allow-credentials"] == "true"
    allowed = reply.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("content-type", "idempotency-key", "ecrm-choice"))
    elsewhere = await opened.browser(Origin=ELSEWHERE).http.options("/v1/answers", headers=wanted)
    assert "access-control-allow-origin" not in elsewhere.headers


@pytest.mark.parametrize("headers", [{"Origin": ELSEWHERE}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_nobody_else_may_write(headers: dict[str, str], opened: Opened) -> None:
    """A foreign origin, none, or a cross-site request is a 403 problem."""
    reply = await answer(opened.browser(**{"Origin": SHOP, **headers}).http, NO)
    assert (reply.status_code, reply.headers["content-type"]) == (403, PROBLEM)
    assert reply.json()["type"] == "/problems/foreign-origin"


# slots and pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("application/json", "application/json"), ("text/html", "text/html"), ("*/*", "text/html"),
     ("text/html, application/json", "text/html"), ("application/json, text/html", "application/json")],
)  # fmt: skip
async def test_a_slot_has_the_form_that_is_asked_for(accept: str, kind: str, web: httpx.AsyncClient) -> None:
    """JSON to whoever prefers it, else HTML; never stored, and apart by cookie."""
    reply = await web.get("/v1/slots/popular", headers={"Accept": accept})
    assert reply.headers["content-type"].startswith(kind)
    assert reply.headers["cache-control"] == "private, no-store"
    assert "Cookie" in reply.headers["vary"]


async def test_a_public_slot_is_the_same_for_everybody(web: httpx.AsyncClient, opened: Opened) -> None:
    """With `public=1` no cookie is looked at, and it may be kept."""
    await answer(web, YES, {"purpose": "personalize", "answer": "given"})
    path = "/v1/slots/for-you?public=1"
    known, nobody = await web.get(path), await opened.browser().http.get(path)
    assert known.content == nobody.content
    assert known.headers["cache-control"].startswith("public")
    assert "Cookie" not in known.headers["vary"]


async def test_what_there_is_not_is_a_problem(web: httpx.AsyncClient) -> None:
    """An unknown slot, page, receipt, statement or address is a 404 problem."""
    for path in (
        "/v1/slots/x",
        "/v1/slots?names=x",
        "/pages/x",
        f"/v1/receipts/{'A' * 43}",
        "/ledger/statement/9",
        "/x",
    ):
        reply = await web.get(path)
        assert (reply.status_code, reply.headers["content-type"]) == (404, PROBLEM), path


# sessions, the log, signals -------------------------------------------------------------------------------------------


async def test_forgetting_takes_both_cookies_and_what_they_led_to(web: httpx.AsyncClient) -> None:
    """`DELETE /v1/session?forget=true` removes the cookies; the next request is a stranger's."""
    await answer(web, YES)
    kept = dict(web.cookies)
    reply = await web.delete("/v1/session?forget=true")
    assert reply.json() == {"signed_out": True, "forgotten": True}
    assert dict(web.cookies) == {}
    web.cookies.update({SESSION: kept[SESSION]})
    permissions = (await web.get("/v1/permissions")).json()["permissions"]
    assert {row["status"] for row in permissions} == {"unknown"}


async def test_the_log_is_public(web: httpx.AsyncClient) -> None:
    """Key, checkpoint and our own acts can be read by anybody; the checkpoint is signed under the key's name."""
    key, checkpoint = (await web.get("/ledger/key")).text, (await web.get("/ledger/checkpoint")).text
    name = key.partition("+")[0]
    assert checkpoint.splitlines()[0] == name
    assert checkpoint.splitlines()[-1].startswith(f"\N{EM DASH} {name} ")
    assert (await web.get("/ledger/statement/0")).json().keys() == {"payload", "open"}


async def test_global_privacy_control_is_honoured_and_said(web: httpx.AsyncClient) -> None:
    """`gpc.json` says so; a yes to what the signal closes is kept and stays closed while it is sent."""
    assert (await web.get("/.well-known/gpc.json")).json()["gpc"] is True
    web.headers["Sec-GPC"] = "1"
    rows = (await answer(web, {"purpose": "advertise", "answer": "given"}, YES)).json()["permissions"]
    found = {row["purpose"]: (row["status"], row["allowed"], row["because"]) for row in rows if "recipient" not in row}
    assert found["advertise"] == ("given", False, "gpc")
    assert found["remember"] == ("given", True, "consent")


@pytest.mark.parametrize(
    "path",
    ["/pages/yours", "/v1/slots/for-you", "/v1/slots?names=for-you,popular", "/v1/permissions", "/v1/notice",
     "/signals.js", "/preferences", "/banner", "/banner/form", "/sign-up/offers/email", "/view"],
)  # fmt: skip
async def test_what_the_signal_can_change_is_apart_by_it(path: str, web: httpx.AsyncClient) -> None:
    """A cache on the way to somebody who sends Global Privacy Control is told so, and to keep nothing."""
    reply = await web.get(path)
    assert reply.status_code == 200
    assert {"cookie", "sec-gpc"} <= {name.strip() for name in reply.headers["vary"].lower().split(",")}
    assert "no-store" in reply.headers["cache-control"]


async def test_the_script_is_for_every_page(opened: Opened) -> None:
    """`/ecrm.js` may be loaded by any page, for a short time; under its hashed name for good."""
    web = opened.browser(Origin=ELSEWHERE).http
    script = await web.get("/ecrm.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["access-control-allow-origin"] == "*"
    hashed = await web.get(f"/assets/{opened.hall.embed.hashed_name}")
    assert hashed.content == script.content
    assert "immutable" in hashed.headers["cache-control"]


async def test_the_look_of_a_site_is_for_every_page(opened: Opened) -> None:
    """`/theme.css` may be loaded by any page, for a short time; a site that there is not has none."""
    web = opened.browser(Origin=ELSEWHERE).http
    theme = await web.get("/theme.css?site=demo")
    assert theme.headers["content-type"] == "text/css; charset=utf-8"
    assert theme.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "max-age=300" in theme.headers["cache-control"]
    assert (await web.get("/theme.css?site=elsewhere")).status_code == 404


async def test_our_own_pages_need_no_cors(opened: Opened) -> None:
    """The service's own origin always is one."""
    assert (await answer(opened.browser(Origin=ORIGIN).http, NO)).status_code == 201
