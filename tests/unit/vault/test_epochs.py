"""The epochs' file: canonical, checked, private, followed by whoever runs, and destroyed in every copy."""

import os
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecrm_privacy.errors import (
    CopyMissing,
    EpochDestroyed,
    EpochsRefused,
    EpochUnknown,
    Tampered,
    Unavailable,
)
from ecrm_privacy.vault.epochs.epoch import EpochState
from ecrm_privacy.vault.epochs.file import NAME, EpochFile
from ecrm_privacy.vault.keyring import Keyring

AT = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
ROOT, DEK, WHO = bytes(range(32)), bytes(range(32)), b"who"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A key file with epochs beside it."""
    Keyring.create(tmp_path / "ecrm.key", ROOT)
    return tmp_path / "ecrm.key"


def file_of(keyring: Keyring) -> EpochFile:
    """The file that a keyring follows."""
    assert keyring.epochs.file is not None
    return keyring.epochs.file


def begin(file: EpochFile) -> None:
    """Put a further epoch in use, as `ecrm keys rotate` does."""
    listed = file.read().with_next(file.keys, AT)
    file.change(listed, copies_first=True)
    file.change(listed.promoted(AT), copies_first=True)


def destroy(file: EpochFile, number: int) -> None:
    """Take the key of an epoch away, as `ecrm keys destroy` does."""
    file.change(file.read().without_key(number, AT))


def wrapped_in(path: Path, number: int) -> str:
    """What stands in a file as the key of an epoch, in hex."""
    found = next(each for each in tomllib.loads(path.read_text())["epoch"] if each["number"] == number)
    return str(found["wrapped"])


def test_no_epoch_follows_from_the_root(path: Path, tmp_path: Path) -> None:
    """Two keyrings of one root open nothing of each other: so an epoch ends with its wrapped key."""
    (tmp_path / "other").mkdir()
    here, other = Keyring.load(path), Keyring.create(tmp_path / "other" / "ecrm.key", ROOT)
    assert here.same_as(other)
    with pytest.raises(Tampered):
        other.unwrap(here.wrap(DEK, WHO), WHO)


def test_a_new_file_has_one_epoch_and_is_private(path: Path) -> None:
    """It is the current one; nobody else reads the file; and nothing else is left behind."""
    (epoch,) = file_of(Keyring.load(path)).read().epochs
    assert (epoch.number, epoch.state) == (1, EpochState.CURRENT)
    assert path.with_name(NAME).stat().st_mode & 0o777 == 0o600
    assert {each.name for each in path.parent.iterdir()} == {"ecrm.key", NAME}


def test_a_running_process_follows_the_file(path: Path) -> None:
    """It wraps under the new epoch at once, opens what another wrapped under it, and what was wrapped before."""
    here, other = Keyring.load(path), Keyring.load(path)
    before = here.wrap(DEK, WHO)
    begin(file_of(other))
    assert other.wrap(DEK, WHO)[2:6] == b"\0\0\0\2"
    assert here.epoch == 1 and here.unwrap(other.wrap(DEK, WHO), WHO) == DEK
    assert here.epoch == 2 and here.wrap(DEK, WHO)[2:6] == b"\0\0\0\2" and here.unwrap(before, WHO) == DEK


def test_a_destroyed_epoch_is_gone_and_an_unknown_one_is_not_known(path: Path) -> None:
    """Both are typed, neither opens, and neither is taken for damage."""
    keyring, stale = Keyring.load(path), Keyring.load(path)
    wrapped = keyring.wrap(DEK, WHO)
    begin(file_of(keyring))
    destroy(file_of(keyring), 1)
    assert keyring.epochs.look() and stale.epochs.look()
    for each in (keyring, stale, Keyring.load(path)):
        with pytest.raises(EpochDestroyed):
            each.unwrap(wrapped, WHO)
        with pytest.raises(EpochUnknown):
            each.unwrap(b"\1\1\0\0\0\7" + wrapped[6:], WHO)
    assert issubclass(EpochDestroyed, Tampered), "who knows only of damage fails closed"


def test_a_key_of_one_epoch_does_not_open_as_another(path: Path) -> None:
    """The number is part of what a key is bound to, in the database and in the file."""
    keyring = Keyring.load(path)
    begin(file_of(keyring))
    wrapped = keyring.wrap(DEK, WHO)
    with pytest.raises(Tampered):
        keyring.unwrap(b"\1\1\0\0\0\1" + wrapped[6:], WHO)
    content = path.with_name(NAME).read_text()
    first, second = wrapped_in(path.with_name(NAME), 1), wrapped_in(path.with_name(NAME), 2)
    swapped = content.replace(first, "x").replace(second, first).replace("x", second)
    path.with_name(NAME).write_text(swapped)
    with pytest.raises(EpochsRefused, match="damaged"):
        Keyring.load(path)


def test_every_change_to_the_text_is_refused(path: Path) -> None:
    """Whatever byte is altered, left out or added; and no message repeats what stood there."""
    content = path.with_name(NAME).read_bytes()
    secret = wrapped_in(path.with_name(NAME), 1)
    for at in range(0, len(content), 7):
        for bad in (content[:at] + b"~" + content[at + 1 :], content[:at] + content[at + 1 :], content[:at]):
            if bad != content:
                path.with_name(NAME).write_bytes(bad)
                with pytest.raises(EpochsRefused) as refused:
                    Keyring.load(path)
                assert secret[20:] not in str(refused.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_epochs_that_others_can_read_are_refused(mode: int, path: Path) -> None:
    """As strict as the key file, and the message says what to do."""
    path.with_name(NAME).chmod(mode)
    with pytest.raises(EpochsRefused, match="chmod 600"):
        Keyring.load(path)


def test_lost_linked_and_foreign_epochs_are_refused(path: Path, tmp_path: Path) -> None:
    """Each with its own words: missing, a link, another key file's."""
    file = path.with_name(NAME)
    file.rename(tmp_path / "away")
    with pytest.raises(EpochsRefused, match=r"is missing.*keys backup"):
        Keyring.load(path)
    file.symlink_to(tmp_path / "away")
    with pytest.raises(EpochsRefused, match="symbolic link"):
        Keyring.load(path)
    file.unlink()
    (tmp_path / "other").mkdir()
    Keyring.create(tmp_path / "other" / "ecrm.key")
    (tmp_path / "other" / NAME).rename(file)
    with pytest.raises(EpochsRefused, match="another key file"):
        Keyring.load(path)


def test_a_worker_whose_file_is_lost_opens_and_seals_nothing_new(path: Path) -> None:
    """What is under epochs that it knows still opens; a new key would depend on a file that is not there."""
    keyring = Keyring.load(path)
    wrapped = keyring.wrap(DEK, WHO)
    path.with_name(NAME).unlink()
    assert keyring.unwrap(wrapped, WHO) == DEK
    with pytest.raises(Unavailable):
        keyring.wrap(DEK, WHO)
    with pytest.raises(EpochUnknown):
        keyring.unwrap(b"\1\1\0\0\0\2" + wrapped[6:], WHO)


def test_epochs_without_their_key_file_are_not_overwritten(path: Path) -> None:
    """Making a new key file beside them would lose what the recovery copy can still open."""
    path.unlink()
    before = path.with_name(NAME).read_bytes()
    with pytest.raises(EpochsRefused, match="--recover"):
        Keyring.create(path)
    assert path.with_name(NAME).read_bytes() == before and not path.exists()


def test_a_copy_follows_every_change(path: Path, tmp_path: Path) -> None:
    """A new epoch stands in it, a destroyed one does not, and what it held is overwritten."""
    folder = tmp_path / "usb"
    folder.mkdir()
    file = file_of(Keyring.load(path))
    copy = file.add_copy(folder)
    assert copy.read_bytes() == file.path.read_bytes() and copy.stat().st_mode & 0o777 == 0o600
    begin(file)
    assert file.is_in_step(copy)
    gone = wrapped_in(copy, 1)
    with copy.open("rb") as before, file.path.open("rb") as here:
        destroy(file, 1)
        assert set(before.read()) == set(here.read()) == {0}
    assert file.is_in_step(copy) and all(gone not in each.read_text() for each in (copy, file.path))


def test_a_copy_out_of_reach_keeps_everything_as_it_is(path: Path, tmp_path: Path) -> None:
    """Until somebody says that it is gone; and only what was remembered can be gone."""
    folder = tmp_path / "usb"
    folder.mkdir()
    file = file_of(Keyring.load(path))
    file.add_copy(folder)
    folder.rename(tmp_path / "pocket")
    before = file.path.read_bytes()
    with pytest.raises(CopyMissing, match="--gone"):
        begin(file)
    assert file.path.read_bytes() == before
    with pytest.raises(CopyMissing, match="no copy"):
        file.forget_copies([tmp_path])
    file.forget_copies([folder])
    begin(file)
    assert file.read().copies == ()


def test_a_copy_is_never_put_over_the_epochs_of_another_key(path: Path, tmp_path: Path) -> None:
    """Two services may be given the same folder by mistake."""
    folder = tmp_path / "usb"
    folder.mkdir()
    Keyring.create(folder / "ecrm.key")
    before = (folder / NAME).read_bytes()
    with pytest.raises(CopyMissing, match="elsewhere"):
        file_of(Keyring.load(path)).add_copy(path.parent)
    with pytest.raises(EpochsRefused, match="another key file"):
        file_of(Keyring.load(path)).add_copy(folder)
    assert (folder / NAME).read_bytes() == before


def test_a_copy_brings_the_epochs_back(path: Path, tmp_path: Path) -> None:
    """Put in the place of a lost file, with the key file or one made again from paper, it opens everything."""
    keyring = Keyring.load(path)
    (tmp_path / "usb").mkdir()
    copy = file_of(keyring).add_copy(tmp_path / "usb")
    wrapped, paper = keyring.wrap(DEK, WHO), keyring.recovery_copy()
    path.unlink()
    path.with_name(NAME).unlink()
    Keyring.from_recovery(paper).save(path)
    path.with_name(NAME).write_bytes(copy.read_bytes())
    path.with_name(NAME).chmod(0o600)
    assert Keyring.load(path).unwrap(wrapped, WHO) == DEK


def test_what_a_file_says_survives(path: Path) -> None:
    """States, times and folders with odd names come back as they were written."""
    keyring = Keyring.load(path)
    file = file_of(keyring)
    folder = path.parent / 'an "odd" ünïcode\nname'
    folder.mkdir()
    file.add_copy(folder)
    begin(file)
    file.change(file.read().with_next(file.keys, AT + timedelta(days=1)))
    destroy(file, 1)
    listed = file.read()
    assert [each.state.value for each in listed.epochs] == ["destroyed", "current", "next"]
    assert (listed.epochs[0].retired, listed.epochs[0].destroyed) == (AT, AT) and listed.copies == (folder,)
    assert Keyring.load(path).epochs.live == (2,), "nobody uses the next one yet"


def test_epochs_show_and_give_away_nothing(path: Path) -> None:
    """No repr holds a key."""
    keyring = Keyring.load(path)
    assert repr(keyring.epochs) == "<Epochs, current 1>" and repr(file_of(keyring).keys) == "<EpochKeys>"
    assert os.fspath(path) not in repr(keyring)
