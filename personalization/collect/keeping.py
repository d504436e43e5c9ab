"""What is kept about a person, for that person: everything under their pseudonyms, and its end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from ecrm_privacy.sql import Conn
from ecrm_privacy.vocabulary import Pseudonym
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


async def mix(conn: Conn, newer_than: datetime) -> None:
    """Take from the events since `newer_than` the order in which they arrived, which a dump would show."""
    await store.mix(newer_than).run(conn)


def _without_nothing(row: msgspec.Struct) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(row)
    return {name: value for name, value in values.items() if value is not None}
