"""The words of our own pages and of the banner: one catalogue per language in `words/` (`ecrm_privacy.words`).

What a policy says (purposes, notices, categories) is in the policy, in its own locales.
"""

from pathlib import Path
from typing import Final

from ecrm_privacy.words.catalogue import DEFAULT_LOCALE, Catalogues, Words

__all__ = ["DEFAULT_LOCALE", "LABELS", "TEXTS", "Words", "labels", "texts"]

LABELS: Final = (
    "close", "comma", "details", "dir", "failed", "frame_more", "frame_waits", "frame_yes", "kept", "pending",
    "receipt", "recipients", "region", "required", "saved", "undo", "uses",
)  # fmt: skip
"""The keys that `/ecrm.js` reads from `labels` in the answer of GET /v1/notice."""

TEXTS: Final = Catalogues(Path(__file__).parent / "words")
"""Locale → key → words. Every locale has the same keys (`ecrm words check`)."""


def texts(locale: str) -> Words:
    """Return the words for `locale` (`de-AT` finds `de`), else the English ones."""
    return TEXTS.of(locale)


def labels(locale: str) -> dict[str, str]:
    """Return the banner's words for `locale`, for GET /v1/notice; `dir` is the direction of all that it says."""
    words = texts(locale)
    return {key: words[key] for key in LABELS}
