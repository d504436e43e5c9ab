"""The counts under concurrency, what is published from them, and how a difference is found."""

import asyncio

import asyncpg
import pytest

from ecrm_privacy.vocabulary import CONTRIBUTE
from personalization.aggregate import affinity
from tests.integration.personalization.people import ORDER, buy, close, one, pseudonym, register

pytestmark = pytest.mark.anyio

PEOPLE = [pseudonym(number) for number in range(6)]


@pytest.fixture
async def learned(admin: asyncpg.Connection, guest: asyncpg.Connection) -> None:
    """Six contributors bought tea and a pot, two of them a brush too; a seventh bought, but does not contribute."""
    await register(admin, [*PEOPLE, pseudonym(9)], ORDER)
    await register(admin, PEOPLE, CONTRIBUTE)
    for name in [*PEOPLE, pseudonym(9)]:
        await buy(guest, name, "tea", "pot", *(["brush"] if name in PEOPLE[:2] else []))
    async for _ in affinity.catch_up(one(guest)):
        pass


async def _neighbours(admin: asyncpg.Connection) -> set[tuple[str, str]]:
    return {tuple(row) for row in await admin.fetch("select item_id, neighbour_id from engine.item_neighbour")}


@pytest.mark.usefixtures("learned")
async def test_nothing_is_published_about_fewer_than_k(admin: asyncpg.Connection, guest: asyncpg.Connection) -> None:
    """A pair is published when at least k people contribute to it, and taken back when they are fewer."""
    await affinity.publish(guest, 3)
    assert await _neighbours(admin) == {("tea", "pot"), ("pot", "tea")}
    await affinity.publish(guest, 2)
    assert len(await _neighbours(admin)) == 6
    await affinity.unlearn(guest, PEOPLE[:1])
    await affinity.publish(guest, 2)
    assert await _neighbours(admin) == {("tea", "pot"), ("pot", "tea")}
    assert await affinity.publish(guest, 2) == 0


@pytest.mark.usefixtures("learned")
async def test_a_withdrawal_while_it_learns_waits_for_nothing(
    admin: asyncpg.Connection, guest: asyncpg.Connection, house: asyncpg.Connection
) -> None:
    """Who closes while learning is under way is not counted when it ends, and need not wait for its turn."""
    name = pseudonym(10)
    await register(admin, [name], ORDER, CONTRIBUTE)
    await buy(guest, name, "lamp")
    async with house.transaction():
        await house.execute("select from engine.model for update")
        learning = asyncio.create_task(affinity.learn(guest, [name]))
        await asyncio.sleep(0.1)
        await asyncio.wait_for(close(admin, name), 1)
    await learning
    assert await admin.fetchval("select count(*) from engine.item_count where item_id = 'lamp'") == 0


@pytest.mark.usefixtures("learned")
async def test_who_closes_before_the_commit_is_not_counted(
    admin: asyncpg.Connection, guest: asyncpg.Connection
) -> None:
    """Learning finds out at its end about a withdrawal that it could not see when it counted."""
    name = pseudonym(10)
    await register(admin, [name], ORDER, CONTRIBUTE)
    await buy(guest, name, "lamp", "tea")
    async with admin.transaction():
        await close(admin, name)
        learning = asyncio.create_task(affinity.learn(guest, [name, *PEOPLE]))
        await asyncio.sleep(0.2)
        assert not learning.done()
    await learning
    assert await admin.fetchval("select count(*) from engine.item_count where item_id = 'lamp'") == 0
    assert (await affinity.verify(guest)).difference is None


@pytest.mark.usefixtures("learned")
async def test_learners_and_unlearners_take_turns(
    admin: asyncpg.Connection, guest: asyncpg.Connection, house: asyncpg.Connection
) -> None:
    """Learning and un-learning at once neither deadlock nor lose a count."""
    for name in PEOPLE[:3]:
        await close(admin, name)
    await asyncio.gather(affinity.unlearn(house, PEOPLE[:3]), affinity.learn(guest, PEOPLE[::-1]))
    assert (await affinity.verify(guest)).difference is None
    assert await admin.fetchval("select contributors from engine.item_count where item_id = 'tea'") == 3


@pytest.mark.usefixtures("learned")
async def test_unlearning_goes_in_chunks_and_may_be_repeated(
    admin: asyncpg.Connection, house: asyncpg.Connection
) -> None:
    """A chunk un-learns so many people and says when nothing of them is left."""
    assert not await affinity.unlearn_some(house, PEOPLE[:3], 2)
    assert await affinity.unlearn_some(house, PEOPLE[:3], 2)
    assert await affinity.unlearn_some(house, PEOPLE[:3], 2)
    assert await admin.fetchval("select contributors from engine.item_count where item_id = 'tea'") == 3
    assert await affinity.relearn_some(house, PEOPLE[:3], 2)
    assert await admin.fetchval("select contributors from engine.item_count where item_id = 'tea'") == 6


@pytest.mark.usefixtures("learned")
async def test_verify_names_the_first_difference(admin: asyncpg.Connection, guest: asyncpg.Connection) -> None:
    """A count that was changed, and one of somebody who closed, are found; a rebuild sets the first right."""
    await admin.execute("update engine.item_pair set contributors = 5 where item_id = 'pot' and other_id = 'tea'")
    assert (await affinity.verify(guest)).difference == "pot with tea: 5 counted, 6 when rebuilt"
    await admin.execute("delete from engine.item_pair where item_id = 'brush' and other_id = 'pot'")
    assert (await affinity.verify(guest)).difference == "brush with pot: 0 counted, 2 when rebuilt"
    with pytest.raises(affinity.CountsDiffer):
        await affinity.unlearn(guest, PEOPLE[:1])
    await affinity.rebuild(guest)
    assert (await affinity.verify(guest)).difference is None
    await close(admin, PEOPLE[0])
    assert "items of 1 who do not contribute" in ((await affinity.verify(guest)).difference or "")
