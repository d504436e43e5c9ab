"""Schemathesis over every call that the service describes: what fits the description, and what does not."""

from asyncio import Runner
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import msgspec
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.schemas import APIOperation

from ecrm_privacy.consent.store import add_api_key
from tests.conftest import Database
from tests.houses import ORIGIN, Browser, Opened, running, until_heard
from tests.lengths import examples

KEY = "a-key-that-may-everything"
SCOPES = ("consent:read", "consent:write", "subjects:write", "slots:read", "events:write", "catalogue:write")
PLUGINS = ("personalization.plugin",)
EXAMPLES, EXAMPLES_LONG = 2, 50
"""Of each call and mode; the second with `make fuzz`."""

Operation = APIOperation[Any, Any, Any, Any]


@schemathesis.serializer("application/x-ndjson")
def lines(_ctx: Any, value: Any) -> bytes:
    """What is made up for a stream, as one line of it."""
    return msgspec.json.encode(value) + b"\n"


async def prepared(opened: Opened) -> tuple[Browser, dict[str, Any]]:
    """A signed-in browser, a server's key, and how the service describes itself."""
    async with opened.as_admin() as admin:
        await add_api_key(sha256(KEY.encode()).digest(), "warehouse", SCOPES, 1_000_000).run(admin)
    browser = opened.browser()
    assert (await browser.sign_in("C-1")).status_code == 201
    assert (await browser.answer({"remember": "given", "personalize": "given"})).status_code == 201
    return browser, (await browser.http.get("/schema/openapi.json")).json()


def operations(described: dict[str, Any]) -> Iterator[Operation]:
    """Every call; one that cannot be read fails here."""
    for found in schemathesis.openapi.from_dict(described).get_all_operations():
        yield found.ok()


async def ask(browser: Browser, case: Case) -> httpx.Response:
    """Send what was made up: as the server with its key where the call is one for servers, else as the browser."""
    sent = case.as_transport_kwargs(base_url=ORIGIN)
    headers = {"Origin": ORIGIN, **(sent.get("headers") or {})}
    if "security" in case.operation.definition.raw:
        headers["Authorization"] = f"Bearer {KEY}"
    coded = [(name.encode("latin-1"), str(value).encode("utf-8")) for name, value in headers.items()]
    body = {"content": sent["data"]} if isinstance(sent.get("data"), bytes | str) else {"data": sent.get("data")}
    if sent.get("json") is not None:
        body = {"json": sent["json"]}
    return await until_heard(
        lambda: browser.http.request(sent["method"], sent["url"], params=sent.get("params"), headers=coded, **body)
    )


def judged(reply: httpx.Response, operation: Operation) -> None:
    """No fault of ours; what is refused is a problem, and one that the description names."""
    assert reply.status_code < 500, reply.text
    assert str(reply.status_code) in operation.definition.raw["responses"], (reply.status_code, reply.text)
    if reply.status_code >= 400:
        kind = reply.headers["content-type"]
        assert kind == "application/problem+json" or kind.startswith("text/html"), kind


def try_out(runner: Runner, browser: Browser, operation: Operation, mode: GenerationMode) -> None:
    """Make up some cases and send them. Raises Unsatisfiable where nothing can be made up."""

    @settings(
        max_examples=examples(EXAMPLES, EXAMPLES_LONG),
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def sent(case: Case) -> None:
        judged(runner.run(ask(browser, case)), case.operation)

    sent()


def test_nothing_that_is_sent_is_a_fault_of_ours(database: Database, tmp_path: Path) -> None:
    """Each call, with what fits and what does not: no 5xx, and every refusal is one of its own problems."""
    unlimited = {"yes_per_minute_address": 0, "yes_per_minute_subject": 0}
    with running(database, tmp_path, plugins=PLUGINS, **unlimited) as (runner, opened):
        browser, described = runner.run(prepared(opened))
        for operation in operations(described):
            try_out(runner, browser, operation, GenerationMode.POSITIVE)
            if operation.path.startswith("/v1/"):  # wrong forms for pages take seconds to make up, and stand elsewhere
                with suppress(Unsatisfiable):  # nothing is wrong about a call that takes nothing
                    try_out(runner, browser, operation, GenerationMode.NEGATIVE)
