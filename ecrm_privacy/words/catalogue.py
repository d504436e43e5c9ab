"""Catalogues of words: one Fluent file per language (projectfluent.org), the same keys in each.

    hello = Hello, { $name }
    used_times = { $count ->
        [one] once
       *[other] { $number } times
    }

Read, they are one plain dict of texts with `{name}` where a page fills something in. What depends on a number chooses
by `$count`, in the plural categories of its language (CLDR), and writes it by `$number`, in the language's own digits;
such a text is a `Message`, filled like any other. What was translated stands under `made_from/`: for each key the hash
of the English text that the translation says; where the two differ now, somebody must read the translation again.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from fluent.runtime import FluentBundle, FluentResource
from fluent.runtime.resolver import Pattern
from fluent.syntax import FluentParser, ast
from fluent.syntax.serializer import serialize_expression, serialize_variant_key

from ecrm_privacy.words.writing import categories, direction, number

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

Forms = dict[str, str]
"""What a message may become: `.few` → text; one that has no choice is the one form without a name."""


class Message(str):
    """A text that Fluent itself fills, because it chooses or says another one; as a string it is its default form."""

    _bundle: FluentBundle
    _pattern: Pattern

    def __new__(cls, text: str, bundle: FluentBundle, pattern: Pattern) -> "Message":
        """Return `text` with the means to fill it."""
        made = super().__new__(cls, text)
        made._bundle, made._pattern = bundle, pattern
        return made

    def format(self, *_: object, **parts: object) -> str:
        """Return the form that `parts` choose. Raises FluentReferenceError for a part that is missing."""
        text, errors = self._bundle.format_pattern(self._pattern, parts)
        if errors:
            raise errors[0]
        return str(text)


class Catalogues(Mapping[str, Words]):
    """The words of one folder, by language; a file is read when its language is first spoken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = {path.stem: path for path in sorted(folder.glob("*.ftl"))}
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
        self.files |= {path.stem: path for path in sorted(folder.glob("*.ftl"))}
        self._read.clear()

    def __getitem__(self, locale: str) -> Words:
        """Return the words of `locale`; what it does not say is said in English. Raises KeyError for none."""
        if (found := self._read.get(locale)) is None:
            said = {"locale": locale, **read(self.files[locale].read_text("utf-8"), locale)}
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


def read(text: str, locale: str) -> Words:
    """Return the texts of a Fluent file; what cannot be read or filled is left out, and named by `findings`."""
    resource = FluentResource(text)
    bundle = FluentBundle([locale, DEFAULT_LOCALE], use_isolating=False)
    bundle.add_resource(resource)
    made: Words = {}
    for key, said in _patterns(resource):
        forms = _forms(said)
        if all(isinstance(element, ast.TextElement) or _name(element) for element in said.elements):
            made[key] = forms[""]
        elif (pattern := bundle.get_message(key).value) is not None:
            places = {place for form in forms.values() for place in PLACE.findall(form)}
            default, errors = bundle.format_pattern(pattern, {place: f"{{{place}}}" for place in {*places, "count"}})
            if not errors:
                made[key] = Message(str(default), bundle, pattern)
    return made


def filled(words: Words, key: str, **parts: str) -> str:
    """Return a text with its places filled; a part that runs the other way than the text is isolated."""
    foreign = LEFT_TO_RIGHT if words["dir"] == "rtl" else RIGHT_TO_LEFT
    for name, part in parts.items():
        if foreign.search(part):
            parts[name] = f"{ISOLATE}{part}{END}"
    return words[key].format(**parts)


def counted(words: Words, key: str, count: int, **parts: str) -> str:
    """Return the text of `key` for `count` things, as the language of `words` counts them."""
    said = number(count, words["locale"])
    return words[key].format(count=count, number=said, **parts)


# What is missing or stale ---------------------------------------------------------------------------------------------


def findings(catalogues: Catalogues) -> Iterator[str]:
    """What is missing, superfluous, filled in otherwise or stale in a folder of catalogues, as "file: key: what"."""
    source, _ = _said(catalogues, DEFAULT_LOCALE)
    for locale in catalogues:
        file = catalogues.named_file(locale)
        said, unread = _said(catalogues, locale)
        yield from (f"{file}: {what}" for what in unread)
        yield from (f"{file}: {key}: missing" for key in source if key not in said)
        yield from (f"{file}: {key}: not in {DEFAULT_LOCALE}.ftl" for key in said if key not in source)
        if said.get("dir") != {"": direction(locale)}:
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
    (source, _), (said, _) = _said(catalogues, DEFAULT_LOCALE), _said(catalogues, locale)
    before = made_from(catalogues, locale)
    now = {key: _hash(source[key]) for key in source if key in said and key != "dir"}
    kept = {key: now[key] if not keys or key in keys else before.get(key, "") for key in now}
    path = _made_from(catalogues, locale)
    path.parent.mkdir(exist_ok=True)
    lines = [f'"{key}" = "{of}"\n' for key, of in kept.items() if of]
    path.write_text(
        f"# What {locale}.ftl was translated from: `ecrm words vouch` writes this.\n{''.join(lines)}", "utf-8"
    )
    return [key for key in kept if kept[key] != before.get(key, "")]


def _made_from(catalogues: Catalogues, locale: str) -> Path:
    return catalogues.files[locale].parent / MADE_FROM / f"{locale}.toml"


def _said(catalogues: Catalogues, locale: str) -> tuple[dict[str, Forms], list[str]]:
    """Return what a file says, by key, and what of it cannot be read or filled, or stands there twice."""
    text = catalogues.files[locale].read_text("utf-8")
    resource = FluentParser().parse(text)
    said: dict[str, Forms] = {}
    wrong = []
    for junk in (each for each in resource.body if isinstance(each, ast.Junk)):
        for found in junk.annotations:
            line = text.count("\n", 0, found.span.start if found.span else 0) + 1
            wrong.append(f"line {line}: not Fluent: {found.message}")
    for key, pattern in _patterns(resource):
        if key in said:
            wrong.append(f"{key}: said twice: the first one counts")
        said.setdefault(key, _forms(pattern))
    wrong += [f"{key}: Fluent cannot fill it" for key in said.keys() - read(text, locale).keys()]
    return said, wrong


def _patterns(resource: ast.Resource) -> Iterator[tuple[str, ast.Pattern]]:
    for each in resource.body:
        if isinstance(each, ast.Message) and each.value is not None:
            yield each.id.name, each.value


def _forms(pattern: ast.Pattern) -> Forms:
    """Return each text that a pattern may become, by the variant that it takes, with `{name}` in its places."""
    made = {"": ""}
    for element in pattern.elements:
        if isinstance(element, ast.TextElement):
            ways = {"": element.value}
        elif isinstance(element.expression, ast.SelectExpression):
            ways = {
                f".{serialize_variant_key(variant.key)}{form}": text
                for variant in element.expression.variants
                for form, text in _forms(variant.value).items()
            }
        else:
            ways = {"": f"{{{_name(element) or serialize_expression(element.expression)}}}"}
        made = {form + more: text + part for form, text in made.items() for more, part in ways.items()}
    return made


def _name(element: ast.Placeable) -> str:
    """Return the name of what a placeable fills in, when it does nothing else."""
    return element.expression.id.name if isinstance(element.expression, ast.VariableReference) else ""


def _unlike(source: Forms, said: Forms, locale: str) -> Iterator[str]:
    counts = "" not in source
    if not counts and "" not in said:
        yield ": one text, no choice"
        return
    if counts:
        yield from (f".{each}: missing" for each in categories(locale) if f".{each}" not in said)
        yield from (f"{form}: '{locale}' does not count so" for form in said if form[1:] not in categories(locale))
    places = {place for text in source.values() for place in PLACE.findall(text)}
    for form, text in said.items():
        found = PLACE.findall(text)
        if set(found) - places or len(found) != len(set(found)):
            yield f"{form}: fills in what English does not"
        elif (places - {"number"} if counts else places) - set(found):
            yield f"{form}: does not fill in {', '.join(sorted(places - set(found)))}"


def _stale(
    catalogues: Catalogues, locale: str, source: Mapping[str, Forms], said: Mapping[str, Forms]
) -> Iterator[str]:
    read = made_from(catalogues, locale)
    for key in source:
        if key in said and key != "dir" and read.get(key) != _hash(source[key]):
            why = f"{DEFAULT_LOCALE}.ftl has changed" if key in read else "nobody vouched for it"
            yield (
                f"{catalogues.named_file(locale)}: {key}: stale: {why}; read it, then `ecrm words vouch {locale} {key}`"
            )


def _hash(forms: Forms) -> str:
    text = forms[""] if "" in forms else "\n".join(f"{form} {forms[form]}" for form in sorted(forms))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]
