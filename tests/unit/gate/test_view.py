"""What people want of the pages: fields that can be read, and nothing that cannot be."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.gate.types import View

NAMES = st.text(st.characters(codec="utf-8", exclude_characters=",", exclude_categories=("C", "Z")), min_size=1)
VIEWS = st.builds(
    View,
    st.lists(NAMES, unique=True).map(tuple),
    st.dictionaries(NAMES, st.sampled_from((-2, -1, 1, 2))),
    st.none() | st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(second=0, microsecond=0)),
)


@given(VIEWS)
def test_it_comes_back_from_its_fields(view: View) -> None:
    """Whatever is wished reads as it was written."""
    assert View.of(view.fields()) == view


@given(st.dictionaries(st.sampled_from(("hide", "weight", "pause_until", "tea")), st.text()))
def test_what_cannot_be_read_was_not_said(fields: dict[str, str]) -> None:
    """No field breaks a page, whoever wrote it."""
    view = View.of(fields)
    assert all(-2 <= weight <= 2 and weight for weight in view.weight.values())


def test_it_says_so_in_words() -> None:
    """The fields can be read by whoever they are about, because they stand on their page."""
    view = View(("kettle", "teapot"), {"tea": 1, "fine paper": -2}, datetime(2026, 12, 1, 9, 30, tzinfo=UTC))
    assert view.fields() == {
        "hide": "kettle, teapot", "weight": "tea +1, fine paper -2", "pause_until": "2026-12-01T09:30+00:00",
    }  # fmt: skip
    assert view.is_paused(datetime(2026, 12, 1, 9, 29, tzinfo=UTC)) and not view.is_paused(view.pause_until)  # type: ignore[arg-type]
