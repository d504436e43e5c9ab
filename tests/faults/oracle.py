"""The memory outside the application: what was asked, and what was said to it, each line on disk before we go on.

One file per round, NDJSON, opened for appending, `fdatasync` after each line. A request is written down before it is
sent and its outcome after it was heard, so a line without an outcome is *unknown*. The checker reads these files and
nothing that a client kept in memory; damage of one round is looked for in all later ones.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal

import msgspec

Act = Literal["answer", "sign_in", "erasure", "event"]
Outcome = Literal["acked", "refused", "unknown"]


class Sent(msgspec.Struct, frozen=True, tag="sent"):
    """A request before its first try. `subject` is the oracle's own name for whom it is about ("" for nobody)."""

    n: int
    act: Act
    browser: str
    subject: str
    key: str
    answers: dict[str, str] = {}
    body: str = ""
    item: str = ""
    beside: tuple[str, ...] = ()
    """Further subjects that an erasure or a sign-in may reach."""


class Heard(msgspec.Struct, frozen=True, tag="heard"):
    """What became of it. acked: a 2xx was read. refused: every try was answered by a refusal that changes nothing."""

    n: int
    outcome: Outcome
    tries: int
    sent_at_s: float
    heard_at_s: float
    status: int = 0
    receipt_id: str = ""
    leaf_index: int = -1
    request_id: str = ""
    stored: int = 0


class Seen(msgspec.Struct, frozen=True, tag="seen"):
    """Where a browser stood at the end of a round: its cookies, and whom it should be known as."""

    browser: str
    subject: str
    cookies: dict[str, str]
    signed_in: bool


class Wrong(msgspec.Struct, frozen=True, tag="wrong"):
    """A promise that was broken while the load ran."""

    browser: str
    what: str


class Shown(msgspec.Struct, frozen=True, tag="shown"):
    """A checkpoint of the log that somebody was shown, as the public one or in a receipt. `root_hash` is hex."""

    where: Literal["public", "receipt"]
    tree_size: int
    root_hash: str


Line = Sent | Heard | Seen | Wrong | Shown


class Deed(msgspec.Struct, frozen=True):
    """A request with what became of it."""

    round: int
    sent: Sent
    heard: Heard | None

    @property
    def outcome(self) -> Outcome:
        """Without an outcome on disk it is unknown."""
        return "unknown" if self.heard is None else self.heard.outcome


class Oracle:
    """Appends to the file of one round."""

    def __init__(self, folder: Path, number: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"round-{number:04}.ndjson"
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._count = 0

    def __enter__(self) -> "Oracle":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def number(self) -> int:
        """Return the number of the next request."""
        self._count += 1
        return self._count

    def note(self, line: Line) -> None:
        """Write a line and wait until it is on disk."""
        os.write(self._file, msgspec.json.encode(line) + b"\n")
        os.fdatasync(self._file)


class Book:
    """All that the files of a folder say."""

    def __init__(self, folder: Path) -> None:
        self.deeds: list[Deed] = []
        self.seen: dict[str, Seen] = {}
        self.wrong: list[Wrong] = []
        self.shown: list[Shown] = []
        for path in sorted(folder.glob("round-*.ndjson")):
            self._take(int(path.stem.removeprefix("round-")), list(_lines(path)))

    def _take(self, number: int, lines: list[Line]) -> None:
        heard = {line.n: line for line in lines if isinstance(line, Heard)}
        self.deeds += [Deed(number, line, heard.get(line.n)) for line in lines if isinstance(line, Sent)]
        self.seen |= {line.browser: line for line in lines if isinstance(line, Seen)}
        self.wrong += [line for line in lines if isinstance(line, Wrong)]
        self.shown += [line for line in lines if isinstance(line, Shown)]

    def of(self, act: Act, outcome: Outcome | None = None) -> list[Deed]:
        """Return the requests of a kind, all or those with one outcome, in the order in which they were sent."""
        return [deed for deed in self.deeds if deed.sent.act == act and outcome in {None, deed.outcome}]


def _lines(path: Path) -> Iterator[Line]:
    decoder = msgspec.json.Decoder(Line)
    for line in path.read_bytes().splitlines():
        yield decoder.decode(line)


def now_s() -> float:
    """Return the clock by which outcomes are compared with kills."""
    return time.monotonic()
