"""Events: what somebody did, kept under a pseudonym that the gate opened for it, and nowhere else.

The gate is asked for each caller what it opens for each type of event. Storing asks the database once more, in the
same statement: what closed a moment ago stores nothing.
"""

import asyncio
import hmac
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from ecrm_privacy.errors import Unavailable
from ecrm_privacy.gate.types import Admit, Caller, Grant, Signals
from ecrm_privacy.sql import Conn
from ecrm_privacy.vocabulary import Pseudonym, Purpose
from personalization.collect import store
from personalization.collect.catalogue import ItemId

ROWS_MOST = 1_000
"""Rows per transaction, so that nobody's answer waits long for one."""
CALLERS_AT_ONCE = 32
"""Callers of one batch whom the gate is asked about at the same time."""
UNAVAILABLE = "unavailable"
"""The gate's word for not knowing: a page goes on without, but an event may not be lost for it."""
STORED, CLOSED, NOBODY = "stored", "closed", "nobody"
"""What becomes of an event: kept; its pseudonym closed a moment ago; permitted, but there is nobody to keep it for."""

Acquire = Callable[[], AbstractAsyncContextManager[Conn]]


class EventType(StrEnum):
    """What can happen (http.md)."""

    VIEW = "view"
    SEARCH = "search"
    CART = "cart"
    PURCHASE = "purchase"
    RETURN = "return"
    CLICK = "click"
    DISMISS = "dismiss"


class Properties(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """More about an event, of which only what something here uses is taken: the words of a search."""

    query: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event as a page or a shop sends it. Without `at` it happened now; a clock that runs ahead counts as now."""

    event_id: Annotated[str, Meta(min_length=8, max_length=64)]
    type: EventType
    item_id: ItemId | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None
    quantity: Annotated[int, Meta(ge=1, le=10**6)] = 1
    amount_minor: Annotated[int, Meta(ge=0, le=10**12)] | None = None
    properties: Properties | None = None

    def __post_init__(self) -> None:
        """Only a search is about no item. Raises ValueError, which decoding turns into its own error."""
        if self.item_id is None and self.type is not EventType.SEARCH:
            raise ValueError("item_id: every event but a search is about an item")

    @property
    def need(self) -> str:
        """The name of the need under which the gate opens a pseudonym for it."""
        return f"event:{self.type}"


class EventLine(Event, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event of a file or a stream, and whose it is."""

    customer_number: Annotated[str, Meta(min_length=1, max_length=128)]


class Heard(msgspec.Struct, frozen=True):
    """An event with the pseudonym and the purpose that the gate opened for it."""

    pseudonym: Pseudonym
    purpose: Purpose
    event: Event


class Intake:
    """Takes events in: asks the gate, keeps what is permitted, and says of the rest why it is not kept."""

    def __init__(self, admit: Admit, acquire: Acquire) -> None:
        self._admit = admit
        self._acquire = acquire

    async def take(self, said: Sequence[tuple[Caller, Event]], signals: Signals) -> list[str]:
        """Return one word per event: `stored`, or why not (a word of the policy's decisions, `closed`, `nobody`).

        Raises Unavailable; then a repeat is safe, because the same `event_id` counts once.
        """
        grants = await self._look(said, signals)
        if any(grant.permission.because == UNAVAILABLE for grant in grants.values()):
            raise Unavailable("the gate cannot tell now what may be kept")
        words, heard, places = [], [], []
        for place, (caller, event) in enumerate(said):
            grant = grants[caller, event.need]
            names = grant.all_pseudonyms()
            words.append(NOBODY if grant.permission.allowed else grant.permission.because)
            if names:  # of several, the account's own: the gate names it first
                heard.append(Heard(names[0], grant.permission.purpose, event))
                places.append(place)
        for place, stored in zip(places, await store_events(self._acquire, heard), strict=True):
            words[place] = STORED if stored else CLOSED
        return words

    async def _look(self, said: Sequence[tuple[Caller, Event]], signals: Signals) -> dict[tuple[Caller, str], Grant]:
        needs: dict[Caller, set[str]] = defaultdict(set)
        for caller, event in said:
            needs[caller].add(event.need)
        found: dict[tuple[Caller, str], Grant] = {}
        callers = list(needs)
        for start in range(0, len(callers), CALLERS_AT_ONCE):
            some = callers[start : start + CALLERS_AT_ONCE]
            opened = await asyncio.gather(*(self._admit(caller, sorted(needs[caller]), signals) for caller in some))
            for caller, grants in zip(some, opened, strict=True):
                found |= {(caller, need): grant for need, grant in grants.items()}
        return found


async def store_events(acquire: Acquire, heard: Sequence[Heard], now: datetime | None = None) -> list[bool]:
    """Store `heard` and say of each whether it is stored (also: was already); False where its pseudonym was closed.

    The same `event_id` under the same pseudonym counts once. One transaction for each 1,000 events of a purpose.
    """
    now = now or datetime.now(UTC)
    stored = [False] * len(heard)
    by_purpose: dict[Purpose, list[int]] = defaultdict(list)
    for number, one in enumerate(heard):
        by_purpose[one.purpose].append(number)
    for purpose, numbers in sorted(by_purpose.items()):
        for start in range(0, len(numbers), ROWS_MOST):
            part = numbers[start : start + ROWS_MOST]
            async with acquire() as conn:
                rows = await store.put_events([_row(heard[number], now) for number in part], purpose).all(conn)
            still_open = {row.pseudonym for row in rows}
            for number in part:
                stored[number] = heard[number].pseudonym in still_open
    return stored


def event_key(pseudonym: Pseudonym, event_id: str) -> bytes:
    """Return 16 bytes that tell an event from all others of `pseudonym` and do not show the sender's `event_id`."""
    return hmac.digest(pseudonym.bytes, event_id.encode(), "sha256")[:16]


def to_minute(at: datetime | None, now: datetime) -> datetime:
    """Return when it happened, in whole minutes of UTC and never in the future."""
    return min(at or now, now).astimezone(UTC).replace(second=0, microsecond=0)


def _row(heard: Heard, now: datetime) -> store.EventRow:
    event = heard.event
    keep = event.type is EventType.SEARCH and event.properties is not None
    return store.EventRow(
        pseudonym=heard.pseudonym,
        event_id=event_key(heard.pseudonym, event.event_id),
        type=event.type,
        item_id=event.item_id,
        at=to_minute(event.at, now),
        quantity=event.quantity,
        amount_minor=event.amount_minor,
        properties=msgspec.json.encode(event.properties).decode() if keep else None,
    )
