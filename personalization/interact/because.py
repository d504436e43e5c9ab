"""What people read in slots and around them: titles, and why an item is there. Words: `personalization/words/`."""

from pathlib import Path
from typing import Final

from ecrm_privacy.words.catalogue import Catalogues, Words, filled

WORDS: Final = Catalogues(Path(__file__).parents[1] / "words")
"""What the shop says, by language."""


def words(locale: str) -> Words:
    """Return the shop's words for `locale` (`de-AT` finds `de`), else the English ones."""
    return WORDS.of(locale)


def text(key: str, locale: str, **parts: str) -> str:
    """Return a text by its key, filled; `parts` are values of ours, never a template."""
    return filled(WORDS.of(locale), key, **parts)


def why(key: str, locale: str, **parts: str) -> str:
    """Return why an item is there."""
    return text(f"because_{key}", locale, **parts)


def title(slot: str, locale: str, *, personal: bool) -> str:
    """Return the title of a slot, which promises nothing personal where nothing is."""
    return text(f"slot_{slot}" if personal else f"slot_{slot}_everybody", locale)


def section(name: str, locale: str) -> str:
    """Return what people call a section of the shop; one without a word of its own is its word, with a capital."""
    return words(locale).get(f"section_{name}", name[:1].upper() + name[1:])


def greeting(name: str | None, locale: str) -> str:
    """Return how somebody is greeted, by name where it is known."""
    return text("greeting", locale) if name is None else text("greeting_name", locale, name=name)
