"""The payload as a reader of the standard sees it."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.record import Change, ConsentEvent, EventKind, Processing, StateChange, parse, payload
from ecrm_privacy.vocabulary import ConsentStatus, ExpressionMethod, LegalBasis

RECORD = UUID("d7a1c9c2-3b1d-4a54-9a4c-1d1f8f6f2a11")
EVENT = ConsentEvent(
    record_id=RECORD,
    event_time=datetime(2026, 1, 31, 10, 0, 0, 123456, UTC),
    kind=EventKind.ANSWER,
    controller="Paper & Tea",
    controller_address="1 Quay Street",
    controller_contact="privacy@shop.example",
    site="demo",
    method=ExpressionMethod.SAVE,
    notice="shop@3",
    notice_hash="ab" * 32,
    locale="de",
    changes=(
        Change(
            purpose="offers",
            channel="email",
            status=ConsentStatus.GIVEN,
            notice="shop@3",
            since=date(2026, 1, 31),
            until=date(2026, 7, 31),
        ),
        Change(
            purpose="share",
            recipient="tea-guild",
            status=ConsentStatus.REFUSED,
            notice="shop@3",
            since=date(2026, 1, 31),
        ),
    ),
    state=StateChange(regime="gdpr", restricted=False, adult_from=date(2030, 2, 1), gpc=True),
    processing=(
        Processing(
            purpose="offers", dpv="dpv:DirectMarketing", basis=LegalBasis.CONSENT, categories=("contact",), kept="P6M"
        ),
        Processing(purpose="share", basis=LegalBasis.CONSENT, categories=("contact",), kept="P1Y"),
    ),
    jurisdiction="eu",
    storage_location="loc:IE",
    withdraw_at="https://shop.example/preferences",
)
READ = json.loads(payload(EVENT))


def test_it_is_a_receipt_of_the_standard() -> None:
    """The payload is a dpv:ConsentReceipt with one dpv:ConsentRecord per change, each with its purpose and status."""
    assert READ["@type"] == "dpv:ConsentReceipt"
    assert READ["dct:identifier"] == str(RECORD)
    assert READ["dct:created"] == "2026-01-31T10:00:00.123456Z"
    assert READ["dpv:hasDataController"]["dpv:hasName"] == "Paper & Tea"
    assert READ["dpv:hasNotice"] == {
        "@id": "ecrm:notice/shop@3",
        "@type": "dpv:ConsentNotice",
        "ecrm:sha256": "ab" * 32,
        "dct:language": "de",
    }
    first, second = READ["dpv:hasRecordOfActivity"]
    assert {first["@type"], second["@type"]} == {"dpv:ConsentRecord"}
    assert first["dpv:hasProcess"] == {
        "@type": "dpv:Process",
        "dpv:hasPurpose": "ecrm:purpose/offers",
        "ecrm:viaChannel": "ecrm:channel/email",
    }
    assert first["dpv:hasConsentStatus"] == {
        "@type": "dpv:ConsentGiven",
        "dpv:isIndicatedBy": "_:subject",
        "dpv:hasIndicationMethod": "save",
        "dpv:isIndicatedAtTime": "2026-01-31T10:00:00.123456Z",
        "dct:valid": "2026-01-31/2026-07-31",
    }
    assert second["dpv:hasProcess"]["dpv:hasRecipient"] == "ecrm:recipient/tea-guild"
    assert second["dpv:hasConsentStatus"]["dct:valid"] == "2026-01-31/.."


def test_what_was_said_before_it_was_written_down_carries_both_times() -> None:
    """`dct:created` is when it was recorded, `dpv:isIndicatedAtTime` when the person said it; both come back."""
    earlier = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)
    event = msgspec.structs.replace(EVENT, kind=EventKind.IMPORT, indicated_at=earlier)
    read = json.loads(payload(event))
    assert read["dct:created"] == "2026-01-31T10:00:00.123456Z"
    times = {each["dpv:hasConsentStatus"]["dpv:isIndicatedAtTime"] for each in read["dpv:hasRecordOfActivity"]}
    assert times == {"2024-02-29T12:00:00Z"}
    assert parse(payload(event)) == event
    assert (EVENT.said_at, event.said_at) == (EVENT.event_time, earlier)


@pytest.mark.parametrize("time", ["2026-01-31T10:00:00.123457Z", "2026-01-31T11:00:00+02:00", "2026-01-31T10:00:00"])
def test_nobody_says_a_thing_after_it_was_written_down(time: str) -> None:
    """A text whose answers are indicated later than recorded, or in another zone, is refused."""
    text = payload(EVENT).replace(b'Time":"2026-01-31T10:00:00.123456Z"', b'Time":"%s"' % time.encode())
    assert text != payload(EVENT)
    with pytest.raises(Tampered):
        parse(text)


def test_the_answers_of_one_act_were_said_at_one_time() -> None:
    """A text in which only one of two answers has an earlier time is refused."""
    text = payload(EVENT).replace(b'Time":"2026-01-31T10', b'Time":"2026-01-30T10', 1)
    with pytest.raises(Tampered):
        parse(text)


def test_every_prefix_is_declared() -> None:
    """Each name with a prefix uses one that the context declares, so that any JSON-LD reader can expand it."""
    prefixes = {name for name in READ["@context"] if ":" not in name}
    names = [name for name in _names(READ) if not name.startswith("@")]
    assert names
    assert {name.partition(":")[0] for name in names} <= prefixes


def test_the_subject_is_a_blank_node() -> None:
    """The person is `_:subject`, which means nothing outside this text; the one identifier is the record's own."""
    records = READ["dpv:hasRecordOfActivity"]
    assert {record["dpv:hasDataSubject"] for record in records} == {"_:subject"}
    assert [record["@id"] for record in records] == [f"urn:uuid:{RECORD}#0", f"urn:uuid:{RECORD}#1"]


def test_conformance_is_claimed_only_when_complete() -> None:
    """The schema of ISO/IEC TS 27560 is named only when all that it makes mandatory is there."""
    assert EVENT.is_complete
    assert READ["dct:conformsTo"] == "https://w3id.org/dpv/schema/dpv-27560#receipt"
    for missing in ("controller_address", "withdraw_at", "storage_location"):
        assert b"conformsTo" not in payload(msgspec.structs.replace(EVENT, **{missing: ""}))
    assert b"conformsTo" not in payload(msgspec.structs.replace(EVENT, processing=EVENT.processing[:1]))


def test_what_others_did_is_not_put_into_the_subjects_mouth() -> None:
    """A status that the subject did not express is indicated by the controller."""
    for status in ConsentStatus:
        if status is not ConsentStatus.UNKNOWN:
            change = msgspec.structs.replace(EVENT.changes[0], status=status)
            read = json.loads(payload(msgspec.structs.replace(EVENT, changes=(change,))))
            by = read["dpv:hasRecordOfActivity"][0]["dpv:hasConsentStatus"]["dpv:isIndicatedBy"]
            expected = {"revoked", "expired", "invalidated"}
            assert (by == "_:controller") == (status.value in expected)


@pytest.mark.parametrize("kind", EventKind)
def test_rights_are_records_of_rights(kind: EventKind) -> None:
    """Erasure and restriction are records of an exercised right, all else are consent receipts; all parse back."""
    event = msgspec.structs.replace(EVENT, kind=kind)
    is_right = kind in {EventKind.ERASURE, EventKind.RESTRICTION}
    assert json.loads(payload(event))["@type"] == ("dpv:RightExerciseRecord" if is_right else "dpv:ConsentReceipt")
    assert parse(payload(event)) == event


GOOD = payload(EVENT)


@pytest.mark.parametrize(
    "text",
    [
        GOOD + b"\n",
        GOOD.replace(b",", b", ", 1),
        GOOD.replace(b'"ecrm:act":"answer",', b""),
        GOOD.replace(b'"ecrm:act":"answer"', b'"ecrm:act":"dance"'),
        GOOD.replace(b'"ecrm:act":"answer"', b'"ecrm:act":7'),
        GOOD.replace(b'"ecrm:act":"answer"', b'"ecrm:act":"answer","ecrm:act":"answer"'),
        GOOD.replace(b'"ecrm:act":"answer"', b'"ecrm:act":"answer","ecrm:more":1'),
        GOOD.replace(b"dpv:ConsentGiven", b"dpv:ConsentGivan"),
        GOOD.replace(b"_:subject", b"_:someone"),
        GOOD.replace(b"urn:x-ecrm:terms:1#", b"urn:x-ecrm:terms:2#"),
        GOOD.replace(b"Paper & Tea", b"Paper \\u0026 Tea"),
        GOOD.replace(b"2026-01-31/2026-07-31", b"20260131/2026-07-31"),
        GOOD.replace(b"2026-01-31/2026-07-31", b"2026-07-31"),
        GOOD.replace(b"10:00:00.123456Z", b"10:00:00.123456"),
        GOOD.replace(b"10:00:00.123456Z", b"11:00:00.123456+01:00"),
        GOOD.replace(b"10:00:00.123456Z", b"10:00:00.1234560Z"),
        GOOD.replace(b"#1", b"#2"),
        b"{}",
        b"\xff",
        b"",
    ],
)
def test_any_other_text_is_refused(text: bytes) -> None:
    """A text that says the same in other bytes, or that the format has no words for, is refused."""
    with pytest.raises(Tampered):
        parse(text)


def test_times_are_utc() -> None:
    """An event in another zone, or in none, is a mistake of the caller."""
    for zone in (None, timezone(timedelta(hours=1))):
        with pytest.raises(AssertionError):
            msgspec.structs.replace(EVENT, event_time=datetime(2026, 1, 31, tzinfo=zone))


def _names(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [*node, *(name for value in node.values() for name in _names(value))]
    return [name for value in node for name in _names(value)] if isinstance(node, list) else []
