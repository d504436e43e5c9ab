"""An erasure that one worker is at while another one starts."""

import asyncio
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Database
from tests.houses import ClusterKeyring, open_for_test

pytestmark = pytest.mark.anyio


async def test_who_starts_meanwhile_leaves_it_alone(database: Database, tmp_path: Path) -> None:
    """It is answered as if nobody had started: the request is taken, and at last certified."""
    keyring = ClusterKeyring(secrets.token_bytes(32))
    async with open_for_test(database, tmp_path, keyring) as one:
        browser = one.browser()
        await browser.answer({"remember": "given"})
        begun, go_on, append = asyncio.Event(), asyncio.Event(), one.house.rights._append

        async def slowly(entries: Sequence[Any]) -> Any:
            begun.set()
            await go_on.wait()
            return await append(entries)

        one.house.rights._append = slowly
        asking = asyncio.create_task(browser.ask("erasure"))
        await begun.wait()
        async with open_for_test(database, tmp_path, keyring):
            go_on.set()
            reply = await asking
        assert reply.status_code in {201, 202}, reply.text
