"""What the verifier remembers of payloads never makes it read one otherwise than `parse` does."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.record import Change, ConsentEvent, EventKind, StateChange, parse, payload
from ecrm_privacy.ledger.verify.replay import KNOWN_MAX, Payloads
from ecrm_privacy.vocabulary import ConsentStatus, ExpressionMethod

ID, OTHER_ID = UUID(int=0xA5A5 << 100), UUID(int=0x5A5A << 100)
TIME, OTHER_TIME = "2026-01-31T12:00:00Z", "2025-02-28T23:59:59.000001Z"
EVENT = ConsentEvent(
    record_id=ID,
    event_time=datetime(2026, 1, 31, 12, tzinfo=UTC),
    kind=EventKind.ANSWER,
    controller="Paper & Tea",
    site="demo",
    method=ExpressionMethod.SAVE,
    notice="shop@3",
    notice_hash="ab" * 32,
    locale="en",
    changes=tuple(
        Change(purpose=name, status=ConsentStatus.GIVEN, notice="shop@3", since=date(2026, 1, 31))
        for name in ("remember", "offers")
    ),
    state=StateChange(regime="gdpr"),
)
TEXT = payload(EVENT)


def said(read: object, text: bytes) -> object:
    try:
        found = read(text)  # type: ignore[operator]
    except Tampered:
        return Tampered
    return (found.changes, found.state) if isinstance(found, ConsentEvent) else found


def altered() -> Iterator[bytes]:
    """Everything near a payload that was read: other bytes, other ids and times, whole and in one place alone."""
    for at in range(len(TEXT)):
        yield TEXT[:at] + bytes([TEXT[at] ^ 1]) + TEXT[at + 1 :]
        yield TEXT[:at] + TEXT[at + 1 :]
    for old, others in (
        (str(ID), (str(OTHER_ID), str(OTHER_ID).upper(), OTHER_ID.hex, "", "\x00")),
        (
            TIME,
            (OTHER_TIME, "2026-01-31T12:00:00+00:00", "2026-01-31T12:00:00.000000Z", "2026-02-30T12:00:00Z", "\x01"),
        ),
    ):
        for other in others:
            parts = TEXT.split(old.encode())
            yield other.encode().join(parts)
            for at in range(1, len(parts)):
                yield old.encode().join(parts[:at]) + other.encode() + old.encode().join(parts[at:])


def test_what_is_remembered_is_what_parsing_gives() -> None:
    """Each text near one that is remembered is refused or read exactly as `parse` refuses or reads it."""
    payloads, seen = Payloads(), set()
    assert payloads.read(TEXT) == (EVENT.changes, EVENT.state)
    for text in altered():
        expected = said(parse, text)
        seen.add(expected is Tampered)
        assert said(payloads.read, text) == expected, text
    assert seen == {True, False}


def test_another_id_and_time_are_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that differs in its id and its time alone says the very same objects."""
    payloads = Payloads()
    first = payloads.read(TEXT)
    other = msgspec.structs.replace(EVENT, record_id=OTHER_ID, event_time=datetime(2025, 1, 1, 1, 2, 3, 4, UTC))
    monkeypatch.setattr("ecrm_privacy.ledger.verify.replay.parse", None)
    assert payloads.read(payload(other)) is first


def test_an_answer_that_holds_the_id_is_not_remembered() -> None:
    """What was said is remembered only if it says nothing that changes with the id or the time."""
    payloads = Payloads()
    for record_id in (ID, OTHER_ID):
        change = msgspec.structs.replace(EVENT.changes[0], recipient=str(record_id))
        event = msgspec.structs.replace(EVENT, record_id=record_id, changes=(change,))
        assert payloads.read(payload(event)) == ((change,), EVENT.state)


def test_memory_is_bounded() -> None:
    """However different payloads are, only so many are remembered, and each is still read."""
    payloads = Payloads()
    for number in range(KNOWN_MAX + 5):
        event = msgspec.structs.replace(EVENT, site=f"site-{number}")
        assert payloads.read(payload(event))[1] == EVENT.state
    assert len(payloads._known) <= KNOWN_MAX
