"""What a press on my view changes, and nothing else."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ecrm_privacy.errors import Malformed
from ecrm_privacy.gate.types import View
from ecrm_privacy.web.view import NAMES_MOST, ViewChange, _pressed, changed

SAID = View(("pot",), {"tea": 1}, datetime(2027, 1, 1, tzinfo=UTC))


def test_what_is_not_named_stays() -> None:
    """An empty change changes nothing, and each part changes alone."""
    assert changed(SAID, ViewChange()) == SAID
    assert changed(SAID, ViewChange(hide=("cup", "pot"))).hide == ("pot", "cup")
    assert changed(SAID, ViewChange(show=("pot",))) == View((), SAID.weight, SAID.pause_until)
    assert changed(SAID, ViewChange(weight={"tea": 0, "ink": -2})).weight == {"ink": -2}
    assert changed(SAID, ViewChange(pause_until=None)).pause_until is None


def test_a_moment_is_kept_in_utc() -> None:
    """Whatever zone it was said in."""
    said = datetime(2027, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert changed(View(), ViewChange(pause_until=said)).fields()["pause_until"] == "2027-01-01T00:00+00:00"


def test_wishes_do_not_grow_without_end() -> None:
    """Of hidden items the newest are kept; sections beyond the limit are refused."""
    many = View(tuple(f"item-{number}" for number in range(NAMES_MOST)))
    hidden = changed(many, ViewChange(hide=("last",))).hide
    assert len(hidden) == NAMES_MOST and hidden[-1] == "last" and "item-0" not in hidden
    sections = View(weight={f"section-{number}": 1 for number in range(NAMES_MOST)})
    with pytest.raises(Malformed):
        changed(sections, ViewChange(weight={"one-more": 1}))


@pytest.mark.parametrize(
    "fields",
    [
        {"weight": "tea"},
        {"weight": "tea 3"},
        {"weight": " 1"},
        {"weight": "tea one"},
        {"hide": "a, b"},
        {"pause": "ever"},
    ],
)
def test_a_press_of_no_button_of_ours_is_refused(fields: dict[str, str]) -> None:
    """What the page never sends is malformed, and the message says none of it."""
    with pytest.raises(Malformed) as refused:
        _pressed(fields)
    assert "tea" not in str(refused.value) and "ever" not in str(refused.value)


def test_a_press_is_one_change() -> None:
    """A button hides, shows, weighs or pauses."""
    assert _pressed({"hide": "pot", "return_to": "/view"}) == ViewChange(hide=("pot",))
    assert _pressed({"weight": "fine paper -1"}) == ViewChange(weight={"fine paper": -1})
    assert _pressed({"pause": "over"}) == ViewChange(pause_until=None)
