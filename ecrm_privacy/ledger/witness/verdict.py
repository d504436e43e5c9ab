"""What a witness answers to `add-checkpoint`, as a rule: state and request in, reply out (C2SP tlog-witness)."""

import re
from collections.abc import Sequence

import msgspec

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger import merkle
from ecrm_privacy.ledger.checkpoint import (
    NOTE_CHARACTERS_MAX,
    Checkpoint,
    Verifier,
    note_parts,
    parse_checkpoint,
    read_note,
    strict_base64,
)
from ecrm_privacy.ledger.cosignature import Cosigner

PROOF_HASHES_MAX = 63
BODY_BYTES_MAX = NOTE_CHARACTERS_MAX + 4096
SIZE_MAX = 2**63 - 1
TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"
_REQUEST = re.compile(
    rf"old (0|[1-9][0-9]{{0,18}})\n((?:[A-Za-z0-9+/]{{43}}=\n){{0,{PROOF_HASHES_MAX}}})\n(.+)", re.DOTALL
)


class AddCheckpoint(msgspec.Struct, frozen=True):
    """A request whose form was checked down to the signatures of its note; proof and sizes are still only said."""

    old_size: int
    proof: tuple[bytes, ...]
    note: str
    checkpoint: Checkpoint


class State(msgspec.Struct, frozen=True):
    """What a witness knows of one log: the largest tree that it cosigned, that note with its signatures, and when.

    The beginning is the empty tree, of which nothing was cosigned: `note` is empty.
    """

    tree_size: int = 0
    root_hash: bytes = merkle.EMPTY_ROOT
    note: str = ""
    cosigned_at: int = 0


class Reply(msgspec.Struct, frozen=True):
    """What to answer. `state` must be on disk, in place of the one that was judged by, before a cosignature leaves."""

    status: int
    body: str
    media_type: str = TEXT
    state: State | None = None


def parse_request(body: bytes) -> AddCheckpoint:
    """Return the request in the body of a call; raises `Tampered` for one in any other form."""
    if len(body) > BODY_BYTES_MAX:
        raise Tampered("the request is too long")
    try:
        match = _REQUEST.fullmatch(body.decode())
    except UnicodeDecodeError:
        raise Tampered("the request is not UTF-8 text") from None
    if match is None:
        raise Tampered("the request is not `old SIZE`, at most 63 hashes, an empty line and a checkpoint")
    old_size, proof, note = int(match[1]), match[2].splitlines(), match[3]
    text, _ = note_parts(note)
    checkpoint = parse_checkpoint(text, extensions=True)
    if max(old_size, checkpoint.tree_size) > SIZE_MAX:
        raise Tampered("a size in the request is out of range")
    return AddCheckpoint(
        old_size, tuple(strict_base64(line, "a hash of the proof") for line in proof), note, checkpoint
    )


def judge(state: State, request: AddCheckpoint, keys: Sequence[Verifier], cosigner: Cosigner, now: int) -> Reply:
    """Return the reply to `request` by a witness that trusts `keys` for its origin and knows `state` of it.

    `now` is in seconds since 1970 and goes into the cosignature as it is: to keep it from going back would make one
    moment of a wrong clock stand in every later one.
    """
    new = request.checkpoint
    if not keys:
        return Reply(404, "This witness does not know that log.\n")
    try:
        opened = read_note(request.note, *keys)
    except Tampered as tampered:
        return Reply(403, f"{tampered}\n")
    if request.old_size > new.tree_size:
        return Reply(400, "The old size is larger than the checkpoint.\n")
    if request.old_size != state.tree_size:
        return Reply(409, f"{state.tree_size}\n", SIZE)
    try:
        _check_continues(state, request)
    except Tampered as tampered:
        return Reply(422, f"{tampered}\n")
    line = cosigner.cosign(opened.text, now)
    note = f"{opened.text}\n{''.join(opened.lines)}{line}"
    return Reply(200, line, TEXT, State(new.tree_size, new.root_hash, note, now))


def _check_continues(state: State, request: AddCheckpoint) -> None:
    """Raise `Tampered` unless the checkpoint continues the tree that is known."""
    new = request.checkpoint
    if new.tree_size == 0 and new.root_hash != merkle.EMPTY_ROOT:
        raise Tampered("the root of the empty tree is another")
    if state.tree_size > 0:
        merkle.verify_consistency(state.tree_size, new.tree_size, request.proof, state.root_hash, new.root_hash)
    elif request.proof:
        raise Tampered("from the empty tree no proof is needed, and none may come")
