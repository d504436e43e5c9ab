"""Rounds of load and kills on one data directory, so that damage would accumulate; after each the laws are checked.

    python -m tests.faults.kills --rounds 50 --seed 7

The seed decides who says what, what is killed and when; how far each request had come by then is up to the machine.
"""

import argparse
import asyncio
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import msgspec

from ecrm_privacy.delivery.jobs import LEASE_S
from ecrm_privacy.ledger.checkpoint import Checkpoint
from tests.faults.check import LAWS, Asking, chosen, nothing_that_nobody_asked_for
from tests.faults.facts import ORIGIN, Bench, Facts
from tests.faults.group import HAS_PLUGIN, KILLS, WITH_HOUSE, Group
from tests.faults.oracle import Book, Oracle, now_s
from tests.faults.people import Browser, Town
from tests.faults.watching import Watcher, checkpoint

WRITERS = 24
WARM_S = (0.5, 2.5)
AFTER_S = 1.5
SAMPLE = 100
"""How many earlier receipts are asked for again after each round, beside all new ones."""
WRONG_MOST = 20
DONE_S = LEASE_S + 30.0
"""A little more than the time for which a killed worker holds its job."""
CHECKOUT = Path(__file__).resolve().parents[2]


class Round(msgspec.Struct, frozen=True):
    """What happened in one round. `gap_s`: the longest time after the kill in which nothing was acknowledged."""

    number: int
    kind: str
    after_s: float
    gap_s: float | None
    acked: int
    unknown: int
    refused: int
    retried: int
    erased: int
    tree_size: int
    asked: dict[str, int]
    statuses: dict[str, int]
    wrong: list[str]
    took_s: float


class Summary(msgspec.Struct, frozen=True):
    """The figures of a run."""

    seed: int
    commit: str
    date: str
    machine: str
    plugin: bool
    workers: int
    writers: int
    rounds: list[Round]

    @property
    def wrong(self) -> list[str]:
        """Every promise that was broken."""
        return [f"round {one.number} ({one.kind}): {what}" for one in self.rounds for what in one.wrong]

    def total(self, field: str) -> int:
        """Add up one figure of all rounds."""
        return sum(getattr(one, field) for one in self.rounds)

    def text(self) -> str:
        """Return the summary as it is printed."""
        kinds = Counter(one.kind for one in self.rounds)
        lost = sum("LOST" in what for what in self.wrong)
        what = f"{self.workers} workers, {self.writers} writers, personalization {'on' if self.plugin else 'off'}"
        entries = self.rounds[-1].tree_size if self.rounds else 0
        counts = f"{self.total('acked')} acknowledged, {lost} lost, {self.total('unknown')} of unknown outcome"
        more = f"{self.total('refused')} refused, {self.total('retried')} repeated, {self.total('erased')} erasures"
        lines = [
            f"seed {self.seed}, commit {self.commit}, {self.date}, {self.machine}, {what}",
            f"{len(self.rounds)} kills: {counts}, {more}, {entries} entries in the log",
        ]
        for kind, count in kinds.items():
            gaps = sorted(one.gap_s for one in self.rounds if one.kind == kind and one.gap_s is not None)
            seconds = (
                f"in the median {gaps[len(gaps) // 2]:.2f} s, at most {gaps[-1]:.2f} s" if gaps else "none measured"
            )
            lines.append(f"  {kind:<11} {count:>3} times, longest silence {seconds}")
        return "\n".join([*lines, *(f"  WRONG: {what}" for what in self.wrong), f"{len(self.wrong)} promises broken"])


class Run:
    """One data directory with its service, its oracle and its people."""

    def __init__(
        self, folder: Path, seed: int, *, writers: int = WRITERS, workers: int = 2, gate_process: bool = False
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.group = Group(folder / "data", workers=workers, gate_process=gate_process)
        self.rng = random.Random(seed)
        self.rounds: list[Round] = []
        self._writers = writers
        self._browsers: list[Browser] = []
        self._customers: list[str] = []
        self._checkpoints: list[Checkpoint] = []
        self._first = 0
        self._told = 0
        self._read_to = 0
        self._watcher = Watcher()

    def begin(self) -> None:
        """Note where the log stands before anything is asked, and who the customers are."""
        self.bench = Bench(self.group.data_dir)
        before = self._read()
        assert before.report.sound, before.report.problem
        self._first = before.tree_size
        self._customers = [customer["customer_number"] for customer in self.group.demo().customers]
        self.rng.shuffle(self._customers)
        for account in [self._customers.pop() for _ in range(2)]:
            self._browsers += [Browser(f"{account}{side}", str(self.seed), account) for side in "ab"]
        alone = self._writers - len(self._browsers)
        self._browsers += [Browser(f"b{number}", str(self.seed)) for number in range(alone)]

    def round(self, number: int, kind: str, *, last: bool) -> Round:
        """Load, kill, let it come back, restart, check."""
        began = time.monotonic()
        statuses, killed_s, after_s, guarded = asyncio.run(self._trouble(number, kind))
        self._restart()
        book = Book(self.folder / "oracle")
        asked, wrong = self._check(book, number, last=last)
        wrong += guarded
        done = [deed for deed in book.deeds if deed.round == number]
        outcomes = Counter(deed.outcome for deed in done)
        made = Round(
            number, kind, round(after_s, 3), _gap_s(book, number, killed_s),
            outcomes["acked"], outcomes["unknown"], outcomes["refused"],
            sum(deed.heard.tries - 1 for deed in done if deed.heard),
            len([deed for deed in done if deed.sent.act == "erasure" and deed.outcome == "acked"]),
            self._checkpoints[-1].tree_size, asked, statuses, wrong, round(time.monotonic() - began, 1),
        )  # fmt: skip
        self.rounds.append(made)
        return made

    async def _trouble(self, number: int, kind: str) -> tuple[dict[str, int], float, float, list[str]]:
        """Run the load, kill in its midst, bring back what does not come back by itself; load on for a moment."""
        after_s = self.rng.uniform(*WARM_S)
        with Oracle(self.folder / "oracle", number) as oracle:
            town = Town(self.group.base, self.group.demo(), oracle, self._customers)
            people = [asyncio.create_task(browser.live(town)) for browser in self._browsers]
            people.append(asyncio.create_task(self._watcher.look(town)))
            await asyncio.sleep(after_s)
            killed_s = now_s()
            await asyncio.to_thread(WITH_HOUSE[kind], self.group, self.rng)
            shown, guarded = self._watcher.highest, self.bench.guarded()  # before anybody comes back and mends it
            await asyncio.to_thread(self._revive, at_once=self.rng.random() < 0.5)
            await asyncio.sleep(AFTER_S)
            town.stopping.set()
            await asyncio.gather(*people)
        behind = [f"the guard's file said {guarded} after {shown} was shown"] if guarded < shown else []
        return dict(town.statuses), killed_s, after_s, behind

    def _revive(self, *, at_once: bool) -> None:
        """Start the group again if its parent is gone, at once or when nothing of it is left; wait for the service."""
        assert self.group.parent is not None
        if self.group.parent.poll() is not None:
            left = [] if at_once else self.group.wait_gone()
            assert left == [], f"processes {left} outlived their parent"
            self.group.start()
        self.group.wait_ready()

    def _restart(self) -> None:
        """Stop in order and start again: what is checked was on disk."""
        status, _ = self.group.stop()
        left = self.group.wait_gone(5.0)
        assert (status, left) == (0, []), f"a stop on request ended with {status} and left {left}"
        self.group.start()
        self.group.wait_ready()

    def _check(self, book: Book, number: int, *, last: bool) -> tuple[dict[str, int], list[str]]:
        wrong = [f"{one.browser}: {one.what}" for one in book.wrong[self._told :]]
        self._told = len(book.wrong)
        shown = {each.tree_size: checkpoint(each, ORIGIN) for each in book.shown}
        facts = self._settled([*self._checkpoints, *shown.values()], last=last)
        for law in LAWS:
            wrong += law(book, facts, self.bench.name_of)
        wrong += nothing_that_nobody_asked_for(book, facts, self.bench.name_of, self._first)
        wrong += self._cries()
        asking = Asking(self.group.base, book, self.rng)
        wrong += asking.run(*chosen(book, number, self.rng, SAMPLE))
        return dict(asking.asked), wrong

    def _settled(self, known: Sequence[Checkpoint], *, last: bool) -> Facts:
        """Read the facts once every erasure is done; in a last round the leases of killed workers run out for real."""
        deadline = time.monotonic() + (DONE_S if last else 10.0)
        facts = self._read(known)
        while facts.erasures_due and time.monotonic() < deadline:
            if not last:
                self.bench.end_leases()
            time.sleep(0.25)
            facts = self._read(known)
        self._checkpoints.append(facts.checkpoint)
        return facts

    def _read(self, known: Sequence[Checkpoint] = ()) -> Facts:
        return self.bench.read(known, self._first)

    def _cries(self) -> list[str]:
        """Return what the service logged since last time that it must never log."""
        text = self.group.log.read_text("utf-8", "replace")
        new, self._read_to = text[self._read_to :], len(text)
        bad = ("Traceback", '"problem":"internal"', '"problem":"tampered"', 'gate_closed","reason":"tampered')
        return [f"logged: {line[:300]}" for line in new.splitlines() if any(word in line for word in bad)]


def schedule(rounds: int, rng: random.Random, kinds: Sequence[str]) -> list[str]:
    """Return what is killed in each round: every kind in its order first, then again and again in any order."""
    found = list(kinds)
    while len(found) < rounds:
        found += rng.sample(kinds, len(kinds))
    return found[:rounds]


def run(
    folder: Path,
    rounds: int,
    seed: int,
    *,
    kinds: Sequence[str] = tuple(KILLS),
    writers: int = WRITERS,
    patient: bool = False,
    gate_process: bool = False,
) -> Summary:
    """Run that many rounds; stops early when promises were broken too often, to leave the state to look at."""
    made = Run(folder, seed, writers=writers, gate_process=gate_process)
    with made.group:
        made.begin()
        for number, kind in enumerate(schedule(rounds, made.rng, kinds), 1):
            one = made.round(number, kind, last=patient and number == rounds)
            report(one)
            if sum(len(each.wrong) for each in made.rounds) > WRONG_MOST:
                break
    return Summary(
        seed, _commit(), datetime.now(UTC).date().isoformat(),
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        HAS_PLUGIN, 2, writers, made.rounds,
    )  # fmt: skip


def report(one: Round) -> None:
    """Print a line about a round."""
    gap = "no" if one.gap_s is None else f"{one.gap_s:.2f} s"
    print(
        f"{one.number:>4} {one.kind:<11} at {one.after_s:.2f} s: {one.acked} acked, {one.unknown} unknown,"
        f" {one.refused} refused, {one.retried} repeated, {one.erased} erased; silence {gap}; log {one.tree_size};"
        f" {one.took_s} s {'ok' if not one.wrong else 'WRONG'}",
        flush=True,
    )
    for what in one.wrong[:10]:
        print(f"       {what}", flush=True)


def _gap_s(book: Book, number: int, killed_s: float) -> float | None:
    heard = [deed.heard for deed in book.deeds if deed.round == number and deed.outcome == "acked" and deed.heard]
    moments = [killed_s, *sorted(one.heard_at_s for one in heard if one.heard_at_s >= killed_s)]
    return round(max(after - before for before, after in pairwise(moments)), 3) if len(moments) > 1 else None


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "unknown"


def main() -> int:
    """Run from the command line; 0 if no promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kills", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--kinds", nargs="+", choices=WITH_HOUSE, help="what to kill (default: everything)")
    parser.add_argument("--gate-process", action="store_true", help="with the keys in a process of their own")
    parser.add_argument("--writers", type=int, default=WRITERS)
    parser.add_argument("--folder", type=Path, help="where data, log and oracle stay (default: none)")
    parser.add_argument("--json", type=Path, help="write the summary there too")
    given = parser.parse_args()
    known = WITH_HOUSE if given.gate_process else KILLS
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="ecrm-kills-") as temporary:
        folder = given.folder or Path(temporary)
        summary = run(
            folder.absolute(), given.rounds, given.seed, kinds=given.kinds or tuple(known), writers=given.writers,
            patient=True, gate_process=given.gate_process,
        )  # fmt: skip
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=1))
    print(summary.text())
    return 1 if summary.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
