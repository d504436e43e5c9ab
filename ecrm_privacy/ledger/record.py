"""The payload of an entry about a person: a consent record of ISO/IEC TS 27560 as JSON-LD in W3C DPV terms.

One act is one `dpv:ConsentReceipt` that holds one `dpv:ConsentRecord` per change, because in DPV a record has one
status. It is self-contained: what was shown, by whom, when, how it was answered, what became of it. It names its
subject by a blank node, so that no identifier in it lives anywhere else. What DPV has no term for stands under the
prefix `ecrm`, whose address carries the version of this format.

The text is canonical: `parse` renders what it understood again and refuses any other bytes, so that two readers cannot
understand one text differently. `parse(payload(event)) == event`.
"""

from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger import jsonld
from ecrm_privacy.ledger.change import Change, Standing, State, StateChange, fold
from ecrm_privacy.ledger.entry import (
    ANY_SEEN,
    LEAF_INDEX,
    Body,
    Entry,
    Leaf,
    LeafType,
    commitment,
    leaf,
    opens,
    parse_leaf,
)
from ecrm_privacy.vocabulary import ConsentStatus, ExpressionMethod, LegalBasis

__all__ = [
    "ANY_SEEN", "LEAF_INDEX", "Body", "Change", "ConsentEvent", "Entry", "EventKind", "Leaf", "LeafType", "Processing",
    "Standing", "State", "StateChange", "commitment", "fold", "leaf", "opens", "parse", "parse_leaf", "payload",
]  # fmt: skip


class EventKind(StrEnum):
    """What kind of act an entry records."""

    ANSWER = "answer"
    IMPORT = "import"
    SIGNAL = "signal"
    RESTRICTION = "restriction"
    ERASURE = "erasure"


class Processing(msgspec.Struct, frozen=True, kw_only=True):
    """What the notice said about a purpose: its DPV term, ground, categories of data, and duration (ISO 8601)."""

    purpose: str
    dpv: str = "dpv:Purpose"
    basis: LegalBasis
    categories: tuple[str, ...] = ()
    kept: str = ""


class ConsentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One act as the desk took it. `event_time` is the server's clock, UTC; `record_id` is random and used only here.

    `indicated_at` is when the answers were given, where that was before they were written down here (an import).
    `notice` is the version that was shown, with the hex SHA-256 of its text and its locale. `processing` repeats what
    that notice said about the purposes concerned. `evidence` says where an answer taken elsewhere is documented.
    """

    record_id: UUID
    event_time: datetime
    kind: EventKind
    controller: str
    controller_address: str = ""
    controller_contact: str = ""
    site: str
    method: ExpressionMethod
    notice: str
    notice_hash: str
    locale: str
    changes: tuple[Change, ...] = ()
    state: StateChange | None = None
    processing: tuple[Processing, ...] = ()
    jurisdiction: str = ""
    storage_location: str = ""
    withdraw_at: str = ""
    evidence: str = ""
    indicated_at: datetime | None = None

    def __post_init__(self) -> None:
        assert self.event_time.tzinfo is UTC, "times are aware and UTC"
        if self.indicated_at is not None:
            assert self.indicated_at.tzinfo is UTC, "times are aware and UTC"
            assert self.indicated_at < self.event_time and self.changes, "only an answer can be older than its record"

    @property
    def said_at(self) -> datetime:
        """When the person said it: from then on it was so, as far as it was known."""
        return self.indicated_at or self.event_time

    @property
    def is_complete(self) -> bool:
        """True when nothing is missing that ISO/IEC TS 27560 makes mandatory; only then the text claims conformance."""
        described = {processing.purpose for processing in self.processing if processing.kept and processing.categories}
        said = (
            self.controller, self.controller_address, self.controller_contact, self.notice, self.locale,
            self.jurisdiction, self.storage_location, self.withdraw_at,
        )  # fmt: skip
        return all(said) and bool(self.changes) and all(change.purpose in described for change in self.changes)


_STATUS_TERM = {
    ConsentStatus.REQUESTED: "dpv:ConsentRequested",
    ConsentStatus.DEFERRED: "dpv:ConsentRequestDeferred",
    ConsentStatus.REFUSED: "dpv:ConsentRefused",
    ConsentStatus.GIVEN: "dpv:ConsentGiven",
    ConsentStatus.RENEWED: "dpv:RenewedConsentGiven",
    ConsentStatus.WITHDRAWN: "dpv:ConsentWithdrawn",
    ConsentStatus.REVOKED: "dpv:ConsentRevoked",
    ConsentStatus.EXPIRED: "dpv:ConsentExpired",
    ConsentStatus.INVALIDATED: "dpv:ConsentInvalidated",
    ConsentStatus.OBJECTED: "ecrm:Objected",  # GDPR 21: no status of a consent, so DPV's list has no term for it
}
_STATUS_OF = {term: status for status, term in _STATUS_TERM.items()}
_NOT_BY_SUBJECT = frozenset({ConsentStatus.REVOKED, ConsentStatus.EXPIRED, ConsentStatus.INVALIDATED})
_BASIS_TERM = {basis: f"eu-gdpr:A6-1-{letter}" for basis, letter in zip(LegalBasis, "abcdef", strict=True)}
_BASIS_OF = {term: basis for basis, term in _BASIS_TERM.items()}


def payload(event: ConsentEvent) -> bytes:
    """Return the canonical JSON-LD text of `event`, UTF-8: the bytes that the leaf commits to."""
    about_rights = event.kind in (EventKind.ERASURE, EventKind.RESTRICTION)
    return msgspec.json.encode(
        jsonld.Receipt(
            context=jsonld.CONTEXT,
            id=f"urn:uuid:{event.record_id}",
            type="dpv:RightExerciseRecord" if about_rights else "dpv:ConsentReceipt",
            conforms_to=jsonld.RECEIPT_SCHEMA if event.is_complete else "",
            identifier=event.record_id,
            created=event.event_time,
            act=event.kind.value,
            controller=jsonld.Party(
                id=jsonld.CONTROLLER,
                type="dpv:DataController",
                name=event.controller,
                address=event.controller_address,
                contact=event.controller_contact,
            ),
            site=event.site,
            method=event.method.value,
            notice=jsonld.Notice(
                id=jsonld.NOTICE + event.notice,
                type="dpv:ConsentNotice",
                sha256=event.notice_hash,
                language=event.locale,
            ),
            jurisdiction=event.jurisdiction,
            storage_location=event.storage_location,
            withdraw_at=event.withdraw_at,
            evidence=event.evidence,
            state=None if event.state is None else jsonld.State(**msgspec.structs.asdict(event.state)),
            purposes=tuple(_purpose(processing) for processing in event.processing),
            records=tuple(_record(event, number, change) for number, change in enumerate(event.changes)),
        )
    )


def _purpose(processing: Processing) -> jsonld.Purpose:
    return jsonld.Purpose(
        id=jsonld.PURPOSE + processing.purpose,
        type=processing.dpv,
        basis=_BASIS_TERM[processing.basis],
        data=tuple(jsonld.CATEGORY + category for category in processing.categories),
        kept=processing.kept,
    )


def _record(event: ConsentEvent, number: int, change: Change) -> jsonld.Record:
    return jsonld.Record(
        id=f"urn:uuid:{event.record_id}#{number}",
        type="dpv:ConsentRecord",
        conforms_to=jsonld.RECORD_SCHEMA if event.is_complete else "",
        subject=jsonld.SUBJECT,
        controller=jsonld.CONTROLLER,
        notice=jsonld.NOTICE + change.notice,
        process=jsonld.Process(
            type="dpv:Process",
            purpose=jsonld.PURPOSE + change.purpose,
            channel=change.channel and jsonld.CHANNEL + change.channel,
            recipient=change.recipient and jsonld.RECIPIENT + change.recipient,
        ),
        status=jsonld.Status(
            type=_STATUS_TERM[change.status],
            by=_by(change),
            method=event.method.value,
            at=event.said_at,
            valid=f"{change.since.isoformat()}/{change.until.isoformat() if change.until else '..'}",
        ),
    )


def _by(change: Change) -> str:
    if change.by_parent:
        return jsonld.PARENT
    return jsonld.CONTROLLER if change.status in _NOT_BY_SUBJECT else jsonld.SUBJECT


def parse(payload_text: bytes) -> ConsentEvent:
    """Return the event that these exact bytes record; raises `Tampered` for any other rendering of the same content."""
    try:
        event = _event(msgspec.json.decode(payload_text, type=jsonld.Receipt))
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, ValueError):
        raise Tampered("the payload is no consent record of this format") from None
    if payload(event) != payload_text:
        raise Tampered("the payload is not in its one canonical form")
    return event


def _event(receipt: jsonld.Receipt) -> ConsentEvent:
    if receipt.created.tzinfo is not UTC:
        raise ValueError("a record's time is UTC")
    said = receipt.records[0].status.at if receipt.records else receipt.created
    if said.tzinfo is not UTC or said > receipt.created:
        raise ValueError("nobody says a thing after it was written down")
    return ConsentEvent(
        record_id=receipt.identifier,
        event_time=receipt.created,
        kind=EventKind(receipt.act),
        controller=receipt.controller.name,
        controller_address=receipt.controller.address,
        controller_contact=receipt.controller.contact,
        site=receipt.site,
        method=ExpressionMethod(receipt.method),
        notice=receipt.notice.id.removeprefix(jsonld.NOTICE),
        notice_hash=receipt.notice.sha256,
        locale=receipt.notice.language,
        changes=tuple(_change(record) for record in receipt.records),
        state=None if receipt.state is None else StateChange(**msgspec.structs.asdict(receipt.state)),
        processing=tuple(_processing(purpose) for purpose in receipt.purposes),
        jurisdiction=receipt.jurisdiction,
        storage_location=receipt.storage_location,
        withdraw_at=receipt.withdraw_at,
        evidence=receipt.evidence,
        indicated_at=None if said == receipt.created else said,
    )


def _processing(purpose: jsonld.Purpose) -> Processing:
    return Processing(
        purpose=purpose.id.removeprefix(jsonld.PURPOSE),
        dpv=purpose.type,
        basis=_BASIS_OF[purpose.basis],
        categories=tuple(category.removeprefix(jsonld.CATEGORY) for category in purpose.data),
        kept=purpose.kept,
    )


def _change(record: jsonld.Record) -> Change:
    since, _, until = record.status.valid.partition("/")
    return Change(
        purpose=record.process.purpose.removeprefix(jsonld.PURPOSE),
        channel=record.process.channel.removeprefix(jsonld.CHANNEL),
        recipient=record.process.recipient.removeprefix(jsonld.RECIPIENT),
        status=_STATUS_OF[record.status.type],
        notice=record.notice.removeprefix(jsonld.NOTICE),
        since=date.fromisoformat(since),
        until=None if until == ".." else date.fromisoformat(until),
        by_parent=record.status.by == jsonld.PARENT,
    )
