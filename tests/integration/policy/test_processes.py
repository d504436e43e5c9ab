"""A policy is put in force by one process, and is in force in every other with its next request."""

import asyncio
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ecrm_privacy.enact import activate
from tests.conftest import CHECKOUT, Database
from tests.houses import SESSION, ClusterKeyring, Opened, open_for_test
from tests.integration.policy.worker import Told
from tests.unit.policy.policies import SHIPPED, bundle, tree

pytestmark = pytest.mark.anyio


ROOT = secrets.token_bytes(32)


@pytest.fixture
async def opened(database: Database, tmp_path: Path) -> AsyncIterator[Opened]:
    async with open_for_test(database, tmp_path, ClusterKeyring(ROOT)) as house:
        yield house


async def started(opened: Opened, folder: Path) -> Process:
    """A further worker of the same service."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.policy.worker", cwd=CHECKOUT, stdin=PIPE, stdout=PIPE
    )
    told = Told(opened.address, str(folder), ROOT)
    assert worker.stdin is not None and worker.stdout is not None
    worker.stdin.write(msgspec.json.encode(told) + b"\n")
    assert await asyncio.wait_for(worker.stdout.readline(), 60) == b"open\n"
    return worker


async def permissions(worker: Process, cookie: str) -> dict[str, Any]:
    """What a worker says about the holder of a cookie: the notice, and the word about each purpose."""
    assert worker.stdin is not None and worker.stdout is not None
    worker.stdin.write(cookie.encode() + b"\n")
    reply = msgspec.json.decode(await asyncio.wait_for(worker.stdout.readline(), 30))
    because = {row["purpose"]: row["because"] for row in reply["permissions"] if set(row) >= {"purpose", "because"}}
    return {"notice": reply["notice"], **because}


async def test_every_process_obeys_the_new_policy_at_once(opened: Opened, tmp_path: Path) -> None:
    """Three processes, one switch: whoever asks once it was acknowledged is answered by the new policy, both ways."""
    browser = opened.browser()
    await browser.answer({"personalize": "given", "remember": "given"})
    cookie = browser.cookies[SESSION]
    workers = await asyncio.gather(started(opened, tmp_path), started(opened, tmp_path))
    changed = tree()
    changed["notices"]["shop@2"] = {**changed["notices"]["shop@1"], "asks_again": ["personalize"]}
    newer = bundle(changed)
    try:
        for policy, notice, because in (
            (None, "shop@1", "consent"),
            (newer, "shop@2", "stale_notice"),
            (SHIPPED, "shop@1", "consent"),
            (newer, "shop@2", "stale_notice"),
        ):
            if policy is not None:
                await activate(opened.house.pools.house.acquire, opened.house.writer.append, policy)
            for answer in await asyncio.gather(*(permissions(worker, cookie) for worker in workers)):
                assert (answer["notice"], answer["personalize"], answer["remember"]) == (notice, because, "consent")
    finally:
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.close()
        assert await asyncio.gather(*(asyncio.wait_for(worker.wait(), 30) for worker in workers)) == [0, 0]
