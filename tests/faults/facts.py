"""What the database holds after a fault, read once in one piece, for the laws in `check`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import msgspec

from ecrm_privacy.app import passwords
from ecrm_privacy.config import Config
from ecrm_privacy.database.pools import HOUSE, connect
from ecrm_privacy.database.postgres import ADMIN_ROLE, EmbeddedPostgres
from ecrm_privacy.ledger.checkpoint import Checkpoint
from ecrm_privacy.ledger.record import parse
from ecrm_privacy.ledger.verify import Report, SealedBody, verify
from ecrm_privacy.logbook import guard, opener, signer
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.reply import Replies

ORIGIN = Config().log_origin


class Bodied(msgspec.Struct, frozen=True):
    """A body's own row: has it a subject, and by which receipt is it found."""

    receipt_hash: bytes
    has_subject: bool


class Facts(msgspec.Struct, frozen=True):
    """`method` is how the entries without a known key were made, where a subject's own key still opens them."""

    report: Report
    bodies: dict[int, Bodied]
    replies: dict[bytes, int | None]
    methods: dict[int, str]
    erasures_due: int
    jobs_failed: int
    guarded: int
    head: int
    """How long the log was after the guard's file was read."""
    """The tree size of the checkpoint in the guard's file."""

    @property
    def tree_size(self) -> int:
        """How many entries the log has."""
        return self.report.tree_size

    @property
    def checkpoint(self) -> Checkpoint:
        """The log as it stands, for later rounds to be held against."""
        return Checkpoint(ORIGIN, self.report.tree_size, self.report.root_hash)


class Bench:
    """Reads facts beside the running service, as its house role, with its key file."""

    def __init__(self, data_dir: Path) -> None:
        self.keyring = Keyring.load(data_dir / "keys" / "ecrm.key")
        self.replies = Replies(self.keyring)
        self._config = Config(data_dir=data_dir)
        embedded = EmbeddedPostgres(data_dir / "postgres", self.keyring.password(ADMIN_ROLE))
        self._address = embedded.address

    def name_of(self, idempotency_key: str) -> bytes:
        """Return the name under which the service keeps the reply to a key."""
        return self.replies.key(idempotency_key).key_mac

    def guarded(self) -> int:
        """Return the tree size of the checkpoint in the guard's file, 0 before the first."""
        highest = guard(self._config, self.keyring).highest()
        return 0 if highest is None else highest.tree_size

    def read(self, known: Sequence[Checkpoint] = (), first: int = 0) -> Facts:
        """Verify the ledger with everything that opens, and read what the laws need about entries from `first` on."""
        return asyncio.run(self._read(known, first))

    def end_leases(self) -> None:
        """Let the time be over for which a killed worker holds its job."""
        asyncio.run(self._execute("update ecrm.job set leased_until = now() where leased_until > now()"))

    async def _execute(self, statement: str) -> None:
        conn = await self._connect()
        try:
            await conn.execute(statement)
        finally:
            await conn.close()

    async def _connect(self) -> asyncpg.Connection:
        return await connect(self._address, HOUSE, passwords(self.keyring)[HOUSE])

    async def _read(self, known: Sequence[Checkpoint], first: int) -> Facts:
        conn, second = await self._connect(), await self._connect()
        try:
            verifiers = [signer(self._config, self.keyring).verifier]
            report = await verify(conn, opener(second, self.keyring), None, known, verifiers)
            return await self._facts(conn, report, first)
        finally:
            await conn.close()
            await second.close()

    async def _facts(self, conn: asyncpg.Connection, report: Report, first: int) -> Facts:
        bodies = await conn.fetch(
            "select leaf_index, receipt_hash, subject is not null as has_subject from ecrm.body where leaf_index >= $1",
            first,
        )
        replies = await conn.fetch("select key_mac, leaf_index from ecrm.reply")
        due = "select count(*) from ecrm.job where failed is null and kind = 'erase'"
        failed = "select count(*) from ecrm.job where failed is not null"
        return Facts(
            report,
            {row["leaf_index"]: Bodied(row["receipt_hash"], row["has_subject"]) for row in bodies},
            {row["key_mac"]: row["leaf_index"] for row in replies},
            await self._methods(conn, first),
            await conn.fetchval(due),
            await conn.fetchval(failed),
            self.guarded(),
            await conn.fetchval("select tree_size from ecrm.ledger_head"),  # after the file
        )

    async def _methods(self, conn: asyncpg.Connection, first: int) -> dict[int, str]:
        rows = await conn.fetch(
            "select b.leaf_index, b.subject, b.receipt_hash, b.sealed, b.wrapped_for_receipt, b.wrapped_for_subject"
            " from ecrm.body b where b.leaf_index >= $1 and b.subject is not null"
            " and not exists (select from ecrm.reply r where r.leaf_index = b.leaf_index)",
            first,
        )
        opened = await opener(conn, self.keyring)([SealedBody(*row) for row in rows])
        return {
            row["leaf_index"]: str(parse(both[0]).method)
            for row, both in zip(rows, opened, strict=True)
            if isinstance(both, tuple)
        }
