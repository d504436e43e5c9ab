"""Until when a request is answered: calendar months and days, as the law of the person's place counts them. Pure."""

from calendar import monthrange
from datetime import date, timedelta

from ecrm_privacy.policy.documents import Period

ANSWER_WITHIN = Period(months=1)
"""GDPR 12(3), where no jurisdiction of the policy says anything."""


def answered_by(received: date, within: Period = ANSWER_WITHIN) -> date:
    """Return the day by which the answer is due.

    A month ends on the day of the same number, or on its last day (Regulation 1182/71, 3(2)(c)).
    """
    months = received.year * 12 + received.month - 1 + within.months
    year, month = divmod(months, 12)
    day = min(received.day, monthrange(year, month + 1)[1])
    return date(year, month + 1, day) + timedelta(days=within.days)
