"""Private files: whole or not at all, and what they held before is overwritten."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from ecrm_privacy.errors import EpochsRefused
from ecrm_privacy.vault import private_file
from tests.faulty import Faulty, Killed

OLD, NEW = b"the old content " * 20, b"the new content"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A private file with the old content."""
    private_file.create(tmp_path / "file", OLD)
    return tmp_path / "file"


def test_replacing_overwrites_what_was_there(path: Path) -> None:
    """The old file, seen through a descriptor that was opened before, holds zeros; nothing is left beside the new."""
    with path.open("rb") as old:
        private_file.replace(path, NEW)
        assert old.read() == bytes(len(OLD))
    assert path.read_bytes() == NEW and path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_kill_at_any_point_leaves_one_of_the_two_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next command leaves nothing of the old one, nor of a draft, whichever step the kill came before."""
    steps = 0
    for steps in range(1, 100):
        faulty = Faulty(steps)
        monkeypatch.setattr(private_file, "os", faulty)
        try:
            private_file.replace(path, NEW)
        except Killed:
            assert path.read_bytes() in {OLD, NEW}
            held = {each.read_bytes() for each in path.parent.iterdir()}
            assert held <= {OLD, NEW, b"", bytes(len(OLD)), bytes(len(NEW))}
        monkeypatch.undo()
        private_file.replace(path, OLD)
        assert [each.read_bytes() for each in path.parent.iterdir()] == [OLD]
        if not faulty.killed:
            break
    assert steps > 5


class OneName:
    """`os` on a file system where no file has two names, as on a stick with FAT."""

    def __getattr__(self, name: str) -> Any:
        if name == "link":
            return self._refuse
        return getattr(os, name)

    def _refuse(self, *_given: object, **_named: object) -> None:
        raise PermissionError(errno.EPERM, "no second names here")


def test_what_was_there_is_overwritten_where_no_file_has_two_names(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a descriptor, then."""
    monkeypatch.setattr(private_file, "os", OneName())
    with path.open("rb") as old:
        private_file.replace(path, NEW)
        assert old.read() == bytes(len(OLD)) and path.read_bytes() == NEW


def test_only_one_holds_the_lock(tmp_path: Path) -> None:
    """Who comes second is told so at once."""
    with (
        private_file.locked(tmp_path / "lock", EpochsRefused, "busy"),
        pytest.raises(EpochsRefused, match="busy"),
        private_file.locked(tmp_path / "lock", EpochsRefused, "busy"),
    ):
        pass
    with private_file.locked(tmp_path / "lock", EpochsRefused, "busy"):
        pass


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A pipe that nobody writes into."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    return tmp_path / "pipe"


def test_a_pipe_holds_nobody_up(pipe: Path) -> None:
    """What is no regular file is refused at once."""
    with pytest.raises(EpochsRefused, match="regular"):
        private_file.read(pipe, EpochsRefused, "")
