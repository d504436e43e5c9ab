"""While the database is away: pages for nobody in particular, a 503 for what must be durable, and no 500 at all."""

import os
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest

from ecrm_privacy.database import leftovers
from tests.faults.group import HAS_PLUGIN, Group
from tests.faults.people import permissions_of

EVERYBODYS = ("/health/live", "/v1/notice?public=1", "/ledger/key", "/ecrm.js")
NOBODYS = ("/", "/pages/yours", "/v1/slots/popular", "/v1/slots/for-you", "/v1/slots/popular?public=1")
PERSONAL = ("/preferences", "/v1/permissions", "/v1/notice", "/v1/receipts")
ITEM = "sencha-morning-mist"
MEDIAN_S_MOST, S_MOST = 1.0, 6.0
"""A server that is gone is told at once; one that hangs, after a second per pool until its connections are cut."""


@pytest.fixture(scope="module")
def running(group: Group) -> Iterator[Group]:
    """The service, started."""
    with group:
        yield group


@pytest.fixture
def visitor(running: Group) -> Iterator[httpx.Client]:
    """A browser that was let remember and personalize, and looked at something."""
    with httpx.Client(
        base_url=running.base, headers={"Origin": running.base}, timeout=30, trust_env=False, verify=False
    ) as client:
        assert answer(client, str(uuid4())).status_code == 201
        if HAS_PLUGIN:
            assert client.post("/v1/events", json={"events": [view()]}).json()["stored"] == 1
        yield client


def answer(client: httpx.Client, key: str, word: str = "given") -> httpx.Response:
    """Answer to remember and personalize."""
    said = [{"purpose": purpose, "answer": word} for purpose in ("remember", "personalize")]
    body = {"notice": "shop@1", "answers": said, "method": "save"}
    return client.post("/v1/answers", json=body, headers={"Idempotency-Key": key})


def view() -> dict[str, str]:
    """Return an event."""
    return {"event_id": str(uuid4()), "type": "view", "item_id": ITEM}


@contextmanager
def killed(group: Group) -> Iterator[None]:
    """The server is killed, and nobody starts it again: its supervisor is held."""
    assert group.parent is not None
    group.parent.send_signal(signal.SIGSTOP)
    try:
        for process in group.database():
            leftovers.send(process, signal.SIGKILL)
        yield
    finally:
        group.parent.send_signal(signal.SIGCONT)


@contextmanager
def hanging(group: Group) -> Iterator[None]:
    """The server is held: its socket takes connections and answers nothing."""
    processes = group.database()
    try:
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            leftovers.send(process, signal.SIGCONT)


@pytest.mark.parametrize("away", [killed, hanging])
def test_what_needs_no_database_goes_on(running: Group, visitor: httpx.Client, away: object) -> None:
    """Pages degrade, writes are refused with Retry-After, nothing is a 500, and all is as before once it is back."""
    assert callable(away)
    _warm(running)
    before, personal = permissions_of(visitor.get("/v1/permissions")), _is_personal(visitor)
    assert personal is HAS_PLUGIN
    with away(running):
        took, key = _ask_all(running, visitor)
    running.wait_ready()
    assert statistics.median(took) < MEDIAN_S_MOST and max(took) < S_MOST, took
    assert answer(visitor, key, "refused").status_code == 201
    assert answer(visitor, str(uuid4())).status_code == 201
    assert permissions_of(visitor.get("/v1/permissions")) == before
    assert _is_personal(visitor) is personal


def _ask_all(running: Group, visitor: httpx.Client) -> tuple[list[float], str]:
    """Ask for everything; return the seconds each took, and the key of a write that was refused."""
    took: list[float] = []

    def ask(method: str, path: str, **more: object) -> httpx.Response:
        began = time.monotonic()
        reply = visitor.request(method, path, **more)  # type: ignore[arg-type]
        took.append(time.monotonic() - began)
        return reply

    def refused(reply: httpx.Response) -> None:
        told = (reply.status_code, "retry-after" in reply.headers)
        assert told == (503, True), f"{reply.request.url.path}: {told}"

    for path in EVERYBODYS:
        assert ask("GET", path).status_code == 200, path
    ready = ask("GET", "/health/ready")
    assert (ready.status_code, ready.json()["missing"]["database"]) == (503, "the database does not answer")
    for path in NOBODYS if HAS_PLUGIN else ():
        page = ask("GET", path)
        assert page.status_code == 200, path
        if path.startswith("/v1/slots/"):
            nobody = httpx.get(running.base + path, trust_env=False, timeout=30)
            assert page.content == nobody.content, f"{path} knows its visitor"
    for path in PERSONAL:
        refused(ask("GET", path))
    key = str(uuid4())
    for _ in range(3):
        said = [{"purpose": purpose, "answer": "refused"} for purpose in ("remember", "personalize")]
        body = {"notice": "shop@1", "answers": said, "method": "save"}
        refused(ask("POST", "/v1/answers", json=body, headers={"Idempotency-Key": key}))
    for right in ("access", "erasure"):
        headers = {"Idempotency-Key": str(uuid4())}
        refused(ask("POST", "/v1/rights-requests", json={"right": right}, headers=headers))
    if HAS_PLUGIN:
        assert _is_personal(visitor) is False
        refused(ask("POST", "/v1/events", json={"events": [view()]}))
    return took, key


def _is_personal(visitor: httpx.Client) -> bool:
    """Tell whether the visitor's own slot shows anything because of the visitor."""
    reply = visitor.get("/v1/slots/for-you", headers={"Accept": "application/json"})
    return reply.status_code == 200 and bool(reply.json()["personal"])


def _warm(running: Group) -> None:
    """Have every worker serve a page, each connection to whichever takes it."""
    for _ in range(30 if HAS_PLUGIN else 0):
        assert httpx.get(running.base + "/", trust_env=False).status_code == 200
