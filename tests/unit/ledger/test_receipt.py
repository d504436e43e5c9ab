"""Receipts: built, read, and refused for the right reason."""

import json
from base64 import b64decode

import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger import merkle, receipt
from ecrm_privacy.ledger.checkpoint import Verifier, open_checkpoint
from ecrm_privacy.ledger.entry import commitment, leaf
from ecrm_privacy.ledger.record import payload
from tests.unit.ledger.receipts import EVENT, GOOD, LOG, OPEN
from tests.unit.ledger.refused import ACCEPTED, REFUSED, Row, beside, other_proofs, reason_of
from tests.unit.ledger.vectors import FOLDER, read


def test_a_good_receipt_says_what_was_said() -> None:
    """A receipt checks with the log's key alone and gives back the event, exactly."""
    checked = receipt.verify_receipt(GOOD, LOG.vkey())
    assert checked.event == EVENT
    assert checked.payload == payload(EVENT)
    assert (checked.leaf_index, checked.checkpoint.tree_size) == (4, 6)
    assert receipt.verify_receipt(GOOD.encode(), LOG.vkey()) == checked


def test_the_extra_is_what_the_contract_says() -> None:
    """The extra is JSON of leaf in base64, payload as text, and open in base64, in this order."""
    line = GOOD.splitlines()[1].removeprefix("extra ")
    extra = json.loads(b64decode(line))
    assert list(extra) == ["leaf", "payload", "open"]
    assert b64decode(extra["open"]) == OPEN
    assert b64decode(extra["leaf"]) == leaf("subject", commitment(OPEN, extra["payload"].encode()))


@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED)
def test_each_reason_to_refuse_has_its_words(row: Row) -> None:
    """A receipt that is damaged, forged, misplaced or about something else is refused, saying why."""
    with pytest.raises(Tampered, match=row.words) as refused:
        receipt.verify_receipt(row.given, LOG.vkey())
    assert reason_of(refused.value) == row.reason


def test_every_other_proof_is_refused() -> None:
    """Whichever bit of a hash is flipped, whichever hash is dropped, doubled, added or moved: it leads elsewhere."""
    for given in other_proofs():
        with pytest.raises(Tampered) as refused:
            receipt.verify_receipt(given, LOG.vkey())
        assert reason_of(refused.value) == "inclusion"


@pytest.mark.parametrize("given", ACCEPTED.values(), ids=ACCEPTED)
def test_each_good_receipt_is_taken(given: bytes) -> None:
    """Signatures of others beside the log's, JSON around the proof, and every kind of record: all good."""
    assert receipt.verify_receipt(given, LOG.vkey())


def test_what_stands_beside_payload_and_proof_says_nothing() -> None:
    """Whatever is altered in the JSON of a receipt besides its payload and proof, the checked receipt is the same."""
    assert len({receipt.verify_receipt(given, LOG.vkey()) for given in beside()}) == 1


def test_bytes_that_are_no_text_are_refused() -> None:
    """A file that is not UTF-8 is refused."""
    with pytest.raises(Tampered, match="not UTF-8"):
        receipt.verify_receipt(GOOD.encode() + b"\xff", LOG.vkey())


def test_the_designs_example_reads() -> None:
    """The example receipt of the design parses as tlog-proof, renders to itself, and its proof checks."""
    text = (FOLDER / "receipt_example.tlog-proof").read_text("utf-8")
    proof = receipt.parse_proof(text)
    assert receipt.render_proof(proof) == text
    assert proof.extra is not None
    own = b64decode(json.loads(proof.extra)["leaf"])
    checkpoint = open_checkpoint(proof.note, Verifier.parse(read("merkle_entry_n.json")["vkey"]))
    merkle.verify_inclusion(merkle.leaf_hash(own), proof.index, checkpoint.tree_size, proof.path, checkpoint.root_hash)


def test_a_tree_of_one_needs_no_hashes() -> None:
    """A proof without hashes reads and renders, too: the first entry's receipt."""
    proof = receipt.TlogProof(None, 0, (), "note\n")
    assert receipt.parse_proof(receipt.render_proof(proof)) == proof
