"""A report about notices as lines for a terminal, and as one page with charts that needs nothing else. Pure."""

from collections.abc import Iterator

import msgspec

from ecrm_privacy.consent.reception import TIMES_S
from ecrm_privacy.showroom.effect import BUCKETS, METHODS, OTHERS, Effect, Line, Share
from ecrm_privacy.showroom.stage import FOLDER
from ecrm_privacy.web.pages import Pages

NAMES = {"accept_all": "accepted all", "refuse_all": "refused all", "save": "chose one by one"}
WIDTH = 400.0


class Bar(msgspec.Struct, frozen=True):
    """One bar of a chart: from `start`, `width` long, of 400."""

    name: str
    words: str
    kind: str
    start: float
    width: float


def number(value: int | None, k: int) -> str:
    """A count as it is shown."""
    return f"fewer than {k}" if value is None else f"{value:,}"


def percent(found: Share | None) -> str:
    """A share as it is shown: one number, or from where to where."""
    if found is None:
        return "not shown"
    least, most = f"{found.least:.0%}", f"{found.most:.0%}"
    return most if least == most else f"{least} to {most}"


def place(line: Line) -> str:
    """Where a line is about."""
    return OTHERS if line.locale == OTHERS else f"{line.jurisdiction}, {line.locale}"


def seconds(bucket: str) -> str:
    """A bucket of the time to answer, in words."""
    at = BUCKETS.index(bucket)
    return f"{TIMES_S[-1]} s and more" if bucket == "more" else f"{TIMES_S[at - 1] if at else 0} to {bucket} s"


def lines(made: Effect) -> Iterator[str]:
    """The report for a terminal."""
    k = made.k
    yield f"{'notice':<16} {'where':<14} {'served':>14} {'seen':>14} {'opened':>14} {'answers':>8} {'accepted':>12} {'refused':>12} {'changed':>14} {'taken back':>14}"  # noqa: E501 -- one row
    for each in made.lines:
        counts = [number(value, k) for value in (each.served, each.seen, each.opened)]
        after = [number(value, k) for value in (each.changes, each.withdrawals)]
        yield " ".join(
            (
                f"{each.notice:<16} {place(each):<14}",
                *(f"{word:>14}" for word in counts),
                f"{each.answers:>8,} {percent(each.accepted):>12} {percent(each.refused):>12}",
                *(f"{word:>14}" for word in after),
            )
        )
    for found in made.differences:
        yield (
            f"{found.what}: {found.before:.0%} before, {found.after:.0%} after; difference"
            f" {found.least * 100:+.0f} to {found.most * 100:+.0f} percentage points (95 %)"
        )
    if not made.lines:
        yield "nothing was counted yet"
    yield f"nothing here is about fewer than {k} people; counts are rounded down to a multiple of that"


def page(made: Effect, active: str) -> str:
    """The report as one page: it loads nothing, and looks as well in the dark."""
    return Pages(FOLDER / "templates").text(
        "effect.html",
        effect=made,
        active=active,
        answers=[(each, place(each), list(_answers(each))) for each in made.lines if each.answers],
        few=[f"{each.notice}, {place(each)}" for each in made.lines if not each.answers],
        purposes=[(each, place(each), list(_purposes(each))) for each in made.lines if any(each.purposes.values())],
        times=[(each, place(each), list(_times(each))) for each in made.lines if any(each.times.values())],
        number=number,
        percent=percent,
        place=place,
        width=WIDTH,
    )


def _answers(line: Line) -> Iterator[Bar]:
    start = 0.0
    for method in METHODS:
        count = line.methods[method] or 0
        width = WIDTH * count / line.answers if line.answers else 0.0
        yield Bar(NAMES[method], f"{count:,}" if count else "", method, start, width)
        start += width


def _purposes(line: Line) -> Iterator[Bar]:
    for purpose, found in line.purposes.items():
        yield Bar(purpose, percent(found), "yes", 0.0, WIDTH * found.middle if found else 0.0)


def _times(line: Line) -> Iterator[Bar]:
    most = max((count or 0 for count in line.times.values()), default=0)
    for bucket, count in line.times.items():
        yield Bar(seconds(bucket), f"{count:,}" if count else "", "time", 0.0, WIDTH * (count or 0) / most)
