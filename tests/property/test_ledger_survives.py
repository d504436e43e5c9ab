"""Promises 1 and 5, whatever happens in whatever order: what was acknowledged stays, and there is one history of it.

Two workers on one log, each with a writer and a publisher of its own, a guard file, a witness. They answer, make
mistakes, repeat keys, are killed, start anew, publish, and die between the guard file and the row. After each step the
whole log is verified from the bodies up, and held against every checkpoint that anybody was ever shown.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from ecrm_privacy.errors import Failure, OutcomeUnknown, Unavailable
from ecrm_privacy.ledger.failures import KeyTaken, StaleSubject
from ecrm_privacy.ledger.record import ANY_SEEN, LEAF_INDEX, Change, Entry, LeafType, StateChange, leaf
from ecrm_privacy.sql import Effect, Query
from tests.conftest import Database
from tests.integration.ledger.making import GIVEN, REFUSED, a_subject, an_entry, own_act
from tests.lengths import examples
from tests.property.living_log import DiedThere, Results, World

WORKERS = st.integers(0, 1)
SUBJECTS = st.integers(0, 3)
KEYS = st.integers(0, 5)
SAID: tuple[tuple[Change, ...], ...] = ((GIVEN,), (REFUSED,), (REFUSED, GIVEN), ())
PERSONAL = ("body", "consent_status", "subject_state")


def keeps_reply(key: int) -> Effect:
    return Query(
        "insert into ecrm.reply (key_mac, body_mac, sealed, leaf_index, expires)"
        " values ($1, '', '', $2, date_trunc('hour', now()))",
        (b"key %d" % key, LEAF_INDEX),
    )


def filler() -> Entry:
    """The smallest entry: a leaf whose body is gone."""
    return Entry(leaf=leaf(LeafType.SUBJECT, secrets.token_bytes(32)))


FAILS: Effect = Query("insert into ecrm.reply (key_mac) values (null)")


class Survives(RuleBasedStateMachine):
    """See the module."""

    def __init__(self, new_database: Callable[[], Database]) -> None:
        super().__init__()
        self.temporary = TemporaryDirectory()
        database = new_database()
        self.runner = asyncio.Runner()
        self.world = World(database, Path(self.temporary.name))

    @initialize(fill=st.sampled_from([0, 250, 254]))
    def begin(self, fill: int) -> None:
        self.runner.run(self.world.open())
        assert fill == 0 or self.append(0, [filler() for _ in range(fill)]) == list(range(fill))

    def append(self, worker: int, entries: Sequence[Entry]) -> Results:
        return self.runner.run(self.world.append(worker, entries))

    @rule(worker=WORKERS, who=SUBJECTS, said=st.sampled_from(SAID), regime=st.sampled_from([None, "gdpr", "ccpa"]))
    def somebody_answers(self, worker: int, who: int, said: tuple[Change, ...], regime: str | None) -> None:
        subject = self.world.subjects[who]
        seen = self.runner.run(self.world.seen(subject))
        entry = an_entry(subject, said, StateChange(regime=regime) if regime else None, seen=seen)
        assert all(isinstance(result, int) for result in self.append(worker, [entry, an_entry(), own_act()]))

    @rule(worker=WORKERS, count=st.sampled_from([2, 6, 255, 300, 600]))
    def many_come_at_once(self, worker: int, count: int) -> None:
        assert all(isinstance(result, int) for result in self.append(worker, [filler() for _ in range(count)]))

    @rule(worker=WORKERS, who=SUBJECTS)
    def some_bring_what_cannot_be_written(self, worker: int, who: int) -> None:
        """A bad entry and one that decided by an older state, among good ones: those alone are refused."""
        subject = self.world.subjects[who]
        bad, stale = an_entry(effects=(FAILS,)), an_entry(subject, [GIVEN], seen=10**9)
        results = self.append(worker, [an_entry(), bad, an_entry(a_subject(), [GIVEN]), stale, an_entry()])
        assert [type(result) for result in results if not isinstance(result, int)][1:] == [StaleSubject]
        assert [isinstance(result, int) for result in results] == [True, False, True, False, True]

    @rule(worker=WORKERS, key=KEYS)
    def a_key_comes_again(self, worker: int, key: int) -> None:
        """The first entry with a key is written, each later one is not, unless nobody knows of the first."""
        entry = an_entry(a_subject(), [GIVEN], effects=(keeps_reply(key),))
        self.heard(key, entry, self.append(worker, [entry])[0])

    def heard(self, key: int, entry: Entry, result: int | Failure) -> None:
        before = self.world.keys.setdefault(key, [])
        if any(isinstance(earlier, int) for _, earlier in before):
            assert isinstance(result, KeyTaken | Unavailable)
        elif not any(isinstance(earlier, OutcomeUnknown) for _, earlier in before):
            assert not isinstance(result, KeyTaken)
        before.append((entry.leaf, result))

    @rule(both=st.booleans(), key=KEYS, others=st.integers(0, 3), after_s=st.sampled_from([0, 0, 0.001, 0.002, 0.004]))
    def a_session_is_killed_at_work(self, both: bool, key: int, others: int, after_s: float) -> None:
        """The server ends the sessions of one writer or of both, while they write; the clients try again."""

        async def killed() -> list[tuple[Entry, int | Failure]]:
            asked = [
                an_entry(a_subject(), [GIVEN], effects=(keeps_reply(key),)),
                *(an_entry(a_subject(), [REFUSED]) for _ in range(others)),
            ]
            under_way = [
                asyncio.create_task(self.world.append(number % 2, [each])) for number, each in enumerate(asked)
            ]
            await asyncio.sleep(after_s)
            for worker in self.world.workers[: 2 if both else 1]:
                await self.world.kill_backends(worker.writer)
            results = await asyncio.gather(*under_way)
            return [(entry, result[0]) for entry, result in zip(asked, results, strict=True)]

        self.heard(key, *self.runner.run(killed())[0])

    @rule(worker=WORKERS, killed=st.booleans())
    def a_worker_starts_anew(self, worker: int, killed: bool) -> None:
        self.runner.run(self.world.restart(worker, killed=killed))

    @rule(worker=WORKERS, after_s=st.sampled_from([0, 0.001, 0.003]), count=st.integers(1, 4))
    def a_worker_is_killed_at_work(self, worker: int, after_s: float, count: int) -> None:
        """Whoever waits for it is answered."""

        async def killed() -> None:
            under_way = [asyncio.create_task(self.world.append(worker, [an_entry()])) for _ in range(count)]
            await asyncio.sleep(after_s)
            await self.world.restart(worker, killed=True)
            await asyncio.gather(*under_way)

        self.runner.run(killed())

    @rule(worker=WORKERS)
    def it_is_published(self, worker: int) -> None:
        self.runner.run(self.world.publish(worker))

    @rule()
    def both_publish_at_once(self) -> None:
        async def both() -> None:
            await asyncio.gather(*(worker.publisher.publish() for worker in self.world.workers))
            await self.world.publish(0)

        self.runner.run(both())

    @rule(worker=WORKERS, alive=st.integers(0, 3))
    def a_worker_dies_while_it_publishes(self, worker: int, alive: int) -> None:
        """After it claimed the turn, while it proves itself to the witness, or between the guard file and the row."""

        async def dies() -> None:
            self.world.workers[worker].left = alive
            with suppress(DiedThere):
                await self.world.workers[worker].publisher.publish()
            await self.world.restart(worker, killed=True)

        self.runner.run(dies())

    @rule(worker=WORKERS, which=st.integers(0, 999))
    def somebody_asks_for_a_receipt(self, worker: int, which: int) -> None:
        held = [each for each in self.world.opened if each[0].body]
        if held:
            self.runner.run(self.world.receipt(worker, *held[which % len(held)]))

    @rule(worker=WORKERS, who=SUBJECTS)
    def somebody_is_erased(self, worker: int, who: int) -> None:
        subject = self.world.subjects[who]
        ends = tuple(Query(f"delete from ecrm.{table} where subject = $1", (subject,)) for table in PERSONAL)
        (index,) = self.append(worker, [an_entry(subject, erases=True, seen=ANY_SEEN, effects=ends)])
        assert isinstance(index, int)
        self.world.subjects[who] = a_subject()

    @rule()
    def the_witness_starts_anew(self) -> None:
        self.runner.run(self.world.witness_starts())

    @invariant()
    def everything_holds(self) -> None:
        self.runner.run(self.world.holds())

    def teardown(self) -> None:
        try:
            self.runner.run(self.world.served())
        finally:
            self.runner.run(self.world.close())
            self.runner.close()
            self.temporary.cleanup()


def test_an_empty_log_is_public_too(database: Database, tmp_path: Path) -> None:
    """Nothing in it is no sign that something was lost: it is published again, and a worker may start anew."""

    async def published_twice() -> None:
        world = World(database, tmp_path)
        await world.open()
        try:
            await world.publish(0)
            await world.restart(1, killed=False)
            await world.publish(1)
            await world.holds()
        finally:
            await world.close()

    asyncio.run(published_twice())


def test_the_log_survives(new_database: Callable[[], Database]) -> None:
    """Whatever two workers, their sessions, their publishers and a witness go through: one log, and nothing is lost."""
    run_state_machine_as_test(
        lambda: Survives(new_database),
        settings=settings(
            max_examples=examples(16),
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.reuse, Phase.generate] + [Phase.shrink] * (examples(1) > 1),
        ),
    )
