"""The benchmarks run. What they measure is looked at, never asserted: clocks fail no test."""

from pathlib import Path

import pytest

from tests.bench.measure import FULL, TINY, Line, Table, show
from tests.bench.run import BENCHMARKS, LONG, main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "benchmarks.md"


def test_every_benchmark_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Each benchmark comes to figures beside their limits, at sizes so small that the figures mean nothing."""
    assert [main(name, scale=TINY) for name in (None, *LONG)] == [0] * (1 + len(LONG))
    printed = capsys.readouterr().out
    assert printed.count("ours / limit") >= len(BENCHMARKS | LONG)


def test_a_name_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Who asks for a benchmark that does not exist is told which there are."""
    assert main("speed") == 2
    assert "served" in capsys.readouterr().out


def test_a_figure_stands_beside_its_limit() -> None:
    """A line shows both medians with their range, and the ratio of rounds that were measured together."""
    line = Line("looks", "ms", [1.0, 3.0, 2.0], [1.0, 1.0, 2.0], "a SELECT", "≤ 2")
    assert line.ratios() == [1.0, 3.0, 1.0]
    printed = show(Table("the gate", [line], ["a note"]))
    assert "2.00 ms (1.00–3.00)" in printed
    assert "1.00 (≤ 2)" in printed


def test_the_page_explains_every_benchmark() -> None:
    """docs/reference/benchmarks.md has a section for each name, and says how much is measured."""
    page = PAGE.read_text("utf-8")
    assert [name for name in BENCHMARKS | LONG if f"## {name}" not in page] == []
    assert f"{FULL.rounds} rounds" in page
