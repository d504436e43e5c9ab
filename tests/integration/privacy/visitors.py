"""Visitors of the demo shop: anonymous ones that say yes and look around, and customers who sign in."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import jwt

from tests import markers
from tests.faults.group import DemoFile
from tests.houses import HEARD_S_MOST, NOTICE, idempotent, rule

PAUSE_S = 0.1


class Visitor:
    """One browser on the shop's real address; who is told to come again on a busy machine does."""

    def __init__(self, http: httpx.Client, demo: DemoFile) -> None:
        self.http = http
        self._demo = demo

    def answer(self, **said: str) -> httpx.Response:
        """Answer; the names of purposes are written with `_` in place of their point."""
        answers = [{**rule(name.replace("_", ".")), "answer": word} for name, word in said.items()]
        body, key = {"notice": NOTICE, "answers": answers, "method": "save"}, idempotent()
        return _heard(lambda: self.http.post("/v1/answers", json=body, headers=key), 201)

    def sign_in(self, number: str) -> httpx.Response:
        """Become a customer."""
        claims = {"sub": number, "iss": self._demo.issuer, "aud": self._demo.audience, "exp": int(time.time()) + 300}

        def token() -> str:
            return jwt.encode({**claims, "jti": str(uuid4())}, self._demo.token_secret, "HS256")

        return _heard(lambda: self.http.post("/v1/session", json={"token": token()}), 201)

    def act(self, kind: str, *items: str) -> None:
        """Look at items, or buy them; what is not permitted fails."""
        events = [{"event_id": str(uuid4()), "type": kind, "item_id": item} for item in items]
        told = _heard(lambda: self.http.post("/v1/events", json={"events": events}), 202).json()
        assert told["stored"] == len(events), told

    def slot(self, name: str) -> dict[str, Any]:
        """Read a slot as data."""
        found: dict[str, Any] = _heard(
            lambda: self.http.get(f"/v1/slots/{name}", headers={"Accept": "application/json"}), 200
        ).json()
        return found

    def ask(self, right: str) -> httpx.Response:
        """Make a rights request."""
        key = idempotent()
        return _heard(lambda: self.http.post("/v1/rights-requests", json={"right": right}, headers=key), 201)


def _heard(say: Callable[[], httpx.Response], status: int) -> httpx.Response:
    until = time.monotonic() + HEARD_S_MOST
    while (reply := say()).status_code == 503 and time.monotonic() < until:
        time.sleep(PAUSE_S)
    assert reply.status_code == status, (reply.request.url.path, reply.status_code, reply.text)
    return reply


@contextmanager
def visitor(demo: DemoFile) -> Iterator[Visitor]:
    """Open a browser on the shop."""
    headers, hooks = {"Origin": demo.base}, {"response": [markers.overhear_read]}
    with httpx.Client(base_url=demo.base, headers=headers, verify=False, event_hooks=hooks) as http:
        yield Visitor(http, demo)


def look_around(demo: DemoFile, count: int, items: list[str], seed: int = 1) -> None:
    """Let visitors come one after another: they say yes, look at things and pages, buy one, and half contribute."""
    chance = random.Random(seed)
    for _ in range(count):
        with visitor(demo) as one:
            one.answer(remember="given", personalize="given")
            for _ in range(chance.randrange(1, 4)):
                one.act("view", chance.choice(items))
                one.slot("for-you")
            one.act("purchase", chance.choice(items))
            one.answer(model_contribute=chance.choice(["given", "refused"]))
