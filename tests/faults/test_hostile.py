"""Hostile connections keep nobody else waiting, and are hung up on."""

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec
import pytest

from tests.faults.group import Group
from tests.faults.hostile import Attackers, Siege, allow_connections, siege

CONNECTIONS = int(os.environ.get("HOSTILE_CONNECTIONS", "500"))
"""How many of each kind; 1500 for the long run."""
LIVE_MS_MOST = 250
ASKED_AGAIN = 12
"""So many seconds are more than a head may take."""
HEAD = b"GET /health/live HTTP/1.1\r\nHost: probe\r\n"


@pytest.fixture(scope="module")
def running(group: Group) -> Iterator[Group]:
    """The service, started."""
    with group:
        yield group


class Guests(msgspec.Struct, frozen=True):
    """Who is there at once, and is heard of when they went: the besiegers, one who dawdles, and one who asks again."""

    siege: "Future[Siege]"
    blank_s: "Future[float]"
    kept: "Future[int]"


@pytest.fixture(scope="module")
def guests(running: Group) -> Iterator[Guests]:
    """All of them, begun together: each takes its seconds, in which the others change nothing."""
    allow_connections(3 * CONNECTIONS)
    attack = siege(running.port, idle=CONNECTIONS, half=CONNECTIONS, slow=CONNECTIONS * 2 // 5, big=10)
    with ThreadPoolExecutor(3) as threads:
        yield Guests(
            threads.submit(asyncio.run, attack),
            threads.submit(_dawdle, running.port),
            threads.submit(_ask_again, running.port),
        )


def test_a_siege_changes_nothing_for_others(running: Group, guests: Guests) -> None:
    """While hundreds idle, stall and drip, the service answers at once; each of them is told or hung up on in time."""
    seen = guests.siege.result()
    print(seen.text())
    assert seen.median_ms < LIVE_MS_MOST, seen.text()
    assert all(one.closed for one in seen.ended), seen.text()
    told = {kind: {one.status for one in seen.ended if one.kind == kind} for kind in ("slow body", "big body")}
    assert told == {"slow body": {408}, "big body": {413}}, seen.text()
    in_time = [one for one in seen.ended if one.after_s < 12.5]
    assert len(in_time) > 0.9 * len(seen.ended), seen.text()
    assert len(running.workers()) == 2


def test_an_idle_connection_cannot_be_kept_by_blank_lines(guests: Guests) -> None:
    """After an answer, bytes that begin no request buy no more time than one head has."""
    assert guests.blank_s.result() < 15


def test_who_asks_again_is_kept(guests: Guests) -> None:
    """A connection that goes on asking lives longer than any single head may take."""
    assert guests.kept.result() == ASKED_AGAIN


def test_a_head_without_end_is_cut(running: Group) -> None:
    """Nobody makes us keep a head of any size."""
    with socket.create_connection(("127.0.0.1", running.port), 10) as connection:
        connection.sendall(HEAD)
        with pytest.raises(ConnectionError):
            connection.sendall((b"X-More: " + b"a" * 1014 + b"\r\n") * 64 * 1024)


def test_it_still_answers(running: Group) -> None:
    """After all that, an answer is taken as ever."""
    assert asyncio.run(Attackers(running.port).answer()) > 0


def _dawdle(port: int) -> float:
    """Ask once, then send blank lines; returns the seconds until one is hung up on."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(HEAD + b"\r\n")
        connection.settimeout(1)
        with pytest.raises(ConnectionError):
            _send_blank_lines(connection, until=began + 30)
    return time.monotonic() - began


def _ask_again(port: int) -> int:
    """Ask once a second on one connection; returns how often it was answered."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        for asked in range(ASKED_AGAIN):
            connection.sendall(HEAD + b"\r\n")
            told = b""
            while b'"live"' not in told:
                piece = connection.recv(4096)
                assert piece, f"hung up on after {asked} answers"
                told += piece
            time.sleep(1)
    return ASKED_AGAIN


def _send_blank_lines(connection: socket.socket, until: float) -> None:
    """Send one a second; raises ConnectionError once the service hung up."""
    while time.monotonic() < until:
        connection.sendall(b"\r\n")
        try:
            if connection.recv(4096) == b"":
                raise ConnectionResetError
        except TimeoutError:
            continue
