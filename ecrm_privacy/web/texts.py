"""The words of our own pages and of the banner, per locale: one file each in `words/`.

What a policy says (purposes, notices, categories) is in the policy, in its own locales.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

DEFAULT_LOCALE: Final = "en"
LABELS: Final = (
    "close", "details", "dir", "failed", "frame_more", "frame_waits", "frame_yes", "kept", "pending", "receipt",
    "recipients", "region", "required", "saved", "undo", "uses",
)  # fmt: skip
"""The keys that `/ecrm.js` reads from `labels` in the answer of GET /v1/notice."""


def _read(folder: Path) -> dict[str, dict[str, str]]:
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))}


TEXTS: Final[Mapping[str, Mapping[str, str]]] = _read(Path(__file__).parent / "words")
"""Locale → key → words. Every locale has the same keys (tested)."""


def texts(locale: str) -> Mapping[str, str]:
    """Return the words for `locale` (`de-AT` finds `de`), else the English ones."""
    language = locale.partition("-")[0].lower()
    return TEXTS.get(locale) or TEXTS.get(language) or TEXTS[DEFAULT_LOCALE]


def labels(locale: str) -> dict[str, str]:
    """Return the banner's words for `locale`, for GET /v1/notice."""
    words = texts(locale)
    return {key: words[key] for key in LABELS}
