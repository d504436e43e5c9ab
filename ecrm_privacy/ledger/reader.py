"""What is said about the committed log, for receipts and for the public: checkpoints, proofs, tiles.

What is signed was committed before, so a note can be asked for again and again: the same tree gives the same note. A
proof takes two reads however large the log is: its head, and those tiles that were not met before. Nothing is signed
while the log is frozen.
"""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from ecrm_privacy.errors import LogFrozen, NotKnown, Tampered
from ecrm_privacy.ledger import merkle, store, tiles
from ecrm_privacy.ledger.checkpoint import Checkpoint, Signer
from ecrm_privacy.ledger.tiles import Opened, Stretch, Tile
from ecrm_privacy.sql import Conn

TILES_KEPT = 512
"""So many tiles are kept with the nodes above their hashes, some 33 kB each."""


class Proof(msgspec.Struct, frozen=True):
    """An inclusion proof of one leaf with the signed checkpoint of the tree it leads to, ready for `receipt.build`."""

    index: int
    path: tuple[bytes, ...]
    note: str


class LogReader:
    """Reads one log, and signs what was committed. Tiles never change, so those it met are kept."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self._kept: OrderedDict[Tile, Opened] = OrderedDict()

    async def checkpoint(self, conn: Conn, tree_size: int | None = None) -> str:
        """Return the signed checkpoint of the committed head, or of the tree as it was at `tree_size`.

        Raises `NotKnown` beyond the head, `Tampered` when the log was opened under another origin than the signer's.
        """
        head = await self._head(conn)
        if tree_size is None:
            return self._sign(head.tree_size, head.root_hash)
        return self._sign(tree_size, await self.root(conn, tree_size, head))

    async def root(self, conn: Conn, tree_size: int, head: store.Head | None = None) -> bytes:
        """Return the root of the tree as it was at `tree_size`. Raises `NotKnown` beyond the head."""
        head = head or await self._head(conn)
        if not 0 <= tree_size <= head.tree_size:
            raise NotKnown("the log has no tree of that size yet")
        if tree_size == 0:
            return merkle.EMPTY_ROOT
        return (await self._hashes(conn, [(0, tree_size)], tree_size))[0]

    async def proof(self, conn: Conn, leaf_index: int, leaf: bytes) -> Proof:
        """Return the proof that `leaf` is at `leaf_index` in the committed tree; raises `NotKnown` beyond its end.

        It never hands out a proof that does not check: a head that its leaves do not lead to raises `Tampered`.
        """
        head = await self._head(conn)
        if not 0 <= leaf_index < head.tree_size:
            raise NotKnown("the log has no such leaf")
        size = head.tree_size
        path = await self._hashes(conn, tiles.inclusion(leaf_index, size), size)
        merkle.verify_inclusion(merkle.leaf_hash(leaf), leaf_index, size, path, head.root_hash)
        return Proof(leaf_index, path, self._sign(size, head.root_hash))

    async def consistency(self, conn: Conn, first: int, second: int) -> tuple[bytes, ...]:
        """Return the proof that the tree of `second` leaves continues that of `first`; raises `NotKnown`."""
        head = await self._head(conn)
        if not 0 < first <= second <= head.tree_size:
            raise NotKnown("the log has no trees of these sizes")
        return await self._hashes(conn, tiles.consistency(first, second), second)

    async def tile(self, conn: Conn, tile: Tile) -> bytes:
        """Return the hashes of a tile, 32 bytes each; raises `NotKnown` when the log has none of that width."""
        found = await store.tiles_of([tile]).first(conn)
        if found is None or found.hashes is None or len(found.hashes) != tile.width * merkle.HASH_BYTES:
            raise NotKnown("the log has no such tile")
        return found.hashes

    async def entries(self, conn: Conn, number: int, width: int) -> bytes:
        """Return the leaves of a tile of level 0, each after its length in two bytes; raises `NotKnown`."""
        first = number * tiles.WIDTH
        found = await store.leaves(first, first + width).all(conn)
        if len(found) != width:
            raise NotKnown("the log has no such tile")
        return b"".join(len(row.leaf).to_bytes(2, "big") + row.leaf for row in found)

    async def statement(self, conn: Conn, leaf_index: int) -> store.Statement:
        """Return {payload, open} of one of our own acts, which is public; raises `NotKnown`."""
        found = await store.statement(leaf_index).first(conn)
        if found is None:
            raise NotKnown("no public statement has that leaf index")
        return found

    def _sign(self, tree_size: int, root_hash: bytes) -> str:
        return self.signer.sign(Checkpoint(self.signer.name, tree_size, root_hash).text())

    async def _head(self, conn: Conn) -> store.Head:
        head = await store.head().first(conn)
        if head is None:
            raise NotKnown("the log was never opened")
        if head.origin != self.signer.name:
            raise Tampered("the log was opened under another origin than the name of its key")
        if head.frozen is not None:
            raise LogFrozen(head.frozen)
        return head

    async def _hashes(self, conn: Conn, stretches: Sequence[Stretch], size: int) -> tuple[bytes, ...]:
        needed = tiles.needed(stretches, size)
        opened = {tile: self._kept[tile] for tile in needed if tile in self._kept}
        if missing := [tile for tile in needed if tile not in opened]:
            rows = await store.tiles_of(missing).all(conn)
            for tile, row in zip(missing, rows, strict=True):
                opened[tile] = self._kept[tile] = tiles.open_tile(tile, row.hashes or b"")
        for tile in opened:
            self._kept.move_to_end(tile)
        while len(self._kept) > TILES_KEPT:
            self._kept.popitem(last=False)
        return tiles.hashes(stretches, opened)
