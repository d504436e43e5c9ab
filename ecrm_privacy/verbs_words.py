"""What `ecrm words` does: name what is missing or stale in the words of our pages, and note what was read again."""

import argparse
from argparse import Namespace
from collections.abc import Callable

from ecrm_privacy.config import Config
from ecrm_privacy.errors import StartRefused
from ecrm_privacy.hall import catalogues
from ecrm_privacy.verbs import say
from ecrm_privacy.words.catalogue import DEFAULT_LOCALE, findings, vouch


def words_check(config: Config, given: Namespace) -> int:
    """`ecrm words check`: 0 every catalogue is whole, 1 something is missing or stale."""
    found = [
        line
        for each in catalogues(config)
        for line in findings(each)
        if not given.locale or f"/{given.locale}.ftl: " in line
    ]
    for line in found:
        say(f"problem: {line}")
    if not found:
        say("; ".join(f"whole: {each.named}: {len(each[DEFAULT_LOCALE])} texts in {', '.join(each)}" for each in
                      catalogues(config)))  # fmt: skip
    return 1 if found else 0


def words_vouch(config: Config, given: Namespace) -> int:
    """`ecrm words vouch`: 0 written down, or nothing was to be."""
    if bool(given.key) == given.all:
        raise StartRefused("name the keys that you have read, or all of them by --all")
    for each in catalogues(config):
        if given.locale in each and given.locale != DEFAULT_LOCALE:
            for key in vouch(each, given.locale, frozenset(given.key)):
                say(f"read: {each.named_file(given.locale)}: {key}")
    return 0


def arguments(verb: Callable[..., argparse.ArgumentParser], words: object) -> None:
    """Add the verbs about words."""
    one = verb("check", words_check, "name what is missing or stale in a language, key by key", "ecrm words check fr",
               words)  # fmt: skip
    one.add_argument("locale", nargs="?", help="one language; default: all")
    two = verb("vouch", words_vouch, "note that a translation says what English says now, after you have read it",
               "ecrm words vouch fr used_note", words)  # fmt: skip
    two.add_argument("locale")
    two.add_argument("key", nargs="*", help="the keys that were read")
    two.add_argument("--all", action="store_true", help="every key of the language was read")
