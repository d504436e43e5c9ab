"""Verifying the log and proving receipts, beside the bare reading, hashing and signing that both stand on."""

import hmac
import os
import secrets
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from itertools import cycle
from uuid import uuid4

import asyncpg
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy.apart import shares_of
from ecrm_privacy.app import House, passwords
from ecrm_privacy.database.pools import HOUSE, connect
from ecrm_privacy.errors import Failure
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.ledger.receipt import parse_extra, parse_proof
from ecrm_privacy.ledger.record import Body, ConsentEvent, Entry, LeafType, commitment, leaf, parse, payload
from ecrm_privacy.ledger.verify import Apart, Opener, SealedBody, verify
from ecrm_privacy.logbook import opener
from ecrm_privacy.vault import keys
from ecrm_privacy.vault.body import seal_body
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.store import insert_key
from ecrm_privacy.verbs import site_of
from ecrm_privacy.vocabulary import EVIDENCE, ConsentStatus, SubjectId
from tests.bench.answers import yes_to_everything
from tests.bench.ground import Ground
from tests.bench.measure import Line, Scale, Table, interleave
from tests.bench.people import SIGNALS

DATABASE, LONG_DATABASE = "bench_proofs", "bench_verify"
BATCH = 500
LEAVES = "select leaf_index, leaf, leaf_hash from ecrm.ledger_entry order by leaf_index"
BODY = "select leaf_index, sealed from ecrm.body where receipt_hash = $1"
BODIES = """
    select leaf_index, subject, receipt_hash, sealed, wrapped_for_receipt, wrapped_for_subject
    from ecrm.body where subject is not null order by subject, leaf_index
"""
SIZES = """
    select pg_total_relation_size('ecrm.ledger_entry')::float / tree_size as entry,
        pg_total_relation_size('ecrm.tile')::float / tree_size as tile,
        pg_total_relation_size('ecrm.body')::float / (select count(*) from ecrm.body) as body
    from ecrm.ledger_head
"""


async def run(ground: Ground, scale: Scale) -> list[Table]:
    """Measure a log of few answers, and the same log with many more entries."""
    await ground.make(DATABASE)
    lines: list[Line] = []
    async with ground.house(DATABASE) as house:
        receipts = [await answer(house) for _ in range(scale.few)]
        conn = await connect(ground.at(DATABASE), HOUSE, passwords(ground.keyring)[HOUSE])
        lines += await _verifying(conn, scale, opener(conn, house.keyring))
        lines += await _proving(house, scale, receipts)
        model = await _model(house, receipts[0])
        await _fill(house, model, scale.many)
        sizes = await _sizes(ground)
        lines += await _verifying(conn, scale, opener(conn, house.keyring))
        lines += await _proving(house, scale, receipts)
        await conn.close()
    return [Table("the log", lines, [*NOTES, f"stored: {sizes}"])]


async def of_many(ground: Ground, scale: Scale) -> Table:
    """Measure a log of many real bodies, checked by one process and by as many as there are processors."""
    await ground.make(LONG_DATABASE)
    async with ground.house(LONG_DATABASE) as house:
        await _fill(house, await _model(house, await answer(house)), scale.long // 10)
        await (admin := await ground.admin(LONG_DATABASE)).execute("vacuum analyze")
        await admin.close()
        conn = await connect(ground.at(LONG_DATABASE), HOUSE, passwords(ground.keyring)[HOUSE])
        open_bodies = opener(conn, house.keyring)
        shares = await shares_of(conn, house.config, ground.at(LONG_DATABASE))
        sides: dict[str, Callable[[], Awaitable[float]]] = {
            "alone": _verify(conn, open_bodies), "shares": _verify(conn, open_bodies, shares),
            "opened": _read_and_open(conn, open_bodies),
        }  # fmt: skip
        found = await interleave(sides, scale.rounds)
        size = await conn.fetchval("select tree_size from ecrm.ledger_head")
        await conn.close()
    only = "read bodies and keys, open each, one HMAC, in one process"
    processes = 1 if shares is None else shares[1]
    lines = [
        Line("in one process", "/s", found["alone"], found["opened"], only),
        Line(f"in {processes} processes", "/s", found["shares"], found["opened"], only, "≥ 25k/s"),
    ]
    return Table(f"verified with bodies, of {size:,}", lines, NOTES[:1])


async def _fill(house: House, model: ConsentEvent, count: int) -> None:
    for _ in range(0, count, BATCH):
        people = [_somebody(house.keyring, model) for _ in range(min(BATCH, count))]
        assert not [each for each in await house.writer.append(people) if isinstance(each, Failure)]


NOTES = (
    "verified with bodies: every body is opened by its subject's key, and everybody's answers are folded again;",
    "a receipt: its body opened, the inclusion proof in the whole tree, a freshly signed checkpoint",
)


async def _sizes(ground: Ground) -> str:
    admin = await ground.admin(DATABASE)
    await admin.execute("vacuum analyze")
    sizes = await admin.fetchrow(SIZES)
    await admin.close()
    log = f"{sizes['entry']:.0f} B per entry and {sizes['tile']:.0f} B for its tiles (together ≤ 300)"
    return f"{log}, {sizes['body']:.0f} B per sealed body of an answer to six purposes (≤ 700), each with its indexes"


async def answer(house: House) -> bytes:
    """Let somebody say yes to everything; returns the id of the receipt."""
    said = yes_to_everything(house.hallway.bundle)
    taken = await house.desk.take(
        Caller(), said, SIGNALS, site_of(house), idempotency_key=secrets.token_hex(16), body=msgspec.json.encode(said)
    )
    return urlsafe_b64decode(taken.receipt_id + "=")


async def _model(house: House, receipt_id: bytes) -> ConsentEvent:
    """Return a real answer, to six purposes."""
    event = parse(parse_extra(parse_proof((await house.receipts.of(receipt_id)).proof).extra)[1])
    return msgspec.structs.replace(event, changes=event.changes[:6], processing=event.processing[:6])


def _somebody(keyring: Keyring, model: ConsentEvent) -> Entry:
    """Make the entry of somebody who chose by lot, sealed as the desk seals it."""
    subject, opening = SubjectId(uuid4()), secrets.token_bytes(32)
    key, wrapped = keys.new(keyring, subject, EVIDENCE)
    lot = (ConsentStatus.GIVEN, ConsentStatus.REFUSED)
    changes = tuple(msgspec.structs.replace(each, status=secrets.choice(lot)) for each in model.changes)
    text = payload(msgspec.structs.replace(model, record_id=uuid4(), changes=changes))
    sealed = seal_body(text, opening, secrets.token_bytes(32), key)
    return Entry(
        leaf=leaf(LeafType.SUBJECT, commitment(opening, text)), subject=subject, changes=changes, state=model.state,
        body=Body(sealed.receipt_hash, sealed.sealed, sealed.wrapped_for_receipt, sealed.wrapped_for_subject),
        effects=(insert_key(subject, EVIDENCE, 1, wrapped),),
    )  # fmt: skip


async def _verifying(conn: asyncpg.Connection, scale: Scale, open_bodies: Opener) -> list[Line]:
    sides: dict[str, Callable[[], Awaitable[float]]] = {
        "tree": _verify(conn, None), "bare": _read_and_hash(conn),
        "bodies": _verify(conn, open_bodies), "opened": _read_and_open(conn, open_bodies),
    }  # fmt: skip
    found = await interleave(sides, scale.rounds)
    size = await conn.fetchval("select tree_size from ecrm.ledger_head")
    only_read = "read the leaves, two SHA-256 each"
    only_opened = "read bodies and keys, open each, one HMAC"
    return [
        Line(f"leaves verified, of {size:,}", "/s", found["tree"], found["bare"], only_read, "≥ 100k/s"),
        Line(f"the same with bodies, of {size:,}", "/s", found["bodies"], found["opened"], only_opened, "≥ 25k/s"),
    ]


def _read_and_open(conn: asyncpg.Connection, open_bodies: Opener) -> Callable[[], Awaitable[float]]:
    async def measured() -> float:
        started, count = time.perf_counter(), 0
        async with conn.transaction(readonly=True):
            cursor = await conn.cursor(BODIES)
            while rows := await cursor.fetch(BATCH):
                for opened in await open_bodies([SealedBody(*row) for row in rows]):
                    assert isinstance(opened, tuple), opened
                    hmac.digest(opened[1], opened[0], "sha256")
                    count += 1
        return count / (time.perf_counter() - started)

    return measured


def _verify(
    conn: asyncpg.Connection, open_bodies: Opener | None, shares: tuple[Apart, int] | None = None
) -> Callable[[], Awaitable[float]]:
    async def measured() -> float:
        started = time.perf_counter()
        report = await verify(conn, open_bodies, apart=shares)
        assert report.sound, report.problem
        return report.leaves / (time.perf_counter() - started)

    return measured


def _read_and_hash(conn: asyncpg.Connection) -> Callable[[], Awaitable[float]]:
    async def measured() -> float:
        started, node = time.perf_counter(), b""
        rows = await conn.fetch(LEAVES)
        for _, raw, leaf_hash in rows:
            node = sha256(b"\x01" + leaf_hash + sha256(b"\x00" + raw).digest()).digest()
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
