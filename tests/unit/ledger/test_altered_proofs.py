"""Of a proof of the tree nothing can be changed: no bit, no hash more or less, no other order. For proofs of others."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger import merkle
from tests.unit.ledger.vectors import probes, raw, raw_all, read

SIZES = {1, 2, 3, 7, 255, 256, 257, 70_000}
TREES = {tree["size"]: tree for tree in read("merkle_entry_n.json")["trees"] if tree["size"] in SIZES}
ENTRIES = [merkle.leaf_hash(b"entry %d" % number) for number in range(max(SIZES))]
FOREIGN = (bytes(32), bytes([255]) * 32, merkle.EMPTY_ROOT)
Holds = Callable[..., bool]


def includes(path: Sequence[bytes], leaf: bytes, index: int, size: int, root: bytes) -> bool:
    try:
        merkle.verify_inclusion(leaf, index, size, path, root)
    except Tampered:
        return False
    return True


def continues(path: Sequence[bytes], first: int, second: int, first_root: bytes, second_root: bytes) -> bool:
    try:
        merkle.verify_consistency(first, second, path, first_root, second_root)
    except Tampered:
        return False
    return True


def bits(node: bytes) -> Iterator[bytes]:
    """Every neighbour of a hash, one bit away."""
    number = int.from_bytes(node)
    return ((number ^ 1 << bit).to_bytes(32) for bit in range(256))


def altered(path: Sequence[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Every proof that is one act away from this one: a bit, a hash gone, cut or doubled, two exchanged, turned."""
    for at, node in enumerate(path):
        yield from ((f"a bit of hash {at}", [*path[:at], other, *path[at + 1 :]]) for other in bits(node))
        yield f"without hash {at}", [*path[:at], *path[at + 1 :]]
        yield f"without a byte of hash {at}", [*path[:at], node[:-1], *path[at + 1 :]]
        yield f"hash {at} with a byte more", [*path[:at], node + b"\0", *path[at + 1 :]]
        yield f"from hash {at} on", list(path[at + 1 :])
        yield f"up to hash {at}", list(path[:at])
    for at in range(len(path) + 1):
        beside = (*FOREIGN, *path[max(at - 1, 0) : at + 1])
        yield from ((f"one more at {at}", [*path[:at], more, *path[at:]]) for more in beside)
    for one, other in combinations(range(len(path)), 2):
        order = list(path)
        order[one], order[other] = order[other], order[one]
        yield f"{one} and {other} exchanged", order
    yield "turned round", list(path)[::-1]


def none_holds(holds: Holds, path: Sequence[bytes], *claim: Any) -> int:
    """The proof holds and none of its neighbours does; returns how many there were."""
    assert holds(path, *claim)
    tried = 0
    for what, other in altered(path):
        if other != list(path):
            assert not holds(other, *claim), what
            tried += 1
    return tried


def roots_are_bound(holds: Holds, path: Sequence[bytes], *claim: Any) -> None:
    """Nor does it hold for a leaf or a root that is one bit away."""
    for at, said in enumerate(claim):
        if isinstance(said, bytes):
            for other in bits(said):
                assert not holds(path, *claim[:at], other, *claim[at + 1 :])


@pytest.mark.parametrize("size", TREES)
def test_no_neighbour_of_an_inclusion_proof_holds(size: int) -> None:
    """Of every inclusion proof that Go agrees with, nothing can be changed, nor its leaf, its index or its root."""
    root = raw(TREES[size]["root"])
    for proof in TREES[size]["inclusion"]:
        index, path = proof["index"], raw_all(proof["proof"])
        claim = (ENTRIES[index], index, size, root)
        assert none_holds(includes, path, *claim) >= 256 * len(path)
        roots_are_bound(includes, path, *claim)
        others = {index ^ 1 << bit for bit in range(size.bit_length() + 1)} | {index - 1, index + 1, size, -1}
        assert not any(includes(path, ENTRIES[index], other, size, root) for other in others - {index})


@pytest.mark.parametrize("size", TREES)
def test_no_neighbour_of_a_consistency_proof_holds(size: int) -> None:
    """Of every consistency proof that Go agrees with, nothing can be changed, nor one of its two roots."""
    for proof in TREES[size]["consistency"]:
        first, path = proof["from"], raw_all(proof["proof"])
        claim = (first, size, merkle.root(ENTRIES[:first]), raw(TREES[size]["root"]))
        assert none_holds(continues, path, *claim) >= 256 * len(path)
        roots_are_bound(continues, path, *claim)


@pytest.mark.parametrize("size", sorted(SIZES - {70_000}))
def test_no_neighbour_of_our_own_proofs_holds(size: int) -> None:
    """The same of the proofs that we make, in small trees for every leaf and every earlier tree."""
    root = merkle.root(ENTRIES[:size])
    for index in range(size) if size < 10 else (1, size // 3, size - 2):
        path = merkle.inclusion_path(ENTRIES, index, size)
        none_holds(includes, path, ENTRIES[index], index, size, root)
    for first in range(1, size + 1) if size < 10 else (2, size // 3, size - 1, size):
        path = merkle.consistency_proof(ENTRIES, first, size)
        none_holds(continues, path, first, size, merkle.root(ENTRIES[:first]), root)


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_no_neighbour_of_the_published_proofs_holds(kind: str) -> None:
    """The same of the proofs of transparency-dev/merkle that are good ones."""
    tried = 0
    for probe in probes(f"{kind}.ndjson"):
        if not probe["wantErr"]:
            tried += _neighbours(kind, probe)
    assert tried > 4 * 256


def test_the_shared_vectors_say_the_same(shared_data: Path) -> None:
    """Of the same proofs as their makers keep them, nothing can be changed either."""
    kept = json.loads((shared_data / "vectors/own_generated/merkle_entry_n.json").read_text("utf-8"))["trees"]
    assert {tree["size"]: tree for tree in kept if tree["size"] in SIZES} == TREES
    for kind in ("inclusion", "consistency"):
        folder = shared_data / "vectors/transparency-dev_merkle/testdata" / kind
        good = [json.loads(path.read_text("utf-8")) for path in sorted(folder.rglob("happy-path.json"))]
        assert sum(_neighbours(kind, probe) for probe in good) > 4 * 256


def _neighbours(kind: str, probe: dict[str, Any]) -> int:
    path = raw_all(probe["proof"])
    if kind == "inclusion":
        claim = (raw(probe["leafHash"]), probe["leafIdx"], probe["treeSize"], raw(probe["root"]))
        return none_holds(includes, path, *claim)
    sizes = (probe["size1"], probe["size2"], raw(probe["root1"]), raw(probe["root2"]))
    return none_holds(continues, path, *sizes)
