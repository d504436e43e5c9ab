"""Leaves, commitments, and which entries make sense."""

from base64 import b64encode
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.entry import Body, Entry, LeafType, commitment, leaf, opens, parse_leaf
from ecrm_privacy.ledger.record import Change, StateChange
from ecrm_privacy.vocabulary import ConsentStatus, SubjectId

OPEN, PAYLOAD = bytes(range(32)), b"payload"
LEAF = leaf("subject", commitment(OPEN, PAYLOAD))
POLICY = leaf(LeafType.POLICY, commitment(OPEN, PAYLOAD))
SUBJECT = SubjectId(UUID(int=7))
LINKED = Body(bytes(32), b"sealed", b"receipt", b"subject")
UNLINKED = Body(bytes(32), b"sealed", b"receipt")
GIVEN = Change(purpose="remember", status=ConsentStatus.GIVEN, notice="shop@3", since=date(2026, 1, 31))


def test_the_leaf_is_the_text_of_the_contract() -> None:
    """A leaf is JSON with v, t and c in this order and without spaces; c is HMAC-SHA256 under the opening."""
    assert leaf("subject", bytes(32)) == b'{"v":1,"t":"subject","c":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}'
    # What `openssl dgst -sha256 -mac hmac` says about the same key and message.
    assert commitment(OPEN, PAYLOAD).hex() == "6802511184650e073a0be19d50929d6c951f060bdca6c41e037f38f13c025881"


@pytest.mark.parametrize("leaf_type", LeafType)
def test_leaves_parse_to_themselves(leaf_type: LeafType) -> None:
    """Each type of leaf parses to what it was made of."""
    parsed = parse_leaf(leaf(leaf_type, commitment(OPEN, PAYLOAD)))
    assert (parsed.type, parsed.commitment) == (leaf_type, commitment(OPEN, PAYLOAD))


@pytest.mark.parametrize(
    "raw",
    [
        LEAF + b"\n",
        LEAF.replace(b":1", b": 1"),
        LEAF.replace(b'"v":1', b'"v":2'),
        LEAF.replace(b"subject", b"person"),
        LEAF.replace(b"subject", b"Subject"),
        LEAF[:-3] + b'"}',
        LEAF.replace(b'"v":1,"t":"subject"', b'"t":"subject","v":1'),
        b'{"v":1,"t":"subject","c":"' + b64encode(bytes(31) + b"\x03").replace(b"M=", b"N=") + b'"}',
        b'{"v":1,"t":"subject","c":"' + b64encode(bytes(31)) + b'"}',
        b"",
    ],
)
def test_any_other_rendering_is_refused(raw: bytes) -> None:
    """A leaf that says the same in other bytes, or something else, is refused."""
    with pytest.raises(Tampered):
        parse_leaf(raw)


def test_only_payload_and_opening_open_a_leaf() -> None:
    """Another payload, another opening, or an opening of another length does not open the leaf."""
    assert opens(LEAF, OPEN, PAYLOAD)
    assert not opens(LEAF, OPEN, PAYLOAD + b" ")
    assert not opens(LEAF, bytes(32), PAYLOAD)
    # HMAC pads a key with zeros: without a fixed length, these two would open the same leaf.
    padded = bytes(31) + b"\x01" + bytes(1)
    assert not opens(leaf("subject", commitment(padded[:32], PAYLOAD)), padded, PAYLOAD)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"leaf": POLICY},
        {"leaf": LEAF, "statement": (PAYLOAD, OPEN)},
        {"leaf": POLICY, "statement": (b"another", OPEN)},
        {"leaf": POLICY, "statement": (PAYLOAD, OPEN), "subject": SUBJECT, "body": LINKED},
        {"leaf": LEAF, "subject": SUBJECT},
        {"leaf": LEAF, "subject": SUBJECT, "body": UNLINKED},
        {"leaf": LEAF, "body": LINKED},
        {"leaf": LEAF, "body": UNLINKED, "changes": (GIVEN,)},
        {"leaf": LEAF, "body": UNLINKED, "state": StateChange(gpc=True)},
        {"leaf": LEAF, "subject": SUBJECT, "erases": True, "body": LINKED},
        {"leaf": LEAF, "subject": SUBJECT, "erases": True, "body": UNLINKED, "changes": (GIVEN,)},
    ],
)
def test_an_entry_that_could_not_be_replayed_is_a_mistake(nonsense: dict[str, Any]) -> None:
    """What no replay could give back, or what would publish a person's answer, cannot even be made."""
    with pytest.raises(AssertionError):
        Entry(**nonsense)


def test_entries_that_make_sense() -> None:
    """An answer, a refusal without anybody, an erasure and an act of our own can be made."""
    Entry(leaf=LEAF, subject=SUBJECT, body=LINKED, changes=(GIVEN,), state=StateChange(gpc=True))
    Entry(leaf=LEAF, body=UNLINKED)
    Entry(leaf=LEAF, subject=SUBJECT, erases=True, body=UNLINKED)
    Entry(leaf=POLICY, statement=(PAYLOAD, OPEN))
