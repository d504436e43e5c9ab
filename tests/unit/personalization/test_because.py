"""Words that people read, in each language."""

from datetime import UTC, datetime
from string import Formatter

import pytest

from personalization.interact import because
from personalization.interact.rank import Why
from personalization.interact.slots import KINDS


def test_every_language_has_every_text_with_the_same_places() -> None:
    """No text is missing in a language, and none drops or invents a place."""
    places = [
        {key: {name for _, name, _, _ in Formatter().parse(text) if name} for key, text in texts.items()}
        for texts in because.TEXTS.values()
    ]
    assert all(one == places[0] for one in places)
    assert set(Why) <= set(places[0])
    assert {f"{slot}/everybody" for slot in KINDS} <= set(places[0])


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "words"),
    [
        (1450, "EUR", "en", "€14.50"), (1450, "EUR", "de-AT", "14,50\u202f€"),
        (123456789, "GBP", "en", "£1,234,567.89"),
        (5, "CHF", "de", "0,05\u202fCHF"), (900, "JPY", "fr", "JPY\u202f900"), (None, None, "en", ""),
    ],
)  # fmt: skip
def test_prices_are_written_as_people_write_them(amount: int | None, currency: str, locale: str, words: str) -> None:
    """Symbols, separators and places follow language and currency."""
    assert because.price(amount, currency, locale) == words


def test_days_are_written_as_people_write_them() -> None:
    """A day has no leading zero and its month in words."""
    at = datetime(2026, 3, 5, 23, 59, tzinfo=UTC)
    assert (because.day(at, "en"), because.day(at, "de")) == ("5 March 2026", "5. März 2026")


def test_a_title_with_braces_stays_as_it_is() -> None:
    """What a shop calls its items is never taken for a template."""
    assert because.text("view", "en", title="{name} {0}") == "Because you looked at {name} {0}"
