"""How the application is put together, where no database is needed."""

import asyncio
from contextlib import suppress

import msgspec
from litestar import Litestar, get
from litestar.di import NamedDependency, Provide
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from ecrm_privacy.hall import Repeated, again
from ecrm_privacy.web.given import made_plainly
from ecrm_privacy.web.hallway import AnyRequest
from tests.houses import logged


def _made(word: str) -> Provide:
    def provide(request: AnyRequest) -> str:
        return f"{word} of {request.url.path}"

    return Provide(provide, sync_to_thread=False)


@get("/")
async def _said(word: NamedDependency[str], other: NamedDependency[str]) -> dict[str, str]:
    return {"word": word, "other": other}


def test_handlers_get_what_they_asked_for_without_a_task() -> None:
    """What a request brings along is made one by one, in an order that is always the same."""
    app = made_plainly(Litestar([_said], dependencies={"word": _made("word"), "other": _made("other")}))
    batches = [
        [made.key for batch in asked.dependency_batches for made in batch]
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path == "/"
        for _, asked in route.route_handler_map.values()
        if asked.dependency_batches
    ]
    assert batches == [["other", "word"]]
    with TestClient(app) as client:
        assert client.get("/").json() == {"word": "word of /", "other": "other of /"}


def test_a_failing_job_is_logged_without_its_words() -> None:
    """What comes again and again says by its log line what failed and where, and nothing that the failure quotes."""

    async def fail() -> None:
        raise ValueError("ada@example.com")

    async def goes_on() -> None:
        return None

    async def for_a_moment() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(again(Repeated("learn", 0.001, fail), goes_on), 0.2)

    with logged() as log:
        asyncio.run(for_a_moment())
    first = msgspec.json.decode(log.getvalue().splitlines()[0])
    assert (first["event"], first["kind"], first["error"]) == ("job_failed", "learn", "builtins.ValueError")
    assert "left_out" not in first and b"ada@" not in log.getvalue()
