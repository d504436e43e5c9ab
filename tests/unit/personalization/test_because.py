"""Words that people read in slots, in each language."""

import pytest

from ecrm_privacy.words.catalogue import findings
from personalization.interact import because
from personalization.interact.rank import Why
from personalization.interact.slots import KINDS


def test_the_catalogues_of_the_shop_are_whole() -> None:
    """No text of the shop is missing in a language, filled in otherwise, or older than its English one."""
    assert list(findings(because.WORDS)) == []


def test_each_slot_and_each_reason_has_its_words() -> None:
    """Each kind of slot has a title for everybody, and each reason a sentence."""
    english = because.words("en")
    assert {f"because_{why}" for why in Why} <= set(english)
    assert {f"slot_{slot}_everybody" for slot in KINDS if slot != "greeting"} <= set(english)


def test_keys_do_not_hide_behind_a_mapping() -> None:
    """No key has the name of an attribute of `dict`, so that a template's `w.key` always finds the text."""
    assert [key for key in because.words("en") if hasattr({}, key)] == []


def test_a_title_with_braces_stays_as_it_is() -> None:
    """What a shop calls its items is never taken for a template."""
    assert because.why("view", "en", title="{name} {0}") == "Because you looked at {name} {0}"


@pytest.mark.parametrize("locale", ["ar", "fa"])
def test_a_title_that_runs_the_other_way_is_isolated(locale: str) -> None:
    """An English title inside a sentence that runs from right to left does not order the words around it."""
    assert "\u2068Sencha (80 g)\u2069" in because.why("view", locale, title="Sencha (80 g)")


def test_a_greeting_has_a_name_where_it_is_known() -> None:
    """Who is known is greeted by name, everybody else kindly."""
    assert because.greeting("Ada", "de") == "Schön, Sie zu sehen, Ada"
    assert because.greeting(None, "de") == "Schön, dass Sie da sind"
