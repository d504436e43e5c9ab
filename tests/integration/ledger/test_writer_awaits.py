"""The writer when any one of its awaits fails: everybody is answered, truthfully, and the log goes on unforked.

How many awaits there are is counted in a dry run, over a real PostgreSQL; each is then failed in every way, with one
entry and with a batch, once and for good. At the end the whole log is verified from the bodies up, and every head that
was seen on the way is held against it: nobody could have mended in between what was wrong before.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from ecrm_privacy.database.migrate import rights_on
from ecrm_privacy.database.pools import connect
from ecrm_privacy.database.postgres import ADMIN_ROLE
from ecrm_privacy.errors import Failure, OutcomeUnknown, Unavailable
from ecrm_privacy.ledger import store
from ecrm_privacy.ledger import writer as room
from ecrm_privacy.ledger.checkpoint import Checkpoint
from ecrm_privacy.ledger.failures import KeyTaken, StaleSubject
from ecrm_privacy.ledger.record import ANY_SEEN, LEAF_INDEX, Entry, StateChange
from ecrm_privacy.ledger.verify import verify
from ecrm_privacy.ledger.writer import Writer
from ecrm_privacy.sql import Effect, Query
from tests.conftest import ADMIN_PASSWORD, PASSWORDS, TEMPLATE, Cluster
from tests.integration.ledger.awaits import BESIDE, CANCELS, FAULTS, HANGS, PASSING, Fault, Met, Trouble, filler
from tests.integration.ledger.making import GIVEN, ORIGIN, REFUSED, a_subject, an_entry, opener, own_act
from tests.lengths import examples

pytestmark = pytest.mark.anyio

Results = Sequence[int | Failure]
STUCK_S = 8.0
TILE = 256
LASTING = {name: fault for name, fault in FAULTS.items() if name not in CANCELS | BESIDE}


def keeps_reply(key: bytes) -> Effect:
    return Query(
        "insert into ecrm.reply (key_mac, body_mac, sealed, leaf_index, expires)"
        " values ($1, '', '', $2, date_trunc('hour', now()))",
        (key, LEAF_INDEX),
    )


class Case:
    """One log, one writer with its trouble, one without, and what the outside has to remember."""

    def __init__(self, connect_house: Callable[[], Awaitable[asyncpg.Connection]], admin: asyncpg.Connection) -> None:
        self._connect, self.admin = connect_house, admin
        self.known: dict[int, Checkpoint] = {}
        self.beside = Writer(connect_house)
        self.trouble = Trouble(connect_house, admin, self.beside)
        self.lines: set[int] = set()
        self._since = 0
        self.turn_s = room.TURN_S_MAX

    async def open(self) -> None:
        """Open the log, five leaves short of its first full tile."""
        self.house = await self._connect()
        await store.open_log(self.house, ORIGIN)
        await self.beside.start()
        await self.beside.append([filler() for _ in range(TILE - 5)])

    async def close(self) -> None:
        """Stop, also when a test failed in the midst of it."""
        if self.trouble.writer is not None:
            self.trouble.cancel()
        await self.beside.stop()
        self.house.terminate()

    async def begin(self) -> None:
        """Start a new writer; nothing that it is given stands in the log so far."""
        self._since = await self.house.fetchval("select tree_size from ecrm.ledger_head")
        self.trouble = Trouble(self._connect, self.admin, self.beside)
        self.trouble.writer = Writer(self.trouble.connect)
        await self.trouble.writer.start()

    async def nearly_fill_a_tile(self) -> None:
        """Leave the log three leaves short of a full tile."""
        size = await self.house.fetchval("select tree_size from ecrm.ledger_head")
        await self.beside.append([filler() for _ in range((-3 - size) % TILE)])

    async def one(self) -> list[Entry]:
        """The smallest batch: somebody answers."""
        return [an_entry(a_subject(), [GIVEN], effects=(keeps_reply(uuid4().bytes),))]

    async def several(self) -> list[Entry]:
        """One batch with everything in it; one of its entries decided by an older state."""
        known, gone, other = a_subject(), a_subject(), uuid4()
        first, second = await self.beside.append([an_entry(known, [GIVEN]), an_entry(gone, [GIVEN])])
        assert isinstance(first, int) and isinstance(second, int)
        tables = ("body", "consent_status", "subject_state")
        ends = [Query(f"delete from ecrm.{table} where subject = $1", (gone,)) for table in tables]
        return [
            an_entry(a_subject(), [GIVEN, REFUSED], StateChange(regime="gdpr"), effects=(keeps_reply(uuid4().bytes),)),
            an_entry(known, [REFUSED], seen=first, closing=((other, store.overtake(other)),)),
            an_entry(None, [REFUSED], effects=(keeps_reply(uuid4().bytes),)),
            own_act(uuid4().bytes),
            an_entry(known, [GIVEN], seen=None),
            an_entry(gone, erases=True, seen=ANY_SEEN, effects=tuple(ends)),
        ]

    async def with_a_bad_one(self) -> list[Entry]:
        """A batch that goes in by halves: one of its entries has the key of another."""
        key = uuid4().bytes
        return [an_entry(a_subject(), [GIVEN], effects=(keeps_reply(each),)) for each in (key, uuid4().bytes, key)]

    async def append(self, entries: Sequence[Entry]) -> Results:
        """Let the writer append; fails when somebody is not answered, or when the writer does not come to rest."""
        return (await self.append_all([entries]))[0]

    async def append_all(self, lists: Sequence[Sequence[Entry]]) -> Sequence[Results]:
        """Let several append at once."""
        writer = self.trouble.writer
        assert writer is not None and writer._task is not None
        usual, room.TURN_S_MAX = room.TURN_S_MAX, self.turn_s
        try:
            async with asyncio.timeout(STUCK_S):
                results = await asyncio.gather(*(told(writer, entries) for entries in lists))
                while writer._wake.is_set() and not writer._task.done():
                    await asyncio.sleep(0.001)
        finally:
            room.TURN_S_MAX = usual
        return results

    async def goes_on(self) -> None:
        """Without faults the writer goes on working; a cancelled one refuses at once, and another one goes on."""
        trouble, writer = self.trouble, self.trouble.writer
        assert writer is not None and writer._task is not None
        trouble.strike(next(iter(FAULTS.values())), lambda _number, _text: False)
        async with asyncio.timeout(STUCK_S):
            meanwhile = await asyncio.gather(*trouble.meanwhile)
            assert all(isinstance(result, int) for (result,) in meanwhile)
            await store.thaw("tried").run(self.admin)
            (index,) = await writer.append([filler()])
            if writer._task.done():
                assert isinstance(index, Unavailable) and writer._task.cancelled()
            else:
                assert isinstance(index, int), index
                await writer.stop()
            trouble.writer = None
            assert isinstance((await self.beside.append([filler()]))[0], int)
            await self._nobody_holds_the_head()
        self.lines |= trouble.lines

    async def is_true(self, entries: Sequence[Entry], results: Results) -> None:
        """What was answered is so: an index is the leaf's, a refusal wrote nothing, a doubt at most one leaf."""
        rows = await self.house.fetch(
            "select leaf_index, leaf from ecrm.ledger_entry where leaf_index >= $1", self._since
        )
        for entry, result in zip(entries, results, strict=True):
            at = [row["leaf_index"] for row in rows if row["leaf"] == entry.leaf]
            if isinstance(result, int):
                assert at == [result]
            else:
                assert len(at) <= isinstance(result, OutcomeUnknown), (result, at)
        head = await store.head().first(self.house)
        assert head is not None
        self.known[head.tree_size] = Checkpoint(ORIGIN, head.tree_size, head.root_hash)

    async def is_sound(self) -> None:
        """The whole log is dense, continues every head that was seen, and its tiles and rows are its leaves'."""
        report = await verify(self.house, opener, None, list(self.known.values()))
        assert report.problem is None, report
        assert report.leaves == report.tree_size and report.leaves in self.known

    async def is_sound_so_far(self) -> None:
        """In a long run each test says by itself what it did to the log."""
        if examples(1) > 1:
            await self.is_sound()

    async def _nobody_holds_the_head(self) -> None:
        for conn in self.trouble.opened:
            conn.terminate()
        while await self.admin.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and state like 'idle in transaction%'"
        ):
            await asyncio.sleep(0.01)


async def told(writer: Writer, entries: Sequence[Entry]) -> Results:
    """Return what is said at the moment it is said: what becomes of that list later, no caller sees."""
    return tuple(await writer.append(entries))


@pytest.fixture(scope="module")
async def log(cluster: Cluster) -> AsyncIterator[Case]:
    """One log for all tests of this file: what one of them did to it the next would notice."""
    name = f"awaits_{uuid4().hex[:12]}"
    address = msgspec.structs.replace(cluster.address, database=name)
    outside = await asyncpg.connect(**cluster.address.connect_args(ADMIN_ROLE, ADMIN_PASSWORD))
    await outside.execute(f"create database {name} template {TEMPLATE}")
    await outside.execute(rights_on(name))
    admin = await asyncpg.connect(**address.connect_args(ADMIN_ROLE, ADMIN_PASSWORD))
    case = Case(partial(connect, address, "ecrm_house", PASSWORDS["ecrm_house"]), admin)
    await case.open()
    yield case
    await case.is_sound()
    await case.close()
    await admin.close()
    await outside.execute(f"drop database if exists {name} with (force)")
    await outside.close()


@pytest.fixture
async def case(log: Case) -> AsyncIterator[Case]:
    yield log
    log.turn_s = room.TURN_S_MAX
    if log.trouble.writer is not None:  # the test failed in the midst of it
        log.trouble.cancel()
        log.trouble.writer = None
        await store.thaw("tried").run(log.admin)


Batch = Callable[[Case], Awaitable[list[Entry]]]
BATCHES: dict[Batch, list[type[Failure]]] = {
    Case.one: [],
    Case.several: [StaleSubject],
    Case.with_a_bad_one: [KeyTaken],
}
"""Each batch, and what is refused of it without any fault."""


async def count(case: Case, batch: Batch) -> list[str]:
    """Run a batch without any fault; return the awaits that were met."""
    await case.begin()
    entries = await batch(case)
    case.trouble.strike(next(iter(FAULTS.values())), lambda _number, _text: False)
    results = await case.append(entries)
    met = case.trouble.met
    assert met[:4] == ["connect", room._SETTINGS, "begin", store.lock_head().text] and "commit" in met
    assert [type(result) for result in results if not isinstance(result, int)] == BATCHES[batch]
    await case.goes_on()
    await case.is_true(entries, results)
    return met


async def strikes(case: Case, fault: Fault, batch: Batch, at: Callable[[int, str], bool]) -> tuple[Results, list[Met]]:
    """Let some awaits fail, and hold everything that can be seen at once against it."""
    await case.begin()
    entries = await batch(case)
    case.trouble.strike(fault, at)
    results = await case.append(entries)
    struck = case.trouble.struck
    await case.goes_on()
    await case.is_true(entries, results)
    return results, struck


def batches(name: str) -> Iterable[Batch]:
    """Return what to try a fault on; a short run tries one entry, and halves, with what ends sessions alone."""
    if examples(1) > 1 or name.startswith(("lost", "cancelled", "driver is")):
        return BATCHES
    return (Case.several,)


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_at_each_await(case: Case, name: str) -> None:
    """Whichever await fails and however: nobody waits for ever, nothing acknowledged is missing, nothing forks."""
    plan = [(batch, number) for batch in batches(name) for number in range(len(await count(case, batch)))]
    if name in HANGS:
        case.turn_s = 0.25
    for batch, number in plan:
        if batch is Case.several and FAULTS[name].__name__.startswith("lost"):
            await case.nearly_fill_a_tile()
        results, (struck,) = await strikes(case, FAULTS[name], batch, lambda at, _text, number=number: at == number)
        told = [result for result in results if not isinstance(result, int)]
        where = f"{name} at {number} of {batch.__name__}: {struck.text} gave {told}"
        if not struck.commits and name not in HANGS:
            assert not any(isinstance(result, OutcomeUnknown) for result in told), where
        if name == "warned" and struck.commits and batch is Case.one:
            assert [type(result) for result in told] == [OutcomeUnknown], where
        if name in PASSING and not struck.commits:
            assert [type(result) for result in told] == BATCHES[batch], where
    await case.is_sound_so_far()


@pytest.mark.parametrize("name", LASTING)
async def test_a_fault_that_stays(case: Case, name: str) -> None:
    """Whichever statement fails each time: everybody is told so, and once it works again so does the writer."""
    texts = list(dict.fromkeys(await count(case, Case.with_a_bad_one)))
    if name in HANGS:
        case.turn_s = 0.1
    for stays in texts:
        await strikes(case, FAULTS[name], Case.with_a_bad_one, lambda _at, text, stays=stays: text == stays)
    await case.is_sound_so_far()


@pytest.mark.parametrize("seed", range(examples(2)))
async def test_a_storm_of_faults(case: Case, seed: int) -> None:
    """When one await in eight fails, each in another way, everybody is told the truth all the same."""
    case.turn_s = 0.5
    chance = random.Random(seed)
    ways = list(LASTING.values())

    async def any_fault(met: Met) -> object:
        return await chance.choice(ways)(met)

    for _ in range(6):
        await case.begin()
        lists = [await batch(case) for batch in (Case.one, Case.several, Case.with_a_bad_one, Case.one)]
        case.trouble.strike(any_fault, lambda _number, _text: chance.random() < 1 / 8)
        results = await case.append_all(lists)
        await case.goes_on()
        for entries, told in zip(lists, results, strict=True):
            await case.is_true(entries, told)
    await case.is_sound_so_far()


async def test_every_await_of_the_writer_is_met(case: Case) -> None:
    """The dry runs pass every await that stands in the writer's source, but for those that wait for nobody else."""
    for batch in BATCHES:
        await count(case, batch)
    case.trouble.lines = case.lines
    assert case.trouble.unmet() == []
