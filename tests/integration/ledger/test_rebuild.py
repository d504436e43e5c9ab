"""Current answers become what the log says again, and nothing that nothing proves wrong is touched."""

import asyncpg
import pytest

from ecrm_privacy.ledger import rebuild
from ecrm_privacy.ledger.record import StateChange
from ecrm_privacy.ledger.verify import verify
from ecrm_privacy.ledger.writer import Writer
from tests.integration.ledger.making import GIVEN, REFUSED, a_subject, an_entry, open_one, opener, opening, say, seen

pytestmark = pytest.mark.anyio

ROWS = "select * from ecrm.consent_status order by leaf_index, subject, purpose"
STATES = "select * from ecrm.subject_state order by leaf_index, subject"
ANSWERS = [GIVEN, say(GIVEN.status, "offers", channel="email")]


@pytest.fixture
async def log(writer: Writer, admin: asyncpg.Connection) -> asyncpg.Connection:
    """A connection of somebody who may do everything, to a log of six people; the first answered twice."""
    first = an_entry(a_subject(), ANSWERS, StateChange(regime="gdpr"))
    others = [an_entry(a_subject(), ANSWERS) for _ in range(5)]
    assert await writer.append([first, *others]) == [*range(6)]
    assert await writer.append([seen(an_entry(first.subject, [REFUSED]), 0)]) == [6]
    await admin.execute("update ecrm.subject_state set overtaken = 3")
    return admin


DAMAGE = (
    "update ecrm.consent_status set status = 'given' where leaf_index = 6",
    "update ecrm.consent_status set until = since where leaf_index = 2",
    "update ecrm.consent_status set leaf_index = 6 where leaf_index = 0",
    "delete from ecrm.consent_status where leaf_index = 3",
    (
        "insert into ecrm.consent_status select subject, 'share', '', 'x', 'given', notice, since, until, leaf_index"
        " from ecrm.consent_status where leaf_index = 4 and purpose = 'offers'"
    ),
    "update ecrm.subject_state set gpc = true, restricted = true where leaf_index = 5",
)


async def test_what_differs_is_shown_and_written_once(log: asyncpg.Connection, house: asyncpg.Connection) -> None:
    """Every kind of damage is found and undone in the house's own role, and a second run finds nothing."""
    rows, states = await log.fetch(ROWS), await log.fetch(STATES)
    for sql in DAMAGE:
        await log.execute(sql)
    assert await log.fetch(ROWS) != rows
    found = await rebuild.differences(house, opener)
    assert [each.wrong.leaf_index for each in found] == [0, 2, 3, 4, 5]
    assert await log.fetch(ROWS) != rows, "looking changes nothing"
    assert await rebuild.rewrite(house, opener, found) == (5, 0)
    assert await log.fetch(ROWS) == rows
    assert await log.fetch(STATES) == states, "also `overtaken`, which the fold does not own"
    assert await rebuild.differences(house, opener) == []
    assert (await verify(house, opener)).sound


async def test_a_withheld_state_is_written_again(log: asyncpg.Connection, house: asyncpg.Connection) -> None:
    """A subject without its row of state gets it back."""
    await log.execute("delete from ecrm.subject_state where leaf_index = 2")
    assert await rebuild.rewrite(house, opener, await rebuild.differences(house, opener)) == (1, 0)
    assert (await verify(house, opener)).sound


async def test_what_nothing_proves_stays(log: asyncpg.Connection, house: asyncpg.Connection) -> None:
    """A row whose body is gone, does not open or was altered is named and left: an objection must not vanish so."""
    await log.execute("delete from ecrm.body where leaf_index = 2")
    await log.execute("update ecrm.consent_status set status = 'objected' where leaf_index in (2, 3)")
    await log.execute("update ecrm.body set sealed = sealed || '\\x00' where leaf_index = 4")
    rows = await log.fetch(ROWS)
    shut = opening(lambda body: None if body.leaf_index == 3 else open_one(body))
    found = await rebuild.differences(house, shut)
    assert [(each.wrong.leaf_index, each.standing) for each in found] == [(2, None), (3, None), (4, None)]
    assert await rebuild.rewrite(house, shut, found) == (0, 3)
    assert await log.fetch(ROWS) == rows


async def test_others_are_not_written(log: asyncpg.Connection, house: asyncpg.Connection, writer: Writer) -> None:
    """What was answered after something was found to differ counts: it is looked at again before it is written."""
    await log.execute("update ecrm.consent_status set status = 'refused' where leaf_index = 2")
    found = await rebuild.differences(house, opener)
    subject = await log.fetchval("select subject from ecrm.body where leaf_index = 2")
    assert await writer.append([seen(an_entry(subject, [REFUSED]), 2 + 3)]) == [7]
    assert await rebuild.rewrite(house, opener, found) == (1, 0)
    stored = await log.fetch(
        "select leaf_index, status from ecrm.consent_status where subject = $1 order by 1", subject
    )
    assert [tuple(row) for row in stored] == [(2, "given"), (7, "refused")]
