"""Two times of an entry, and the order of the log that no clock changes."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger import shard, store
from ecrm_privacy.ledger.history import (
    EVER,
    Dated,
    Shard,
    Undated,
    as_of,
    clock,
    dated,
    in_force,
    newest_about,
    parse_shard,
    with_days,
)
from ecrm_privacy.ledger.record import Change, ConsentEvent, EventKind, State, StateChange
from ecrm_privacy.vocabulary import ConsentStatus, ExpressionMethod

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOW = NOON + timedelta(days=100)


def hours(after: float) -> datetime:
    return NOON + timedelta(hours=after)


def said(status: str, at: datetime, indicated_at: datetime | None = None, **state: object) -> ConsentEvent:
    change = Change(purpose="remember", status=ConsentStatus(status), notice="shop@1", since=date(2026, 5, 1))
    return ConsentEvent(
        record_id=UUID(int=1), event_time=at, kind=EventKind.ANSWER, controller="", site="demo",
        method=ExpressionMethod.SAVE, notice="shop@1", notice_hash="", locale="en", changes=(change,),
        state=StateChange(**state) if state else None, indicated_at=indicated_at,  # type: ignore[arg-type]
    )  # fmt: skip


def history(*events: ConsentEvent, now: datetime = NOW) -> Sequence[Dated]:
    """Entries 0, 1, 2 … of one person."""
    entries = list(enumerate(events))
    return dated(entries, clock({number: event.event_time for number, event in entries}, now))


def status(bodies: Sequence[Dated], at: datetime, known: datetime = NOW) -> str | None:
    row = as_of(bodies, at, known).rows.get(("remember", "", ""))
    return row and row[0].status.value


def test_what_was_said_counts_from_then_on() -> None:
    """Before the first entry nothing is known; each entry counts from its own second."""
    bodies = history(said("given", hours(0)), said("withdrawn", hours(2)))
    moments = [status(bodies, hours(each)) for each in (-1, 0, 1, 2, 3)]
    assert moments == [None, "given", "given", "withdrawn", "withdrawn"]


def test_what_was_not_known_yet_does_not_count() -> None:
    """As known an hour ago, a person had not withdrawn, also now."""
    bodies = history(said("given", hours(0)), said("withdrawn", hours(2)))
    assert status(bodies, hours(3), known=hours(1)) == "given"
    assert status(bodies, hours(3), known=hours(-1)) is None


def test_a_backdated_import_changes_the_past_only_as_known_since() -> None:
    """What was given a year before it was imported was so that year, as known since the import and not before."""
    bodies = history(said("given", hours(0), indicated_at=hours(-24 * 365)))
    assert status(bodies, hours(-1)) == "given"
    assert status(bodies, hours(-1), known=hours(-1)) is None
    assert status(bodies, hours(-24 * 366)) is None


def test_a_clock_that_goes_back_changes_no_order() -> None:
    """The later entry counts no earlier than the one before it; the entry is named."""
    bodies = history(said("given", hours(5)), said("withdrawn", hours(1)))
    assert [status(bodies, hours(each)) for each in (2, 5)] == [None, "withdrawn"]
    assert clock({0: hours(5), 3: hours(1), 4: hours(6)}, NOW).went_back == (3,)


def test_two_that_waited_for_their_turn_are_no_clock_that_went_back() -> None:
    """Entries are made before they stand in the log: a second of disorder is not worth a word, and changes nothing."""
    times = clock({0: hours(0), 1: hours(0) - timedelta(seconds=1)}, NOW)
    assert times.went_back == ()
    assert times.recorded[1] == hours(0)


def test_an_entry_from_the_future_counts_now() -> None:
    """What stands in the log was recorded by now, whatever its clock said."""
    bodies = history(said("given", NOW + timedelta(days=9)))
    assert status(bodies, NOW) == "given"
    assert clock({0: NOW + timedelta(days=9)}, NOW).went_back == (0,)


def test_an_act_without_time_counts_by_its_place() -> None:
    """It is recorded with what stands before it, and at the latest with what comes after it."""
    times = clock({0: None, 1: hours(0), 2: None, 3: hours(4), 4: None}, NOW)
    assert times.recorded == {0: EVER, 1: hours(0), 2: hours(0), 3: hours(4), 4: hours(4)}
    assert times.undated == (Undated(0, EVER, hours(0)), Undated(2, hours(0), hours(4)), Undated(4, hours(4), NOW))


@pytest.mark.parametrize(("at", "known", "act"), [(-1, 9, None), (0, 9, 1), (3, 9, 1), (4, 9, 5), (9, 3, 1)])
def test_the_newest_act_of_that_time_is_in_force(at: float, known: float, act: int | None) -> None:
    """It must have been done, and known."""
    assert in_force([1, 5], hours(at), hours(known), clock({1: hours(0), 5: hours(4)}, NOW)) == act


def test_state_folds_like_answers() -> None:
    """What was known of a person beside the answers is that of the time too, and leads to the entry that said so."""
    bodies = history(said("given", hours(0), regime="gdpr"), said("given", hours(2), gpc=True))
    assert as_of(bodies, hours(1), NOW).state == State("gdpr", False, None, False, 0)
    assert as_of(bodies, hours(2), NOW).state == State("gdpr", False, None, True, 1)
    assert (newest_about(bodies, "gpc"), newest_about(bodies, "regime"), newest_about(bodies, "restricted")) == (
        1, 0, None,
    )  # fmt: skip


def test_an_import_was_never_said_after_it_was_recorded() -> None:
    """Also where the clock was ahead when it was recorded."""
    ahead = NOW + timedelta(days=9)
    (body,) = history(said("given", ahead, indicated_at=ahead - timedelta(days=1)))
    assert body.said == body.recorded == NOW


def test_a_shard_counts_since_its_day_began_at_its_place() -> None:
    """It says its day and no hour: not before it, not before what stands before it, and no clock went back."""
    times = with_days({0: hours(-48), 1: hours(6), 3: None}, {2: date(2026, 5, 1), 4: date(2026, 5, 3)})
    found = clock(times, NOW)
    assert (found.recorded[2], found.recorded[4]) == (hours(6), hours(36))
    assert found.went_back == ()


@pytest.mark.parametrize("nothing_lost", [True, False])
def test_a_shard_is_read_as_it_is_written(nothing_lost: bool) -> None:
    """The statement of `ecrm ledger shard` says its day, and whether a yes is asked again."""
    head = store.Head("log", 3, bytes(32), b"", "behind", 0)
    made = shard.Shard("log/2", "key", ("key",), None, nothing_lost, date(2026, 5, 1))
    assert parse_shard(shard.statement(made, head, 0)) == Shard(date(2026, 5, 1), nothing_lost)
    with pytest.raises(Tampered):
        parse_shard(b'{"v":1,"act":"ledger.shard"}')
