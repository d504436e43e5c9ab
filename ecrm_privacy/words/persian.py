"""The solar Hijri calendar of Iran and Afghanistan: how people who read Persian name a day. Pure.

Leap years by the cycle of 33 years, as ICU reckons them: the check of a receipt writes the same days by the browser's
own ICU. Months as the CLDR names them.
"""

from datetime import date
from typing import Final

MONTHS: Final = {
    **dict.fromkeys(
        [("fa", None), ("fa", "IR")],
        ("فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی", "بهمن", "اسفند"),
    ),
    ("fa", "AF"): ("حمل", "ثور", "جوزا", "سرطان", "اسد", "سنبله", "میزان", "عقرب", "قوس", "جدی", "دلو", "حوت"),
}
"""The twelve months, by language and country."""
EPOCH: Final = 226_895
"""The ordinal of 1 Farvardin of the year 1 (`date.toordinal`)."""


def date_of(day: date) -> tuple[int, int, int]:
    """Return year, month and day of month."""
    since = day.toordinal() - EPOCH
    year = 1 + (33 * since + 3) // 12_053
    of_year = since - (365 * (year - 1) + (8 * year + 21) // 33)
    if of_year < 186:  # six months of 31 days
        return year, of_year // 31 + 1, of_year % 31 + 1
    return year, (of_year - 186) // 30 + 7, (of_year - 186) % 30 + 1
