"""How notices are received, as a table that says nothing about fewer than k people. Pure.

Every number that is shown is a multiple of k, rounded down; below k none is. Every total is the sum of what is shown
beside it, and every share a range of what is possible. So no difference of two numbers, here or from one day to the
next, is about fewer than k. Lines with fewer than k answers are put together as "others".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import sqrt

import msgspec

from ecrm_privacy.consent.reception import ANSWER, CHANGE, OPENED, SEEN, SERVED, TIME, TIMES_S, WITHDRAWAL
from ecrm_privacy.consent.store import NoticeCount, Standings
from ecrm_privacy.vocabulary import YES

OTHERS = "others"
METHODS = ("accept_all", "refuse_all", "save")
BUCKETS = (*(str(most) for most in TIMES_S), "more")
Z95 = 1.959964
"""The quantile of the normal distribution for an interval of 95 %."""


class Share(msgspec.Struct, frozen=True):
    """A share of answers: between `least` and `most`, whatever rounding hides; `of` is how many are shown."""

    least: float
    most: float
    of: int

    @property
    def middle(self) -> float:
        """The middle of what is possible."""
        return (self.least + self.most) / 2


class Line(msgspec.Struct, frozen=True):
    """One notice in one jurisdiction and language; None: fewer than k. `times` is by bucket, in seconds."""

    notice: str
    jurisdiction: str
    locale: str
    served: int | None
    seen: int | None
    opened: int | None
    answers: int
    methods: dict[str, int | None]
    accepted: Share | None
    refused: Share | None
    times: dict[str, int | None]
    changes: int | None
    withdrawals: int | None
    purposes: dict[str, Share | None]


class Standing(msgspec.Struct, frozen=True):
    """How many yes to a purpose stand today that were given to a notice, and how many were taken back."""

    notice: str
    purpose: str
    yes: int | None
    taken_back: int | None


class Difference(msgspec.Struct, frozen=True):
    """What changed from one notice to another: a share, and the difference with its interval of 95 %."""

    what: str
    before: float
    after: float
    least: float
    most: float


class Effect(msgspec.Struct, frozen=True):
    """The whole report; `k` is the least number of people of which anything is said."""

    k: int
    lines: tuple[Line, ...]
    standing: tuple[Standing, ...]
    differences: tuple[Difference, ...] = ()


def coarse(number: int, k: int) -> int | None:
    """Round down to a multiple of k; None for fewer."""
    return None if number < k else number - number % k


def effect(counts: Sequence[NoticeCount], standings: Sequence[Standings], k: int, names: Sequence[str] = ()) -> Effect:
    """Make the report of these notices (all, where none is named); of two, with their differences."""
    wanted = [each for each in counts if not names or each.notice in names]
    lines = tuple(_lines(wanted, k))
    standing = tuple(_standing([each for each in standings if not names or each.notice in names], k))
    whole = {notice: _line((notice, "", ""), _by_what(wanted, notice), k) for notice in names}
    differences = tuple(_differences(*(whole[name] for name in names))) if len(names) == 2 else ()
    return Effect(k, lines, standing, differences)


def _by_what(counts: Iterable[NoticeCount], notice: str) -> Mapping[str, int]:
    made: dict[str, int] = defaultdict(int)
    for each in counts:
        if each.notice == notice:
            made[each.what] += each.times
    return made


def _lines(counts: Sequence[NoticeCount], k: int) -> Iterator[Line]:
    places: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for each in counts:
        places[each.notice, each.jurisdiction, each.locale][each.what] += each.times
    few: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for place, words in sorted(places.items()):
        if _answers(words) >= k:
            yield _line(place, words, k)
        else:
            for what, times in words.items():
                few[place[0]][what] += times
    for notice, words in sorted(few.items()):
        yield _line((notice, OTHERS, OTHERS), words, k)


def _answers(words: Mapping[str, int]) -> int:
    return sum(words.get(f"{ANSWER}:{method}", 0) for method in METHODS)


def _line(place: tuple[str, str, str], words: Mapping[str, int], k: int) -> Line:
    def shown(what: str) -> int | None:
        return coarse(words.get(what, 0), k)

    methods = {method: shown(f"{ANSWER}:{method}") for method in METHODS}
    purposes = sorted(what.removeprefix("yes:") for what in words if what.startswith("yes:"))
    return Line(
        *place,
        served=shown(SERVED),
        seen=shown(SEEN),
        opened=shown(OPENED),
        answers=sum(number or 0 for number in methods.values()),
        methods=methods,
        accepted=share(methods, "accept_all", k),
        refused=share(methods, "refuse_all", k),
        times={most: shown(f"{TIME}:{most}") for most in BUCKETS},
        changes=shown(CHANGE),
        withdrawals=shown(WITHDRAWAL),
        purposes={
            purpose: share({"yes": shown(f"yes:{purpose}"), "no": shown(f"no:{purpose}")}, "yes", k)
            for purpose in purposes
        },
    )


def share(parts: Mapping[str, int | None], part: str, k: int) -> Share | None:
    """The share of one part of a whole. Each part may hold k - 1 more than is shown; None where nothing is shown."""
    own, others = parts[part] or 0, sum(number or 0 for name, number in parts.items() if name != part)
    more, known = k - 1, own + others
    if known == 0:
        return None
    return Share(own / (known + more * (len(parts) - 1)), (own + more) / (known + more), known)


def _standing(standings: Sequence[Standings], k: int) -> Iterator[Standing]:
    found: dict[tuple[str, str], dict[bool, int]] = defaultdict(lambda: defaultdict(int))
    for each in standings:
        if each.status in YES:
            found[each.notice, each.purpose][True] += each.people
        elif each.status in {"withdrawn", "objected"}:
            found[each.notice, each.purpose][False] += each.people
    for (notice, purpose), people in sorted(found.items()):
        yield Standing(notice, purpose, coarse(people[True], k), coarse(people[False], k))


def _differences(before: Line, after: Line) -> Iterator[Difference]:
    pairs = {"accepted": (before.accepted, after.accepted), "refused": (before.refused, after.refused)}
    for purpose in sorted(before.purposes.keys() & after.purposes.keys()):
        pairs[purpose] = (before.purposes[purpose], after.purposes[purpose])
    for what, (then, now) in pairs.items():
        if then is not None and now is not None:
            yield difference(what, then, now)


def difference(what: str, then: Share, now: Share) -> Difference:
    """The difference of two shares, its interval of 95 % (Wald, independent samples), and what rounding hides."""
    apart = Z95 * sqrt(sum(each.middle * (1 - each.middle) / each.of for each in (then, now)))
    least, most = now.least - then.most - apart, now.most - then.least + apart
    return Difference(what, then.middle, now.middle, max(least, -1.0), min(most, 1.0))
