"""Asking witnesses: those that answer, those that do not, and those that lie."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
import uvicorn
from structlog.testing import capture_logs

from ecrm_privacy.delivery.witnesses import Witnesses
from ecrm_privacy.errors import StartRefused, Unavailable
from ecrm_privacy.ledger.cosignature import CosignatureKey, Cosigner
from ecrm_privacy.ledger.quorum import Policy, Witness, parse_policy, witnessed
from ecrm_privacy.ledger.witness.app import Witness as Served
from ecrm_privacy.ledger.witness.app import WitnessApp, by_origin
from ecrm_privacy.ledger.witness.store import Record
from tests.unit.ledger.witnessing import LOG, NOW, ORIGIN, WITNESS, body, checkpoint, note, private, proof

pytestmark = pytest.mark.anyio

TIMEOUT_S = 0.5
OTHER = Cosigner("other.example/witness", private("other"))
Honest = Callable[[Cosigner], Awaitable[tuple[str, Served]]]
Lying = Callable[..., Awaitable[str]]
Ask = Callable[..., Awaitable[Witnesses]]


@pytest.fixture
async def honest(tmp_path: Path) -> AsyncIterator[Honest]:
    """Start real witnesses; gives address and witness."""
    servers, records = [], []

    async def start(cosigner: Cosigner) -> tuple[str, Served]:
        records.append(Record(tmp_path / f"{len(records)}.sqlite", [ORIGIN]))
        served = Served(cosigner, records[-1], by_origin([LOG.verifier]), lambda: NOW)
        config = uvicorn.Config(WitnessApp(served), port=0, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        servers.append((server, asyncio.create_task(server.serve())))
        while not server.started:
            await asyncio.sleep(0.01)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", served

    yield start
    for server, serving in servers:
        server.should_exit = True
        await serving
    for record in records:
        record.close()


@pytest.fixture
async def lying() -> AsyncIterator[Lying]:
    """Start servers that say the given bytes to whatever they hear, slowly if asked to, and count what they heard."""
    servers: list[asyncio.Server] = []

    async def start(*parts: bytes, pause_s: float = 0.0, heard: list[bytes] | None = None) -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                said = head + await reader.readexactly(length)
                if heard is not None:
                    heard.append(said)
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(pause_s)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        servers.append(await asyncio.start_server(answer, "127.0.0.1", 0))
        return f"http://127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Make clients of witnesses at addresses."""
    made: list[Witnesses] = []

    async def begin(*urls: tuple[str, CosignatureKey]) -> Witnesses:
        asked = [Witness(f"w{number}", key, url) for number, (url, key) in enumerate(urls)]
        made.append(Witnesses(asked, timeout_s=TIMEOUT_S))
        return made[-1]

    yield begin
    for each in made:
        await each.close()


def prove_to(size: int, seen: list[int] | None = None, fork: str = "") -> Callable[[int], Awaitable[Sequence[bytes]]]:
    async def prove(old_size: int) -> Sequence[bytes]:
        if seen is not None:
            seen.append(old_size)
        return proof(old_size, size, fork)

    return prove


def http(status: int, content: bytes, kind: str = "text/plain", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def policy_of(*cosigners: Cosigner) -> Policy:
    lines = [f"witness {number} {cosigner.vkey()}\n" for number, cosigner in enumerate(cosigners)]
    names = " ".join(str(number) for number in range(len(cosigners)))
    return parse_policy(
        f"log {LOG.vkey()}\n{''.join(lines)}group all-of-them all {names}\nquorum all-of-them\n".encode()
    )


async def test_all_cosign_and_the_quorum_is_there(honest: Honest, ask: Ask) -> None:
    """What two witnesses sign makes the note that the policy asks for, at each size in turn."""
    (one, _), (two, _) = await honest(WITNESS), await honest(OTHER)
    witnesses = await ask((one, WITNESS.key), (f"{two}/", OTHER.key))
    for size in (0, 1, 9, 9, 64):
        lines = await witnesses.gather(note(size), size, prove_to(size))
        assert witnessed(policy_of(WITNESS, OTHER), note(size) + "".join(lines)).satisfied


async def test_where_it_stands_is_asked_once_and_remembered(honest: Honest, ask: Ask) -> None:
    """A new client learns the size by a conflict, later ones begin at it, and an unchanged tree needs no proof."""
    url, served = await honest(WITNESS)
    assert served.add_checkpoint(body(0, 5)).status == 200
    witnesses = await ask((url, WITNESS.key))
    seen: list[int] = []
    for size in (9, 12, 12):
        assert await witnesses.gather(note(size), size, prove_to(size, seen))
    assert seen == [5, 9]


async def test_another_worker_in_between_is_no_trouble(honest: Honest, ask: Ask) -> None:
    """What this client remembers may be old: the conflict says where to begin."""
    url, served = await honest(WITNESS)
    witnesses = await ask((url, WITNESS.key))
    assert await witnesses.gather(note(5), 5, prove_to(5))
    assert served.add_checkpoint(body(5, 7)).status == 200
    seen: list[int] = []
    assert await witnesses.gather(note(9), 9, prove_to(9, seen))
    assert seen == [5, 7]


async def test_a_witness_that_saw_more_is_left_out(honest: Honest, ask: Ask) -> None:
    """A log that went back, or forked, gets no cosignature, and nothing is raised."""
    url, served = await honest(WITNESS)
    assert served.add_checkpoint(body(0, 9)).status == 200
    witnesses = await ask((url, WITNESS.key))
    assert await witnesses.gather(note(5), 5, prove_to(5)) == []
    assert await witnesses.gather(note(12, "fork"), 12, prove_to(12, fork="fork")) == []
    assert await witnesses.gather(note(12), 12, prove_to(12))


async def test_two_keys_at_one_address_are_asked_once(lying: Lying, ask: Ask) -> None:
    """Who signs with two keys is asked once, and both lines count."""
    text = checkpoint(5).text()
    lines = WITNESS.cosign(text, NOW) + OTHER.cosign(text, NOW)
    heard: list[bytes] = []
    url = await lying(http(200, lines.encode()), heard=heard)
    witnesses = await ask((url, WITNESS.key), (url, OTHER.key))
    assert "".join(await witnesses.gather(note(5), 5, prove_to(5))) == lines
    assert len(heard) == 1
    assert heard[0].startswith(b"POST /add-checkpoint HTTP/1.1\r\n")
    assert heard[0].endswith(b"\r\n\r\n" + body(0, 5))


GOOD = WITNESS.cosign(checkpoint(9).text(), NOW).encode()
CONFLICT = "text/x.tlog.size"
LIES = {
    "nothing": (b"", "RemoteProtocolError"),
    "no HTTP": (b"hello\r\n\r\n", "RemoteProtocolError"),
    "no signature": (http(200, b""), "no_cosignature"),
    "a page": (http(200, b"<html>\n"), "bad_cosignature"),
    "a line of somebody else": (http(200, OTHER.cosign(checkpoint(9).text(), NOW).encode()), "no_cosignature"),
    "its own line for another tree": (http(200, WITNESS.cosign(checkpoint(8).text(), NOW).encode()), "bad_cosignature"),
    "its own line twice": (http(200, GOOD + GOOD), "bad_cosignature"),
    "no UTF-8": (http(200, GOOD[:-1] + b"\xff\n"), "bad_cosignature"),
    "too much": (http(200, GOOD + b"x" * 70_000), "answer_too_long"),
    "half of it": (http(200, GOOD)[:-20], "RemoteProtocolError"),
    "a good line with another status": (http(201, GOOD), "status_201"),
    "a good line with an error": (http(500, GOOD), "status_500"),
    "a compressed answer": (http(200, GOOD, more="Content-Encoding: gzip\r\n")[:-10], "RemoteProtocolError"),
    "a conflict without size": (http(409, b"", CONFLICT), "status_409"),
    "a conflict in another type": (http(409, b"5\n"), "status_409"),
    "a conflict that is no number": (http(409, b"five\n", CONFLICT), "status_409"),
    "a conflict beyond us": (http(409, b"10\n", CONFLICT), "ahead_of_us"),
    "a conflict far beyond us": (http(409, b"9" * 19 + b"\n", CONFLICT), "ahead_of_us"),
    "the same conflict for ever": (http(409, b"5\n", CONFLICT), "conflicts"),
    "it does not know us": (http(404, b"no\n"), "status_404"),
    "it does not believe us": (http(422, b"no\n"), "status_422"),
}


@pytest.mark.parametrize(("said", "reason"), LIES.values(), ids=LIES.keys())
async def test_who_lies_is_left_out_and_the_others_count(
    honest: Honest, lying: Lying, ask: Ask, said: bytes, reason: str
) -> None:
    """Whatever one witness says, nothing is raised, nothing of it is taken, and the other's line comes."""
    heard: list[bytes] = []
    good, _ = await honest(OTHER)
    witnesses = await ask((await lying(said, heard=heard), WITNESS.key), (good, OTHER.key))
    with capture_logs() as logged:
        lines = await witnesses.gather(note(9), 9, prove_to(9))
    assert lines == [OTHER.cosign(checkpoint(9).text(), NOW)]
    left_out = {"event": "witness_left_out", "log_level": "warning", "host": "127.0.0.1"}
    assert logged == [{**left_out, "reason": reason, "tree_size": 9}]
    assert len(heard) == (3 if reason == "conflicts" else 1)
    await witnesses.gather(note(9), 9, prove_to(9))
    assert len(heard) > 1, "whoever lied once is asked again"


async def test_a_redirect_is_not_followed(honest: Honest, lying: Lying, ask: Ask) -> None:
    """Not even to where the right cosignature could be had."""
    good, _ = await honest(WITNESS)
    moved = await lying(http(307, b"", more=f"Location: {good}/add-checkpoint\r\n"))
    assert await (await ask((moved, WITNESS.key))).gather(note(9), 9, prove_to(9)) == []
    assert await (await ask((good, WITNESS.key))).gather(note(9), 9, prove_to(9))


@pytest.mark.parametrize("parts", [(), (b"HTTP/1.1 200 OK\r\n",), tuple(bytes([each]) for each in http(200, GOOD))])
async def test_who_is_slow_is_not_waited_for(honest: Honest, lying: Lying, ask: Ask, parts: tuple[bytes, ...]) -> None:
    """Silence, half an answer, or one byte at a time: each has the time-out for everything, all of them together."""
    good, _ = await honest(OTHER)
    slow = [(await lying(*(parts or (b"",)), pause_s=0.1 if len(parts) > 1 else 5.0), WITNESS.key) for _ in range(3)]
    witnesses = await ask(*slow, (good, OTHER.key))
    began = time.monotonic()
    assert len(await witnesses.gather(note(9), 9, prove_to(9))) == 1
    assert time.monotonic() - began < 3 * TIMEOUT_S


async def test_who_is_away_is_left_out(honest: Honest, ask: Ask) -> None:
    """Nobody at the address, and a name that nobody has: the others count."""
    good, _ = await honest(OTHER)
    away = [("http://127.0.0.1:1", WITNESS.key), ("https://witness.invalid", WITNESS.key)]
    witnesses = await ask(*away, (good, OTHER.key))
    assert len(await witnesses.gather(note(9), 9, prove_to(9))) == 1


async def test_a_proof_that_cannot_be_made_leaves_one_out(honest: Honest, ask: Ask) -> None:
    """The database away costs the cosignatures that need a proof, and no more."""
    (one, served), (two, _) = await honest(WITNESS), await honest(OTHER)
    assert served.add_checkpoint(body(0, 5)).status == 200

    async def prove(_old_size: int) -> Sequence[bytes]:
        raise Unavailable("the database is away")

    witnesses = await ask((one, WITNESS.key), (two, OTHER.key))
    assert await witnesses.gather(note(9), 9, prove) == [OTHER.cosign(checkpoint(9).text(), NOW)]


async def test_nobody_to_ask_is_nothing_to_do(ask: Ask) -> None:
    """A policy whose witnesses have no address asks nobody."""
    witnesses = Witnesses(policy_of(WITNESS).witnesses)
    assert await witnesses.gather(note(5), 5, prove_to(5)) == []
    await witnesses.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://witness.example",
        "http://10.0.0.1:8100",
        "http://127.0.0.1.example",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "witness.example",
        "https://witness.example/?a=b",
        "https://witness.example/#a",
        "https://",
        "http://[::1",
    ],
)
async def test_an_address_that_others_can_read_or_answer_is_refused(url: str) -> None:
    """Anything but https, or http on this machine, is refused when the service starts."""
    with pytest.raises(StartRefused, match="the address of witness w"):
        Witnesses([Witness("w", WITNESS.key, url)])


@pytest.mark.parametrize(
    "url", ["https://witness.example/a/b/", "http://[::1]:1/", "http://localhost:1", "http://127.0.0.2"]
)
async def test_the_other_addresses_are_taken(url: str) -> None:
    """https anywhere, and plain http on this machine."""
    await Witnesses([Witness("w", WITNESS.key, url)]).close()
