"""Receipts that check without us: C2SP tlog-proof@v1 with our leaf, payload and opening in its `extra`.

    c2sp.org/tlog-proof@v1
    extra base64 of {"leaf": base64, "payload": text, "open": base64}
    index 4
    base64 of a hash …                           (leaf to root)

    the signed checkpoint, verbatim

A receipt is good when five things hold, each with its own error text: the text is canonical, the checkpoint is signed
by the log, the leaf is in its tree at the index, the leaf commits to the payload, and the payload is a consent record.
Who has it as JSON from the service may check that: `proof` is looked at, and `payload`, which must be the one in it.
The page that checks receipts (web/static/receipts_check.js) refuses what this refuses, for the same reason.
"""

import re
from base64 import b64encode
from collections.abc import Sequence

import msgspec

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger import merkle
from ecrm_privacy.ledger.checkpoint import Checkpoint, Verifier, open_checkpoint, strict_base64
from ecrm_privacy.ledger.entry import LeafType, opens, parse_leaf
from ecrm_privacy.ledger.record import ConsentEvent, parse

RECEIPT_CHARACTERS_MAX = 256 * 1024
_HEADER = "c2sp.org/tlog-proof@v1\n"
_PROOF = re.compile(
    r"(?:extra ([A-Za-z0-9+/=]+)\n)?index (0|[1-9][0-9]{0,18})\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n(.+)", re.DOTALL
)


class TlogProof(msgspec.Struct, frozen=True):
    """A parsed tlog-proof. Nothing in it is checked yet but its form; `extra` is not authenticated by the format."""

    extra: bytes | None
    index: int
    path: tuple[bytes, ...]
    note: str


class Extra(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What our receipts carry beside the proof: leaf and open in base64, and the payload as the text it is."""

    leaf: str
    payload: str
    open: str


class Served(msgspec.Struct, frozen=True):
    """What counts of a receipt as the service answers it in JSON; its other members are there to be read easily."""

    payload: str
    proof: str


class Receipt(msgspec.Struct, frozen=True):
    """A receipt that was checked: where the entry stands in which tree, and what it says."""

    leaf_index: int
    checkpoint: Checkpoint
    payload: bytes
    event: ConsentEvent


def build(*, leaf: bytes, payload: bytes, open: bytes, index: int, path: Sequence[bytes], note: str) -> str:
    """Return the receipt text. `path` is the inclusion proof of leaf `index` in the tree of the checkpoint `note`."""
    extra = Extra(b64encode(leaf).decode(), payload.decode(), b64encode(open).decode())
    return render_proof(TlogProof(msgspec.json.encode(extra), index, tuple(path), note))


def render_proof(proof: TlogProof) -> str:
    """Return the tlog-proof text."""
    extra = "" if proof.extra is None else f"extra {b64encode(proof.extra).decode()}\n"
    path = "".join(f"{b64encode(node).decode()}\n" for node in proof.path)
    return f"{_HEADER}{extra}index {proof.index}\n{path}\n{proof.note}"


def parse_proof(text: str) -> TlogProof:
    """Return the parts of a tlog-proof text; raises `Tampered`."""
    if len(text) > RECEIPT_CHARACTERS_MAX:
        raise Tampered("the receipt is too long")
    if not text.startswith(_HEADER):
        raise Tampered("the receipt does not begin as a tlog-proof of version 1")
    match = _PROOF.fullmatch(text, len(_HEADER))
    if match is None:
        raise Tampered("the receipt is damaged between its first line and its checkpoint")
    extra, index, path, note = match.groups()
    return TlogProof(
        None if extra is None else strict_base64(extra, "the extra of the receipt"),
        int(index),
        tuple(strict_base64(line, "a hash of the receipt") for line in path.splitlines()),
        note,
    )


def unpack(text: str) -> tuple[str, str | None]:
    """Return the proof, and the payload that stands beside it if the receipt is JSON; raises `Tampered`."""
    if not text.startswith("{"):
        return text, None
    if len(text) > RECEIPT_CHARACTERS_MAX:
        raise Tampered("the receipt is too long")
    try:
        served = msgspec.json.decode(text, type=Served)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Tampered("the receipt is JSON without a payload and a proof") from None
    return served.proof, served.payload


def parse_extra(raw: bytes | None) -> tuple[bytes, bytes, bytes]:
    """Return leaf, payload and open of one of our receipts; raises `Tampered` unless they are in canonical form."""
    if raw is None:
        raise Tampered("the receipt carries no leaf and payload")
    try:
        extra = msgspec.json.decode(raw, type=Extra)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Tampered("the extra of the receipt is damaged") from None
    if msgspec.json.encode(extra) != raw:
        raise Tampered("the extra of the receipt is not in its one canonical form")
    leaf = strict_base64(extra.leaf, "the leaf of the receipt")
    return leaf, extra.payload.encode(), strict_base64(extra.open, "the opening of the receipt")


def verify_receipt(text: str | bytes, vkey: str) -> Receipt:
    """Check a receipt against the log's verifier key and nothing else; raises `Tampered` with the first reason."""
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError:
            raise Tampered("the receipt is not UTF-8 text") from None
    text, beside = unpack(text)
    proof = parse_proof(text)
    leaf, payload, open = parse_extra(proof.extra)
    if beside is not None and beside.encode() != payload:
        raise Tampered("the text beside the proof is not the one in it")
    checkpoint = open_checkpoint(proof.note, Verifier.parse(vkey))
    merkle.verify_inclusion(merkle.leaf_hash(leaf), proof.index, checkpoint.tree_size, proof.path, checkpoint.root_hash)
    if parse_leaf(leaf).type is not LeafType.SUBJECT:
        raise Tampered("the leaf of the receipt is not about a person")
    if not opens(leaf, open, payload):
        raise Tampered("the leaf of the receipt does not commit to its payload")
    return Receipt(proof.index, checkpoint, payload, parse(payload))
