"""How a language writes days, moments, numbers and prices, and how it counts: the Unicode CLDR's word, by Babel.

Babel's tables of a language are read when it is first asked for (4 to 13 ms) and kept. Days and prices are
written into every item of a page: each is put into words once and remembered, so that a page pays for a look-up.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time, get_datetime_format
from babel.numbers import format_currency, format_decimal, format_percent

from ecrm_privacy.words import persian

DIALECT: Final = {"en": "en_GB"}
"""How a language that we write is spoken, where it names no country: 3 May 2026."""
ZEROS: Final = {
    "arab": "\u0660", "arabext": "\u06f0", "beng": "\u09e6", "deva": "\u0966", "mymr": "\u1040", "olck": "\u1c50",
    "mtei": "\uabf0", "tibt": "\u0f20", "cakm": "\U00011136", "adlm": "\U0001e950", "rohg": "\U00010d30",
}  # fmt: skip
"""The zero of each numbering system that is a language's own in the CLDR; nine more follow it (Unicode 4.6)."""
WHOLE: Final = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
    "XPF",
)  # fmt: skip
THOUSANDTHS: Final = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
MINOR_DIGITS: Final = {**dict.fromkeys(WHOLE, 0), **dict.fromkeys(THOUSANDTHS, 3), "CLF": 4, "UYW": 4}
"""How many digits the minor units of a currency have, where it is not two (ISO 4217)."""
KEPT_MOST = 16_384


@cache
def _tables(tag: str) -> Locale:
    """Return Babel's tables for `de`, `de-AT`; of the language alone, or English ones, where there are none."""
    for name in (DIALECT.get(tag, tag), tag.partition("-")[0]):
        try:
            return Locale.parse(name.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse(DIALECT["en"])


@cache
def _figures(tag: str) -> dict[int, int]:
    zero = ZEROS.get(_tables(tag).default_numbering_system)
    return {ord("0") + digit: ord(zero) + digit for digit in range(10)} if zero else {}


def figures(text: str, locale: str) -> str:
    """Return `text` with its digits as `locale` writes them."""
    own = _figures(locale)
    return text.translate(own) if own else text


def direction(locale: str) -> str:
    """Return `ltr` or `rtl`."""
    return str(_tables(locale).text_direction)


@lru_cache(KEPT_MOST)
def day(at: date, locale: str) -> str:
    """Return a day in words: 3 May 2026, 3. Mai 2026, ۱۳ اردیبهشت ۱۴۰۵."""
    tables = _tables(locale)
    months = persian.MONTHS.get((tables.language, tables.territory))
    if months is not None:
        year, month, of_month = persian.date_of(at)
        return figures(f"{of_month} {months[month - 1]} {year}", locale)
    return figures(str(format_date(at, "long", locale=tables)), locale)


def day_of(moment: datetime, locale: str) -> str:
    """Return the day of a moment (UTC) in words."""
    return day(moment.astimezone(UTC).date(), locale)


def moment(at: datetime, locale: str) -> str:
    """Return a moment (UTC) to the second."""
    tables = _tables(locale)
    if (tables.language, tables.territory) not in persian.MONTHS:
        return figures(str(format_datetime(at, "long", locale=tables)), locale)
    pattern = str(get_datetime_format("long", locale=tables)).replace("'", "")
    return pattern.format(figures(str(format_time(at, "long", locale=tables)), locale), day_of(at, locale))


def month(of: date, locale: str) -> str:
    """Return the month of the Gregorian calendar that begins on a day: November 2026."""
    return figures(str(format_date(of, "LLLL y", locale=_tables(locale))), locale)


def number(value: int, locale: str) -> str:
    """Return a count: 1,234, 1.234, ۱٬۲۳۴."""
    return figures(str(format_decimal(value, locale=_tables(locale), numbering_system="default")), locale)


@lru_cache(KEPT_MOST)
def percent(share: float, locale: str) -> str:
    """Return a share of 1 in whole hundredths: 34%, 34 %, ۳۴٪."""
    tables = _tables(locale)
    sign = tables.number_symbols.get(tables.default_numbering_system, {}).get("percentSign") or "%"
    written = format_percent(share, locale=tables, numbering_system="default")
    return figures(str(written).replace("%", sign), locale)


@lru_cache(KEPT_MOST)
def price(amount_minor: int | None, currency: str | None, locale: str) -> str:
    """Return a price: €14.50, 14,50 €, €۱۴٫۵۰; nothing for none."""
    if amount_minor is None or currency is None:
        return ""
    amount = Decimal(amount_minor).scaleb(-MINOR_DIGITS.get(currency, 2))
    written = format_currency(amount, currency, locale=_tables(locale), numbering_system="default")
    return figures(str(written), locale)


def categories(locale: str) -> tuple[str, ...]:
    """Return the plural categories by which a language counts (CLDR, UTS 35 part 3)."""
    found = _tables(locale).plural_form.tags | {"other"}
    return tuple(each for each in ("zero", "one", "two", "few", "many", "other") if each in found)
