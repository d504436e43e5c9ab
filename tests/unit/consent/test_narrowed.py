"""What a browser closes for itself: marks that only narrow, and who sets and lifts them."""

import pytest

from ecrm_privacy.consent.answer import changes, choice_after, narrowed
from ecrm_privacy.consent.standing import permissions
from ecrm_privacy.gate.types import Signals
from ecrm_privacy.vocabulary import Purpose, Regime
from tests.unit.consent.people import HERE, SHOP1, SHOP2, a_subject, saying, standing


def marks(*names: str) -> frozenset[Purpose]:
    return frozenset(Purpose(name) for name in names)


def after(
    said: dict[str, str], before: frozenset[Purpose], *, signed_in: bool, notice: str = SHOP2
) -> frozenset[Purpose]:
    answer = saying(said, notice)
    made = changes(standing(), None, answer)
    return narrowed(Signals(Regime("gdpr"), closed=before), answer, made, signed_in=signed_in)


@pytest.mark.parametrize(
    ("said", "before", "signed_out", "signed_in"),
    [
        ({"remember": "refused"}, marks(), marks("remember"), marks()),
        ({"remember": "withdrawn"}, marks(), marks("remember"), marks()),
        ({"measure": "objected"}, marks(), marks("measure"), marks()),
        ({"remember": "given"}, marks(), marks(), marks()),
        ({"remember": "given"}, marks("remember", "offers"), marks("offers"), marks("offers")),
        ({"remember": "refused"}, marks("remember"), marks("remember"), marks()),
        ({"offers/post": "refused"}, marks("offers"), marks("offers"), marks("offers")),
        ({"offers/post": "given"}, marks("offers"), marks("offers"), marks("offers")),
    ],
)
def test_a_yes_lifts_its_own_mark_and_a_no_is_marked_where_nobody_is_signed_in(
    said: dict[str, str], before: frozenset[Purpose], signed_out: frozenset[Purpose], signed_in: frozenset[Purpose]
) -> None:
    """Signed in, a no is the account's; the marks of other purposes stay."""
    assert after(said, before, signed_in=False) == signed_out
    assert after(said, before, signed_in=True) == signed_in


@pytest.mark.parametrize("signed_in", [False, True])
def test_a_yes_that_was_not_taken_lifts_nothing(signed_in: bool) -> None:
    """With a stale notice the mark stays, also beside an account's yes to the newer notice."""
    assert after({"personalize": "given"}, marks("personalize"), signed_in=signed_in, notice=SHOP1) == marks(
        "personalize"
    )


def test_the_choice_says_what_tags_may_start_and_what_is_closed() -> None:
    """`allowed` follows the gate's rule; `no_here` are this browser's marks."""
    view = a_subject({"remember": "given", "personalize": "given"})
    signals = Signals(HERE.regime, closed=marks("personalize", "offers"))
    choice = choice_after(standing(browser=view), signals, SHOP2)
    assert choice.notice == SHOP2
    assert choice.allowed == marks("order", "remember", "measure")
    assert choice.no_here == marks("personalize", "offers")


def test_the_choice_of_a_domain_tells_of_what_its_other_sites_ask() -> None:
    """The permissions of a site close what only others ask about; the cookie that they share does not."""
    there = standing(browser=a_subject({"remember": "given", "personalize": "given"}))
    signals = Signals(HERE.regime, elsewhere=marks("personalize"))
    rows = permissions(there, signals)
    assert "personalize" not in {row.purpose for row in rows if row.allowed}
    choice = choice_after(there, signals, SHOP2, rows)
    assert choice == choice_after(there, signals, SHOP2)
    assert choice.allowed == marks("order", "remember", "measure", "personalize")
