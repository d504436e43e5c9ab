"""What counted at one time, as it was known at another: the log read back, by the same fold as a replay. Pure.

An entry has two times. It was *recorded* when it was appended; it was *said* at that time too, or earlier if its record
says so (an import). The order is the leaf index and nothing else. Clocks may err, so the log gives times an order: no
entry counts as recorded before one that stands before it, and none later than now. An act of ours whose statement says
no time counts as recorded with what stands before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.change import Standing, StateChange, fold
from ecrm_privacy.ledger.record import ConsentEvent

EVER = datetime.min.replace(tzinfo=UTC)
"""When an act counts as recorded that says no time, and before which no other one does."""
TURNS = timedelta(seconds=2)
"""How much older an entry may be than the one before it without a word: it was made, and then waited for its turn."""


class Undated(msgspec.Struct, frozen=True):
    """An act that says no time: it was recorded after `since`, with which it counts, and not after `until`."""

    leaf_index: int
    since: datetime
    until: datetime


class Clock(msgspec.Struct, frozen=True):
    """When each entry counts as recorded; before which entries the clock went back; and which acts say no time.

    `went_back` also names entries that are dated later than now.
    """

    recorded: Mapping[int, datetime]
    went_back: tuple[int, ...]
    undated: tuple[Undated, ...]


class Dated(msgspec.Struct, frozen=True):
    """One entry about a subject, opened, with both of its times."""

    leaf_index: int
    event: ConsentEvent
    recorded: datetime
    said: datetime


class Shard(msgspec.Struct, frozen=True):
    """The log going on under a new name since a day; unless nothing was lost, every yes before it is asked again."""

    on: date
    nothing_lost: bool


def parse_shard(text: bytes) -> Shard:
    """Return what the public statement of a shard (shard.py) says; raises `Tampered`."""
    try:
        return msgspec.json.decode(text, type=Shard)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Tampered("the statement of a shard cannot be read") from None


def with_days(times: Mapping[int, datetime | None], days: Mapping[int, date]) -> dict[int, datetime | None]:
    """Add entries that say only their day to the times of others: they count since it began, at their place."""
    found = dict(times)
    for leaf_index, day in sorted(days.items()):
        before = (said for other, said in found.items() if other < leaf_index and said is not None)
        found[leaf_index] = max(max(before, default=EVER), datetime.combine(day, time(), UTC))
    return found


def clock(times: Mapping[int, datetime | None], now: datetime) -> Clock:
    """Put the times that entries say of themselves (None: nothing) into the order of the log."""
    recorded: dict[int, datetime] = {}
    went_back: list[int] = []
    latest = EVER
    for leaf_index in sorted(times):
        time = times[leaf_index]
        if time is not None:
            if latest - time > TURNS or time > now:
                went_back.append(leaf_index)
            latest = max(latest, time)
        recorded[leaf_index] = min(latest, now)
    undated = (
        Undated(leaf_index, recorded[leaf_index], _next_after(leaf_index, times, recorded, now))
        for leaf_index, time in times.items()
        if time is None
    )
    return Clock(recorded, tuple(went_back), tuple(undated))


def _next_after(
    leaf_index: int, times: Mapping[int, datetime | None], recorded: Mapping[int, datetime], now: datetime
) -> datetime:
    later = (other for other, time in times.items() if other > leaf_index and time is not None)
    return recorded.get(min(later, default=-1), now)


def dated(entries: Iterable[tuple[int, ConsentEvent]], times: Clock) -> tuple[Dated, ...]:
    """Return opened entries, in the order of the log, with both of their times; `times` knows each of them."""
    found = []
    for leaf_index, event in sorted(entries, key=lambda entry: entry[0]):
        recorded = times.recorded[leaf_index]
        found.append(Dated(leaf_index, event, recorded, min(event.indicated_at or recorded, recorded)))
    return tuple(found)


def held(bodies: Sequence[Dated], at: datetime, known: datetime) -> tuple[Dated, ...]:
    """Return the entries that were recorded by `known` and say what was so by `at`."""
    return tuple(body for body in bodies if body.recorded <= known and body.said <= at)


def as_of(bodies: Sequence[Dated], at: datetime, known: datetime) -> Standing:
    """Return what a subject's entries, in the order of the log, added up to at `at`, as it was known at `known`."""
    standing = Standing()
    for body in held(bodies, at, known):
        standing = fold(standing, body.leaf_index, body.event.changes, body.event.state)
    return standing


def newest_about(bodies: Sequence[Dated], field: str) -> int | None:
    """Return the newest of these entries that says anything about `field` of the subject's state."""
    saying = (body.leaf_index for body in bodies if getattr(body.event.state or StateChange(), field) is not None)
    return max(saying, default=None)


def in_force(acts: Iterable[int], at: datetime, known: datetime, times: Clock) -> int | None:
    """Return the newest of our acts that was recorded by `known` and by `at`; None when there is none."""
    return max((act for act in acts if times.recorded[act] <= min(at, known)), default=None)
