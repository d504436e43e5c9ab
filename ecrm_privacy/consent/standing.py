"""Where a caller stands: what was said, and what follows from it under the active policy. Pure.

This is the gate's rule in Python, for the pages that show permissions and for answers that are not yet written; a
property test holds it against the gate's SQL. A browser's own yes counts beside a signed-in account only where the
account has not said no, and never opens what is the account's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple, TypeVar

import msgspec

from ecrm_privacy.gate.types import Signals
from ecrm_privacy.policy.decide import Decision, decide
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.vocabulary import (
    YES,
    Category,
    Channel,
    ConsentStatus,
    NoticeVersion,
    Purpose,
    Recipient,
    Regime,
    SubjectId,
)


class StatusRow(msgspec.Struct, frozen=True):
    """One row of `consent_status`: what one subject said to one rule."""

    status: ConsentStatus
    notice: NoticeVersion
    since: date
    until: date | None = None
    leaf_index: int | None = None
    """The entry that said so; None: one that is being written."""
    by_parent: bool = False
    """A parent said it, for a child."""

    def on(self, day: date) -> ConsentStatus:
        """Return the status on `day`: a yes ends on its `until`."""
        over = self.until is not None and self.until <= day and self.status in YES
        return ConsentStatus.EXPIRED if over else self.status


class KeyRow(msgspec.Struct, frozen=True):
    """One wrapped key of a subject."""

    category: Category
    version: int
    wrapped: bytes


class SubjectView(msgspec.Struct, frozen=True):
    """All that the house's tables say about one subject, as one read found it."""

    subject: SubjectId
    statuses: Mapping[Rule, StatusRow] = {}
    keys: tuple[KeyRow, ...] = ()
    regime: Regime | None = None
    restricted: bool = False
    adult_from: date | None = None
    gpc: bool = False
    seen: int | None = None
    """What was written last about the subject, or None without an entry; who prepared an answer on less is refused."""


class Standing(msgspec.Struct, frozen=True):
    """A caller as one read found it, under the bundle and the day of the database's clock."""

    bundle: Bundle
    today: date
    account: SubjectView | None = None
    browser: SubjectView | None = None
    yes_from: int = 0
    """A yes of an entry before this one counts as given to a notice that is no longer good: what took it back may have
    been lost with the end of the log that this one continues."""

    @property
    def views(self) -> tuple[SubjectView, ...]:
        """The subjects behind the caller, the account first."""
        return tuple(view for view in (self.account, self.browser) if view is not None)

    @property
    def speaker(self) -> SubjectView | None:
        """The subject that an answer is about: the account where one is signed in, else the browser's own."""
        return self.account or self.browser

    def is_under_age(self, people: Iterable[SubjectView]) -> bool:
        """Tell whether one of these people is a child whose own yes does not count."""
        return any(one.adult_from is not None and one.adult_from > self.today for one in people)

    def still_good(self, purpose: Purpose, row: StatusRow) -> bool:
        """Tell whether what was said once still counts for `purpose`, as far as its notice goes."""
        lost = row.status in YES and row.leaf_index is not None and row.leaf_index < self.yes_from
        return not lost and self.bundle.still_good(purpose, row.notice)


class PermissionRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of `GET /v1/permissions`; `capture_url` is where a refusal can be answered anew.

    `here_only`: the account never answered, and this browser's own yes holds in it alone. `by_parent`: it is allowed
    because a parent said yes. `waits`: it has its own yes, and only its purpose is closed.
    """

    purpose: Purpose
    allowed: bool
    status: str
    basis: str
    because: str
    channel: str | None = None
    recipient: str | None = None
    until: date | None = None
    capture_url: str | None = None
    here_only: bool = False
    by_parent: bool = False
    waits: bool = False


Row = TypeVar("Row", bound=PermissionRow)


class Finding(msgspec.Struct, frozen=True):
    """What a rule came to for one subject."""

    status: ConsentStatus
    allowed: bool
    because: str
    until: date | None = None


def signalled(standing: Standing, signals: Signals) -> bool:
    """Tell whether Global Privacy Control counts here: it is sent now, or was by this person before, and stands."""
    return signals.gpc or any(view.gpc for view in standing.views)


def purpose_rule(purpose: Purpose) -> Rule:
    """Return the rule of a purpose itself, without channel or recipient."""
    return Rule(purpose, Channel(""), Recipient(""))


class Side(NamedTuple):
    """One subject behind a caller (None: nobody yet), and what is known of the person, which holds for every rule.

    `beside` is the signed-in account when `view` is the browser's own subject.
    """

    view: SubjectView | None
    beside: SubjectView | None
    restricted: bool
    under_age: bool
    gpc: bool


def side(standing: Standing, signals: Signals, view: SubjectView | None, beside: SubjectView | None = None) -> Side:
    """Return one side of a caller; what is known of the person (a restriction, a child's age, GPC) is known on both."""
    people = [each for each in (view, beside) if each is not None]
    return Side(
        view,
        beside,
        restricted=any(one.restricted for one in people),
        under_age=standing.is_under_age(people),
        gpc=signals.gpc or any(one.gpc for one in people),
    )


def _sides(standing: Standing, signals: Signals) -> list[Side]:
    """Return whoever may allow something: the account, then the browser's own subject; else nobody."""
    account, browser = standing.account, standing.browser
    found = [] if account is None else [side(standing, signals, account)]
    if browser is not None:
        found.append(side(standing, signals, browser, account))
    return found or [side(standing, signals, None)]


def find(standing: Standing, by: Side, rule: Rule, signals: Signals) -> Finding:
    """Decide one rule for one subject."""
    view, beside = by.view, by.beside
    row = view.statuses.get(rule) if view else None
    status = row.on(standing.today) if row else ConsentStatus.UNKNOWN
    until = row.until if row else None
    there = _decide(standing, by, rule, row, (view.regime if view else None) or signals.regime)
    if not there.allowed:
        return Finding(status, False, there.because, until)
    if view is not None and view.regime not in {None, signals.regime}:
        here = _decide(standing, by, rule, row, signals.regime)
        if not here.allowed:
            return Finding(status, False, here.because, until)
    if beside is not None and (account_row := beside.statuses.get(rule)) is not None:
        account = _decide(standing, by, rule, account_row, beside.regime or signals.regime)
        if not account.allowed:
            return Finding(status, False, account.because, until)
    if there.because != "required" and (
        signals.closed_all or rule.purpose in signals.closed or rule.purpose in signals.elsewhere
    ):
        return Finding(status, False, "closed_here", until)
    return Finding(status, True, there.because, until)


def _decide(standing: Standing, by: Side, rule: Rule, row: StatusRow | None, law: Regime) -> Decision:
    """Decide by one answer of a person under one law; a law that the policy no longer has allows nothing."""
    if law not in standing.bundle.regimes:
        return Decision(False, "unknown_rule")
    return decide(
        standing.bundle,
        rule.purpose,
        rule.channel,
        rule.recipient,
        regime=law,
        status=row.on(standing.today) if row else ConsentStatus.UNKNOWN,
        notice_current=row is not None and standing.still_good(rule.purpose, row),
        restricted=by.restricted,
        under_age=by.under_age and not (row is not None and row.by_parent),
        gpc=by.gpc,
    )


def permission(standing: Standing, rule: Rule, signals: Signals) -> PermissionRow:
    """Return what the gate says to the need `permission:<rule>`: allowed if any subject behind the caller allows it."""
    sides = _sides(standing, signals)
    of_purpose = [find(standing, by, purpose_rule(rule.purpose), signals) for by in sides]
    return _row(standing, rule, signals, sides, of_purpose)


def _row(
    standing: Standing, rule: Rule, signals: Signals, sides: Sequence[Side], of_purpose: Sequence[Finding]
) -> PermissionRow:
    """Return a line; `of_purpose` is what its purpose came to on each side, without which nothing under it counts."""
    found: list[tuple[Finding, ...]] = [(whole,) for whole in of_purpose]
    if rule.channel or rule.recipient:
        found = [(whole, find(standing, by, rule, signals)) for by, whole in zip(sides, of_purpose, strict=True)]
    at = next((at for at, findings in enumerate(found) if all(one.allowed for one in findings)), None)
    allowed, findings, by = at is not None, found[at or 0], sides[at or 0].view
    said = by.statuses.get(rule) if by else None
    shown = next((one for one in findings if not one.allowed), findings[0])
    return PermissionRow(
        purpose=rule.purpose,
        allowed=allowed,
        status=shown.status,
        basis=standing.bundle.purposes[rule.purpose].basis,
        because=shown.because,
        channel=rule.channel or None,
        recipient=rule.recipient or None,
        until=min((one.until for one in findings if one.until), default=None),
        here_only=allowed and _is_here_only(standing, rule),
        by_parent=allowed and said is not None and said.by_parent,
        waits=not allowed and len(findings) > 1 and _waits(findings[0], findings[1]),
    )


def _waits(purpose: Finding, under: Finding) -> bool:
    """Whether a yes of its own stands under a purpose that is closed, and is closed by nothing else."""
    return not purpose.allowed and under.status in YES and (under.allowed or under.because == "closed_here")


def _is_here_only(standing: Standing, rule: Rule) -> bool:
    """Whether a rule rests on what this browser said before somebody signed in who never said anything to it."""
    account, browser = standing.account, standing.browser
    if account is None or browser is None or standing.bundle.purposes[rule.purpose].required:
        return False
    return rule not in account.statuses and rule in browser.statuses and browser.statuses[rule].status in YES


def permissions(standing: Standing, signals: Signals) -> tuple[PermissionRow, ...]:
    """Return every permission of the caller, in the order of the bundle."""
    sides = _sides(standing, signals)
    of_purposes = {
        name: [find(standing, by, purpose_rule(name), signals) for by in sides] for name in standing.bundle.purposes
    }
    return tuple(_row(standing, rule, signals, sides, of_purposes[rule.purpose]) for rule in standing.bundle.rules)


def capturing(rows: Sequence[Row], preferences: str) -> tuple[Row, ...]:
    """Return permissions with the place to ask beside each refusal; `preferences` is the page's address."""
    return tuple(
        row if row.allowed else msgspec.structs.replace(row, capture_url=capture_url(preferences, row.purpose))
        for row in rows
    )


def capture_url(preferences: str, purpose: Purpose) -> str:
    """Return where a person can say anew what they permit."""
    return f"{preferences}#purpose-{purpose}"


def of_purposes(standing: Standing, signals: Signals) -> Iterator[PermissionRow]:
    """Return the permissions of the purposes themselves, without what lies under them, each when it is looked at."""
    return (permission(standing, purpose_rule(name), signals) for name in standing.bundle.purposes)


def uses(standing: Standing, view: SubjectView, category: Category) -> frozenset[Purpose]:
    """Return the purposes that the history of `category` may serve now, by what `view` said and nothing else.

    Empty when the purpose under which the category is kept is closed.
    """
    bundle = standing.bundle
    assert view.regime is not None, "a subject that holds keys has an entry, and so a regime"
    mine = Signals(view.regime, gpc=view.gpc)
    alone = side(standing, mine, view)

    def allowed(purpose: Purpose) -> bool:
        return find(standing, alone, purpose_rule(purpose), mine).allowed

    kept_under = bundle.categories[category].kept_under
    if not allowed(kept_under):
        return frozenset()
    covering = (name for name, purpose in bundle.purposes.items() if category in purpose.categories)
    return frozenset(name for name in covering if allowed(name)) | {kept_under}
