"""What changed between two policies, and who must be asked again."""

import pytest

from ecrm_privacy.policy.diff import Diff, diff
from tests.unit.policy.policies import SHIPPED, Tree, before_the_laws, bundle, tree
from tests.unit.policy.test_load import set_key


def changed_by(*changes: tuple[str, object]) -> Diff:
    new = tree()
    for path, value in changes:
        set_key(path, value)(new)
    return diff(SHIPPED, bundle(new))


def renewed(new: Tree, *asks_again: str) -> Tree:
    """The same policy with a second version of its notice."""
    new["notices"]["shop@2"] = {**new["notices"]["shop@1"], "asks_again": list(asks_again)}
    return new


def test_nothing_changed() -> None:
    """The same documents differ in nothing."""
    assert diff(SHIPPED, bundle(tree())) == Diff((), (), (), ())


@pytest.mark.parametrize(
    ("path", "value", "purpose"),
    [
        ("purposes/offers/categories", ["contact", "purchases", "demographics"], "offers"),
        ("purposes/offers/recipients", ["ad-network"], "offers"),
        ("purposes/offers/own_yes", ["email", "sms", "post"], "offers"),
        ("purposes/offers/basis", "legitimate_interest", "offers"),
        ("purposes/remember/opt_out", ["ccpa"], "remember"),
        ("purposes/advertise/opt_out_signal", ["ccpa"], "advertise"),
        ("categories/demographics/retention/at_most_days", 2000, "personalize"),
        ("categories/preferences/special", True, "personalize"),
        ("channels/sms/double_opt_in", False, "offers"),
        ("channels/sms/confirm_under", ["gdpr"], "offers"),
    ],
)
def test_what_widens_is_material(path: str, value: object, purpose: str) -> None:
    """More data, more people, more time or another ground concerns the purpose's answers, and nobody asks yet."""
    found = changed_by((path, value))
    assert [difference.purposes for difference in found.material] == [(purpose,)]
    assert found.editorial == ()
    assert found.unasked == (purpose,)
    assert found.ask_again == ()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("purposes/offers/categories", ["contact"]),
        ("purposes/offers/validity_days", 900),
        ("purposes/advertise/own_yes", ["ad-network"]),
        ("purposes/personalize/opt_out", []),
        ("purposes/offers/texts/en/benefit", "You hear first."),
        ("categories/browsing/retention/at_most_days", 90),
        ("channels/post/double_opt_in", True),
        ("jurisdictions/uk/age_of_consent_years", 16),
        ("pages/yours", ["popular"]),
        ("events/click", None),
        ("slots/extra", {"personal": False}),
    ],
)
def test_what_narrows_or_rewords_is_editorial(path: str, value: object) -> None:
    """Less of everything, other words, another order and a longer time for yes's to come ask nobody again."""
    found = changed_by((path, value))
    assert len(found.editorial) == 1
    assert (found.material, found.ask_again, found.unasked) == ((), (), ())


def test_law_is_material_but_nobodys_answer() -> None:
    """Another regime is shown as material; a yes stays a yes."""
    found = changed_by(("sites/demo/jurisdiction", "uk"))
    assert len(found.material) == 1
    assert found.unasked == found.ask_again == ()


def test_a_new_notice_says_who_is_asked_again() -> None:
    """The purposes that it changed materially are asked again, and are no longer unasked."""
    new = renewed(tree(), "offers")
    new["purposes"]["offers"]["categories"].append("demographics")
    found = diff(SHIPPED, bundle(new))
    assert found.ask_again == ("offers",)
    assert found.unasked == ()


def test_a_law_more_concerns_nobodys_answer() -> None:
    """Whoever answered lives under a law that was there: what silence permits under a new one is no yes of theirs."""
    found = diff(bundle(before_the_laws()), SHIPPED)
    assert (found.unasked, found.ask_again, found.gone) == ((), (), ())
    assert {line.file for line in found.material} == {
        "jurisdictions/us-ca.toml",
        "jurisdictions/eu.toml",
        "jurisdictions/uk.toml",
    }
    assert diff(SHIPPED, bundle(before_the_laws())).gone == ("opt-out",)


def test_data_that_goes_elsewhere_is_material() -> None:
    """Another country, or another ground for it, concerns whoever said yes to that recipient's purposes."""
    assert changed_by(("recipients/tea-guild/country", "ch")).unasked == ("share",)
    assert changed_by(("recipients/tea-guild/transfer", "standard_clauses")).unasked == ("share",)


def test_an_editorial_new_notice_asks_nobody() -> None:
    """A further version without `asks_again` leaves every yes as it is."""
    assert diff(SHIPPED, bundle(renewed(tree()))).ask_again == ()


def test_an_old_notice_that_was_dropped_ends_its_yes() -> None:
    """Answers to a notice that the new policy does not know no longer count."""
    new = renewed(tree())
    del new["notices"]["shop@1"]
    assert set(diff(SHIPPED, bundle(new)).ask_again) == set(SHIPPED.purposes)


def test_new_and_dropped_documents_are_shown() -> None:
    """A purpose that comes or goes is one line, and concerns no answer that was given."""
    new = tree()
    new["purposes"]["survey"] = {**new["purposes"]["remember"], "bit": 9}
    came = diff(SHIPPED, bundle(new))
    went = diff(bundle(new), SHIPPED)
    assert [(line.file, line.old, line.new) for line in came.editorial] == [("purposes/survey.toml", "", "there")]
    assert [(line.file, line.old, line.new) for line in went.editorial] == [("purposes/survey.toml", "there", "")]
    assert came.unasked == came.ask_again == went.unasked == went.ask_again == ()


def test_differences_are_written_for_people() -> None:
    """A line names file, key and both values."""
    line = changed_by(("purposes/offers/validity_days", 900)).editorial[0]
    assert (line.file, line.key, line.old, line.new) == ("purposes/offers.toml", "validity_days", "730", "900")
