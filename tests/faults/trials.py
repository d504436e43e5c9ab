"""The next request knows, a hundred thousand times: four workers, many people at once, none shown what was withdrawn.

Everybody is signed in as a customer, takes *personalize* back and gives it again. Each has connections to every worker:
whose they are is looked up in the system, not left to chance. As soon as a withdrawal is acknowledged, by one worker,
each of the four is asked for both personal slots, by eight requests over eight connections: eight trials. While it is
under way one more connection to each worker asks in turn, without a pause, so that whatever a worker remembers, or
shares with a request that came earlier, is of the moment before the answer. After a yes each worker is asked once.

`python -m tests.faults.trials --trials 100000` is the long run.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from uuid import uuid4

import jwt
import msgspec
import uvloop

from tests.faults.group import DemoFile, Group

WORKERS, PEOPLE = 4, 24
SLOTS = ("greeting", "for-you")
WAYS = len(SLOTS) + 1
"""Connections of each person to each worker: one for each slot, and one that is restless."""
OPENED_AT_ONCE, OPENINGS_MOST = 32, 160
HEALTH = "GET /health/live HTTP/1.1"
NOTICE, PURPOSE = "shop@1", "personalize"
SHOWN = {"given": b'"personal":true', "withdrawn": b'"personal":false'}


class Trials(msgspec.Struct):
    """What came of a run: requests after a withdrawal and after a yes, and those that did not obey."""

    after_no: int = 0
    elsewhere: int = 0
    """So many of them were asked of another worker than the one that took the withdrawal."""
    after_yes: int = 0
    earlier: int = 0
    """Requests that came before a withdrawal was acknowledged, and were still shown."""
    missed: int = 0
    """Shown after a withdrawal: never."""
    shut: int = 0
    """Not shown after a yes: a gate that does not answer in time grants nothing."""
    otherwise: int = 0
    """Answered with anything but 200 or 201: no trial."""
    took_s: float = 0.0
    busy_s: tuple[float, ...] = ()
    """Processor time of each worker meanwhile."""

    def text(self) -> str:
        """Say it in a line."""
        busy = ", ".join(f"{each:.1f} s" for each in self.busy_s)
        return (
            f"{self.after_no:,} requests after a withdrawal, {self.elsewhere:,} of them at another worker than took it:"
            f" {self.missed} missed; {self.after_yes:,} after a yes: {self.shut} found the gate shut;"
            f" {self.earlier:,} shown while a withdrawal was under way; {self.otherwise} answered otherwise;"
            f" in {self.took_s:.0f} s; processor time of the workers: {busy}"
        )


class Connection:
    """One keep-alive connection, with one request at a time; to one `worker`, if it is said which."""

    def __init__(self, group: Group, worker: int | None = None) -> None:
        self._group = group
        self.worker = worker
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, head: str, body: bytes = b"") -> tuple[int, bytes, bytes]:
        """Send a request and return status, head and body of its answer; status 0 when there was none."""
        if self._streams is None:
            await self._open()
        return await self._ask(head, body)

    async def _open(self) -> None:
        """Open it; again until it is to the right worker, because the system chooses who takes it."""
        for _ in range(OPENINGS_MOST):
            self._streams = await asyncio.open_connection("127.0.0.1", self._group.port)
            if self.worker is None:
                return
            await self._ask(HEALTH)
            if self.taken_by(takers(self._group)) == self.worker:
                return
            self.close()
        raise AssertionError(f"worker {self.worker} takes no connection")

    async def _ask(self, head: str, body: bytes = b"") -> tuple[int, bytes, bytes]:
        assert self._streams is not None
        reader, writer = self._streams
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        writer.write(f"{head}\r\nHost: 127.0.0.1:{self._group.port}\r\n{length}\r\n".encode() + body)
        try:
            came = await reader.readuntil(b"\r\n\r\n")
            lower = came.lower()
            at = lower.find(b"content-length:")
            size = int(lower[at + 15 : lower.find(b"\r\n", at)]) if at >= 0 else 0
            return int(came[9:12]), came, await reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            return 0, b"", b""

    def taken_by(self, takers: dict[int, int]) -> int | None:
        """Return the worker at the other end, once it answered."""
        return None if self._streams is None else takers.get(self._streams[1].get_extra_info("sockname")[1])

    def close(self) -> None:
        """Hang up; the next request begins anew."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def takers(group: Group) -> dict[int, int]:
    """Return which worker holds the other end of a connection, by the port of this end (Linux: proc(5))."""
    held = {_link(file): worker for worker in group.workers() for file in Path(f"/proc/{worker}/fd").iterdir()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = [(row[1].rpartition(":")[2], row[2].rpartition(":")[2], held.get(f"socket:[{row[9]}]")) for row in rows]
    return {int(there, 16): worker for here, there, worker in ends if worker and int(here, 16) == group.port}


def _link(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:  # closed meanwhile
        return ""


async def reach(group: Group, each: int) -> dict[int, list[Connection]]:
    """Return `each` connections to every worker; opens more until the system has let every worker take as many."""
    found: dict[int, list[Connection]] = {worker: [] for worker in group.workers()}
    for _ in range(OPENINGS_MOST):
        opened = [Connection(group) for _ in range(OPENED_AT_ONCE)]
        await asyncio.gather(*(connection.ask(HEALTH) for connection in opened))
        taken_by = takers(group)
        for connection in opened:
            connection.worker = connection.taken_by(taken_by)
            mine = found.get(connection.worker or 0, [])
            if connection.worker is None or len(mine) == each:
                connection.close()
            else:
                mine.append(connection)
        if all(len(mine) == each for mine in found.values()):
            return found
    for connection in (each for mine in found.values() for each in mine):
        connection.close()
    raise AssertionError(f"some workers take hardly any connection: {[len(mine) for mine in found.values()]}")


class Person:
    """A customer who cannot make up their mind. `ways` are three connections to each worker, beside that to speak."""

    def __init__(
        self, demo: DemoFile, base: str, number: str, speaks: Connection, ways: Sequence[Sequence[Connection]]
    ) -> None:
        self._demo, self._base, self._number, self._speaks = demo, base, number, speaks
        self._asks = [(way, slot) for mine in ways for way, slot in zip(mine, SLOTS, strict=False)]
        self._restless = [mine[len(SLOTS)] for mine in ways]
        self._cookie = ""

    async def sign_in(self) -> None:
        """Get a session, and permit what is taken back later."""
        claims = {"sub": self._number, "aud": self._demo.audience, "iss": self._demo.issuer, "jti": str(uuid4())}
        token = jwt.encode(claims | {"exp": int(time.time()) + 300}, self._demo.token_secret.encode(), "HS256")
        status, head, _ = await self._post("/v1/session", {"token": token}, "")
        assert status in {200, 201, 204}, status
        at = head.find(b"ecrm=")
        self._cookie = head[at : head.find(b";", at)].decode()
        assert await self._say("given")

    async def live(self, trials: Trials, wanted: int) -> None:
        """Say no and yes in turn until there are as many trials as `wanted`."""
        while trials.after_no < wanted:
            answered = asyncio.Event()
            restless = asyncio.create_task(self._ask_until(answered, trials))
            taken = await self._say("withdrawn")
            answered.set()
            if taken:
                await self._look_after_a_no(trials)
            trials.otherwise += not taken
            await restless
            while not await self._say("given"):
                trials.otherwise += 1
            await self._look_after_a_yes(trials)

    def close(self) -> None:
        """Hang up."""
        for each in (self._speaks, *self._restless, *(way for way, _ in self._asks)):
            each.close()

    async def _look_after_a_no(self, trials: Trials) -> None:
        """Ask every worker for every slot at once."""
        came = await asyncio.gather(*(self._obeys(way, slot, "withdrawn") for way, slot in self._asks))
        told = [(way.worker, obeys) for (way, _), obeys in zip(self._asks, came, strict=True) if obeys is not None]
        trials.after_no += len(told)
        trials.elsewhere += sum(worker != self._speaks.worker for worker, _ in told)
        trials.missed += came.count(False)
        trials.otherwise += came.count(None)

    async def _look_after_a_yes(self, trials: Trials) -> None:
        """Ask every worker for one slot at once, half of them for the other."""
        asks = [ask for place, ask in enumerate(self._asks) if place % 4 in {0, 3}]
        came = await asyncio.gather(*(self._obeys(way, slot, "given") for way, slot in asks))
        trials.after_yes += len(came) - came.count(None)
        trials.shut += came.count(False)
        trials.otherwise += came.count(None)

    async def _ask_until(self, answered: asyncio.Event, trials: Trials) -> None:
        """Ask one worker after the other without a pause; the last request is under way when the answer comes."""
        asks = cycle([(way, slot) for slot in SLOTS for way in self._restless])
        while not answered.is_set():
            way, slot = next(asks)
            trials.earlier += bool(await self._obeys(way, slot, "given"))

    async def _say(self, answer: str) -> bool:
        said = {"notice": NOTICE, "answers": [{"purpose": PURPOSE, "answer": answer}], "method": "save"}
        return (await self._post("/v1/answers", said, f"Idempotency-Key: {uuid4()}\r\n"))[0] == 201

    async def _post(self, path: str, body: object, more: str) -> tuple[int, bytes, bytes]:
        head = f"POST {path} HTTP/1.1\r\nOrigin: {self._base}\r\nContent-Type: application/json\r\n{more}"
        return await self._speaks.ask(f"{head}Cookie: {self._cookie}", msgspec.json.encode(body))

    async def _obeys(self, connection: Connection, slot: str, answer: str) -> bool | None:
        head = f"GET /v1/slots/{slot} HTTP/1.1\r\nAccept: application/json\r\nCookie: {self._cookie}"
        status, _, body = await connection.ask(head)
        return SHOWN[answer] in body if status == 200 else None


def run(data_dir: Path, wanted: int) -> Trials:
    """Try it on a copy of a demo's data."""
    with Group(data_dir, workers=WORKERS) as group:
        workers = group.workers()
        assert len(workers) == WORKERS, workers
        began, busy = time.monotonic(), [_busy_s(worker) for worker in workers]
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            trials = runner.run(_run(group, wanted))
        trials.took_s = time.monotonic() - began
        trials.busy_s = tuple(_busy_s(each) - was for each, was in zip(workers, busy, strict=True))
    return trials


async def _run(group: Group, wanted: int) -> Trials:
    demo, trials, workers = group.demo(), Trials(), group.workers()
    ways = await reach(group, WAYS * PEOPLE + PEOPLE // WORKERS)
    people = [
        Person(
            demo, group.base, customer["customer_number"], ways[workers[number % WORKERS]].pop(),
            [[ways[worker].pop() for _ in range(WAYS)] for worker in workers],
        )
        for number, customer in enumerate(demo.customers[:PEOPLE])
    ]  # fmt: skip
    try:
        await asyncio.gather(*(person.sign_in() for person in people))
        await asyncio.gather(*(person.live(trials, wanted) for person in people))
    finally:
        for person in people:
            person.close()
    return trials


def _busy_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Run as many trials as were asked for; the exit status is 1 when one missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100_000, help="requests after a withdrawal")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ecrm-trials-") as folder:
        trials = run(Path(folder) / "data", given.trials)
    print(trials.text())
    return 1 if trials.missed else 0


if __name__ == "__main__":
    sys.exit(main())
