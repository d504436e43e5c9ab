"""A deadline is counted as laws count it."""

from datetime import date

import pytest

from ecrm_privacy.policy.documents import Period
from ecrm_privacy.rights.deadline import answered_by


@pytest.mark.parametrize(
    ("received", "within", "due"),
    [
        (date(2026, 11, 22), Period(months=1), date(2026, 12, 22)),
        (date(2026, 12, 31), Period(months=1), date(2027, 1, 31)),
        (date(2027, 1, 31), Period(months=1), date(2027, 2, 28)),
        (date(2028, 1, 30), Period(months=1), date(2028, 2, 29)),
        (date(2026, 11, 22), Period(days=45), date(2027, 1, 6)),
        (date(2026, 11, 30), Period(months=3, days=2), date(2027, 3, 2)),
    ],
)
def test_a_month_ends_on_its_number_or_its_last_day(received: date, within: Period, due: date) -> None:
    """Months first, then days."""
    assert answered_by(received, within) == due
