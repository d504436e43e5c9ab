"""Every word of our pages, in every locale."""

import re

import pytest

from ecrm_privacy.vocabulary import Answer, ConsentStatus, ExpressionMethod, LegalBasis, RightKind
from ecrm_privacy.web.texts import DEFAULT_LOCALE, TEXTS, labels, texts

LOCALES = sorted(TEXTS)
ENGLISH = TEXTS[DEFAULT_LOCALE]
BECAUSE = {"required", "covered", "consent", "opt_out", "restricted", "gpc", "under_age", "stale_notice", "closed_here"}


@pytest.mark.parametrize("locale", LOCALES)
def test_locales_have_the_same_keys_in_the_same_order(locale: str) -> None:
    """A locale has the keys of the English one, in its order."""
    assert list(TEXTS[locale]) == list(ENGLISH)


@pytest.mark.parametrize("locale", LOCALES)
def test_locales_are_filled_in_alike(locale: str) -> None:
    """A text asks for the same values in every locale, and none is empty."""
    for key, text in TEXTS[locale].items():
        assert text.strip() == text != ""
        assert sorted(re.findall(r"{(\w*)}", text)) == sorted(re.findall(r"{(\w*)}", ENGLISH[key]))


def test_keys_do_not_hide_behind_a_mapping() -> None:
    """No key has the name of an attribute of `dict`, so that a template's `t.key` always finds the text."""
    assert [key for key in ENGLISH if hasattr({}, key)] == []


def test_the_standards_words_have_texts() -> None:
    """Each status, reason, answer, method and right has its words."""
    wanted = {f"status_{status}" for status in ConsentStatus}
    wanted |= {f"because_{word}" for word in BECAUSE}
    wanted |= {f"because_{status}" for status in ConsentStatus if status not in {"given", "renewed"}}
    wanted |= {f"because_{basis}" for basis in LegalBasis}
    wanted |= {f"answer_{answer}" for answer in Answer}
    wanted |= {f"method_{method}" for method in ExpressionMethod}
    wanted |= {f"right_{right}" for right in RightKind}
    assert wanted - set(ENGLISH) == set()


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    "status", ["refused", "withdrawn", "revoked", "expired", "invalidated", "objected", "requested"]
)
def test_a_status_is_not_said_twice(locale: str, status: str) -> None:
    """The reason that follows from a status begins with it, so that a page can leave the status out."""
    assert TEXTS[locale][f"because_{status}"].startswith(TEXTS[locale][f"status_{status}"])
    assert TEXTS[locale]["because_consent"].startswith(TEXTS[locale]["status_given"])


def test_a_region_finds_its_language() -> None:
    """`de-AT` is served German, an unknown language English."""
    assert texts("de-AT") is TEXTS["de"]
    assert texts("tlh") is ENGLISH
    assert labels("de-AT")["undo"] == TEXTS["de"]["undo"]
