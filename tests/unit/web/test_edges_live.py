"""The edge behind a real server: slow and large bodies, and answers that break in the middle."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from litestar import Litestar, Request, get, post
from litestar.response import Stream

from ecrm_privacy.web.edges import Edges
from ecrm_privacy.web.problems import handle
from ecrm_privacy.web.stream import lines

pytestmark = pytest.mark.anyio

DEADLINE_S = 0.3
HEAD = "POST {path} HTTP/1.1\r\nHost: own\r\nOrigin: http://own\r\n"


@post("/v1/answers", status_code=200)
async def answers(request: Request[Any, Any, Any]) -> dict[str, int]:
    return {"length": len(await request.body())}


@post("/v1/items:batch", status_code=200, request_max_body_size=None)
async def batch(request: Request[Any, Any, Any]) -> dict[str, int]:
    return {"count": len([line async for line in lines(request.stream())])}


@get("/torn")
async def torn() -> Stream:
    async def half() -> AsyncIterator[bytes]:
        yield b"half of it"
        raise RuntimeError("ada@example.org")

    return Stream(half())


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server on a free port, with a short deadline."""
    app = Litestar([answers, batch, torn], exception_handlers={Exception: handle}, logging_config=None)
    edges = Edges(
        app,
        own_origin="http://own",
        site_origins=set,
        https=False,
        body_deadline_s=DEADLINE_S,
        log_requests=False,
    )
    server = uvicorn.Server(uvicorn.Config(edges, port=0, log_config=None, access_log=False, server_header=False))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def say(port: int, *parts: bytes, pause_s: float = 0.0, patience_s: float = 5.0) -> bytes:
    """Send parts with a pause after each while listening; return what was heard until the server closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = bytearray()

    async def listen() -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65536):
                heard.extend(piece)

    async with asyncio.timeout(patience_s):
        listening = asyncio.create_task(listen())
        with contextlib.suppress(ConnectionError):  # the server may have heard enough
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_s)
        await listening
    writer.close()
    return bytes(heard)


def head(path: str, *headers: str) -> bytes:
    """The head of a request."""
    return (HEAD.format(path=path) + "".join(f"{line}\r\n" for line in headers) + "\r\n").encode()


async def test_a_body_that_does_not_come_is_given_up_and_the_connection_closed(port: int) -> None:
    """408 after the deadline, not before, and nobody keeps the connection."""
    started = time.monotonic()
    heard = await say(port, head("/v1/answers", "Content-Length: 100"), b"only this")
    took_s = time.monotonic() - started
    assert heard.startswith(b"HTTP/1.1 408 ") and b"/problems/body-too-slow" in heard
    assert b"connection: close" in heard.lower() and DEADLINE_S <= took_s < DEADLINE_S + 1


async def test_a_body_that_trickles_is_given_up_too(port: int) -> None:
    """The deadline is for the whole body, not for each piece."""
    heard = await say(port, head("/v1/answers", "Content-Length: 100"), *[b"x"] * 8, pause_s=DEADLINE_S / 6)
    assert heard.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("announced", [True, False])
async def test_who_sends_ten_megabytes_reads_that_it_was_too_much(port: int, announced: bool) -> None:
    """The rest is read and dropped, so that the answer is not lost in a reset."""
    megabyte = bytes(1 << 20)
    if announced:
        heard = await say(port, head("/v1/answers", f"Content-Length: {10 << 20}"), *[megabyte] * 10)
    else:
        chunk = b"100000\r\n" + megabyte + b"\r\n"
        heard = await say(port, head("/v1/answers", "Transfer-Encoding: chunked"), *[chunk] * 10, b"0\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 413 ") and b"/problems/body-too-large" in heard


async def test_who_announces_more_than_it_sends_waits_no_longer_than_the_deadline(port: int) -> None:
    """Dropping has a deadline as well."""
    heard = await say(port, head("/v1/answers", f"Content-Length: {1 << 40}"), b"x")
    assert heard.startswith(b"HTTP/1.1 413 ")


async def test_a_stream_may_take_longer_than_the_deadline_as_long_as_it_moves(port: int) -> None:
    """NDJSON has no limit but that of a line and of a pause."""
    chunks = [b"2\r\n1\n\r\n"] * 6
    parts = [head("/v1/items:batch", "Transfer-Encoding: chunked", "Connection: close"), *chunks, b"0\r\n\r\n"]
    heard = await say(port, *parts, pause_s=DEADLINE_S / 2)
    assert heard.startswith(b"HTTP/1.1 200 ") and b'{"count":6}' in heard


async def test_a_stream_that_stands_still_is_given_up(port: int) -> None:
    """A pause has a deadline."""
    heard = await say(port, head("/v1/items:batch", "Transfer-Encoding: chunked"), b"2\r\n1\n\r\n")
    assert heard.startswith(b"HTTP/1.1 408 ") and b"connection: close" in heard.lower()


async def test_a_line_that_is_too_long_ends_a_stream(port: int) -> None:
    """Lines have a limit where streams have none."""
    line = b"x" * (64 * 1024 + 1) + b"\n"
    heard = await say(port, head("/v1/items:batch", f"Content-Length: {len(line)}"), line)
    assert heard.startswith(b"HTTP/1.1 413 ")


async def test_an_answer_that_breaks_in_the_middle_is_cut_off(
    port: int, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The client sees that it is incomplete; nobody sees why."""
    heard = await say(port, b"GET /torn HTTP/1.1\r\nHost: own\r\n\r\n")
    assert b"half of it" in heard and not heard.endswith(b"0\r\n\r\n")
    assert "ada" not in caplog.text and b"ada" not in heard


async def test_no_response_names_its_server(port: int) -> None:
    """With the settings that the service uses."""
    heard = await say(port, b"GET /torn/nowhere HTTP/1.1\r\nHost: own\r\nConnection: close\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 404 ") and b"\r\nserver:" not in heard.lower()
