"""Whether a translation was made from the text that is there now."""

from ecrm_privacy.policy.documents import Described
from ecrm_privacy.policy.notice import notice_hash
from ecrm_privacy.policy.translation import hash_of, stale
from tests.unit.policy.policies import SHIPPED, Tree, bundle, tree


def second(en: dict[str, str], de: dict[str, str]) -> Tree:
    """The shipped policy with a second version of its notice, other words in some languages, and no vouching."""
    changed = tree()
    changed["sites"]["demo"]["locales"] = ["en", "de"]
    first = changed["notices"]["shop@1"]
    texts = {"en": {**first["texts"]["en"], **en}, "de": {**first["texts"]["de"], "of": "", **de}}
    changed["notices"]["shop@2"] = {**first, "texts": texts}
    return changed


def test_the_hash_is_of_the_words_alone() -> None:
    """What a text was made from does not change what is made from it."""
    text = Described(name="Tea", text="Leaves.")
    assert hash_of(text) == hash_of(Described(name="Tea", text="Leaves.", of="0" * 12)) == "a650ea49c525"
    assert hash_of(Described(name="Tea", text="Leaves")) != hash_of(text)


def test_a_language_that_stayed_behind_is_stale() -> None:
    """Where one language of a new version changed and another did not, the other is named, whichever it is."""
    assert list(stale(bundle(second({"title": "May we?"}, {})))) == [
        "notices/shop@2.toml: texts.de: stale: as in shop@1, while texts.en changed"
    ]
    assert list(stale(bundle(second({}, {"title": "Dürfen wir?"})))) == [
        "notices/shop@2.toml: texts.en: stale: as in shop@1, while texts.de changed"
    ]
    assert list(stale(bundle(second({"title": "May we?"}, {"title": "Dürfen wir?"})))) == []
    assert list(stale(bundle(second({}, {})))) == []


def test_whoever_read_it_again_says_so() -> None:
    """The hash of the text as it is now vouches for a translation that needed no change."""
    changed = second({"title": "May we?"}, {})
    made = bundle(changed).notices["shop@2"].texts["en"]  # type: ignore[index]
    changed["notices"]["shop@2"]["texts"]["de"]["of"] = hash_of(made)
    assert list(stale(bundle(changed))) == []


def test_an_older_version_is_left_as_it_was_shown() -> None:
    """Only the newest version of a notice must agree with itself."""
    changed = second({"title": "May we?"}, {"title": "Dürfen wir?"})
    changed["notices"]["shop@1"]["texts"]["de"]["of"] = "0" * 12
    assert list(stale(bundle(changed))) == []


def test_the_first_language_is_no_translation() -> None:
    """A hash in the language that the policy is written in is a mistake."""
    changed = tree()
    changed["channels"]["post"]["texts"]["en"]["of"] = "0" * 12
    (problem,) = (line for line in stale(bundle(changed)) if "no translation" in line)
    assert problem.startswith("channels/post.toml: texts.en.of: ")


def test_what_a_translation_was_made_from_is_not_shown() -> None:
    """The hash of a notice is of the words that people see."""
    changed = tree()
    del changed["notices"]["shop@1"]["texts"]["de"]["of"]
    notice = SHIPPED.current_notice("shop")
    assert notice_hash(SHIPPED, notice, "de") == notice_hash(
        bundle(changed), bundle(changed).current_notice("shop"), "de"
    )
