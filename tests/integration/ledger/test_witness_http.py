"""The witness behind a real server, and as the process that `ecrm witness` starts."""

import asyncio
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import uvicorn

from ecrm_privacy.ledger.checkpoint import read_note
from ecrm_privacy.ledger.cosignature import CosignatureKey, find_cosignatures
from ecrm_privacy.ledger.witness.app import Witness, WitnessApp, by_origin
from ecrm_privacy.ledger.witness.store import Record
from ecrm_privacy.ledger.witness.verdict import BODY_BYTES_MAX
from tests.unit.ledger.witnessing import LOG, NOW, ORIGIN, WITNESS, body, note

ORIGIN_HASH = sha256(ORIGIN.encode()).hexdigest()


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    """An empty record."""
    made = Record(tmp_path / "witness.sqlite", [ORIGIN])
    yield made
    made.close()


@pytest.fixture
async def client(record: Record) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a witness on a free port."""
    app = WitnessApp(Witness(WITNESS, record, by_origin([LOG.verifier]), lambda: NOW), body_s=0.3)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as made:
        yield made
    server.should_exit = True
    await serving


@pytest.mark.anyio
async def test_a_log_is_cosigned_and_monitors_can_see_it(client: httpx.AsyncClient) -> None:
    """The answer is the cosignature line alone; the checkpoint with both signatures can be fetched by its hash."""
    assert (await client.get(f"/{ORIGIN_HASH}/checkpoint")).status_code == 404
    reply = await client.post("/add-checkpoint", content=body(0, 9))
    assert reply.status_code == 200
    assert len(find_cosignatures(note(9), reply.text, [WITNESS.key])) == 1
    seen = await client.get(f"/{ORIGIN_HASH}/checkpoint")
    assert seen.headers["content-type"].startswith("text/plain")
    assert read_note(seen.text, LOG.verifier, WITNESS.key).keys == (LOG.verifier, WITNESS.key)
    about = (await client.get("/")).text
    assert WITNESS.vkey() in about
    assert f"Log {ORIGIN}: 9 entries at 2027-01-15 08:00:00 UTC\n  /{ORIGIN_HASH}/checkpoint\n" in about


@pytest.mark.anyio
async def test_a_conflict_says_where_it_stands(client: httpx.AsyncClient) -> None:
    """Who begins at the wrong size is told the right one, in the media type of the specification."""
    await client.post("/add-checkpoint", content=body(0, 9))
    reply = await client.post("/add-checkpoint", content=body(3, 12))
    assert (reply.status_code, reply.headers["content-type"], reply.text) == (409, "text/x.tlog.size", "9\n")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("POST", "/add-checkpoint", b"", 400),
        ("POST", "/add-checkpoint", b"x" * (BODY_BYTES_MAX + 1), 413),
        ("GET", "/add-checkpoint", b"", 404),
        ("POST", "/", b"", 404),
        ("GET", f"/{ORIGIN_HASH.upper()}/checkpoint", b"", 404),
        ("GET", f"/{'0' * 64}/checkpoint", b"", 404),
        ("GET", "/checkpoint", b"", 404),
        ("GET", "/../witness.key", b"", 404),
    ],
)
async def test_everything_else_is_refused(
    client: httpx.AsyncClient, method: str, path: str, sent: bytes, status: int
) -> None:
    """What is too long, malformed or not there is refused in plain text."""
    reply = await client.request(method, path, content=sent)
    assert reply.status_code == status
    assert reply.headers["content-type"].startswith("text/plain")


@pytest.mark.anyio
async def test_a_body_that_never_ends_is_cut_off(client: httpx.AsyncClient) -> None:
    """A body without a length is read up to the limit and no further."""

    async def drip() -> AsyncIterator[bytes]:
        for _ in range(BODY_BYTES_MAX // 8192 + 2):
            yield b"x" * 8192

    assert (await client.post("/add-checkpoint", content=drip())).status_code == 413


@pytest.mark.anyio
async def test_a_body_that_does_not_come_is_not_waited_for(client: httpx.AsyncClient) -> None:
    """Whoever sends half a body is told that the time is over."""

    async def half() -> AsyncIterator[bytes]:
        yield body(0, 9)[:20]
        await asyncio.sleep(1)
        yield b""

    assert (await client.post("/add-checkpoint", content=half())).status_code == 408


@pytest.mark.anyio
async def test_what_cannot_be_written_is_not_signed(client: httpx.AsyncClient, record: Record) -> None:
    """Without its record the witness answers 503, and no cosignature leaves it."""
    record.close()
    reply = await client.post("/add-checkpoint", content=body(0, 9))
    assert reply.status_code == 503
    assert "— " not in reply.text


@pytest.mark.anyio
async def test_of_forks_at_once_one_is_cosigned(client: httpx.AsyncClient) -> None:
    """Of many histories sent at the same moment to one witness, one is cosigned."""
    forks = [str(number) for number in range(8)]
    replies = await asyncio.gather(*(client.post("/add-checkpoint", content=body(0, 9, fork)) for fork in forks))
    assert sorted(reply.status_code for reply in replies) == [200, *[409] * 7]


# the process ----------------------------------------------------------------------------------------------------------

Start = Callable[..., tuple[subprocess.Popen[str], str, str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `ecrm witness` on a free port; gives the process, its address and its key."""
    made: list[subprocess.Popen[str]] = []

    def begin(*options: str) -> tuple[subprocess.Popen[str], str, str]:
        command = [sys.executable, "-m", "ecrm_privacy", "witness", "--data-dir", str(tmp_path), "--port", "0"]
        made.append(
            subprocess.Popen([*command, "--log", LOG.vkey(), *options], stdout=subprocess.PIPE, text=True, bufsize=1)
        )
        watchdog = threading.Timer(30, made[-1].kill)
        watchdog.start()
        said = ""
        assert made[-1].stdout is not None
        for line in made[-1].stdout:
            said += line
            if "It answers at" in line:
                break
        watchdog.cancel()
        key, address = re.search(r"Its key: (\S+)", said), re.search(r"answers at (\S+)", said)
        assert key is not None and address is not None, said
        return made[-1], address[1], key[1]

    yield begin
    for process in made:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def send(address: str, sent: bytes) -> httpx.Response:
    for _ in range(100):
        try:
            return httpx.post(f"{address}/add-checkpoint", content=sent, timeout=10)
        except httpx.ConnectError:
            continue
    raise AssertionError("the witness does not answer")


def test_two_processes_and_a_kill_cannot_make_it_sign_two_histories(start: Start) -> None:
    """Two processes of one folder, sent forks at once and killed: one history is cosigned, and remembered."""
    (one, first, vkey), (_, second, same) = start("--name", "dpo.example/w"), start()
    assert vkey == same
    key = CosignatureKey.parse(vkey)
    assert send(first, body(0, 1)).status_code == 200
    asked = [(address, str(fork)) for fork in range(6) for address in (first, second)]
    with ThreadPoolExecutor(len(asked)) as pool:
        replies = list(pool.map(lambda ask: send(ask[0], body(1, 9, ask[1])), asked))
    assert sorted(reply.status_code for reply in replies) == [200, *[409] * 11]
    won = next(number for number, reply in enumerate(replies) if reply.status_code == 200)
    assert len(find_cosignatures(note(9, asked[won][1]), replies[won].text, [key])) == 1
    one.send_signal(signal.SIGKILL)
    one.wait()
    _, third, again = start()
    assert again == vkey
    for address in (second, third):
        assert send(address, body(0, 80)).text == "9\n"
        assert send(address, body(9, 9, "none of them")).status_code == 422
    assert send(third, body(9, 30, asked[won][1])).status_code == 200
    assert send(second, body(9, 30, asked[won][1])).text == "30\n"


def test_it_stops_when_it_is_told_to(start: Start) -> None:
    """SIGTERM ends it, in order; and it started on this machine's own address alone."""
    process, address, _ = start()
    assert address.startswith("http://127.0.0.1:")
    assert send(address, body(0, 1)).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) in {0, -signal.SIGTERM}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--log", "nonsense"], "--log: "),
        (["--log", WITNESS.vkey()], "not an Ed25519 key of a named log"),
        (["--log", LOG.vkey(), "--name", "two words"], "a key name has no space"),
        (["--log", LOG.vkey(), "--port", "1", "--host", "192.0.2.1"], "nothing can listen"),
    ],
)
def test_it_says_why_it_does_not_start(tmp_path: Path, options: list[str], said: str) -> None:
    """A key that is none, a name that is none, an address that is not ours: exit status 2 and one sentence."""
    command = [sys.executable, "-m", "ecrm_privacy", "witness", "--data-dir", str(tmp_path), "--port", "0", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
