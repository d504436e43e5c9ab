"""Many at once: first visitors leave no duplicate, and a flood from one address stores nothing and silences no no."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from ecrm_privacy.errors import Failure
from ecrm_privacy.ledger.record import Entry
from tests.conftest import Cluster
from tests.houses import (
    CHOICE,
    NOTICE,
    ORIGIN,
    SESSION,
    Browser,
    Opened,
    everything,
    house_of_its_own,
    idempotent,
    token,
    until_heard,
)

pytestmark = pytest.mark.anyio

VISITORS = 64
FLOOD, NOES = 10_000, 100
YES_PER_MINUTE = 30
YES = {"notice": NOTICE, "answers": [{"purpose": "remember", "answer": "given"}], "method": "save"}
NO = {"notice": NOTICE, "answers": [{"purpose": "remember", "answer": "refused"}], "method": "refuse_all"}


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "with a gate process"])
async def opened(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Opened]:
    folder = tmp_path_factory.mktemp("house")
    unlimited = {"yes_per_minute_address": 0, "yes_per_minute_subject": 0}
    async with house_of_its_own(cluster, folder, gate_process=request.param, **unlimited) as house:
        yield house


async def at_once(acts: Sequence[Callable[[], Awaitable[httpx.Response]]], status: int = 201) -> list[httpx.Response]:
    """Do all of it at once; whoever is told that the house is busy comes again with the same words."""
    replies = await asyncio.gather(*(until_heard(act) for act in acts))
    assert {reply.status_code for reply in replies} == {status}
    return replies


def answering(browser: Browser, key: str, said: dict[str, Any] = YES) -> Callable[[], Awaitable[httpx.Response]]:
    return lambda: browser.http.post("/v1/answers", json=said, headers=idempotent(key))


async def counted(opened: Opened) -> dict[str, int]:
    """How many entries, people, sessions, keys and bodies there are."""
    tables = ("ledger_entry", "subject_state", "session", "subject_key", "body", "blind_index", "reply")
    async with opened.as_admin() as admin:
        return {table: await admin.fetchval(f"select count(*) from ecrm.{table}") for table in tables}


async def more(opened: Opened, before: dict[str, int]) -> dict[str, int]:
    """How many more of each there are now."""
    now = await counted(opened)
    return {table: now[table] - before[table] for table in before}


async def test_first_visitors_at_once_are_as_many_people(opened: Opened) -> None:
    """Each has a session, an entry and a receipt of their own, and nobody has two."""
    browsers, before = [opened.browser() for _ in range(VISITORS)], await counted(opened)
    replies = await at_once([answering(browser, str(uuid4())) for browser in browsers])
    made = await more(opened, before)
    assert {made[table] for table in ("ledger_entry", "subject_state", "session", "body", "reply")} == {VISITORS}
    assert len({browser.cookies[SESSION] for browser in browsers}) == VISITORS
    assert len({reply.json()["leaf_index"] for reply in replies}) == VISITORS
    assert len({reply.json()["receipt_id"] for reply in replies}) == VISITORS
    async with opened.as_admin() as admin:
        assert not await twice(admin)


async def twice(admin: asyncpg.Connection) -> list[asyncpg.Record]:
    """Keys of one subject for the same category: two would mean that somebody was made twice."""
    found = await admin.fetch(
        "select subject, category from ecrm.subject_key group by subject, category having count(*) > 1"
    )
    return list(found)


async def test_an_answer_that_is_sent_twice_at_once_is_one(opened: Opened) -> None:
    """Each of 32 browsers sends its first yes twice under one key: 32 people, and both replies bring one cookie."""
    pairs, before = [(opened.browser(), opened.browser()) for _ in range(VISITORS // 2)], await counted(opened)
    keys = [str(uuid4()) for _ in pairs]
    await at_once([answering(one, key) for pair, key in zip(pairs, keys, strict=True) for one in pair])
    assert {one.cookies[SESSION] == two.cookies[SESSION] for one, two in pairs} == {True}
    made = await more(opened, before)
    assert {made[table] for table in ("ledger_entry", "subject_state", "session", "body", "reply")} == {len(pairs)}


async def test_a_browser_that_answers_twice_at_once_stays_one(opened: Opened) -> None:
    """With a session, answers under different keys are entries of the same person, who gets no second session."""
    browser = opened.browser()
    assert (await browser.answer({"remember": "given"})).status_code == 201
    known, before = browser.cookies[SESSION], await counted(opened)
    await at_once([answering(browser, str(uuid4())) for _ in range(VISITORS)])
    made = await more(opened, before)
    assert made["ledger_entry"] == VISITORS
    assert made["subject_state"] == made["session"] == made["subject_key"] == 0
    assert browser.cookies[SESSION] == known


async def test_who_was_overtaken_waits_for_a_turn(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many answers of one person at once are prepared twice each at most, instead of overtaking each other again."""
    browser, many, tried = opened.browser(), 8, 0
    assert (await browser.answer({"remember": "given"})).status_code == 201
    desk = opened.house.desk
    append = desk.append

    async def counted_append(entries: Sequence[Entry]) -> list[int | Failure]:
        nonlocal tried
        tried += len(entries)
        return await append(entries)

    monkeypatch.setattr(desk, "append", counted_append)
    replies = await at_once([answering(browser, str(uuid4())) for _ in range(many)])
    assert len({reply.json()["leaf_index"] for reply in replies}) == many
    assert tried <= 2 * many


@pytest.mark.parametrize("said", [YES, NO], ids=["yes", "no"])
async def test_one_key_is_one_act_however_many_send_it(said: dict[str, Any], opened: Opened) -> None:
    """64 requests under one key are one entry and one reply."""
    browsers, key, before = [opened.browser() for _ in range(VISITORS)], str(uuid4()), await counted(opened)
    replies = await at_once([answering(browser, key, said) for browser in browsers])
    assert len({(reply.content, str(reply.headers.get_list("set-cookie"))) for reply in replies}) == 1
    made = await more(opened, before)
    assert made["ledger_entry"] == made["reply"] == 1
    assert made["subject_state"] == made["session"] == (1 if said is YES else 0)


async def test_an_account_on_many_devices_is_one_person(opened: Opened) -> None:
    """64 devices sign in at once for the first time: one subject with one name, and each device has its session."""
    number, before = f"C-{uuid4().hex[:8]}", await counted(opened)
    devices = [opened.browser() for _ in range(VISITORS)]
    tokens = [token(number) for _ in devices]
    await at_once(
        [
            lambda device=device, made=made: device.http.post("/v1/session", json={"token": made})  # type: ignore[misc]
            for device, made in zip(devices, tokens, strict=True)
        ]
    )
    made = await more(opened, before)
    assert (made["subject_state"], made["blind_index"], made["session"]) == (1, 1, VISITORS)
    assert len({device.cookies[SESSION] for device in devices}) == VISITORS
    await at_once([answering(device, str(uuid4())) for device in devices])
    assert (await more(opened, before))["subject_state"] == 1
    async with opened.as_admin() as admin:
        assert not await twice(admin)


# a flood --------------------------------------------------------------------------------------------------------------


async def post(app: Any, said: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Answer as a stranger, without a client's own cost: ten thousand of these are sent."""
    body = json.dumps(said).encode()
    headers = {"content-type": "application/json", "origin": ORIGIN, "idempotency-key": str(uuid4())}
    headers |= {"content-length": str(len(body)), "host": "127.0.0.1:8000"}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/v1/answers", "raw_path": b"/v1/answers", "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.7", 5000), "server": ("127.0.0.1", 8000), "state": {},
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    told = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, b"".join(part.get("body", b"") for part in sent[1:])


async def test_a_flood_of_yes_is_told_to_wait_and_a_no_gets_through(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of 10,000 yes from one address a minute's worth is taken; the rest is 429 with Retry-After and leaves nothing."""
    folder = tmp_path_factory.mktemp("flood")
    async with house_of_its_own(cluster, folder, yes_per_minute_address=YES_PER_MINUTE) as opened:
        before, taken, refused = await counted(opened), 0, 0
        for number in range(FLOOD):
            status, told, body = await post(opened.app, YES)
            taken += status == 201
            if status != 201:
                refused += 1
                assert (status, told["content-type"]) == (429, "application/problem+json"), body
                assert 1 <= int(told["retry-after"]) <= 60
                assert "set-cookie" not in told
                assert json.loads(body)["type"] == "/problems/too-many"
            if number % (FLOOD // NOES) == FLOOD // NOES - 1:
                status, told, _ = await post(opened.app, NO)
                assert status == 201
                assert CHOICE in told["set-cookie"]
        made = await more(opened, before)
        assert YES_PER_MINUTE <= taken <= 2 * YES_PER_MINUTE
        assert taken + refused == FLOOD
        assert (made["ledger_entry"], made["reply"]) == (taken + NOES, taken + NOES)
        assert {made[table] for table in ("subject_state", "session")} == {taken}
        async with opened.as_admin() as admin:
            assert "192.0.2.7" not in str(await everything(admin))


async def test_over_the_rate_of_a_yes_a_no_beside_it_is_taken(cluster: Cluster, tmp_path: Path) -> None:
    """By the script and by a form; the reply says that the yes was not, and who said it is asked again."""
    both = {"remember": "given", "personalize": "refused"}
    async with house_of_its_own(cluster, tmp_path, yes_per_minute_address=1) as opened:
        known = opened.browser()
        assert (await known.answer({"personalize": "given"})).status_code == 201
        assert (await known.answer({"remember": "given"})).status_code == 429
        reply = await known.answer(both)
        said = {row["purpose"]: row["status"] for row in reply.json()["permissions"]}
        assert (reply.status_code, reply.json()["answer_due"]) == (201, True)
        assert (said["remember"], said["personalize"]) == ("unknown", "refused")
        receipt = (await known.http.get(f"/v1/receipts/{reply.json()['receipt_id']}")).json()
        assert [change["purpose"] for change in receipt["changes"]] == ["personalize"]
        stranger = opened.browser()
        fields = {f"answer.{purpose}": word for purpose, word in both.items()}
        form = {"notice": NOTICE, "idempotency_key": str(uuid4()), **fields}
        assert (await stranger.http.post("/v1/answers", data=form)).status_code == 303
        assert set(stranger.cookies) == {CHOICE}
