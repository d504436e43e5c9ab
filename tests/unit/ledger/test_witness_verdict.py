"""What a witness answers to add-checkpoint, status by status."""

from base64 import b64encode

import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger import merkle
from ecrm_privacy.ledger.checkpoint import Checkpoint, Signer, read_note
from ecrm_privacy.ledger.cosignature import find_cosignatures
from ecrm_privacy.ledger.witness.verdict import BODY_BYTES_MAX, Reply, State, judge, parse_request
from tests.unit.ledger.witnessing import LOG, NOW, ORIGIN, WITNESS, body, checkpoint, note, private, proof, request

FIRST = State()


def answer(state: State, sent: bytes, now: int = NOW) -> Reply:
    asked = parse_request(sent)
    return judge(state, asked, [LOG.verifier] if asked.checkpoint.origin == ORIGIN else [], WITNESS, now)


def after(size: int, fork: str = "") -> State:
    """What the witness knows once it has cosigned that tree."""
    state = answer(FIRST, body(0, size, fork)).state
    assert state is not None
    return state


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 1), (0, 64), (1, 2), (3, 64), (64, 65), (65, 80), (7, 7)])
def test_what_continues_is_cosigned(old: int, new: int) -> None:
    """A tree that continues the known one is cosigned, and becomes the known one."""
    reply = answer(after(old) if old else FIRST, body(old, new))
    assert reply.status == 200
    (found,) = find_cosignatures(note(new), reply.body, [WITNESS.key])
    assert found.timestamp == NOW
    state = reply.state
    assert state is not None
    assert (state.tree_size, state.root_hash, state.cosigned_at) == (new, checkpoint(new).root_hash, NOW)
    assert read_note(state.note, LOG.verifier, WITNESS.key).keys == (LOG.verifier, WITNESS.key)


def test_the_time_is_that_of_the_clock() -> None:
    """A cosignature says when it was made, also when the clock went back since the last."""
    reply = answer(after(5), body(5, 6), NOW - 1000)
    assert find_cosignatures(note(6), reply.body, [WITNESS.key])[0].timestamp == NOW - 1000


BAD_PATH = [*proof(5, 9)[:-1], bytes(32)]
EMPTY_WITH_A_ROOT = LOG.sign(Checkpoint(ORIGIN, 0, bytes(32)).text())
STRANGER, IMPOSTOR = Signer("stranger.example", private("stranger")), Signer(ORIGIN, private("impostor"))
OTHER_LOG = STRANGER.sign(Checkpoint("stranger.example", 9, checkpoint(9).root_hash).text())

REFUSED: dict[str, tuple[State, bytes, int]] = {
    "a log that is not known": (after(5), request(5, proof(5, 9), OTHER_LOG), 404),
    "a known log by a key nobody knows": (
        after(5),
        request(5, proof(5, 9), IMPOSTOR.sign(checkpoint(9).text())),
        403,
    ),
    "a signature by its key that does not check": (
        after(5),
        request(5, proof(5, 9), note(9).replace("\n9\n", "\n8\n")),
        403,
    ),
    "a signature by its key that has no canonical form": (
        after(5),
        request(5, proof(5, 9), note(9)[:-3] + "x=\n"),
        403,
    ),
    "a signature line that does not end": (after(5), request(5, proof(5, 9), note(9))[:-1], 403),
    "something behind the signatures": (after(5), request(5, proof(5, 9), note(9)) + b"x", 403),
    "no signature line": (after(5), request(5, proof(5, 9), checkpoint(9).text() + "\nhello\n"), 403),
    "signed twice": (after(5), request(5, proof(5, 9), note(9) + note(9).split("\n\n")[1]), 403),
    "an old size beyond the checkpoint": (after(5), request(9, [], note(5)), 400),
    "an old size beyond the checkpoint, and not the known one": (after(5), request(80, [], note(9)), 400),
    "an old size that is too small": (after(5), body(3, 9), 409),
    "an old size that is too large": (after(5), body(7, 9), 409),
    "from nothing, though something is known": (after(5), body(0, 9), 409),
    "from something, though nothing is known": (FIRST, body(5, 9), 409),
    "a smaller tree": (after(9), body(5, 7), 409),
    "no proof": (after(5), request(5, [], note(9)), 422),
    "a bad proof": (after(5), request(5, BAD_PATH, note(9)), 422),
    "a proof that is too long": (after(5), request(5, [*proof(5, 9), bytes(32)], note(9)), 422),
    "a proof that is too short": (after(5), request(5, proof(5, 9)[:-1], note(9)), 422),
    "a proof of a fork": (after(5), body(5, 9, "fork"), 422),
    "a fork of the same size": (after(5), body(5, 5, "fork"), 422),
    "a proof where the trees are equal": (after(5), request(5, [bytes(32)], note(5)), 422),
    "a proof from nothing": (FIRST, request(0, [bytes(32)], note(5)), 422),
    "an empty tree with a root": (FIRST, request(0, [], EMPTY_WITH_A_ROOT), 422),
}


@pytest.mark.parametrize(("state", "sent", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_continue_is_refused(state: State, sent: bytes, status: int) -> None:
    """Each refusal has the status of the specification, says why, signs nothing and changes nothing."""
    reply = answer(state, sent)
    assert (reply.status, reply.state) == (status, None)
    assert WITNESS.name not in reply.body
    assert reply.body.endswith("\n")
    if status == 409:
        assert (reply.body, reply.media_type) == (f"{state.tree_size}\n", "text/x.tlog.size")
    else:
        assert reply.media_type.startswith("text/plain")


def test_the_signature_is_looked_at_before_anything_is_told() -> None:
    """Who is not the log learns neither where the witness stands nor whether a proof is good."""
    forged = IMPOSTOR.sign(checkpoint(9).text())
    assert [answer(after(5), request(old, [], forged)).status for old in (0, 5, 80)] == [403, 403, 403]


def test_a_log_may_have_two_keys() -> None:
    """While a log's key changes, either key's signature does, a bad one by either condemns, and both are kept."""
    second = Signer(ORIGIN, private("second"))
    keys, text = [LOG.verifier, second.verifier], checkpoint(5).text()
    both = second.sign(text) + LOG.sign(text).split("\n\n")[1]
    for signed in (LOG.sign(text), second.sign(text), both):
        assert judge(FIRST, parse_request(request(0, [], signed)), keys, WITNESS, NOW).status == 200
    reply = judge(FIRST, parse_request(request(0, [], both)), keys, WITNESS, NOW)
    assert reply.state is not None
    assert len(read_note(reply.state.note, *keys, WITNESS.key).keys) == 3
    bad = second.sign(text) + LOG.sign(checkpoint(6).text()).split("\n\n")[1]
    assert judge(FIRST, parse_request(request(0, [], bad)), keys, WITNESS, NOW).status == 403


def test_what_others_signed_is_not_passed_on() -> None:
    """Of the note, only the lines that were checked are kept."""
    sent = request(0, [], note(5) + "— unknown.example AAAAAAAA\n")
    reply = answer(FIRST, sent)
    assert reply.state is not None
    assert "unknown" not in reply.state.note
    assert reply.state.note == note(5) + reply.body


def test_extension_lines_of_other_logs_are_cosigned() -> None:
    """A log may add lines of its own; they are signed as they came, and change nothing in the judgement."""
    text = checkpoint(5).text() + "hello\n"
    reply = answer(FIRST, request(0, [], LOG.sign(text)))
    assert reply.state is not None
    assert read_note(reply.state.note, LOG.verifier, WITNESS.key).text == text


def _hash_lines(count: int) -> str:
    return f"{b64encode(bytes(32)).decode()}\n" * count


NOTE = note(5)
MALFORMED = {
    "nothing": b"",
    "only a note": NOTE.encode(),
    "no note": b"old 0\n\n",
    "no empty line": f"old 0\n{NOTE}".encode(),
    "an empty line too much": f"old 0\n\n\n{NOTE}".encode(),
    "a zero before": f"old 00\n\n{NOTE}".encode(),
    "a sign": f"old +0\n\n{NOTE}".encode(),
    "other digits": f"old ٣\n\n{NOTE}".encode(),
    "two spaces": f"old  0\n\n{NOTE}".encode(),
    "a space behind": f"old 0 \n\n{NOTE}".encode(),
    "another word": f"new 0\n\n{NOTE}".encode(),
    "carriage returns": f"old 0\n\n{NOTE}".replace("\n", "\r\n").encode(),
    "a size beyond 64 bits": f"old {2**63}\n\n{NOTE}".encode(),
    "a checkpoint beyond 64 bits": request(0, [], LOG.sign(Checkpoint(ORIGIN, 2**63, bytes(32)).text())),
    "64 hashes": f"old 5\n{_hash_lines(64)}\n{NOTE}".encode(),
    "a hash that is short": f"old 5\nAAAA\n\n{NOTE}".encode(),
    "a hash that is not canonical": f"old 5\n{'A' * 42}B=\n\n{NOTE}".encode(),
    "a note without signature": f"old 0\n\n{checkpoint(5).text()}".encode(),
    "a note that is no checkpoint": request(0, [], LOG.sign("hello\n")),
    "no UTF-8": request(0, [], NOTE) + b"\xff\n",
    "too long": request(0, [], NOTE) + b"x" * BODY_BYTES_MAX,
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_cannot_be_read_is_refused(sent: bytes) -> None:
    """A request in any other form than its one is refused before anything is looked up."""
    with pytest.raises(Tampered):
        parse_request(sent)


def test_63_hashes_are_read() -> None:
    """The longest proof there can be is read."""
    assert len(parse_request(f"old 5\n{_hash_lines(63)}\n{NOTE}".encode()).proof) == 63


def test_the_empty_tree_is_the_one_of_the_standard() -> None:
    """The first state is the empty tree, from which everything continues."""
    assert (FIRST.tree_size, FIRST.root_hash, FIRST.note) == (0, merkle.EMPTY_ROOT, "")
