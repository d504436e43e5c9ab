"""Promise 3, the next request knows: once an answer is acknowledged, every worker obeys it with its next request."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import hash_token
from ecrm_privacy.enact import activate
from ecrm_privacy.gate.types import Caller
from tests.conftest import Database
from tests.houses import CHOICE, SESSION, Browser, ClusterKeyring, Opened, open_for_test
from tests.lengths import examples
from tests.unit.policy.policies import SHIPPED, bundle, tree

pytestmark = pytest.mark.anyio

CHOOSABLE = [name for name, purpose in SHIPPED.purposes.items() if not purpose.required]


@pytest.fixture(params=[False, True], ids=["whole", "with a gate process"])
async def workers(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[list[Opened]]:
    """Two workers of one service: one database, one key file, no memory in common."""
    keyring = ClusterKeyring(secrets.token_bytes(32))
    async with (
        open_for_test(database, tmp_path, keyring, gate_process=request.param) as one,
        open_for_test(database, tmp_path, keyring, gate_process=request.param) as other,
    ):
        yield [one, other]


def same(browser: Browser, worker: Opened) -> Browser:
    """The same browser, served by another worker."""
    again = worker.browser()
    for name in (SESSION, CHOICE):
        if name in browser.cookies:
            again.http.cookies.set(name, browser.cookies[name], domain="127.0.0.1", path="/")
    return again


async def opens(browser: Browser, worker: Opened, purpose: str) -> bool:
    """Whether the worker's gate opens a purpose for this browser."""
    caller, need = Caller(token_hash=hash_token(browser.cookies[SESSION])), f"permission:{purpose}"
    return (await worker.hall.admit(caller, [need], site_signals(worker.house)))[need].permission.allowed


async def test_every_worker_obeys_the_newest_answer(workers: list[Opened]) -> None:
    """Yes and no, taken by one worker, asked of the other, on another device of the same customer, many times over."""
    random = Random(3)
    here, there = workers[0].browser(), workers[1].browser()
    await here.sign_in("C-1")
    await there.sign_in("C-1")
    for _ in range(examples(25)):
        at = random.randrange(2)
        purpose, word = random.choice(CHOOSABLE), random.choice(["given", "withdrawn"])
        speaker = same([here, there][random.randrange(2)], workers[at])
        assert (await speaker.answer({purpose: word})).status_code == 201
        for device in (here, there):
            for worker in workers:
                assert (purpose in await same(device, worker).allowed()) is (word == "given")


async def test_a_request_under_way_learns_nothing_for_the_next(workers: list[Opened]) -> None:
    """While many requests look at the gate, none that begins after the acknowledgement sees the old answer."""
    device = workers[0].browser()
    await device.sign_in("C-2")
    for word in ("given", "withdrawn") * 3:
        busy = [asyncio.create_task(same(device, workers[n % 2]).allowed()) for n in range(12)]
        assert (await same(device, workers[0]).answer({"personalize": word})).status_code == 201
        after = await asyncio.gather(*(same(device, workers[n % 2]).allowed() for n in range(12)))
        assert all(("personalize" in allowed) is (word == "given") for allowed in after)
        await asyncio.gather(*busy)


async def test_an_erasure_is_obeyed_by_every_worker(workers: list[Opened]) -> None:
    """The other worker does not know the cookie any more."""
    device = workers[0].browser()
    await device.answer({"personalize": "given"})
    other = same(device, workers[1])
    assert "personalize" in await other.allowed()
    assert (await device.ask("erasure")).status_code == 201
    assert "personalize" not in await other.allowed()
    assert (await other.http.get("/v1/receipts")).json() == {"receipts": []}


async def test_a_policy_is_in_force_everywhere_at_once(workers: list[Opened]) -> None:
    """A worker that never saw the new documents loads them before it answers: a stale yes stops counting there too."""
    device = workers[1].browser()
    await device.answer({"personalize": "given", "remember": "given"})
    changed = tree()
    changed["notices"]["shop@2"] = {**changed["notices"]["shop@1"], "asks_again": ["personalize"]}
    newer, house = bundle(changed), workers[0].house
    await activate(house.pools.house.acquire, house.writer.append, newer)
    reply = (await device.http.get("/v1/permissions")).json()
    rows = {row["purpose"]: row for row in msgspec.convert(reply["permissions"], list[dict[str, object]])}
    assert rows["personalize"]["because"] == "stale_notice" and rows["remember"]["allowed"]
    assert reply["notice"] == "shop@2" and reply["answer_due"]
