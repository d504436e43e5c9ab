"""A payload says exactly what happened: it parses back to the event it was made of, and has one spelling."""

from datetime import UTC, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.record import (
    Change,
    ConsentEvent,
    EventKind,
    Processing,
    StateChange,
    commitment,
    leaf,
    opens,
    parse,
    payload,
)
from ecrm_privacy.vocabulary import ConsentStatus, ExpressionMethod, LegalBasis

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
ANSWERS = st.sampled_from([status for status in ConsentStatus if status is not ConsentStatus.UNKNOWN])
CHANGES = st.builds(
    Change,
    purpose=TEXTS,
    channel=TEXTS,
    recipient=TEXTS,
    status=ANSWERS,
    notice=TEXTS,
    since=st.dates(),
    until=st.none() | st.dates(),
    by_parent=st.booleans(),
)
STATES = st.builds(
    StateChange,
    regime=st.none() | TEXTS,
    restricted=st.none() | st.booleans(),
    adult_from=st.none() | st.dates(),
    gpc=st.none() | st.booleans(),
)
PROCESSING = st.builds(
    Processing,
    purpose=TEXTS,
    dpv=TEXTS,
    basis=st.sampled_from(LegalBasis),
    categories=st.lists(TEXTS, max_size=3).map(tuple),
    kept=TEXTS,
)
RECORDED = st.builds(
    ConsentEvent,
    record_id=st.uuids(),
    event_time=st.datetimes(timezones=st.just(UTC)),
    kind=st.sampled_from(EventKind),
    controller=TEXTS,
    controller_address=TEXTS,
    controller_contact=TEXTS,
    site=TEXTS,
    method=st.sampled_from(ExpressionMethod),
    notice=TEXTS,
    notice_hash=TEXTS,
    locale=TEXTS,
    changes=st.lists(CHANGES, max_size=4).map(tuple),
    state=st.none() | STATES,
    processing=st.lists(PROCESSING, max_size=3).map(tuple),
    jurisdiction=TEXTS,
    storage_location=TEXTS,
    withdraw_at=TEXTS,
    evidence=TEXTS,
)


def _said_earlier(event: ConsentEvent, by: timedelta) -> ConsentEvent:
    """Return the same answers, given before they were written down."""
    try:
        return msgspec.structs.replace(event, indicated_at=event.event_time - by)
    except OverflowError:
        return event


EARLIER = st.builds(_said_earlier, RECORDED.filter(lambda event: event.changes), st.timedeltas(timedelta(0, 0, 1)))
EVENTS = RECORDED | EARLIER


@settings(max_examples=300, deadline=None)
@given(EVENTS)
def test_an_event_comes_back_from_its_payload(event: ConsentEvent) -> None:
    """Changes, state, time, notice, everything: equal again."""
    assert parse(payload(event)) == event


@settings(max_examples=300, deadline=None)
@given(EVENTS, st.data())
def test_what_parses_has_one_spelling(event: ConsentEvent, data: st.DataObject) -> None:
    """A text with some characters changed is refused, or is the one spelling of another event."""
    text = payload(event)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 4, len(text))))
    changed = text[:start] + data.draw(st.binary(max_size=4)) + text[end:]
    try:
        other = parse(changed)
    except Tampered:
        return
    assert payload(other) == changed
    assert (other == event) == (changed == text)


@given(EVENTS, EVENTS, st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_leaf_opens_to_one_payload(event: ConsentEvent, other: ConsentEvent, opening: bytes, another: bytes) -> None:
    """Only the payload and the opening that a leaf was made of open it."""
    committed = leaf("subject", commitment(opening, payload(event)))
    assert opens(committed, opening, payload(event))
    assert opens(committed, opening, payload(other)) == (other == event)
    assert opens(committed, another, payload(event)) == (another == opening)
