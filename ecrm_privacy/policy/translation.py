"""Whether every text says in each language what it says in the first one.

The first language is that of the first site (by name). A text in another one names what it was made from: `of`, the
start of the SHA-256 of the text in the first language. When that text changes and the translation does not, the two
differ, and a person must read the translation again. Versions of a notice show the same without `of`: where one
language changed since the version before and another did not, one of them says something else now.
"""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec

from ecrm_privacy.policy.documents import Bundle, NoticeDocument, Text

SECTIONS = ("purposes", "categories", "recipients", "channels", "notices")
HASH_DIGITS = 12


def hash_of(text: Text) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of a text's words, as `of` of its translations names them."""
    return hashlib.sha256(msgspec.json.encode(_words(text))).hexdigest()[:HASH_DIGITS]


def first_language(bundle: Bundle) -> str:
    """The language in which the policy is written: the default of the first site."""
    return bundle.sites[min(bundle.sites)].locales[0]


def stale(bundle: Bundle) -> Iterator[str]:
    """Translations whose original has changed since, as "file: key: what"."""
    source = first_language(bundle)
    for file, texts in _texts(bundle):
        if source not in texts:
            continue
        now = hash_of(texts[source])
        for locale, text in texts.items():
            if locale == source and text.of:
                yield f"{file}: texts.{locale}.of: the policy is written in '{source}', which is no translation"
            elif locale != source and text.of and text.of != now:
                yield (
                    f"{file}: texts.{locale}.of: stale: texts.{source} has changed; read the translation again, then"
                    f" write '{now}'"
                )
    yield from _stale_notices(bundle, source)


def undated(bundle: Bundle) -> Iterator[str]:
    """Translations that do not say what they were made from, as "file: key: what"."""
    source = first_language(bundle)
    for file, texts in _texts(bundle):
        for locale, text in texts.items():
            if source in texts and locale != source and not text.of:
                yield (
                    f"{file}: texts.{locale}.of: missing: nobody will notice when texts.{source} changes; write"
                    f" '{hash_of(texts[source])}'"
                )


def _texts(bundle: Bundle) -> Iterator[tuple[str, Mapping[str, Text]]]:
    """The texts of each document that is shown now: of a notice the newest version."""
    for section in SECTIONS:
        for name, document in getattr(bundle, section).items():
            if not isinstance(document, NoticeDocument) or bundle.current_notice(document.notice) is document:
                yield f"{section}/{name}.toml", document.texts


def _stale_notices(bundle: Bundle, source: str) -> Iterator[str]:
    for notice in sorted({document.notice for document in bundle.notices.values()}):
        versions = sorted((one for one in bundle.notices.values() if one.notice == notice), key=lambda one: one.version)
        if len(versions) > 1:
            before, now = versions[-2:]
            both = sorted(set(before.texts) & set(now.texts))
            same = [locale for locale in both if _words(before.texts[locale]) == _words(now.texts[locale])]
            changed = [locale for locale in both if locale not in same and not _read_again(now, locale, source)]
            for locale in same:
                if changed and not _read_again(now, locale, source):
                    others = ", ".join(f"texts.{other}" for other in changed)
                    yield f"notices/{now.name}.toml: texts.{locale}: stale: as in {before.name}, while {others} changed"


def _read_again(notice: NoticeDocument, locale: str, source: str) -> bool:
    """Whether somebody vouched, by `of`, that this language says what the first one says now."""
    return source in notice.texts and notice.texts[locale].of == hash_of(notice.texts[source])


def _words(text: Text) -> Text:
    return msgspec.structs.replace(text, of="")
