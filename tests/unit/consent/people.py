"""Subjects and standings, made by hand: what was said, to which notice, until when."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from ecrm_privacy.consent.answer import Said, SaidAnswer
from ecrm_privacy.consent.standing import Standing, StatusRow, SubjectView
from ecrm_privacy.gate.types import Signals
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.vocabulary import (
    Answer,
    Channel,
    ConsentStatus,
    ExpressionMethod,
    NoticeVersion,
    Purpose,
    Recipient,
    Regime,
    SubjectId,
)
from tests.unit.policy.policies import bundle, tree

TODAY = date(2026, 11, 22)
LONG_AGO = TODAY - timedelta(days=200)
SHOP1, SHOP2, NEVER = NoticeVersion("shop@1"), NoticeVersion("shop@2"), NoticeVersion("shop@9")
HERE = Signals(Regime("gdpr"))


def _policy() -> Bundle:
    changed = tree()
    changed["notices"]["shop@2"] = {**changed["notices"]["shop@1"], "asks_again": ["personalize"]}
    return bundle(changed)


POLICY = _policy()
"""The shipped policy with a second version of its notice, which asks again for `personalize` alone."""


def rule(name: str) -> Rule:
    """The rule `offers`, `offers/email` or `share//tea-guild`."""
    purpose, _, rest = name.partition("/")
    if rest.startswith("/"):
        return Rule(Purpose(purpose), Channel(""), Recipient(rest[1:]))
    return Rule(Purpose(purpose), Channel(rest), Recipient(""))


def a_subject(said: Mapping[str, str] | None = None, *, number: int = 1, **more: Any) -> SubjectView:
    """A subject that said `said` (rule → status), recently, and to the newest notice."""
    rows = {rule(name): a_row(status) for name, status in (said or {}).items()}
    return SubjectView(SubjectId(UUID(int=number)), rows, **{"regime": "gdpr", "seen": 1, **more})


def a_row(status: str, notice: NoticeVersion = SHOP2, since: date = LONG_AGO, until: date | None = None) -> StatusRow:
    """What was said once."""
    return StatusRow(ConsentStatus(status), notice, since, until)


def standing(account: SubjectView | None = None, browser: SubjectView | None = None) -> Standing:
    """What the desk reads of them today."""
    return Standing(POLICY, TODAY, account, browser)


def saying(said: Mapping[str, str], notice: str = SHOP2) -> Said:
    """A body of `POST /v1/answers`: rule → answer, in this order."""
    answers = []
    for name, answer in said.items():
        purpose, channel, recipient = rule(name)
        answers.append(SaidAnswer(purpose, Answer(answer), channel or None, recipient or None))
    return Said(NoticeVersion(notice), tuple(answers), ExpressionMethod.SAVE)
