"""How the application is put together, where no database is needed."""

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
from litestar import Litestar, get
from litestar.di import NamedDependency, Provide
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from ecrm_privacy.hall import Repeated, again
from ecrm_privacy.routes import one_by_one
from tests.houses import logged


def _made(word: str) -> Provide:
    return Provide(lambda: word, sync_to_thread=False)


def _of_word(word: NamedDependency[str]) -> str:
    return f"of {word}"


@get("/")
async def _said(word: NamedDependency[str], other: NamedDependency[str], later: NamedDependency[str]) -> dict[str, str]:
    return {"word": word, "other": other, "later": later}


def _app() -> Litestar:
    later = Provide(_of_word, sync_to_thread=False)
    return Litestar([_said], dependencies={"word": _made("word"), "other": _made("other"), "later": later})


def _batches(app: Litestar) -> list[list[str]]:
    models: list[Any] = [
        asked
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path == "/"
        for method, (_, asked) in route.route_handler_map.items()
        if method == "GET"
    ]
    return [sorted(made.key for made in batch) for asked in models for batch in asked.dependency_batches]


def test_dependencies_are_made_one_by_one() -> None:
    """No task is started to make what never waits, and what needs another comes after it."""
    assert _batches(_app()) == [["other", "word"], ["later"]]
    assert _batches(one_by_one(_app())) == [["other"], ["word"], ["later"]]


def test_handlers_get_what_they_asked_for() -> None:
    """What is made one by one is what was asked for."""
    with TestClient(one_by_one(_app())) as client:
        assert client.get("/").json() == {"word": "word", "other": "other", "later": "of word"}


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
