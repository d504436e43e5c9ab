"""Promise 7, fail closed, stay up: every doubt is an empty grant, and what cannot be written is not acknowledged."""

import asyncio
import builtins
import inspect
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from ecrm_privacy import errors
from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import hash_token
from ecrm_privacy.gate.admit import NOBODY, Gate
from ecrm_privacy.gate.store import AdmitRow, Ask
from ecrm_privacy.gate.types import Caller, Grant, Signals
from ecrm_privacy.gate.uses import UseLog
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.uses import Counted
from ecrm_privacy.vocabulary import Regime, SubjectId
from tests.conftest import Database
from tests.houses import HEARD_S_MOST, SESSION, Browser, Opened, idempotent, logged, open_for_test, until_heard
from tests.unit.policy.policies import SHIPPED

pytestmark = pytest.mark.anyio

NEEDS = ["slot:for-you", "slot:greeting", "event:view", "permission:personalize"]
NOTHING: Mapping[str, Grant] = {need: Grant(NOBODY) for need in NEEDS}


def _every_failure() -> Iterator[Exception]:
    """One of each exception that the standard library, the driver and this product have words for."""
    for module in (builtins, asyncio, asyncpg, errors):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and not issubclass(kind, (Warning, BaseExceptionGroup, StopAsyncIteration)):
                yield kind.__new__(kind)


KEYRING = Keyring(bytes(32))
FAILURES = {type(failure).__name__: failure for failure in _every_failure()}


async def nowhere(_made: Sequence[Counted]) -> int:
    """Write no use down: nothing here is released."""
    raise AssertionError("something was released")


def _row() -> AdmitRow:
    subject = SubjectId(uuid4())
    return AdmitRow(
        n=0, need="slot:for-you", bundle=SHIPPED.hash, purpose="personalize", allowed=True, status="given",
        because="consent", until=None, subject=subject, category="browsing", version=1, wrapped=bytes(66), fields=None,
        sealed=None,
    )  # fmt: skip


async def _ask(gate: Gate) -> Mapping[str, Grant]:
    """Ask, and look into the log: it says that the gate was closed and by what, and nothing about whom."""
    with logged() as log:
        grants = await gate.admit(Caller(token_hash=b"\x2a" * 32), NEEDS, Signals(Regime("gdpr")))
    (line,) = [msgspec.json.decode(line) for line in log.getvalue().splitlines()]
    assert line["event"] == "gate_closed"
    assert "2a2a" not in str(line) and "**" not in str(line) and "left_out" not in line
    return grants


async def test_whatever_the_statement_raises_grants_nothing() -> None:
    """The first place where the gate waits."""
    assert len(FAILURES) > 200
    for failure in FAILURES.values():

        async def look(_ask: Ask, failure: Exception = failure) -> list[AdmitRow]:
            raise failure

        async def know(_bundle: bytes) -> Bundle:
            return SHIPPED

        assert await _ask(Gate(look, KEYRING, know, UseLog(nowhere, KEYRING))) == NOTHING


async def test_whatever_the_policy_raises_grants_nothing() -> None:
    """The second place: a bundle that cannot be read, say."""
    for failure in FAILURES.values():

        async def look(_ask: Ask) -> list[AdmitRow]:
            return [_row()]

        async def know(_bundle: bytes, failure: Exception = failure) -> Bundle:
            raise failure

        assert await _ask(Gate(look, KEYRING, know, UseLog(nowhere, KEYRING))) == NOTHING


async def test_who_stops_waiting_is_not_held_up() -> None:
    """A request that was cut off ends: that is no doubt about a person."""

    async def look(_ask: Ask) -> list[AdmitRow]:
        raise asyncio.CancelledError

    async def know(_bundle: bytes) -> Bundle:
        return SHIPPED

    with pytest.raises(asyncio.CancelledError):
        await _ask(Gate(look, KEYRING, know, UseLog(nowhere, KEYRING)))


# the database away ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def opened(database: Database, tmp_path: Path) -> AsyncIterator[Opened]:
    async with open_for_test(database, tmp_path) as house:
        yield house


@asynccontextmanager
async def away(admin: asyncpg.Connection, opened: Opened) -> AsyncIterator[None]:
    """Cut every connection of the service, and let none in."""
    name = opened.address.database
    await admin.execute(f'revoke connect on database "{name}" from ecrm_house, ecrm_gate, ecrm_guest')
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and usename <> current_user", name
    )
    try:
        yield
    finally:
        await admin.execute(f'grant connect on database "{name}" to ecrm_house, ecrm_gate, ecrm_guest')


async def known(opened: Opened) -> tuple[Browser, Caller]:
    browser, key = opened.browser(), str(uuid4())
    said = {"remember": "given", "personalize": "given"}
    assert (await until_heard(lambda: browser.answer(said, key=key))).status_code == 201
    return browser, Caller(token_hash=hash_token(browser.cookies[SESSION]))


async def test_without_the_database_nothing_opens_and_nothing_is_acknowledged(
    opened: Opened, admin: asyncpg.Connection
) -> None:
    """Writes say 503 and when to come again; afterwards everything is as it was acknowledged, and writes work."""
    browser, caller = await known(opened)
    signals, key = site_signals(opened.house), str(uuid4())
    async with away(admin, opened):
        assert await opened.house.gate.admit(caller, NEEDS, signals) == NOTHING
        replies = [
            await browser.answer({"personalize": "withdrawn"}, key=key),
            await browser.sign_in("C-1"),
            await browser.ask("erasure"),
            await browser.http.get("/v1/permissions"),
        ]
        for reply in replies:
            assert reply.status_code == 503 and int(reply.headers["retry-after"]) >= 1
            assert "set-cookie" not in reply.headers
        assert (await browser.http.get("/health/live")).status_code == 200
        assert (await browser.http.get("/health/ready")).status_code == 503
    await until_heard(lambda: browser.http.get("/v1/permissions"))
    assert {"remember", "personalize"} <= await browser.allowed()
    assert (await until_heard(lambda: browser.answer({"personalize": "withdrawn"}, key=key))).status_code == 201
    assert "personalize" not in await browser.allowed()


async def test_a_no_that_was_not_heard_can_be_said_again(opened: Opened, admin: asyncpg.Connection) -> None:
    """The same key makes it one act, whether or not the first one was written."""
    browser, _ = await known(opened)
    key = str(uuid4())
    body = {"notice": "shop@1", "answers": [{"purpose": "personalize", "answer": "withdrawn"}], "method": "save"}
    async with away(admin, opened):
        await browser.http.post("/v1/answers", json=body, headers=idempotent(key))
    first = await until_heard(lambda: browser.http.post("/v1/answers", json=body, headers=idempotent(key)))
    second = await until_heard(lambda: browser.http.post("/v1/answers", json=body, headers=idempotent(key)))
    assert first.status_code == second.status_code == 201 and first.content == second.content


async def test_work_that_is_owed_outlives_an_outage(opened: Opened, admin: asyncpg.Connection) -> None:
    """The runner goes on when the database is back."""
    browser, _ = await known(opened)
    async with away(admin, opened):
        await asyncio.sleep(0.6)
    key = str(uuid4())
    reply = await until_heard(lambda: browser.ask("erasure", key))
    async with asyncio.timeout(HEARD_S_MOST):
        while (await browser.http.get(f"/v1/rights-requests/{reply.json()['request_id']}")).json()[
            "status"
        ] != "fulfilled":
            await asyncio.sleep(0.05)


async def test_a_statement_that_fails_in_the_database_grants_nothing(opened: Opened, admin: asyncpg.Connection) -> None:
    """Rights taken away, a function that raises, a table that is gone: the same empty grant."""
    _, caller = await known(opened)
    signals = site_signals(opened.house)
    assert not (await opened.house.gate.admit(caller, ["event:view"], signals))["event:view"].is_empty
    await admin.execute("revoke execute on function ecrm.admit from ecrm_gate")
    assert await opened.house.gate.admit(caller, NEEDS, signals) == NOTHING
    await admin.execute("grant execute on function ecrm.admit to ecrm_gate")
    await admin.execute("alter table ecrm.decision rename to gone")
    assert await opened.house.gate.admit(caller, NEEDS, signals) == NOTHING
    await admin.execute("alter table ecrm.gone rename to decision")
    assert not (await opened.house.gate.admit(caller, ["event:view"], signals))["event:view"].is_empty


async def test_missing_rows_are_a_no(opened: Opened, admin: asyncpg.Connection) -> None:
    """No policy, no decisions, no needs: nothing is allowed, not even what is required."""
    _, caller = await known(opened)
    signals = site_signals(opened.house)
    for table in ("decision", "need", "policy_active"):
        await admin.execute(f"delete from ecrm.{table}")
        grants = await opened.house.gate.admit(caller, [*NEEDS, "permission:order"], signals)
        assert all(grant.is_empty and not grant.permission.allowed for grant in grants.values())
