"""Every word of our pages, in every locale."""

import re

import pytest

from ecrm_privacy.policy.compile import compile
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.vocabulary import Answer, ConsentStatus, ExpressionMethod, LegalBasis, RightKind
from ecrm_privacy.web.texts import DEFAULT_LOCALE, TEXTS, labels, texts
from ecrm_privacy.words.catalogue import findings
from personalization.interact import because
from tests.conftest import CHECKOUT
from tests.unit.policy.policies import SHIPPED, bundle, tree


def _every_basis() -> Bundle:
    """The shipped policy, with its optional purposes on one basis after the other."""
    changed = tree()
    optional = [purpose for purpose in changed["purposes"].values() if not purpose.get("required")]
    for purpose, basis in zip(optional, (basis for basis in LegalBasis if basis != "legal_obligation"), strict=False):
        purpose |= {"basis": basis.value, "validity_days": 365, "opt_out": []}
    return bundle(changed)


EVERY_BASIS = _every_basis()
LOCALES = sorted(TEXTS)
ENGLISH = TEXTS[DEFAULT_LOCALE]
DECIDED = {row.because for policy in (SHIPPED, EVERY_BASIS) for row in compile(policy).decisions}
"""Every word of the truth table, also on bases that the shipped policy does not use."""
BESIDE = {"closed_here", "unknown_rule", "unavailable", "category_not_covered"}
"""What is decided beside the table: by the gate's statement, by its doubts, and by what a server asks about."""


def test_the_catalogues_of_the_house_are_whole() -> None:
    """No text of our pages is missing in a language, filled in otherwise, or older than its English one."""
    assert list(findings(TEXTS)) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_locales_keep_the_order_of_the_english_one(locale: str) -> None:
    """A person who reads two catalogues beside each other finds the same line in the same place."""
    assert list(dict.fromkeys(key.partition(".")[0] for key in TEXTS[locale])) == list(
        dict.fromkeys(key.partition(".")[0] for key in ENGLISH)
    )


def test_every_language_that_is_offered_is_spoken() -> None:
    """The languages of the shipped sites are those of the house's catalogues, and those are the shop's."""
    assert {locale for site in SHIPPED.sites.values() for locale in site.locales} == set(TEXTS) == set(because.WORDS)
    assert {"en", "de", "fr", "es", "ru", "fa", "ar"} <= set(TEXTS)


def test_keys_do_not_hide_behind_a_mapping() -> None:
    """No key has the name of an attribute of `dict`, so that a template's `t.key` always finds the text."""
    assert [key for key in ENGLISH if hasattr({}, key)] == []


def test_the_standards_words_have_texts() -> None:
    """Each status, reason, answer, method and right has its words."""
    wanted = {f"status_{status}" for status in ConsentStatus}
    wanted |= {f"because_{word}" for word in DECIDED | BESIDE}
    wanted |= {f"because_{status}" for status in ConsentStatus if status not in {"given", "renewed"}}
    wanted |= {f"because_{basis}" for basis in LegalBasis}
    wanted |= {f"answer_{answer}" for answer in Answer}
    wanted |= {f"method_{method}" for method in ExpressionMethod}
    wanted |= {f"right_{right}" for right in RightKind}
    assert wanted - set(ENGLISH) == set()


def test_no_word_of_a_decision_is_forgotten() -> None:
    """The words that the gate's statement, its doubts and the desk write themselves are those that are listed here."""
    migrations = [path.read_text("utf-8") for path in sorted((CHECKOUT / "migrations").glob("*.sql"))]
    newest = [text for text in migrations if "function ecrm.admit(" in text][-1]
    case = re.findall(r"case when d\.allowed.*?as refused", newest, re.DOTALL)[-1]
    written = set(re.findall(r"(?:then|,) '(\w+)'", case))
    for room, call in (("consent/standing", "(?:Finding|Decision)"), ("gate/types", "Permission")):
        source = (CHECKOUT / "ecrm_privacy" / f"{room}.py").read_text("utf-8")
        written |= set(re.findall(rf'{call}\(.*, "(\w+)"', source))
    asked = re.findall(r'if covered else "(\w+)"', (CHECKOUT / "ecrm_privacy/web/servers.py").read_text("utf-8"))
    assert written | set(asked) == BESIDE


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
    assert texts("tlh") is TEXTS["en"]
    assert labels("de-AT")["undo"] == TEXTS["de"]["undo"]
