"""Days, numbers and prices as people of each language write them."""

import itertools
from datetime import UTC, date, datetime

import pytest

from ecrm_privacy.words import persian, writing

AT = datetime(2026, 3, 5, 23, 59, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "words"),
    [
        (1450, "EUR", "en", "€14.50"), (1450, "EUR", "de-AT", "€\u00a014,50"), (1450, "EUR", "de", "14,50\u00a0€"),
        (123456789, "GBP", "en", "£1,234,567.89"), (1450, "EUR", "tlh", "€14.50"),
        (5, "CHF", "de", "0,05\u00a0CHF"), (900, "JPY", "fr", "900\u00a0JPY"), (None, None, "en", ""),
        (123456789, "EUR", "ru", "1\u00a0234\u00a0567,89\u00a0€"), (1450, "EUR", "ar", "\u200f14.50\u00a0€"),
        (1450, "EUR", "fa", "\u200e€\u00a0۱۴٫۵۰"), (1500, "KWD", "en", "KWD1.500"),
    ],
)  # fmt: skip
def test_prices_are_written_as_people_write_them(amount: int | None, currency: str, locale: str, words: str) -> None:
    """Symbols, separators, places and digits follow language and currency; minor units follow ISO 4217."""
    assert writing.price(amount, currency, locale) == words


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", "5 March 2026"), ("de", "5. März 2026"), ("fr", "5 mars 2026"), ("es", "5 de marzo de 2026"),
        ("ru", "5 марта 2026\u202fг."), ("ar", "5 مارس 2026"), ("fa", "۱۴ اسفند ۱۴۰۴"), ("fa-AF", "۱۴ حوت ۱۴۰۴"),
        ("ar-EG", "٥ مارس ٢٠٢٦"),
    ],
)  # fmt: skip
def test_days_are_written_as_people_write_them(locale: str, words: str) -> None:
    """A day has its month in words, in the digits and the calendar of its language."""
    assert writing.day_of(AT, locale) == writing.day(AT.date(), locale) == words


def test_moments_and_months() -> None:
    """A moment names its day and its time; a month is one of the calendar by which uses are counted."""
    assert writing.moment(AT, "en") == "5 March 2026, 23:59:08 UTC"
    assert writing.moment(AT, "fa") == "۱۴ اسفند ۱۴۰۴، ساعت ۲۳:۵۹:۰۸ (UTC)"
    assert writing.month(date(2026, 3, 1), "fa") == "مارس ۲۰۲۶"
    assert writing.number(1234, "fa") == "۱٬۲۳۴"


def test_shares_are_written_as_people_write_them() -> None:
    """Hundredths, in the digits of the language, with its sign where it puts it."""
    assert [writing.percent(0.345, locale) for locale in ("en", "de", "fa")] == ["34%", "34\u00a0%", "۳۴٪"]


def test_the_persian_calendar_meets_known_days() -> None:
    """New years that were observed, a leap day, and every day follows the one before."""
    known = {(1926, 3, 22): (1305, 1, 1), (1979, 2, 11): (1357, 11, 22), (2021, 3, 21): (1400, 1, 1),
             (2024, 3, 20): (1403, 1, 1), (2025, 3, 20): (1403, 12, 30), (2025, 3, 21): (1404, 1, 1)}  # fmt: skip
    assert {day: persian.date_of(date(*day)) for day in known} == known
    first = date(1950, 1, 1).toordinal()
    days = [persian.date_of(date.fromordinal(first + n)) for n in range(40_000)]
    assert all(
        (later[:2] == earlier[:2] and later[2] == earlier[2] + 1)
        or (later[2] == 1 and (later[0], later[1]) in {(earlier[0], earlier[1] + 1), (earlier[0] + 1, 1)})
        for earlier, later in itertools.pairwise(days)
    )


def test_languages_count_by_their_own_rules() -> None:
    """Plural categories are those of the CLDR."""
    assert writing.categories("ar") == ("zero", "one", "two", "few", "many", "other")
    assert writing.categories("de") == ("one", "other")


def test_what_stands_at_every_item_is_written_once() -> None:
    """A day, a share and a price are put into words once; a page of items pays for a look-up each."""
    for write, *given in ((writing.day, date(2026, 5, 3)), (writing.percent, 0.34), (writing.price, 1450, "EUR")):
        assert write(*given, "de") is write(*given, "de")  # type: ignore[operator]
