"""Signed notes and checkpoints."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.checkpoint import (
    NOTE_CHARACTERS_MAX,
    Checkpoint,
    Signer,
    Verifier,
    open_checkpoint,
    open_note,
    parse_checkpoint,
)
from tests.unit.ledger.vectors import raw, read

SPEC = read("signed_note.json")
ENTRIES = read("merkle_entry_n.json")
LOG = Signer("example.com/ledger", Ed25519PrivateKey.from_private_bytes(sha256(b"test").digest()))
OTHER = Signer("example.com/other", Ed25519PrivateKey.from_private_bytes(bytes(32)))
NOTE = LOG.sign("example.com/ledger\n4\n" + "A" * 43 + "=\n")
TEXT, SIGNATURE = NOTE.split("\n\n")


def test_the_example_of_the_specification_opens() -> None:
    """The example note of C2SP signed-note opens with its key, and the key renders to itself."""
    verifier = Verifier.parse(SPEC["vkey"])
    assert open_note(SPEC["note"], verifier) == "This is an example message.\n"
    assert verifier.vkey() == SPEC["vkey"]


@pytest.mark.parametrize("tree", ENTRIES["trees"], ids=lambda tree: str(tree["size"]))
def test_checkpoints_are_signed_byte_for_byte(tree: dict[str, Any]) -> None:
    """Signing the known trees with the known key gives the known notes, and they open again."""
    checkpoint = Checkpoint("example.com/ledger", tree["size"], raw(tree["root"]))
    assert LOG.sign(checkpoint.text()) == tree["checkpoint"]
    assert open_checkpoint(tree["checkpoint"], Verifier.parse(ENTRIES["vkey"])) == checkpoint
    assert LOG.vkey() == ENTRIES["vkey"]


REFUSED = {
    "a trailing space": NOTE[:-1] + " \n",
    "carriage returns": NOTE.replace("\n", "\r\n"),
    "no last newline": NOTE[:-1],
    "no empty line": NOTE.replace("\n\n", "\n"),
    "two empty lines": NOTE.replace("\n\n", "\n\n\n"),
    "no signature": f"{TEXT}\n\n",
    "text after the signature": NOTE + "more\n",
    "the same signature twice": NOTE + SIGNATURE,
    "an ASCII dash": NOTE.replace("— ", "- "),
    "two spaces": NOTE.replace("— ", "—  "),
    "another name": NOTE.replace("— example.com/ledger", "— example.com/Ledger"),
    "another text": NOTE.replace("\n4\n", "\n5\n"),
    "only an unknown key": OTHER.sign(TEXT + "\n"),
    "a known key's bad signature beside": NOTE.replace("\n4\n", "\n5\n") + SIGNATURE,
    "a signature without bytes": f"{TEXT}\n\n— example.com/ledger {SIGNATURE.split()[-1][:5]}AA=\n",
    "a signature that is no base64": f"{TEXT}\n\n— example.com/ledger A===\n",
    "a control character": LOG.sign("a\n").replace("a\n", "\ta\n", 1),
    "too many signatures": NOTE + "".join(f"— w{n} AAAAAAAA\n" for n in range(64)),
    "too long": NOTE + "— w " + "A" * NOTE_CHARACTERS_MAX + "\n",
    "nothing": "",
}


@pytest.mark.parametrize("note", REFUSED.values(), ids=REFUSED.keys())
def test_a_damaged_note_is_refused(note: str) -> None:
    """A note in any other form than its one, or without a good signature of the expected key, is refused."""
    with pytest.raises(Tampered):
        open_note(note, LOG.verifier)


def test_unknown_signatures_are_ignored() -> None:
    """Sixteen signatures by keys nobody knows here do not hinder the one that is known."""
    note = NOTE + "".join(f"— witness.example/{number} AAAAAAAA\n" for number in range(16))
    assert open_note(note, LOG.verifier) == TEXT + "\n"


def test_signatures_of_another_kind_pass_by(shared_data: Path) -> None:
    """A checkpoint that Sunlight's witness cosigned parses; without a key we know it is refused for that reason."""
    cosigned = sorted((shared_data / "vectors/FiloSottile_sunlight/skylight/witness").rglob("000*/checkpoint"))
    assert len(cosigned) == 2
    for path in cosigned:
        with pytest.raises(Tampered, match="not signed by the expected key"):
            open_note(path.read_text("utf-8"), LOG.verifier)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.com/ledger",
        ENTRIES["vkey"].replace("+68c755f1+", "+68c755f2+"),
        ENTRIES["vkey"].replace("+68c755f1+", "+68C755F1+"),
        ENTRIES["vkey"] + "=",
        ENTRIES["vkey"][:-4],
        ENTRIES["vkey"].replace("ledger+", "led ger+"),
        "example.com/ledger+68c755f1+AgAA",
    ],
)
def test_a_damaged_key_is_refused(vkey: str) -> None:
    """A verifier key that is not canonical, or not the key its id speaks of, is refused."""
    with pytest.raises(Tampered):
        Verifier.parse(vkey)


ROOT = "A" * 43 + "="


@pytest.mark.parametrize(
    "text",
    [
        f"o\n01\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n+1\n{ROOT}\n",
        f"o\n1\n{ROOT}",
        f"o\n1\n{ROOT[:-2]}B=\n",
        f"o\n1\n{ROOT[:-1]}\n",
        f"\n1\n{ROOT}\n",
        f"o\n1\n{ROOT}\nextension\n",
        f"o\n1\n{ROOT[:40]}\n",
        f"o\n٣\n{ROOT}\n",
        "",
    ],
)
def test_a_damaged_checkpoint_is_refused(text: str) -> None:
    """A checkpoint in any other form than origin, plain decimal size and canonical root is refused."""
    with pytest.raises(Tampered):
        parse_checkpoint(text)


def test_a_log_speaks_for_itself_alone() -> None:
    """A checkpoint that names another origin than the key that signed it is refused."""
    with pytest.raises(Tampered, match="another log"):
        open_checkpoint(LOG.sign(Checkpoint("example.com/other", 0, bytes(32)).text()), LOG.verifier)


def test_the_key_is_never_shown() -> None:
    """Nothing of the private key is in what the signer shows of itself."""
    assert LOG._key.private_bytes_raw().hex() not in repr(LOG) + str(vars(LOG))
