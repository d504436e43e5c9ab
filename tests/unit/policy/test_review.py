"""What a lawyer would find: each kind of finding by file and key, and none in the shipped policy."""

from collections.abc import Callable
from typing import Any

import pytest

from ecrm_privacy.policy.review import Review, review
from ecrm_privacy.policy.transfers import ADEQUATE, EEA
from tests.unit.policy.policies import SHIPPED, Tree, bundle, tree
from tests.unit.policy.test_load import set_key

LAWS = SHIPPED.jurisdictions
SOURCE = {"law": "GDPR", "article": "46(2)(c)", "address": "https://law.example/gdpr"}


def reviewed(*changes: Callable[[Tree], object]) -> Review:
    changed = tree()
    for change in changes:
        change(changed)
    return review(bundle(changed), LAWS)


def test_the_shipped_policy_has_no_findings() -> None:
    """Neither a problem nor a warning: what we ship can be defended."""
    assert review(SHIPPED, LAWS) == Review((), ())


def _site(**more: Any) -> Any:
    """A second site beside the demo, with its notice."""
    return {**tree()["sites"]["demo"], **more}


def two_notices(purposes: list[str]) -> Tree:
    """The shipped policy with a club that has a notice of its own."""
    changed = tree()
    changed["notices"]["club@1"] = {**changed["notices"]["shop@1"], "purposes": purposes}
    changed["sites"]["club"] = _site(notice="club")
    return changed


def test_sites_share_a_notice_or_have_purposes_of_their_own() -> None:
    """An answer is kept by person and purpose: what two notices ask would be answered once for both."""
    said = "'remember' is asked by the notice 'club' too: sites share one notice, or each has purposes of its own"
    assert any(said in line for line in review(bundle(two_notices(["order", "remember"])), LAWS).problems)
    for fits in (two_notices(["order"]), {**tree(), "sites": {**tree()["sites"], "club": _site()}}):
        assert not [line for line in review(bundle(fits), LAWS).problems if "notice" in line]


PROBLEMS: list[tuple[str, Any, str]] = [
    ("categories/preferences/special", True, "purposes/personalize.toml: explicit: 'preferences' is a special categor"),
    ("categories/browsing/special", True, "purposes/measure.toml: basis: 'browsing' is a special category and needs"),
    ("categories/preferences/special", True, "purposes/personalize.toml: opt_out: under the law of 'ca'"),
    ("categories/browsing/retention/at_most_days", 36_525, "categories/browsing.toml: retention.at_most_days: has no"),
    ("categories/browsing/retention/at_most_days", 800, "longer than 25 months, and 'measure' measures with it"),
    ("purposes/order/dpv", "dpv:DirectMarketing", "purposes/order.toml: required: dpv:DirectMarketing is not what a"),
    ("purposes/remember/opt_out", ["gdpr"], "purposes/remember.toml: opt_out[0]: under 'gdpr' silence would permit, a"),
    ("purposes/remember/opt_out", ["uk-gdpr"], "purposes/remember.toml: opt_out[0]: under 'uk-gdpr' silence would"),
    ("purposes/advertise/opt_out_signal", ["ccpa"], "purposes/advertise.toml: opt_out_signal: 'opt-out' is missing: u"),
    ("purposes/share/opt_out_signal", ["opt-out"], "purposes/share.toml: opt_out_signal: 'ccpa' is missing: under the"),
    ("purposes/measure/dpv", "dpv:TargetedAdvertising", "purposes/measure.toml: basis: dpv:TargetedAdvertising follow"),
    ("purposes/measure/recipients", ["ad-network"], "purposes/measure.toml: basis: measuring for others needs consent"),
    ("purposes/offers/validity_days", 900, "purposes/offers.toml: validity_days: 900 is longer than jurisdictions/eu."),
    ("recipients/ad-network/country", None, "recipients/ad-network.toml: country: missing: say where data goes"),
    ("recipients/ad-network/country", "in", "recipients/ad-network.toml: transfer: missing: 'in' is outside the EEA"),
    ("recipients/tea-guild/country", "in", "recipients/tea-guild.toml: transfer: there is no adequacy decision about"),
    ("recipients/tea-guild/sources", [], "recipients/tea-guild.toml: sources: missing: where does the ground"),
    ("jurisdictions/us-tx/sources", [], "jurisdictions/us-tx.toml: sources: missing: cite the law"),
    ("jurisdictions/uk/age_of_consent_years", 12, "jurisdictions/uk.toml: age_of_consent_years: 12, the law"),
    ("jurisdictions/eu/age_of_consent_years", 15, "jurisdictions/eu.toml: age_of_consent_years: 15, the law of 'sk'"),
    ("jurisdictions/eu/ages/fr", 13, "jurisdictions/eu.toml: ages.fr: 13, the law says 15 (GDPR"),
    ("jurisdictions/us-ca/answer_within", {"days": 46}, "jurisdictions/us-ca.toml: answer_within: 46 days, the law sa"),
    ("jurisdictions/br/answer_within", {"months": 1}, "jurisdictions/br.toml: answer_within: 1 month, the law says 15"),
    ("jurisdictions/eu/extension", {"months": 2, "days": 1}, "extension: 2 months and 1 day, the law says 2 months"),
    ("jurisdictions/us-ca/ask_again_after_days", 300, "jurisdictions/us-ca.toml: ask_again_after_days: 300, at least"),
    ("jurisdictions/eu/validity_days_most", 0, "jurisdictions/eu.toml: validity_days_most: 0, at most 731"),
    ("jurisdictions/us-tx/signal_binds", False, "jurisdictions/us-tx.toml: signal_binds: Global Privacy Control is bi"),
    ("jurisdictions/eu/asks_first", False, "jurisdictions/eu.toml: asks_first: silence is no yes here"),
    ("jurisdictions/us-tx/special_needs_yes", False, "special_needs_yes: special categories need a yes here"),
    ("notices/shop@1/texts/en/refuse", "No thanks, I don't care about offers", "refuse: 'thanks, i' makes a no sound"),
    ("notices/shop@1/texts/en/refuse", "More options", "texts.en.refuse: does not say no"),
    ("notices/shop@1/texts/en/refuse", "Refuse", "texts.en.refuse: one of the two buttons speaks of all and the other"),
    ("notices/shop@1/texts/en/accept", "Got it!", "texts.en.accept: does not say yes"),
    ("notices/shop@1/texts/en/accept", "Accept all!", "texts.en.refuse: one of the two buttons has '!' and the other"),
    ("notices/shop@1/texts/de/refuse", "Alles leider ablehnen", "texts.de.refuse: 'leider' makes a no sound wrong"),
    ("notices/shop@1/texts/de/refuse", "Später alles ablehnen", "texts.de.refuse: 'später' puts the answer off"),
    ("sites/club", _site(controller={"name": "A club", "address": "Elsewhere", "contact": "x"}), "controller is a"),
    ("sites/club", _site(controller={**_site()["controller"], "address": "Elsewhere"}), "sites/demo.toml: notice: 'sh"),
    ("purposes/offers/texts/en/benefit", "New words.", "purposes/offers.toml: texts.de.of: stale: texts.en has change"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "problem"), PROBLEMS)
def test_a_problem_is_named_by_file_and_key(path: str, value: Any, problem: str) -> None:
    """Whatever is unlawful has its line, with the place where its author finds it."""
    found = reviewed(set_key(path, value))
    assert [line for line in found.problems if problem in line], found
    assert all(line.count(": ") >= 2 for line in found.problems)


WARNINGS: list[tuple[str, Any, str]] = [
    ("categories/purchases/retention/at_most_days", 4000, "categories/purchases.toml: retention.at_most_days: longer"),
    ("categories/browsing/retention/after_withdrawal_days", 60, "retention.after_withdrawal_days: longer than a month"),
    ("recipients/paper-mill/transfer", "adequacy", "recipients/paper-mill.toml: transfer: 'at' is inside the EEA"),
    ("recipients/tea-guild/country", "us", "recipients/tea-guild.toml: transfer: the decision about 'us' covers compa"),
    ("recipients/tea-guild/transfer", "explicit_consent", "transfer: a derogation is for transfers that are not repea"),
    ("sites/demo/controller/storage_location", "", "sites/demo.toml: controller.storage_location: missing"),
    ("purposes/offers/texts/de/of", "", "purposes/offers.toml: texts.de.of: missing: nobody will notice when texts.en"),
    ("jurisdictions/jp", {**tree()["jurisdictions"]["ch"]}, "jurisdictions/jp.toml: sources: this program does not kn"),
    ("notices/shop@1/purposes", ["order", "measure"], "purposes/share.toml: basis: no site asks about it, so nobody c"),
    ("notices/shop@1/purposes", ["share"], "purposes/measure.toml: basis: no notice of a site tells of it (GDPR 13(1)"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "warning"), WARNINGS)
def test_what_a_person_must_weigh_is_a_warning(path: str, value: Any, warning: str) -> None:
    """What may be right for a reason that no document tells is said, and is no problem."""
    found = reviewed(set_key(path, value))
    assert [line for line in found.warnings if warning in line], found
    assert found.problems == ()


def by_mail(**purpose: Any) -> Callable[[Tree], object]:
    """A change: news by mail on another ground than consent."""

    def change(changed: Tree) -> None:
        changed["purposes"]["offers"] |= {"basis": "legitimate_interest", "own_yes": [], **purpose}

    return change


def test_mail_that_advertises_needs_consent_or_a_customer() -> None:
    """By post without a yes; by electronic mail only within the soft opt-in, whose conditions are looked at."""
    channels = [
        f"purposes/offers.toml: channels: advertising by '{name}' needs consent: name it in own_yes, or keep to"
        " soft_opt_in (2002/58/EC, 13(1) and (2))"
        for name in ("email", "sms", "web_push")
    ]
    assert list(reviewed(by_mail()).problems) == channels
    assert reviewed(by_mail(own_yes=["email", "sms", "web_push"])).problems == ()
    assert reviewed(by_mail(soft_opt_in=True)).problems == ()
    wrong = reviewed(by_mail(soft_opt_in=True, basis="consent", categories=["preferences"], recipients=["paper-mill"]))
    assert [line.split(": ")[1] for line in wrong.problems].count("soft_opt_in") == 3


def test_what_people_do_in_their_browser_needs_consent() -> None:
    """An interest of ours does not store what somebody looks at."""
    found = reviewed(
        set_key("purposes/remember/basis", "legitimate_interest"),
        set_key("purposes/remember/dpv", "dpv:FraudPreventionAndDetection"),
    )
    (problem,) = found.problems
    assert problem.startswith("purposes/remember.toml: basis: stores what people do in their browser (cart, click, ")


def test_special_data_with_a_yes_in_so_many_words_is_lawful() -> None:
    """Explicit consent, and silence nowhere but where the law lets it."""
    found = reviewed(
        set_key("categories/preferences/special", True),
        set_key("purposes/personalize/explicit", True),
        set_key("purposes/personalize/opt_out", ["ccpa"]),
    )
    assert found.problems == ()


def test_a_ground_for_a_transfer_is_enough_anywhere() -> None:
    """Standard contractual clauses carry data to a country without a decision."""
    found = reviewed(
        set_key("recipients/ad-network/country", "in"),
        set_key("recipients/ad-network/transfer", "standard_clauses"),
        set_key("recipients/ad-network/sources", [SOURCE]),
    )
    assert found == Review((), ())
    assert not EEA & set(ADEQUATE)


def test_a_stricter_policy_is_as_good() -> None:
    """Older, sooner, quieter: a policy may promise more than the law demands."""
    found = reviewed(
        set_key("jurisdictions/uk/age_of_consent_years", 16),
        set_key("jurisdictions/eu/answer_within", {"days": 20}),
        set_key("jurisdictions/eu/ask_again_after_days", 400),
        set_key("jurisdictions/us-va/signal_binds", True),
        set_key("jurisdictions/eu/validity_days_most", 730),
    )
    assert found == Review((), ())


def test_a_document_answers_for_all_that_it_covers() -> None:
    """Moving a country under a laxer law, or giving it a document of its own, changes nothing about its law."""

    def moved(changed: Tree) -> None:
        laws = changed["jurisdictions"]
        laws["eu"]["covers"].remove("fr")
        del laws["eu"]["ages"]["fr"]
        laws["us"]["covers"] = ["fr"]

    found = [line for line in reviewed(moved).problems if line.startswith("jurisdictions/us.toml: ")]
    assert [line.split(": ")[1] for line in found] == [
        "age_of_consent_years", "answer_within", "asks_first", "validity_days_most",
    ]  # fmt: skip

    def alone(changed: Tree) -> None:
        moved(changed)
        del changed["jurisdictions"]["us"]["covers"]
        changed["jurisdictions"]["fr"] = {**changed["jurisdictions"]["uk"], "covers": [], "age_of_consent_years": 14}

    assert [line.partition(" (")[0] for line in reviewed(alone).problems] == [
        "jurisdictions/fr.toml: age_of_consent_years: 14, the law of 'fr' says 15",
        "jurisdictions/fr.toml: validity_days_most: 0, at most 731",
    ]
