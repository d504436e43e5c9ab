"""A log elsewhere is checked with its key alone, and whatever it shows wrongly is named with its leaf."""

from collections.abc import Callable

import pytest

from ecrm_privacy.errors import NotKnown, Tampered
from ecrm_privacy.ledger import merkle, remote
from ecrm_privacy.ledger.checkpoint import Checkpoint, split_note
from ecrm_privacy.ledger.quorum import parse_policy
from ecrm_privacy.ledger.verify.report import Report
from tests.unit.ledger.served import ORIGIN, PERSON, SIGNER, fetch_from, leaves_of, replies_of
from tests.unit.ledger.witnessing import NOW, WITNESS

pytestmark = pytest.mark.anyio

LEAVES = leaves_of(600, [0, 300])
REPLIES = replies_of(LEAVES)
Change = Callable[[bytes], bytes]


async def checked(replies: dict[str, bytes]) -> Report:
    fetch = fetch_from(replies)
    signed = await remote.checkpoint(fetch, SIGNER.verifier)
    return await remote.rebuild(fetch, signed, lambda _what, _done, _of: None)


async def test_a_sound_log_is_sound() -> None:
    """Every leaf, every tile and every statement is counted; progress is told of both phases."""
    told: list[tuple[str, int, int]] = []
    fetch = fetch_from(REPLIES)
    signed = await remote.checkpoint(fetch, SIGNER.verifier)
    report = await remote.rebuild(fetch, signed, lambda *args: told.append(args))
    assert (report.problem, report.leaves, report.tiles, report.statements) == (None, 600, 4, 2)
    assert [each for each in told if each[1] == each[2]] == [("leaves", 600, 600), ("statements", 2, 2)]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512])
async def test_any_size_is_checked(size: int) -> None:
    """Also the empty log, and one whose last tile is just full or just begun."""
    report = await checked(replies_of(leaves_of(size)))
    assert (report.problem, report.leaves) == (None, size)


def flipped(at: int) -> Change:
    return lambda raw: raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


ALTERED: dict[str, tuple[str, Change, int | None, str]] = {
    "a hash in a full tile": ("tile/0/001", flipped(3 * 32), 259, "tile 0/1 does not hold the hash of leaf 259"),
    "a hash in the last tile": ("tile/0/002.p/88", flipped(87 * 32), 599, "does not hold the hash of leaf 599"),
    "a hash in an upper tile": ("tile/1/000.p/2", flipped(33), 256, "does not hold the root of leaves 256 to 511"),
    "a tile cut short": ("tile/0/000", lambda raw: raw[:-32], 255, "does not hold the hash of leaf 255"),
    "a tile too long": ("tile/0/000", lambda raw: raw + bytes(32), 0, "longer than it can be"),
    "a leaf about somebody": ("tile/entries/001", lambda raw: raw.replace(LEAVES[301], PERSON), 301, "of leaf 301"),
    "a leaf of another form": ("tile/entries/001", flipped(75 + 2), 257, "leaf 257: the leaf is not in its one"),
    "a leaf dropped": ("tile/entries/001", lambda raw: raw[75:], 256, "does not hold the leaves"),
    "a leaf cut": ("tile/entries/002.p/88", lambda raw: raw[:-1], 512, "does not hold the leaves"),
    "leaves too long": ("tile/entries/002.p/88", lambda raw: raw * 9, 512, "longer than it can be"),
    "another statement": ("statement/300", lambda raw: raw.replace(b"policy", b"Policy"), 300, "leaf 300 does not"),
    "an opening of another length": ("statement/0", lambda raw: raw.replace(b"6f6f", b"6f"), 0, "leaf 0 does not"),
    "a statement that is none": ("statement/0", lambda _: b"[" * 5000, 0, "the statement of leaf 0 cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("what", ALTERED)
async def test_what_was_altered_is_named(what: str) -> None:
    """One reply that is not what the checkpoint covers is named, with the first leaf that it concerns."""
    path, change, leaf_index, problem = ALTERED[what]
    path = f"ledger/{path}"
    report = await checked({**REPLIES, path: change(REPLIES[path])})
    assert (report.leaf_index, problem in (report.problem or "")) == (leaf_index, True), report.problem


@pytest.mark.parametrize("path", [path for path in REPLIES if path != "ledger/checkpoint"])
async def test_what_is_withheld_is_named(path: str) -> None:
    """A log that does not serve what its own checkpoint covers is not sound."""
    report = await checked({key: raw for key, raw in REPLIES.items() if key != path})
    assert path in (report.problem or "") and report.leaf_index is not None


async def test_another_log_under_the_same_checkpoint_is_noticed() -> None:
    """Leaves and tiles that agree with each other must still lead to the root that was signed."""
    other = replies_of(leaves_of(600))
    report = await checked({**other, "ledger/checkpoint": REPLIES["ledger/checkpoint"]})
    assert report.problem == "the 600 leaves do not lead to the root of the signed checkpoint"


async def test_two_levels_of_full_tiles() -> None:
    """A log with a full tile of tiles is checked up to there."""
    replies = replies_of(leaves_of(65_800))
    assert (await checked(replies)).problem is None
    raw = replies["ledger/tile/1/000"]
    report = await checked({**replies, "ledger/tile/1/000": flipped(5 * 32)(raw)})
    assert report.leaf_index == 5 * 256


@pytest.mark.parametrize("raw", [b"\xff", b"", b"good\n", SIGNER.sign("another\n600\n").encode()])
async def test_what_is_no_checkpoint_is_refused(raw: bytes) -> None:
    """A reply that is not a checkpoint of this log, signed by this key, is refused."""
    with pytest.raises(Tampered):
        await remote.checkpoint(fetch_from({"ledger/checkpoint": raw}), SIGNER.verifier)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 300, 511, 512, 599, 600])
async def test_an_older_tree_is_found_in_the_newer(size: int) -> None:
    """From a few tiles it follows that the log contains the tree that somebody kept, and that it contains no other."""
    fetch = fetch_from(REPLIES)
    newer = await remote.checkpoint(fetch, SIGNER.verifier)
    root = merkle.root([merkle.leaf_hash(each) for each in LEAVES[:size]])
    await remote.continues(fetch, Checkpoint(ORIGIN, size, root), newer)
    with pytest.raises(Tampered):
        await remote.continues(fetch, Checkpoint(ORIGIN, size, bytes(32)), newer)


async def test_a_tile_that_is_missing_proves_nothing() -> None:
    """Without the tiles that prove it nothing is said about an older tree."""
    fetch = fetch_from({key: raw for key, raw in REPLIES.items() if "tile/0/" not in key})
    newer = await remote.checkpoint(fetch, SIGNER.verifier)
    with pytest.raises(NotKnown):
        await remote.continues(fetch, Checkpoint(ORIGIN, 300, bytes(32)), newer)


async def test_under_a_policy_witnesses_must_have_signed() -> None:
    """A checkpoint that the log alone signed is not enough then, and a cosigned one is."""
    policy = parse_policy(f"log {SIGNER.vkey()}\nwitness dpo {WITNESS.vkey()}\nquorum dpo\n".encode())
    with pytest.raises(Tampered, match="cosigned by nobody"):
        await remote.checkpoint(fetch_from(REPLIES), SIGNER.verifier, policy)
    note = REPLIES["ledger/checkpoint"].decode()
    cosigned = (note + WITNESS.cosign(split_note(note)[0], NOW)).encode()
    signed = await remote.checkpoint(fetch_from({**REPLIES, "ledger/checkpoint": cosigned}), SIGNER.verifier, policy)
    assert signed.tree_size == len(LEAVES)
