"""Cosignatures: what a witness states about a checkpoint."""

import json
import struct
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.checkpoint import Verifier, open_checkpoint, parse_checkpoint, read_note, split_note
from ecrm_privacy.ledger.cosignature import CosignatureKey, Cosigner, find_cosignatures
from tests.unit.ledger.witnessing import LOG, NOW, ORIGIN, WITNESS, checkpoint, note, private

TEXT = checkpoint(5).text()
NOTE = note(5)
LINE = WITNESS.cosign(TEXT, NOW)
COSIGNED = NOTE + LINE
OTHER = Cosigner("other.example/witness", private("other"))
KNOWN = (LOG.verifier, WITNESS.key)
SUNLIGHT = "vectors/FiloSottile_sunlight/skylight"


def test_the_checkpoints_that_sunlight_cosigned_check(shared_data: Path) -> None:
    """Each fixture of Sunlight's witnesses checks under its published key, as of the time that it says."""
    folder = shared_data / SUNLIGHT
    for service in sorted(folder.rglob("*.v0.json")):
        key = CosignatureKey.parse(json.loads(service.read_text())["verifier_keys"][0])
        assert key.vkey() == json.loads(service.read_text())["verifier_keys"][0]
        (path,) = [found for found in service.parent.glob("*/checkpoint") if len(found.parent.name) == 64]
        opened = read_note(path.read_text("utf-8"), key)
        assert opened.keys == (key,)
        assert parse_checkpoint(opened.text).tree_size == 300
        (found,) = find_cosignatures(path.read_text("utf-8"), opened.lines[0], [key])
        assert found.timestamp == 1767139200


def test_the_decoys_beside_them_do_not(shared_data: Path) -> None:
    """The files that must never be served are no notes."""
    key = CosignatureKey.parse("witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN")
    decoys = [path for path in (shared_data / SUNLIGHT).rglob("checkpoint") if len(path.parent.name) != 64]
    assert len(decoys) == 2
    for decoy in decoys:
        with pytest.raises(Tampered):
            read_note(decoy.read_text(), key)


def test_what_is_signed_is_header_time_and_text() -> None:
    """The signed message and the signature's layout are those of the specification, byte for byte."""
    raw = b64decode(LINE.split()[-1])
    assert raw[:4] == WITNESS.key.key_id
    assert struct.unpack(">Q", raw[4:12]) == (NOW,)
    expected = private("witness").sign(f"cosignature/v1\ntime {NOW}\n{TEXT}".encode())
    assert raw[12:] == expected
    assert f"— dpo.example/witness {b64encode(raw).decode()}\n" == LINE


def test_a_cosigned_note_opens_with_either_key_and_with_both() -> None:
    """Log and witness are found each by their key, and the text is the same."""
    assert read_note(COSIGNED, LOG.verifier).lines == (split_note(NOTE)[1][0].line,)
    assert read_note(COSIGNED, WITNESS.key).lines == (LINE,)
    assert read_note(COSIGNED, *KNOWN).keys == KNOWN
    assert open_checkpoint(COSIGNED, LOG.verifier) == checkpoint(5)


def test_a_witness_is_no_log_and_a_log_no_witness() -> None:
    """The same private key under the same name signs nothing of the other kind, and neither reads the other's vkey."""
    both = Cosigner(ORIGIN, private("log"))
    assert both.key.key_id != LOG.verifier.key_id
    with pytest.raises(Tampered, match="not signed by the expected key"):
        read_note(NOTE, both.key)
    with pytest.raises(Tampered, match="not an Ed25519 cosignature key"):
        CosignatureKey.parse(LOG.vkey())
    with pytest.raises(Tampered, match="not an Ed25519 key of a named log"):
        Verifier.parse(WITNESS.vkey())
    swapped = NOTE + both.key.line(struct.pack(">Q", NOW) + private("log").sign(TEXT.encode()))
    with pytest.raises(Tampered, match="does not check"):
        read_note(swapped, LOG.verifier, both.key)


def _stamped(timestamp: int, signature: bytes | None = None, text: str = TEXT) -> str:
    """A line whose signature is good for the time that it says, unless another is given."""
    message = f"cosignature/v1\ntime {timestamp}\n{text}".encode()
    return WITNESS.key.line(struct.pack(">Q", timestamp) + (signature or private("witness").sign(message)))


REFUSED = {
    "a trailing space": NOTE + LINE[:-1] + " \n",
    "carriage returns": COSIGNED.replace("\n", "\r\n"),
    "one carriage return": COSIGNED[:-1] + "\r\n",
    "no last newline": COSIGNED[:-1],
    "the same line twice": COSIGNED + LINE,
    "another time of the same witness beside": COSIGNED + WITNESS.cosign(TEXT, NOW + 1),
    "another time over the same signature": NOTE + _stamped(NOW + 1, private("witness").sign(b"")),
    "no signature after the time": NOTE + WITNESS.key.line(struct.pack(">Q", NOW)),
    "a byte too much": NOTE + WITNESS.key.line(b64decode(LINE.split()[-1])[4:] + b"\0"),
    "a byte too few": NOTE + WITNESS.key.line(b64decode(LINE.split()[-1])[4:-1]),
    "a time beyond 2^63": NOTE + _stamped(2**63),
    "a cosignature of another tree": NOTE + WITNESS.cosign(checkpoint(6).text(), NOW),
    "the text signed as by a log": NOTE + WITNESS.key.line(struct.pack(">Q", NOW) + private("witness").sign(b"x")),
    "base64 with a bit left over": NOTE + LINE.replace("==\n", "=\n") + "\n",
}


@pytest.mark.parametrize("damaged", REFUSED.values(), ids=REFUSED.keys())
def test_a_known_witness_with_a_bad_line_condemns_the_note(damaged: str) -> None:
    """A line of a witness that we know, in any other form than its one, condemns the note, though the log signed it."""
    with pytest.raises(Tampered):
        read_note(damaged, *KNOWN)


def test_a_text_that_is_no_checkpoint_has_no_cosignature() -> None:
    """A witness cosigns checkpoints alone, and a cosignature over anything else does not check."""
    with pytest.raises(Tampered):
        WITNESS.cosign("hello\n", NOW)
    with pytest.raises(Tampered, match="the checkpoint is damaged"):
        read_note("hello\n\n" + _stamped(NOW, text="hello\n"), WITNESS.key)


def test_extension_lines_are_signed_with_the_rest() -> None:
    """A checkpoint with extension lines can be cosigned, and the cosignature holds for those lines alone."""
    text = TEXT + "an extension\n"
    signed = LOG.sign(text) + WITNESS.cosign(text, NOW)
    assert read_note(signed, *KNOWN).keys == KNOWN
    with pytest.raises(Tampered):
        read_note(signed.replace("an extension", "another one"), WITNESS.key)


def test_unknown_keys_pass_by_whatever_they_say() -> None:
    """Unknown names and ids, a key of another type, 5 kB lines and 16 others beside: what is known still counts."""
    ml_dsa = f"— pq.example/witness {b64encode(bytes([6, 6, 6, 6]) + bytes(8 + 2420)).decode()}\n"
    huge = f"— huge.example/witness {b64encode(bytes(5000)).decode()}\n"
    assert read_note(COSIGNED + ml_dsa + huge + OTHER.cosign(TEXT, NOW), *KNOWN).keys == KNOWN
    seventeen = NOTE + "".join(f"— w{number} {b64encode(bytes(4700)).decode()}\n" for number in range(15)) + LINE
    assert len(split_note(seventeen)[1]) == 17
    assert read_note(seventeen, *KNOWN).keys == KNOWN
    same_name = COSIGNED.replace(LINE, f"— {WITNESS.name} {b64encode(bytes(76)).decode()}\n{LINE}")
    assert read_note(same_name, *KNOWN).keys == KNOWN


def test_no_altered_byte_leaves_both_signatures_standing() -> None:
    """Whatever byte of a cosigned note is altered, it is refused or has lost a signature; its text is never another."""
    raw = COSIGNED.encode()
    for place in range(len(raw)):
        for flip in (1, 2, 0x20, 0x80):
            altered = raw[:place] + bytes([raw[place] ^ flip]) + raw[place + 1 :]
            try:
                opened = read_note(altered.decode(), *KNOWN)
            except (Tampered, UnicodeDecodeError):
                continue
            assert len(opened.keys) == 1
            assert opened.text == TEXT


def test_no_dropped_or_doubled_byte_leaves_both_signatures_standing() -> None:
    """A byte less or a byte twice anywhere: refused, or a signature is lost."""
    raw = COSIGNED.encode()
    for place in range(len(raw)):
        for altered in (raw[:place] + raw[place + 1 :], raw[:place] + raw[place : place + 1] + raw[place:]):
            try:
                opened = read_note(altered.decode(), *KNOWN)
            except (Tampered, UnicodeDecodeError):
                continue
            assert len(opened.keys) == 1
            assert opened.text == TEXT


def test_the_answer_of_a_witness_is_taken_apart() -> None:
    """Of what a witness answers, the lines by its own keys are taken, and lines of others are not."""
    found = find_cosignatures(NOTE, OTHER.cosign(TEXT, NOW) + LINE, [WITNESS.key])
    assert [(each.key, each.timestamp, each.line) for each in found] == [(WITNESS.key, NOW, LINE)]
    assert find_cosignatures(NOTE, OTHER.cosign(TEXT, NOW), [WITNESS.key]) == []
    assert find_cosignatures(NOTE, "", [WITNESS.key]) == []


ANSWERS = {
    "no signature line": "hello\n",
    "a page": "<html>\n",
    "no newline at the end": LINE[:-1],
    "an empty line before": "\n" + LINE,
    "a cosignature of another tree": WITNESS.cosign(checkpoint(6).text(), NOW),
    "the line twice": LINE + LINE,
    "two times": LINE + WITNESS.cosign(TEXT, NOW + 1),
    "no time": _stamped(0),
    "too many lines": LINE + "".join(f"— w{number} AAAAAAAA\n" for number in range(64)),
    "too long": LINE + f"— w {'A' * 65536}\n",
    "a line and then something": LINE + "x",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_with_anything_wrong_is_not_believed(answer: str) -> None:
    """An answer that is no list of signature lines, or has a bad one of the witness, is refused as a whole."""
    with pytest.raises(Tampered):
        find_cosignatures(NOTE, answer, [WITNESS.key])


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2028b", "a\nb", "a\udcff"])
def test_a_name_that_no_line_can_hold_is_refused(name: str) -> None:
    """A cosigner whose name has a space, a plus sign or something that is no character does not come into being."""
    with pytest.raises(Tampered):
        Cosigner(name, private("witness"))


def test_the_key_is_never_shown() -> None:
    """Nothing of the private key is in what the cosigner shows of itself."""
    shown = repr(WITNESS) + WITNESS.vkey() + LINE
    assert private("witness").private_bytes_raw().hex() not in shown
