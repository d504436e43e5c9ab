"""Which migrations are due."""

from pathlib import Path

import pytest

from ecrm_privacy.database.migrate import Migration, pending, read
from ecrm_privacy.errors import SchemaRefused

FIRST, SECOND, THIRD = (Migration(f"000{n}_thing.sql", "select 1", bytes([n]) * 32) for n in (1, 2, 3))


def applied(*migrations: Migration) -> dict[str, bytes]:
    return {migration.name: migration.sha256 for migration in migrations}


def test_what_is_missing_is_due_in_order() -> None:
    """Everything after the last one applied, first to last."""
    assert pending([FIRST, SECOND, THIRD], applied(FIRST)) == [SECOND, THIRD]
    assert pending([FIRST], applied(FIRST)) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "why"),
    [
        ([FIRST], applied(FIRST, SECOND), "newer version"),
        ([FIRST], {FIRST.name: b"?" * 32}, "changed after"),
        ([FIRST, SECOND, THIRD], applied(FIRST, THIRD), "next number"),
    ],
)
def test_another_history_is_refused(ours: list[Migration], theirs: dict[str, bytes], why: str) -> None:
    """A newer database, a changed file and a file put in between are told apart."""
    with pytest.raises(SchemaRefused, match=why):
        pending(ours, theirs)


@pytest.mark.parametrize("names", [[], ["1_house.sql"], ["0001_House.sql"], ["0001_a.sql", "0001_b.sql"]])
def test_misnamed_files_are_refused(names: list[str], tmp_path: Path) -> None:
    """A number that is missing or used twice leaves the order open."""
    for name in names:
        (tmp_path / name).write_text("select 1")
    with pytest.raises(SchemaRefused):
        read(tmp_path)
