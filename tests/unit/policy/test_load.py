"""Documents are read strictly, checked together, and refused with every problem at once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ecrm_privacy.errors import PolicyRefused
from ecrm_privacy.policy.load import canonical, from_documents, load
from ecrm_privacy.vocabulary import Category, LegalBasis, Purpose
from tests.unit.policy.policies import FOLDER, SHIPPED, Tree, before_the_laws, bundle, tree


def problems(change: Callable[[Tree], object]) -> list[str]:
    """The problems of the shipped policy after `change`."""
    changed = tree()
    change(changed)
    with pytest.raises(PolicyRefused) as refused:
        bundle(changed)
    return str(refused.value).splitlines()


def set_key(path: str, value: object) -> Callable[[Tree], object]:
    """A change: the value at `section/name/key/…` becomes `value`, or goes if it is None."""

    def change(changed: Tree) -> None:
        *way, last = path.split("/")
        at = changed
        for step in way:
            at = at[step]
        if value is None:
            del at[last]
        else:
            at[last] = value

    return change


def test_the_shipped_policy_is_sound() -> None:
    """The policies folder loads, and says what the product promises."""
    assert SHIPPED.purposes[Purpose("order")].required
    assert SHIPPED.purposes[Purpose("measure")].basis is LegalBasis.LEGITIMATE_INTEREST
    assert SHIPPED.categories[Category("evidence")].kept_under == "order"
    assert all(Category("evidence") not in purpose.categories for purpose in SHIPPED.purposes.values())
    assert set(SHIPPED.purposes[Purpose("share")].own_yes) == set(SHIPPED.purposes[Purpose("share")].recipients)
    assert SHIPPED.pages["yours"] == ("greeting", "for-you", "history", "popular")
    assert SHIPPED.regimes == ("ccpa", "gdpr", "opt-out", "strict", "uk-gdpr")


def test_an_unknown_region_has_the_default_law() -> None:
    """A region that no document names is treated by the strictest law."""
    assert SHIPPED.jurisdiction("eu").regime == "gdpr"
    assert SHIPPED.jurisdiction("atlantis").regime == "strict"


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("purposes/offers/categorys", [], "purposes/offers.toml: categorys: no such key"),
        ("purposes/offers/name", "x", "purposes/offers.toml: name: no such key; a document is named by its file"),
        ("purposes/offers/bit", "4", "purposes/offers.toml: bit: expected int, got str"),
        ("purposes/offers/bit", 64, "purposes/offers.toml: bit: expected int <= 63"),
        ("purposes/offers/basis", "hope", "purposes/offers.toml: basis: invalid enum value 'hope'"),
        ("purposes/offers/channels", ["email", 7], "purposes/offers.toml: channels[1]: expected str, got int"),
        ("purposes/offers/texts/en/benefit", None, "purposes/offers.toml: texts.en.benefit: missing"),
        ("purposes/offers/texts/en/hint", "x", "purposes/offers.toml: texts.en.hint: no such key"),
        ("purposes/offers/texts/de", None, "purposes/offers.toml: texts.de: missing"),
        ("channels/post/texts/en", None, "channels/post.toml: texts.en: missing"),
        ("notices/shop@1/texts/de", None, "notices/shop@1.toml: texts.de: missing"),
        ("purposes/offers/bit", 0, "purposes/order.toml: bit: 0 belongs to purposes/offers.toml"),
        (
            "purposes/personalize/categories",
            ["contact", "purchases", "browsing", "preferences", "purchase"],
            "purposes/personalize.toml: categories[4]: no category 'purchase'",
        ),
        ("purposes/offers/own_yes", ["fax"], "own_yes[0]: 'fax' is neither a channel nor a recipient of this purpose"),
        ("purposes/offers/recipients", ["emial"], "purposes/offers.toml: recipients[0]: no recipient 'emial'"),
        ("purposes/offers/own_yes", ["email", "email"], "purposes/offers.toml: own_yes: 'email' stands there twice"),
        ("purposes/offers/opt_out", ["lgpd"], "opt_out[0]: no jurisdiction has the regime 'lgpd'"),
        ("purposes/offers/opt_out", ["strict"], "opt_out[0]: no jurisdiction has the regime 'strict'"),
        ("purposes/measure/opt_out", ["ccpa"], "only a purpose on the basis of consent can be opt-out somewhere"),
        (
            "purposes/offers/required",
            True,
            "a purpose on the basis of consent can be refused, so it cannot be required",
        ),
        ("purposes/measure/required", True, "a purpose on the basis of legitimate_interest can be refused"),
        ("purposes/measure/basis", "legal_obligation", "a legal obligation cannot be refused, so it is required"),
        ("purposes/offers/validity_days", 0, "purposes/offers.toml: validity_days: a yes must end some day"),
        ("categories/browsing/kept_under", "rember", "categories/browsing.toml: kept_under: no purpose 'rember'"),
        (
            "categories/browsing/retention/after_withdrawal_days",
            400,
            "categories/browsing.toml: retention.after_withdrawal_days: longer than at_most_days",
        ),
        ("purposes/measure/categories", ["browsing", "accountability"], "'accountability' serves no purpose"),
        ("categories/accountability/retention/at_most_days", 396, "retention.at_most_days: more than 395"),
        ("categories/accountability/behavioural", True, "behavioural: it is not what somebody does"),
        ("jurisdictions/default", None, "jurisdictions/default.toml: missing: every other region falls back to it"),
        ("jurisdictions/us/covers", ["us-ca"], "jurisdictions/us.toml: covers[0]: 'us-ca' has a document of its own"),
        (
            "jurisdictions/us/covers",
            ["de"],
            "jurisdictions/us.toml: covers[0]: 'de' is covered by jurisdictions/eu.toml",
        ),
        ("jurisdictions/us/covers", ["us-a", "us-a"], "jurisdictions/us.toml: covers: 'us-a' stands there twice"),
        ("jurisdictions/us/covers", ["Texas"], "jurisdictions/us.toml: covers[0]: expected str matching regex"),
        (
            "jurisdictions/us/ages",
            {"us-a": 14},
            "jurisdictions/us.toml: ages.us-a: this document does not cover 'us-a'",
        ),
        (
            "jurisdictions/us/sources",
            [{"law": "x"}],
            "jurisdictions/us.toml: sources[0]: object missing required field",
        ),
        ("recipients/ad-network/transfer", "hope", "recipients/ad-network.toml: transfer: invalid enum value 'hope'"),
        (
            "recipients/ad-network/country",
            "Ireland",
            "recipients/ad-network.toml: country: expected str matching regex",
        ),
        ("channels/post/texts/de/of", "x", "channels/post.toml: texts.de.of: expected str matching regex"),
        ("slots/greeting/purpose", "greet", "slots/greeting.toml: purpose: no purpose 'greet'"),
        ("slots/greeting/purpose", None, "slots/greeting.toml: purpose: no purpose ''"),
        (
            "slots/history/categories",
            ["purchases", "browsing"],
            "slots/history.toml: categories[1]: the purpose 'order' does not cover 'browsing'",
        ),
        ("slots/greeting/categories", ["evidence"], "the purpose 'personalize' does not cover 'evidence'"),
        ("slots/greeting/channel", "sms", "the purpose 'personalize' has no channel 'sms'"),
        ("slots/greeting/recipient", "tea-guild", "the purpose 'personalize' has no recipient 'tea-guild'"),
        (
            "slots/popular/purpose",
            "order",
            "slots/popular.toml: personal: a slot that is not personal names no purpose",
        ),
        ("events/view/purpose", "remembr", "events.toml: view.purpose: no purpose 'remembr'"),
        ("events/view/category", "purchases", "events.toml: view.category: the purpose 'remember' does not cover"),
        ("events/purchase/category", "contact", "events.toml: purchase.category: 'contact' is not behavioural"),
        ("events/view/color", "red", "events.toml: view.color: no such key"),
        ("pages/yours", ["greeting", "foryou"], "pages.toml: yours[1]: no slot 'foryou'"),
        ("pages/yours", ["popular", "popular"], "pages.toml: yours: 'popular' stands there twice"),
        ("sites/demo/notice", "stall", "sites/demo.toml: notice: no notice 'stall'"),
        ("sites/demo/jurisdiction", "fr", "sites/demo.toml: jurisdiction: no jurisdiction 'fr'"),
        ("sites/demo/origins", ["https://shop.example/"], "sites/demo.toml: origins[0]: expected str matching regex"),
        ("sites/demo/token/algorithm", "none", "sites/demo.toml: token.algorithm: invalid enum value 'none'"),
        ("sites/demo/token/key_file", "../key", "sites/demo.toml: token.key_file: expected str matching regex"),
        ("sites", {}, "sites: a policy has at least one site"),
        ("notices/shop@1/purposes", ["ordr"], "notices/shop@1.toml: purposes[0]: no purpose 'ordr'"),
        ("notices/shop@1/asks_again", ["x"], "notices/shop@1.toml: asks_again[0]: this notice does not ask about 'x'"),
        ("notices/shop@1/texts/en/text", "a\nb\nc\nd", "notices/shop@1.toml: texts.en.text: at most 3 lines"),
        ("notices/shop@1/texts/en/text", "a" * 121, "notices/shop@1.toml: texts.en.text: at most 3 lines"),
        ("purpose", {}, "purpose: the policy has no such place"),
    ],
)
def test_a_mistake_is_named_by_file_and_key(path: str, value: object, problem: str) -> None:
    """Each mistake has its own line, with the place where its author finds it, and no other line."""
    found = problems(set_key(path, value))
    assert [line for line in found if problem in line], found
    assert len(found) == 1 or path == "jurisdictions/default", found


@pytest.mark.parametrize("name", ["Offers", "a b", "a/b", "a:b", "*", "", "x" * 49])
def test_names_fit_where_they_are_used(name: str) -> None:
    """A name with another letter than needs, cookies and file names can hold is refused."""
    changed = problems(lambda policy: policy["slots"].update({name: {"personal": False}}))
    assert changed == [f"slots: {name}: not a name (small letters, digits, . _ -)"]


@pytest.mark.parametrize("name", ["shop", "shop@0", "shop@01", "shop@10000", "a.b@1", "x" * 21 + "@1"])
def test_notices_are_named_with_their_version(name: str) -> None:
    """A notice's name has a version, and both fit into the choice cookie."""
    found = problems(lambda policy: policy["notices"].update({name: policy["notices"]["shop@1"]}))
    assert f"notices: {name}: not a name (name@version)" in found


def test_all_problems_come_together() -> None:
    """Mistakes in different files, and two in one file, are all reported at once."""

    def change(policy: Tree) -> None:
        policy["purposes"]["offers"]["bit"] = "four"
        policy["purposes"]["offers"]["texts"]["en"]["name"] = ""
        policy["slots"]["greeting"]["categories"] = ["contakt"]
        del policy["channels"]["post"]["texts"]["de"]

    assert problems(change) == [
        "channels/post.toml: texts.de: missing",
        "purposes/offers.toml: bit: expected int, got str",
        "purposes/offers.toml: texts.en.name: expected str of length >= 1",
        "slots/greeting.toml: categories[0]: no category 'contakt'",
    ]


def test_one_mistake_is_not_reported_twice() -> None:
    """A document that cannot be read does not make every reference to it look broken."""
    assert problems(set_key("categories/contact/behavioural", "no")) == [
        "categories/contact.toml: behavioural: expected bool, got str"
    ]


def test_an_origin_belongs_to_one_site() -> None:
    """Two sites cannot claim the same origin, because the caller's site is found by it."""

    def change(policy: Tree) -> None:
        policy["sites"]["demo"]["origins"] = ["https://shop.example"]
        policy["sites"]["other"] = policy["sites"]["demo"]

    assert problems(change) == ["sites/other.toml: origins[0]: https://shop.example belongs to sites/demo.toml"]


def test_a_channel_and_a_recipient_have_different_names() -> None:
    """In one purpose, a name in `own_yes` means one thing."""

    def change(policy: Tree) -> None:
        policy["recipients"]["post"] = policy["recipients"]["tea-guild"]
        policy["purposes"]["offers"]["recipients"] = ["post"]

    assert problems(change) == ["purposes/offers.toml: recipients: 'post' is a channel of this purpose too"]


def test_an_old_notice_may_name_a_purpose_that_is_gone() -> None:
    """A version that was shown stays as it was; only the newest must fit the policy."""
    changed = tree()
    newer = {**changed["notices"]["shop@1"], "purposes": ["order", "remember"], "asks_again": ["remember"]}
    changed["notices"]["shop@2"] = newer
    changed["notices"]["shop@1"]["purposes"] = ["order", "remember", "newsletter"]
    loaded = bundle(changed)
    assert loaded.current_notice("shop").name == "shop@2"
    with pytest.raises(KeyError):
        loaded.current_notice("stall")


def test_files_that_have_no_place_are_refused(tmp_path: Path) -> None:
    """A folder with a misspelt name, a stray file and broken TOML are problems, not silence."""
    folder = tmp_path / "policies"
    shutil.copytree(FOLDER, folder)
    (folder / "slot").mkdir()
    (folder / "slot" / "extra.toml").write_text("personal = false\n")
    (folder / "slots" / "deep").mkdir()
    (folder / "slots" / "deep" / "extra.toml").write_text("personal = false\n")
    (folder / "event.toml").write_text("")
    (folder / "slots" / "broken.toml").write_text("personal = \n")
    with pytest.raises(PolicyRefused) as refused:
        load(folder)
    lines = str(refused.value).splitlines()
    assert "slot/extra.toml: the policy has no such place" in lines
    assert "slots/deep/extra.toml: the policy has no such place" in lines
    assert "event.toml: the policy has no such place" in lines
    assert any(line.startswith("slots/broken.toml: not TOML: ") for line in lines)
    assert len(lines) == 4
    with pytest.raises(PolicyRefused, match="no such folder"):
        load(tmp_path / "nowhere")


def test_what_is_stored_is_checked_like_files() -> None:
    """Stored documents of another format, in another form or broken are refused."""
    for stored in (b"{", b'{"v":2,"documents":{}}', SHIPPED.documents.replace(b'{"v":1', b'{ "v":1')):
        with pytest.raises(PolicyRefused, match="stored policy"):
            from_documents(stored)
    with pytest.raises(PolicyRefused, match="sites: a policy has at least one site"):
        from_documents(canonical({}))


def test_what_an_older_program_stored_is_still_read() -> None:
    """Every key that came later has a meaning where it is absent, so a policy in force stays in force."""
    older = bundle(before_the_laws())
    assert from_documents(older.documents).hash == older.hash
    assert older.jurisdiction("de").name == "default" and older.jurisdiction("us-ca").asks_first


def test_the_hash_is_of_the_words_not_of_the_files(tmp_path: Path) -> None:
    """Comments and the order of keys do not change the hash; one letter of a text does."""
    folder = tmp_path / "policies"
    shutil.copytree(FOLDER, folder)
    path = folder / "slots" / "greeting.toml"
    path.write_text('# a note\ncategories = ["contact"]\npurpose = "personalize"\n')
    assert load(folder).hash == SHIPPED.hash
    changed = tree()
    changed["purposes"]["offers"]["texts"]["en"]["name"] += "."
    assert bundle(changed).hash != SHIPPED.hash
