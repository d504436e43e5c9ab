"""The guest's surface from outside, over the whole service: slots, events, catalogue and pages, as http.md says."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from ecrm_privacy.app import House, build_app, open_house
from ecrm_privacy.config import Config
from ecrm_privacy.consent.store import add_api_key
from ecrm_privacy.vault.keyring import Keyring
from tests.conftest import Database

pytestmark = pytest.mark.anyio

BASE = "http://127.0.0.1:8000"
KEY = "ecrm_a-key-of-the-shop-0123456789"
JSON = {"accept": "application/json"}
SHOP = {"authorization": f"Bearer {KEY}"}


@pytest.fixture
async def house(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A whole service over an empty, migrated database, with one key of a shop's server."""
    keyring = Keyring(bytes(range(32)))
    monkeypatch.setattr("ecrm_privacy.app.passwords", lambda _keyring: database.passwords)
    config = Config(data_dir=tmp_path, demo=True, k_people=2)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "demo-site.key").write_bytes(b"a secret of the demo shop, long enough")
    async with open_house(config, database.address, keyring) as opened:
        scopes = ("catalogue:write", "events:write", "slots:read", "subjects:write")
        async with opened.pools.house.acquire() as conn:
            await add_api_key(sha256(KEY.encode()).digest(), "shop", scopes, 6000).run(conn)
        yield opened


@pytest.fixture
async def web(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the service's own origin; every shelf of the shop is filled."""
    transport = httpx.ASGITransport(build_app(house))
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers={"origin": BASE}) as client:
        lines = b"\n".join(
            msgspec.json.encode({
                "item_id": f"item-{number}", "kind": "product", "title": f"Item {number}", "position": number,
                "url": f"/items/item-{number}", "section": f"section-{number % 3}", "stock": 5,
                "price": {"amount_minor": 1000 + number, "currency": "EUR"},
            })
            for number in range(30)
        )  # fmt: skip
        reply = await client.post("/v1/items:batch", content=lines, headers=SHOP)
        assert reply.json() == {"stored": 30, "dropped": []}
        yield client


async def say(web: httpx.AsyncClient, answer: str, *purposes: str) -> None:
    """Answer as this browser."""
    body = {
        "notice": "shop@1", "method": "save",
        "answers": [{"purpose": purpose, "answer": answer} for purpose in purposes],
    }  # fmt: skip
    reply = await web.post("/v1/answers", json=body, headers={"idempotency-key": str(uuid4())})
    assert reply.status_code == 201, reply.text


async def track(web: httpx.AsyncClient, *events: dict[str, Any]) -> dict[str, Any]:
    reply = await web.post("/v1/events", json={"events": [{"event_id": str(uuid4()), **event} for event in events]})
    assert reply.status_code == 202, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def slot(web: httpx.AsyncClient, name: str) -> dict[str, Any]:
    reply = await web.get(f"/v1/slots/{name}", headers=JSON)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def test_a_view_counts_from_the_yes_to_the_withdrawal(web: httpx.AsyncClient) -> None:
    """Before a yes nothing is kept; one view makes the slot personal, with its reason; a withdrawal ends it at once."""
    stranger = await slot(web, "for-you")
    view = {"type": "view", "item_id": "item-7"}
    assert await track(web, view) == {"stored": 0, "dropped": [{"index": 0, "because": "unknown"}]}
    await say(web, "given", "remember", "personalize")
    assert await slot(web, "for-you") == stranger
    assert await track(web, view) == {"stored": 1, "dropped": []}
    mine = await slot(web, "for-you")
    assert mine["personal"]
    assert mine["items"][0]["because"] == {
        "kind": "view", "text": "Because you looked at Item 7", "category": "browsing", "purpose": "personalize",
        "inputs": [{"type": "view", "item_id": "item-7", "title": "Item 7"}],
    }  # fmt: skip
    await say(web, "withdrawn", "personalize")
    assert await slot(web, "for-you") == stranger
    await say(web, "withdrawn", "remember")
    assert (await track(web, view))["stored"] == 0


async def test_public_looks_at_nobody(web: httpx.AsyncClient) -> None:
    """With public=1 the answer is cacheable and the one for everybody, whoever asks."""
    stranger = await web.get("/v1/slots/for-you?public=1", headers=JSON)
    assert "public" in stranger.headers["cache-control"]
    assert "cookie" not in stranger.headers["vary"].lower()
    await say(web, "given", "remember", "personalize")
    await track(web, {"type": "view", "item_id": "item-7"})
    known = await web.get("/v1/slots/for-you?public=1", headers=JSON)
    assert known.content == stranger.content
    own = await web.get("/v1/slots/for-you", headers=JSON)
    assert own.content != stranger.content
    assert own.headers["cache-control"] == "private, no-store"
    assert "cookie" in own.headers["vary"].lower()


async def test_a_slot_is_a_fragment_or_data(web: httpx.AsyncClient) -> None:
    """HTML is what browsers get, JSON who asks for it, several slots come together, an unknown one is a 404."""
    html = await web.get("/v1/slots/popular", headers={"accept": "text/html,*/*"})
    assert html.headers["content-type"].startswith("text/html")
    assert 'data-slot="popular"' in html.text
    both = await web.get("/v1/slots?names=for-you,popular")
    assert list(both.json()["slots"]) == ["for-you", "popular"]
    assert [len(each["items"]) for each in both.json()["slots"].values()] == [8, 8]
    assert (await web.get("/v1/slots/weather")).status_code == 404
    assert (await web.get("/v1/slots?names=")).status_code == 400
    few = await web.get("/v1/slots/popular?limit=3", headers=JSON)
    assert [item["item_id"] for item in few.json()["items"]] == ["item-0", "item-1", "item-2"]
    for wrong in ("0", "9", "x", "-1", "²"):
        assert (await web.get(f"/v1/slots/popular?limit={wrong}", headers=JSON)).status_code == 400


async def test_sold_out_is_gone_at_once(web: httpx.AsyncClient) -> None:
    """From the next request on, no slot shows what is out of stock."""
    first = (await slot(web, "popular"))["items"][0]["item_id"]
    reply = await web.put("/v1/stock", json={"stock": {first: 0, "nothing": 3}}, headers=SHOP)
    assert reply.json() == {"known": 1}
    assert first not in {item["item_id"] for item in (await slot(web, "popular"))["items"]}


async def test_bad_input_is_a_problem(web: httpx.AsyncClient) -> None:
    """Malformed bodies and missing keys are problems that echo nothing."""
    for method, path, body, status in (
        ("POST", "/v1/events", b"{", 400),
        ("POST", "/v1/events", b'{"events":[{"event_id":"0123456789","type":"steal","item_id":"a"}]}', 400),
        ("POST", "/v1/events", b'{"events":[{"event_id":"0123456789","type":"view","item_id":"a","x":1}]}', 400),
        ("PUT", "/v1/items/item-1", b"{}", 401),
        ("PUT", "/v1/stock", b"{}", 401),
        ("POST", "/v1/items:batch", b"", 401),
        ("POST", "/v1/subject/slots/for-you", b"", 401),
    ):
        reply = await web.request(method, path, content=body)
        assert reply.status_code == status, path
        assert reply.headers["content-type"].startswith("application/problem+json")
        assert "steal" not in reply.text


async def test_an_item_is_put_under_its_own_name(web: httpx.AsyncClient) -> None:
    """PUT takes an item whose body may repeat the path's name, and no other name."""
    item = {"kind": "product", "title": "Lamp", "url": "/items/lamp"}
    assert (await web.put("/v1/items/lamp", json=item, headers=SHOP)).status_code == 204
    assert (await web.put("/v1/items/lamp", json={**item, "item_id": "lamp"}, headers=SHOP)).status_code == 204
    other = await web.put("/v1/items/lamp", json={**item, "item_id": "chair"}, headers=SHOP)
    assert other.status_code == 400
    bad = await web.put("/v1/items/lamp", json={**item, "url": "javascript:alert(1)"}, headers=SHOP)
    assert bad.status_code == 400
    for field in ("title", "summary", "section", "url"):
        unwritable = await web.put("/v1/items/lamp", json={**item, field: "/a\x00b"}, headers=SHOP)
        assert unwritable.status_code == 400, field


async def test_the_back_end_is_gated_like_a_browser(web: httpx.AsyncClient) -> None:
    """Purchases of a known customer are kept under the contract, and are used for nothing else without a yes."""
    headers = {**SHOP, "ecrm-subject": "C-100001"}
    fields = {"fields": {"contact": {"name": "Ada Lovelace"}}}
    assert (await web.put("/v1/subject", json=fields, headers=headers)).status_code == 200
    lines = b"\n".join(
        msgspec.json.encode({"customer_number": number, "event_id": "order-0001", "type": kind, "item_id": "item-3"})
        for number, kind in (("C-100001", "purchase"), ("C-100001", "view"), ("C-999999", "purchase"))
    )
    reply = (await web.post("/v1/events:batch", content=lines + b"\nnot json", headers=SHOP)).json()
    assert reply["stored"] == 1
    assert [(line["line"], line["because"]) for line in reply["dropped"][:2]] == [(2, "unknown"), (3, "nobody")]
    assert reply["dropped"][2]["line"] == 4
    orders = (await web.post("/v1/subject/slots/history", headers=headers)).json()
    assert [(item["item_id"], item["kind"]) for item in orders["items"]] == [("item-3", "order")]
    assert not (await web.post("/v1/subject/slots/for-you", headers=headers)).json()["personal"]
    assert (await web.post("/v1/subject/slots/greeting", headers=headers)).json()["title"] == "Good to see you"


async def test_of_a_bad_stream_only_so_much_is_named(web: httpx.AsyncClient) -> None:
    """Of lines that cannot be read a thousand are named and all counted, and none of them ends the rest."""
    good = b'{"item_id": "late", "kind": "product", "title": "Late", "url": "/items/late"}'
    lines = b'{"item_id": "\xff"}\n' + b"{}\n" * 1_200 + good
    reply = (await web.post("/v1/items:batch", content=lines, headers=SHOP)).json()
    assert (reply["stored"], len(reply["dropped"]), reply["more_dropped"]) == (1, 1_000, 201)
    assert reply["dropped"][0] == {"line": 1, "because": "not UTF-8"}


async def test_the_shop_works_without_scripts(web: httpx.AsyncClient) -> None:
    """Sign in by a form, look at an item, say yes by the banner's form, and the pages follow."""
    signed = await web.post("/signin/as", data={"customer_number": "C-100001", "return_to": "/pages/yours"})
    assert (signed.status_code, signed.headers["location"]) == (303, "/pages/yours")
    for path in ("/", "/sections/section-1", "/items/item-4", "/signin", "/pages/yours"):
        assert (await web.get(path)).status_code == 200, path
    assert not (await slot(web, "for-you"))["personal"]
    yes = {"notice": "shop@1", "method": "accept_all", "idempotency_key": str(uuid4()), "return_to": "/items/item-4"}
    assert (await web.post("/v1/answers", data=yes)).status_code == 303
    await web.get("/items/item-4")
    mine = await slot(web, "for-you")
    assert mine["personal"]
    page = (await web.get("/pages/yours")).text
    assert "Because you looked at Item 4" in page
    assert 'data-slot="for-you" data-allowed="true"' in page
    out = await web.post("/signout", data={"return_to": "//elsewhere.example"})
    assert out.headers["location"].startswith("/")
    assert not out.headers["location"].startswith("//")
    assert (await web.get("/pages/nothing")).status_code == 404


async def test_what_is_wished_holds_from_the_next_page(web: httpx.AsyncClient) -> None:
    """Hidden is gone, more of a section says so, a break shows what everybody sees, and a withdrawal ends all of it."""
    assert (await web.patch("/v1/view", json={"hide": ["item-7"]})).status_code == 404
    stranger = await slot(web, "for-you")
    await say(web, "given", "remember", "personalize")
    await track(web, {"type": "view", "item_id": "item-7"})
    before = [item["item_id"] for item in (await slot(web, "for-you"))["items"]]
    hidden = (await web.patch("/v1/view", json={"hide": [before[0]], "weight": {"section-0": 2}})).json()
    assert hidden == {"hide": [before[0]], "weight": {"section-0": 2}, "pause_until": None}
    items = (await slot(web, "for-you"))["items"]
    assert before[0] not in [item["item_id"] for item in items]
    wished = [item["because"] for item in items if item["because"]["kind"] == "topic"]
    assert wished and wished[0]["category"] == "preferences" and wished[0]["purpose"] == "personalize"
    reply = await web.patch("/v1/view", json={"pause_until": "2999-01-01T00:00:00Z", "show": [before[0]]})
    assert reply.json() == (await web.get("/v1/view")).json()
    assert reply.json() == {"hide": [], "weight": {"section-0": 2}, "pause_until": "2999-01-01T00:00:00Z"}
    assert await slot(web, "for-you") == stranger
    await web.patch("/v1/view", json={"pause_until": None, "weight": {"section-0": 0}})
    assert [item["item_id"] for item in (await slot(web, "for-you"))["items"]] == before
    await web.patch("/v1/view", json={"weight": {"section-0": 2}})
    await say(web, "withdrawn", "personalize")
    assert await slot(web, "for-you") == stranger
    refused = await web.patch("/v1/view", json={"weight": {"section-0": 1}})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/refused")


async def test_my_view_shows_what_is_made_of_me(web: httpx.AsyncClient) -> None:
    """The page tells what a stranger sees, and after a yes what is inferred; each button is a form, and leads back."""
    page = (await web.get("/view")).text
    assert "You see what everybody sees. Pages of your own come with a yes to this:" in page
    assert "/preferences/view" not in page
    assert 'href="/view"' in (await web.get("/preferences")).text
    await say(web, "given", "remember", "personalize")
    await track(web, {"type": "view", "item_id": "item-7"})
    page = (await web.get("/view")).text
    assert "100%" in page and "Because you looked at Item 7" in page
    pressed = {"weight": "section-2 1", "return_to": "/view#topics"}
    back = await web.post("/preferences/view", data=pressed)
    assert (back.status_code, back.headers["location"]) == (303, "/view#topics")
    await web.post("/preferences/view", data={"hide": "item-7"})
    await web.post("/preferences/view", data={"pause": "month"})
    page = (await web.get("/view")).text
    assert "Because you want more of this: Section-2" not in page  # a break: what everybody sees
    assert "Suggestions pause until" in page and "You are not interested in" in page and "Item 7</bdi>" in page
    known = (await web.get("/preferences")).text
    assert "section-2 +1" in known and "<bdi>item-7</bdi>" in known
    await web.post("/preferences/view", data={"pause": "over"})
    assert "Because you want more of this: Section-2" in (await web.get("/view")).text


@pytest.mark.parametrize(
    "body",
    [{"hide": ["a, b"]}, {"weight": {"tea": 3}}, {"weight": {" ": 1}}, {"pause_until": "2999-01-01T00:00:00"},
     {"hide": ["x"] * 101}, {"hide": "x"}, {"more": 1}],
)  # fmt: skip
async def test_a_wish_that_cannot_be_read_is_none(web: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """A name with a comma, a weight or a moment that is none, too many, or a field that nobody knows."""
    await say(web, "given", "personalize")
    assert (await web.patch("/v1/view", json=body)).status_code == 400
    assert (await web.get("/v1/view")).json() == {"hide": [], "weight": {}, "pause_until": None}


async def test_a_withdrawn_contribution_is_unlearned(house: House, web: httpx.AsyncClient) -> None:
    """What someone contributed is counted after learning, gone after a withdrawal, and back after a renewed yes."""
    plugin = house.plugins[0]
    await web.post("/signin/as", data={"customer_number": "C-100001"})
    await say(web, "given", "model.contribute")
    await track(web, *({"type": "purchase", "item_id": f"item-{number}"} for number in range(3)))
    words = await plugin.learn(lambda _done, _total: None)
    assert words.startswith("learned from 1 contributors: 3 items, 3 pairs; 0 neighbours changed")
    await say(web, "withdrawn", "model.contribute")
    await _settled(house)
    assert await _counted(house) == 0
    await say(web, "given", "model.contribute")
    await _settled(house)
    assert await _counted(house) == 3
    assert await plugin.verify() is None


async def test_counts_that_somebody_changed_are_counted_anew(house: House, web: httpx.AsyncClient) -> None:
    """Learning notices that the counts are not its own, says so, and sets them right."""
    plugin = house.plugins[0]
    await web.post("/signin/as", data={"customer_number": "C-100001"})
    await say(web, "given", "model.contribute")
    await track(web, *({"type": "purchase", "item_id": f"item-{number}"} for number in range(3)))
    await plugin.learn(lambda _done, _total: None)
    async with house.pools.house.acquire() as conn:
        await conn.execute("delete from engine.item_pair where item_id = 'item-0'")
        await conn.execute("delete from ecrm.pseudonym_use where purpose = 'model.contribute'")
    assert "0 counted, 1 when rebuilt" in await plugin.verify()
    assert "done; learned from 0 contributors" in await plugin.learn(lambda _done, _total: None)
    assert await plugin.verify() is None


async def _settled(house: House) -> None:
    """Wait until nothing is owed."""
    for _ in range(100):
        async with house.pools.house.acquire() as conn:
            if await conn.fetchval("select count(*) from ecrm.job") == 0:
                return
        await asyncio.sleep(0.1)
    raise AssertionError("jobs are still owed")


async def _counted(house: House) -> int:
    async with house.pools.house.acquire() as conn:
        return int(await conn.fetchval("select count(*) from engine.item_pair"))
