"""People of the tests: pseudonyms with uses, as the house registers them."""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from ecrm_privacy.vocabulary import CONTRIBUTE, Pseudonym, Purpose
from personalization.collect.events import Acquire, Event, EventType, Heard, store_events

ORDER, REMEMBER, PERSONALIZE = Purpose("order"), Purpose("remember"), Purpose("personalize")
NOW = datetime(2026, 11, 22, 12, 30, 45, tzinfo=UTC)


def one(conn: asyncpg.Connection) -> Acquire:
    """Acquire this connection, always."""
    return lambda: nullcontext(conn)


def pseudonym(number: int) -> Pseudonym:
    """Name a person of a test."""
    return Pseudonym(UUID(int=number + 1))


async def register(admin: asyncpg.Connection, names: Sequence[Pseudonym], *uses: Purpose) -> None:
    """Register `names` as the transaction that makes their keys does, and open them for `uses`."""
    await admin.executemany(
        "insert into ecrm.pseudonym values ($1, 'purchases') on conflict do nothing", [(name,) for name in names]
    )
    await admin.executemany(
        "insert into ecrm.pseudonym_use values ($1, $2) on conflict do nothing",
        [(name, use) for name in names for use in uses],
    )


async def close(admin: asyncpg.Connection, name: Pseudonym, use: Purpose = CONTRIBUTE) -> None:
    """Close `name` for `use`, as a withdrawal does."""
    await admin.execute("delete from ecrm.pseudonym_use where pseudonym = $1 and purpose = $2", name, use)


def bought(name: Pseudonym, item_id: str, event_id: str | None = None, at: datetime = NOW) -> Heard:
    """A purchase, stored under the contract."""
    event = Event(event_id=event_id or f"bought-{item_id}", type=EventType.PURCHASE, item_id=item_id, at=at)
    return Heard(name, ORDER, event)


async def buy(conn: asyncpg.Connection, name: Pseudonym, *items: str) -> None:
    """Store one purchase of each of `items`."""
    await store_events(one(conn), [bought(name, item) for item in items], NOW)
