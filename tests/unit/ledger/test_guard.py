"""The highest checkpoint outside the database: what it keeps, over which names, and what it refuses."""

import errno
import os
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.errors import GuardRefused, Unavailable
from ecrm_privacy.ledger.checkpoint import Checkpoint, Signer
from ecrm_privacy.ledger.guard import Guard
from ecrm_privacy.ledger.names import name_of, number_of

BASE = "shop.example/ledger"


def signer(origin: str = BASE) -> Signer:
    return Signer(origin, Ed25519PrivateKey.from_private_bytes(sha256(origin.encode()).digest()))


def note(size: int, origin: str = BASE) -> str:
    return signer(origin).sign(Checkpoint(origin, size, sha256(b"%d" % size).digest()).text())


def guard(folder: Path) -> Guard:
    return Guard(folder / "keys" / "highest.checkpoint", BASE, lambda origin: signer(origin).verifier)


def test_before_the_first_there_is_none(tmp_path: Path) -> None:
    """A log that nobody was told about may begin anywhere."""
    assert guard(tmp_path).highest() is None and guard(tmp_path).note() is None


def test_only_what_is_higher_is_kept(tmp_path: Path) -> None:
    """A lower checkpoint is told that it is not the highest; any name after a shard is higher than all before."""
    kept = guard(tmp_path)
    assert kept.keep(note(5)) and kept.keep(note(5)) and not kept.keep(note(4))
    assert guard(tmp_path).note() == note(5)
    assert guard(tmp_path).keep(note(2, f"{BASE}/2")) and not guard(tmp_path).keep(note(9))
    assert guard(tmp_path).highest() == Checkpoint(f"{BASE}/2", 2, sha256(b"2").digest())
    assert not kept.keep(note(6)), "it reads what another worker kept before it writes"
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["highest.checkpoint"]


def test_workers_never_lower_it(tmp_path: Path) -> None:
    """Many at once, each with a guard of its own: the highest stays."""
    notes = [note(size) for size in range(1, 41)]
    threads = [
        threading.Thread(target=lambda part: [guard(tmp_path).keep(each) for each in part], args=(notes[at::4],))
        for at in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert guard(tmp_path).note() == notes[-1]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        note(5).encode()[:-20],
        note(5).replace("\n5\n", "\n6\n").encode(),
        note(5, "other.example/log").encode(),
        note(5, f"{BASE}/1").encode(),
        note(5, f"{BASE}/02").encode(),
    ],
    ids=["empty", "no text", "torn", "another size", "another log", "no name of it", "another way to write it"],
)
def test_what_is_damaged_or_foreign_is_refused(content: bytes, tmp_path: Path) -> None:
    """The message names the file and says what to do; nothing is written over it."""
    path = tmp_path / "keys" / "highest.checkpoint"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(GuardRefused, match=r"highest.checkpoint does not say .* Put the file back"):
        guard(tmp_path).highest()
    with pytest.raises(GuardRefused):
        guard(tmp_path).keep(note(9))
    assert path.read_bytes() == content


def test_a_full_disk_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be remembered may not be shown; what was kept before stays whole."""
    kept = guard(tmp_path)
    kept.keep(note(5))

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="cannot be written"):
        kept.keep(note(6))
    assert guard(tmp_path).note() == note(5)
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["highest.checkpoint"]


@given(st.integers(1, 10**9 - 1))
def test_names_are_numbered(number: int) -> None:
    """A name gives its number and the number its name; nothing else is a name of the log."""
    assert number_of(BASE, name_of(BASE, number)) == number
    for other in (f"{BASE}/0", f"{BASE}/1", f"{BASE}/02", f"{BASE}/2/2", f"{BASE}2", "x" + BASE, BASE[:-1]):
        assert number_of(BASE, other) is None
