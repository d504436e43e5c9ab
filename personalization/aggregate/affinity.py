"""Item affinities as exact counts: who bought this also bought that, learned from contributors and un-learned exactly.

From each pseudonym that contributes (`model.contribute`) the model knows a set of items: the last `ITEMS_MOST`
different ones that were bought. The counts are integers over these sets, so the order of learning and un-learning
leaves no trace: after un-learning they equal a rebuild without that person, row by row (`verify`). Only purchases are
counted, although browsing may be contributed too: a person has one pseudonym per category, and with both that person
would be two towards k.

Whoever changes the counts holds the model's row. Learning looks whether its pseudonyms are still open at its end, not
at its beginning, so that nobody's withdrawal waits for it; who closed in between is un-learned before the commit.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import msgspec

from ecrm_privacy.errors import Failure
from ecrm_privacy.sql import Conn, Effect
from ecrm_privacy.vocabulary import Pseudonym
from personalization.aggregate import store

ITEMS_MOST = 200
"""A reseller with 1,700 items touches 1.4 million pairs; 200 bound that to 19,900 and concern one customer in 20."""
CHUNK = 5_000
"""Pseudonyms per transaction: together they touch each pair once, which matters when everything is learned at once."""
SHRINKAGE = 10.0
NEIGHBOURS_MOST = 20

Acquire = Callable[[], AbstractAsyncContextManager[Conn]]


class CountsDiffer(Failure):
    """The counts are not what was contributed: someone else changed them. `rebuild` sets them right."""


class Verdict(msgspec.Struct, frozen=True):
    """Whether the counts hold exactly the contributors: `difference` is None, or says where they first do not."""

    contributors: int
    items: int
    pairs: int
    difference: str | None


async def learn(conn: Conn, pseudonyms: Sequence[Pseudonym]) -> int:
    """Make what is counted from `pseudonyms` what they contribute now; returns how many of their items came or went.

    One transaction; may run at any time, twice, for closed pseudonyms too (whose items go). Raises CountsDiffer.
    """
    async with conn.transaction():
        await _take_turn(conn)
        changed = await _settle(conn, pseudonyms, ITEMS_MOST)
        if changed:
            still_open = {row.pseudonym for row in await store.hold(pseudonyms).all(conn)}
            counted = await store.contributed(pseudonyms, len(pseudonyms)).all(conn)
            late = [Pseudonym(row.pseudonym) for row in counted if row.pseudonym not in still_open]
            changed += await _settle(conn, late, 0)
            await store.advance().run(conn)
    return changed


async def unlearn(conn: Conn, pseudonyms: Sequence[Pseudonym]) -> int:
    """Take back all that `pseudonyms` contributed; returns how many items went. Raises CountsDiffer."""
    async with conn.transaction():
        await _take_turn(conn)
        changed = await _settle(conn, pseudonyms, 0)
        if changed:
            await store.advance().run(conn)
    return changed


async def unlearn_some(conn: Conn, pseudonyms: Sequence[Pseudonym], most: int) -> bool:
    """Un-learn at most `most` of `pseudonyms`, in order; True when nothing of theirs is counted any more."""
    some = [Pseudonym(row.pseudonym) for row in await store.contributed(sorted(pseudonyms), most).all(conn)]
    if some:
        await unlearn(conn, some)
    return len(some) < most


async def relearn_some(conn: Conn, pseudonyms: Sequence[Pseudonym], most: int) -> bool:
    """Learn `pseudonyms` again after a renewed yes, `most` per transaction; always ends with True."""
    in_order = sorted(pseudonyms)
    for start in range(0, len(in_order), most):
        await learn(conn, in_order[start : start + most])
    return True


async def catch_up(acquire: Acquire, chunk: int = CHUNK) -> AsyncIterator[int]:
    """Learn from everybody concerned, chunk by chunk in key order; yields how many pseudonyms were seen so far.

    Each chunk is committed; who stops it loses nothing, and who starts it again finds little to do.
    """
    after, seen = Pseudonym(UUID(int=0)), 0
    while True:
        async with acquire() as conn:
            some = [Pseudonym(row.pseudonym) for row in await store.concerned(after, chunk).all(conn)]
            if not some:
                return
            await learn(conn, some)
        after, seen = some[-1], seen + len(some)
        yield seen


async def contributors(conn: Conn) -> int:
    """Return how many pseudonyms contribute now."""
    row = await store.contributor_count().first(conn)
    return row.contributors if row else 0


async def sizes(conn: Conn) -> store.Sizes:
    """Return how much was learned, and from how many."""
    found = await store.sizes().first(conn)
    assert found is not None, "counting always gives a row"
    return found


async def publish(conn: Conn, k_people: int) -> int:
    """Publish the neighbours if counts or `k_people` changed since; returns how many rows changed."""
    async with conn.transaction():
        model = await _take_turn(conn)
        if (model.version, k_people) == (model.published, model.k_people):
            return 0
        result = await store.publish(k_people, SHRINKAGE, NEIGHBOURS_MOST).first(conn)
        await store.published(model.version, k_people).run(conn)
    return result.changed if result else 0


def mix() -> tuple[Effect, ...]:
    """Return what takes from the contributions the order in which they were learned, which a dump would show."""
    return (store.mix(),)


async def rebuild(conn: Conn) -> None:
    """Count anew from the contributions, which say what was learned from whom."""
    async with conn.transaction():
        await _take_turn(conn)
        for query in (*store.clear(), *store.recount(), store.advance()):
            await query.run(conn)


async def verify(conn: Conn) -> Verdict:
    """Compare the counts with a rebuild from scratch, and the contributions with the events of those who contribute."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        await store.room_to_sort().run(conn)
        learned = await sizes(conn)
        first = await store.first_difference().first(conn)
    return Verdict(learned.contributors, learned.items, learned.pairs, _difference(first, learned.strangers))


def _difference(first: store.Difference | None, strangers: int) -> str | None:
    if first is not None:
        place = first.item_id if first.other_id is None else f"{first.item_id} with {first.other_id}"
        return f"{place}: {first.kept or 0} counted, {first.rebuilt or 0} when rebuilt"
    if strangers:
        return f"items of {strangers} who do not contribute them any more are still counted: un-learning is due"
    return None


async def _take_turn(conn: Conn) -> store.Version:
    await store.room_to_sort().run(conn)
    model = await store.lock().first(conn)
    assert model is not None, "the migration inserts the model's row"
    return model


async def _settle(conn: Conn, pseudonyms: Sequence[Pseudonym], items_most: int) -> int:
    settled = await store.settle(pseudonyms, items_most).first(conn)
    assert settled is not None, "settling always gives a row"
    if settled.due != settled.changed:
        raise CountsDiffer("the affinity counts are not what was contributed; `ecrm aggregate run` counts them anew")
    return settled.added + settled.removed
