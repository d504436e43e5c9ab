"""Answers that were given elsewhere: taken in with where they came from, never wider than they were."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Literal

import msgspec

from ecrm_privacy.consent.answer import Said, SaidAnswer, apply, as_recorded, changes, check
from ecrm_privacy.consent.desk import ConsentDesk, Where
from ecrm_privacy.consent.standing import Standing, StatusRow, SubjectView
from ecrm_privacy.errors import Failure, NotKnown, Refusal
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.ledger.failures import StaleSubject
from ecrm_privacy.ledger.record import Change, Entry, EventKind
from ecrm_privacy.policy.decide import NO
from ecrm_privacy.vault.blind_index import BlindIndexes
from ecrm_privacy.vocabulary import YES, Answer, ExpressionMethod, NoticeVersion


class ImportedAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person's answers from another record; `at` is when they were given, `evidence` how that is known.

    A yes counts until the day `until` at most, where that record says one.
    """

    customer_number: str
    notice: NoticeVersion
    answers: tuple[SaidAnswer, ...]
    at: datetime
    evidence: str = ""
    method: Literal["import"] = "import"
    until: date | None = None


class AnswerImport:
    """Takes imported answers in, many to a transaction."""

    def __init__(self, desk: ConsentDesk, indexes: BlindIndexes) -> None:
        self._desk = desk
        self._indexes = indexes

    async def put(self, lines: Sequence[ImportedAnswer], where: Where) -> list[int | Failure | None]:
        """Record `lines`; per line the leaf index, None where nothing changed, or why not (NotKnown: nobody)."""
        outcomes: list[int | Failure | None] = [None] * len(lines)
        waiting = list(range(len(lines)))
        while waiting:
            entries: dict[int, Entry] = {}
            for n in waiting:
                prepared = await self._prepare(lines[n], where)
                if isinstance(prepared, Entry):
                    entries[n] = prepared
                else:
                    outcomes[n] = prepared
            written = await self._desk.append(list(entries.values())) if entries else []
            waiting = []
            for n, outcome in zip(entries, written, strict=True):
                outcomes[n] = outcome
                if isinstance(outcome, StaleSubject):  # two lines about one person: the later one is prepared again
                    waiting.append(n)
        return outcomes

    async def _prepare(self, line: ImportedAnswer, where: Where) -> Entry | Failure | None:
        standing = await self._desk.standing(Caller(customer_number=line.customer_number))
        view = standing.account
        if view is None:
            return NotKnown()
        said = Said(line.notice, line.answers, ExpressionMethod.IMPORT)
        try:
            check(standing.bundle, said)
        except Refusal as refusal:
            return refusal
        at = _in_utc(line.at)
        then = msgspec.structs.replace(standing, today=min(at.date(), standing.today))
        said = msgspec.structs.replace(as_recorded(said), answers=tuple(_news(then, view, line)))
        made = tuple(_at_most(change, line.until) for change in changes(then, view, said))
        if not made:
            return None
        law = standing.bundle.jurisdiction(where.jurisdiction)
        after = apply(view if view.regime else msgspec.structs.replace(view, regime=law.regime), made)
        entry, _ = self._desk.entry(
            standing, view, after, made, kind=EventKind.IMPORT, method=said.method, notice=said.notice, where=where,
            evidence=line.evidence, indicated_at=at,
        )  # fmt: skip
        return entry


def _in_utc(at: datetime) -> datetime:
    """A time that names no zone is UTC, as in mapping files; so is one at an end of the calendar."""
    try:
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError:
        return at.replace(tzinfo=UTC)


def _news(then: Standing, view: SubjectView, line: ImportedAnswer) -> list[SaidAnswer]:
    """What is news to an account on the day on which it was said: never a yes where something was said here.

    A no is, where a yes here is of that day or before: of what cannot be told apart, the no counts.
    """
    return [answer for answer in line.answers if _is_news(view.statuses.get(answer.rule), answer, then.today)]


def _is_news(said_here: StatusRow | None, answer: SaidAnswer, day: date) -> bool:
    if said_here is None:
        return True
    return answer.answer is not Answer.GIVEN and said_here.status not in NO and said_here.since <= day


def _at_most(change: Change, until: date | None) -> Change:
    """Let a yes end where the other record ends it, if that is earlier."""
    if until is None or change.status not in YES or (change.until is not None and change.until <= until):
        return change
    return msgspec.structs.replace(change, until=max(until, change.since))
