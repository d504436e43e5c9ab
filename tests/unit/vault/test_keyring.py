"""The key file: made once, private, checked, and made again from paper."""

import os
import pickle
import tomllib
import traceback
from pathlib import Path

import pytest

from ecrm_privacy.errors import KeyFileRefused, Tampered
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.epochs.file import Epochs
from ecrm_privacy.vault.keyring import Keyring

ROOT = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a key file may be."""
    return tmp_path / "ecrm.key"


def test_a_key_file_that_was_created_loads_as_the_same_keyring(path: Path) -> None:
    """What create wrote, load reads."""
    created = Keyring.create(path)
    assert Keyring.load(path).same_as(created)


def test_two_keyrings_are_not_the_same(path: Path) -> None:
    """Roots are random."""
    (path.parent / "other").mkdir()
    assert not Keyring.create(path).same_as(Keyring.create(path.parent / "other" / "ecrm.key"))


def test_the_file_is_private_whatever_the_umask(path: Path) -> None:
    """Mode 0600 does not depend on the umask."""
    before = os.umask(0)
    try:
        Keyring.create(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_creating_leaves_nothing_else_behind(path: Path) -> None:
    """The drafts are gone once the files have their names."""
    Keyring.create(path)
    assert {each.name for each in path.parent.iterdir()} == {path.name, "epochs.toml"}


def test_a_key_file_is_never_overwritten(path: Path) -> None:
    """Overwriting a key file would shred everything that is sealed under it."""
    first = Keyring.create(path)
    with pytest.raises(KeyFileRefused, match="exists already"):
        Keyring.create(path)
    assert Keyring.load(path).same_as(first) and len(list(path.parent.iterdir())) == 2


def test_a_missing_file_is_refused_with_what_to_do(path: Path) -> None:
    """The message names the verb that helps."""
    with pytest.raises(KeyFileRefused, match="keys create"):
        Keyring.load(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o610])
def test_a_file_that_others_can_reach_is_refused(path: Path, mode: int) -> None:
    """Any bit for group or world is too much."""
    Keyring.create(path)
    path.chmod(mode)
    with pytest.raises(KeyFileRefused, match="others"):
        Keyring.load(path)


def test_a_symbolic_link_is_refused(path: Path) -> None:
    """A link could be turned to another file between check and use."""
    Keyring.create(path)
    link = path.with_name("link.key")
    link.symlink_to(path)
    with pytest.raises(KeyFileRefused, match="symbolic link"):
        Keyring.load(link)


def test_what_is_no_regular_file_is_refused_at_once(path: Path) -> None:
    """A pipe neither blocks the start nor passes for a key file."""
    os.mkfifo(path, 0o600)
    with pytest.raises(KeyFileRefused, match="regular file"):
        Keyring.load(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_owner_is_refused(path: Path) -> None:
    """Whoever owns the file can read it."""
    Keyring.create(path)
    os.chown(path, 65534, 65534)
    with pytest.raises(KeyFileRefused, match="another user"):
        Keyring.load(path)


def test_every_damaged_character_is_noticed_and_none_is_repeated(path: Path) -> None:
    """The check covers the root, and messages never quote the file."""
    Keyring.create(path, ROOT)
    text = path.read_text()
    start = text.index("root = ") + len('root = "')
    for at in range(start, start + 64, 7):
        path.write_text(text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :])
        with pytest.raises(KeyFileRefused, match="damaged") as refused:
            Keyring.load(path)
        assert ROOT.hex()[:16] not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"version = 1", b'version = 2\nroot = 5\ncheck = ""', b'version = 2\nroot = "zz"\ncheck = ""'],
)
def test_a_file_that_is_no_key_file_is_refused(path: Path, content: bytes) -> None:
    """Each way of being damaged gives the same refusal."""
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileRefused, match="damaged"):
        Keyring.load(path)


def test_a_file_of_another_version_is_refused(path: Path) -> None:
    """A newer format is not read as if it were this one."""
    Keyring.create(path)
    path.write_text(path.read_text().replace("version = 2", "version = 3"))
    with pytest.raises(KeyFileRefused, match="another version"):
        Keyring.load(path)


def test_a_file_from_before_there_were_epochs_is_refused(path: Path) -> None:
    """Its keys could never be destroyed; the message says how to begin anew."""
    Keyring.create(path)
    path.write_text(path.read_text().replace("version = 2", "version = 1"))
    with pytest.raises(KeyFileRefused, match="make demo RESET=1"):
        Keyring.load(path)


def test_the_file_is_the_documented_toml(path: Path) -> None:
    """Format of version 2, byte for byte."""
    Keyring.create(path, ROOT)
    assert tomllib.loads(path.read_text()) == {"version": 2, "root": ROOT.hex(), "check": "e9eb0ea363ece7bc"}


def test_the_recovery_copy_makes_the_key_file_again(path: Path) -> None:
    """Paper is enough."""
    first = Keyring.create(path)
    copy = first.recovery_copy()
    path.unlink()
    Keyring.from_recovery(copy).save(path)
    assert Keyring.load(path).same_as(first)


def test_the_recovery_copy_has_groups_a_person_can_copy() -> None:
    """Fourteen groups of four, without letters that look like digits."""
    groups = Keyring(ROOT).recovery_copy().split("-")
    assert len(groups) == 14 and {len(group) for group in groups} == {4}
    assert not set("ILOU") & set("".join(groups))


def test_the_recovery_copy_may_be_typed_carelessly() -> None:
    """Case, spaces, hyphens, and O for 0 or l for 1 do not matter."""
    keyring = Keyring(ROOT)
    typed = keyring.recovery_copy().lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert Keyring.from_recovery(f"  {typed}\n").same_as(keyring)


def test_every_misread_character_of_the_recovery_copy_is_noticed() -> None:
    """One wrong character anywhere fails the checksum."""
    copy = Keyring(ROOT).recovery_copy()
    for at, character in enumerate(copy):
        if character != "-":
            with pytest.raises(KeyFileRefused, match="check"):
                Keyring.from_recovery(copy[:at] + ("7" if character != "7" else "8") + copy[at + 1 :])


@pytest.mark.parametrize("text", ["", "ABCD", "U" * 56, "é" * 56, "1" * 57])
def test_a_text_that_is_no_recovery_copy_is_refused(text: str) -> None:
    """Wrong length or wrong letters."""
    with pytest.raises(KeyFileRefused):
        Keyring.from_recovery(text)


def test_known_derivations_do_not_change() -> None:
    """Keys of existing installations depend on these bytes (root 00..1f)."""
    keyring = Keyring(ROOT)
    assert keyring.derive("session/v1").hex() == "978b18d81d6050f65672788967aa303133b7e577cc98a93e95dc48e78a8335c2"
    assert keyring.password("ecrm_house") == "5c0ad7f85ff1fe0494fb5afaf9a29794ace841bcbd3639ae90b181a44a02c931"
    assert keyring.recovery_copy() == "000G-40R4-0M30-E209-185G-R38E-1W81-24GK-2GAH-C5RR-34D1-P70X-3RFZ-E3FC"


def test_a_wrapped_key_of_another_epoch_or_length_is_tampered() -> None:
    """The epoch is part of the format and of the associated data."""
    keyring = Keyring(ROOT, Epochs(None, {1: Secret(bytes(32)), 2: Secret(bytes(32))}))
    wrapped = keyring.wrap(bytes(32), b"who")
    for bad in (wrapped[:-1], wrapped + b"\0", b"\1\1\0\0\0\1" + wrapped[6:], b"\2" + wrapped[1:], b""):
        with pytest.raises(Tampered):
            keyring.unwrap(bad, b"who")
    assert keyring.unwrap(wrapped, b"who") == bytes(32)


def test_a_keyring_shows_and_gives_away_nothing() -> None:
    """Neither repr, str nor pickle leads to the root."""
    keyring = Keyring(ROOT)
    assert repr(keyring) == str(keyring) == "<Keyring epoch 1>"
    with pytest.raises(TypeError):
        pickle.dumps(keyring)
