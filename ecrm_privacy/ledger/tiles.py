"""The tree cut into tiles (C2SP tlog-tiles), so that any proof is read from a few rows however large the log is.

Tile `number` at `level` holds up to 256 hashes, those of subtrees of 256**level leaves each. A full one never changes;
a smaller one is the right edge of a tree of some size. A proof is a list of stretches of leaves (RFC 9162 2.1.3.1 and
2.1.4.1), each of them a few perfect subtrees, and each of those is a node inside a tile. Functions here say which tiles
a proof needs, and make it from them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.merkle import HASH_BYTES, Subtree, node_hash
from ecrm_privacy.ledger.merkle import TILE_HEIGHT as HEIGHT

WIDTH = 1 << HEIGHT
_LEVEL_MAX = 63
_PATH = re.compile(r"(0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_NUMBER_PARTS_MAX = 6
"""Six groups of three digits number more tiles than a leaf index of 63 bits can reach."""


class Tile(NamedTuple):
    """Which tile: its level, its number in that level, and how many hashes it has, 1 to 256."""

    level: int
    number: int
    width: int


Stretch: TypeAlias = tuple[int, int]
"""The leaves from the first up to, not including, the second: what one hash of a proof stands for."""
Node: TypeAlias = tuple[int, int]
"""A perfect subtree: its height, and its number among those with 2**height leaves. Plain pairs, for there are many."""


def tile_path(level: str, number: int, width: int = WIDTH) -> str:
    """Return how a tile is named below `tile/`: `0/x001/x234/067` or `0/x001/x234/067.p/12`; level may be `entries`."""
    digits = f"{number:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([f"x{part}" for part in parts[:-1]] + parts[-1:])
    return f"{level}/{name}" + ("" if width == WIDTH else f".p/{width}")


def parse_tile_path(path: str) -> tuple[int | None, int, int]:
    """Return (level, number, width) of the one canonical name of a tile; level None is `entries`. Raises `Tampered`."""
    entries = path.startswith("entries/")
    match = _PATH.fullmatch("0" + path.removeprefix("entries") if entries else path)
    if match is None:
        raise Tampered("that is not the name of a tile")
    level, width = int(match[1]), int(match[3] or WIDTH)
    parts = match[2].replace("x", "").split("/")
    number = int("".join(parts)) if len(parts) <= _NUMBER_PARTS_MAX else -1
    if level > _LEVEL_MAX or tile_path("entries" if entries else str(level), number, width) != path:
        raise Tampered("that is not the name of a tile")
    return (None if entries else level), number, width


def tiles_of(size: int) -> Iterator[Tile]:
    """Give every tile that a tree of `size` has, level by level, the unfinished one of a level last."""
    level = 0
    while hashes := size >> HEIGHT * level:
        for number in range(hashes >> HEIGHT):
            yield Tile(level, number, WIDTH)
        if hashes % WIDTH:
            yield Tile(level, hashes >> HEIGHT, hashes % WIDTH)
        level += 1


class Finished(NamedTuple):
    """A tile that an append finished. Its last hashes are `added`; those before were in the tree already."""

    level: int
    number: int
    root_hash: bytes
    added: bytes


def finished(size: int, leaf_hashes: Sequence[bytes], subtrees: Sequence[Subtree]) -> list[Finished]:
    """Return the tiles that become full when these leaf hashes, which finish `subtrees`, follow `size` others."""
    rows: dict[int, tuple[int, Sequence[bytes]]] = {0: (size, leaf_hashes)}
    for level in range(1, max((found.power for found in subtrees), default=0)):
        own = [found for found in subtrees if found.power == level]
        rows[level] = (own[0].number, [found.root_hash for found in own])
    full = []
    for power, number, root_hash in subtrees:
        first, hashes = rows[power - 1]
        begin = number * WIDTH
        added = b"".join(hashes[max(begin - first, 0) : begin + WIDTH - first])
        full.append(Finished(power - 1, number, root_hash, added))
    return full


def is_in(tile: Tile, size: int) -> bool:
    """Say whether a tree of `size`, or an earlier state of it, has this tile."""
    return tile.number * WIDTH + tile.width <= size >> HEIGHT * tile.level


def inclusion(index: int, size: int) -> list[Stretch]:
    """Return what the hashes of an inclusion proof stand for, leaf to root (RFC 9162 2.1.3.1)."""
    assert 0 <= index < size, "a proof needs a leaf inside the tree"
    path = []
    height, last = 0, size - 1
    while last:
        sibling = index ^ 1
        if sibling <= last:  # an odd last node has none: it moves up as it is
            path.append((sibling << height, min((sibling + 1) << height, size)))
        index, last, height = index >> 1, last >> 1, height + 1
    return path


def consistency(first: int, second: int) -> list[Stretch]:
    """Return what the hashes of a consistency proof stand for (RFC 9162 2.1.4.1)."""
    assert 0 < first <= second, "a consistency proof needs two sizes, the first not empty"
    path: list[Stretch] = []
    begin, end = 0, second
    while end != first:
        split = begin + (1 << (end - begin - 1).bit_length() - 1)
        if first <= split:
            path.append((split, end))
            end = split
        else:
            path.append((begin, split))
            begin = split
    return ([(begin, end)] if begin else []) + path[::-1]


def perfect(stretch: Stretch) -> list[Node]:
    """Return the perfect subtrees that a stretch of a tree's leaves consists of, largest first."""
    at, until = stretch
    nodes = []
    while at < until:
        height = (until - at).bit_length() - 1
        nodes.append((height, at >> height))
        at += 1 << height
    return nodes


Opened: TypeAlias = Sequence[Sequence[bytes]]
"""The hashes of one tile and all the nodes above them, by height, so that a proof looks up instead of hashing."""


def open_tile(tile: Tile, packed: bytes) -> Opened:
    """Return the nodes of a tile from its hashes; raises `Tampered` when there are not as many as its width says."""
    if len(packed) != tile.width * HASH_BYTES:
        raise Tampered("a tile of the log has not as many hashes as its width says")
    levels = [[packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)]]
    while len(below := levels[-1]) > 1:
        levels.append([node_hash(left, right) for left, right in zip(below[::2], below[1::2], strict=False)])
    return levels


def needed(path: Sequence[Stretch], size: int) -> list[Tile]:
    """Return the tiles of a tree of `size` from which the hashes of `path` follow."""
    nodes = [node for stretch in path for node in perfect(stretch)]
    places = {(height // HEIGHT, number << height % HEIGHT >> HEIGHT) for height, number in nodes}
    return [Tile(level, tile, min(WIDTH, (size >> level * HEIGHT) - tile * WIDTH)) for level, tile in sorted(places)]


def hashes(path: Sequence[Stretch], opened: Mapping[Tile, Opened]) -> tuple[bytes, ...]:
    """Return the hash of each stretch of `path`, from the tiles that `needed` named."""
    by_place = {(tile.level, tile.number): nodes for tile, nodes in opened.items()}
    return tuple(_hash(stretch, by_place) for stretch in path)


def _hash(stretch: Stretch, opened: Mapping[tuple[int, int], Opened]) -> bytes:
    found = []
    for height, number in perfect(stretch):
        level, within = divmod(height, HEIGHT)
        at = number << within
        found.append(opened[level, at // WIDTH][within][at % WIDTH >> within])
    last = found.pop()
    while found:
        last = node_hash(found.pop(), last)
    return last
