"""What the writer appends: the leaf that names nobody, and beside it what must become true in the same transaction.

A leaf is JSON with exactly `{"v":1,"t":…,"c":…}` in this order, without spaces. `c` is standard base64 of
HMAC-SHA256(key = open, message = payload): whoever holds payload and open can show what the leaf committed to, and once
both are gone it is noise.
"""

import hmac
import re
from base64 import b64decode, b64encode
from enum import Enum, StrEnum
from typing import Final
from uuid import UUID

import msgspec

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.change import Change, StateChange
from ecrm_privacy.sql import Effect
from ecrm_privacy.vocabulary import SubjectId

OPEN_BYTES = 32


class LeafType(StrEnum):
    """What a leaf is about. One word for everything that concerns a person, so that a yes and an erasure look alike."""

    SUBJECT = "subject"
    POLICY = "policy"
    KEY = "key"
    FREEZE = "freeze"
    SHARD = "shard"


class Leaf(msgspec.Struct, frozen=True):
    """A parsed leaf: its type and its 32-byte commitment."""

    type: LeafType
    commitment: bytes


def commitment(open: bytes, payload: bytes) -> bytes:
    """Return the 32-byte commitment to `payload`; `open` is 32 random bytes, used for this payload alone."""
    assert len(open) == OPEN_BYTES, "HMAC pads keys with zeros, so only one length may open a leaf"
    return hmac.digest(open, payload, "sha256")


def leaf(leaf_type: str, commitment: bytes) -> bytes:
    """Return the bytes of a leaf of `leaf_type` (a `LeafType` or its value) over a 32-byte commitment."""
    assert len(commitment) == 32, "a commitment is one SHA-256 value"
    return b'{"v":1,"t":"%s","c":"%s"}' % (LeafType(leaf_type).value.encode(), b64encode(commitment))


_LEAF_TYPES = frozenset(leaf_type.value for leaf_type in LeafType)
_LEAF = re.compile(rb'\{"v":1,"t":"([a-z]+)","c":"([A-Za-z0-9+/]{43}=)"\}')


def parse_leaf(raw: bytes) -> Leaf:
    """Return the leaf that these exact bytes are; raises `Tampered` for any other rendering of the same content."""
    match = _LEAF.fullmatch(raw)
    if match is None or match[1].decode() not in _LEAF_TYPES:
        raise Tampered("the leaf is not in its one canonical form")
    parsed = Leaf(LeafType(match[1].decode()), b64decode(match[2]))
    if leaf(parsed.type, parsed.commitment) != raw:
        raise Tampered("the leaf is not in its one canonical form")
    return parsed


def opens(raw_leaf: bytes, open: bytes, payload: bytes) -> bool:
    """Tell whether `open` and `payload` are what the leaf committed to."""
    return len(open) == OPEN_BYTES and hmac.compare_digest(commitment(open, payload), parse_leaf(raw_leaf).commitment)


class Placeholder(Enum):
    """Values that only the writer can fill in or read."""

    LEAF_INDEX = "leaf_index"
    ANY_SEEN = "any_seen"


LEAF_INDEX: Final = Placeholder.LEAF_INDEX
"""Among the args of an effect: the writer puts the entry's own leaf index there."""
ANY_SEEN: Final = Placeholder.ANY_SEEN
"""As `Entry.seen`: write whatever was written about the subject before (imports, erasure)."""
Seen = int | Placeholder | None


class Body(msgspec.Struct, frozen=True):
    """The sealed payload beside a leaf. The writer neither opens it nor knows a key.

    `receipt_hash` is SHA-256 of the receipt id. `wrapped_for_subject` is None exactly when no subject is linked: a
    refusal without an identifier, or an erasure.
    """

    receipt_hash: bytes
    sealed: bytes
    wrapped_for_receipt: bytes
    wrapped_for_subject: bytes | None = None


class Entry(msgspec.Struct, frozen=True):
    """One leaf with everything that becomes true with it, or not at all.

    `seen` is `leaf_index + overtaken` of the subject as the caller read it: it grows with each entry about the subject,
    and with each about another that took keys from it (None: no entry yet, ANY_SEEN: does not matter); `also_seen` are
    further subjects the caller decided by (a merge). If one differs under the head lock, this entry alone gets
    `StaleSubject`. `closing` are effects on rows that event writers lock too, each with the pseudonym it locks: they
    run before the other effects, over the whole batch in pseudonym order, so that neither side can deadlock the other.
    `effects` run in their order. `erases`: the subject's link is what this entry ends; nothing is folded and no state
    is written. `statement` is {payload, open} of our own act, which is public.
    """

    leaf: bytes
    subject: SubjectId | None = None
    seen: Seen = None
    body: Body | None = None
    changes: tuple[Change, ...] = ()
    state: StateChange | None = None
    effects: tuple[Effect, ...] = ()
    statement: tuple[bytes, bytes] | None = None
    erases: bool = False
    also_seen: tuple[tuple[SubjectId, int | None], ...] = ()
    closing: tuple[tuple[UUID, Effect], ...] = ()

    def __post_init__(self) -> None:
        linked = self.subject is not None and not self.erases
        own_act = parse_leaf(self.leaf).type is not LeafType.SUBJECT
        assert own_act == (self.statement is not None), "our own acts, and only they, carry a statement"
        assert not (own_act and (self.subject or self.body)), "our own acts are about nobody"
        assert self.statement is None or opens(self.leaf, self.statement[1], self.statement[0])
        assert linked or not (self.changes or self.state), "only an entry about a subject can be folded"
        assert not linked or self.body is not None, "without its body the subject's rows could not be replayed"
        assert self.body is None or (self.body.wrapped_for_subject is not None) == linked, "a link needs its own wrap"
