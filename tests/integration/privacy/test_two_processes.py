"""Promise 3, the next request knows: two processes, each over a connection of its own that stays open."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.faults.group import Group
from tests.houses import NOTICE, SESSION
from tests.integration.privacy.conftest import Shop
from tests.integration.privacy.visitors import visitor
from tests.lengths import examples

WITHDRAWALS = 100
"""Each is followed by a request to either process."""
ERASURES = SIGN_OUTS = 10
CONNECTIONS_MOST = 400
PERSONAL = "/v1/slots/for-you"


class Wire:
    """A connection that stays open, and so leads to one and the same process."""

    def __init__(self, group: Group) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", group.port, timeout=30)
        self._origin = group.base
        self._http.connect()

    def call(self, method: str, path: str, session: str = "", body: Any = None) -> tuple[int, Any]:
        """Call on behalf of a session; returns status and what was said."""
        headers = {"Accept": "application/json", "Origin": self._origin, "Cookie": f"{SESSION}={session}"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        self._http.request(method, path, json.dumps(body) if body is not None else None, headers)
        reply = self._http.getresponse()
        return reply.status, json.loads(reply.read() or b"null")

    def is_personal(self, session: str) -> bool:
        """Read the slot that is made from somebody's own history."""
        status, slot = self.call("GET", PERSONAL, session)
        assert status == 200
        told = any("category" in item["because"] for item in slot["items"])
        assert slot["personal"] == told
        return told

    def answer(self, session: str, word: str) -> None:
        """Give or withdraw the permission for personal pages, and hear that it is recorded."""
        answers = [{"purpose": "personalize", "answer": word}]
        status, _ = self.call("POST", "/v1/answers", session, {"notice": NOTICE, "answers": answers, "method": "save"})
        assert status == 201

    def served_by(self, group: Group) -> int:
        """Return the process at the other end (Linux: by the socket's number in /proc)."""
        here, there = self._http.sock.getsockname()[1], group.port
        ends = f"0100007F:{there:04X} 0100007F:{here:04X}"
        sockets = [line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines() if ends in line]
        for process in group.workers():
            held = {str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir() if link.is_symlink()}
            if f"socket:[{sockets[0]}]" in held:
                return process
        raise AssertionError("no worker holds the other end")

    def close(self) -> None:
        """Hang up."""
        self._http.close()


@pytest.fixture(scope="module")
def wires(shop: Shop) -> Iterator[tuple[Wire, Wire]]:
    """A connection to each of the two processes."""
    by_process: dict[int, Wire] = {}
    spare = []
    while len(by_process) < 2:
        several = [Wire(shop.group) for _ in range(8)]
        for wire in several:
            wire.call("GET", "/health/live")
            by_process.setdefault(wire.served_by(shop.group), wire)
        spare += several
        assert len(spare) < CONNECTIONS_MOST, "one process takes every connection"
    one, other = by_process.values()
    for wire in spare:
        if wire not in (one, other):
            wire.close()
    yield one, other
    one.close()
    other.close()


def signed_in(shop: Shop, some: int, skip: int = 0) -> list[str]:
    """Sign in `some` customers whose pages are personal; returns their cookies."""
    found: list[str] = []
    with visitor(shop.group.demo()) as one:
        for customer in shop.group.demo().customers[skip:]:
            one.http.cookies.clear()
            one.sign_in(customer["customer_number"])
            if one.slot("for-you")["personal"]:
                found.append(one.http.cookies[SESSION])
            if len(found) == some:
                return found
    raise AssertionError("too few customers have personal pages")


@contextmanager
def crowd(shop: Shop, sessions: list[str]) -> Iterator[None]:
    """Let others ask both processes all the time, so that requests share statements."""
    over = threading.Event()

    def ask() -> None:
        wire = Wire(shop.group)
        for n in count():
            if over.is_set():
                break
            wire.call("GET", PERSONAL, sessions[n % len(sessions)])
        wire.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()


def test_the_next_request_to_either_process_obeys(shop: Shop, wires: tuple[Wire, Wire]) -> None:
    """A withdrawal that one process acknowledged holds for the next request to each; so does the yes after it."""
    sessions = signed_in(shop, 5)
    with crowd(shop, sessions):
        for n in range(examples(WITHDRAWALS)):
            session, speaker = sessions[n % len(sessions)], wires[n % 2]
            for word, expected in (("withdrawn", False), ("given", True)):
                speaker.answer(session, word)
                order = wires if n % 3 else wires[::-1]
                assert [wire.is_personal(session) for wire in order] == [expected, expected], (n, word)


def test_the_next_request_after_an_erasure_knows_nobody(shop: Shop, wires: tuple[Wire, Wire]) -> None:
    """An erasure that one process acknowledged ends every session of that person in both."""
    for n, session in enumerate(signed_in(shop, ERASURES, skip=100)):
        assert [wire.is_personal(session) for wire in wires] == [True, True]
        status, _ = wires[n % 2].call("POST", "/v1/rights-requests", session, {"right": "erasure"})
        assert status == 201
        for wire in wires[::-1] if n % 2 == 0 else wires:
            assert not wire.is_personal(session)
            assert wire.call("GET", "/v1/receipts", session)[1] == {"receipts": []}


def test_the_next_request_after_signing_out_knows_nobody(shop: Shop, wires: tuple[Wire, Wire]) -> None:
    """A cookie that was signed out at one process names nobody at the other."""
    nobody = wires[0].call("GET", "/v1/permissions")
    for n, session in enumerate(signed_in(shop, SIGN_OUTS, skip=20)):
        assert wires[1 - n % 2].is_personal(session)
        assert wires[n % 2].call("DELETE", "/v1/session", session)[0] == 200
        for wire in wires[::-1] if n % 2 == 0 else wires:
            assert not wire.is_personal(session)
            assert wire.call("GET", "/v1/permissions", session) == nobody
