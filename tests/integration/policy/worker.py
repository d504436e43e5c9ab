"""A worker in a process of its own: opens a house, and says for each cookie it is told what its permissions are.

Its first line is where and with which key; each further line is a session cookie. It answers each with one line.
"""

import asyncio
import sys
from pathlib import Path

import msgspec

from ecrm_privacy.database.address import Address
from tests.conftest import PASSWORDS, Database
from tests.houses import SESSION, ClusterKeyring, logged, open_for_test


class Told(msgspec.Struct, frozen=True):
    """Where the worker works: the database, its folder, and the root of its keys."""

    address: Address
    folder: str
    root: bytes


async def work() -> None:
    """Answer until nothing more is asked."""
    told = msgspec.json.decode(sys.stdin.readline(), type=Told)
    database = Database(told.address, dict(PASSWORDS))
    with logged():
        await answer(database, told)


async def answer(database: Database, told: Told) -> None:
    """Open the house and say what it is asked."""
    async with open_for_test(database, Path(told.folder), ClusterKeyring(told.root)) as opened:
        print("open", flush=True)
        while cookie := (await asyncio.to_thread(sys.stdin.readline)).strip():
            browser = opened.browser()
            browser.http.cookies.set(SESSION, cookie, domain="127.0.0.1", path="/")
            print((await browser.http.get("/v1/permissions")).text, flush=True)


if __name__ == "__main__":
    asyncio.run(work())
