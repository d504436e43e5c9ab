"""An act as the standard records it: what was shown, what was said to it, what changed. Pure but for the clock."""

from datetime import UTC, datetime
from uuid import uuid4

import msgspec

from ecrm_privacy.consent.standing import SubjectView
from ecrm_privacy.ledger.record import Change, ConsentEvent, EventKind, Processing, StateChange
from ecrm_privacy.policy.documents import Bundle, PurposeDocument
from ecrm_privacy.vocabulary import ExpressionMethod, NoticeVersion, Purpose


class Act(msgspec.Struct, frozen=True):
    """What is known of an act beside what it changed: its kind, how and where it was done, to which notice.

    `evidence` says where one that was done elsewhere is documented, `indicated_at` (UTC) when that was.
    """

    kind: EventKind
    method: ExpressionMethod
    notice: NoticeVersion
    site: str
    locale: str
    jurisdiction: str
    evidence: str = ""
    indicated_at: datetime | None = None


def recorded(
    bundle: Bundle, act: Act, made: tuple[Change, ...], state: StateChange | None, *, notice_hash: str, withdraw_at: str
) -> ConsentEvent:
    """Say in the standard's record what was shown and what was said to it."""
    now = datetime.now(UTC).replace(microsecond=0)
    concerned = [bundle.purposes[Purpose(name)] for name in dict.fromkeys(change.purpose for change in made)]
    controller = bundle.sites[act.site].controller
    return ConsentEvent(
        record_id=uuid4(),
        event_time=now,
        kind=act.kind,
        controller=controller.name,
        controller_address=controller.address,
        controller_contact=controller.contact,
        storage_location=controller.storage_location,
        withdraw_at=withdraw_at,
        site=act.site,
        method=act.method,
        notice=act.notice,
        notice_hash=notice_hash,
        locale=act.locale,
        changes=made,
        state=state,
        processing=tuple(
            Processing(
                purpose=purpose.name,
                dpv=purpose.dpv,
                basis=purpose.basis,
                categories=purpose.categories,
                kept=_kept(bundle, purpose),
            )
            for purpose in concerned
        ),
        jurisdiction=act.jurisdiction,
        evidence=act.evidence,
        indicated_at=_earlier(act.indicated_at, now) if made else None,
    )


def state_change(before: SubjectView | None, after: SubjectView | None, kind: EventKind) -> StateChange | None:
    """What changes beside the answers; None in a field keeps it. A restriction says that it is one, or its end."""
    if after is None:
        return None
    made = StateChange(
        regime=after.regime if before is None or before.regime != after.regime else None,
        restricted=after.restricted if kind is EventKind.RESTRICTION else None,
        adult_from=after.adult_from if before is None or before.adult_from != after.adult_from else None,
        gpc=after.gpc if before is None or before.gpc != after.gpc else None,
    )
    return None if made == StateChange() else made


def _earlier(indicated_at: datetime | None, now: datetime) -> datetime | None:
    """Return the time of an answer in whole seconds if it lies before `now`; one that has not come yet says nothing."""
    said = indicated_at and indicated_at.replace(microsecond=0)
    return said if said is not None and said < now else None


def _kept(bundle: Bundle, purpose: PurposeDocument) -> str:
    """Return how long the data of a purpose is kept at most, as an ISO 8601 duration."""
    days = [bundle.categories[category].retention.at_most_days for category in purpose.categories]
    return f"P{max(days)}D" if days else ""
