"""The erasure journal: what is written, in which order, and what a crash, a full disk or a stranger leaves in it."""

import errno
import os
import threading
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.errors import GuardRefused, Unavailable
from ecrm_privacy.rights.journal import Journal, Mark
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vocabulary import SubjectId

DAY = date(2026, 11, 22)
KEYRING = Keyring(bytes(32))
PEOPLE = [SubjectId(UUID(int=number)) for number in range(8)]


def journal(folder: Path) -> Journal:
    return Journal(folder / "keys" / "erasures.journal", KEYRING)


def test_nobody_was_erased_yet(tmp_path: Path) -> None:
    """Without a file there is nothing to erase again."""
    assert journal(tmp_path).read().lines == 0


def test_it_names_nobody(tmp_path: Path) -> None:
    """Who holds the file alone cannot tell who is meant; only the service may read it."""
    journal(tmp_path).write(PEOPLE[1], Mark.BEGUN, DAY)
    path = tmp_path / "keys" / "erasures.journal"
    name = journal(tmp_path).name(PEOPLE[1])
    assert path.read_text() == f'{{"v":1,"s":"{name}","on":"2026-11-22"}}\n'
    assert name != Journal(path, Keyring(bytes(31) + b"\1")).name(PEOPLE[1])
    assert path.stat().st_mode & 0o077 == 0


MARKS = st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(list(Mark))), max_size=20)


@given(MARKS, st.integers(0, 200))
def test_a_torn_last_line_is_passed_by(tmp_path_factory: pytest.TempPathFactory, marks: list, cut: int) -> None:
    """Whatever a crash left of the last line, all lines before it count, and so does the next one."""
    folder = tmp_path_factory.mktemp("torn")
    for subject, mark in marks:
        journal(folder).write(subject, mark, DAY)
    before = journal(folder).read()
    path = folder / "keys" / "erasures.journal"
    whole = path.read_bytes() if path.exists() else b""
    journal(folder).write(PEOPLE[0], Mark.DONE, DAY)
    line = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + line[: min(cut, len(line) - 2)])
    torn = journal(folder).read()
    cut_to_begun = min(cut, len(line) - 2) == 0
    assert torn.lines == before.lines + (not cut_to_begun)
    assert (torn.done, torn.begun) == (before.done, before.begun)
    journal(folder).write(PEOPLE[7], Mark.DONE, DAY)
    assert journal(folder).read().done == before.done | {journal(folder).name(PEOPLE[7])}


def test_zeros_that_a_file_system_left_are_passed_by(tmp_path: Path) -> None:
    """A file may have got its length before its content."""
    journal(tmp_path).write(PEOPLE[1], Mark.DONE, DAY)
    with (tmp_path / "keys" / "erasures.journal").open("ab") as file:
        file.write(b'{"v":1,"s"' + bytes(20))
    assert len(journal(tmp_path).read().done) == 1


@given(MARKS)
def test_what_is_done_stays_done(tmp_path_factory: pytest.TempPathFactory, marks: list) -> None:
    """Begun is who was begun more often than refused; two workers may have begun the same one."""
    folder = tmp_path_factory.mktemp("marks")
    for subject, mark in marks:
        journal(folder).write(subject, mark, DAY)
    found = journal(folder).read()
    for subject in PEOPLE:
        met = [mark for who, mark in marks if who == subject]
        name = journal(folder).name(subject)
        assert (name in found.done) == (Mark.DONE in met)
        is_begun = met.count(Mark.BEGUN) > met.count(Mark.VOID) and Mark.DONE not in met
        assert (name in found.begun) == is_begun


@pytest.mark.parametrize(
    "line",
    ['{"v":2,"s":"00","on":"2026-11-22"}', "somebody wrote here", '{"v":1,"s":"' + "g" * 64 + '","on":"2026-11-22"}'],
)
def test_a_line_that_no_crash_leaves_is_refused(line: str, tmp_path: Path) -> None:
    """It may have named somebody: nobody is served before somebody looked."""
    journal(tmp_path).write(PEOPLE[1], Mark.BEGUN, DAY)
    path = tmp_path / "keys" / "erasures.journal"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(GuardRefused, match=r"line 2: this is no line of the erasure journal"):
        journal(tmp_path).read()


def test_a_full_disk_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is not begun: `/dev/full` is a disk without space."""
    with pytest.raises(Unavailable, match="nobody can be erased"):
        Journal(Path("/dev/full"), KEYRING).write(PEOPLE[1], Mark.BEGUN, DAY)
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, raw: real(descriptor, raw[:40]))
    with pytest.raises(Unavailable):
        journal(tmp_path).write(PEOPLE[1], Mark.BEGUN, DAY)
    monkeypatch.undo()

    def failing(_descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    journal(tmp_path).write(PEOPLE[2], Mark.BEGUN, DAY)
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(Unavailable):
        journal(tmp_path).write(PEOPLE[3], Mark.BEGUN, DAY)
    monkeypatch.undo()
    assert journal(tmp_path).name(PEOPLE[2]) in journal(tmp_path).read().begun
    assert journal(tmp_path).name(PEOPLE[1]) not in journal(tmp_path).read().begun


def test_workers_write_whole_lines(tmp_path: Path) -> None:
    """Many at once: each line is there."""
    threads = [
        threading.Thread(target=lambda: [journal(tmp_path).write(one, Mark.DONE, DAY) for one in PEOPLE])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal(tmp_path).read().lines == 4 * len(PEOPLE)
