"""The tree of RFC 9162 by its definition, and the leaves, tiles and checkpoints in the database beside it."""

import re
from collections import deque
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.checkpoint import Checkpoint, Verifier, open_checkpoint
from ecrm_privacy.ledger.entry import LeafType, parse_leaf
from ecrm_privacy.ledger.verify.report import ROWS_AT_ONCE, Progress, Wrong
from ecrm_privacy.sql import Conn

WIDTH = 256
TILES_AT_ONCE = 64
_ABOUT_A_PERSON = re.compile(rb'\{"v":1,"t":"subject","c":"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="\}')
"""The one canonical form: the last letter of 32 bytes in base64 has two bits that must be zero."""


def mth(hashes: Sequence[bytes]) -> bytes:
    """Return the root over these nodes: MTH of RFC 9162 2.1.1, above the leaves."""
    if not hashes:
        return sha256(b"").digest()
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        odd = hashes[-1:] if len(hashes) % 2 else []
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + list(odd)
    return hashes[0]


class FullTile(NamedTuple):
    """A tile as it follows from the leaves."""

    level: int
    number: int
    hashes: list[bytes]
    root_hash: bytes


class Tree:
    """A tree that grows by leaf hashes, and knows of each level of tiles the hashes that fill no tile yet."""

    def __init__(self) -> None:
        self.size = 0
        self.rest: list[list[bytes]] = [[]]

    @property
    def until_full(self) -> int:
        """How many leaves the unfinished tile at the right edge still takes."""
        return WIDTH - self.size % WIDTH

    def add(self, leaf_hashes: Sequence[bytes]) -> list[FullTile]:
        """Take at most `until_full` leaf hashes; returns the tiles that they fill, the lowest first."""
        assert len(leaf_hashes) <= self.until_full, "one tile at a time"
        self.size += len(leaf_hashes)
        self.rest[0] += leaf_hashes
        full: list[FullTile] = []
        while len(hashes := self.rest[len(full)]) == WIDTH:
            level = len(full)
            full.append(FullTile(level, (self.size >> 8 * (level + 1)) - 1, hashes, mth(hashes)))
            self.rest[level] = []
            if level + 1 == len(self.rest):
                self.rest.append([])
            self.rest[level + 1].append(full[-1].root_hash)
        return full

    def root(self) -> bytes:
        """Return the root. What fills no tile is the last, smaller subtree of the level above."""
        below: list[bytes] = []
        for hashes in self.rest:
            below = [mth(hashes + below)] if hashes or below else []
        return mth(below)

    def peaks(self) -> list[tuple[bytes, int, int]]:
        """Return root, first and last leaf of each perfect subtree, the largest first."""
        found, first = [], 0
        for level in reversed(range(len(self.rest))):
            hashes = self.rest[level]
            for bit in reversed(range(8)):
                if len(hashes) >> bit & 1:
                    own, hashes = hashes[: 1 << bit], hashes[1 << bit :]
                    found.append((mth(own), first, first + (1 << bit + 8 * level) - 1))
                    first = found[-1][2] + 1
        return found


class Tiles:
    """The stored tiles in the order in which a growing log fills them."""

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor
        self.rows: deque[Any] = deque()

    @classmethod
    async def over(cls, conn: Conn) -> "Tiles":
        """Begin to read."""
        return cls(
            await conn.cursor(
                "select level, number, root_hash, hashes from ecrm.tile"
                " order by (number::numeric + 1) * 256::numeric ^ (level + 1), level"
            )
        )

    async def next(self) -> Any:
        """Return the next row and leave it there, or None at the end."""
        if not self.rows:
            self.rows.extend(await self.cursor.fetch(TILES_AT_ONCE))
        return self.rows[0] if self.rows else None

    async def check(self, tile: FullTile) -> None:
        """Check that the next stored tile is `tile`."""
        row, name = await self.next(), f"tile {tile.level}/{tile.number}"
        covers = WIDTH**tile.level
        first = tile.number * WIDTH * covers
        if row is None or (row[0], row[1]) != (tile.level, tile.number):
            raise Wrong(first, f"{name} is missing")
        for at, expected in enumerate(tile.hashes):
            if row[3][32 * at : 32 * at + 32] != expected:
                begin = first + at * covers
                below = f"root of leaves {begin} to {begin + covers - 1}" if tile.level else f"hash of leaf {begin}"
                raise Wrong(begin, f"{name} does not hold the {below}")
        if len(row[3]) != 32 * WIDTH:
            raise Wrong(first, f"{name} holds more than {WIDTH} hashes")
        if row[2] != tile.root_hash:
            raise Wrong(first, f"{name} does not have the root of its hashes")
        self.rows.popleft()

    async def end(self, size: int) -> None:
        """Check that no stored tile is left."""
        row = await self.next()
        if row is not None:
            first = row[1] * WIDTH ** (row[0] + 1)
            raise Wrong(first if first < size else None, f"tile {row[0]}/{row[1]} lies beyond the end of the log")


class Kept(NamedTuple):
    """A checkpoint that the tree must continue, and whose it is."""

    whose: str
    checkpoint: Checkpoint


async def published(conn: Conn, verifiers: Sequence[Verifier]) -> list[Kept]:
    """Return the public checkpoint, if there is one, after checking that the key of its name signed it."""
    row = await conn.fetchrow("select tree_size, note from ecrm.published")
    if row is None or not row["note"]:
        return []
    origin = row["note"].partition("\n")[0]
    verifier = next((each for each in verifiers if each.name == origin), verifiers[-1])
    try:
        checkpoint = open_checkpoint(row["note"], verifier)
    except Tampered as tampered:
        raise Wrong(None, f"the published checkpoint: {tampered}") from None
    if checkpoint.tree_size != row["tree_size"]:
        raise Wrong(None, "the published checkpoint is of another size than the table says")
    return [Kept("the published checkpoint", checkpoint)]


class Leaves:
    """Reads every leaf and tile once, and grows the tree of them."""

    def __init__(self, conn: Conn, progress: Progress, kept: Iterable[Kept]) -> None:
        self.conn, self.progress = conn, progress
        self.kept = list(kept)
        self.tree = Tree()
        self.tiles = 0
        self.own_acts: set[int] = set()
        self.roots: dict[int, bytes] = {0: self.tree.root()}
        self._sizes = {each.checkpoint.tree_size for each in self.kept}

    async def read(self, size: int) -> None:
        """Check the leaves of a log whose head says `size`, and its tiles."""
        tiles = await Tiles.over(self.conn)
        rows = await self.conn.cursor("select leaf_index, leaf, leaf_hash from ecrm.ledger_entry order by leaf_index")
        while found := await rows.fetch(ROWS_AT_ONCE):
            hashes = self._hashes(found)
            while hashes:
                taken, hashes = self._add(hashes)
                for tile in taken:
                    await tiles.check(tile)
                self.tiles += len(taken)
            self.progress("leaves", self.tree.size, size)
        if self.tree.size != size:
            at, word = (
                min(self.tree.size, size),
                "is missing" if self.tree.size < size else "lies beyond the head of the log",
            )
            raise Wrong(at, f"leaf {at} {word}")
        await tiles.end(size)

    def _hashes(self, rows: Sequence[Any]) -> list[bytes]:
        expected = self.tree.size
        hashes = []
        for leaf_index, leaf, leaf_hash in rows:
            if leaf_index != expected:
                raise Wrong(expected, f"leaf {expected} is missing")
            if sha256(b"\x00" + leaf).digest() != leaf_hash:
                raise Wrong(leaf_index, f"leaf {leaf_index} does not have the hash that is stored with it")
            if not _ABOUT_A_PERSON.fullmatch(leaf):
                self._own_act(leaf_index, leaf)
            hashes.append(leaf_hash)
            expected += 1
        return hashes

    def _own_act(self, leaf_index: int, leaf: bytes) -> None:
        try:
            parsed = parse_leaf(leaf)
        except Tampered as tampered:
            raise Wrong(leaf_index, f"leaf {leaf_index}: {tampered}") from None
        assert parsed.type is not LeafType.SUBJECT, "those have one form, which was looked for"
        self.own_acts.add(leaf_index)

    def _add(self, hashes: list[bytes]) -> tuple[list[FullTile], list[bytes]]:
        """Take as many hashes as reach the end of a tile or a size whose root is asked for; return those left."""
        room = self.tree.until_full
        stops = [size - self.tree.size for size in self._sizes if 0 < size - self.tree.size < room]
        count = min([room, *stops])
        full = self.tree.add(hashes[:count])
        if self.tree.size in self._sizes:
            self.roots[self.tree.size] = self.tree.root()
        return full, hashes[count:]

    def compare_head(self, root_hash: bytes, edge: bytes) -> None:
        """Check root and edge of the head."""
        peaks = self.tree.peaks()
        for number, (peak, first, last) in enumerate(peaks):
            if peak != edge[32 * number : 32 * number + 32]:
                raise Wrong(first, f"leaves {first} to {last} are not the ones that were appended")
        if len(edge) != 32 * len(peaks):
            raise Wrong(None, "the edge of the head does not fit the tree")
        if root_hash != self.tree.root():
            raise Wrong(None, "the root of the head is not the root of the tree")

    def compare_kept(self) -> None:
        """Check that the tree continues every checkpoint that was kept."""
        for whose, checkpoint in self.kept:
            if checkpoint.tree_size not in self.roots:
                raise Wrong(None, f"the log has lost leaves: {whose} has {checkpoint.tree_size}")
            if self.roots[checkpoint.tree_size] != checkpoint.root_hash:
                raise Wrong(None, f"the first {checkpoint.tree_size} leaves are not those of {whose}")
