"""One log with two workers and a witness, and what the outside remembers, for laws about whatever happens to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from ecrm_privacy.database.pools import connect
from ecrm_privacy.delivery.witnesses import Witnesses
from ecrm_privacy.errors import Failure, OutcomeUnknown
from ecrm_privacy.ledger import merkle, receipt, store, tiles
from ecrm_privacy.ledger.checkpoint import Checkpoint, Signer, open_checkpoint
from ecrm_privacy.ledger.cosignature import find_cosignatures
from ecrm_privacy.ledger.guard import Guard
from ecrm_privacy.ledger.publish import Publisher, Witnessing
from ecrm_privacy.ledger.quorum import Witness as Asked
from ecrm_privacy.ledger.reader import LogReader
from ecrm_privacy.ledger.record import Entry
from ecrm_privacy.ledger.verify import verify
from ecrm_privacy.ledger.witness.app import Witness, WitnessApp, by_origin
from ecrm_privacy.ledger.witness.store import Record
from ecrm_privacy.ledger.writer import Writer
from ecrm_privacy.vocabulary import SubjectId
from tests.conftest import Database
from tests.integration.ledger.making import ORIGIN, a_subject, opener
from tests.unit.ledger.witnessing import NOW, WITNESS, private

SIGNER = Signer(ORIGIN, private("survives"))
Results = Sequence[int | Failure]


class DiedThere(Exception):
    """A worker was killed at this place."""


class Worker:
    """What one process of the service has of the log."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.writer = Writer(world.connect)
        self.reader = LogReader(SIGNER)
        self.guard = Guard(world.folder / "highest.checkpoint", ORIGIN, lambda _origin: SIGNER.verifier)
        self.left: int | None = None
        self.publisher = Publisher(self.acquire, self.reader, self.guard, 0.0, Witnessing(self.gather, 1))

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[asyncpg.Connection]:
        """Take a connection of the pool; where `left` has run out, this worker is dead."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise DiedThere
        async with self.world.pool.acquire() as conn:
            yield conn

    async def gather(self, note: str, tree_size: int, prove: Any) -> Sequence[str]:
        """Ask the witness, which takes its time under load and is waited for."""
        return await self.world.witnesses.gather(note, tree_size, prove)


class World:
    """One log with its two workers and its witness, and what the outside remembers."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.folder = folder
        self._args = (database.address, "ecrm_house", database.passwords["ecrm_house"])
        self._database = database
        self.subjects = [a_subject() for _ in range(4)]
        self.acked: dict[bytes, int] = {}
        self.doubtful: set[bytes] = set()
        self.refused: set[bytes] = set()
        self.keys: dict[int, list[tuple[bytes, int | Failure]]] = {}
        self.opened: list[tuple[Entry, int]] = []
        self.shown: dict[int, Checkpoint] = {}
        self.published = 0
        self.replies: list[int] = []

    async def open(self) -> None:
        """Open a log, and begin to work."""
        self.house = await self.connect()
        await store.open_log(self.house, ORIGIN)
        self.pool = await asyncpg.create_pool(min_size=0, max_size=3, **self._pool_args())
        self.witnesses = Witnesses([Asked("dpo", WITNESS.key, "http://127.0.0.1:1")], timeout_s=30)
        await self.witness_starts()
        self.workers = [Worker(self), Worker(self)]
        for worker in self.workers:
            await worker.writer.start()

    def _pool_args(self) -> dict[str, Any]:
        address, role, password = self._args
        return dict(address.connect_args(role, password))

    async def connect(self) -> asyncpg.Connection:
        """Connect as the house."""
        return await connect(*self._args)

    async def witness_starts(self) -> None:
        """Start the witness, anew if it runs."""
        record = Record(self.folder / "witness.sqlite", [ORIGIN])
        with suppress(AttributeError):
            self.record.close()
        self.record = record
        app = WitnessApp(Witness(WITNESS, record, by_origin([SIGNER.verifier]), lambda: NOW))
        await self.witnesses._client.aclose()
        self.witnesses._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), event_hooks=self._hooks())

    def _hooks(self) -> dict[str, list[Callable[..., Any]]]:
        async def heard(reply: httpx.Response) -> None:
            self.replies.append(reply.status_code)

        return {"response": [heard]}

    async def close(self) -> None:
        """Stop everything."""
        for worker in self.workers:
            await stopped(worker.writer)
        await self.witnesses.close()
        self.record.close()
        await self.pool.close()
        await self.house.close()

    # what happens -----------------------------------------------------------------------------------------------------

    async def restart(self, number: int, *, killed: bool) -> None:
        """Start a worker anew, after it was stopped in order or killed."""
        writer = self.workers[number].writer
        if killed and writer._task is not None:
            writer._task.cancel()
            await asyncio.wait([writer._task])
        else:
            await writer.stop()
        self.workers[number] = Worker(self)
        await self.workers[number].writer.start()
        assert await self.workers[number].publisher.check() is None

    async def append(self, number: int, entries: Sequence[Entry]) -> Results:
        """Append, and remember what was said."""
        async with asyncio.timeout(15):
            results = await self.workers[number].writer.append(entries)
        for entry, result in zip(entries, results, strict=True):
            if isinstance(result, int):
                self.acked[entry.leaf] = result
                self.opened.append((entry, result))
            elif isinstance(result, OutcomeUnknown):
                self.doubtful.add(entry.leaf)
            else:
                self.refused.add(entry.leaf)
        return results

    async def seen(self, subject: SubjectId) -> int | None:
        """Return what an entry about this subject must have seen."""
        found = await store.newest([subject]).first(self.house)
        return None if found is None else found.seen

    async def kill_backends(self, writer: Writer) -> None:
        """Let the server end the session of a writer."""
        if writer._conn is not None and not writer._conn.is_closed():
            await self.house.execute("select pg_terminate_backend($1, 5000)", writer._conn.get_server_pid())

    async def receipt(self, number: int, entry: Entry, index: int) -> None:
        """Hand out a receipt as the service does, and check it as a stranger does."""
        worker, body = self.workers[number], entry.body
        assert body is not None
        async with worker.acquire() as conn:
            proof = await worker.reader.proof(conn, index, entry.leaf)
        await worker.publisher.vouch(proof.note)
        open, payload = body.sealed[:32], body.sealed[32:]
        text = receipt.build(leaf=entry.leaf, payload=payload, open=open, index=index, path=proof.path, note=proof.note)
        checked = receipt.verify_receipt(text, SIGNER.vkey())
        assert (checked.leaf_index, checked.payload) == (index, payload)
        self.show(proof.note)

    async def publish(self, number: int) -> None:
        """Publish, as a worker does again and again; what is public was cosigned, and is not behind what was."""
        note = await self.workers[number].publisher.checkpoint()
        checkpoint = self.show(note)
        assert checkpoint.tree_size >= self.published
        assert len(find_cosignatures(note, note.partition("\n\n")[2], [WITNESS.key])) == 1
        self.published = checkpoint.tree_size

    def show(self, note: str) -> Checkpoint:
        """Somebody was shown this."""
        checkpoint = open_checkpoint(note, SIGNER.verifier)
        assert self.shown.setdefault(checkpoint.tree_size, checkpoint) == checkpoint, "two histories were signed"
        return checkpoint

    # what must hold ---------------------------------------------------------------------------------------------------

    async def holds(self) -> None:
        """Everything that was said is so, and the log is one."""
        head = await store.head().first(self.house)
        assert head is not None and head.frozen is None
        self.shown.setdefault(head.tree_size, Checkpoint(ORIGIN, head.tree_size, head.root_hash))
        report = await verify(self.house, opener, None, list(self.shown.values()), [SIGNER.verifier])
        assert report.problem is None, report
        assert report.published == self.published or await self._shown_by_nobody(report.published)
        await self._answered_truly()
        await self._continued(head)
        self._guarded(head)

    async def _shown_by_nobody(self, size: int) -> bool:
        """A worker may have published just before it died: then the row is ahead of what was heard, never behind."""
        return size > self.published

    async def _answered_truly(self) -> None:
        rows = await self.house.fetch("select leaf_index, leaf from ecrm.ledger_entry order by leaf_index")
        at = {row["leaf"]: row["leaf_index"] for row in rows}
        assert len(at) == len(rows), "an entry stands twice"
        assert {leaf: at.get(leaf) for leaf in self.acked} == self.acked
        assert not self.refused & at.keys(), "what was refused was written"
        for tries in self.keys.values():
            assert sum(leaf in at for leaf, _ in tries) <= 1, "one key, two entries"

    async def _continued(self, head: store.Head) -> None:
        """A stranger's reader proves that today's tree continues each that was shown."""
        reader = LogReader(SIGNER)
        for size, checkpoint in self.shown.items():
            if 0 < size <= head.tree_size:
                path = await reader.consistency(self.house, size, head.tree_size)
                merkle.verify_consistency(size, head.tree_size, path, checkpoint.root_hash, head.root_hash)

    def _guarded(self, head: store.Head) -> None:
        """The guard's file is never behind what was published, nor the witness, and neither is beyond the log."""
        highest = Guard(self.folder / "highest.checkpoint", ORIGIN, lambda _origin: SIGNER.verifier).highest()
        kept = highest.tree_size if highest else 0
        assert self.published <= kept <= head.tree_size
        assert self.published <= self.record.state(ORIGIN).tree_size <= head.tree_size
        assert set(self.replies) <= {200, 409}, "the witness had to refuse"

    async def served(self) -> None:
        """Every tile of the whole tree is served with the hashes that follow from the leaves."""
        rows = await self.house.fetch("select leaf_hash from ecrm.ledger_entry order by leaf_index")
        hashes = [row["leaf_hash"] for row in rows]
        reader = LogReader(SIGNER)
        for tile in tiles.tiles_of(len(hashes)):
            under = 256**tile.level
            first = tile.number * 256 * under
            roots = [merkle.root(hashes[at : at + under]) for at in range(first, first + tile.width * under, under)]
            assert await reader.tile(self.house, tile) == b"".join(roots)


async def stopped(writer: Writer) -> None:
    """Stop a writer, however it is."""
    with suppress(asyncio.CancelledError):
        await writer.stop()
