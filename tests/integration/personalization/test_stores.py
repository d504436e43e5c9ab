"""The guest's queries against a migrated database, under the role that runs them, and what that role may not do."""

from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest

from ecrm_privacy.sql import Query
from ecrm_privacy.vocabulary import Category
from personalization.aggregate import store as aggregate
from personalization.collect import store as collect
from personalization.interact import store as interact
from tests.integration.personalization.people import ORDER, pseudonym

pytestmark = pytest.mark.anyio

NAME = pseudonym(1)
ITEM = collect.ItemRow("tea", "product", "Tea", "", "tea", "/items/tea", None, 100, "EUR", 3, 1)
EVENT = collect.EventRow(NAME, bytes(16), "view", "tea", datetime(2026, 1, 2, tzinfo=UTC), 1, None, None)

OF_THE_GUEST: list[Query[Any]] = [
    collect.put_items([ITEM]),
    collect.put_events([EVENT], ORDER),
    aggregate.lock(),
    aggregate.room_to_sort(),
    aggregate.advance(),
    aggregate.published(1, 20),
    aggregate.hold([NAME]),
    aggregate.concerned(NAME, 3),
    aggregate.contributed([NAME], 3),
    aggregate.settle([NAME], 3),
    aggregate.sizes(),
    aggregate.first_difference(),
    aggregate.publish(20, 1.0, 3),
    *aggregate.clear(),
    *aggregate.recount(),
    interact.behaviour([NAME], 3),
    interact.shelves(["tea"], 20, 3),
]
OF_THE_HOUSE: list[Query[Any]] = [
    collect.kept([NAME]),
    collect.taught([NAME]),
    collect.forget([NAME], 3),
    collect.age(Category("purchases"), 3, 3),
    collect.mix(datetime(2026, 1, 1, tzinfo=UTC)),
    aggregate.mix(),
    aggregate.lock(),
    aggregate.advance(),
    aggregate.hold([NAME]),
    aggregate.contributed([NAME], 3),
    aggregate.settle([NAME], 3),
]
FORBIDDEN = [
    "select 1 from engine.event",
    "delete from engine.event",
    "update engine.event set quantity = 2",
    "select 1 from ecrm.pseudonym",
    "select 1 from ecrm.pseudonym_use",
    "select 1 from ecrm.consent_status",
    "insert into ecrm.pseudonym_use values (gen_random_uuid(), 'personalize')",
    "delete from engine.model",
    "call engine.mix('event', now())",
    "call engine.mix('contribution', null)",
    "call ecrm.mix('pseudonym')",
]


async def _agrees(conn: asyncpg.Connection, query: Query[Any]) -> None:
    statement = await conn.prepare(query.text)
    assert len(statement.get_parameters()) == len(query.args)
    if query.row is not None:
        fields = msgspec.structs.fields(query.row)
        assert [column.name for column in statement.get_attributes()] == [field.name for field in fields]
    await query.run(conn)


def _name(query: Query[Any]) -> str:
    return " ".join(query.text.split())[:60]


@pytest.mark.parametrize("query", OF_THE_GUEST, ids=_name)
async def test_a_query_of_the_guest_prepares_and_runs(guest: asyncpg.Connection, query: Query[Any]) -> None:
    """Text, arguments and row type agree with the schema and with the guest's rights."""
    await _agrees(guest, query)


@pytest.mark.parametrize("query", OF_THE_HOUSE, ids=_name)
async def test_a_query_for_export_and_erasure_prepares_and_runs(house: asyncpg.Connection, query: Query[Any]) -> None:
    """Text, arguments and row type agree with the schema and with the house's rights."""
    await _agrees(house, query)


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_guest_may_not(guest: asyncpg.Connection, statement: str) -> None:
    """The guest reads no behaviour but by pseudonym, and knows nothing of the house."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await guest.execute(statement)
