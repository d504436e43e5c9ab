"""Going on after a restored backup: the same leaves under a further name, with a key of its own.

So nothing is ever signed twice, differently, under one name, and receipts of the old name check with the old key as
before. The first entry under the new name says in public what happened: where the log goes on, what was the highest
checkpoint that anybody was shown, and whether the operator states that nothing was lost.

All of it is one transaction: whoever was erased after the backup was made is erased in it again, and the log stays
frozen until what follows from it is done; a crash leaves it as it was, or to be finished by the same command.
"""

from base64 import b64encode
from collections.abc import Sequence
from datetime import date
from secrets import token_bytes

import msgspec

from ecrm_privacy.errors import Refusal, Tampered
from ecrm_privacy.ledger import store
from ecrm_privacy.ledger.entry import Entry, LeafType, commitment, leaf
from ecrm_privacy.ledger.merkle import CompactRange, leaf_hash
from ecrm_privacy.ledger.writer import BATCH_ENTRIES_MAX, effects_of
from ecrm_privacy.sql import Conn, run_all

UNFINISHED = "going on under a new name is not finished: give the same `ecrm ledger shard` again"


class ShardRefused(Refusal):
    """The log cannot go on from there; nothing changed. The message says why."""


class Shard(msgspec.Struct, frozen=True):
    """How the log goes on: its next name and key, and what stands in its statement about the time before.

    `highest` is the highest checkpoint that anybody was shown, verbatim; None when none was. `former_keys` are the
    verifier keys of the names before, oldest first.
    """

    origin: str
    vkey: str
    former_keys: tuple[str, ...]
    highest: str | None
    nothing_lost: bool
    on: date


def check(head: store.Head, size: int) -> None:
    """Raise `ShardRefused` unless the log is frozen and the operator named its size."""
    if head.frozen is None:
        raise ShardRefused("the log is not frozen: it goes on as it is")
    if head.tree_size != size:
        raise ShardRefused(
            f"the log in this database has {head.tree_size} entries, not {size}: look again at what was restored"
        )


def statement(shard: Shard, head: store.Head, erased_again: int) -> bytes:
    """Return the public statement of a shard: canonical JSON, members in this order."""
    return msgspec.json.encode(
        {
            "v": 1,
            "act": "ledger.shard",
            "on": shard.on,
            "origin": shard.origin,
            "key": shard.vkey,
            "from": {
                "origin": head.origin,
                "tree_size": head.tree_size,
                "root_hash": b64encode(head.root_hash).decode(),
            },
            "former_keys": shard.former_keys,
            "highest_shown": shard.highest,
            "frozen_because": head.frozen,
            "nothing_lost": shard.nothing_lost,
            "erased_again": erased_again,
        }
    )


async def carry_on(conn: Conn, shard: Shard, size: int, erasures: Sequence[Entry]) -> int:
    """Continue the log under `shard.origin` and return the index of its first entry; it stays frozen (`UNFINISHED`).

    `erasures` follow that entry. Raises `ShardRefused`; `Tampered` for a head that does not check.
    """
    async with conn.transaction():
        head = await store.lock_head().first(conn)
        if head is None:
            raise ShardRefused("the log was never opened")
        check(head, size)
        before = CompactRange.load(head.tree_size, head.edge)
        if before.root() != head.root_hash:
            raise Tampered("the head of the log does not check; look at it with `ecrm ledger verify`")
        text, opening = statement(shard, head, len(erasures)), token_bytes(32)
        first = Entry(leaf=leaf(LeafType.SHARD, commitment(opening, text)), statement=(text, opening))
        await store.rename(shard.origin).run(conn)
        entries = [first, *erasures]
        for at in range(0, len(entries), BATCH_ENTRIES_MAX):
            before = await _append(conn, before, entries[at : at + BATCH_ENTRIES_MAX])
        await run_all(conn, store.carried_on(UNFINISHED, None if shard.nothing_lost else head.tree_size))
    return head.tree_size


async def _append(conn: Conn, before: CompactRange, batch: Sequence[Entry]) -> CompactRange:
    hashes = [leaf_hash(entry.leaf) for entry in batch]
    appended = await store.append(before, hashes, batch).first(conn)
    assert appended is not None and appended.heads == 1, "the head is locked, nobody else can have moved it"
    await run_all(conn, effects_of(batch, before.size))
    return before.grow(hashes)[0]
