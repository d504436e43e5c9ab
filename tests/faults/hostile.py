"""Hostile connections: idle ones, halves of heads, bodies by the drop, bodies too large; and a probe beside them.

python -m tests.faults.hostile --idle 1500 --half 1500 --slow 1500     (starts a demo of its own)
"""

import argparse
import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import msgspec

from tests.faults.group import Group

DROP_S = 1.0
"""Halves of heads and slow bodies send one byte each time this is over, so that no plain idle timer ends them."""
LASTS_S = 16.0
PROBE_S = 0.05
PROBE_TIMEOUT_S = 5.0
BIG_BYTES = 10 * 1024 * 1024
LIVE = b"GET /health/live HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n"


class Ended(msgspec.Struct, frozen=True):
    """How a hostile connection ended: closed by the service after `after_s`, with the status it was told, if any."""

    kind: str
    closed: bool
    after_s: float
    status: int = 0


class Siege(msgspec.Struct, frozen=True):
    """What the probe and the attackers saw. Latencies in milliseconds; a failed probe counts as its time-out."""

    before_ms: float
    median_ms: float
    worst_ms: float
    probes: int
    failed: int
    ended: list[Ended]
    answers_after_ms: float

    def text(self) -> str:
        """Return it as it is printed."""
        during = f"{self.probes} probes, median {self.median_ms:.1f} ms, worst {self.worst_ms:.0f} ms"
        after = f"{self.failed} failed; an answer afterwards {self.answers_after_ms:.0f} ms"
        lines = [f"probe: {self.before_ms:.1f} ms before; {during}, {after}"]
        for kind in dict.fromkeys(one.kind for one in self.ended):
            of_kind = [one for one in self.ended if one.kind == kind]
            closed = sorted(one.after_s for one in of_kind if one.closed)
            seconds = f"after {closed[0]:.1f} to {closed[-1]:.1f} s" if closed else "never"
            statuses = dict(Counter(one.status for one in of_kind))
            lines.append(f"  {kind}: {len(of_kind)}, closed {len(closed)} {seconds}; statuses {statuses}")
        return "\n".join(lines)


class Attackers:
    """Opens hostile connections to one port and watches how each ends."""

    def __init__(self, port: int, lasts_s: float = LASTS_S) -> None:
        self.port = port
        self.base = f"http://127.0.0.1:{port}".encode()
        self._lasts_s = lasts_s

    async def idle(self) -> Ended:
        """Say nothing."""
        return await self._hold("idle", b"", b"")

    async def half(self) -> Ended:
        """Say half a head, then a letter of it now and then."""
        return await self._hold("half head", b"GET /preferences HTTP/1.1\r\nHost: probe\r\nX-More: ", b"a")

    async def slow(self) -> Ended:
        """Announce a body and send it by the drop."""
        return await self._hold("slow body", self._head(1000), b"x")

    async def big(self) -> Ended:
        """Send a body far beyond the limit."""
        return await self._hold("big body", self._head(BIG_BYTES) + b"x" * BIG_BYTES, b"")

    async def answer(self) -> float:
        """Answer as a visitor does, and return the milliseconds until it was acknowledged."""
        said = b'{"notice":"shop@1","answers":[{"purpose":"remember","answer":"refused"}],"method":"refuse_all"}'
        began = time.perf_counter()
        status = await self._ask(self._head(len(said), close=True) + said)
        assert status == 201, f"an answer is answered {status}"
        return (time.perf_counter() - began) * 1000

    async def probe(self) -> float | None:
        """Ask whether the service lives; return milliseconds, or None when it did not answer in time."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                status = await self._ask(LIVE)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return None
        return (time.perf_counter() - began) * 1000 if status == 200 else None

    def _head(self, length: int, *, close: bool = False) -> bytes:
        lines = [
            b"POST /v1/answers HTTP/1.1", b"Host: probe", b"Origin: " + self.base, b"Content-Type: application/json",
            b"Idempotency-Key: " + str(uuid4()).encode(), b"Content-Length: " + str(length).encode(),
        ]  # fmt: skip
        return b"\r\n".join([*lines, *([b"Connection: close"] if close else []), b"", b""])

    async def _ask(self, request: bytes) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            line = await reader.readline()
            await reader.read()
            return int(line.split()[1]) if line else 0
        finally:
            writer.transport.abort()

    async def _hold(self, kind: str, first: bytes, drop: bytes) -> Ended:
        """Send `first`, then `drop` again and again, until the service hangs up or the attack is over."""
        began = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return Ended(kind, False, 0.0, -1)
        status, closed = 0, False
        try:
            async with asyncio.timeout(self._lasts_s):
                dropping = asyncio.create_task(_drop(writer, first, drop))
                try:
                    line = await reader.readline()
                    status = int(line.split()[1]) if line else 0
                    await reader.read()
                    closed = True
                finally:
                    dropping.cancel()
                    await asyncio.gather(dropping, return_exceptions=True)
        except TimeoutError:
            closed = False
        except OSError:
            closed = True
        finally:
            writer.transport.abort()
        return Ended(kind, closed, time.monotonic() - began, status)


async def _drop(writer: asyncio.StreamWriter, first: bytes, drop: bytes) -> None:
    writer.write(first)
    await writer.drain()
    while drop:
        await asyncio.sleep(DROP_S)
        writer.write(drop)
        await writer.drain()


async def siege(port: int, *, idle: int, half: int, slow: int, big: int, lasts_s: float = LASTS_S) -> Siege:
    """Attack with that many connections of each kind at once, and probe until the last one ended."""
    attackers = Attackers(port, lasts_s)
    before = [await attackers.probe() or PROBE_TIMEOUT_S * 1000 for _ in range(20)]
    kinds = [attackers.idle] * idle + [attackers.half] * half + [attackers.slow] * slow + [attackers.big] * big
    attack = asyncio.gather(*(kind() for kind in kinds))
    during: list[float | None] = []
    while not attack.done():
        during.append(await attackers.probe())
        await asyncio.sleep(PROBE_S)
    ended = list(await attack)
    after = await attackers.answer()
    taken = [PROBE_TIMEOUT_S * 1000 if each is None else each for each in during]
    return Siege(
        statistics.median(before), statistics.median(taken), max(taken), len(taken), during.count(None), ended, after
    )


def allow_connections(count: int) -> None:
    """Let this process hold that many connections, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 256
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.hostile", description=__doc__)
    for name, count in (("idle", 1500), ("half", 1500), ("slow", 1500), ("big", 20)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--lasts", type=float, default=LASTS_S, help="seconds until the attackers give up")
    parser.add_argument("--port", type=int, help="attack what runs there already")
    given = parser.parse_args()
    counts = {name: getattr(given, name) for name in ("idle", "half", "slow", "big")}
    allow_connections(sum(counts.values()))
    if given.port:
        print(asyncio.run(siege(given.port, **counts, lasts_s=given.lasts)).text())
        return 0
    with tempfile.TemporaryDirectory(prefix="ecrm-hostile-") as folder, Group(Path(folder) / "data") as group:
        print(asyncio.run(siege(group.port, **counts, lasts_s=given.lasts)).text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
