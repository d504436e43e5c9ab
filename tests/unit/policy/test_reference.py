"""The reference says what the code does."""

import re
from pathlib import Path

import pytest

from ecrm_privacy.policy.compile import compile
from ecrm_privacy.policy.load import FOLDERS, TABLES
from tests.unit.policy.policies import FOLDER, SHIPPED

REFERENCE = (Path(FOLDER).parent / "docs" / "reference" / "policy.md").read_text("utf-8")
DOCUMENTS = {name: kind for name, kind in (FOLDERS | TABLES).items() if name != "pages"}  # type: ignore[operator]


def first_cells(heading: str) -> list[str]:
    """The first cell of each row of the first table under a heading."""
    section = re.split(r"^#+ ", REFERENCE.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("section", sorted(DOCUMENTS))
def test_every_key_is_explained(section: str) -> None:
    """The table of each document lists its keys, all of them and no others."""
    fields = [field for field in DOCUMENTS[section].__struct_fields__ if field != "name"]
    assert sorted(cell.strip("| `") for cell in first_cells(section)) == sorted(fields)


def test_every_place_is_named() -> None:
    """The first table lists the folders and files that a policy can have."""
    places = {re.split(r"[/.]", cell.strip("| `"))[0] for cell in first_cells("The policy")}
    assert places == {*FOLDERS, *TABLES}


def test_every_word_of_because_is_explained() -> None:
    """What the shipped table can say stands in the reference, and its size is right."""
    explained = {word for cell in first_cells("Decisions") for word in re.findall(r"`(\w+)`", cell)}
    rows = compile(SHIPPED).decisions
    assert {row.because for row in rows} <= explained
    assert f"{len(rows):,} rows of decisions" in REFERENCE
