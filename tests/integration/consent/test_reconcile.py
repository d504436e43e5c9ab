"""What history may serve follows time and policy, too: a yes that ran out closes, and a later no finds it closed."""

import pytest

from ecrm_privacy.consent.reconcile import Reconciler
from tests.houses import Opened

pytestmark = pytest.mark.anyio

YES = {"remember": "given", "personalize": "given", "model.contribute": "given"}
USES = "select count(*) from ecrm.pseudonym_use where purpose = 'model.contribute'"


async def lapsed(opened: Opened) -> None:
    """Let every yes to contributing have run out yesterday."""
    async with opened.as_admin() as admin:
        await admin.execute(
            "update ecrm.consent_status set since = current_date - 400, until = current_date - 1"
            " where purpose = 'model.contribute'"
        )


async def count(opened: Opened, query: str) -> int:
    async with opened.as_admin() as admin:
        return int(await admin.fetchval(query))


async def test_a_yes_that_ran_out_is_closed_without_an_answer(opened: Opened) -> None:
    """The job closes what expired, owes the un-learning, and changes nothing a second time."""
    assert (await opened.browser().answer(YES)).status_code == 201
    before = await count(opened, USES)
    await lapsed(opened)
    assert before > 0
    assert await Reconciler(opened.house.desk).lapsed() == 1
    assert await count(opened, USES) == 0
    assert await Reconciler(opened.house.desk).everybody() == 0


async def test_a_no_closes_what_ran_out_before(opened: Opened) -> None:
    """An answer compares with what an earlier yes had opened, not with what it still permits."""
    browser = opened.browser()
    await browser.answer(YES)
    await lapsed(opened)
    assert (await browser.answer({"model.contribute": "refused"})).status_code == 201
    assert await count(opened, USES) == 0


async def test_what_agrees_stays(opened: Opened) -> None:
    """A look at everybody changes nobody whose uses are right."""
    await opened.browser().answer(YES)
    before = await count(opened, USES)
    assert await Reconciler(opened.house.desk).everybody() == 0
    assert await count(opened, USES) == before > 0
