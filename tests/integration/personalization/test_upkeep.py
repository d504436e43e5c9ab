"""Upkeep: by one worker at a time, in nobody's way, and what is too old goes with all that was learned from it."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from ecrm_privacy import upkeep
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.vocabulary import CONTRIBUTE, Category
from personalization.aggregate import affinity
from personalization.collect.events import store_events
from tests.conftest import Cluster, Database
from tests.houses import Opened, house_of_its_own, open_for_test
from tests.integration.personalization.people import NOW, ORDER, REMEMBER, bought, buy, one, pseudonym, register

pytestmark = pytest.mark.anyio

NAMES = [pseudonym(number) for number in range(6)]
DAYS = 100


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    folder = tmp_path_factory.mktemp("house")
    async with house_of_its_own(cluster, folder, plugins=("personalization.plugin",)) as house:
        yield house


async def test_one_worker_has_the_turn(database: Database, tmp_path: Path) -> None:
    """Of workers that look at the same time one does it, and the others not before an hour is over."""
    async with (
        open_for_test(database, tmp_path / "one") as one_of_them,
        open_for_test(database, tmp_path / "two") as other,
    ):
        workers = [one_of_them.house.upkeep, other.house.upkeep] * 3
        assert sorted(await asyncio.gather(*(worker.run() for worker in workers))) == [False] * 5 + [True]
        assert not await other.house.upkeep.run()
        async with other.as_admin() as admin:
            await admin.execute("update ecrm.upkeep set begun = begun - interval '1 hour'")
        assert await other.house.upkeep.run()


async def test_what_nobody_can_use_again_goes(opened: Opened) -> None:
    """A kept reply and a used token go when they run out, and not before."""
    async with opened.as_admin() as admin:
        await admin.execute("truncate ecrm.reply, ecrm.token_used")
        for name, ends in ((b"over", "-1 hour"), (b"good", "1 hour")):
            hour = f"date_trunc('hour', now()) + interval '{ends}'"
            await admin.execute(f"insert into ecrm.token_used values ($1, {hour})", name)
            await admin.execute(
                f"insert into ecrm.reply (key_mac, body_mac, sealed, expires) values ($1, '', '', {hour})", name
            )
        await admin.execute("update ecrm.upkeep set begun = 'epoch'")
        assert await opened.house.upkeep.run()
        for kept in ("select token_mac from ecrm.token_used", "select key_mac from ecrm.reply"):
            assert [row[0] for row in await admin.fetch(kept)] == [b"good"]


async def test_what_a_dead_worker_left_is_mixed_by_the_next(opened: Opened) -> None:
    """The next turn begins where mixing had come to, not where the last turn began."""
    async with opened.as_admin() as admin:
        await admin.execute(
            "update ecrm.upkeep set begun = now() - interval '2 hours', mixed = now() - interval '9 hours'"
        )
        before = await admin.fetchval("select mixed from ecrm.upkeep")
        ends = await admin.fetchval("select begun from ecrm.upkeep")
        assert await opened.house.upkeep.run()
        assert before < ends < await admin.fetchval("select mixed from ecrm.upkeep")


async def test_a_table_in_order_is_not_taken_from_anybody(opened: Opened) -> None:
    """Where nothing came since, mixing waits for nobody and nobody for it."""
    async with opened.as_admin() as admin, opened.house.pools.house.acquire() as conn:
        await register(admin, NAMES[::-1], ORDER, REMEMBER)
        await opened.house.upkeep.mix_register()
        async with admin.transaction():
            await admin.fetch("select * from ecrm.pseudonym_use, ecrm.pseudonym, engine.contribution")
            for call in ("ecrm.mix('pseudonym')", "ecrm.mix('pseudonym_use')", "engine.mix('contribution', null)"):
                await asyncio.wait_for(conn.execute(f"call {call}"), 5)
        places = await admin.fetch("select pseudonym from ecrm.pseudonym_use order by ctid")
        assert places == sorted(places)


async def test_a_table_in_use_is_waited_for_a_moment_only(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads behind the one who waits is served within that moment, and mixing tries again until it succeeds."""
    monkeypatch.setattr(upkeep, "ATTEMPTS_MAX", 2)
    monkeypatch.setattr(upkeep, "PAUSE_S", 0.01)
    async with opened.as_admin() as admin, opened.as_admin() as reader:
        await register(admin, [pseudonym(100 - number) for number in range(9)], ORDER)
        async with admin.transaction():
            await admin.fetch("select * from ecrm.pseudonym")
            mixing = asyncio.create_task(opened.house.upkeep.mix_register())
            await asyncio.sleep(0.05)
            began = time.monotonic()
            await reader.fetch("select * from ecrm.pseudonym")
            assert time.monotonic() - began < 1
            with pytest.raises(Unavailable):
                await mixing
        await opened.house.upkeep.mix_register()


async def test_old_behaviour_goes_with_what_was_learned_from_it(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the policy lets become older stays; what goes is un-learned as exactly as by an erasure, chunk by chunk."""
    monkeypatch.setattr(upkeep, "AGED_ROWS", 2)
    keeper = opened.house.keepers[0]
    async with opened.as_admin() as admin:
        await admin.execute("truncate engine.event, engine.contribution, engine.item_count, engine.item_pair")
        await register(admin, NAMES, ORDER, CONTRIBUTE)
        for name in NAMES:
            await buy(admin, name, "new", "newer")
            old = [bought(name, item, f"old-{item}", NOW - timedelta(days=DAYS + 2)) for item in ("old", "new")]
            await store_events(one(admin), old, NOW)
        async for _ in affinity.catch_up(one(admin)):
            pass
        working = upkeep.Upkeep(
            opened.house.pools.house.acquire, lambda: {Category("purchases"): DAYS, Category("browsing"): 1}, [keeper]
        )
        await working.age()
        assert await admin.fetchval("select count(*) from engine.event") == 2 * len(NAMES)
        kept = await admin.fetch("select item_id, contributors from engine.item_count order by item_id")
        assert [tuple(row) for row in kept] == [("new", len(NAMES)), ("newer", len(NAMES))]
        assert (await affinity.verify(admin)).difference is None
        await working.age()
        assert await admin.fetchval("select count(*) from engine.event") == 2 * len(NAMES)


async def test_the_policy_says_how_old_behaviour_may_become(opened: Opened) -> None:
    """The hour's turn forgets by the bundle in force: each behavioural category, and no other."""
    async with opened.as_admin() as admin:
        await admin.execute("truncate engine.event, engine.contribution")
        await register(admin, NAMES[:1], ORDER)
        kept = opened.house.hallway.bundle.categories[Category("purchases")].retention.at_most_days
        for number, days in enumerate((kept - 1, kept + 1)):
            await store_events(
                one(admin), [bought(NAMES[0], "tea", f"tea-{number:04}", NOW - timedelta(days=days))], NOW
            )
        await admin.execute("update ecrm.upkeep set begun = 'epoch'")
        assert await opened.house.upkeep.run()
        assert await admin.fetchval("select count(*) from engine.event") == 1
