"""Entries are lost while the service runs, as by a failover to a standby that was behind; and files are damaged."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ecrm_privacy.errors import GuardRefused, LogFrozen
from ecrm_privacy.ledger.publish import BEHIND, FORKED
from ecrm_privacy.ledger.record import LeafType
from ecrm_privacy.ledger.shard import UNFINISHED, Shard, ShardRefused, carry_on
from ecrm_privacy.rights.journal import Mark
from ecrm_privacy.rights.recall import CAME_BACK
from ecrm_privacy.sql import Query
from ecrm_privacy.verbs_shard import Given, go_on
from tests.conftest import Database
from tests.houses import Browser, ClusterKeyring, Opened, open_for_test
from tests.integration.ledger.making import an_entry

pytestmark = pytest.mark.anyio

SHRINKING = ("ledger_entry", "body", "statement", "consent_status", "subject_state")


@pytest.fixture
def keyring() -> ClusterKeyring:
    return ClusterKeyring(secrets.token_bytes(32))


@pytest.fixture
def empty(new_database: Callable[[], Database]) -> Database:
    """A second database, in which no log was opened yet."""
    return new_database()


@pytest.fixture
async def opened(database: Database, tmp_path: Path, keyring: ClusterKeyring) -> AsyncIterator[Opened]:
    """A house that publishes only when it is asked to, and then at once."""
    async with open_for_test(database, tmp_path, keyring, checkpoint_period_s=0.001) as house:
        yield house


async def head(admin: asyncpg.Connection) -> Mapping[str, Any]:
    row = await admin.fetchrow("select * from ecrm.ledger_head")
    assert row is not None
    return dict(row)


async def lose(admin: asyncpg.Connection, before: Mapping[str, Any]) -> None:
    """Make the database what it was when its head was `before`."""
    async with admin.transaction():
        for table in SHRINKING:
            await admin.execute(f"delete from ecrm.{table} where leaf_index >= $1", before["tree_size"])
        await admin.execute(
            "update ecrm.ledger_head set tree_size = $1, root_hash = $2, edge = $3",
            *(before[name] for name in ("tree_size", "root_hash", "edge")),
        )


async def fail_over(admin: asyncpg.Connection) -> None:
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )


async def refuse(browser: Browser, times: int = 1) -> None:
    """Answer no, without a name."""
    for _ in range(times):
        reply = await browser.answer({"remember": "refused"})
        assert reply.status_code == 201, reply.text


async def frozen(admin: asyncpg.Connection) -> str | None:
    value: str | None = await admin.fetchval("select frozen from ecrm.ledger_head")
    return value


async def test_the_writer_looks_before_it_writes_to_another_server(opened: Opened, admin: asyncpg.Connection) -> None:
    """After its connection was lost, not one entry goes to a log that is behind; the one who asked is told."""
    browser = opened.browser()
    await refuse(browser)
    before = await head(admin)
    await refuse(browser, 2)
    await opened.house.publisher.checkpoint()
    await admin.execute("update ecrm.published set at = 'infinity'")  # publishing will not notice
    await lose(admin, before)
    await fail_over(admin)
    async with asyncio.timeout(20):  # the pools of readers find out by losing a connection each
        while (reply := await browser.answer({"remember": "refused"})).json()["type"] != "/problems/log-frozen":
            assert reply.status_code == 503
    assert reply.json()["type"] == "/problems/log-frozen" and reply.headers["retry-after"] == "60"
    assert (await head(admin))["tree_size"] == before["tree_size"] and await frozen(admin) == BEHIND


async def test_publishing_notices_a_log_that_grew_past_what_was_lost(opened: Opened, admin: asyncpg.Connection) -> None:
    """Nobody lost a connection, and the tiles that are remembered are those of the lost log: it stops in a period."""
    browser = opened.browser()
    await refuse(browser)
    before = await head(admin)
    await refuse(browser, 2)
    shown = await opened.house.publisher.checkpoint()
    async with opened.house.pools.house.acquire() as conn:
        assert await opened.house.publisher.reader.checkpoint(conn, 4) == shown
    await admin.execute("update ecrm.published set at = 'infinity'")
    await lose(admin, before)
    await refuse(browser, 4)
    await admin.execute("update ecrm.published set at = now()")
    await asyncio.sleep(0.01)
    await opened.house.publisher.publish()
    assert await frozen(admin) == FORKED
    with pytest.raises(LogFrozen):
        await opened.house.publisher.checkpoint()
    async with opened.house.pools.house.acquire() as conn:
        with pytest.raises(LogFrozen):  # nor does anybody else get a signature
            await opened.house.publisher.reader.checkpoint(conn)
    assert opened.house.config.key_file.with_name("highest.checkpoint").read_text() == shown


async def test_a_receipt_counts_as_shown(
    database: Database, tmp_path: Path, keyring: ClusterKeyring, admin: asyncpg.Connection
) -> None:
    """What only a receipt's holder was told may not be signed differently either."""
    async with open_for_test(database, tmp_path, keyring, checkpoint_period_s=3600) as opened:
        browser = opened.browser()
        await refuse(browser)
        await opened.house.publisher.checkpoint()
        before = await head(admin)
        reply = await browser.answer({"remember": "refused"})
        assert (await browser.http.get(f"/v1/receipts/{reply.json()['receipt_id']}")).status_code == 200
    await lose(admin, before)
    async with open_for_test(database, tmp_path, keyring, checkpoint_period_s=3600) as opened:
        assert await frozen(admin) == BEHIND
        assert (await opened.browser().answer({"remember": "refused"})).status_code == 503


@pytest.mark.parametrize("name", ["highest.checkpoint", "erasures.journal"])
async def test_a_damaged_file_refuses_the_start(
    name: str, database: Database, tmp_path: Path, keyring: ClusterKeyring
) -> None:
    """The message names it and says what to do."""
    async with open_for_test(database, tmp_path, keyring):
        pass
    (tmp_path / "keys" / name).write_text("somebody wrote here\n")
    with pytest.raises(GuardRefused, match=f"{name}.*Put the file back"):
        async with open_for_test(database, tmp_path, keyring):
            pass


async def test_an_empty_database_is_no_backup(
    database: Database, empty: Database, tmp_path: Path, keyring: ClusterKeyring
) -> None:
    """The start is refused with what to do, again and again: there is nothing in it to go on from."""
    async with open_for_test(database, tmp_path, keyring) as opened:
        await opened.house.publisher.checkpoint()
    for _ in range(2):
        with pytest.raises(GuardRefused, match="this database is empty"):
            async with open_for_test(empty, tmp_path, keyring):
                pass


async def test_a_worker_that_knows_the_old_name_alone_stops(opened: Opened, admin: asyncpg.Connection) -> None:
    """It signs nothing and freezes nothing, and says that it must be started anew."""
    browser = opened.browser()
    await refuse(browser)
    await opened.house.publisher.checkpoint()
    await admin.execute("update ecrm.ledger_head set origin = origin || '/2'")
    assert "start the service anew" in (await browser.http.get("/health/ready")).json()["missing"]["log"]
    with pytest.raises(LogFrozen):
        await opened.house.publisher.checkpoint()
    assert await frozen(admin) is None


async def test_somebody_who_was_erased_is_back(
    opened: Opened, database: Database, tmp_path: Path, keyring: ClusterKeyring, admin: asyncpg.Connection
) -> None:
    """Also where no checkpoint tells: the next start serves nobody, and an ordinary one compares nobody."""
    browser = opened.browser()
    await browser.answer({"remember": "given"})
    subject = await admin.fetchval("select subject from ecrm.subject_state")
    today = await admin.fetchval("select current_date")
    await asyncio.to_thread(opened.house.rights.journal.write, subject, Mark.DONE, today)
    async with open_for_test(database, tmp_path, keyring) as again:
        assert await frozen(admin) == CAME_BACK
        assert (await again.browser().http.get("/health/ready")).json()["missing"]["log"].startswith("frozen: somebody")
        assert (await browser.http.get("/v1/permissions")).status_code == 503


async def test_an_erasure_that_was_only_begun_waits_to_be_asked_for_again(
    opened: Opened, database: Database, tmp_path: Path, keyring: ClusterKeyring, admin: asyncpg.Connection
) -> None:
    """A crash came between the journal and the commit, or another worker is at it: a start serves everybody."""
    browser = opened.browser()
    await browser.answer({"remember": "given"})
    subject = await admin.fetchval("select subject from ecrm.subject_state")
    today = await admin.fetchval("select current_date")
    await asyncio.to_thread(opened.house.rights.journal.write, subject, Mark.BEGUN, today)
    async with open_for_test(database, tmp_path, keyring):
        assert await frozen(admin) is None
        assert "remember" in await browser.allowed()
    assert (await browser.ask("erasure")).status_code == 201
    assert await admin.fetchval("select count(*) from ecrm.subject_state") == 0
    written = opened.house.rights.journal.read()
    assert (len(written.done), len(written.begun)) == (1, 0)


def a_shard(**changed: Any) -> Shard:
    given = {"origin": "localhost/ecrm/2", "vkey": "k", "former_keys": (), "highest": None, "nothing_lost": False}
    return Shard(**{**given, "on": date(2026, 11, 22), **changed})


async def test_a_crash_between_the_entry_and_the_rest(
    database: Database, tmp_path: Path, keyring: ClusterKeyring, admin: asyncpg.Connection
) -> None:
    """The log stays frozen under its new name, the same command finishes, and nothing is said twice."""
    async with open_for_test(database, tmp_path, keyring) as opened:
        assert (await opened.browser().answer({"remember": "given"})).status_code == 201
        config, address = opened.house.config, opened.address
        await admin.execute("update ecrm.ledger_head set frozen = 'lost entries'")
        async with opened.house.pools.house.acquire() as conn:
            assert await carry_on(conn, a_shard(), 2, ()) == 2
    async with open_for_test(database, tmp_path, keyring) as opened:
        assert await frozen(admin) == UNFINISHED
        assert (await opened.browser().answer({"remember": "refused"})).status_code == 503
    assert await go_on(config, address, keyring, Given(2, nothing_lost=False, dry_run=False)) == 0
    assert await frozen(admin) is None
    assert await admin.fetchval("select count(*) from ecrm.statement where leaf_index >= 2") == 1
    with pytest.raises(ShardRefused, match="not frozen"):
        await go_on(config, address, keyring, Given(3, nothing_lost=False, dry_run=False))


async def test_nothing_was_lost(
    database: Database, tmp_path: Path, keyring: ClusterKeyring, admin: asyncpg.Connection
) -> None:
    """The operator states it in the log, and a yes goes on counting; the next shard has the next name."""
    async with open_for_test(database, tmp_path, keyring) as opened:
        browser = opened.browser()
        await browser.answer({"remember": "given"})
        config, address = opened.house.config, opened.address
    for number, size in ((2, 2), (3, 3)):
        await admin.execute("update ecrm.ledger_head set frozen = 'lost entries'")
        assert await go_on(config, address, keyring, Given(size, nothing_lost=True, dry_run=False)) == 0
        async with open_for_test(database, tmp_path, keyring) as opened:
            cookies = dict(browser.cookies)
            again = opened.browser(Cookie="; ".join(f"{name}={value}" for name, value in cookies.items()))
            assert "remember" in await again.allowed()
            statement = (await again.http.get(f"/ledger/statement/{size}")).json()["payload"]
            assert '"nothing_lost":true' in statement and f'"localhost/ecrm/{number}"' in statement
            assert (await again.http.get("/ledger/checkpoint")).text.startswith(
                f"localhost/ecrm/{number}\n{size + 1}\n"
            )


async def test_many_come_back_at_once(opened: Opened, admin: asyncpg.Connection) -> None:
    """More erasures than one batch takes are one transaction all the same, or none of them."""
    await admin.execute("update ecrm.ledger_head set frozen = 'lost entries'")
    erasures = [an_entry() for _ in range(600)]
    async with opened.house.pools.house.acquire() as conn:
        with pytest.raises(ShardRefused, match="1 entries, not 7"):
            await carry_on(conn, a_shard(), 7, erasures)
        failing = an_entry(effects=(Query("select 1 / 0"),))
        with pytest.raises(asyncpg.DivisionByZeroError):
            await carry_on(conn, a_shard(), 1, [*erasures, failing])
        assert (await head(admin))["tree_size"] == 1 and await frozen(admin) == "lost entries"
        assert await carry_on(conn, a_shard(), 1, erasures) == 1
    found = await head(admin)
    assert (found["tree_size"], found["origin"], found["yes_from"]) == (602, "localhost/ecrm/2", 1)
    leaf = await admin.fetchval("select leaf from ecrm.ledger_entry where leaf_index = 1")
    assert f'"t":"{LeafType.SHARD.value}"'.encode() in leaf
    assert await admin.fetchval("select count(*) from ecrm.tile where level = 0") == 2


async def test_nobody_is_erased_whom_the_journal_does_not_know(
    opened: Opened, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a full disk an erasure is refused, on every path, and nothing of it happened."""
    browser = opened.browser()
    await browser.answer({"remember": "given"})
    monkeypatch.setattr(opened.house.rights.journal, "_path", Path("/dev/full"))
    for reply in (await browser.ask("erasure"), await browser.http.delete("/v1/session?forget=true")):
        assert (reply.status_code, reply.json()["type"]) == (503, "/problems/unavailable")
    await admin.execute("update ecrm.session set seen = current_date - 400, began = current_date - 400")
    assert "Unavailable" in repr(await asyncio.gather(opened.house.rights.end_sessions(), return_exceptions=True))
    await admin.execute("update ecrm.session set seen = current_date, began = current_date")
    assert "remember" in await browser.allowed()
    monkeypatch.undo()
    assert (await browser.ask("erasure")).status_code == 201
    written = opened.house.rights.journal.read()
    assert (len(written.done), len(written.begun), written.lines) == (1, 0, 2)
