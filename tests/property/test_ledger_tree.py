"""Promise 5, append only: proofs hold for what is in the tree and for nothing else, however the tree was built."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger import merkle
from ecrm_privacy.ledger.merkle import CompactRange
from ecrm_privacy.ledger.verify import Tree

HASHES = [merkle.leaf_hash(b"%d" % number) for number in range(300)]
SIZES = st.integers(1, len(HASHES))


def includes(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    try:
        merkle.verify_inclusion(leaf, index, size, path, root)
    except Tampered:
        return False
    return True


@given(SIZES, st.data())
def test_each_leaf_is_proven_at_its_place_alone(size: int, data: st.DataObject) -> None:
    """A proof holds for its leaf, index, size and root; with another leaf or index it does not."""
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    root, path = merkle.root(HASHES[:size]), merkle.inclusion_path(HASHES, index, size)
    assert includes(HASHES[index], index, size, path, root)
    assert includes(HASHES[other], index, size, path, root) == (other == index)
    assert includes(HASHES[index], other, size, path, root) == (other == index)


@given(SIZES, st.data())
def test_no_altered_proof_holds(size: int, data: st.DataObject) -> None:
    """A flipped bit anywhere, a hash more, a hash less or two exchanged: the proof does not hold."""
    index = data.draw(st.integers(0, size - 1))
    root, path = merkle.root(HASHES[:size]), merkle.inclusion_path(HASHES, index, size)
    bit = 1 << data.draw(st.integers(0, 255))
    place = data.draw(st.integers(0, len(path)))
    flipped = [*path, root]
    flipped[place] = (int.from_bytes(flipped[place]) ^ bit).to_bytes(32)
    assert not includes(HASHES[index], index, size, flipped[:-1], flipped[-1])
    assert not includes(HASHES[index], index, size, [*path[:place], root, *path[place:]], root)
    if path:
        shorter = [*path[:place], *path[place + 1 :]] if place < len(path) else path[:-1]
        assert not includes(HASHES[index], index, size, shorter, root)
    swapped = sorted(path)
    assert includes(HASHES[index], index, size, swapped, root) == (swapped == path)


@given(SIZES, SIZES)
def test_a_tree_continues_each_of_its_beginnings(one: int, another: int) -> None:
    """A consistency proof holds between the two trees, and not towards a tree with another leaf in it."""
    first, second = sorted((one, another))
    path = merkle.consistency_proof(HASHES, first, second)
    before, after = merkle.root(HASHES[:first]), merkle.root(HASHES[:second])
    merkle.verify_consistency(first, second, path, before, after)
    forged = merkle.root([merkle.leaf_hash(b"forged"), *HASHES[1:first]])
    with pytest.raises(Tampered):
        merkle.verify_consistency(first, second, path, forged, after)
    with pytest.raises(Tampered):
        merkle.verify_consistency(first, second, [*path, before], before, after)


@given(st.lists(st.integers(0, 40), max_size=7))
def test_batches_do_not_matter(sizes: list[int]) -> None:
    """However the leaves are dealt into batches, edge and root are those of the whole; the checker's tree agrees."""
    kept, checker = CompactRange(), Tree()
    for size in sizes:
        batch = HASHES[kept.size : kept.size + size]
        kept = CompactRange.load(kept.size, kept.edge).extend(batch)
        while batch:
            taken, batch = batch[: checker.until_full], batch[checker.until_full :]
            checker.add(taken)
    whole = HASHES[: sum(sizes)]
    assert kept == CompactRange().extend(whole)
    assert kept.root() == merkle.root(whole) == checker.root()
    assert kept.edge == b"".join(root for root, _, _ in checker.peaks())
