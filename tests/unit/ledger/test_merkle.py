"""The tree of RFC 9162 against vectors that others made."""

from typing import Any

import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger import merkle
from ecrm_privacy.ledger.merkle import CompactRange
from tests.unit.ledger.vectors import probes, raw, raw_all, read

KNOWN = read("known_roots.json")
TREES = read("merkle_entry_n.json")["trees"]


@pytest.mark.parametrize("probe", probes("inclusion.ndjson"), ids=lambda probe: probe["name"])
def test_inclusion_probe(probe: dict[str, Any]) -> None:
    """Each probe of transparency-dev/merkle is accepted or refused as it says."""
    asked = (raw(probe["leafHash"]), probe["leafIdx"], probe["treeSize"], raw_all(probe["proof"]), raw(probe["root"]))
    if probe["wantErr"]:
        with pytest.raises(Tampered):
            merkle.verify_inclusion(*asked)
    else:
        merkle.verify_inclusion(*asked)


@pytest.mark.parametrize("probe", probes("consistency.ndjson"), ids=lambda probe: probe["name"])
def test_consistency_probe(probe: dict[str, Any]) -> None:
    """Each probe of transparency-dev/merkle is accepted or refused as it says."""
    asked = (probe["size1"], probe["size2"], raw_all(probe["proof"]), raw(probe["root1"]), raw(probe["root2"]))
    if probe["wantErr"]:
        with pytest.raises(Tampered):
            merkle.verify_consistency(*asked)
    else:
        merkle.verify_consistency(*asked)


def test_hashes_are_those_of_the_standard() -> None:
    """The empty tree, a leaf and a node hash to the published values."""
    published = {key: value for given in KNOWN["hasher"] for key, value in given.items()}
    assert merkle.root([]).hex() == published["empty"]
    assert merkle.leaf_hash(b"").hex() == KNOWN["hasher"][1]["hash"]
    assert merkle.leaf_hash(b"L123456").hex() == KNOWN["hasher"][2]["hash"]
    assert merkle.node_hash(b"N123", b"N456").hex() == KNOWN["hasher"][3]["hash"]


def test_known_roots() -> None:
    """The trees over the first 0 to 8 known leaves have the published roots."""
    hashes = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in KNOWN["leaf_inputs_hex"]]
    for size, expected in enumerate(KNOWN["roots_by_size_hex"]):
        assert merkle.root(hashes[:size]).hex() == expected
        assert CompactRange().extend(hashes[:size]).root().hex() == expected


@pytest.fixture(scope="module")
def entries() -> list[bytes]:
    return [merkle.leaf_hash(b"entry %d" % number) for number in range(TREES[-1]["size"])]


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: str(tree["size"]))
def test_trees_that_go_agrees_with(entries: list[bytes], tree: dict[str, Any]) -> None:
    """Roots and proofs of trees up to 70,000 leaves are those that Go's tlog gives, byte for byte."""
    size, expected = tree["size"], raw(tree["root"])
    assert merkle.root(entries[:size]) == CompactRange().extend(entries[:size]).root() == expected
    for proof in tree["inclusion"]:
        assert merkle.inclusion_path(entries, proof["index"], size) == raw_all(proof["proof"])
    for proof in tree["consistency"]:
        assert merkle.consistency_proof(entries, proof["from"], size) == raw_all(proof["proof"])


@pytest.mark.parametrize(("size", "edge"), [(0, bytes(32)), (1, b""), (3, bytes(32)), (4, bytes(64)), (-1, b"")])
def test_an_edge_fits_its_size(size: int, edge: bytes) -> None:
    """A stored edge with another number of hashes than its size has bits is refused."""
    with pytest.raises(Tampered):
        CompactRange.load(size, edge)
