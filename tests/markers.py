"""Markers: what the tests send, looked for after the run in all that was logged or shown as an error (promise 9).

Every browser of the tests plants what it sends and what it is given: numbers, names, addresses, tokens, cookies, keys,
receipts. `gathered` collects the lines that houses in this process log, and every error page; the logs of services and
of PostgreSQL lie in the run's own folder. Nothing that was planted may stand in any of it.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import structlog

from ecrm_privacy.web.logs import Lossy, ReducingHandler, only_allowed, render

SHORTEST = 8
TOKEN = re.compile(rb"[A-Za-z0-9_\-]{8,}")
"""What a line is cut into: an address and a signed token are cut the same way where they are planted."""
TELLING = re.compile(r"[0-9@ ]")
"""Only words with a digit, an at sign or a space are planted: others are words of the policy, which may be logged."""
A_TIME = re.compile(r"\d{4}-\d\d-\d\d")
HEADERS = ("idempotency-key", "ecrm-subject", "authorization", "cookie")

planted: set[bytes] = set()
said: list[bytes] = []


def plant(value: str) -> None:
    """Look for `value` after the run, whole or by its pieces."""
    if len(value) >= SHORTEST and TELLING.search(value) and not A_TIME.match(value):
        planted.update(piece for piece in TOKEN.findall(value.encode()) if TELLING.search(piece.decode()))


def overhear(response: httpx.Response) -> None:
    """Plant what was sent and what was given; keep what was said to a request that failed."""
    for name in HEADERS:
        plant(response.request.headers.get(name, "").rpartition("=")[2])
    for sent in _strings(response.request):
        plant(sent)
    for cookie in response.headers.get_list("set-cookie"):
        name, _, value = cookie.partition(";")[0].partition("=")
        if name.endswith("ecrm"):
            plant(value)
    if response.status_code >= 400:
        said.append(response.content)
    elif response.headers.get("content-type", "").startswith("application/json"):
        with suppress(ValueError, AttributeError):
            plant(str(response.json().get("receipt_id", "")))


def _strings(request: httpx.Request) -> Iterator[str]:
    with suppress(ValueError, RecursionError, httpx.RequestNotRead):  # bodies are also made so that nobody reads them
        yield from _leaves(json.loads(request.content))


def _leaves(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for each in value.values():
                yield from _leaves(each)
        case list():
            for each in value:
                yield from _leaves(each)


async def overhear_async(response: httpx.Response) -> None:
    """The same for a client that is awaited."""
    await response.aread()
    overhear(response)


def overhear_read(response: httpx.Response) -> None:
    """The same for a client that is not."""
    response.read()
    overhear(response)


def traces(contents: Iterable[tuple[str, bytes]]) -> set[tuple[str, str]]:
    """Return what was planted and stands in `contents`, with the name of where."""
    return {(piece.decode(), name) for name, content in contents for piece in set(TOKEN.findall(content)) & planted}


@contextmanager
def gathered() -> Iterator[BytesIO]:
    """Have all that houses in this process log written into memory, in the form in which a service writes it."""
    stream = BytesIO()
    lossy = Lossy(stream)
    structlog.configure(processors=[only_allowed, render], logger_factory=structlog.BytesLoggerFactory(lossy))  # type: ignore[arg-type]
    handler = ReducingHandler(lossy)
    logging.getLogger().addHandler(handler)
    try:
        yield stream
    finally:
        logging.getLogger().removeHandler(handler)
        structlog.reset_defaults()


def logs_in(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Read every log below `folder`: of services, of PostgreSQL."""
    for path in sorted(folder.rglob("*.log*")):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(folder)), path.read_bytes()
