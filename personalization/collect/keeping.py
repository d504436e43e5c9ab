"""What is kept about a person, for that person: everything under their pseudonyms, and its end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from ecrm_privacy.sql import Conn, Effect
from ecrm_privacy.vocabulary import Category, Pseudonym
from personalization.collect import store


async def export(conn: Conn, pseudonyms: Sequence[Pseudonym]) -> dict[str, Any] | None:
    """Return every event under `pseudonyms` and what was contributed to the shared counts; None for nothing."""
    events = await store.kept(list(pseudonyms)).all(conn)
    taught = await store.taught(list(pseudonyms)).all(conn)
    if not events and not taught:
        return None
    return {
        "events": [_without_nothing(row) for row in events],
        "contributed_to_shared_counts": [_without_nothing(row) for row in taught],
    }


async def forget_some(conn: Conn, pseudonyms: Sequence[Pseudonym], most: int) -> bool:
    """Delete at most `most` events of `pseudonyms`; True when none is left."""
    return await store.forget(list(pseudonyms), most).run(conn) < most


async def age(conn: Conn, category: Category, days: int, most: int) -> dict[Pseudonym, int]:
    """Delete at most `most` events of `category` from before the last `days` days; returns whose, and how many."""
    return {Pseudonym(row.pseudonym): row.events for row in await store.age(category, days, most).all(conn)}


def mix(newer_than: datetime) -> tuple[Effect, ...]:
    """Return what takes from the events since `newer_than` the order in which they came, which a dump would show."""
    return (store.mix(newer_than),)


def _without_nothing(row: msgspec.Struct) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(row)
    return {name: value for name, value in values.items() if value is not None}
