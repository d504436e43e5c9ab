"""What somebody did, read under the pseudonyms of a grant: the requests of one event-loop turn share one statement."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from ecrm_privacy.sql import Conn
from ecrm_privacy.vocabulary import Pseudonym
from personalization.interact import store

ACTS_MOST = 200
"""Newest events read per pseudonym."""

Names = tuple[Pseudonym, ...]
Acts = Mapping[Pseudonym, "tuple[Act, ...]"]
ReadBehaviour = Callable[[Names], Awaitable[Acts]]
"""Asks for the behaviour under some pseudonyms; the composition root hands in one that is coalesced."""


class Act(msgspec.Struct, frozen=True):
    """One thing that was done; `at` in whole minutes of UTC."""

    type: str
    item_id: str | None
    at: datetime
    quantity: int = 1


async def read(conn: Conn, asks: Sequence[Names]) -> list[Acts]:
    """Answer all `asks` with one statement. Rows are dealt out by pseudonym; an ask for nobody gets nothing."""
    wanted = sorted({name for names in asks for name in names})
    found: dict[Pseudonym, list[Act]] = {name: [] for name in wanted}
    for row in await store.behaviour(wanted, ACTS_MOST).all(conn):
        found[Pseudonym(row.pseudonym)].append(Act(row.type, row.item_id, row.at, row.quantity))
    return [{name: tuple(found[name]) for name in names} for names in asks]
