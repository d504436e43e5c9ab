"""Promise 6, erased is gone: counts after un-learning are the counts of those who remain, whatever happened before."""

from collections import Counter
from itertools import combinations

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecrm_privacy.vocabulary import CONTRIBUTE
from personalization.aggregate import affinity
from tests.integration.personalization.people import ORDER, buy, close, one, pseudonym, register

pytestmark = pytest.mark.anyio

PEOPLE, ITEMS = range(5), "abcdef"
ACTS = st.one_of(
    st.tuples(st.just("buy"), st.sampled_from(PEOPLE), st.sets(st.sampled_from(ITEMS), min_size=1)),
    st.tuples(st.just("close"), st.sampled_from(PEOPLE), st.none()),
    st.tuples(st.just("open"), st.sampled_from(PEOPLE), st.none()),
    st.tuples(st.just("learn"), st.lists(st.sampled_from(PEOPLE), unique=True), st.none()),
    st.tuples(st.just("unlearn"), st.lists(st.sampled_from(PEOPLE), unique=True), st.none()),
    st.tuples(st.just("catch_up"), st.integers(1, 5), st.none()),
)
ONE_DATABASE = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@ONE_DATABASE
@given(acts=st.lists(ACTS, max_size=14), leaving=st.sets(st.sampled_from(PEOPLE)))
async def test_who_left_left_nothing(
    admin: asyncpg.Connection, guest: asyncpg.Connection, acts: list[tuple[str, object, object]], leaving: set[int]
) -> None:
    """After any history of buying, yes, no, learning and un-learning, the counts equal those of who contributes."""
    await _empty(admin)
    history: dict[int, set[str]] = {person: set() for person in PEOPLE}
    contributing = set(PEOPLE)
    for act in [*acts, *(("close", person, None) for person in sorted(leaving))]:
        await _do(admin, guest, act, history, contributing)
    await affinity.unlearn(guest, [pseudonym(person) for person in PEOPLE if person not in contributing])
    await _all(guest, 2)
    assert await _counts(admin) == _expected(history[person] for person in contributing)
    assert (await affinity.verify(guest)).difference is None


@ONE_DATABASE
@given(
    histories=st.lists(st.sets(st.sampled_from(ITEMS)), min_size=5, max_size=5),
    order=st.permutations(PEOPLE),
    chunk=st.integers(1, 5),
)
async def test_order_chunks_and_repetition_leave_no_trace(
    admin: asyncpg.Connection, guest: asyncpg.Connection, histories: list[set[str]], order: list[int], chunk: int
) -> None:
    """Learning in any order, in any chunks and twice gives the same counts, which equal a rebuild."""
    await _empty(admin)
    for person, items in enumerate(histories):
        await buy(guest, pseudonym(person), *sorted(items))
    for _ in range(2):
        for start in range(0, len(order), chunk):
            await affinity.learn(guest, [pseudonym(person) for person in order[start : start + chunk]])
    learned = await _counts(admin)
    await affinity.rebuild(guest)
    assert learned == _expected(histories) == await _counts(admin)


async def _empty(admin: asyncpg.Connection) -> None:
    await admin.execute("truncate engine.event, engine.contribution, engine.item_count, engine.item_pair")
    await register(admin, [pseudonym(person) for person in PEOPLE], ORDER, CONTRIBUTE)


async def _do(
    admin: asyncpg.Connection,
    guest: asyncpg.Connection,
    act: tuple[str, object, object],
    history: dict[int, set[str]],
    contributing: set[int],
) -> None:
    match act:
        case ("buy", int(person), set(items)):
            history[person] |= items
            await buy(guest, pseudonym(person), *sorted(items))
        case ("close", int(person), _):
            contributing.discard(person)
            await close(admin, pseudonym(person))
        case ("open", int(person), _):
            contributing.add(person)
            await register(admin, [pseudonym(person)], CONTRIBUTE)
        case ("learn", list(people), _):
            await affinity.learn(guest, [pseudonym(person) for person in people])
        case ("unlearn", list(people), _):
            await affinity.unlearn(guest, [pseudonym(person) for person in people])
        case ("catch_up", int(chunk), _):
            await _all(guest, chunk)


async def _all(guest: asyncpg.Connection, chunk: int) -> None:
    async for _ in affinity.catch_up(one(guest), chunk):
        pass


async def _counts(admin: asyncpg.Connection) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    items = await admin.fetch("select item_id, contributors from engine.item_count")
    pairs = await admin.fetch("select item_id, other_id, contributors from engine.item_pair")
    return dict(map(tuple, items)), {(a, b): n for a, b, n in pairs}


def _expected(histories: object) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    items: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for history in histories:  # type: ignore[attr-defined]
        items.update(history)
        pairs.update(combinations(sorted(history), 2))
    return dict(items), dict(pairs)
