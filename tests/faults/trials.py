"""The next request knows, a hundred thousand times: four workers, many people at once, none shown what was withdrawn.

Everybody is signed in as a customer, takes *personalize* back and gives it again. As soon as the answer is acknowledged
four requests ask for personal slots, each over a connection of its own, so that whichever worker took the answer the
others are asked too. One more connection of theirs asks all the time, so that whatever a worker remembers, or shares
with a request that came earlier, is of the moment before the answer.

`python -m tests.faults.trials --trials 100000` is the long run.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import jwt
import msgspec

from tests.faults.group import DemoFile, Group

WORKERS, PEOPLE = 4, 24
SLOTS = ("greeting", "for-you", "greeting", "for-you")
NOTICE, PURPOSE = "shop@1", "personalize"
SHOWN = {"given": b'"personal":true', "withdrawn": b'"personal":false'}


class Trials(msgspec.Struct):
    """What came of a run: requests after a withdrawal and after a yes, and those that did not obey."""

    after_no: int = 0
    after_yes: int = 0
    missed: int = 0
    otherwise: int = 0
    """Answered with anything but 200 or 201: no trial."""
    took_s: float = 0.0
    busy_s: tuple[float, ...] = ()
    """Processor time of each worker meanwhile."""

    def text(self) -> str:
        """Say it in a line."""
        return (
            f"{self.after_no:,} requests after a withdrawal and {self.after_yes:,} after a yes, {self.missed} missed,"
            f" {self.otherwise} answered otherwise, in {self.took_s:.0f} s; processor time of the workers:"
            f" {', '.join(f'{busy:.1f} s' for busy in self.busy_s)}"
        )


class Connection:
    """One keep-alive connection, with one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, head: str, body: bytes = b"") -> tuple[int, bytes, bytes]:
        """Send a request and return status, head and body of its answer; status 0 when there was none."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        writer.write(f"{head}\r\nHost: 127.0.0.1:{self._port}\r\n{length}\r\n".encode() + body)
        try:
            came = await reader.readuntil(b"\r\n\r\n")
            lower = came.lower()
            at = lower.find(b"content-length:")
            size = int(lower[at + 15 : lower.find(b"\r\n", at)]) if at >= 0 else 0
            return int(came[9:12]), came, await reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            return 0, b"", b""

    def close(self) -> None:
        """Hang up; the next request begins anew."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Person:
    """A customer who cannot make up their mind."""

    def __init__(self, group: Group, demo: DemoFile, number: str) -> None:
        self._base, self._demo, self._number = group.base, demo, number
        self._speaks = Connection(group.port)
        self._asks = [Connection(group.port) for _ in SLOTS]
        self._restless = Connection(group.port)
        self._cookie = ""

    async def sign_in(self) -> None:
        """Get a session."""
        claims = {"sub": self._number, "aud": self._demo.audience, "iss": self._demo.issuer, "jti": str(uuid4())}
        token = jwt.encode(claims | {"exp": int(time.time()) + 300}, self._demo.token_secret.encode(), "HS256")
        status, head, _ = await self._post("/v1/session", {"token": token}, "")
        assert status in {200, 201, 204}, status
        at = head.find(b"ecrm=")
        self._cookie = head[at : head.find(b";", at)].decode()

    async def live(self, trials: Trials, wanted: int) -> None:
        """Say no and yes in turn until there are as many trials as `wanted`."""
        answer, restless = "withdrawn", asyncio.create_task(self._ask_all_the_time())
        while trials.after_no < wanted:
            if await self._say(answer):
                came = await asyncio.gather(*(self._obeys(each, slot, answer) for each, slot in self._pairs()))
                told = Counter(came)
                trials.after_no += answer == "withdrawn" and told[True] + told[False]
                trials.after_yes += answer == "given" and told[True] + told[False]
                trials.missed += told[False]
                trials.otherwise += told[None]
                answer = "given" if answer == "withdrawn" else "withdrawn"
            else:
                trials.otherwise += 1
        restless.cancel()

    async def _ask_all_the_time(self) -> None:
        while True:
            for slot in SLOTS:
                await self._obeys(self._restless, slot, "given")

    def close(self) -> None:
        """Hang up."""
        for each in (self._speaks, self._restless, *self._asks):
            each.close()

    def _pairs(self) -> list[tuple[Connection, str]]:
        return list(zip(self._asks, SLOTS, strict=True))

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
        trials = asyncio.run(_run(group, wanted))
        trials.took_s = time.monotonic() - began
        trials.busy_s = tuple(_busy_s(each) - was for each, was in zip(workers, busy, strict=True))
    return trials


async def _run(group: Group, wanted: int) -> Trials:
    demo, trials = group.demo(), Trials()
    people = [Person(group, demo, customer["customer_number"]) for customer in demo.customers[:PEOPLE]]
    try:
        for person in people:
            await person.sign_in()
            assert await person._say("given")
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
