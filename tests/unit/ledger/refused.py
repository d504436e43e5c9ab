"""The one table of receipts that must be refused, and of those that must be taken: by the service, and by the page.

A row says which of the five reasons it is, and words of what the service says. `tests/unit/ledger/test_receipt.py` runs
it against the verifier in Python, `tests/browser/test_receipts_check.py` against the page in a browser.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import date
from hashlib import sha256
from itertools import permutations
from typing import Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger import merkle, receipt
from ecrm_privacy.ledger.change import Change, StateChange
from ecrm_privacy.ledger.checkpoint import NOTE_CHARACTERS_MAX, SIGNATURES_MAX, Checkpoint
from ecrm_privacy.ledger.entry import commitment, leaf
from ecrm_privacy.ledger.record import ConsentEvent, EventKind, Processing, payload
from ecrm_privacy.vocabulary import ConsentStatus, ExpressionMethod, LegalBasis
from tests.unit.ledger.receipts import EVENT, GOOD, LOG, OPEN, STRANGER, receipt_of

REASONS = {
    "form": "(receipt|note) is too long|does not begin|between its first line|base64|carries no|extra of the receipt|"
    "not UTF-8|JSON without|checkpoint is damaged|signatures|signature (line )?of the note is (damaged|too)|twice",
    "signature": "not signed by|signature of the note does not check|of another log",
    "inclusion": "inclusion proof|outside the tree",
    "commitment": "the leaf|beside the proof",
    "record": "the payload",
}
"""Reason → what the service says then; the first that fits counts."""


class Row(NamedTuple):
    """A receipt that must be refused: its bytes, the reason, and words of what the service says."""

    given: bytes
    reason: str
    words: str


def reason_of(refused: Tampered) -> str:
    """Return which of the five reasons it was."""
    return next(reason for reason in REASONS if re.search(REASONS[reason], str(refused)))


def with_extra(change: Callable[[str], str]) -> str:
    """Return the good receipt with another extra."""
    proof = receipt.parse_proof(GOOD)
    assert proof.extra is not None
    return receipt.render_proof(msgspec.structs.replace(proof, extra=change(proof.extra.decode()).encode()))


def with_note(change: Callable[[str], str]) -> str:
    """Return the good receipt with another checkpoint."""
    proof = receipt.parse_proof(GOOD)
    return receipt.render_proof(msgspec.structs.replace(proof, note=change(proof.note)))


def signed(change: Callable[[str], str]) -> str:
    """Return the good receipt with another text of the checkpoint, signed by the log itself."""
    return with_note(lambda note: LOG.sign(change(note.partition("\n\n")[0] + "\n")))


def line(name: str, content: bytes) -> str:
    """Return a signature line by the key `name`; its content begins with 4 bytes of key id."""
    return f"\N{EM DASH} {name} {b64encode(content).decode()}\n"


def own_leaf(raw: bytes, size: int = 1, index: int = 0, path: tuple[bytes, ...] = ()) -> str:
    """Return a receipt whose leaf is these bytes, in a tree of one, or in one that cannot be though it is signed."""
    root = merkle.leaf_hash(raw)
    for sibling in path:
        root = merkle.node_hash(sibling, root)
    note = LOG.sign(Checkpoint(LOG.name, size, root).text())
    return receipt.build(leaf=raw, payload=payload(EVENT), open=OPEN, index=index, path=path, note=note)


def served(**other: Any) -> bytes:
    """Return the good receipt as the service answers it in JSON, with other members."""
    members = {"payload": payload(EVENT).decode(), "leaf_index": 4, "notice": EVENT.notice, "proof": GOOD}
    return json.dumps(members | other).encode()


def beside() -> Iterator[bytes]:
    """The good receipt in JSON, with whatever else in it altered."""
    yield served()
    yield json.dumps({"payload": payload(EVENT).decode(), "proof": GOOD}).encode()
    for other in (5, "shop@9", None, [1.5e300, {"proof": ""}], {"payload": "x", "__proto__": {"proof": "x"}}):
        for member in ("leaf_index", "notice", "changes", "toString", "__proto__", "constructor", ""):
            yield served(**{member: other})


LEAF = leaf("subject", commitment(OPEN, payload(EVENT)))
OWN_LINE = GOOD.splitlines(keepends=True)[-1]
WITNESS = line("witness.example/w1", b"\x01\x02\x03\x04" + bytes(7) + b"\x01" + bytes(64))
OWN_WITNESS = line(LOG.name, sha256(LOG.name.encode() + b"\n\x04" + bytes(32)).digest()[:4] + bytes(72))
POST_QUANTUM = line("witness.example/pq", b"\x06\x07\x08\x09" + bytes(8 + 2420))
RELATIVE = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).sign(b"another text")
LENGTHY = msgspec.structs.replace(EVENT, evidence="x" * (receipt.RECEIPT_CHARACTERS_MAX * 3 // 4))
COMPLETE = msgspec.structs.replace(
    EVENT,
    controller_address="1 Lane",
    controller_contact="dpo@shop.example",
    jurisdiction="eu",
    storage_location="EU",
    withdraw_at="https://shop.example/preferences",
    evidence='call 17, \u2028 \x7f \U0001f343 \\ " / \x01',
    state=StateChange(regime="gdpr", restricted=False, adult_from=date(2026, 2, 28), gpc=True),
    processing=(
        Processing(
            purpose="remember",
            dpv="dpv:ServicePersonalisation",
            basis=LegalBasis.CONSENT,
            categories=("browsing", "contact"),
            kept="P1Y",
        ),
        Processing(purpose="measure", basis=LegalBasis.LEGITIMATE_INTEREST),
    ),
    changes=(
        Change(
            purpose="remember",
            channel="email",
            recipient="tea-guild",
            status=ConsentStatus.GIVEN,
            notice="shop@3",
            since=date(2026, 1, 31),
            until=date(2027, 1, 31),
        ),
        *EVENT.changes,
    ),
)

_FORMS = {
    "another header": (GOOD.replace("@v1", "@v2", 1), "does not begin as a tlog-proof"),
    "no header": (GOOD.partition("\n")[2], "does not begin as a tlog-proof"),
    "nothing": ("", "does not begin"),
    "a space before it": (" " + GOOD, "does not begin"),
    "a byte order mark": ("\ufeff" + GOOD, "does not begin"),
    "an index with a zero before it": (GOOD.replace("index 4", "index 04"), "between its first line"),
    "a negative index": (GOOD.replace("index 4", "index -4"), "between its first line"),
    "an index with a plus": (GOOD.replace("index 4", "index +4"), "between its first line"),
    "an index in letters": (GOOD.replace("index 4", "index four"), "between its first line"),
    "an index in other digits": (GOOD.replace("index 4", "index ٤"), "between its first line"),
    "an index of 20 digits": (GOOD.replace("index 4", "index " + "4" * 20), "between its first line"),
    "an index with a space after it": (GOOD.replace("index 4", "index 4 "), "between its first line"),
    "no index": (GOOD.replace("index 4\n", ""), "between its first line"),
    "two indexes": (GOOD.replace("index 4\n", "index 4\nindex 4\n"), "between its first line"),
    "carriage returns": (GOOD.replace("\n", "\r\n"), "does not begin as a tlog-proof"),
    "a carriage return in the middle": (GOOD.replace("index 4\n", "index 4\r\n"), "between its first line"),
    "a carriage return before the checkpoint": (GOOD.replace("\n\n", "\n\r\n", 1), "between its first line"),
    "an extra that is no base64": (GOOD.replace("extra e", "extra ="), "the extra of the receipt is not base64"),
    "an extra that is not canonical": (
        GOOD.replace(GOOD.splitlines()[1], "extra " + b64encode(b"{}x").decode()[:-1] + "=", 1),
        "the extra of the receipt is not",
    ),
    "an extra that is no text": (GOOD.replace(GOOD.splitlines()[1], "extra //8="), "extra of the receipt is damaged"),
    "an extra that is null": (GOOD.replace(GOOD.splitlines()[1], "extra bnVsbA=="), "extra of the receipt is damaged"),
    "two extras": (GOOD.replace("index", GOOD.splitlines()[1] + "\nindex", 1), "between its first line"),
    "a short hash": (GOOD.replace("=\n\nshop", "\n\nshop", 1), "between its first line"),
    "a hash that is not canonical": (re.sub(r".=\n\nshop", "B=\n\nshop", GOOD, count=1), "not canonical base64"),
    "64 hashes": (GOOD.replace("\n\nshop", "\n" + (b64encode(bytes(32)).decode() + "\n") * 63 + "\nshop"), "between"),
    "too long": (GOOD + "A" * receipt.RECEIPT_CHARACTERS_MAX, "too long"),
    "too long, though it is sound": (receipt_of(payload(LENGTHY)), "too long"),
    "too long in JSON": (served(more="x" * receipt.RECEIPT_CHARACTERS_MAX).decode(), "too long"),
    "no checkpoint": (GOOD[: GOOD.index("shop.example")], "between its first line"),
    "no extra": (GOOD.replace(GOOD.splitlines()[1] + "\n", ""), "carries no leaf and payload"),
    "an extra with spaces": (with_extra(lambda text: text.replace(",", ", ", 1)), "one canonical form"),
    "an extra in another order": (
        with_extra(lambda text: json.dumps(dict(reversed(json.loads(text).items())), separators=(",", ":"))),
        "one canonical form",
    ),
    "an extra with a member twice": (with_extra(lambda text: '{"leaf":"",' + text[1:]), "one canonical form"),
    "an extra with needless escapes": (with_extra(lambda text: text.replace("Paper", "\\u0050aper")), "one canonical"),
    "an extra with half a character": (with_extra(lambda text: text.replace("Paper", "\\ud800aper")), "is damaged"),
    "an extra with more": (with_extra(lambda text: text[:-1] + ',"more":1}'), "extra of the receipt is damaged"),
    "an extra with a number": (with_extra(lambda text: re.sub('"open":".*"', '"open":1', text)), "is damaged"),
    "an extra without open": (with_extra(lambda text: text.split(',"open"')[0] + "}"), "extra of the receipt is"),
    "a leaf with a space in its base64": (
        with_extra(lambda text: text.replace('"leaf":"e', '"leaf":" e')),
        "leaf of the",
    ),
    "an opening that is not canonical": (with_extra(lambda text: text.replace('="}', '"}')), "opening of the receipt"),
    "no signatures": (with_note(lambda note: note.partition("\n\n")[0] + "\n"), "no text and signatures"),
    "no empty line": (with_note(lambda note: note.replace("\n\n", "\n")), "no text and signatures"),
    "a note that begins with nothing": (with_note(lambda note: "\n\n"), "no text and signatures"),
    "a control character": (with_note(lambda note: note.replace("\n6\n", "\n6\x1f\n")), "no text and signatures"),
    "a note of carriage returns": (with_note(lambda note: note.replace("\n", "\r\n")), "no text and signatures"),
    "a hyphen for the dash": (with_note(lambda note: note.replace("\N{EM DASH}", "-")), "signature line of the note"),
    "a shorter dash": (
        with_note(lambda note: note.replace("\N{EM DASH}", "\N{EN DASH}")),
        "signature line of the note",
    ),
    "no last newline": (GOOD[:-1], "signature line of the note"),
    "one more newline": (GOOD + "\n", "no text and signatures"),
    "a line after the signatures": (GOOD + "more\n", "signature line of the note"),
    "a space after a signature": (GOOD[:-1] + " \n", "signature line of the note"),
    "two spaces before a signature": (GOOD.replace("\N{EM DASH} ", "\N{EM DASH}  "), "signature line of the note"),
    "a name with a plus": (GOOD + line("a+b", bytes(68)), "signature line of the note"),
    "a name with a wide space": (GOOD + line("a\u3000b", bytes(68)), "signature line of the note"),
    "a name with a line separator": (GOOD + line("a\u2028b", bytes(68)), "signature line of the note"),
    "an unknown signature of 4 bytes": (GOOD + line("a", bytes(4)), "signature of the note is too short"),
    "an unknown signature not canonical": (GOOD + "\N{EM DASH} a AAAAAAB=\n", "not canonical base64"),
    "signed twice": (GOOD + OWN_LINE, "signed twice by one key"),
    "65 signatures": (GOOD + WITNESS * SIGNATURES_MAX, "too many signatures"),
    "a note that is too long": (GOOD + line("a", bytes(NOTE_CHARACTERS_MAX)), "the note is too long"),
    "a checkpoint with an extension": (signed(lambda text: text + "extension\n"), "checkpoint is damaged"),
    "a tree size with a zero before it": (
        signed(lambda text: text.replace("\n6\n", "\n06\n")),
        "checkpoint is damaged",
    ),
    "a tree size in words": (signed(lambda text: text.replace("\n6\n", "\nsix\n")), "checkpoint is damaged"),
    "a root of 31 bytes": (signed(lambda text: text[:-5] + "\n"), "checkpoint is damaged"),
    "a root that is not canonical": (signed(lambda text: text[:-3] + "B=\n"), "root hash of the checkpoint is not"),
    "JSON without a proof": ('{"payload":""}', "JSON without a payload and a proof"),
    "JSON without a payload": (json.dumps({"proof": GOOD}), "JSON without a payload and a proof"),
    "JSON with a proof of numbers": ('{"payload":"","proof":[1]}', "JSON without a payload and a proof"),
    "JSON that ends early": (served().decode()[:-1], "JSON without a payload and a proof"),
    "JSON in JSON": (served(proof=served().decode()).decode(), "does not begin as a tlog-proof"),
}
_OTHERS = {
    "another key": (receipt_of(signer=STRANGER), "signature", "not signed by the expected key"),
    "another text under the signature": (
        with_note(lambda note: note.replace("\n6\n", "\n7\n")),
        "signature",
        "not check",
    ),
    "a bad signature by the key": (
        with_note(lambda note: note.partition("\n\n")[0] + "\n\n" + LOG.verifier.line(RELATIVE)),
        "signature",
        "does not check",
    ),
    "a short signature by the key": (
        with_note(lambda note: note.partition("\n\n")[0] + "\n\n" + line(LOG.name, LOG.verifier.key_id + bytes(63))),
        "signature",
        "does not check",
    ),
    "witnesses alone": (
        with_note(lambda note: note.partition("\n\n")[0] + "\n\n" + WITNESS + OWN_WITNESS),
        "signature",
        "not signed by the expected key",
    ),
    "an empty line among the signatures": (GOOD + "\n" + WITNESS, "signature", "not signed by the expected key"),
    "a checkpoint of another log": (signed(lambda text: "x" + text), "signature", "another log"),
    "another place": (receipt_of(index=3), "inclusion", "does not lead to the root"),
    "outside the tree": (GOOD.replace("index 4", "index 6"), "inclusion", "outside the tree"),
    "far outside the tree": (GOOD.replace("index 4", "index " + "9" * 19), "inclusion", "outside the tree"),
    "an empty tree": (signed(lambda text: text.replace("\n6\n", "\n0\n")), "inclusion", "outside the tree"),
    "another size": (signed(lambda text: text.replace("\n6\n", "\n9\n")), "inclusion", "inclusion proof"),
    "a proof that ends early": (own_leaf(LEAF, size=2), "inclusion", "too short"),
    "a proof that goes on": (own_leaf(LEAF, path=(bytes(32),)), "inclusion", "too long"),
    "beside a tree of one": (own_leaf(LEAF, index=1), "inclusion", "outside the tree"),
    "another opening": (receipt_of(open=bytes(32)), "commitment", "does not commit to its payload"),
    "a short opening": (receipt_of(open=bytes(31)), "commitment", "does not commit to its payload"),
    "no opening": (receipt_of(open=b""), "commitment", "does not commit to its payload"),
    "a padded opening": (receipt_of(open=OPEN + b"\0"), "commitment", "does not commit to its payload"),
    "an act of our own": (receipt_of(leaf_type="policy"), "commitment", "not about a person"),
    "a leaf with spaces": (own_leaf(LEAF.replace(b":", b": ", 1)), "commitment", "leaf is not in its one"),
    "a leaf of an unknown type": (
        own_leaf(LEAF.replace(b"subject", b"person")),
        "commitment",
        "leaf is not in its one",
    ),
    "a leaf with more": (own_leaf(LEAF[:-1] + b',"n":1}'), "commitment", "leaf is not in its one"),
    "a leaf that is not canonical": (own_leaf(LEAF[:-4] + b'B="}'), "commitment", "leaf is not in its one"),
    "a leaf that is no text": (own_leaf(b"\xff" + LEAF), "commitment", "leaf is not in its one"),
    "another payload beside the proof": (served(payload="{}").decode(), "commitment", "beside the proof"),
    "no consent record": (receipt_of(b'{"purpose":"offers"}'), "record", "no consent record"),
    "a payload that is no JSON": (receipt_of(b"yes"), "record", "no consent record"),
    "a record in another form": (receipt_of(payload(EVENT).replace(b",", b", ", 1)), "record", "one canonical form"),
}
REFUSED = {
    **{name: Row(text.encode(), "form", words) for name, (text, words) in _FORMS.items()},
    "bytes that are no text": Row(GOOD.encode() + b"\xff", "form", "not UTF-8"),
    "a name that is no text": Row(GOOD.encode() + WITNESS.encode().replace(b"w1", b"\xff"), "form", "not UTF-8"),
    **{name: Row(text.encode(), reason, words) for name, (text, reason, words) in _OTHERS.items()},
}
"""Name → a receipt that must be refused. One reason may hide another: what is looked at first counts."""


def _variants() -> Iterator[ConsentEvent]:
    yield COMPLETE
    yield msgspec.structs.replace(EVENT, changes=(msgspec.structs.replace(EVENT.changes[0], by_parent=True),))
    yield msgspec.structs.replace(EVENT, state=StateChange(), event_time=EVENT.event_time.replace(microsecond=0))
    yield msgspec.structs.replace(EVENT, changes=(), controller="", state=StateChange(regime=""))
    yield msgspec.structs.replace(EVENT, kind=EventKind.IMPORT, indicated_at=EVENT.event_time.replace(microsecond=0))
    for kind in EventKind:
        yield msgspec.structs.replace(EVENT, kind=kind)
    for method in ExpressionMethod:
        yield msgspec.structs.replace(EVENT, method=method)
    for basis in LegalBasis:
        yield msgspec.structs.replace(EVENT, processing=(Processing(purpose="remember", basis=basis, kept="P1Y"),))
    for status in ConsentStatus:
        if status is not ConsentStatus.UNKNOWN:
            yield msgspec.structs.replace(EVENT, changes=(msgspec.structs.replace(EVENT.changes[0], status=status),))


ACCEPTED = {
    "as it is": GOOD.encode(),
    "in JSON": served(),
    "of a tree of one": receipt_of(size=1, index=0).encode(),
    "of a larger tree": receipt_of(size=70_000).encode(),
    "cosigned": (GOOD + WITNESS + OWN_WITNESS + POST_QUANTUM).encode(),
    "cosigned before": with_note(lambda note: note.replace("\n\n", "\n\n" + WITNESS, 1)).encode(),
    "cosigned by the same witness twice": (GOOD + WITNESS + WITNESS).encode(),
    "64 signatures": (GOOD + WITNESS * (SIGNATURES_MAX - 1)).encode(),
    "a strange name beside": (GOOD + line("w\ufeffé\U0001f343", bytes(68))).encode(),
    **{f"record {number}": receipt_of(payload(event)).encode() for number, event in enumerate(_variants())},
}
"""Name → a receipt that must be taken."""


def other_proofs() -> Iterator[bytes]:
    """A good receipt of a tree of 13 with every other inclusion proof that is near its own."""
    proof = receipt.parse_proof(receipt_of(size=13))
    path, zero = proof.path, bytes(32)
    for place, node in enumerate(path):
        for bit in range(256):
            flipped = (int.from_bytes(node) ^ 1 << bit).to_bytes(32)
            yield _with_path(proof, (*path[:place], flipped, *path[place + 1 :]))
        for other in ((), (node, node), (zero, node), (node, zero)):
            yield _with_path(proof, (*path[:place], *other, *path[place + 1 :]))
    for order in permutations(path):
        if order != path:
            yield _with_path(proof, order)


def _with_path(proof: receipt.TlogProof, path: tuple[bytes, ...]) -> bytes:
    return receipt.render_proof(msgspec.structs.replace(proof, path=path)).encode()


def other_records() -> Iterator[bytes]:
    """Payloads near a good one: each value of it replaced, dropped, doubled, wrapped, moved; none said to be bad."""
    whole = json.loads(payload(COMPLETE))
    values = ("", "x", 0, True, None, [], {}, "\ud800", "2026-02-30", "2026-W05-6", "0000-01-01", "_:subject")
    for path, value in _places(whole, ()):
        yield from (_put(whole, path, other) for other in (*values, [value], {"x": value}, str(value), f"{value} "))
        if isinstance(value, str):
            yield from (_put(whole, path, other) for other in (value.upper(), value.lower(), value[:-1], value[1:]))
        yield _put(whole, path, ...)
        if isinstance(value, dict):
            yield _put(whole, path, value | {"x": 1})
            yield _put(whole, path, dict(reversed(value.items())))
        if isinstance(value, list):
            yield _put(whole, path, value * 2)
            yield _put(whole, path, value[::-1])
    text = payload(COMPLETE)
    for time in (b"2026-01-31T10:00:00.120Z", b"2026-01-31T10:00:00.000000Z", b"2026-01-31T10:00:00Z",
                 b"2026-01-31T10:00:00.123456+00:00", b"2026-01-31T24:00:00Z", b"2026-02-30T10:00:00Z",
                 b"2026-01-31T10:00:60Z", b"0001-01-01T00:00:00Z", b"0000-01-01T00:00:00Z"):  # fmt: skip
        yield text.replace(b"2026-01-31T10:00:00.123456Z", time)
    for days in (b"2026-01-31/2026-01-31", b"2026-1-31/..", b"2026-01-31", b"2026-01-31/", b"../..", b"2024-02-29/..",
                 b"2026-01-31/../..", b"2026-02-29/.."):  # fmt: skip
        yield text.replace(b"2026-01-31/..", days)
    name = str(COMPLETE.record_id).encode()
    for other in (name.upper(), name.replace(b"-", b""), b"{%s}" % name, name[:-1] + b"g", name[:-1], b"d" + name):
        yield text.replace(name, other)
    for said in (b"2026-01-31T10:00:00.123455Z", b"2026-01-31T10:00:00.123457Z", b"2026-01-31T10:00:00Z",
                 b"2026-01-31T10:00:01Z", b"2025-12-31T23:59:59.999999Z"):  # fmt: skip
        yield text.replace(b'Time":"2026-01-31T10:00:00.123456Z"', b'Time":"%s"' % said)
    yield text.replace(b"dpv:ConsentGiven", b"dpv:ConsentRevoked")
    yield text.replace(b'"dct:conformsTo":"https://w3id.org/dpv/schema/dpv-27560#record",', b"")


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield (*path, key), held
        yield from _places(held, (*path, key))


def _put(whole: Any, path: tuple[Any, ...], value: Any) -> bytes:
    """Return `whole` as canonical text with another value at a place; `...` leaves it out."""
    changed = json.loads(json.dumps(whole))
    place = changed
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    text = json.dumps(changed, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\ud800", "\\ud800").encode()
