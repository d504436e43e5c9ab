"""What the frame of a page may know about whoever looks. Nothing here names a subject, and nothing was sealed."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date

import msgspec

from ecrm_privacy.consent.answer import answer_due
from ecrm_privacy.consent.standing import PermissionRow, Standing, permissions, purpose_rule, signalled
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.vocabulary import Purpose


class Visitor(msgspec.Struct, frozen=True):
    """Whoever looks, as a page may show them: by which policy (its hash), and what they permit under it."""

    policy: bytes
    known: bool = False
    signed_in: bool = False
    answer_due: bool = False
    permissions: tuple[PermissionRow, ...] = ()
    since: Mapping[Purpose, date] = {}
    """When each purpose was answered that was."""
    gpc: bool = False
    """Global Privacy Control counts: it is sent now, or was by this person before."""


Visitors = Callable[[Caller, Signals], Awaitable[tuple[Visitor, Bundle]]]
"""`await visitors(caller, signals)`: who looks, and the policy by which that was decided. Raises Unavailable."""


def visitor(standing: Standing, signals: Signals) -> Visitor:
    """Return what a page may know of whoever stands there."""
    rows = permissions(standing, signals)
    return Visitor(
        standing.bundle.hash,
        known=bool(standing.views),
        signed_in=standing.account is not None,
        answer_due=answer_due(standing, signals, rows),
        permissions=rows,
        since=answered_since(standing),
        gpc=signalled(standing, signals),
    )


def answered_since(standing: Standing) -> dict[Purpose, date]:
    """Return when each purpose was answered that was, by whom an answer is about."""
    said = standing.speaker.statuses if standing.speaker else {}
    return {name: said[rule].since for name in standing.bundle.purposes if (rule := purpose_rule(name)) in said}
