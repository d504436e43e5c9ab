"""Receipts: built, read, and refused for the right reason."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable

import msgspec
import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger import merkle, receipt
from ecrm_privacy.ledger.checkpoint import Verifier, open_checkpoint
from ecrm_privacy.ledger.entry import commitment, leaf
from ecrm_privacy.ledger.record import payload
from tests.unit.ledger.receipts import EVENT, GOOD, LOG, OPEN, STRANGER, receipt_of
from tests.unit.ledger.vectors import FOLDER, read


def with_extra(change: Callable[[str], str]) -> str:
    proof = receipt.parse_proof(GOOD)
    assert proof.extra is not None
    return receipt.render_proof(msgspec.structs.replace(proof, extra=change(proof.extra.decode()).encode()))


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


REFUSED = {
    "another header": (GOOD.replace("@v1", "@v2", 1), "does not begin as a tlog-proof"),
    "no header": (GOOD.partition("\n")[2], "does not begin as a tlog-proof"),
    "an index with a zero before it": (GOOD.replace("index 4", "index 04"), "between its first line"),
    "a negative index": (GOOD.replace("index 4", "index -4"), "between its first line"),
    "an index in letters": (GOOD.replace("index 4", "index four"), "between its first line"),
    "no index": (GOOD.replace("index 4\n", ""), "between its first line"),
    "carriage returns": (GOOD.replace("\n", "\r\n"), "does not begin as a tlog-proof"),
    "an extra that is no base64": (GOOD.replace("extra e", "extra ="), "the extra of the receipt is not base64"),
    "a short hash": (GOOD.replace("=\n\nshop", "\n\nshop", 1), "between its first line"),
    "64 hashes": (GOOD.replace("\n\nshop", "\n" + (b64encode(bytes(32)).decode() + "\n") * 63 + "\nshop"), "between"),
    "too long": (GOOD + "A" * receipt.RECEIPT_CHARACTERS_MAX, "too long"),
    "no checkpoint": (GOOD[: GOOD.index("shop.example")], "between its first line"),
    "no extra": (GOOD.replace(GOOD.splitlines()[1] + "\n", ""), "carries no leaf and payload"),
    "an extra with spaces": (with_extra(lambda text: text.replace(",", ", ", 1)), "one canonical form"),
    "an extra with more": (with_extra(lambda text: text[:-1] + ',"more":1}'), "extra of the receipt is damaged"),
    "an extra without open": (
        with_extra(lambda text: text.split(',"open"')[0] + "}"),
        "extra of the receipt is damaged",
    ),
    "another key": (receipt_of(signer=STRANGER), "not signed by the expected key"),
    "another place": (receipt_of(index=3), "does not lead to the root"),
    "outside the tree": (GOOD.replace("index 4", "index 6"), "outside the tree"),
    "another opening": (receipt_of(open=bytes(32)), "does not commit to its payload"),
    "a short opening": (receipt_of(open=bytes(31)), "does not commit to its payload"),
    "an act of our own": (receipt_of(leaf_type="policy"), "not about a person"),
    "no consent record": (receipt_of(b'{"purpose":"offers"}'), "no consent record"),
    "a record in another form": (receipt_of(payload(EVENT).replace(b",", b", ", 1)), "one canonical form"),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_each_reason_to_refuse_has_its_words(text: str, reason: str) -> None:
    """A receipt that is damaged, forged, misplaced or about something else is refused, saying why."""
    with pytest.raises(Tampered, match=reason):
        receipt.verify_receipt(text, LOG.vkey())


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
