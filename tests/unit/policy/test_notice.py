"""What is asked, in whose words."""

import msgspec
import pytest

from ecrm_privacy.policy.notice import NoticePayload, Notices, negotiate, notice_hash, notice_payload
from ecrm_privacy.vocabulary import NoticeVersion
from tests.unit.policy.policies import SHIPPED, bundle, tree


def asked(locale: str = "", accept_language: str = "", region: str = "") -> NoticePayload:
    return notice_payload(SHIPPED, "demo", locale=locale, accept_language=accept_language, region=region)


def test_the_notice_says_what_is_asked() -> None:
    """Title, three lines, buttons, and each purpose with names instead of identifiers."""
    payload = asked("en")
    assert (payload.notice.version, payload.notice.locale) == ("shop@1", "en")
    assert payload.notice.text.count("\n") == 2
    assert payload.notice.buttons.accept == "Accept all"
    assert [shown.purpose for shown in payload.purposes][:2] == ["order", "remember"]
    offers = next(shown for shown in payload.purposes if shown.purpose == "offers")
    assert msgspec.structs.astuple(offers.channels[0]) == ("email", "E-mail", True)
    advertise = next(shown for shown in payload.purposes if shown.purpose == "advertise")
    assert [(shown.recipient, shown.own_yes) for shown in advertise.recipients] == [("ad-network", False)]
    assert [shown.name for shown in advertise.categories] == ["What you look at", "What you bought"]


def test_the_law_is_the_sites_unless_the_region_is_known() -> None:
    """A region overrides the site's jurisdiction; an unknown one gets the default."""
    assert (asked().jurisdiction, asked().regime) == ("eu", "gdpr")
    assert (asked(region="us-ca").jurisdiction, asked(region="us-ca").regime) == ("us-ca", "ccpa")
    assert (asked(region="moon").jurisdiction, asked(region="moon").regime) == ("default", "strict")


def test_the_locale_is_asked_for_or_negotiated() -> None:
    """An explicit locale wins; one that the site does not have falls back to the header."""
    assert asked("de", "en").notice.locale == "de"
    assert asked("pt", "de-AT").notice.locale == "de"
    assert asked().notice.locale == "en"


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("de", "de"),
        ("DE-ch", "de"),
        ("fr, de;q=0.5, en;q=0.4", "de"),
        ("en;q=0.4, de;q=0.5", "de"),
        ("de;q=0, en-GB", "en"),
        ("fr;q=1, *;q=0.1, de;q=0.05", "en"),
        ("", "en"),
        (";;;,,q=1,de;q=x, de;q=nan", "en"),
        ("de;q=0.8;level=1", "en"),
        ("de;q=7", "en"),
    ],
)
def test_negotiation_follows_the_header(header: str, locale: str) -> None:
    """Weights count, regions fall back to their language, and nonsense is passed over (RFC 9110, 12.5.4)."""
    assert negotiate(header, ("en", "de")) == locale


def test_an_exact_region_goes_before_its_language() -> None:
    """A site with two kinds of one language serves the one that was asked for, else the first."""
    assert negotiate("pt-BR", ("en", "pt-PT", "pt-BR")) == "pt-BR"
    assert negotiate("pt", ("en", "pt-PT", "pt-BR")) == "pt-PT"


def test_the_hash_covers_every_word_that_is_shown() -> None:
    """A changed letter in a purpose or in a recipient's name changes the hash of that locale alone."""
    for way in (("purposes", "offers", "text"), ("recipients", "tea-guild", "name"), ("notices", "shop@1", "choose")):
        changed = tree()
        section, name, key = way
        changed[section][name]["texts"]["en"][key] += "!"
        policy = bundle(changed)
        assert notice_payload(policy, "demo", locale="en").notice.hash != asked("en").notice.hash
        assert notice_payload(policy, "demo", locale="de").notice.hash == asked("de").notice.hash


def test_the_hash_does_not_depend_on_where_somebody_is() -> None:
    """The region changes the law, not the words; receipts name the same hash."""
    notice = SHIPPED.current_notice("shop")
    assert asked("de", region="us-ca").notice.hash == asked("de").notice.hash == notice_hash(SHIPPED, notice, "de")


def test_what_is_hashed_once_is_the_hash_of_that_notice_in_that_language() -> None:
    """Asked again, in another language, and under another policy; what was not shown has none."""
    changed = tree()
    changed["notices"]["shop@1"]["texts"]["en"]["choose"] += "!"
    notices, name = Notices(), SHIPPED.current_notice("shop").name
    for policy in (SHIPPED, bundle(changed), SHIPPED):
        for locale in ("en", "de", "en"):
            assert notices.hash(policy, name, locale) == notice_hash(policy, policy.notices[name], locale)
    assert notices.hash(SHIPPED, name, "nl") == notices.hash(SHIPPED, NoticeVersion("shop@9"), "en") == ""


def test_an_old_notice_still_has_a_hash() -> None:
    """A version that names a purpose that is gone can be hashed."""
    changed = tree()
    changed["notices"]["shop@2"] = {**changed["notices"]["shop@1"]}
    changed["notices"]["shop@1"]["purposes"] = ["order", "newsletter"]
    policy = bundle(changed)
    old = next(document for document in policy.notices.values() if document.version == 1)
    assert len(notice_hash(policy, old, "en")) == 64
