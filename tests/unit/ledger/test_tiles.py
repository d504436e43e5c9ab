"""The tree in tiles: the layout of C2SP tlog-tiles, and proofs from tiles that are those of the whole tree."""

import random
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger import merkle, tiles
from ecrm_privacy.ledger.merkle import CompactRange
from ecrm_privacy.ledger.tiles import Finished, Tile
from tests.unit.ledger import vectors

TREES = {tree["size"]: tree for tree in vectors.read("merkle_entry_n.json")["trees"]}
ENTRIES = [merkle.leaf_hash(b"entry %d" % number) for number in range(max(TREES))]
NUMBERS = {0: "000", 273: "273", 999: "999", 1_000: "x001/000", 1_234_067: "x001/x234/067"}
DAMAGED = (
    "0/0", "64/000", "00/000", "0/x000/001", "0/001.p/256", "0/001.p/0", "0/001.p/01", "entries/1", "0/x01/067",
    "-1/000", "0/1234067", "0/001/", "", "0/" + "x999/" * 9 + "999", "0/\N{ARABIC-INDIC DIGIT ONE}00", "0/000\n",
)  # fmt: skip


def cut(hashes: list[bytes]) -> dict[Tile, tiles.Opened]:
    """Cut a tree into tiles, straight from the definition."""
    found, level = {}, 0
    while hashes:
        for number in range(-(-len(hashes) // 256)):
            own = hashes[number * 256 : number * 256 + 256]
            found[Tile(level, number, len(own))] = tiles.open_tile(Tile(level, number, len(own)), b"".join(own))
        full = len(hashes) // 256
        hashes, level = [merkle.root(hashes[at * 256 : at * 256 + 256]) for at in range(full)], level + 1
    return found


def test_the_layout_of_the_specification() -> None:
    """The tiles of a tree of 70,000 and of 256 are those that the specification counts."""
    of = {size: list(tiles.tiles_of(size)) for size in (70_000, 256)}
    full = [sum(tile[::2] == (level, 256) for tile in of[70_000]) for level in range(3)]
    assert full == [273, 1, 0]
    assert [tile for tile in of[70_000] if tile.width < 256] == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert of[256] == [Tile(0, 0, 256), Tile(1, 0, 1)]


@pytest.mark.parametrize(("number", "name"), NUMBERS.items())
def test_a_tile_has_one_name(number: int, name: str) -> None:
    """Its number stands in groups of three digits, and only this text names it."""
    assert tiles.tile_path("1", number) == f"1/{name}"
    assert tiles.parse_tile_path(f"1/{name}") == (1, number, 256)
    assert tiles.parse_tile_path(f"entries/{name}.p/7") == (None, number, 7)


@pytest.mark.parametrize("path", DAMAGED)
def test_no_other_text_names_a_tile(path: str) -> None:
    """What is not canonical is refused."""
    with pytest.raises(Tampered):
        tiles.parse_tile_path(path)


@pytest.mark.parametrize("size", [size for size in TREES if size])
def test_proofs_from_tiles_are_the_known_ones(size: int) -> None:
    """Every proof of the vectors, which Go's own log code agrees with, comes out of the tiles."""
    opened = cut(ENTRIES[:size])
    assert sorted(opened) == sorted(tiles.tiles_of(size))
    assert tiles.hashes([(0, size)], opened) == (vectors.raw(TREES[size]["root"]),)
    for probe in TREES[size]["inclusion"]:
        assert list(tiles.hashes(tiles.inclusion(probe["index"], size), opened)) == vectors.raw_all(probe["proof"])
    for probe in TREES[size]["consistency"]:
        if probe["from"]:
            path = tiles.consistency(probe["from"], size)
            assert set(tiles.needed(path, size)) <= opened.keys()
            assert list(tiles.hashes(path, opened)) == vectors.raw_all(probe["proof"])


@given(st.lists(st.integers(1, 600), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_appending_finishes_the_tiles_of_the_tree(batches: list[int], chance: random.Random) -> None:
    """However the batches fall, each full tile is finished once, with the hashes of before and those added."""
    grown, leaves, stored = CompactRange(), list[bytes](), dict[tuple[int, int], Finished]()
    for count in batches:
        added = [sha256(chance.randbytes(8)).digest() for _ in range(count)]
        after, subtrees = grown.grow(added)
        for tile in tiles.finished(grown.size, added, subtrees):
            assert (tile.level, tile.number) not in stored
            stored[tile.level, tile.number] = tile
        grown, leaves = after, leaves + added
    assert grown.root() == merkle.root(leaves)
    full = {tile: nodes for tile, nodes in cut(leaves).items() if tile.width == 256}
    assert {tile[:2] for tile in full} == stored.keys()
    for (level, number, _), nodes in full.items():
        assert b"".join(nodes[0]).endswith(stored[level, number].added)
        assert stored[level, number].root_hash == nodes[-1][0]


def test_a_tile_of_another_width_is_refused() -> None:
    """Hashes that are too few or too many are not that tile."""
    for wrong in (b"", bytes(31), bytes(64)):
        with pytest.raises(Tampered):
            tiles.open_tile(Tile(0, 0, 1), wrong)
