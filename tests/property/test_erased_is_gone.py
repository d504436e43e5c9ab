"""Promise 6, erased is gone: no row, no key and no count is left of somebody, and what remains names nobody."""

import secrets
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where, hash_token
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.ledger.receipt import verify_receipt
from ecrm_privacy.ledger.verify import verify
from ecrm_privacy.logbook import opener
from ecrm_privacy.vault import keys, uses
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.blind_index import IndexKind
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.verbs import importers
from ecrm_privacy.vocabulary import ACCOUNTABILITY, Category
from tests.conftest import Database
from tests.houses import SESSION, Browser, ClusterKeyring, Opened, everything, open_for_test
from tests.integration.channels.people import sign_up
from tests.property.test_holders_complete import named
from tests.unit.policy.policies import SHIPPED

pytestmark = pytest.mark.anyio

PLUGIN = "personalization.plugin"
ITEMS = ("cup", "pot", "tin", "pen")
REPLIES = "select count(*) from ecrm.reply where leaf_index = any($1)"
NEEDS = ["slot:greeting", "slot:for-you", "slot:history", "event:view", "event:purchase"]


class Person(msgspec.Struct, frozen=True):
    """A customer with a past in this house."""

    number: str
    browser: Browser
    device: Browser
    receipt_id: str
    proof: str
    request_id: str


@pytest.fixture
async def opened(database: Database, tmp_path: Path) -> AsyncIterator[Opened]:
    async with open_for_test(database, tmp_path, plugins=(PLUGIN,), k_people=1) as house:
        await put_items(house)
        yield house


async def put_items(opened: Opened) -> None:
    """Have something to look at and to buy."""
    importer = importers(opened.house)["items"]
    lines = [{"item_id": name, "kind": "product", "title": name, "url": f"/items/{name}", "stock": 3} for name in ITEMS]
    await importer.store([msgspec.convert(line, importer.record) for line in lines])


async def live(opened: Opened, number: str) -> Person:
    """Be known by name, say yes in two browsers, leave an address, look at things, buy some, and ask for a copy."""
    house = opened.house
    fields = {Category("contact"): {"name": f"Name of {number}", "email": f"{number}@example.com"}}
    assert await house.profiles.put([Profile(number, fields)], site_signals(house), Where("demo", "en", "eu")) == [0]
    browser, device = opened.browser(), opened.browser()
    said = {"remember": "given", "personalize": "given", "model.contribute": "given", "offers": "given"}
    await browser.answer(said)
    await buy(browser)
    for each in (browser, device):
        assert (await each.sign_in(number)).status_code == 201
        answered = await each.answer(said)
    await buy(browser)
    receipt_id = answered.json()["receipt_id"]
    assert (await sign_up(device, f"waiting-{number}@mailbox.example")).status_code == 201
    proof = (await browser.http.get(f"/receipts/{receipt_id}.tlog-proof")).text
    request_id = (await browser.ask("access")).json()["request_id"]
    await browser.http.get("/v1/slots/history")
    await opened.settle()
    await house.uses.flush()
    await house.plugins[0].learn(lambda _done, _of: None)
    return Person(number, browser, device, receipt_id, proof, request_id)


async def buy(browser: Browser) -> None:
    events = [
        {"event_id": str(uuid4()), "type": kind, "item_id": item, **({"quantity": 1} if kind == "purchase" else {})}
        for item in ITEMS
        for kind in ("view", "purchase")
    ]
    reply = await browser.http.post("/v1/events", json={"events": events})
    assert reply.status_code == 202, reply.text
    assert reply.json()["stored"] == len(events), reply.text


async def names_of(opened: Opened, admin: asyncpg.Connection, person: Person) -> set[UUID]:
    """Every subject behind a person, and every pseudonym of theirs."""
    rows = await admin.fetch(
        "select browser, account from ecrm.session where token_hash = any($1)",
        [hash_token(each.cookies[SESSION]) for each in (person.browser, person.device)],
    )
    subjects = {subject for row in rows for subject in row if subject}
    held = await vault.keys_of(sorted(subjects)).all(admin)
    opened_keys = [
        keys.unwrap(opened.house.keyring, k.subject, Category(k.category), k.version, k.wrapped)  # type: ignore[arg-type]
        for k in held
    ]
    behavioural = [
        key for key in opened_keys if (kept := SHIPPED.categories.get(key.category)) is not None and kept.behavioural
    ]
    today: date = await admin.fetchval("select current_date")
    counted = [name for key in opened_keys if key.category == ACCOUNTABILITY for name in uses.pseudonyms(key, today)]
    return {*subjects, *(pseudonym(key) for key in behavioural), *counted}


async def rows_about(admin: asyncpg.Connection, names: set[UUID]) -> dict[str, int]:
    """How many rows hold one of these names, by table."""
    return {
        table: await admin.fetchval(
            f"select count(*) from {table} where {' or '.join(f'{column} = any($1)' for column in sorted(columns))}",
            sorted(names),
        )
        for table, columns in (await named(admin)).items()
    }


async def test_nothing_of_a_person_is_left(opened: Opened) -> None:
    """Every table that can name somebody held them before and holds nothing after; the text of a dump neither."""
    person, other = await live(opened, "C-000001"), await live(opened, "C-000002")
    async with opened.as_admin() as admin:
        names, others = await names_of(opened, admin, person), await names_of(opened, admin, other)
        before, kept = await rows_about(admin, names), await rows_about(admin, others)
        assert all(before.values()), f"the test must have filled every table: {before}"
        leaves = [
            row[0] for row in await admin.fetch("select leaf_index from ecrm.body where subject = any($1)", names)
        ]
        assert await admin.fetchval(REPLIES, leaves) > 0
        reply = await person.browser.ask("erasure")
        assert reply.status_code == 201 and person.browser.cookies == {}
        await opened.settle()
        assert set((await rows_about(admin, names)).values()) == {0}
        assert await rows_about(admin, others) == kept
        assert await admin.fetchval(REPLIES, leaves) == 0
        dump = str(await everything(admin))
        index = opened.house.indexes.of(IndexKind.CUSTOMER_NUMBER, person.number)
        secrets_of = [*map(str, names), *(name.hex for name in names), index.hex(), person.number]
        secrets_of += [hash_token(person.device.cookies[SESSION]).hex(), receipt_hash(person.receipt_id)]
        assert not [secret for secret in secrets_of if secret in dump]
    done = (await person.browser.http.get(f"/v1/rights-requests/{reply.json()['request_id']}")).json()
    assert done["status"] == "fulfilled" and done["certificate"]["goes"]
    assert person.number not in str(done)


def receipt_hash(receipt_id: str) -> str:
    return sha256(urlsafe_b64decode(receipt_id + "=")).hexdigest()


async def test_the_counts_are_those_of_the_others(opened: Opened) -> None:
    """What was learned equals what is learned from those who are left, row by row."""
    person, _ = await live(opened, "C-000001"), await live(opened, "C-000002")
    async with opened.as_admin() as admin:
        counted = await admin.fetchval("select max(contributors) from engine.item_count")
        await person.browser.ask("erasure")
        await opened.settle()
        assert await admin.fetchval("select max(contributors) from engine.item_count") == counted / 2
    assert await opened.house.plugins[0].verify() is None


async def test_access_ends_at_once(opened: Opened) -> None:
    """Before any job has run: nothing opens, by cookie or by number, and the old cookies reach nothing."""
    person = await live(opened, "C-000001")
    await opened.house.runner.stop()
    await person.browser.ask("erasure")
    cookie = Caller(token_hash=hash_token(person.device.cookies[SESSION]))
    number = Caller(customer_number=person.number)
    for caller in (cookie, number):
        grants = await opened.house.gate.admit(caller, NEEDS, site_signals(opened.house))
        assert all(grant.is_empty for grant in grants.values())
    paths = (f"/v1/receipts/{person.receipt_id}", f"/v1/rights-requests/{person.request_id}/export")
    assert {(await person.device.http.get(path)).status_code for path in paths} == {404}
    assert (await person.device.http.get("/v1/receipts")).json() == {"receipts": []}
    events = {"events": [{"event_id": str(uuid4()), "type": "view", "item_id": "cup"}]}
    assert (await person.device.http.post("/v1/events", json=events)).json()["stored"] == 0


async def test_the_ledger_still_checks_and_so_does_a_saved_receipt(opened: Opened) -> None:
    """The leaf stays and names nobody; the copy that the person saved is proven without us."""
    person = await live(opened, "C-000001")
    await person.browser.ask("erasure")
    await opened.settle()
    async with opened.house.pools.house.acquire() as unlock, opened.house.pools.house.acquire() as conn:
        assert (await verify(conn, opener(unlock, opened.house.keyring))).problem is None
    receipt = verify_receipt(person.proof, opened.house.log_key)
    assert b"remember" in receipt.payload and person.number.encode() not in receipt.payload


async def test_a_job_that_runs_again_changes_nothing(opened: Opened) -> None:
    """A crash after any step makes the whole job run again: the same end, and one certificate."""
    person = await live(opened, "C-000001")
    await opened.house.runner.stop()
    reply = await person.browser.ask("erasure")
    async with opened.as_admin() as admin:
        payloads = [row["payload"] for row in await admin.fetch("select payload from ecrm.job where kind = 'erase'")]
        assert payloads
        for payload in payloads:
            await opened.house.rights.erase(payload)
        once = await everything(admin)
        for payload in payloads:
            await opened.house.rights.erase(payload)
        again = await everything(admin)
        assert {name for name in again if again[name] != once[name]} <= {"ecrm.upkeep"}  # which counts erasures
    status = await opened.house.rights.status(UUID(reply.json()["request_id"]))
    assert status.status == "fulfilled"


async def test_who_comes_back_is_somebody_new(opened: Opened) -> None:
    """The same customer number is a new subject without answers, name or history."""
    person = await live(opened, "C-000001")
    async with opened.as_admin() as admin:
        names = await names_of(opened, admin, person)
        await person.browser.ask("erasure")
        await opened.settle()
        await person.browser.sign_in(person.number)
        again = msgspec.structs.replace(person, device=person.browser)
        assert names.isdisjoint(await names_of(opened, admin, again))
    assert await person.browser.allowed() == {"order", "measure"}
    request = (await person.browser.ask("access")).json()["request_id"]
    package = (await person.browser.http.get(f"/v1/rights-requests/{request}/export")).text
    assert "Name of" not in package and "behaviour" not in package


async def test_forgetting_a_browser_leaves_the_account(opened: Opened) -> None:
    """What only that cookie could reach is erased; the customer's other device is as it was."""
    person = await live(opened, "C-000001")
    async with opened.as_admin() as admin:
        browser = await admin.fetchval(
            "select browser from ecrm.session where token_hash = $1", hash_token(person.browser.cookies[SESSION])
        )
        allowed = await person.device.allowed()
        assert (await person.browser.http.delete("/v1/session?forget=true")).status_code == 200
        await opened.settle()
        assert set((await rows_about(admin, {browser})).values()) == {0}
    assert person.browser.cookies == {}
    assert await person.device.allowed() == allowed


async def test_another_browser_of_the_account_keeps_what_is_its_own(opened: Opened) -> None:
    """Where the customer had said yes before signing in, that yes stays, and nothing leads to the erased account."""
    person, other = await live(opened, "C-000001"), opened.browser()
    await other.answer({"personalize": "given"})
    await other.sign_in(person.number)
    async with opened.as_admin() as admin:
        account = await admin.fetchval(
            "select account from ecrm.session where token_hash = $1", hash_token(other.cookies[SESSION])
        )
        await person.browser.ask("erasure")
        await opened.settle()
        assert set((await rows_about(admin, {account})).values()) == {0}
    assert "personalize" in await other.allowed() and "offers" not in await other.allowed()


async def test_two_workers_may_erase_at_once(database: Database, tmp_path: Path) -> None:
    """Whoever comes second finds nothing to do, and nothing is certified twice."""
    keyring = ClusterKeyring(secrets.token_bytes(32))
    async with (
        open_for_test(database, tmp_path, keyring, plugins=(PLUGIN,)) as one,
        open_for_test(database, tmp_path, keyring, plugins=(PLUGIN,)) as other,
    ):
        browsers = []
        for n in range(8):
            browsers.append((one if n % 2 else other).browser())
            await browsers[-1].answer({"remember": "given", "model.contribute": "given"})
            await browsers[-1].ask("erasure")
        await one.settle()
        await other.settle()
        async with one.as_admin() as admin:
            assert await admin.fetchval("select count(*) from ecrm.rights_request where status <> 'fulfilled'") == 0
            assert await admin.fetchval("select count(*) from ecrm.pseudonym") == 0
            assert await admin.fetchval("select count(*) from ecrm.job where failed is not null") == 0
