"""What a person said, checked against the policy, and what it changes. Pure.

A "no" is always taken, whatever notice was shown; a yes counts only to a notice that is still good for its purpose.
Closing a purpose closes everything under it, so that a later yes to the purpose revives no channel and no recipient.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated

import msgspec

from ecrm_privacy.consent import tcf
from ecrm_privacy.consent.standing import (
    PermissionRow,
    Standing,
    StatusRow,
    SubjectView,
    of_purposes,
    permissions,
    purpose_rule,
)
from ecrm_privacy.errors import EmptyAnswer, Malformed, RequiredPurpose, UnknownNotice, UnknownPurpose
from ecrm_privacy.gate.types import Signals
from ecrm_privacy.ledger.record import Change
from ecrm_privacy.policy.check import is_name
from ecrm_privacy.policy.choice import Choice
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.vocabulary import (
    YES,
    Answer,
    Channel,
    ConsentStatus,
    ExpressionMethod,
    LegalBasis,
    NoticeVersion,
    Purpose,
    Recipient,
    Regime,
)

NO_NOTICE = NoticeVersion("unknown@1")
"""What is written down for a notice whose name cannot be one: that text could be anything, also somebody's name."""
ASKS_AGAIN = frozenset({"unknown", "expired", "stale_notice"})
CLOSED_BY_ANSWER = frozenset({"refused", "withdrawn", "objected"})
_SAID_YES = YES | {ConsentStatus.REQUESTED}


class SaidAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One answer: to a purpose, or to one channel or recipient under it.

    `address` is where a yes to a channel reaches the person; without it, the address that is on file. It is sealed, and
    stands in no record of what was said.
    """

    purpose: Purpose
    answer: Answer
    channel: str | None = None
    recipient: str | None = None
    address: Annotated[str, msgspec.Meta(max_length=2000)] | None = None

    @property
    def rule(self) -> Rule:
        """The rule that this answers."""
        return Rule(self.purpose, Channel(self.channel or ""), Recipient(self.recipient or ""))


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the notice stood there before the answer, and whether its details were opened: counted, not kept."""

    seconds: Annotated[int, msgspec.Meta(ge=0)]
    opened: bool = False


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/answers`. `tc_string` is what another platform wrote at the act: kept, not believed."""

    notice: NoticeVersion
    answers: tuple[SaidAnswer, ...]
    method: ExpressionMethod
    tc_string: str | None = None
    shown: Shown | None = None


def check(bundle: Bundle, said: Said) -> None:
    """Refuse what the active policy has no place for.

    Raises EmptyAnswer, UnknownPurpose (also for channels and recipients), RequiredPurpose, UnknownNotice (with a yes),
    Malformed (a TC string that is none; an address with anything but a yes to a channel).
    """
    if not said.answers:
        raise EmptyAnswer
    if said.tc_string is not None and not tcf.is_tc_string(said.tc_string):
        raise Malformed("`tc_string` is an IAB TCF string: segments of base64url with dots between them")
    for answer in said.answers:
        purpose = bundle.purposes.get(answer.purpose)
        if purpose is None or (answer.channel and answer.recipient):
            raise UnknownPurpose
        if answer.channel and answer.channel not in purpose.channels:
            raise UnknownPurpose
        if answer.recipient and answer.recipient not in purpose.recipients:
            raise UnknownPurpose
        if answer.address is not None and not (answer.channel and answer.answer is Answer.GIVEN):
            raise Malformed("`address` stands with a yes to a channel")
        if purpose.required and answer.answer is not Answer.GIVEN:
            raise RequiredPurpose
    if any(answer.answer is Answer.GIVEN for answer in said.answers) and said.notice not in bundle.notices:
        raise UnknownNotice


def as_recorded(said: Said) -> Said:
    """Return `said` as it is written down; a no is taken with whatever was sent in place of a notice."""
    return said if is_name("notices", said.notice) else msgspec.structs.replace(said, notice=NO_NOTICE)


def changes(
    standing: Standing,
    view: SubjectView | None,
    said: Said,
    regime: Regime | None = None,
    *,
    by_parent: bool = False,
) -> tuple[Change, ...]:
    """Return what `said` changes for the subject `view` (None: nobody yet); the last answer to a rule counts.

    `regime` is the law for somebody who has none yet. A child's own yes takes the place of no yes of a parent, one that
    waits for its confirmation neither: that one counts, and the child's would not.
    """
    law = (view.regime if view else None) or regime
    made: dict[Rule, Change] = {}
    for answer in said.answers:
        status = _status(standing, view, answer, law)
        if answer.answer is Answer.GIVEN and not standing.bundle.still_good(answer.purpose, said.notice):
            continue
        if answer.answer is Answer.GIVEN and not by_parent and view and _a_parent_said_yes(standing, view, answer.rule):
            continue
        for rule in (answer.rule, *_under(view, made, answer.rule, status)):
            made.pop(rule, None)
            made[rule] = _change(standing, rule, status, said.notice, by_parent=by_parent)
    return tuple(made.values())


def ways_back(standing: Standing, signals: Signals, said: Said, made: Iterable[Change]) -> Iterator[SaidAnswer]:
    """Make the answers that undo what was changed where somebody stood; of several, not what stood so before."""
    rows = {(row.purpose, row.channel, row.recipient): row for row in permissions(standing, signals)}
    for change in made:
        row = rows.get((Purpose(change.purpose), change.channel or None, change.recipient or None))
        was, now = row is not None and (row.allowed or row.status in _SAID_YES), change.status in _SAID_YES
        if was != now or len(said.answers) == 1:
            word = Answer.WITHDRAWN if now else Answer.GIVEN
            yield SaidAnswer(Purpose(change.purpose), word, change.channel or None, change.recipient or None)


def _a_parent_said_yes(standing: Standing, view: SubjectView, rule: Rule) -> bool:
    row = view.statuses.get(rule)
    if row is None or not row.by_parent or not standing.is_under_age([view]):
        return False
    return row.on(standing.today) in _SAID_YES and standing.still_good(rule.purpose, row)


def confirmed(
    standing: Standing, view: SubjectView, channel: Channel, purposes: Iterable[Purpose], notice: NoticeVersion
) -> tuple[Change, ...]:
    """Return what a confirmation over `channel` changes: requests that still stand, to a notice that is still good.

    It shows that the address is right; whose yes it is was said when it was asked for.
    """
    rules = [Rule(purpose, channel, Recipient("")) for purpose in dict.fromkeys(purposes)]
    return tuple(
        _change(standing, rule, ConsentStatus.GIVEN, notice, by_parent=row.by_parent)
        for rule in rules
        if (row := view.statuses.get(rule)) is not None
        and row.status is ConsentStatus.REQUESTED
        and rule in set(standing.bundle.rules)
        and standing.bundle.still_good(rule.purpose, notice)
    )


def _status(standing: Standing, view: SubjectView | None, answer: SaidAnswer, law: Regime | None) -> ConsentStatus:
    row = view.statuses.get(answer.rule) if view else None
    said = row.status if row else ConsentStatus.UNKNOWN
    before = row.on(standing.today) if row else ConsentStatus.UNKNOWN
    if answer.answer is Answer.GIVEN:
        if answer.channel and standing.bundle.channels[Channel(answer.channel)].is_confirmed_under(law):
            if before in YES and answer.address is None:
                return ConsentStatus.RENEWED
            return ConsentStatus.REQUESTED  # it counts once it was confirmed over the channel itself
        return ConsentStatus.RENEWED if before in YES else ConsentStatus.GIVEN
    if standing.bundle.purposes[answer.purpose].basis is not LegalBasis.CONSENT and not (
        answer.channel or answer.recipient
    ):
        return ConsentStatus.OBJECTED
    if answer.answer is Answer.WITHDRAWN and said not in {*YES, ConsentStatus.WITHDRAWN}:
        return ConsentStatus.REFUSED  # what was given and has run out can still be withdrawn
    return ConsentStatus(answer.answer.value)


def _under(view: SubjectView | None, made: Mapping[Rule, Change], rule: Rule, status: ConsentStatus) -> list[Rule]:
    """What lies under a purpose and was allowed, before or by an earlier answer: closing the purpose closes it too."""
    purpose, channel, recipient = rule
    if status in YES or channel or recipient:
        return []
    held = {other: row.status for other, row in view.statuses.items()} if view else {}
    held |= {other: change.status for other, change in made.items()}
    return [
        other
        for other, status in held.items()
        if other.purpose == purpose and other != rule and status in {*YES, ConsentStatus.REQUESTED}
    ]


def _change(
    standing: Standing, rule: Rule, status: ConsentStatus, notice: NoticeVersion, *, by_parent: bool = False
) -> Change:
    purpose, channel, recipient = rule
    until: date | None = None
    days = standing.bundle.purposes[purpose].validity_days
    if status in YES and days:
        until = standing.today + timedelta(days=days)
    return Change(
        purpose=purpose, channel=channel, recipient=recipient, status=status, notice=notice, since=standing.today,
        until=until, by_parent=by_parent,
    )  # fmt: skip


def apply(view: SubjectView, made: tuple[Change, ...], *, gpc: bool | None = None) -> SubjectView:
    """Return `view` as it will be once `made` is in the ledger."""
    statuses = dict(view.statuses)
    for change in made:
        rule = Rule(Purpose(change.purpose), Channel(change.channel), Recipient(change.recipient))
        notice = NoticeVersion(change.notice)
        statuses[rule] = StatusRow(change.status, notice, change.since, change.until, None, change.by_parent)
    return msgspec.structs.replace(view, statuses=statuses, gpc=view.gpc if gpc is None else gpc)


def gpc_after(standing: Standing, signals: Signals, made: tuple[Change, ...], *, by_browser: bool) -> bool | None:
    """Return whether Global Privacy Control counts for the speaker from now on; None: as before.

    The signal closes for the known person, on every device; that a request comes without it takes nothing back. Only a
    yes does that, said in a browser that does not send the signal, to a purpose that the signal closes.
    """
    if signals.gpc:
        return True
    laws = {signals.regime, *(view.regime for view in standing.views)}
    opened = (change for change in made if change.status in YES)
    marked = any(laws & set(standing.bundle.purposes[Purpose(one.purpose)].opt_out_signal) for one in opened)
    return False if marked and by_browser else None


def narrowed(signals: Signals, said: Said, made: tuple[Change, ...], *, signed_in: bool) -> frozenset[Purpose]:
    """Return the purposes this browser closes after an answer.

    A yes that was taken lifts its own mark. Signed out, a no is marked here; signed in, it is the account's and needs
    none.
    """
    given = {change.purpose for change in made if change.status in YES and not change.channel and not change.recipient}
    refused = {
        answer.purpose
        for answer in said.answers
        if answer.answer is not Answer.GIVEN and not answer.channel and not answer.recipient
    }
    kept = signals.closed - given
    return frozenset(kept - refused) if signed_in else frozenset(kept | refused)


def answer_due(standing: Standing, signals: Signals, rows: Iterable[PermissionRow] | None = None) -> bool:
    """Say whether this caller should be asked: never answered, expired, or the notice changed materially since.

    What other sites ask about is asked there. `rows` are the caller's permissions, where they are at hand.
    """
    bundle, speaker = standing.bundle, standing.speaker
    for row in of_purposes(standing, signals) if rows is None else rows:
        if row.purpose in signals.elsewhere or row.channel or row.recipient:
            continue
        if signals.closed_all or row.purpose in signals.closed:  # answered in this browser, whoever else said what
            if signals.closed_all or _changed_since(bundle, row.purpose, signals.answered):
                return True
            continue
        if row.because in ASKS_AGAIN:
            return True
        said = speaker.statuses.get(purpose_rule(row.purpose)) if speaker else None
        if row.because in CLOSED_BY_ANSWER and said is not None and _outlived(standing, signals, row.purpose, said):
            return True
    return False


def _changed_since(bundle: Bundle, purpose: Purpose, answered: NoticeVersion | None) -> bool:
    """Whether what is asked changed since a browser's no, by the notice it answered last, if that asks it at all."""
    if answered is None or bundle.still_good(purpose, answered):
        return answered is None
    shown = bundle.notices.get(answered)
    return shown is None or any(
        shown.notice == other.notice and purpose in other.purposes for other in bundle.notices.values()
    )


def _outlived(standing: Standing, signals: Signals, purpose: Purpose, said: StatusRow) -> bool:
    """A no is remembered for as long as the law asks, unless what was asked changed materially."""
    over = said.since + _quiet(standing.bundle, signals) <= standing.today
    return over or not standing.bundle.still_good(purpose, said.notice)


def _quiet(bundle: Bundle, signals: Signals) -> timedelta:
    """How long nobody is asked again after a no, under the regime of this request."""
    days = [law.ask_again_after_days for law in bundle.jurisdictions.values() if law.regime == signals.regime]
    return timedelta(days=max(days, default=180))


def choice_after(
    standing: Standing, signals: Signals, notice: NoticeVersion, rows: Iterable[PermissionRow] | None = None
) -> Choice:
    """Return what `ecrm_choice` says after an answer: what tags may start, and what this browser closed.

    The sites of one domain share the cookie, so it also tells of purposes that only others of them ask about. `rows`
    are the permissions here, where they are at hand.
    """
    if rows is None or signals.elsewhere:
        rows = of_purposes(standing, msgspec.structs.replace(signals, elsewhere=frozenset()))
    allowed = frozenset(row.purpose for row in rows if row.allowed and not row.channel and not row.recipient)
    return Choice(notice, allowed, signals.closed)
