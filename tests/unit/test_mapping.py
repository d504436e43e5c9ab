"""Mapping files: times that move by whole days."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy import mapping
from ecrm_privacy.errors import Malformed
from ecrm_privacy.imports import Importer, read
from ecrm_privacy.mapping import FieldMapping, read_mapping

FORMAT = "%Y-%m-%d %H:%M:%S"
FIELDS = 'at = {column = "When", format = "%Y-%m-%d %H:%M:%S"}'
TODAY = date(2026, 11, 22)
LONG_AGO, LATER = datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2100-01-01")


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line."""

    at: datetime


def _mapping(folder: Path, shift: str) -> FieldMapping:
    path = folder / "shop.toml"
    path.write_text(f"{shift}\n[fields]\n{FIELDS}\n")
    return read_mapping(path)


@given(st.lists(st.datetimes(LONG_AGO, LATER), min_size=1, max_size=9))
def test_the_newest_is_of_today(moments: list[datetime]) -> None:
    """Every time moves by the same whole days: hours stay, and so does what lies between any two."""
    rules = msgspec.convert(
        {"fields": {"at": {"column": "When", "format": FORMAT}}, "shift": {"newest": "now"}}, mapping.FieldMapping
    )
    rows = [{"When": moment.strftime(FORMAT)} for moment in moments]
    later = rules.later(rows, TODAY)
    made = [rules.apply(row, later) for row in rows]
    moved = [datetime.fromisoformat(one["at"]) for one in made if one]
    assert max(moved).date() == TODAY
    assert [one - later for one in moved] == [moment.replace(microsecond=0, tzinfo=UTC) for moment in moments]


def test_a_file_is_moved_by_so_many_days(tmp_path: Path) -> None:
    """With `days` the file need not be read for it, and another file moves alike."""
    rules = _mapping(tmp_path, "shift = {days = 3650}")
    path = tmp_path / "shop.csv"
    path.write_text("When\n2011-12-09 12:50:00\nsometime\n")
    good, report = read(path, Importer("lines", Line, None), rules)  # type: ignore[arg-type]
    assert [msgspec.json.decode(line, type=Line).at for line in good] == [
        datetime(2011, 12, 9, 12, 50, tzinfo=UTC) + timedelta(days=3650)
    ]
    assert [line.number for line in report.bad] == [3]


def test_a_file_without_times_is_not_moved(tmp_path: Path) -> None:
    """Nothing is newest in it."""
    assert _mapping(tmp_path, 'shift = {newest = "now"}').later([{"When": ""}, {}], TODAY) == timedelta()


@pytest.mark.parametrize("shift", ["{}", '{days = 1, newest = "now"}', '{newest = "then"}', "{days = 99999999}"])
def test_a_shift_says_one_thing(tmp_path: Path, shift: str) -> None:
    """A rule that says nothing, two things, or what nobody knows is refused with the file's name."""
    with pytest.raises(Malformed, match=r"shop\.toml"):
        _mapping(tmp_path, f"shift = {shift}")
