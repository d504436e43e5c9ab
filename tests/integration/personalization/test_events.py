"""Storing events: under open pseudonyms only, each once, in whole minutes."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from personalization.collect import catalogue
from personalization.collect.events import ROWS_MOST, Event, EventType, Heard, store_events
from tests.integration.personalization.people import NOW, ORDER, REMEMBER, bought, close, one, pseudonym, register

pytestmark = pytest.mark.anyio

ADA, BOB = pseudonym(1), pseudonym(2)


async def test_only_the_open_is_stored(admin: asyncpg.Connection, guest: asyncpg.Connection) -> None:
    """An event is stored where its pseudonym is open for its purpose, and said to be dropped where it is not."""
    await register(admin, [ADA, BOB], ORDER)
    await register(admin, [BOB], REMEMBER)
    view = Event(event_id="view-of-tea", type=EventType.VIEW, item_id="tea")
    heard = [Heard(ADA, REMEMBER, view), bought(ADA, "tea"), Heard(BOB, REMEMBER, view), bought(pseudonym(9), "tea")]
    assert await store_events(one(guest), heard, NOW) == [False, True, True, False]
    rows = await admin.fetch("select pseudonym, type from engine.event order by 1")
    assert [tuple(row) for row in rows] == [(ADA, "purchase"), (BOB, "view")]


async def test_the_same_event_counts_once(admin: asyncpg.Connection, guest: asyncpg.Connection) -> None:
    """An event_id that comes again, in one batch or later, is stored once and reported as stored."""
    await register(admin, [ADA, BOB], ORDER)
    heard = [bought(ADA, "tea", "the-same-id"), bought(ADA, "tea", "the-same-id"), bought(BOB, "tea", "the-same-id")]
    assert await store_events(one(guest), heard, NOW) == [True] * 3
    assert await store_events(one(guest), heard[:1], NOW) == [True]
    assert await admin.fetchval("select count(*) from engine.event") == 2


async def test_times_are_minutes_and_past(admin: asyncpg.Connection, guest: asyncpg.Connection) -> None:
    """Times are cut to minutes, and a clock that runs ahead counts as now."""
    await register(admin, [ADA], ORDER)
    ahead, behind = NOW + timedelta(hours=3), datetime(2026, 1, 2, 3, 4, 59, tzinfo=UTC)
    await store_events(one(guest), [bought(ADA, "tea", at=ahead), bought(ADA, "pot", at=behind)], NOW)
    times = {row["at"] for row in await admin.fetch("select at from engine.event")}
    assert times == {NOW.replace(second=0), behind.replace(second=0)}


async def test_many_events_take_several_transactions(admin: asyncpg.Connection, guest: asyncpg.Connection) -> None:
    """More events than a transaction may hold are stored all the same."""
    await register(admin, [ADA], ORDER)
    many = [bought(ADA, f"item-{number}") for number in range(ROWS_MOST + 5)]
    assert all(await store_events(one(guest), many, NOW))
    assert await admin.fetchval("select count(distinct xmin::text) from engine.event") == 2


async def test_what_closes_while_it_waits_is_not_stored(admin: asyncpg.Connection, guest: asyncpg.Connection) -> None:
    """Storing waits for a withdrawal that is under way, and then stores nothing."""
    await register(admin, [ADA], ORDER)
    async with admin.transaction():
        await close(admin, ADA, ORDER)
        storing = asyncio.create_task(store_events(one(guest), [bought(ADA, "tea")], NOW))
        await asyncio.sleep(0.2)
        assert not storing.done()
    assert await storing == [False]
    assert await admin.fetchval("select count(*) from engine.event") == 0


async def test_the_later_item_counts(admin: asyncpg.Connection, guest: asyncpg.Connection) -> None:
    """An item is replaced as a whole, and of two with one name in a batch the later one counts."""
    first = catalogue.Item(item_id="tea", kind=catalogue.ItemKind.PRODUCT, title="Tea", url="/items/tea", stock=3)
    later = catalogue.Item(item_id="tea", kind=catalogue.ItemKind.OFFER, title="Green tea", url="/items/tea", stock=0)
    await catalogue.put_items(guest, [first])
    await catalogue.put_items(guest, [first, later])
    rows = await admin.fetch("select kind, title, stock from engine.item")
    assert [tuple(row) for row in rows] == [("offer", "Green tea", 0)]
