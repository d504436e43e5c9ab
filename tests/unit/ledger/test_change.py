"""The fold, by example; its law is in tests/property/."""

from datetime import date

import pytest

from ecrm_privacy.ledger.change import Change, Standing, State, StateChange, fold
from ecrm_privacy.vocabulary import ConsentStatus

TODAY = date(2026, 1, 31)


def said(status: ConsentStatus, channel: str = "") -> Change:
    return Change(purpose="offers", channel=channel, status=status, notice="shop@3", since=TODAY)


def test_the_last_word_counts() -> None:
    """Of two changes to one rule the later counts, within an entry and between entries; other rules stay."""
    first = fold(Standing(), 4, (said(ConsentStatus.GIVEN), said(ConsentStatus.GIVEN, "email")))
    second = fold(first, 9, (said(ConsentStatus.GIVEN), said(ConsentStatus.WITHDRAWN)))
    assert second.rows == {
        ("offers", "", ""): (said(ConsentStatus.WITHDRAWN), 9),
        ("offers", "email", ""): (said(ConsentStatus.GIVEN, "email"), 4),
    }


def test_none_keeps_the_state() -> None:
    """What an entry does not speak of stays, and every entry of a subject moves its newest leaf index."""
    first = fold(Standing(), 4, (), StateChange(regime="gdpr", restricted=True, adult_from=TODAY))
    assert first.state == State("gdpr", True, TODAY, False, 4)
    second = fold(first, 9, (), StateChange(gpc=True, restricted=False))
    assert second.state == State("gdpr", False, TODAY, True, 9)
    assert fold(second, 11, ()).state == State("gdpr", False, TODAY, True, 11)


def test_unknown_is_no_answer() -> None:
    """A change to `unknown` cannot be made: it would be a row that says that there is none."""
    with pytest.raises(AssertionError):
        said(ConsentStatus.UNKNOWN)
