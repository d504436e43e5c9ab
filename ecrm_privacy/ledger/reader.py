"""Statements about the committed log, for receipts and for the public: checkpoints and inclusion proofs.

What is signed was committed before, so a note can be asked for again and again: the same tree gives the same note.
"""

import msgspec

from ecrm_privacy.errors import NotKnown, Tampered
from ecrm_privacy.ledger import merkle, store
from ecrm_privacy.ledger.checkpoint import Checkpoint, Signer
from ecrm_privacy.sql import Conn


class Proof(msgspec.Struct, frozen=True):
    """An inclusion proof of one leaf with the signed checkpoint of the tree it leads to, ready for `receipt.build`."""

    index: int
    path: tuple[bytes, ...]
    note: str


async def checkpoint(conn: Conn, signer: Signer, tree_size: int | None = None) -> str:
    """Return the signed checkpoint of the committed head, or of the tree as it was at `tree_size`.

    An earlier size costs one read of all its leaf hashes. Raises `NotKnown` beyond the head, `Tampered` when the log
    was opened under another origin than the signer's name.
    """
    head = await _head(conn, signer)
    if tree_size is None or tree_size == head.tree_size:
        return signer.sign(Checkpoint(head.origin, head.tree_size, head.root_hash).text())
    if not 0 <= tree_size < head.tree_size:
        raise NotKnown("the log has no tree of that size yet")
    hashes = await _hashes(conn, tree_size)
    return signer.sign(Checkpoint(head.origin, tree_size, merkle.root(hashes)).text())


async def proof(conn: Conn, signer: Signer, leaf_index: int) -> Proof:
    """Return the proof that leaf `leaf_index` is in the committed tree; raises `NotKnown` without such a leaf.

    It reads the leaf hashes of the whole tree in one query and hashes them, about 0.5 µs a leaf; it never hands out a
    proof that does not check: a head that its leaves do not lead to raises `Tampered`.
    """
    head = await _head(conn, signer)
    if not 0 <= leaf_index < head.tree_size:
        raise NotKnown("the log has no such leaf")
    hashes = await _hashes(conn, head.tree_size)
    path = merkle.inclusion_path(hashes, leaf_index, head.tree_size)
    merkle.verify_inclusion(hashes[leaf_index], leaf_index, head.tree_size, path, head.root_hash)
    note = signer.sign(Checkpoint(head.origin, head.tree_size, head.root_hash).text())
    return Proof(leaf_index, tuple(path), note)


async def statement(conn: Conn, leaf_index: int) -> store.Statement:
    """Return {payload, open} of one of our own acts, which is public; raises `NotKnown`."""
    found = await store.statement(leaf_index).first(conn)
    if found is None:
        raise NotKnown("no public statement has that leaf index")
    return found


async def _head(conn: Conn, signer: Signer) -> store.Head:
    head = await store.head().first(conn)
    if head is None:
        raise NotKnown("the log was never opened")
    if head.origin != signer.name:
        raise Tampered("the log was opened under another origin than the name of its key")
    return head


async def _hashes(conn: Conn, tree_size: int) -> list[bytes]:
    found = await store.leaf_hashes(0, tree_size).first(conn)
    packed = (found.hashes if found is not None else None) or b""
    if len(packed) != tree_size * merkle.HASH_BYTES:
        raise Tampered("leaves are missing below the head of the log")
    return [packed[start : start + merkle.HASH_BYTES] for start in range(0, len(packed), merkle.HASH_BYTES)]
