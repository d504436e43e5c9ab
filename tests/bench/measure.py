"""Rounds, and what they come to: every figure stands beside its limit, measured in the same run, turn by turn.

A round of ours and a round of the limit follow each other, so that whatever else the machine does meets both. A figure
is the median of its rounds with the lowest and the highest; a ratio is the median of the rounds' own ratios.
"""

import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

T = TypeVar("T")


class Scale(msgspec.Struct, frozen=True):
    """How much is measured: rounds of every side, seconds per round, how many people, answers and entries there are.

    `crowds` are so many people that filling a database with them takes minutes.
    """

    rounds: int
    round_s: float
    few: int
    many: int
    long: int
    crowds: tuple[int, int]
    waiters: tuple[int, ...]
    connections: int
    customers: int
    """Of the demo shop."""


FULL = Scale(
    rounds=5, round_s=0.6, few=1_000, many=20_000, long=1_000_000, crowds=(10_000, 1_000_000), waiters=(1, 32, 128),
    connections=32, customers=300,
)  # fmt: skip
TINY = Scale(
    rounds=1, round_s=0.03, few=6, many=12, long=40, crowds=(6, 40), waiters=(1, 4), connections=2, customers=40
)  # fmt: skip
"""So small that a test may run it; its figures mean nothing."""


class Line(msgspec.Struct, frozen=True):
    """One figure beside its limit, round by round. `unit` ends in `/s` where more is better."""

    what: str
    unit: str
    ours: Sequence[float]
    limit: Sequence[float]
    limit_is: str
    aim: str = ""

    def ratios(self) -> list[float]:
        """Return ours as a multiple of the limit, round by round."""
        return [ours / limit for ours, limit in zip(self.ours, self.limit, strict=True)]


class Table(msgspec.Struct, frozen=True):
    """The lines of one benchmark, with notes that help to read them."""

    title: str
    lines: Sequence[Line]
    notes: Sequence[str] = ()


async def interleave(sides: Mapping[str, Callable[[], Awaitable[T]]], rounds: int) -> dict[str, list[T]]:
    """Run every side once to warm up, and then `rounds` times, one after the other."""
    for side in sides.values():
        await side()
    found: dict[str, list[T]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            found[name].append(await side())
    return found


def each_us(work: Callable[[], object], round_s: float) -> float:
    """Return the microseconds of processor time that one call of `work` takes, over about `round_s` of them.

    Processor time, not the clock's: what else the machine does is not ours.
    """
    calls, took = 1, _took(work, 1)
    while took < round_s / 2:
        calls = max(calls + 1, min(10 * calls, int(calls * round_s / took)))
        took = _took(work, calls)
    return took / calls * 1e6


def _took(work: Callable[[], object], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        work()
    return time.process_time() - started


def at(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of `values` lie; 0.99 for p99."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def machine(server: str) -> str:
    """Say what this ran on."""
    today = datetime.now(UTC).date().isoformat()
    load = f", load {os.getloadavg()[0]:.1f} at the start"
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, PostgreSQL {server}, {today}{load}"


# on paper -------------------------------------------------------------------------------------------------------------

COLUMNS = (40, 28, 28, 19)


def show(table: Table) -> str:
    """Set a table for a terminal: what, ours, its limit, the ratio with what it should be, and what the limit is."""
    rows = [(table.title, "ours (lowest–highest)", "limit (lowest–highest)", "ours / limit", "the limit is")]
    rows += [_cells(line) for line in table.lines]
    words = ["".join(cell.ljust(width) for cell, width in zip(row, COLUMNS, strict=False)) + row[-1] for row in rows]
    rule = "-" * max(map(len, words))
    return "\n".join(["", words[0], rule, *words[1:], *(f"  {note}" for note in table.notes)])


def _cells(line: Line) -> tuple[str, str, str, str, str]:
    ratios = line.ratios()
    aim = f" ({line.aim})" if line.aim else ""
    return (
        f"  {line.what}",
        spread(line.ours, line.unit),
        spread(line.limit, line.unit),
        f"{statistics.median(ratios):.2f}{aim}",
        line.limit_is,
    )


def spread(values: Sequence[float], unit: str) -> str:
    """Return the median of `values` with the lowest and the highest."""
    return f"{number(statistics.median(values))} {unit} ({number(min(values))}–{number(max(values))})"


def number(value: float) -> str:
    """Return a number with three digits that count, or so; thousands from ten thousand on."""
    if value >= 1000:
        return f"{value / 1000:,.0f}k" if value >= 10_000 else f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
