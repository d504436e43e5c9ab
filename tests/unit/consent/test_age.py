"""From when on somebody's own yes counts: by their day of birth, and the law of the site."""

from datetime import date

import pytest

from ecrm_privacy.consent.age import adult_from, of_age
from ecrm_privacy.errors import Malformed
from ecrm_privacy.vocabulary import Category
from tests.unit.policy.policies import SHIPPED

TODAY = date(2026, 11, 22)
CHILD = date(2012, 5, 3)


def told(born: str, region: str = "eu", noted: date | None = None) -> date | None:
    return adult_from(SHIPPED, {Category("demographics"): {"birth_date": born, "city": "X"}}, region, TODAY, noted)


@pytest.mark.parametrize(
    ("region", "years"), [("eu", 16), ("de", 16), ("at", 14), ("uk", 13), ("us-ca", 16), ("xx", 18)]
)
def test_the_law_of_the_site_says_from_when(region: str, years: int) -> None:
    """Each law has its age, some of its countries another; where none is known it is the highest."""
    day = of_age(CHILD, years)
    assert told(CHILD.isoformat(), region) == (day if day > TODAY else None)


def test_a_leap_day_waits_for_march() -> None:
    """Nobody is of age a day too early."""
    assert of_age(date(2012, 2, 29), 16) == date(2028, 2, 29)
    assert of_age(date(2012, 2, 29), 18) == date(2030, 3, 1)


def test_of_adults_nothing_is_noted() -> None:
    """Neither the day nor, later, another day that is past as well; on the day itself somebody is of age."""
    assert told("1980-01-01") is None
    assert told("2010-11-22") is None and told("2010-11-23") == date(2026, 11, 23)
    assert told("1980-01-01", noted=date(2020, 1, 1)) is None


def test_another_day_takes_the_place_of_what_was_noted() -> None:
    """A mistake is put right either way; the same day changes nothing."""
    assert told("2012-05-03", noted=date(2028, 5, 3)) is None
    assert told("2011-05-03", noted=date(2028, 5, 3)) == date(2027, 5, 3)
    assert told("1980-01-01", noted=date(2028, 5, 3)) == date(1996, 1, 1)


def test_what_is_no_day_of_birth_is_refused() -> None:
    """Without a word of what it was; a field without the day of birth changes nothing."""
    for wrong in ("", "soon", "2012-5-3", "2012-02-30", "2026-11-23"):
        with pytest.raises(Malformed, match="no day of birth") as refused:
            told(wrong)
        assert not wrong or wrong not in str(refused.value)
    assert adult_from(SHIPPED, {Category("contact"): {"birth_date": "soon"}}, "eu", TODAY, None) is None
