"""Load over HTTP: so many connections, each asks again as soon as it was answered.

Raw protocols instead of an HTTP client, because whatever the load costs is taken from the service on the same cores.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import msgspec

ANSWERED_S = 30.0


class Load(msgspec.Struct):
    """What a round came to: requests answered as expected, others, and the time it took."""

    served: int = 0
    others: int = 0
    took_s: float = 0.0

    @property
    def per_s(self) -> float:
        """Requests per second that were answered as expected."""
        if not self.served:
            raise RuntimeError("not one request was answered as expected")
        return self.served / self.took_s


class Expected(msgspec.Struct, frozen=True):
    """How an answer is recognised: its status, and bytes that only the right one has."""

    status: bytes
    mark: bytes


class _Connection(asyncio.Protocol):
    """One keep-alive connection, with one request under way until `until`; then `ended` is set."""

    def __init__(self, requests: Iterator[bytes], expected: Expected, until: float, load: Load) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests, self._until, self._load = requests, until, load
        self._start, self._mark = b"HTTP/1.1 " + expected.status, expected.mark
        self._received = b""

    def connection_made(self, transport: Any) -> None:  # uvloop's own transport
        self._transport = transport
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or len(self._received) < end + 4 + _length(self._received[:end]):
            return
        if self._received.startswith(self._start) and self._mark in self._received:
            self._load.served += 1
        else:
            self._load.others += 1
        self._received = b""
        if time.perf_counter() < self._until:
            self._transport.write(next(self._requests))
        else:
            self._transport.close()

    def connection_lost(self, problem: Exception | None) -> None:
        self._load.others += time.perf_counter() < self._until  # the others go on, with one connection less
        if not self.ended.done():
            self.ended.set_result(None)


def _length(head: bytes) -> int:
    start = head.lower().find(b"\r\ncontent-length:")
    assert start >= 0, "every answer here says how long it is"
    return int(head[start + 17 :].split(b"\r\n", 1)[0])


async def ask(port: int, connections: int, requests: Iterator[bytes], expected: Expected, seconds: float) -> Load:
    """Ask for `seconds` over `connections`, which take their requests one by one."""
    load, started = Load(), time.perf_counter()
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(
            lambda: _Connection(requests, expected, started + seconds, load), "127.0.0.1", port
        )
        for _ in range(connections)
    ]
    async with asyncio.timeout(seconds + ANSWERED_S):
        await asyncio.gather(*(protocol.ended for _, protocol in opened))
    load.took_s = time.perf_counter() - started
    return load


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return the bytes of a request as a browser would send it."""
    lines = {"Host": "127.0.0.1", "User-Agent": "bench", "Accept-Language": "en-GB,en;q=0.8", **headers}
    if body:
        lines["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
