"""What one look costs the database: pages touched, whatever the machine, and never more with more people."""

import re
from datetime import date
from random import Random

import asyncpg
import pytest

from ecrm_privacy.gate.store import Ask, admit
from ecrm_privacy.policy import store as policy_store
from ecrm_privacy.policy.compile import compile
from ecrm_privacy.sql import run_all
from tests import scenes
from tests.scenes import Scene
from tests.unit.policy.policies import SHIPPED

pytestmark = pytest.mark.anyio

NEED = ("slot:for-you",)
PAGES_PER_ASK = 100
FEW, MANY = 300, 4000


async def pages(gate: asyncpg.Connection, asked: list[Scene]) -> int:
    """How many pages of the cache one statement touches."""
    query = admit([Ask(scene.caller, NEED, scene.signals) for scene in asked])
    await gate.fetch(query.text, *query.args)  # the plan is made at the first call
    plan = await gate.fetch(f"explain (analyze, buffers, timing off) {query.text}", *query.args)
    touched = [re.search(r"Buffers: shared hit=(\d+)", row[0]) for row in plan]
    return int(next(match[1] for match in touched if match))


async def test_a_look_costs_the_same_for_few_and_for_many(
    house: asyncpg.Connection, gate: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    """One ask and 64 at once, with 300 people and with 4,000: by index alone, on a plan made when there was nobody."""
    await run_all(house, policy_store.activate(SHIPPED, compile(SHIPPED)))
    today: date = await admin.fetchval("select current_date")
    people = list(scenes.crowd(SHIPPED, today, Random(5), MANY))
    query = admit([Ask(people[0].caller, NEED, people[0].signals)])
    await gate.fetch(query.text, *query.args)
    await scenes.put(admin, people[:FEW])
    await admin.execute("analyze")
    few = [await pages(gate, people[:1]), await pages(gate, people[:64])]
    await scenes.put(admin, people[FEW:])
    await admin.execute("analyze")
    many = [await pages(gate, people[:1]), await pages(gate, people[:64])]
    assert few[0] <= 2 * PAGES_PER_ASK and many[0] <= 2 * PAGES_PER_ASK
    assert few[1] <= 64 * PAGES_PER_ASK and many[1] <= 1.3 * few[1], (few, many)
    print(f"\npages per look, 1 and 64 asks: {few} of {FEW} people, {many} of {MANY}")


async def test_the_plan_is_made_once(gate: asyncpg.Connection, admin: asyncpg.Connection) -> None:
    """Planning takes many times as long as looking, so the function says to keep its plan."""
    settings = await admin.fetchval("select proconfig from pg_proc where proname = 'admit'")
    assert {"plan_cache_mode=force_generic_plan", "enable_hashjoin=off", "enable_seqscan=off", "jit=off"} <= set(
        settings
    )
    assert "search_path=ecrm, pg_temp" in settings
