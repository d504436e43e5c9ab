"""Verifying the log and proving receipts, beside the bare reading, hashing and signing that both stand on."""

import os
import secrets
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from itertools import cycle

import asyncpg
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy.app import House, passwords
from ecrm_privacy.database.pools import HOUSE, connect
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.ledger.verify import Opener, verify
from ecrm_privacy.logbook import opener
from ecrm_privacy.verbs import site_of
from tests.bench.answers import changes_of, entries, yes_to_everything
from tests.bench.ground import Ground
from tests.bench.measure import Line, Scale, Table, interleave
from tests.bench.people import SIGNALS

DATABASE = "bench_proofs"
BATCH = 500
LEAVES = "select leaf_index, leaf, leaf_hash from ecrm.ledger_entry order by leaf_index"
BODY = "select leaf_index, sealed from ecrm.body where receipt_hash = $1"
SIZES = """
    select pg_total_relation_size('ecrm.ledger_entry')::float / tree_size as entry,
        pg_total_relation_size('ecrm.body')::float / (select count(*) from ecrm.body) as body
    from ecrm.ledger_head
"""


async def run(ground: Ground, scale: Scale) -> list[Table]:
    """Measure a log of few answers, and the same log with many more entries."""
    await ground.make(DATABASE)
    lines: list[Line] = []
    async with ground.house(DATABASE) as house:
        receipts = [await _answer(house) for _ in range(scale.few)]
        conn, second = [await connect(ground.at(DATABASE), HOUSE, passwords(ground.keyring)[HOUSE]) for _ in range(2)]
        sizes = await _sizes(ground)
        lines += await _verifying(conn, scale, opener(second, house.keyring))
        lines += await _proving(house, scale, receipts)
        changes = changes_of(house)
        for _ in range(0, scale.many - scale.few, BATCH):
            await house.writer.append(entries(changes, min(BATCH, scale.many)))
        lines += await _verifying(conn, scale, None)
        lines += await _proving(house, scale, receipts)
        await conn.close()
        await second.close()
    return [Table("the log", lines, [*NOTES, f"stored: {sizes}"])]


NOTES = (
    "verified with bodies: every body is opened by its subject's key, and everybody's answers are folded again;",
    "a receipt: its body opened, the inclusion proof in the whole tree, a freshly signed checkpoint",
)


async def _sizes(ground: Ground) -> str:
    admin = await ground.admin(DATABASE)
    await admin.execute("vacuum analyze")
    sizes = await admin.fetchrow(SIZES)
    await admin.close()
    return f"{sizes['entry']:.0f} B per entry and {sizes['body']:.0f} B per sealed body, each with its indexes"


async def _answer(house: House) -> bytes:
    said = yes_to_everything(house.hallway.bundle)
    taken = await house.desk.take(
        Caller(), said, SIGNALS, site_of(house), idempotency_key=secrets.token_hex(16), body=msgspec.json.encode(said)
    )
    return urlsafe_b64decode(taken.receipt_id + "=")


async def _verifying(conn: asyncpg.Connection, scale: Scale, open_body: Opener | None) -> list[Line]:
    sides: dict[str, Callable[[], Awaitable[float]]] = {"tree": _verify(conn, None), "bare": _read_and_hash(conn)}
    if open_body is not None:
        sides["bodies"] = _verify(conn, open_body)
    found = await interleave(sides, scale.rounds)
    size = await conn.fetchval("select tree_size from ecrm.ledger_head")
    words = {"tree": f"leaves verified, of {size:,}", "bodies": f"the same with bodies, of {size:,}"}
    return [
        Line(words[name], "/s", found[name], found["bare"], "read the leaves, two SHA-256 each")
        for name in words
        if name in found
    ]


def _verify(conn: asyncpg.Connection, open_body: Opener | None) -> Callable[[], Awaitable[float]]:
    async def measured() -> float:
        started = time.perf_counter()
        report = await verify(conn, open_body)
        assert report.sound, report.problem
        return report.leaves / (time.perf_counter() - started)

    return measured


def _read_and_hash(conn: asyncpg.Connection) -> Callable[[], Awaitable[float]]:
    async def measured() -> float:
        started, node = time.perf_counter(), b""
        rows = await conn.fetch(LEAVES)
        for _, leaf, leaf_hash in rows:
            node = sha256(b"\x01" + leaf_hash + sha256(b"\x00" + leaf).digest()).digest()
        assert node
        return len(rows) / (time.perf_counter() - started)

    return measured


async def _proving(house: House, scale: Scale, receipts: list[bytes]) -> list[Line]:
    async with house.pools.house.acquire() as conn:
        size = await conn.fetchval("select tree_size from ecrm.ledger_head")
    ids = cycle(receipts)
    found = await interleave({"ours": _receipts(house, ids, scale), "bare": _bare(house, ids, scale)}, scale.rounds)
    what = f"receipts, from a log of {size:,}"
    return [Line(what, "/s", found["ours"], found["bare"], "one SELECT, one Ed25519 signature")]


def _receipts(house: House, ids: Iterator[bytes], scale: Scale) -> Callable[[], Awaitable[float]]:
    async def measured() -> float:
        started, count = time.perf_counter(), 0
        while count == 0 or time.perf_counter() < started + scale.round_s / 2:
            await house.receipts.of(next(ids))
            count += 1
        return count / (time.perf_counter() - started)

    return measured


def _bare(house: House, ids: Iterator[bytes], scale: Scale) -> Callable[[], Awaitable[float]]:
    key, note = Ed25519PrivateKey.generate(), os.urandom(100)

    async def measured() -> float:
        started, count = time.perf_counter(), 0
        while count == 0 or time.perf_counter() < started + scale.round_s / 2:
            async with house.pools.house.acquire() as conn:
                await conn.fetchrow(BODY, sha256(next(ids)).digest())
            key.sign(note)
            count += 1
        return count / (time.perf_counter() - started)

    return measured
