"""The tree of RFC 9162 section 2.1 over SHA-256: hashes, roots, and the two proofs with their checks.

All functions are pure and take *leaf hashes*, 32 bytes each. A check that fails raises `Tampered`, so that it cannot be
ignored. Levels are computed in turn, an odd last node moving up as it is: the same tree as the recursive definition,
without its recursion.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec

from ecrm_privacy.errors import Tampered

HASH_BYTES = 32
TILE_HEIGHT = 8
"""So many levels of the tree lie in one tile (C2SP tlog-tiles)."""
EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree without leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of one leaf (RFC 9162 2.1.1)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 9162 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def _level_above(level: Sequence[bytes]) -> list[bytes]:
    above = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
    if len(level) % 2:
        above.append(level[-1])
    return above


def root(hashes: Sequence[bytes]) -> bytes:
    """Return the root of the tree over these leaf hashes."""
    if not hashes:
        return EMPTY_ROOT
    while len(hashes) > 1:
        hashes = _level_above(hashes)
    return hashes[0]


def inclusion_path(hashes: Sequence[bytes], index: int, size: int) -> list[bytes]:
    """Return the inclusion proof of leaf `index` in the tree of the first `size` leaves, leaf to root (2.1.3.1)."""
    assert 0 <= index < size <= len(hashes), "a proof needs a leaf inside the tree"
    level, path = hashes[:size], []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level, index = _level_above(level), index >> 1
    return path


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes) -> None:
    """Check that the leaf with hash `leaf` is at `index` in the tree of `size` (2.1.3.2). Raises `Tampered`."""
    _check_lengths(leaf, *path, expected_root)
    if not 0 <= index < size:
        raise Tampered("the leaf index lies outside the tree")
    first, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise Tampered("the inclusion proof is too long")
        if first & 1 or first == last:
            node = node_hash(sibling, node)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        first, last = first >> 1, last >> 1
    if last:
        raise Tampered("the inclusion proof is too short")
    if node != expected_root:
        raise Tampered("the inclusion proof does not lead to the root")


def consistency_proof(hashes: Sequence[bytes], first: int, second: int) -> list[bytes]:
    """Return the proof that the tree of `first` leaves is a prefix of the tree of `second` (2.1.4.1)."""
    assert 0 < first <= second <= len(hashes), "a consistency proof needs two sizes, the first not empty"
    return _subproof(first, hashes[:second], whole=True)


def _subproof(first: int, hashes: Sequence[bytes], *, whole: bool) -> list[bytes]:
    size = len(hashes)
    if first == size:
        return [] if whole else [root(hashes)]
    split = 1 << (size - 1).bit_length() - 1
    if first <= split:
        return [*_subproof(first, hashes[:split], whole=whole), root(hashes[split:])]
    return [*_subproof(first - split, hashes[split:], whole=False), root(hashes[:split])]


def verify_consistency(first: int, second: int, path: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    """Check that the second tree continues the first (RFC 9162 2.1.4.2). Raises `Tampered`."""
    _check_lengths(*path)
    if not 0 < first <= second:
        raise Tampered("consistency is defined from a tree that is not empty to one that is not smaller")
    if first == second:
        if path or first_root != second_root:
            raise Tampered("trees of one size are consistent only if they are equal, and that needs no proof")
        return
    nodes = list(path) if first & (first - 1) else [first_root, *path]
    if not nodes:
        raise Tampered("the consistency proof is empty")
    left, right = first - 1, second - 1
    while left & 1:
        left, right = left >> 1, right >> 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if right == 0:
            raise Tampered("the consistency proof is too long")
        if left & 1 or left == right:
            old, new = node_hash(node, old), node_hash(node, new)
            while not left & 1 and left:
                left, right = left >> 1, right >> 1
        else:
            new = node_hash(new, node)
        left, right = left >> 1, right >> 1
    if right:
        raise Tampered("the consistency proof is too short")
    if old != first_root or new != second_root:
        raise Tampered("the consistency proof does not lead to both roots")


def _check_lengths(*hashes: bytes) -> None:
    if any(len(node) != HASH_BYTES for node in hashes):
        raise Tampered("a hash of the proof is not 32 bytes long")


class Subtree(NamedTuple):
    """The perfect subtree `number` of those with 256**`power` leaves, and its root."""

    power: int
    number: int
    root_hash: bytes


class CompactRange(msgspec.Struct, frozen=True):
    """A tree of `size` leaves known by its `edge`: the root of each perfect subtree, largest first, 32 bytes each.

    The levels follow from the set bits of `size`, so the hashes stand without them. Enough to append and to give the
    root; not enough for proofs.
    """

    size: int = 0
    edge: bytes = b""

    @classmethod
    def load(cls, size: int, edge: bytes) -> "CompactRange":
        """Return the range that was stored as `size` and `edge`; raises `Tampered` when they do not fit."""
        if size < 0 or len(edge) != size.bit_count() * HASH_BYTES:
            raise Tampered("the edge of the tree does not fit its size")
        return cls(size, edge)

    def extend(self, hashes: Iterable[bytes]) -> "CompactRange":
        """Return the range after appending these leaf hashes."""
        return self.grow(hashes)[0]

    def grow(self, hashes: Iterable[bytes]) -> "tuple[CompactRange, list[Subtree]]":
        """Return the range after appending these leaf hashes, and the subtrees of 256**n leaves that they finished."""
        stack = [self.edge[start : start + HASH_BYTES] for start in range(0, len(self.edge), HASH_BYTES)]
        size = self.size
        finished = []
        for added in hashes:
            node, filled, height = added, size, 0
            while filled & 1:
                node, filled, height = node_hash(stack.pop(), node), filled >> 1, height + 1
                if height % TILE_HEIGHT == 0:
                    finished.append(Subtree(height // TILE_HEIGHT, filled, node))
            stack.append(node)
            size += 1
        return CompactRange(size, b"".join(stack)), finished

    def root(self) -> bytes:
        """Return the root hash."""
        if not self.size:
            return EMPTY_ROOT
        start = len(self.edge) - HASH_BYTES
        node = self.edge[start:]
        while start:
            start -= HASH_BYTES
            node = node_hash(self.edge[start : start + HASH_BYTES], node)
        return node
