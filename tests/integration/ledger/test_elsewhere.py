"""A log is checked over HTTP by its address, with a limit for each reply, and the exit status says what came of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from ecrm_privacy.cli import _parser
from ecrm_privacy.config import Config
from ecrm_privacy.delivery.public import Elsewhere, checked
from ecrm_privacy.errors import NotKnown, StartRefused, Tampered, Unavailable
from ecrm_privacy.ledger import merkle, receipt
from ecrm_privacy.ledger.checkpoint import Checkpoint
from ecrm_privacy.ledger.entry import leaf
from ecrm_privacy.ledger.record import LeafType, commitment, payload
from tests.integration.ledger.making import an_event
from tests.unit.ledger.served import SIGNER, leaves_of, replies_of

pytestmark = pytest.mark.anyio

OPEN, TEXT = b"p" * 32, payload(an_event())
LEAVES = [*leaves_of(300, [0]), leaf(LeafType.SUBJECT, commitment(OPEN, TEXT))]
REPLIES = replies_of([*LEAVES, *leaves_of(99)]) | {"ledger/key": SIGNER.vkey().encode()}
HASHES = [merkle.leaf_hash(each) for each in LEAVES]
Answer = Callable[[str], bytes | None]


def ok(body: bytes, more: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n".encode() + body


def from_replies(path: str) -> bytes:
    return ok(REPLIES[path]) if path in REPLIES else b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """Serve raw answers on this machine; None answers nothing and holds the line."""

    at_work: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            at_work.add(task)
        try:
            line = await reader.readline()
            if not line:  # gone before it asked
                return
            said = answer(line.split()[1].decode().lstrip("/"))
            for _ in range(100 if said is None else 0):  # a byte now and then, for ever
                writer.write(b"H")
                await asyncio.sleep(0.05)
            writer.write(said or b"")
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in at_work:
            task.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)


def ecrm(*arguments: str) -> int:
    given = _parser().parse_args(["ledger", "verify", *arguments])
    return int(given.verb(Config(data_dir=Path("nowhere")), given))


async def verified(answer: Answer, *arguments: str) -> int:
    async with serving(answer) as url:
        return await asyncio.to_thread(ecrm, url, *arguments)


def a_receipt(folder: Path, size: int, root: bytes) -> str:
    path = folder / "receipt.tlog-proof"
    note = SIGNER.sign(Checkpoint(SIGNER.name, size, root).text())
    inclusion = merkle.inclusion_path(HASHES, 300, 301)
    path.write_text(receipt.build(leaf=LEAVES[300], payload=TEXT, open=OPEN, index=300, path=inclusion, note=note))
    return str(path)


async def test_a_log_is_checked_by_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    """With the key it is sound; without it too, and it says that it trusted the key that the log gave."""
    assert await verified(from_replies, "--key", SIGNER.vkey()) == 0
    assert "trusting" not in capsys.readouterr().out
    assert await verified(from_replies) == 0
    said = capsys.readouterr().out
    assert "trusting the key that the service gave" in said and "sound: 400 leaves" in said


async def test_an_unsound_log_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The first thing that is wrong is said with its leaf, and the status is 1; also for another key than the log's."""
    altered = REPLIES | {"ledger/tile/0/000": bytes(8192)}
    assert await verified(lambda path: ok(altered[path])) == 1
    assert "NOT SOUND: leaf 0: tile 0/0 does not hold the hash of leaf 0" in capsys.readouterr().out
    other = "shop.example/ledger+" + SIGNER.vkey().split("+", 1)[1]
    assert await verified(from_replies, "--key", other.replace("ledger+", "other+")) == 1


async def test_a_log_that_cannot_be_reached_is_neither(capsys: pytest.CaptureFixture[str]) -> None:
    """A service that is away, or shows no log, is no verdict: the status is 2."""
    assert await verified(lambda _path: b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n") == 2
    assert "could not tell" in capsys.readouterr().out
    assert await asyncio.to_thread(ecrm, "http://shop.example") == 2
    assert "must be https" in capsys.readouterr().out


async def test_a_receipt_is_found_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With an address and a receipt the log must contain the tree that the receipt is of; `--full` checks all of it."""
    good = a_receipt(tmp_path, 301, merkle.root(HASHES))
    assert await verified(from_replies, "--key", SIGNER.vkey(), "--receipt", good) == 0
    said = capsys.readouterr().out
    assert "the log of 400 contains the log of 301" in said and "dpv:ConsentReceipt" in said
    assert await verified(from_replies, "--full", "--receipt", good) == 0
    assert "400 leaves" in capsys.readouterr().out
    forked = replies_of([*leaves_of(400)]) | {"ledger/key": SIGNER.vkey().encode()}
    assert await verified(lambda path: ok(forked[path]), "--receipt", good) == 1
    assert "does not contain the tree of the receipt" in capsys.readouterr().out
    shorter = replies_of(LEAVES[:300]) | {"ledger/key": SIGNER.vkey().encode()}
    assert await verified(lambda path: ok(shorter[path]), "--receipt", good) == 2
    assert "300 are public yet" in capsys.readouterr().out


async def test_each_reply_has_its_limits() -> None:
    """A reply that drips, is too long, is compressed, points elsewhere or is an error is not taken."""
    answers = {
        "long": ok(b"x" * 101), "zip": ok(b"x", "Content-Encoding: gzip\r\n"), "good": ok(b"x" * 100), "drip": None,
        "away": b"HTTP/1.1 302 Found\r\nLocation: /good\r\nContent-Length: 0\r\n\r\n", "none": from_replies("none"),
        "busy": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
        "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
    }  # fmt: skip
    refused = {
        "long": Tampered, "zip": Unavailable, "drip": Unavailable, "away": Unavailable, "none": NotKnown,
        "busy": Unavailable, "cut": Unavailable,
    }  # fmt: skip
    async with serving(answers.__getitem__) as url, Elsewhere(url, reply_s=0.3, pauses_s=(0.01,)) as service:
        assert await service.get("good", 100) == b"x" * 100
        for path, error in refused.items():
            with pytest.raises(error):
                await service.get(path, 100)


@pytest.mark.parametrize(
    "url",
    ["http://shop.example", "ftp://localhost", "https://", "https://a.example/?q", "https://me@a.example", "shop",
     "http://localhost.example", "http://127.0.0.1.example", "https://a.example/#x"],
)  # fmt: skip
def test_an_address_that_others_could_alter_is_refused(url: str) -> None:
    """Only https, or http that never leaves this machine; and a base address, nothing else."""
    with pytest.raises(StartRefused):
        checked(url)


@pytest.mark.parametrize("url", ["https://a.example/ecrm/", "http://localhost:8000", "http://[::1]:8000"])
def test_an_address_loses_its_last_slash(url: str) -> None:
    """A base address may have a path; tiles lie below it."""
    assert checked(url) == url.rstrip("/")
