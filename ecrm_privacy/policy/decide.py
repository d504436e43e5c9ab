"""Whether a purpose, or a channel or recipient of it, is allowed: one pure function, and the only rule there is.

`compile` runs it over every combination; the database then only looks the answer up. Each word of `because` is written
here and nowhere else.

| `because` | allowed | when |
|---|---|---|
| `required` | yes | the service consists of it |
| `covered` | yes | a channel or recipient without a yes of its own: the purpose's answer covers it |
| `consent` | yes | given or renewed, to a notice that still counts |
| `opt_out` | yes | never answered, where silence permits |
| `contract`, `legitimate_interest`, … | yes | on that basis, and nobody objected |
| `restricted` | no | processing is restricted (GDPR 18) |
| `gpc` | no | Global Privacy Control closes it here |
| `under_age` | no | consent of a child does not count (GDPR 8) |
| `stale_notice` | no | the yes was to a notice that has changed materially |
| a status | no | that is what they said, or that they said nothing |
"""

from typing import NamedTuple

import msgspec

from ecrm_privacy.policy.documents import STRICT, Bundle, PurposeDocument
from ecrm_privacy.vocabulary import YES, Channel, ConsentStatus, LegalBasis, Purpose, Recipient, Regime

NO = frozenset(
    {
        ConsentStatus.REFUSED,
        ConsentStatus.WITHDRAWN,
        ConsentStatus.REVOKED,
        ConsentStatus.INVALIDATED,
        ConsentStatus.OBJECTED,
    }
)
"""The statuses that close a purpose on another basis than consent: somebody said no (GDPR 21)."""


class Decision(msgspec.Struct, frozen=True):
    """Whether it is allowed, and the word for why."""

    allowed: bool
    because: str


class Facts(NamedTuple):
    """What is known about a subject when a rule is decided."""

    status: ConsentStatus
    notice_current: bool
    restricted: bool
    under_age: bool
    gpc: bool


def decide(
    bundle: Bundle,
    purpose: Purpose,
    channel: Channel,
    recipient: Recipient,
    *,
    regime: Regime,
    status: ConsentStatus,
    notice_current: bool,
    restricted: bool,
    under_age: bool,
    gpc: bool,
) -> Decision:
    """Decide one rule ('' where it names no channel or recipient) under one regime.

    Raises KeyError for a purpose, channel, recipient or regime that the bundle does not have: a programmer's error,
    because names from outside are checked where they come in.
    """
    document = bundle.purposes[purpose]
    own_yes = _own_yes(document, channel, recipient)
    if regime not in bundle.regimes:
        raise KeyError(regime)
    if (channel or recipient) and not own_yes:
        return Decision(True, "required" if document.required else "covered")
    facts = Facts(status, notice_current, restricted, under_age, gpc)
    if regime != STRICT:
        return _under(regime, document, own_yes, facts)
    decisions = [
        _under(one, document, own_yes, facts) for one in bundle.regimes if one != STRICT or len(bundle.regimes) == 1
    ]
    return next((decision for decision in decisions if not decision.allowed), decisions[0])


def _own_yes(document: PurposeDocument, channel: Channel, recipient: Recipient) -> bool:
    """Whether the rule is a channel's or recipient's that needs a yes of its own."""
    assert not (channel and recipient), "a rule names a channel or a recipient, not both"
    if channel and channel not in document.channels:
        raise KeyError(channel)
    if recipient and recipient not in document.recipients:
        raise KeyError(recipient)
    return (channel or recipient) in document.own_yes


def _under(regime: Regime, document: PurposeDocument, own_yes: bool, facts: Facts) -> Decision:
    if document.required and not own_yes:
        return Decision(True, "required")
    if facts.restricted:
        return Decision(False, "restricted")
    if facts.gpc and regime in document.opt_out_signal:
        return Decision(False, "gpc")
    if own_yes or document.basis is LegalBasis.CONSENT:
        return _consent(facts, silence_permits=regime in document.opt_out and not own_yes)
    if facts.status in NO:
        return Decision(False, facts.status.value)
    return Decision(True, document.basis.value)


def _consent(facts: Facts, *, silence_permits: bool) -> Decision:
    if facts.under_age:
        return Decision(False, "under_age")
    if facts.status in YES:
        return Decision(True, "consent") if facts.notice_current else Decision(False, "stale_notice")
    if facts.status is ConsentStatus.UNKNOWN and silence_permits:
        return Decision(True, "opt_out")
    return Decision(False, facts.status.value)
