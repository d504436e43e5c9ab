"""The choice cookie, as scripts and servers read it."""

import pytest

from ecrm_privacy.policy.choice import LENGTH_MOST, Choice, encode, parse
from ecrm_privacy.vocabulary import NoticeVersion, Purpose
from tests.unit.policy.policies import SHIPPED, bundle, tree

SHOP = NoticeVersion("shop@1")


def purposes(*names: str) -> frozenset[Purpose]:
    return frozenset(map(Purpose, names))


def test_the_format_is_as_documented() -> None:
    """Bit 0 allowed and bit 2 not here give the digits that a script expects."""
    choice = Choice(SHOP, purposes("order", "share"), purposes("personalize"))
    assert encode(SHIPPED, choice) == "1.shop@1.1204"
    assert encode(SHIPPED, Choice(SHOP)) == "1.shop@1."


@pytest.mark.parametrize(
    "text",
    [
        *("", "*", "1", "1.shop@1", "2.shop@1.1", "1.shop.1", "1.shop@0.1", "1.shop@1.10", "1.shop@1.1 "),
        *("1.shop@1.1\n", "1.shop@1.A", "1.shop@1.g", "1.Shop@1.1", "1.shop@1.1.1", f"1.shop@1.{'1' * 33}"),
        "1.shop@١.1",
    ],
)
def test_what_cannot_be_read_is_none(text: str) -> None:
    """Another version, another alphabet, another form: nothing is guessed."""
    assert parse(SHIPPED, text) is None


def test_a_purpose_that_is_gone_is_passed_over() -> None:
    """A cookie outlives a purpose, and closes nothing else for it."""
    changed = tree()
    for section, key in (("purposes", "share"), ("recipients", "tea-guild"), ("recipients", "paper-mill")):
        del changed[section][key]
    changed["notices"]["shop@1"]["purposes"].remove("share")
    cookie = encode(SHIPPED, Choice(SHOP, purposes("remember"), purposes("share", "offers")))
    assert parse(bundle(changed), cookie) == Choice(SHOP, purposes("remember"), purposes("offers"))


def test_the_longest_cookie_fits() -> None:
    """The longest notice name, the highest version and the last bit are within the limit."""
    changed = tree()
    changed["purposes"]["share"]["bit"] = 63
    changed["notices"] = {f"{'n' * 20}@9999": changed["notices"]["shop@1"]}
    changed["sites"]["demo"]["notice"] = "n" * 20
    policy = bundle(changed)
    everything = frozenset(policy.purposes)
    longest = Choice(NoticeVersion(f"{'n' * 20}@9999"), everything, everything)
    assert len(encode(policy, longest)) == LENGTH_MOST
    assert parse(policy, encode(policy, longest)) == longest
