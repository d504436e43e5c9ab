"""The words of the standards as types; every room speaks them and no synonyms.

Sources: GDPR art. 4, W3C DPV 2.3 (consent status), ISO/IEC TS 27560. Identifiers such as `Purpose` are open sets
(the active policy names their members), so they are `NewType`s; closed sets are enumerations.
"""

from enum import StrEnum
from typing import NewType
from uuid import UUID

SubjectId = NewType("SubjectId", UUID)
"""A person (GDPR 4(1)) under a random identifier that means nothing outside this database."""
Pseudonym = NewType("Pseudonym", UUID)
"""A name for one category of one subject's behaviour, derived from that category's key (GDPR 4(5))."""
Purpose = NewType("Purpose", str)
Category = NewType("Category", str)
Channel = NewType("Channel", str)
Recipient = NewType("Recipient", str)
Regime = NewType("Regime", str)
"""The legal regime of a jurisdiction, e.g. `gdpr`; decisions are taken per regime."""
NoticeVersion = NewType("NoticeVersion", str)
"""A notice and its version, e.g. `shop@3` (ISO/IEC 29184)."""


class ConsentStatus(StrEnum):
    """What a subject said about a purpose: DPV's ten, and `objected` for other bases than consent (GDPR 21)."""

    UNKNOWN = "unknown"
    REQUESTED = "requested"
    DEFERRED = "deferred"
    REFUSED = "refused"
    GIVEN = "given"
    RENEWED = "renewed"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"
    OBJECTED = "objected"


YES = frozenset({ConsentStatus.GIVEN, ConsentStatus.RENEWED})
"""The statuses that are valid for processing on the basis of consent (DPV)."""


class Answer(StrEnum):
    """What a person can say in one answer (http.md)."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    OBJECTED = "objected"


class ExpressionMethod(StrEnum):
    """How an answer was expressed (ISO/IEC TS 27560 `expression_method`)."""

    ACCEPT_ALL = "accept_all"
    REFUSE_ALL = "refuse_all"
    SAVE = "save"
    UNDO = "undo"
    GPC = "gpc"
    DOUBLE_OPT_IN = "double_opt_in"
    CARRIED = "carried"
    IMPORT = "import"
    STAFF = "staff"
    API = "api"


class LegalBasis(StrEnum):
    """The ground on which a purpose stands (GDPR 6(1), letters a to f)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTEREST = "vital_interest"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTEREST = "legitimate_interest"


class RightKind(StrEnum):
    """Rights of the subject (GDPR 15 to 21, CCPA)."""

    ACCESS = "access"
    PORTABILITY = "portability"
    ERASURE = "erasure"
    RECTIFICATION = "rectification"
    RESTRICTION = "restriction"
    OBJECTION = "objection"
    OPT_OUT_OF_SALE = "opt_out_of_sale"
    LIMIT_SENSITIVE = "limit_sensitive"


CONTRIBUTE = Purpose("model.contribute")
"""The purpose under which one subject's history may help others: counts of contributors are built from nothing else."""
EVIDENCE = Category("evidence")
"""The category whose key wraps what a subject said, so that the subject can read it and erasure can end it."""
ACCOUNTABILITY = Category("accountability")
"""The category under whose key it is counted how a subject's data was used, for the subject alone (GDPR 5(2), 15)."""
COUNTED_DAYS_MOST = 395
"""How long it may be known how often data was used."""
PENDING = Category("pending")
"""The category whose keys seal an address until it was confirmed over its channel; each request has one of its own."""


def channel_category(channel: Channel) -> Category:
    """Return the category whose key seals the confirmed address of a channel, and nothing else."""
    return Category(f"channel.{channel}")
