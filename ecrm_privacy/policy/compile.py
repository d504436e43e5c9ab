"""From a bundle to the rows of the truth table: every rule under every combination of facts, needs, notices."""

from itertools import product
from typing import NamedTuple

import msgspec

from ecrm_privacy.errors import PolicyRefused
from ecrm_privacy.policy.decide import Facts, decide
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.vocabulary import Category, Channel, ConsentStatus, Purpose, Recipient

ROWS_MOST = 100_000
"""More rows than this are refused: the table is looked up at every request and must stay small."""

PURPOSE_ITSELF = (Channel(""), Recipient(""))
EVERY_CASE = tuple(Facts(status, *flags) for status in ConsentStatus for flags in product((False, True), repeat=4))


class DecisionRow(NamedTuple):
    """A row of `ecrm.decision` without its bundle."""

    purpose: str
    channel: str
    recipient: str
    regime: str
    status: str
    notice_current: bool
    restricted: bool
    under_age: bool
    gpc: bool
    allowed: bool
    because: str


class NeedRow(NamedTuple):
    """A row of `ecrm.need` without its bundle: one rule that must allow, for the need ('') or to open a category."""

    need: str
    category: str
    purpose: str
    channel: str
    recipient: str


class NoticeRow(NamedTuple):
    """A row of `ecrm.notice_current` without its bundle."""

    purpose: str
    notice: str
    still_good: bool


class Compiled(msgspec.Struct, frozen=True):
    """All rows of one bundle."""

    decisions: list[DecisionRow]
    needs: list[NeedRow]
    notices: list[NoticeRow]


def compile(bundle: Bundle) -> Compiled:
    """Decide every combination and spell out every need. Raises PolicyRefused above `ROWS_MOST` rows in all."""
    per_rule = len(bundle.regimes) * len(EVERY_CASE)
    expected = per_rule * len(bundle.rules) + len(bundle.purposes) * len(bundle.notices)
    if expected > ROWS_MOST:
        raise PolicyRefused(f"policy: {expected} rows of decisions, at most {ROWS_MOST}: fewer purposes or regimes")
    notices = [
        NoticeRow(purpose, notice, bundle.still_good(purpose, notice))
        for purpose in bundle.purposes
        for notice in bundle.notices
    ]
    return Compiled([row for rule in bundle.rules for row in _decisions(bundle, rule)], _needs(bundle), notices)


def _decisions(bundle: Bundle, rule: Rule) -> list[DecisionRow]:
    rows = []
    for regime, facts in product(bundle.regimes, EVERY_CASE):
        decision = decide(bundle, *rule, regime=regime, **facts._asdict())
        flags = (facts.notice_current, facts.restricted, facts.under_age, facts.gpc)
        rows.append(DecisionRow(*rule, regime, facts.status.value, *flags, decision.allowed, decision.because))
    return rows


def _needs(bundle: Bundle) -> list[NeedRow]:
    rows = []
    for name, slot in bundle.slots.items():
        if slot.personal:
            rule = Rule(slot.purpose, slot.channel, slot.recipient)
            rows += _need(bundle, f"slot:{name}", rule, slot.categories)
    for name, event in bundle.events.items():
        rows += _need(bundle, f"event:{name}", Rule(event.purpose, *PURPOSE_ITSELF), (event.category,))
    for rule in bundle.rules:
        rows += _need(bundle, permission_need(rule), rule, ())
    return rows


def permission_need(rule: Rule) -> str:
    """The need that asks about a rule and opens nothing: `permission:<purpose>[/<channel>|//<recipient>]`."""
    if rule.recipient:
        return f"permission:{rule.purpose}//{rule.recipient}"
    return f"permission:{rule.purpose}/{rule.channel}" if rule.channel else f"permission:{rule.purpose}"


def _need(bundle: Bundle, need: str, rule: Rule, categories: tuple[Category, ...]) -> list[NeedRow]:
    """The rules of the purpose, channel and recipient that are named; for each category the rule it is kept under."""
    rules: list[Rule] = [Rule(rule.purpose, *PURPOSE_ITSELF)]
    if rule.channel:
        rules.append(Rule(rule.purpose, rule.channel, Recipient("")))
    if rule.recipient:
        rules.append(Rule(rule.purpose, Channel(""), rule.recipient))
    rows = [NeedRow(need, "", *one) for one in rules]
    for category in categories:
        kept_under: Purpose = bundle.categories[category].kept_under
        rows.append(NeedRow(need, category, kept_under, *PURPOSE_ITSELF))
    return rows
