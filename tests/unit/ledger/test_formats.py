"""docs/reference/formats.md says what the bytes are: each literal follows, and its program verifies receipts alone."""

import re
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from ecrm_privacy.ledger.receipt import unpack, verify_receipt
from ecrm_privacy.vault import body, keys
from ecrm_privacy.vocabulary import EVIDENCE
from tests.house import source
from tests.unit.ledger import formats, receipts
from tests.unit.ledger.refused import ACCEPTED, REFUSED, other_proofs

PAGE = (source.ROOT / "docs/reference/formats.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"^```text (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
(PROGRAM,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
OPENED = {"sealed-body", "wrapped-for-receipt", "wrapped-for-subject", "wrapped-key"}
PROGRAM_LINES_MOST = 60


@pytest.mark.parametrize("name", formats.LITERALS)
def test_each_literal_follows(name: str) -> None:
    """What the page shows is what the code makes of the example."""
    assert BLOCKS[name] == formats.LITERALS[name]


def test_no_literal_goes_unchecked() -> None:
    """Every block of the page has a name, and every name is checked."""
    assert BLOCKS.keys() == formats.LITERALS.keys() | OPENED
    assert len(re.findall(r"^```", PAGE, re.MULTILINE)) == 2 * (
        len(BLOCKS) + 1 + len(re.findall("^```sh$", PAGE, re.M))
    )


def test_what_is_sealed_opens() -> None:
    """The sealed body, its two wrapped keys and the wrapped subject key open with the keys that the page names."""
    sealed, for_receipt, for_subject, wrapped = (
        bytes.fromhex(BLOCKS[name])
        for name in ("sealed-body", "wrapped-for-receipt", "wrapped-for-subject", "wrapped-key")
    )
    held = body.SealedBody(body.receipt_hash(formats.RECEIPT_ID), sealed, for_receipt, for_subject)
    assert body.open_with_receipt(formats.RECEIPT_ID, held) == (formats.PAYLOAD, formats.OPEN)
    assert f"`{formats.KEK}`" in PAGE
    evidence = keys.unwrap(formats.KEYRING, formats.SUBJECT, EVIDENCE, 1, wrapped)
    assert body.open_with_key(evidence, held) == (formats.PAYLOAD, formats.OPEN)


def test_the_examples_receipt_checks() -> None:
    """The receipt of the page, cosignature and all, is one that the service takes."""
    assert verify_receipt(BLOCKS["receipt"], BLOCKS["vkey"].strip()).event == formats.EVENT


def run(folder: Path, given: bytes, vkey: str) -> subprocess.CompletedProcess[str]:
    (folder / "verify_receipt.py").write_text(PROGRAM, "utf-8")
    (folder / "receipt").write_bytes(given)
    command = [sys.executable, "-I", str(folder / "verify_receipt.py"), str(folder / "receipt"), vkey]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_program_verifies_a_receipt(tmp_path: Path) -> None:
    """As it stands on the page the program takes the page's receipt and refuses a changed one."""
    assert len(PROGRAM.splitlines()) <= PROGRAM_LINES_MOST
    vkey = BLOCKS["vkey"].strip()
    sound = run(tmp_path, BLOCKS["receipt"].encode(), vkey)
    assert (sound.returncode, "remember" in sound.stdout, sound.stderr) == (0, True, "")
    changed = run(tmp_path, BLOCKS["receipt"].replace("index 1", "index 0").encode(), vkey)
    assert (changed.returncode, changed.stdout) == (1, "")
    assert changed.stderr.startswith("NOT SOUND: ")


@pytest.fixture(scope="module")
def program() -> dict[str, Any]:
    """The names that the program defines."""
    names: dict[str, Any] = {"__name__": "verify_receipt"}
    exec(compile(PROGRAM, "verify_receipt.py", "exec"), names)
    return names


def takes(program: dict[str, Any], given: bytes) -> bool:
    try:
        program["verify"](given, receipts.LOG.vkey())
    except (SystemExit, ValueError, KeyError, TypeError, InvalidSignature):
        return False
    return True


def test_the_program_takes_what_is_good(program: dict[str, Any]) -> None:
    """Every good receipt of the shared table, out of its JSON where it is in one."""
    assert [name for name, given in ACCEPTED.items() if not takes(program, unpack(given.decode())[0].encode())] == []


def test_the_program_refuses_what_is_bad(program: dict[str, Any]) -> None:
    """Every bad receipt of the shared table but for the form of the record, and every other proof."""
    bad = {name: row.given for name, row in REFUSED.items() if row.reason != "record"}
    assert [name for name, given in bad.items() if takes(program, given)] == []
    assert not any(takes(program, given) for given in other_proofs())


def test_the_program_takes_no_key_of_another_kind(program: dict[str, Any]) -> None:
    """A witness's key of the same name and the same 32 bytes is no key of a log, nor is one under another key id."""
    witness = b"\x04" + receipts.LOG.verifier.public
    key_id = sha256(f"{receipts.LOG.name}\n".encode() + witness).hexdigest()[:8]
    for vkey in (f"{receipts.LOG.name}+{key_id}+{b64encode(witness).decode()}", f"x{receipts.LOG.vkey()}"):
        with pytest.raises(SystemExit, match="no key of a log"):
            program["verify"](receipts.GOOD.encode(), vkey)


def test_the_program_refuses_every_altered_bit(program: dict[str, Any]) -> None:
    """Whichever single bit of a receipt is flipped."""
    whole, taken = bytearray(receipts.GOOD.encode()), []
    for bit in range(8 * len(whole)):
        whole[bit >> 3] ^= 1 << (bit & 7)
        if takes(program, bytes(whole)):
            taken.append(bit)
        whole[bit >> 3] ^= 1 << (bit & 7)
    assert taken == []
