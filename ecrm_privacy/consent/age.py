"""From when on somebody's own yes counts (GDPR 8): by the day of birth that a shop tells us, and the law of its site.

Only the day on which a child will be of age is noted, not the day of birth, and of an adult nothing at all.
"""

from collections.abc import Mapping
from datetime import date

from ecrm_privacy.errors import Malformed
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.vocabulary import Category

Fields = Mapping[Category, Mapping[str, str]]


def adult_from(bundle: Bundle, fields: Fields, region: str, today: date, noted: date | None) -> date | None:
    """Return the day from which on somebody is of age, to be noted in place of `noted`; None where nothing changes.

    `region` is where the site stands. Raises Malformed for a day of birth that is none, or has not come yet.
    """
    born = [day for category, named in fields.items() if (day := _birth(bundle, category, named, today)) is not None]
    if not born:
        return None
    day = of_age(max(born), bundle.age_of_consent(region))
    is_known = day == noted or max(day, noted or day) <= today  # that somebody has long been of age is not kept
    return None if is_known else day


def of_age(born: date, years: int) -> date:
    """Return the day on which somebody is so many years old; who was born on 29 February waits for 1 March."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def _birth(bundle: Bundle, category: Category, named: Mapping[str, str], today: date) -> date | None:
    field = bundle.categories[category].birth_field
    if not field or field not in named:
        return None
    try:
        born = date.fromisoformat(named[field])
    except ValueError:
        born = date.max
    if born > today:
        raise Malformed(f"`{category}.{field}` is no day of birth (YYYY-MM-DD)")
    return born
