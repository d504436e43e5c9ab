"""One Idempotency-Key is one act: the same key and body give the same reply, however often and however much at once."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Cluster
from tests.houses import SESSION, Browser, Opened, everything, house_of_its_own, idempotent

pytestmark = pytest.mark.anyio

YES = {"notice": "shop@1", "answers": [{"purpose": "remember", "answer": "given"}], "method": "save"}
NO = {"notice": "shop@1", "answers": [{"purpose": "remember", "answer": "refused"}], "method": "save"}


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    async with house_of_its_own(cluster, tmp_path_factory.mktemp("house")) as house:
        yield house


def said(reply: httpx.Response) -> tuple[int, bytes, list[str]]:
    """What a reply says: status, body and cookies."""
    return reply.status_code, reply.content, reply.headers.get_list("set-cookie")


async def leaves(opened: Opened) -> int:
    async with opened.house.pools.house.acquire() as conn:
        return await conn.fetchval("select tree_size from ecrm.ledger_head")


async def test_a_repeat_gets_the_same_reply_with_and_without_the_cookie(opened: Opened) -> None:
    """Whoever never heard the first reply still gets the cookie; whoever heard it gets the same one again."""
    browser, key = opened.browser(), str(uuid4())
    first = await browser.http.post("/v1/answers", json=YES, headers=idempotent(key))
    assert first.status_code == 201 and SESSION in browser.cookies
    size = await leaves(opened)
    with_cookie = await browser.http.post("/v1/answers", json=YES, headers=idempotent(key))
    without = await opened.browser().http.post("/v1/answers", json=YES, headers=idempotent(key))
    assert said(with_cookie) == said(first) == said(without)
    assert await leaves(opened) == size


@pytest.mark.parametrize("body", [YES, NO], ids=["yes", "no"])
async def test_many_at_once_are_one(body: dict[str, object], opened: Opened) -> None:
    """One leaf, one reply, one cookie."""
    browsers, key, size = [opened.browser() for _ in range(8)], str(uuid4()), await leaves(opened)
    replies = await asyncio.gather(
        *(browser.http.post("/v1/answers", json=body, headers=idempotent(key)) for browser in browsers)
    )
    assert len({str(said(reply)) for reply in replies}) == 1
    assert replies[0].status_code == 201
    assert await leaves(opened) == size + 1


async def test_another_body_under_the_same_key_is_refused(opened: Opened) -> None:
    """Also when it says the same in other bytes, at another call, or at the same time."""
    browser, key = opened.browser(), str(uuid4())
    await browser.http.post("/v1/answers", json=YES, headers=idempotent(key))
    async with opened.as_admin() as admin:
        before = await everything(admin)
        for path, body in (
            ("/v1/answers", b'{"notice":"shop@1","answers":[{"purpose":"offers","answer":"refused"}],"method":"save"}'),
            (
                "/v1/answers",
                b' {"notice":"shop@1","answers":[{"purpose":"remember","answer":"given"}],"method":"save"}',
            ),
            ("/v1/rights-requests", b'{"right":"access"}'),
            ("/v1/rights-requests", b'{"right":"erasure"}'),
        ):
            reply = await browser.http.post(path, content=body, headers=idempotent(key))
            assert (reply.status_code, reply.json()["type"]) == (422, "/problems/key-reuse")
        assert await everything(admin) == before


async def test_of_two_bodies_at_once_one_is_taken(opened: Opened) -> None:
    """The other one is told that the key is used."""
    key, size = str(uuid4()), await leaves(opened)
    replies = await asyncio.gather(
        *(opened.browser().http.post("/v1/answers", json=body, headers=idempotent(key)) for body in (YES, NO) * 3)
    )
    taken = {reply.content for reply in replies if reply.status_code == 201}
    assert len(taken) == 1 and await leaves(opened) == size + 1
    assert [reply.status_code for reply in replies].count(422) == 3


@pytest.mark.parametrize("right", ["access", "portability", "erasure"])
async def test_a_request_is_made_once(right: str, opened: Opened) -> None:
    """Also when its button is pressed twice: one request, one reply."""
    browser, key = opened.browser(), str(uuid4())
    await browser.answer({"remember": "given"})
    replies = await asyncio.gather(*(browser.ask(right, key) for _ in range(5)))
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.json()["request_id"] for reply in replies}) == 1
    again = await browser.ask(right, key)
    assert again.json()["request_id"] == replies[0].json()["request_id"]
    await opened.settle()


async def test_another_browser_with_the_key_is_told_the_reply_and_nothing_else(opened: Opened) -> None:
    """The scope is the key alone; what is permitted there is what was permitted to whoever answered."""
    one, other, key = opened.browser(), opened.browser(), str(uuid4())
    await one.answer({"personalize": "given"}, key=key)
    await other.answer({"remember": "given"})
    theirs = other.cookies[SESSION]
    reply = await other.answer({"personalize": "given"}, key=key)
    assert reply.status_code == 201
    assert other.cookies[SESSION] == one.cookies[SESSION] != theirs


async def test_a_key_may_be_used_again_when_its_day_is_over(opened: Opened) -> None:
    """A reply that has run out gives way to the new act."""
    browser, key = opened.browser(), str(uuid4())
    first = await browser.http.post("/v1/answers", json=NO, headers=idempotent(key))
    async with opened.as_admin() as admin:
        await admin.execute("update ecrm.reply set expires = now()")
    second = await browser.http.post("/v1/answers", json=NO, headers=idempotent(key))
    assert second.status_code == 201
    assert second.json()["receipt_id"] != first.json()["receipt_id"]


@pytest.mark.parametrize("key", [None, "", "x" * 15, "x" * 65, "ключ-ключ-ключ-ключ"])
async def test_a_write_without_a_usable_key_is_refused(key: str | None, opened: Opened) -> None:
    """Answers and requests alike; nothing is written."""
    browser: Browser = opened.browser()
    size = await leaves(opened)
    headers = {} if key is None else {"Idempotency-Key": key.encode().decode("latin-1")}
    for path, body in (("/v1/answers", NO), ("/v1/rights-requests", {"right": "access"})):
        reply = await browser.http.post(path, json=body, headers=[(n, v.encode("latin-1")) for n, v in headers.items()])
        assert (reply.status_code, reply.json()["type"]) == (400, "/problems/idempotency-key-missing")
    assert await leaves(opened) == size


async def test_the_database_cannot_open_a_reply(opened: Opened) -> None:
    """Neither key nor cookie nor receipt can be read from its rows."""
    browser, key = opened.browser(), str(uuid4())
    reply = await browser.answer({"remember": "given"}, key=key)
    secrets = [key, browser.cookies[SESSION], reply.json()["receipt_id"]]
    async with opened.as_admin() as admin:
        text = str(await everything(admin))
    for secret in secrets:
        assert secret not in text
        assert secret.encode().hex() not in text
