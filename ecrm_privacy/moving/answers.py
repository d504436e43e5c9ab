"""What another tool kept, as lines that can be imported: per person and rule what was said last, never wider."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ecrm_privacy.consent.answer import NO_NOTICE, SaidAnswer
from ecrm_privacy.consent.imported import ImportedAnswer
from ecrm_privacy.imports import Importer, Reader, Report, read_mapped, rows
from ecrm_privacy.moving.mapping import AnswerMapping, Names, mapping_of, names_of, under
from ecrm_privacy.moving.tools import Act, source
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.vocabulary import Answer, NoticeVersion

NAMED_FROM = 5
"""A name that is not mapped is shown when so many records have it: what stands in fewer could be about somebody."""
OTHERS = "names that are not mapped, each in fewer than five records"
ELSEWHERE = "of another domain"
NOBODY = "without a customer number"
NOTHING = "say nothing that is mapped"
UNCHOSEN = "a yes that nobody chose (ticked beforehand, always on, or set by a program)"
ANOTHER_POLICY = "a yes to a policy that [notices] does not name"
STALE = "a yes to a notice that does not ask this, or asked it otherwise"
SPOILED = "a yes of somebody about whom a line could not be read"


class Last(msgspec.Struct, frozen=True):
    """What one person said last to one of their names."""

    yes: bool
    act: Act
    number: int


Kept = dict[str, Last]
"""By their names, what one person said last."""


def reader(bundle: Bundle) -> Reader:
    """Return what reads files of answers: by a mapping file that names another tool, or in our own words."""

    def read_either(path: Path, importer: Importer, mapping_file: Path | None) -> tuple[list[bytes], Report]:
        mapping = mapping_of(mapping_file) if mapping_file else None
        if mapping is None or mapping_file is None:
            return read_mapped(path, importer, mapping_file)
        return read(bundle, path, mapping, mapping_file.name)

    return read_either


def read(bundle: Bundle, path: Path, mapping: AnswerMapping, file: str) -> tuple[list[bytes], Report]:
    """Read a whole file: one line per act that still counts, in the order of the file, and what became of the rest.

    Raises Malformed for a mapping (`file` is its name) that does not fit the policy, and for a file that breaks off.
    """
    names, tool = names_of(mapping, bundle, file), source(mapping, path)
    report, unmapped = Report(outcomes={}, bad=[], dropped={}), Counter[str]()
    people: dict[str, Kept] = {}
    spoiled: set[str] = set()
    now = datetime.now(UTC)
    for number, row in rows(path):
        report.lines += 1
        customer = ""
        try:
            customer = tool.customer_number(row)
            act = tool.act(row)
        except ValueError as error:
            report.refuse(number, str(error))
            spoiled.add(customer)
            continue
        if not customer or (mapping.domain and act.domain and act.domain != mapping.domain):
            _count(report.outcomes, ELSEWHERE if customer else NOBODY)
            continue
        unmapped.update(act.said.keys() - names.asked.keys())
        said = dict(_said(bundle, names, act, report))
        if not said:
            _count(report.outcomes, NOTHING)
        kept = people.setdefault(customer, {})
        for name, yes in said.items():
            new = Last(yes, act, number)
            if name not in kept or _comes_after(new, kept[name], now):
                kept[name] = new
    _named(report, unmapped)
    lines = [line for customer, kept in people.items() for line in _lines(names, customer, kept, spoiled, report)]
    return [msgspec.json.encode(line) for line in lines], report


def _said(bundle: Bundle, names: Names, act: Act, report: Report) -> Iterator[tuple[str, bool]]:
    """Yield what an act says, by those of their names that are mapped; count what is dropped, and why."""
    notice = names.notice(act.policy)
    for name, (rule, asked) in names.asked.items():
        if name not in act.said:
            if act.only_yes and act.at.date() >= asked.asked_from:
                yield name, False
            continue
        yes = act.said[name]
        if yes is False:
            yield name, False
        elif yes is None or asked.preselected:
            _count(report.dropped, UNCHOSEN)
        elif notice is None:
            _count(report.dropped, ANOTHER_POLICY)
        elif not bundle.still_good(rule.purpose, notice):
            _count(report.dropped, STALE)
        else:
            yield name, True


def _named(report: Report, unmapped: Counter[str]) -> None:
    """Name what is not mapped."""
    for name, times in unmapped.most_common():
        if times >= NAMED_FROM and len(name) <= 48 and name.isprintable():
            report.dropped[f"`{name}`, which is not mapped"] = times
        else:
            _count(report.dropped, OTHERS)


def _comes_after(new: Last, old: Last, now: datetime) -> bool:
    """Whether `new` takes the place of `old`: the later one counts, and at the same time the no.

    Times that have not come yet are now: a clock that is wrong puts nothing last.
    """
    when, before = (new.act.lasting, min(new.act.at, now)), (old.act.lasting, min(old.act.at, now))
    return when > before or (when == before and not (new.yes and not old.yes))


def _lines(
    names: Names, customer: str, kept: Mapping[str, Last], spoiled: set[str], report: Report
) -> Iterator[ImportedAnswer]:
    """Yield one person's lines in the order in which they said it: one per act that something still rests on."""
    by_act: dict[int, list[tuple[Rule, Last]]] = {}
    for rule, last in _rules(names, kept).items():
        if last.yes and customer in spoiled:
            _count(report.dropped, SPOILED)
        else:
            by_act.setdefault(last.number, []).append((rule, last))
    for said in sorted(by_act.values(), key=lambda said: (said[0][1].act.at, said[0][1].number)):
        act = said[0][1].act
        answers = (
            SaidAnswer(
                rule.purpose,
                Answer.GIVEN if last.yes else Answer.WITHDRAWN,
                rule.channel or None,
                rule.recipient or None,
            )
            for rule, last in sorted(said)
        )
        until = min(act.until, datetime.max.replace(tzinfo=UTC)).date() if act.until else None
        notice = names.notice(act.policy) or NoticeVersion(NO_NOTICE)
        yield ImportedAnswer(customer, notice, tuple(answers), act.at, act.evidence, until=until)


def _rules(names: Names, kept: Mapping[str, Last]) -> dict[Rule, Last]:
    """Return what was said to our rules: a yes if all of their names for it say so, the oldest of them; else a no."""
    found: dict[Rule, Last] = {}
    for rule, called in under(names):
        said = [kept[name] for name in called if name in kept]
        needed = [name for name in called if name in kept or name not in names.own]
        no = [last for last in said if not last.yes]
        if no:
            found[rule] = max(no, key=_age)
        elif said and len(said) == len(needed):
            found[rule] = min(said, key=_age)
    for name, last in kept.items():
        for rule in () if last.yes else names.closed[name]:
            before = found.get(rule)
            found[rule] = last if before is None or before.yes else max(before, last, key=_age)
    return found


def _age(last: Last) -> tuple[datetime, int]:
    return last.act.at, last.number


def _count(counts: dict[str, int], what: str) -> None:
    counts[what] = counts.get(what, 0) + 1
