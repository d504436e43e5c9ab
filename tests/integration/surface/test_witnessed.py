"""The public checkpoint with a witness: cosigned when it is there, published all the same when it is not."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
import uvicorn

from ecrm_privacy.config import Config
from ecrm_privacy.errors import StartRefused
from ecrm_privacy.ledger.quorum import parse_policy, witnessed
from ecrm_privacy.ledger.witness.app import Witness, WitnessApp, by_origin
from ecrm_privacy.ledger.witness.store import Record
from ecrm_privacy.logbook import signer
from tests.conftest import Database
from tests.houses import Browser, ClusterKeyring, open_for_test
from tests.unit.ledger.witnessing import NOW, WITNESS

pytestmark = pytest.mark.anyio

KEYRING = ClusterKeyring(secrets.token_bytes(32))
LOG = signer(Config(), KEYRING).verifier


@asynccontextmanager
async def serve(record: Record, port: int = 0) -> AsyncIterator[int]:
    """Run a witness on loopback; yields its port."""
    app = WitnessApp(Witness(WITNESS, record, by_origin([LOG]), lambda: NOW))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


def policy(folder: Path, port: int) -> Path:
    path = folder / "witnesses.policy"
    path.write_text(
        f"log {LOG.vkey()}\nwitness dpo {WITNESS.key.vkey()} http://127.0.0.1:{port}\nquorum dpo\n", encoding="utf-8"
    )
    return path


async def becomes(browser: Browser, path: Path, tree_size: int, *, cosigned: bool) -> None:
    """Wait until so much is public, and the quorum has cosigned it or not: the log publishes by itself, too."""
    async with asyncio.timeout(10):
        while True:
            note = (await browser.http.get("/ledger/checkpoint")).text
            found = witnessed(parse_policy(path.read_bytes()), note)
            if (found.checkpoint.tree_size, found.satisfied) == (tree_size, cosigned):
                return
            await asyncio.sleep(0.02)


async def test_what_is_published_is_cosigned(database: Database, admin: asyncpg.Connection, tmp_path: Path) -> None:
    """Each checkpoint has the witness's signature; while it is away the log goes on, and is signed once it is back."""
    record = Record(tmp_path / "witness.sqlite", [LOG.name])
    async with serve(record) as port:
        path = policy(tmp_path, port)
    settings = {"checkpoint_period_s": 0.01, "witness_policy": path}
    async with open_for_test(database, tmp_path / "house", KEYRING, **settings) as opened:
        browser = opened.browser()
        await browser.answer({"remember": "refused"})
        await becomes(browser, path, 2, cosigned=False)
        async with serve(record, port):
            await becomes(browser, path, 2, cosigned=True)
            for size in (3, 4):
                await browser.answer({"remember": "refused"})
                await becomes(browser, path, size, cosigned=True)
        await browser.answer({"remember": "refused"})
        await becomes(browser, path, 5, cosigned=False)
    record.close()


async def test_a_policy_that_cannot_be_read_stops_the_start(database: Database, tmp_path: Path) -> None:
    """The message names the setting, the file and its line."""
    path = tmp_path / "witnesses.policy"
    with pytest.raises(StartRefused, match="ECRM_WITNESS_POLICY"):
        async with open_for_test(database, tmp_path, witness_policy=path):
            pass
    path.write_text("quorum nobody\n")
    with pytest.raises(StartRefused, match="line 1"):
        async with open_for_test(database, tmp_path, witness_policy=path):
            pass
