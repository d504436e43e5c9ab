"""A log, and writers on it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from ecrm_privacy.database.pools import connect
from ecrm_privacy.ledger.store import open_log
from ecrm_privacy.ledger.writer import Writer
from tests.conftest import Database
from tests.integration.ledger.making import ORIGIN

MakeWriter = Callable[[], Awaitable[Writer]]


@pytest.fixture
async def new_writer(database: Database, house: asyncpg.Connection) -> AsyncIterator[MakeWriter]:
    """Start writers on one opened log; each is stopped after the test."""
    await open_log(house, ORIGIN)
    made: list[Writer] = []

    async def connect_house() -> asyncpg.Connection:
        return await connect(database.address, "ecrm_house", database.passwords["ecrm_house"])

    async def make() -> Writer:
        made.append(Writer(connect_house))
        await made[-1].start()
        return made[-1]

    yield make
    for writer in made:
        await writer.stop()


@pytest.fixture
async def writer(new_writer: MakeWriter) -> Writer:
    return await new_writer()
