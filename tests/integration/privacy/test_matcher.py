"""Whoever has a dump and nothing else cannot say whose behaviour it holds; what is left to guess is written down."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from ecrm_privacy.database.postgres import ADMIN_ROLE
from ecrm_privacy.vault import keys, uses
from ecrm_privacy.vocabulary import ACCOUNTABILITY, CONTRIBUTE, SubjectId
from tests.houses import Opened
from tests.integration.privacy import matcher
from tests.integration.privacy.conftest import Shop
from tests.integration.privacy.dump import Dump, Table
from tests.integration.privacy.visitors import look_around

pytestmark = pytest.mark.anyio

VISITORS = 50
REGISTER = r"ecrm\.pseudonym(_use)?\.pseudonym: .* place"
Pairs = dict[str, str]
KEPT_UNDER = {"purchases": "order", "browsing": "remember"}


@pytest.mark.parametrize("category", KEPT_UNDER)
def test_behaviour_is_joined_to_customers_no_better_than_chance(shop: Shop, category: str) -> None:
    """Of the 300 customers' histories, every guess by order, time or count gets as many right as a blind one."""
    pairs = matcher.truth(shop.imported, shop.keyring, category)
    assert len(pairs) > 200
    guesses = list(matcher.guesses(shop.imported, pairs))
    assert len(guesses) > 1_000
    assert [guess for guess in guesses if not guess.is_blind] == []


@pytest.mark.parametrize("category", KEPT_UNDER)
def test_answers_tell_only_who_contributes(shop: Shop, category: str) -> None:
    """What is registered about a pseudonym tells contributors from others, and leaves at least 50 candidates of 300."""
    found = matcher.kinds(shop.imported, matcher.truth(shop.imported, shop.keyring, category))
    assert set(found) == {frozenset({KEPT_UNDER[category]}), frozenset({KEPT_UNDER[category], CONTRIBUTE})}
    assert min(found.values()) >= 50


@pytest.fixture(scope="module")
async def admin(shop: Shop) -> AsyncIterator[asyncpg.Connection]:
    password = shop.keyring.password(ADMIN_ROLE)
    conn = await asyncpg.connect(**shop.address.connect_args(ADMIN_ROLE, password))
    yield conn
    await conn.close()


@pytest.fixture(scope="module")
async def unmixed(admin: asyncpg.Connection) -> None:
    """Nobody mixes for the next hour but a test: a worker would, a minute after it started, also between two dumps."""
    await admin.execute("update ecrm.upkeep set begun = now()")


@pytest.fixture(scope="module")
def came(shop: Shop, unmixed: None) -> dict[str, Pairs]:
    """Fifty visitors who came one after another, each with the pseudonyms of what they looked at and bought."""
    before = {row["subject"] for row in shop.dump()["ecrm.subject_state"]}
    look_around(shop.group.demo(), VISITORS, [row["item_id"] for row in shop.imported["engine.item"]])
    while (after := shop.dump())["ecrm.job"]:
        time.sleep(0.2)
    found = {category: matcher.truth(after, shop.keyring, category) for category in KEPT_UNDER}
    return {category: {s: name for s, name in pairs.items() if s not in before} for category, pairs in found.items()}


async def mix(worker: Opened) -> None:
    """Do what a worker does every hour."""
    await worker.house.upkeep.mix(datetime.now(UTC) - timedelta(days=1))


def best(dump: Dump, came: Pairs, clue: str) -> matcher.Guess:
    """Return the luckiest guess by a clue about pseudonyms."""
    return max((g for g in matcher.guesses(dump, came) if clue in g.by_pseudonym), key=lambda g: (g.hits, abs(g.z)))


async def test_who_came_in_the_same_minute_is_not_told_apart(
    shop: Shop, worker: Opened, came: dict[str, Pairs]
) -> None:
    """Until it is mixed the place of a row tells whose it is; then neither place nor time nor count does."""
    fresh = shop.dump()
    await mix(worker)
    mixed = shop.dump()
    for pairs in came.values():
        assert len(pairs) == VISITORS
        assert not best(fresh, pairs, "engine.event.pseudonym: least place").is_blind
        assert [guess for guess in matcher.guesses(mixed, pairs, matcher.minutes(mixed)) if not guess.is_blind] == []


async def test_the_register_does_not_tell_who_came_when(shop: Shop, worker: Opened, came: dict[str, Pairs]) -> None:
    """Whoever was registered today stands among those who were registered long ago."""
    await mix(worker)
    dump = shop.dump()
    for category in came:
        everybody = matcher.truth(dump, shop.keyring, category)
        registered = [g for g in matcher.guesses(dump, everybody) if re.match(REGISTER, g.by_pseudonym)]
        assert registered and [guess for guess in registered if not guess.is_blind] == []


def in_clear(dump: Dump, worker: Opened) -> Dump:
    """Return the dump as it would be if counts were stored as they are."""
    times = dict[str, str]()
    for row in dump["ecrm.subject_key"]:
        if row["category"] == ACCOUNTABILITY:
            subject, wrapped = SubjectId(UUID(row["subject"])), bytes.fromhex(row["wrapped"][2:])
            key = keys.unwrap(worker.house.keyring, subject, ACCOUNTABILITY, int(row["version"]), wrapped)
            names = set(map(str, uses.pseudonyms(key, datetime.now(UTC).date())))
            for one in dump["ecrm.use_count"]:
                if one["pseudonym"] in names:
                    use, sealed = (bytes.fromhex(one[column][2:]) for column in ("use", "sealed"))
                    read = uses.read(key, date.fromisoformat(one["month"]), use, sealed, int(one["times"]))
                    times[one["pseudonym"]] = str(read[1])
    plain = [(row["pseudonym"], times[row["pseudonym"]]) for row in dump["ecrm.use_count"] if row["pseudonym"] in times]
    return Dump(dump.text, {**dump.tables, "ecrm.use_count": Table(("pseudonym", "times"), tuple(plain))})


async def test_how_data_was_used_leads_to_nobody(shop: Shop, worker: Opened, came: dict[str, Pairs]) -> None:
    """Counts are joined neither to subjects nor to behaviour; they would be if they stood there as they are."""
    today = datetime.now(UTC).date()
    while not set(came["browsing"]) <= set(counted := matcher.counted(shop.dump(), shop.keyring, today)):
        await asyncio.sleep(0.5)
    await mix(worker)
    dump = shop.dump()
    first = {subject: counted[subject][0] for subject in came["browsing"]}
    assert [guess for guess in matcher.guesses(dump, first) if not guess.is_blind] == []
    for pairs in came.values():
        joined = {pairs[subject]: name for subject, name in first.items()}
        assert [guess for guess in matcher.guesses(dump, joined, of=matcher.PSEUDONYMS) if not guess.is_blind] == []
    told = matcher.guesses(in_clear(dump, worker), joined, of=matcher.PSEUDONYMS)
    assert [guess for guess in told if not guess.is_blind and "times" in guess.by_pseudonym]


async def spread(admin: asyncpg.Connection, came: Pairs) -> None:
    """Pretend that one of them came in each minute, in the order in which they did."""
    order = await admin.fetch("select subject::text from ecrm.subject_state order by leaf_index")
    pseudonyms = [came[row["subject"]] for row in order if row["subject"] in came]
    began = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=VISITORS)
    await admin.executemany(
        "update engine.event set at = $2 where pseudonym = $1::text::uuid",
        [(name, began + timedelta(minutes=place)) for place, name in enumerate(pseudonyms)],
    )


async def test_the_order_of_the_log_and_the_minutes_tell_the_rest(
    shop: Shop, worker: Opened, admin: asyncpg.Connection, came: dict[str, Pairs]
) -> None:
    """A minute is all that hides who looked around right after saying yes; docs/explanation/ says what that means."""
    await spread(admin, came["browsing"])
    await mix(worker)
    assert best(shop.dump(), came["browsing"], "engine.event.pseudonym: least at").hits == VISITORS
