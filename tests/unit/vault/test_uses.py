"""Counts of use: readable by the person's key alone, and the same for whoever has none."""

from datetime import date
from itertools import pairwise
from uuid import UUID

import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.vault import keys, uses
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vault.uses import BUCKETS, Counted, Use
from ecrm_privacy.vocabulary import ACCOUNTABILITY, Category, Purpose, SubjectId

KEYRING = Keyring(bytes(range(32)))
NOVEMBER, OCTOBER = date(2026, 11, 1), date(2026, 10, 1)
FOR_YOU = Use("own_pages", Purpose("personalize"), "slot:for-you", (Category("browsing"),), "consent")
GREETING = Use("own_pages", Purpose("personalize"), "slot:greeting", (Category("contact"),), "consent")


def key_of(number: int) -> SubjectKey:
    return keys.new(KEYRING, SubjectId(UUID(int=number)), ACCOUNTABILITY)[0]


ADA, BEN = key_of(1), key_of(2)


def read(key: SubjectKey, row: Counted, *, more: int = 0) -> tuple[Use, int]:
    return uses.read(key, row.month, row.use, row.sealed, row.mask + row.times + more)


def test_a_count_comes_back() -> None:
    """The use and how often, also after somebody who cannot read it has added to it."""
    row = uses.count(ADA, NOVEMBER, FOR_YOU, 3)
    assert read(ADA, row) == (FOR_YOU, 3)
    again = uses.count(ADA, NOVEMBER, FOR_YOU, 2)
    assert (again.pseudonym, again.use, again.mask) == (row.pseudonym, row.use, row.mask)
    assert read(ADA, row, more=again.times) == (FOR_YOU, 5)


def test_rows_say_nothing_to_others() -> None:
    """Another person, month or use has another name and mask, in the same length; the mask is far from any count."""
    rows = [
        uses.count(key, month, use, 1)
        for key in (ADA, BEN)
        for month in (NOVEMBER, OCTOBER)
        for use in (FOR_YOU, GREETING)
    ]
    assert len({row.use for row in rows}) == len({row.mask for row in rows}) == len(rows)
    assert len({row.pseudonym for row in rows}) >= 4 and not {r.pseudonym for r in rows[:2]} & {
        r.pseudonym for r in rows[2:]
    }
    assert all(row.mask > 2**40 for row in rows) and all(row.mask + 2**40 < 2**63 for row in rows)
    longer = Use("own_pages", Purpose("order"), "slot:history", (Category("purchases"),), "required")
    assert len({len(uses.count(ADA, NOVEMBER, use, 1).sealed) for use in (FOR_YOU, GREETING, longer)}) == 1


def test_what_was_moved_or_altered_does_not_open() -> None:
    """Not under another key, month or name, and not with a changed byte."""
    row, other = uses.count(ADA, NOVEMBER, FOR_YOU, 1), uses.count(ADA, NOVEMBER, GREETING, 1)
    for changed in (
        row._replace(month=OCTOBER),
        row._replace(use=other.use),
        row._replace(sealed=other.sealed),
        row._replace(sealed=row.sealed[:-1] + bytes((row.sealed[-1] ^ 1,))),
    ):
        with pytest.raises(Tampered):
            read(ADA, changed)
    with pytest.raises(Tampered):
        read(BEN, row)


@pytest.mark.parametrize("day", [date(2026, 11, 22), date(2026, 12, 31), date(2026, 1, 1), date(2028, 2, 29)])
def test_every_month_is_looked_for(day: date) -> None:
    """From the next one back to the month of 395 days ago, without a gap."""
    found = uses.months(day)
    assert found[1] == uses.month_of(day) and found[-1] == uses.month_of(date.fromordinal(day.toordinal() - 395))
    assert all(later.toordinal() - earlier.toordinal() in range(28, 32) for later, earlier in pairwise(found))


def test_every_name_is_found() -> None:
    """Whatever was counted in one of those months stands under one of the names of an erasure."""
    today = date(2026, 11, 22)
    names = uses.pseudonyms(ADA, today)
    assert len(set(names)) == len(names) == len(uses.months(today)) * BUCKETS
    made = [
        uses.count(ADA, month, Use("own_pages", Purpose("p"), f"slot:{number}"), 1)
        for month in uses.months(today)
        for number in range(20)
    ]
    assert {row.pseudonym for row in made} <= set(names)
    assert not set(names) & set(uses.pseudonyms(BEN, today))
