"""The rows of the truth table: needs, notices, and how many there may be."""

import pytest

from ecrm_privacy.errors import PolicyRefused
from ecrm_privacy.policy.compile import ROWS_MOST, compile
from ecrm_privacy.policy.documents import BITS_MOST
from tests.unit.policy.policies import SHIPPED, bundle, tree

COMPILED = compile(SHIPPED)


def need(name: str) -> set[tuple[str, str, str, str]]:
    """The rows of one need of the shipped policy: category, purpose, channel, recipient."""
    return {row[1:] for row in COMPILED.needs if row.need == name}


def test_a_need_opens_a_category_only_with_the_purpose_it_is_kept_under() -> None:
    """`for-you` asks for personalizing, and browsing needs remembering too; wishes are kept for personalizing."""
    assert need("slot:for-you") == {
        ("", "personalize", "", ""),
        ("purchases", "order", "", ""),
        ("browsing", "remember", "", ""),
        ("preferences", "personalize", "", ""),
    }
    assert need("event:purchase") == {("", "order", "", ""), ("purchases", "order", "", "")}


def test_a_permission_asks_about_a_rule_and_opens_nothing() -> None:
    """A channel's or recipient's permission needs the purpose's as well."""
    assert need("permission:measure") == {("", "measure", "", "")}
    assert need("permission:offers/sms") == {("", "offers", "", ""), ("", "offers", "sms", "")}
    assert need("permission:share//tea-guild") == {("", "share", "", ""), ("", "share", "", "tea-guild")}


def test_a_slot_may_name_a_channel_and_a_recipient() -> None:
    """All rules that a slot names must allow."""
    changed = tree()
    changed["purposes"]["offers"]["recipients"] = ["paper-mill"]
    changed["slots"]["letter"] = {"purpose": "offers", "channel": "post", "recipient": "paper-mill"}
    rows = {row[1:] for row in compile(bundle(changed)).needs if row.need == "slot:letter"}
    assert rows == {("", "offers", "", ""), ("", "offers", "post", ""), ("", "offers", "", "paper-mill")}


def test_what_is_not_personal_needs_nothing() -> None:
    """A slot that is the same for everybody is no need."""
    assert need("slot:popular") == set()


def test_nobody_can_open_the_evidence() -> None:
    """No need of the shipped policy opens the proof of what people said."""
    assert "evidence" not in {row.category for row in COMPILED.needs}


def test_a_yes_counts_until_a_later_notice_asks_again() -> None:
    """Only a material change, of the same notice, for that purpose, ends it; and only for what was asked then."""
    changed = tree()
    first = changed["notices"]["shop@1"]
    first["purposes"].remove("share")
    changed["notices"]["shop@2"] = {**first, "asks_again": ["personalize"]}
    changed["notices"]["shop@10"] = {**first, "purposes": [*first["purposes"], "share"]}
    changed["notices"]["stall@3"] = {**first, "asks_again": ["remember"]}
    rows = {(row.purpose, row.notice): row.still_good for row in compile(bundle(changed)).notices}
    assert rows["personalize", "shop@1"] is False
    assert rows["personalize", "shop@2"] is True
    assert rows["remember", "shop@1"] is True
    assert rows["share", "shop@2"] is False
    assert rows["share", "shop@10"] is True
    assert len(rows) == len(changed["purposes"]) * 4


def test_a_notice_that_was_never_shown_is_not_good() -> None:
    """A yes to an unknown notice does not count."""
    assert SHIPPED.still_good(next(iter(SHIPPED.purposes)), "shop@9") is False  # type: ignore[arg-type]


def test_too_many_rows_are_refused() -> None:
    """A policy whose table would grow beyond 100,000 rows is refused with the number."""
    changed = tree()
    offers = changed["purposes"]["offers"]
    for number in range(BITS_MOST - len(changed["purposes"])):
        changed["purposes"][f"offers-{number}"] = {**offers, "bit": 8 + number}
    with pytest.raises(PolicyRefused, match=f"at most {ROWS_MOST}"):
        compile(bundle(changed))


def test_no_row_stands_there_twice() -> None:
    """The keys of the three tables are unique, so that activation can be repeated."""
    decisions = [row[:9] for row in COMPILED.decisions]
    assert len(decisions) == len(set(decisions)) <= ROWS_MOST
    assert len(COMPILED.needs) == len(set(COMPILED.needs))
    assert len(COMPILED.notices) == len({row[:2] for row in COMPILED.notices})
