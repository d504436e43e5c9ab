"""A bundle is put in force in real PostgreSQL, by the house's own role."""

import asyncpg
import msgspec
import pytest

from ecrm_privacy.policy import store
from ecrm_privacy.policy.compile import compile
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.load import from_documents
from ecrm_privacy.sql import run_all
from tests.unit.policy.policies import bundle, tree

pytestmark = pytest.mark.anyio


def named(offers: str) -> Bundle:
    """The shipped policy with another name for its offers: no row of it was written ahead."""
    changed = tree()
    changed["purposes"]["offers"]["texts"]["en"]["name"] = offers
    return bundle(changed)


OURS = named("Our post")


async def activate(house: asyncpg.Connection, policy: Bundle) -> None:
    async with house.transaction():
        await run_all(house, store.activate(policy, compile(policy)))


async def rows(house: asyncpg.Connection, text: str, policy: Bundle) -> set[tuple[object, ...]]:
    return {tuple(row) for row in await house.fetch(text, policy.hash)}


async def test_nothing_is_active_before_the_first_time(house: asyncpg.Connection) -> None:
    """A fresh database has no bundle in force and knows nothing of this one."""
    assert await store.active_hash().first(house) is None
    assert await store.documents_of(OURS.hash).first(house) is None


async def test_the_tables_hold_exactly_the_compiled_rows(house: asyncpg.Connection) -> None:
    """What was compiled can be read back, row for row, and the documents give the bundle again."""
    await activate(house, OURS)
    compiled = compile(OURS)
    assert await store.active_hash().first(house) == store.ActiveBundle(OURS.hash)
    stored = await store.documents_of(OURS.hash).first(house)
    assert stored is not None and from_documents(stored.documents) == OURS
    decisions = """select purpose, channel, recipient, regime, status, notice_current, restricted, under_age, gpc,
                   allowed, because from ecrm.decision where bundle = $1"""
    needs = "select need, category, purpose, channel, recipient from ecrm.need where bundle = $1"
    notices = "select purpose, notice, still_good from ecrm.notice_current where bundle = $1"
    assert await rows(house, decisions, OURS) == {tuple(row) for row in compiled.decisions}
    assert await rows(house, needs, OURS) == {tuple(row) for row in compiled.needs}
    assert await rows(house, notices, OURS) == {tuple(row) for row in compiled.notices}


async def test_activating_twice_is_activating_once(house: asyncpg.Connection) -> None:
    """After a crash the same effects may run again."""
    await activate(house, OURS)
    before = await house.fetchval("select count(*) from ecrm.decision")
    await activate(house, OURS)
    assert await house.fetchval("select count(*) from ecrm.decision") == before
    assert await house.fetchval("select count(*) from ecrm.policy_active") == 1


async def test_a_second_policy_takes_over_and_the_first_stays_known(house: asyncpg.Connection) -> None:
    """The pointer moves; the rows of both bundles are there, so going back is one activation."""
    second = named("Letters")
    for policy in (OURS, second, OURS):
        await activate(house, policy)
        assert await store.active_hash().first(house) == store.ActiveBundle(policy.hash)
    assert await store.documents_of(second.hash).first(house) == store.StoredDocuments(second.documents)


async def test_rows_may_be_written_ahead(house: asyncpg.Connection) -> None:
    """Rows alone put nothing in force; the pointer alone is refused without them."""
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await store.point(OURS.hash).run(house)
    await run_all(house, store.write_rows(OURS, compile(OURS)))
    assert await store.active_hash().first(house) is None
    await store.point(OURS.hash).run(house)
    assert await store.active_hash().first(house) == store.ActiveBundle(OURS.hash)


async def test_a_statement_that_fails_changes_nothing(house: asyncpg.Connection) -> None:
    """Activation is the caller's transaction: half a table is never in force."""
    compiled = compile(OURS)
    broken = msgspec.structs.replace(compiled, notices=[compiled.notices[0]._replace(still_good=None)])  # type: ignore[arg-type]
    with pytest.raises(asyncpg.NotNullViolationError):
        async with house.transaction():
            await run_all(house, store.activate(OURS, broken))
    assert await store.active_hash().first(house) is None
    assert await house.fetchval("select count(*) from ecrm.decision where bundle = $1", OURS.hash) == 0


async def test_rows_of_a_bundle_cannot_be_changed(house: asyncpg.Connection) -> None:
    """The house may add bundles; it may neither rewrite a decision nor remove one."""
    await activate(house, OURS)
    for text in ("update ecrm.decision set allowed = true", "delete from ecrm.decision", "delete from ecrm.need"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await house.execute(text)
