"""The truth table for people: one decision in a sentence, and the whole table compressed.

Every line of the table is read off `decide`, run over every rule, regime and case; nothing is written by hand. Rules
that decide alike in every case share one table, and facts that change nothing are left out of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from ecrm_privacy.policy.compile import EVERY_CASE
from ecrm_privacy.policy.decide import Decision, Facts, decide
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.vocabulary import ConsentStatus, Regime

FLAGS = ("restricted", "gpc", "under_age", "notice_current")
ORDER = ("restricted", "gpc", "under_age", "status", "notice_current")
"""In which order a person would ask: what closes whatever was said comes first."""
HEADS: Mapping[str, str] = {
    "restricted": "restricted",
    "gpc": "signal",
    "under_age": "under age",
    "status": "said",
    "notice_current": "to a notice that counts",
}
VALUES: Mapping[str, tuple[object, ...]] = {
    "restricted": (True, False),
    "gpc": (True, False),
    "under_age": (True, False),
    "status": tuple(ConsentStatus),
    "notice_current": (True, False),
}
SAID: Mapping[ConsentStatus, str] = {
    ConsentStatus.UNKNOWN: "nothing was said",
    ConsentStatus.REQUESTED: "a yes was given and not confirmed yet",
    ConsentStatus.DEFERRED: "the answer was put off",
    ConsentStatus.REFUSED: "it was refused",
    ConsentStatus.GIVEN: "a yes was given",
    ConsentStatus.RENEWED: "a yes was renewed",
    ConsentStatus.WITHDRAWN: "a yes was withdrawn",
    ConsentStatus.REVOKED: "a yes was revoked by somebody else",
    ConsentStatus.EXPIRED: "a yes has run out",
    ConsentStatus.INVALIDATED: "a yes turned out to be none",
    ConsentStatus.OBJECTED: "somebody objected",
}
WHY: Mapping[str, str] = {
    "required": "the service consists of it, and nobody is asked",
    "covered": "it needs no yes of its own, so the answer to the purpose decides",
    "consent": "that is a yes to a notice that still counts",
    "opt_out": "silence permits it under this law",
    "restricted": "processing is restricted (GDPR 18)",
    "gpc": "Global Privacy Control is a no to this under this law",
    "under_age": "the yes of a child does not count (GDPR 8)",
    "stale_notice": "the notice has changed materially since, and asks again",
    "contract": "it stands on a contract, and nobody said no",
    "legal_obligation": "the law demands it, and nobody said no",
    "vital_interest": "it stands on a vital interest, and nobody said no",
    "public_task": "it stands on a public task, and nobody objected",
    "legitimate_interest": "it stands on a legitimate interest, and nobody objected",
}
NO_YES = "that is no yes, and this needs one"
A_NO = "that is a no, and it counts"


class Line(NamedTuple):
    """A line of a table: which values of each fact it is about (None: it does not matter), and what is decided."""

    when: Mapping[str, tuple[object, ...]]
    decision: Decision


class Table(NamedTuple):
    """What some rules decide alike under some regimes."""

    rules: Mapping[Rule, tuple[Regime, ...]]
    lines: tuple[Line, ...]


def sentence(bundle: Bundle, rule: Rule, regime: Regime, facts: Facts) -> str:
    """One decision as a sentence. Raises KeyError for what the bundle does not have."""
    decision = decide(bundle, *rule, regime=regime, **facts._asdict())
    basis = bundle.purposes[rule.purpose].basis
    no = A_NO if basis != "consent" and not (rule.channel or rule.recipient) else NO_YES
    why = WHY.get(decision.because, no)
    said = ", ".join([SAID[facts.status], *_circumstances(facts)])
    word = "allowed" if decision.allowed else "not allowed"
    return f"{_named(rule)} under '{regime}', where {said}: {word} ({decision.because}), because {why}."


def _circumstances(facts: Facts) -> Iterator[str]:
    if facts.status in (ConsentStatus.GIVEN, ConsentStatus.RENEWED) and not facts.notice_current:
        yield "to a notice that has changed since"
    if facts.restricted:
        yield "processing is restricted"
    if facts.under_age:
        yield "the person is below the age of consent"
    if facts.gpc:
        yield "the browser sends Global Privacy Control"


def _named(rule: Rule) -> str:
    if rule.channel:
        return f"'{rule.purpose}' by '{rule.channel}'"
    return f"'{rule.purpose}' to '{rule.recipient}'" if rule.recipient else f"'{rule.purpose}'"


def tables(bundle: Bundle) -> tuple[Table, ...]:
    """Every rule under every regime, those together that decide alike in all of the cases."""
    alike: dict[tuple[Decision, ...], dict[Rule, list[Regime]]] = {}
    for rule, regime in product(bundle.rules, bundle.regimes):
        decided = tuple(decide(bundle, *rule, regime=regime, **facts._asdict()) for facts in EVERY_CASE)
        alike.setdefault(decided, {}).setdefault(rule, []).append(regime)
    return tuple(
        Table(
            {rule: tuple(regimes) for rule, regimes in rules.items()},
            tuple(_lines(dict(zip(EVERY_CASE, decided, strict=True)), ORDER, {})),
        )
        for decided, rules in alike.items()
    )


def _lines(
    decided: Mapping[Facts, Decision], ask: Sequence[str], when: Mapping[str, tuple[object, ...]]
) -> Iterator[Line]:
    """Split by one fact after the other until all cases of a line agree; values of a fact that agree stay together."""
    if len(set(decided.values())) == 1:
        yield Line(when, next(iter(decided.values())))
        return
    fact, *others = ask
    together: dict[frozenset[tuple[tuple[object, ...], Decision]], list[object]] = {}
    for value in VALUES[fact]:
        part = {facts: decision for facts, decision in decided.items() if getattr(facts, fact) == value}
        if part:
            place = Facts._fields.index(fact)
            same = frozenset((facts[:place] + facts[place + 1 :], decision) for facts, decision in part.items())
            together.setdefault(same, []).append(value)
    for values in together.values():
        part = {facts: decision for facts, decision in decided.items() if getattr(facts, fact) in values}
        known = when if len(together) == 1 else {**when, fact: tuple(values)}
        yield from _lines(part, others, known)


def page(bundle: Bundle) -> Iterator[str]:
    """The whole truth table of `bundle` as Markdown, line by line."""
    cases = len(EVERY_CASE)
    rules = len(bundle.rules)
    yield "# Decisions"
    yield ""
    count = rules * len(bundle.regimes) * cases
    yield "What `decide()` answers for every rule under every regime, for every status and every combination of other"
    yield f"facts: {rules} rules × {len(bundle.regimes)} regimes × {cases} cases are {count:,} answers. Rules that"
    yield "answer alike in all cases share a table, and what does not change an answer is left out."
    yield "`ecrm policy explain` prints this page for any policy, and `ecrm policy explain PURPOSE` one answer in a"
    yield "sentence. The words of `because` are explained under [the policy](policy.md#decisions)."
    yield ""
    yield "| regime | jurisdictions |"
    yield "|---|---|"
    for regime in bundle.regimes:
        names = ", ".join(f"`{name}`" for name, law in sorted(bundle.jurisdictions.items()) if law.regime == regime)
        yield f"| `{regime}` | {names} |"
    titled = [(_title(bundle, table), table) for table in tables(bundle)]
    for title, table in sorted(titled, key=lambda one: one[0]):
        yield ""
        yield f"## {title}"
        yield ""
        yield "| rule | regimes |"
        yield "|---|---|"
        for rule, regimes in table.rules.items():
            where = "all" if regimes == bundle.regimes else ", ".join(f"`{regime}`" for regime in regimes)
            yield f"| `{_path(rule)}` | {where} |"
        yield ""
        yield from _markdown(table.lines)


def _title(bundle: Bundle, table: Table) -> str:
    """What the rules of a table have in common: their basis, and what opens or closes them besides."""
    words = {line.decision.because for line in table.lines}
    if len(words) == 1:
        return {"required": "Required", "covered": "Covered by the purpose's answer"}[words.pop()]
    asked = {
        "consent" if rule.channel or rule.recipient else bundle.purposes[rule.purpose].basis.replace("_", " ")
        for rule in table.rules
    }
    title = f"On {' or '.join(sorted(asked))}"
    title += ", open to silence" if "opt_out" in words else ""
    return title + (", closed by Global Privacy Control" if "gpc" in words else "")


def _markdown(lines: Sequence[Line]) -> Iterator[str]:
    heads = [fact for fact in ORDER if any(fact in line.when for line in lines)]
    yield "| " + " | ".join([*(HEADS[fact] for fact in heads), "allowed", "because"]) + " |"
    yield "|" + "---|" * (len(heads) + 2)
    for when, decision in _joined(lines):
        cells = [_cell(when.get(fact)) for fact in heads]
        yield "| " + " | ".join([*cells, "yes" if decision[0] else "no", decision[1]]) + " |"


def _joined(lines: Sequence[Line]) -> Iterator[tuple[Mapping[str, tuple[object, ...]], tuple[bool, str]]]:
    """Lines as they are printed: those that differ in the status alone, and repeat it as the reason, are one line."""
    waiting: dict[tuple[tuple[str, tuple[object, ...]], ...], list[object]] = {}
    for line in lines:
        statuses = line.when.get("status", ())
        if not line.decision.allowed and statuses == (line.decision.because,):
            others = tuple((fact, values) for fact, values in line.when.items() if fact != "status")
            waiting.setdefault(others, []).extend(statuses)
        else:
            yield line.when, (line.decision.allowed, f"`{line.decision.because}`")
    for known, said in waiting.items():
        yield {**dict(known), "status": tuple(said)}, (False, "what was said")


def _cell(values: Iterable[object] | None) -> str:
    if values is None:
        return "any"
    return ", ".join({True: "yes", False: "no"}[value] if isinstance(value, bool) else f"`{value}`" for value in values)


def _path(rule: Rule) -> str:
    if rule.recipient:
        return f"{rule.purpose}//{rule.recipient}"
    return f"{rule.purpose}/{rule.channel}" if rule.channel else str(rule.purpose)
