"""An imported answer says two times: when it was given, and when it was written down here."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.answer import SaidAnswer
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.imported import AnswerImport, ImportedAnswer
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.ledger.record import ConsentEvent, EventKind
from ecrm_privacy.vocabulary import Answer, NoticeVersion, Purpose
from tests.houses import Opened

pytestmark = pytest.mark.anyio

WHERE = Where("demo", "en", "eu")
GIVEN = (SaidAnswer(Purpose("remember"), Answer.GIVEN),)


async def imported(opened: Opened, number: str, at: datetime) -> ConsentEvent:
    house = opened.house
    await house.profiles.put([Profile(number, {})], site_signals(house), WHERE)
    line = ImportedAnswer(number, NoticeVersion("shop@1"), GIVEN, at, "letter 17")
    (outcome,) = await AnswerImport(house.desk, house.indexes).put([line], WHERE)
    assert isinstance(outcome, int)
    acts = await house.receipts.mine(await house.desk.standing(Caller(customer_number=number)))
    (found,) = (act.event for act in acts if act.leaf_index == outcome)
    assert found.kind is EventKind.IMPORT
    return found


@pytest.mark.parametrize(
    "written",
    [
        datetime(2025, 3, 1, 23, 30, tzinfo=UTC),
        datetime(2025, 3, 2, 1, 30, 0, 999, tzinfo=timezone(timedelta(hours=2))),
        datetime(2025, 3, 1, 23, 30),  # noqa: DTZ001 -- a file that names no zone means UTC, like its mapping
    ],
)
async def test_an_import_keeps_the_time_at_which_it_was_given(written: datetime, opened: Opened, number: str) -> None:
    """In UTC and whole seconds, beside the server's clock; its validity begins on that day."""
    event = await imported(opened, number, written)
    assert event.indicated_at == datetime(2025, 3, 1, 23, 30, tzinfo=UTC)
    assert event.event_time > event.indicated_at
    assert [change.since.isoformat() for change in event.changes] == ["2025-03-01"]
    assert event.evidence == "letter 17"


async def test_an_import_from_the_future_was_given_when_it_was_written_down(opened: Opened, number: str) -> None:
    """A time that has not come is no evidence of anything."""
    event = await imported(opened, number, datetime.now(UTC) + timedelta(days=3))
    assert event.indicated_at is None
    assert event.said_at == event.event_time
