"""Checks a log that somebody else keeps, from what it shows to everybody and its public key alone.

The checkpoint is opened with the key; every leaf is fetched and hashed; every tile must hold those hashes, and the root
of them all must be the one that was signed; each act of the log's own keeper must have the statement that its leaf
commits to. What is fetched is bounded, and believed only once it was checked. (C2SP tlog-tiles, tlog-checkpoint.)
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from typing import Any

import msgspec

from ecrm_privacy.errors import NotKnown, Tampered
from ecrm_privacy.ledger import merkle, tiles
from ecrm_privacy.ledger.checkpoint import Checkpoint, Verifier, open_checkpoint
from ecrm_privacy.ledger.entry import LeafType, opens, parse_leaf
from ecrm_privacy.ledger.quorum import Policy, require_quorum
from ecrm_privacy.ledger.tiles import WIDTH, Tile, tile_path
from ecrm_privacy.ledger.verify.report import Progress, Report, Wrong
from ecrm_privacy.ledger.verify.tree import FullTile, Tree

Fetch = Callable[[str, int], Awaitable[bytes]]
"""Gives the reply to GET of a path, at most so many bytes. Raises `NotKnown` when there is none (404), `Tampered` when
it is longer, `Unavailable` when nobody can tell."""

AT_ONCE = 8
NOTE_BYTES_MAX = 256 * 1024
LEAF_BYTES_MAX = 128
STATEMENT_BYTES_MAX = 1024 * 1024


class Statement(msgspec.Struct, frozen=True):
    """What the log says in public about an act of its own keeper; `open` is hexadecimal."""

    payload: str
    open: str


async def checkpoint(fetch: Fetch, verifier: Verifier, policy: Policy | None = None) -> Checkpoint:
    """Return the log's public checkpoint.

    Raises `Tampered` unless the key signed it, and under a `policy` so many witnesses as it asks for.
    """
    note = _text(await fetch("ledger/checkpoint", NOTE_BYTES_MAX))
    if policy is not None:
        require_quorum(policy, note, verifier)
    return open_checkpoint(note, verifier)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Tampered("the checkpoint is not UTF-8 text") from None


async def continues(fetch: Fetch, older: Checkpoint, newer: Checkpoint) -> None:
    """Check that the log of `newer` contains the tree of `older`, from those of its tiles that prove it.

    Raises `Tampered`, and `NotKnown` for what the log does not serve. `older` must not be the larger one.
    """
    assert older.tree_size <= newer.tree_size, "who asks has looked which one is larger"
    path = tiles.consistency(older.tree_size, newer.tree_size)
    opened = {}
    for tile in tiles.needed(path, newer.tree_size):
        opened[tile] = tiles.open_tile(tile, await _tile(fetch, tile))
    proof = tiles.hashes(path, opened)
    merkle.verify_consistency(older.tree_size, newer.tree_size, proof, older.root_hash, newer.root_hash)


async def rebuild(fetch: Fetch, signed: Checkpoint, progress: Progress) -> Report:
    """Fetch the whole log of the checkpoint `signed`, and check every leaf, tile and statement."""
    check = _Check(fetch, signed, progress)
    try:
        await check.leaves()
        await check.statements()
    except Wrong as wrong:
        return Report(problem=wrong.problem, leaf_index=wrong.leaf_index, **check.counts())
    return Report(**check.counts())


async def _tile(fetch: Fetch, tile: Tile) -> bytes:
    return await fetch(f"ledger/tile/{tile_path(str(tile.level), tile.number, tile.width)}", tile.width * 32)


def split_entries(raw: bytes, width: int) -> list[bytes]:
    """Return the `width` leaves of an entries tile, each after its length in two bytes; raises `Tampered`."""
    found, at = [], 0
    while at + 2 <= len(raw):
        length = int.from_bytes(raw[at : at + 2], "big")
        found.append(raw[at + 2 : at + 2 + length])
        at += 2 + length
    if at != len(raw) or len(found) != width:
        raise Tampered("the entries tile does not hold the leaves that its name says")
    return found


class _Check:
    def __init__(self, fetch: Fetch, signed: Checkpoint, progress: Progress) -> None:
        self.fetch, self.signed, self.progress = fetch, signed, progress
        self.tree = Tree()
        self.own_acts: list[tuple[int, bytes]] = []
        self.tiles = self.stated = 0

    def counts(self) -> dict[str, Any]:
        return {
            "tree_size": self.signed.tree_size, "root_hash": self.signed.root_hash, "leaves": self.tree.size,
            "tiles": self.tiles, "published": self.signed.tree_size, "statements": self.stated,
        }  # fmt: skip

    async def leaves(self) -> None:
        size = self.signed.tree_size
        async for number, entries, hashes in self._pairs(size):
            for tile in self._grow(number, entries, hashes):
                if tile.level:
                    await self._compare(tile.level, tile.number, tile.hashes)
            self.progress("leaves", self.tree.size, size)
        for level, rest in enumerate(self.tree.rest):
            if level and rest:
                await self._compare(level, size >> 8 * (level + 1), rest)
        if self.tree.root() != self.signed.root_hash:
            raise Wrong(None, f"the {size} leaves do not lead to the root of the signed checkpoint")

    async def _pairs(self, size: int) -> AsyncIterator[tuple[int, bytes, bytes]]:
        """Give the leaves and the hashes of each tile of the lowest level, while the next ones are under way."""
        under_way: deque[asyncio.Task[tuple[int, bytes, bytes]]] = deque()
        numbers = iter(range(-(-size // WIDTH)))
        try:
            while True:
                while len(under_way) < AT_ONCE and (number := next(numbers, None)) is not None:
                    under_way.append(asyncio.create_task(self._pair(number, min(WIDTH, size - number * WIDTH))))
                if not under_way:
                    return
                yield await under_way[0]
                under_way.popleft()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _pair(self, number: int, width: int) -> tuple[int, bytes, bytes]:
        name = f"ledger/tile/{tile_path('entries', number, width)}"
        entries = await self._served(number * WIDTH, name, width * (2 + LEAF_BYTES_MAX))
        hashes = await self._served(number * WIDTH, f"ledger/tile/{tile_path('0', number, width)}", width * 32)
        return number, entries, hashes

    async def _served(self, leaf_index: int, path: str, most: int) -> bytes:
        try:
            return await self.fetch(path, most)
        except NotKnown:
            raise Wrong(leaf_index, f"the log does not serve {path}, which its checkpoint covers") from None
        except Tampered as tampered:
            raise Wrong(leaf_index, f"{path}: {tampered}") from None

    def _grow(self, number: int, entries: bytes, hashes: bytes) -> list[FullTile]:
        first = number * WIDTH
        width = min(WIDTH, self.signed.tree_size - first)
        try:
            leaves = split_entries(entries, width)
        except Tampered as tampered:
            raise Wrong(first, f"tile entries/{number}: {tampered}") from None
        own = []
        for index, leaf in enumerate(leaves, first):
            try:
                if parse_leaf(leaf).type is not LeafType.SUBJECT:
                    self.own_acts.append((index, leaf))
            except Tampered as tampered:
                raise Wrong(index, f"leaf {index}: {tampered}") from None
            own.append(sha256(b"\x00" + leaf).digest())
        self._same(0, number, own, hashes)
        return self.tree.add(own)

    async def _compare(self, level: int, number: int, own: list[bytes]) -> None:
        first = number * WIDTH ** (level + 1)
        path = f"ledger/tile/{tile_path(str(level), number, len(own))}"
        self._same(level, number, own, await self._served(first, path, len(own) * 32))

    def _same(self, level: int, number: int, own: list[bytes], served: bytes) -> None:
        covers = WIDTH**level
        for at, expected in enumerate(own):
            if served[32 * at : 32 * at + 32] != expected:
                begin = (number * WIDTH + at) * covers
                what = f"root of leaves {begin} to {begin + covers - 1}" if level else f"hash of leaf {begin}"
                raise Wrong(begin, f"tile {level}/{number} does not hold the {what}")
        if len(served) != 32 * len(own):
            raise Wrong(number * WIDTH * covers, f"tile {level}/{number} holds more hashes than it should")
        self.tiles += 1

    async def statements(self) -> None:
        for index, leaf in self.own_acts:
            raw = await self._served(index, f"ledger/statement/{index}", STATEMENT_BYTES_MAX)
            try:
                said = msgspec.json.decode(raw, type=Statement)
                committed = opens(leaf, bytes.fromhex(said.open), said.payload.encode())
            except (msgspec.MsgspecError, ValueError, RecursionError):
                raise Wrong(index, f"the statement of leaf {index} cannot be read") from None
            if not committed:
                raise Wrong(index, f"leaf {index} does not commit to its public statement")
            self.stated += 1
            self.progress("statements", self.stated, len(self.own_acts))
