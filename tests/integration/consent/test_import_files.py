"""Files about people who are not known yet."""

from pathlib import Path

import msgspec
import pytest

from ecrm_privacy.vault import envelope, keys
from ecrm_privacy.verbs import take_file
from ecrm_privacy.vocabulary import Category, SubjectId
from tests.houses import Opened

pytestmark = pytest.mark.anyio

CONTACT = Category("contact")


async def test_two_lines_about_one_new_customer_are_one_customer(opened: Opened, tmp_path: Path) -> None:
    """The later line counts as an update of the first, wherever the shuffle puts them."""
    people = [(f"TWICE-{person}", turn) for turn in range(3) for person in range(6)]
    lines = [
        {"customer_number": number, "fields": {"contact": {"name": f"{number} {turn}"}}} for number, turn in people
    ]
    path = tmp_path / "twice.ndjson"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, lines)))
    before = await _names(opened)
    report = await take_file(opened.house, "subjects", path, None)
    assert report.outcomes == {"stored": len(lines)}
    assert sorted(set(await _names(opened)) - set(before)) == [f"TWICE-{person} 2" for person in range(6)]


async def _names(opened: Opened) -> list[str]:
    async with opened.as_admin() as admin:
        rows = await admin.fetch(
            "select * from ecrm.record join ecrm.subject_key using (subject, category, version) where category = $1"
            " and field = 'name'",
            CONTACT,
        )
    found = []
    for row in rows:
        key = keys.unwrap(opened.house.keyring, SubjectId(row["subject"]), CONTACT, row["version"], row["wrapped"])
        found.append(envelope.open_(key, "name", row["sealed"]).decode())
    return found
