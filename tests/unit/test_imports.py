"""Files that are not what they should be, and the order in which lines are taken."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy import imports
from ecrm_privacy.errors import Malformed
from ecrm_privacy.imports import BAD_LINES_KEPT, Importer, batches, read, shuffled


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line."""

    name: str
    text: str


async def _nowhere(records: Sequence[Line]) -> list[str]:
    return ["stored"] * len(records)


ANYTHING = Importer("lines", Line, _nowhere)
NAMED = Importer("lines", Line, _nowhere, about="name")


def _file(folder: Path, content: bytes, name: str = "lines.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ("name,text\na,b\nc,Müller\n".encode("cp1252"), "x.csv", "x.csv: line 3 is not UTF-8"),
        ("name,text\na,b\n".encode("utf-16"), "x.csv", "x.csv: line 1 is not UTF-8"),
        (b"name,text\na,b\nc," + b"x" * 200_000 + b"\n", "x.csv", "x.csv: line 3: field larger than field limit"),
        (gzip.compress(b"name,text\na,b\n" * 999)[:-20], "x.csv.gz", "not a whole gzip file"),
        (b"name,text\na,b\n", "x.csv.gz", "not a whole gzip file"),
        (b"no parquet at all", "x.parquet", "no Parquet"),
    ],
    ids=["latin-1", "utf-16", "huge field", "cut off", "no gzip", "no parquet"],
)
def test_a_file_that_cannot_be_read_is_refused_whole(tmp_path: Path, content: bytes, name: str, said: str) -> None:
    """The message names the line and shows nothing of it, and nothing is taken."""
    with pytest.raises(Malformed, match=said) as refused:
        read(_file(tmp_path, content, name), ANYTHING, None)
    assert "ller" not in str(refused.value) and "xx" not in str(refused.value)


def test_a_line_that_is_not_utf8_is_a_bad_line_where_lines_stand_alone(tmp_path: Path) -> None:
    """In NDJSON the other lines are taken."""
    lines = b'{"name": "a", "text": "b"}\n{"name": "M\xfcller", "text": ""}\n{"name": "c", "text": "d"}\n'
    good, report = read(_file(tmp_path, lines, "x.ndjson"), ANYTHING, None)
    assert (len(good), [line.number for line in report.bad]) == (2, [2])


def test_a_line_that_is_nested_without_end_is_a_bad_line(tmp_path: Path) -> None:
    """It cannot be read, and keeps nobody from reading the others."""
    lines = b'{"name": "a", "text": "b"}\n' + b"[" * 100_000 + b'\n{"name": "c", "text": "d"}\n'
    good, report = read(_file(tmp_path, lines, "x.ndjson"), ANYTHING, None)
    assert (len(good), [line.number for line in report.bad]) == (2, [2])


def test_a_row_is_named_by_the_line_on_which_it_ends(tmp_path: Path) -> None:
    """A row with a line end inside quotes does not shift the numbers of those after it."""
    rows = b'name,text\na,"one\ntwo"\nb,c,too,many\n'
    _, report = read(_file(tmp_path, rows), ANYTHING, None)
    assert [line.number for line in report.bad] == [4]


def test_only_so_many_bad_lines_are_kept(tmp_path: Path) -> None:
    """All are counted, the first ones are named."""
    _, report = read(_file(tmp_path, b"{}\n" * (BAD_LINES_KEPT + 500), "x.ndjson"), ANYTHING, None)
    assert (len(report.bad), report.bad_lines) == (BAD_LINES_KEPT, BAD_LINES_KEPT + 500)
    assert report.bad[-1].number == BAD_LINES_KEPT


@given(st.lists(st.sampled_from("abcdefgh"), max_size=60), st.binary(max_size=8), st.integers(1, 9))
def test_lines_about_the_same_one_keep_their_order(names: list[str], seed: bytes, most: int) -> None:
    """Shuffled and cut into batches, nothing is lost, and of two about the same one the later stays the later."""
    lines = [Line(name, str(number)) for number, name in enumerate(names)]
    order = shuffled([msgspec.json.encode(line) for line in lines], NAMED, seed)
    taken = [msgspec.json.decode(line, type=Line) for line in order]
    cut = list(batches(taken, "name", most))
    assert [line for batch in cut for line in batch] == taken
    assert all(len(batch) <= most and len({line.name for line in batch}) == len(batch) for batch in cut)
    for name in set(names):
        assert [line for line in taken if line.name == name] == [line for line in lines if line.name == name]


def test_lines_about_nothing_are_only_shuffled() -> None:
    """Events have names of their own: their order says nothing, and is not kept."""
    lines = [b'{"name": "a", "text": "%d"}' % number for number in range(200)]
    order = shuffled(lines, ANYTHING, b"seed")
    assert order != lines and sorted(order) == sorted(lines)
    assert [len(batch) for batch in batches(order, None)] == [200]
    assert len(list(batches(order * 5, None))) == -(-1000 // imports.BATCH_LINES)
