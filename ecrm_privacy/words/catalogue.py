"""Catalogues of words: one TOML file per language, the same keys in each, `{name}` for what a page fills in.

A key that depends on a number is a table with one text per plural category of its language (CLDR: zero, one, two, few,
many, other):

    [used_times]
    one = "{count} раз"
    few = "{count} раза"

Read, it is `used_times.one`, `used_times.few`, … in the one plain dict that templates are handed. What was translated
stands under `made_from/`: for each key the hash of the English text that the translation says; where the two differ
now, somebody must read the translation again.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ecrm_privacy.words.writing import categories, category, direction, number

DEFAULT_LOCALE: Final = "en"
MADE_FROM: Final = "made_from"
HASH_DIGITS: Final = 8
PLACE = re.compile(r"{(\w*)}")
ISOLATE, END = "\u2068", "\u2069"
"""First strong isolate and its end (UAX 9): what stands between them orders itself, and nothing around it."""
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
LEFT_TO_RIGHT = re.compile(
    "[A-Za-z\u00aa\u00b5\u00ba\u00c0-\u02b8\u0370-\u058f\u0900-\u1fff\u2c00-\ud7ff\uf900-\ufb1c]"
)

Words = dict[str, str]
"""Key → text, in one language; besides, `locale` names the language and `dir` its direction."""


class Catalogues(Mapping[str, Words]):
    """The words of one folder, by language; a file is read when its language is first spoken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = {path.stem: path for path in sorted(folder.glob("*.toml"))}
        self._read: dict[str, Words] = {}

    @property
    def named(self) -> str:
        """Whose words these are, as findings name the folder."""
        return "/".join(self.folder.parts[-2:])

    def named_file(self, locale: str) -> str:
        """The end of a file's path, as findings name it."""
        return "/".join(self.files[locale].parts[-3:])

    def beside(self, folder: Path) -> None:
        """Take the catalogues of another folder, too; where both have a language, the other's count."""
        self.files |= {path.stem: path for path in sorted(folder.glob("*.toml"))}
        self._read.clear()

    def __getitem__(self, locale: str) -> Words:
        """Return the words of `locale`; what it does not say is said in English. Raises KeyError for none."""
        if (found := self._read.get(locale)) is None:
            said = {"locale": locale, **flat(tomllib.loads(self.files[locale].read_text("utf-8")))}
            found = said if locale == DEFAULT_LOCALE else {**self[DEFAULT_LOCALE], **said}
            self._read[locale] = found
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def of(self, locale: str) -> Words:
        """Return the words for `locale` (`de-AT` finds `de`), else the English ones."""
        if (found := self._read.get(locale)) is not None:
            return found
        language = locale.partition("-")[0].lower()
        return self[next((name for name in (locale, language) if name in self.files), DEFAULT_LOCALE)]


def flat(read: Mapping[str, Any]) -> Words:
    """Return a parsed catalogue with its plural tables as `key.category`."""
    made: Words = {}
    for key, text in read.items():
        made |= {f"{key}.{each}": form for each, form in text.items()} if isinstance(text, dict) else {key: text}
    return made


def filled(words: Words, key: str, **parts: str) -> str:
    """Return a text with its places filled; a part that runs the other way than the text is isolated."""
    foreign = LEFT_TO_RIGHT if words["dir"] == "rtl" else RIGHT_TO_LEFT
    for name, part in parts.items():
        if foreign.search(part):
            parts[name] = f"{ISOLATE}{part}{END}"
    return words[key].format(**parts)


def counted(words: Words, key: str, count: int, **parts: str) -> str:
    """Return the text of `key` for `count` things, as the language of `words` counts them; `{count}` is the number."""
    language = words["locale"]
    form = f"{key}.{category(count, language)}"
    if form not in words:
        form = f"{key}.other"
    return filled(words, form, count=number(count, language), **parts)


# What is missing or stale ---------------------------------------------------------------------------------------------


def findings(catalogues: Catalogues) -> Iterator[str]:
    """What is missing, superfluous, filled in otherwise or stale in a folder of catalogues, as "file: key: what"."""
    source = _said(catalogues, DEFAULT_LOCALE)
    for locale in catalogues:
        file = catalogues.named_file(locale)
        said = _said(catalogues, locale)
        yield from (f"{file}: {key}: missing" for key in source if key not in said)
        yield from (f"{file}: {key}: not in {DEFAULT_LOCALE}.toml" for key in said if key not in source)
        if said.get("dir") != direction(locale):
            yield f"{file}: dir: this language is written '{direction(locale)}'"
        for key in source.keys() & said.keys():
            yield from (f"{file}: {key}{what}" for what in _unlike(source[key], said[key], locale))
        if locale != DEFAULT_LOCALE:
            yield from _stale(catalogues, locale, source, said)


def made_from(catalogues: Catalogues, locale: str) -> dict[str, str]:
    """Return, for each key of `locale`, the hash of the English text that its translation says."""
    path = _made_from(catalogues, locale)
    return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}


def vouch(catalogues: Catalogues, locale: str, keys: frozenset[str] = frozenset()) -> list[str]:
    """Write down that `locale` says what English says now, for `keys` or all of them; returns those that changed."""
    source, said, before = _said(catalogues, DEFAULT_LOCALE), _said(catalogues, locale), made_from(catalogues, locale)
    now = {key: _hash(source[key]) for key in source if key in said and key != "dir"}
    kept = {key: now[key] if not keys or key in keys else before.get(key, "") for key in now}
    path = _made_from(catalogues, locale)
    path.parent.mkdir(exist_ok=True)
    lines = [f'"{key}" = "{of}"\n' for key, of in kept.items() if of]
    path.write_text(
        f"# What {locale}.toml was translated from: `ecrm words vouch` writes this.\n{''.join(lines)}", "utf-8"
    )
    return [key for key in kept if kept[key] != before.get(key, "")]


def _made_from(catalogues: Catalogues, locale: str) -> Path:
    return catalogues.files[locale].parent / MADE_FROM / f"{locale}.toml"


def _said(catalogues: Catalogues, locale: str) -> dict[str, Any]:
    return tomllib.loads(catalogues.files[locale].read_text("utf-8"))


def _unlike(source: Any, said: Any, locale: str) -> Iterator[str]:
    if isinstance(source, dict) != isinstance(said, dict):
        yield ": a table with a text per plural category" if isinstance(source, dict) else ": one text, not a table"
        return
    if not isinstance(said, dict):
        source, said = {"": source}, {"": said}
    else:
        yield from (f".{each}: missing" for each in categories(locale) if each not in said)
        yield from (f".{each}: '{locale}' does not count so" for each in said if each not in categories(locale))
    places = {place for text in source.values() for place in PLACE.findall(text)}
    for form, text in said.items():
        found, where = PLACE.findall(text), f".{form}" if form else ""
        if not text or text != text.strip():
            yield f"{where}: empty, or with space around it"
        elif set(found) - places or len(found) != len(set(found)):
            yield f"{where}: fills in what English does not"
        elif (places - {"count"} if form else places) - set(found):
            yield f"{where}: does not fill in {', '.join(sorted(places - set(found)))}"


def _stale(catalogues: Catalogues, locale: str, source: Mapping[str, Any], said: Mapping[str, Any]) -> Iterator[str]:
    read = made_from(catalogues, locale)
    for key in source:
        if key in said and key != "dir" and read.get(key) != _hash(source[key]):
            why = f"{DEFAULT_LOCALE}.toml has changed" if key in read else "nobody vouched for it"
            yield (
                f"{catalogues.named_file(locale)}: {key}: stale: {why}; read it, then `ecrm words vouch {locale} {key}`"
            )


def _hash(text: Any) -> str:
    said = text if isinstance(text, str) else "\n".join(f"{each} {text[each]}" for each in sorted(text))
    return hashlib.sha256(said.encode()).hexdigest()[:HASH_DIGITS]
