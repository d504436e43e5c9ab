"""The folder of a witness: its key, its record, and that neither starts without the other."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecrm_privacy.errors import KeyFileRefused, StartRefused
from ecrm_privacy.ledger.witness.app import Witness, by_origin
from ecrm_privacy.ledger.witness.folder import open_folder
from ecrm_privacy.ledger.witness.store import Record
from ecrm_privacy.ledger.witness.verdict import State
from tests.unit.ledger.witnessing import LOG, NOW, ORIGIN, WITNESS, body

NAME = "dpo.example/witness"


_opened: list[Record] = []


@pytest.fixture(autouse=True)
def records() -> Iterator[None]:
    """Close what a test opened."""
    yield
    while _opened:
        _opened.pop().close()


def opened(record: Record) -> Record:
    _opened.append(record)
    return record


def start(folder: Path, name: str | None = None) -> Witness:
    cosigner, record = open_folder(folder, [ORIGIN], name)
    opened(record)
    return Witness(cosigner, record, by_origin([LOG.verifier]), lambda: NOW)


def test_the_first_start_makes_key_and_record_for_their_owner_alone(tmp_path: Path) -> None:
    """Folder, key and record can be read by nobody else, and the next start finds them."""
    folder = tmp_path / "a" / "witness"
    cosigner, record = open_folder(folder, [ORIGIN], NAME)
    record.close()
    assert cosigner.name == NAME
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "witness.key": 0o600,
        "witness.sqlite": 0o600,
    }
    assert start(folder).cosigner.vkey() == start(folder, NAME).cosigner.vkey() == cosigner.vkey()


def test_two_witnesses_have_two_keys_and_two_names(tmp_path: Path) -> None:
    """Keys are drawn anew, and a witness that nobody named has a name of its own."""
    one, two = start(tmp_path / "one").cosigner, start(tmp_path / "two").cosigner
    assert one.name != two.name
    assert one.key.public != two.key.public


def test_a_restart_remembers(tmp_path: Path) -> None:
    """What was cosigned stands after a restart, also for a log that was left out in between."""
    assert start(tmp_path).add_checkpoint(body(0, 9)).status == 200
    _, record = open_folder(tmp_path, ["other.example"])
    record.close()
    again = start(tmp_path)
    assert again.add_checkpoint(body(0, 9, "fork")).body == "9\n"
    assert again.add_checkpoint(body(9, 9, "fork")).status == 422
    assert again.add_checkpoint(body(9, 12)).status == 200


def test_a_key_without_its_record_does_not_start(tmp_path: Path) -> None:
    """A key whose record is gone could sign a second history, so it does not start."""
    start(tmp_path)
    (tmp_path / "witness.sqlite").unlink()
    with pytest.raises(StartRefused, match="is missing, the record"):
        start(tmp_path)
    assert not (tmp_path / "witness.sqlite").exists()


def test_a_record_is_not_taken_up_by_a_new_key(tmp_path: Path) -> None:
    """Where something was cosigned, a lost key is not replaced in silence; where nothing was, it is made anew."""
    first = start(tmp_path)
    (tmp_path / "witness.key").unlink()
    second = start(tmp_path)
    assert first.cosigner.vkey() != second.cosigner.vkey()
    assert second.add_checkpoint(body(0, 1)).status == 200
    (tmp_path / "witness.key").unlink()
    with pytest.raises(KeyFileRefused, match="its record is not empty"):
        start(tmp_path)


def test_a_name_is_given_once(tmp_path: Path) -> None:
    """Another name would be another key id: it is refused, and so is one that no signature line can hold."""
    start(tmp_path / "one", NAME)
    with pytest.raises(KeyFileRefused, match=f"is the key of {NAME}"):
        start(tmp_path / "one", "other.example")
    with pytest.raises(StartRefused, match="the name of the witness"):
        start(tmp_path / "two", "two words")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_reach_does_not_start(tmp_path: Path, mode: int) -> None:
    """A key file that others may read or write is refused, with what to do."""
    start(tmp_path)
    (tmp_path / "witness.key").chmod(mode)
    with pytest.raises(KeyFileRefused, match="chmod 600"):
        start(tmp_path)


def test_a_key_file_that_is_none_does_not_start(tmp_path: Path) -> None:
    """A damaged key file, one of another version and a link are refused, and nothing of them is shown."""
    start(tmp_path, NAME)
    path = tmp_path / "witness.key"
    good = path.read_text()
    for bad in ("", "{}", good[:-10], good.replace('"v":1', '"v":2'), good.replace('"seed":"', '"seed":"00')):
        path.write_text(bad)
        with pytest.raises(KeyFileRefused) as refused:
            start(tmp_path)
        assert good[40:60] not in str(refused.value)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileRefused, match="cannot be opened"):
        start(tmp_path)


def test_of_two_who_judged_by_the_same_state_one_goes_on(tmp_path: Path) -> None:
    """Writing is bound to what was looked at: the second of two processes that looked at the same writes nothing."""
    one, two = (opened(Record(tmp_path / "witness.sqlite", [ORIGIN])) for _ in range(2))
    seen = one.state(ORIGIN), two.state(ORIGIN)
    assert seen == (State(), State())
    left, right = State(5, bytes(32), "left\n", NOW), State(7, bytes([1]) * 32, "right\n", NOW)
    assert one.advance(ORIGIN, seen[0], left)
    assert not two.advance(ORIGIN, seen[1], right)
    assert one.state(ORIGIN) == two.state(ORIGIN) == left
    assert not two.advance(ORIGIN, State(5, bytes([2]) * 32, "", NOW), right)
    assert not two.advance("unknown.example", State(), right)
    assert two.advance(ORIGIN, left, right)


class Overtaken(Record):
    """A record into which another process writes between looking and writing, once."""

    other: Witness | None = None
    sends = b""

    def advance(self, origin: str, known: State, new: State) -> bool:
        other, self.other = self.other, None
        if other is not None:
            assert other.add_checkpoint(self.sends).status == 200
        return super().advance(origin, known, new)


@pytest.mark.parametrize(
    ("sends", "status", "size"),
    [(body(0, 9, "fork"), 409, 9), (body(0, 3), 409, 3), (body(0, 12), 409, 12)],
    ids=["a fork", "a smaller tree", "a larger tree"],
)
def test_who_is_overtaken_judges_again(tmp_path: Path, sends: bytes, status: int, size: int) -> None:
    """The race of the specification: what came in between is what counts, and nothing is rolled back."""
    path = tmp_path / "witness.sqlite"
    record = Overtaken(path, [ORIGIN])
    opened(record)
    record.other = Witness(WITNESS, opened(Record(path, [ORIGIN])), by_origin([LOG.verifier]), lambda: NOW)
    record.sends = sends
    reply = Witness(WITNESS, record, by_origin([LOG.verifier]), lambda: NOW).add_checkpoint(body(0, 9))
    assert (reply.status, reply.body) == (status, f"{size}\n")
    assert record.state(ORIGIN).tree_size == size
