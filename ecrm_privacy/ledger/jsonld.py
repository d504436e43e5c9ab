"""The JSON-LD shape of a payload: one struct per node, fields in the order of the text, DPV terms as their names.

Sources: ISO/IEC TS 27560:2023 through the W3C DPV guide, DPV 2.3, Dublin Core terms. The context types the properties
that point at something as `@id`, so that their plain strings are links and not text. An empty string means that a
property is absent.
"""

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

import msgspec
from msgspec import field

_LINKS = (
    "dpv:hasDataSubject", "dpv:hasDataController", "dpv:hasNotice", "dpv:hasPurpose", "dpv:hasRecipient",
    "dpv:hasPersonalData", "dpv:hasLegalBasis", "dpv:isIndicatedBy", "dpv:isExercisedAt", "ecrm:viaChannel",
)  # fmt: skip
CONTEXT: Mapping[str, str | dict[str, str]] = {
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "dct": "http://purl.org/dc/terms/",
    "ecrm": "urn:x-ecrm:terms:1#",
    **{link: {"@type": "@id"} for link in _LINKS},
}
RECEIPT_SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#receipt"
RECORD_SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#record"
SUBJECT = "_:subject"
CONTROLLER = "_:controller"
PARENT = "dpv:ParentOfDataSubject"
NOTICE = "ecrm:notice/"
PURPOSE = "ecrm:purpose/"
CATEGORY = "ecrm:category/"
CHANNEL = "ecrm:channel/"
RECIPIENT = "ecrm:recipient/"


class Node(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What all nodes share: unknown members are refused, absent ones left out."""


class Party(Node, frozen=True, kw_only=True):
    """The controller (27560 party_name, party_address, party_contact)."""

    id: str = field(name="@id")
    type: str = field(name="@type")
    name: str = field(name="dpv:hasName")
    address: str = field(name="dpv:hasAddress", default="")
    contact: str = field(name="dpv:hasContact", default="")


class Notice(Node, frozen=True, kw_only=True):
    """The notice that was shown; its version is in the `@id`."""

    id: str = field(name="@id")
    type: str = field(name="@type")
    sha256: str = field(name="ecrm:sha256")
    language: str = field(name="dct:language")


class Purpose(Node, frozen=True, kw_only=True):
    """A purpose as the notice described it."""

    id: str = field(name="@id")
    type: str = field(name="@type")
    basis: str = field(name="dpv:hasLegalBasis")
    data: tuple[str, ...] = field(name="dpv:hasPersonalData", default=())
    kept: str = field(name="dpv:hasDuration", default="")


class Process(Node, frozen=True, kw_only=True):
    """What one answer is about."""

    type: str = field(name="@type")
    purpose: str = field(name="dpv:hasPurpose")
    channel: str = field(name="ecrm:viaChannel", default="")
    recipient: str = field(name="dpv:hasRecipient", default="")


class Status(Node, frozen=True, kw_only=True):
    """What was said, by whom, how, when; `valid` is `since/until` in days, `..` for no end (ISO 8601-2).

    `at` is the same in all records of an act: when it was recorded, or the earlier time of an answer that was imported.
    """

    type: str = field(name="@type")
    by: str = field(name="dpv:isIndicatedBy")
    method: str = field(name="dpv:hasIndicationMethod")
    at: datetime = field(name="dpv:isIndicatedAtTime")
    valid: str = field(name="dct:valid")


class State(Node, frozen=True, kw_only=True):
    """What changed about the subject as a whole."""

    regime: str | None = field(name="ecrm:regime", default=None)
    restricted: bool | None = field(name="ecrm:restricted", default=None)
    adult_from: date | None = field(name="ecrm:adultFrom", default=None)
    gpc: bool | None = field(name="ecrm:gpc", default=None)


class Record(Node, frozen=True, kw_only=True):
    """One answer (27560 record)."""

    id: str = field(name="@id")
    type: str = field(name="@type")
    conforms_to: str = field(name="dct:conformsTo", default="")
    subject: str = field(name="dpv:hasDataSubject")
    controller: str = field(name="dpv:hasDataController")
    notice: str = field(name="dpv:hasNotice")
    process: Process = field(name="dpv:hasProcess")
    status: Status = field(name="dpv:hasConsentStatus")


class Receipt(Node, frozen=True, kw_only=True):
    """One act: everything its records share, and the records."""

    context: Mapping[str, str | dict[str, str]] = field(name="@context")
    id: str = field(name="@id")
    type: str = field(name="@type")
    conforms_to: str = field(name="dct:conformsTo", default="")
    identifier: UUID = field(name="dct:identifier")
    created: datetime = field(name="dct:created")
    act: str = field(name="ecrm:act")
    controller: Party = field(name="dpv:hasDataController")
    site: str = field(name="ecrm:site")
    method: str = field(name="dpv:hasIndicationMethod")
    notice: Notice = field(name="dpv:hasNotice")
    jurisdiction: str = field(name="dpv:hasJurisdiction", default="")
    storage_location: str = field(name="dpv:hasLocation", default="")
    withdraw_at: str = field(name="dpv:isExercisedAt", default="")
    evidence: str = field(name="dct:source", default="")
    state: State | None = field(name="ecrm:state", default=None)
    purposes: tuple[Purpose, ...] = field(name="ecrm:purposes", default=())
    records: tuple[Record, ...] = field(name="dpv:hasRecordOfActivity", default=())
