"""Promise 1 against whoever can write in the database: what was moved or cut off opens nowhere and is noticed.

Each sealed column is attacked in each way, and everything that two people can read is read before and after. Then what
was overwritten is put back; what the formats cannot notice of that is a test too.
"""

import json
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.rights.wording import UNOPENED
from ecrm_privacy.vocabulary import Category
from tests.conftest import Cluster
from tests.houses import Browser, Opened, house_of_its_own, idempotent, logged
from tests.integration.channels.people import sign_up

pytestmark = pytest.mark.anyio

CONTACT, DEMOGRAPHICS = Category("contact"), Category("demographics")
WHERE = Where("demo", "en", "eu")
NEEDS = ["slot:greeting", "slot:for-you", "slot:history"]
SEALED = {
    "ecrm.subject_key.wrapped": ("subject", "category", "version"),
    "ecrm.record.sealed": ("subject", "category", "field"),
    "ecrm.body.sealed": ("subject", "leaf_index"),
    "ecrm.body.wrapped_for_receipt": ("subject", "leaf_index"),
    "ecrm.body.wrapped_for_subject": ("subject", "leaf_index"),
    "ecrm.reply.sealed": ("key_mac",),
    "ecrm.use_count.sealed": ("pseudonym", "use"),
    "ecrm.pending.sealed": ("subject", "version"),
    "ecrm.rights_request.wording": ("subject", "request_id"),
    "ecrm.rights_request.reason": ("subject", "request_id"),
}
"""What opens only where it was sealed for, and the columns that say whose it is and which."""

ALONE = {"ecrm.reply.sealed", "ecrm.use_count.sealed"}
"""Of these a caller, or a name, has one row, or few: next to nothing can be exchanged within it."""

NAMES = {
    "ecrm.blind_index.value": "a keyed hash: who exchanges two lets two people change places (as a wrong login would)",
    "ecrm.session.token_hash": "a hash of what the browser holds: the same",
    "ecrm.api_key.key_hash": "a hash of what the caller holds",
    "ecrm.body.receipt_hash": "a hash of what the person holds; what it leads to opens with that alone",
    "ecrm.reply.key_mac": "a MAC of what the caller sent; what it leads to opens with that alone",
    "ecrm.reply.body_mac": "a MAC: another one is refused as another request",
    "ecrm.token_used.token_mac": "a hash: a token that is missing may be used until it expires",
    "ecrm.use_count.use": "a MAC under a month's secret; what stands beside it is read only where it belongs",
    "ecrm.suppressed.value": "a keyed hash: it leads to nobody",
    "ecrm.stopped.value": "the same",
    "ecrm.messaged.value": "the same",
    "ecrm.messaged.message": "a random name of a message that was sent",
    "ecrm.pending.same": "a keyed hash: it tells a further request with the same address",
    "ecrm.import_job.import_id": "a hash of what was imported",
    "engine.event.event_id": "a MAC under a pseudonym, by which an event counts once",
}
"""What names a row. Nothing is opened by it, and no key checks who wrote it: that takes the house's own role."""

CHECKED = {
    "ecrm.ledger_head.root_hash", "ecrm.ledger_head.edge", "ecrm.ledger_entry.leaf", "ecrm.ledger_entry.leaf_hash",
    "ecrm.statement.payload", "ecrm.statement.open", "ecrm.tile.root_hash", "ecrm.tile.hashes",
    "ecrm.policy_bundle.bundle", "ecrm.policy_bundle.documents", "ecrm.policy_active.bundle", "ecrm.decision.bundle",
    "ecrm.need.bundle", "ecrm.notice_current.bundle", "ecrm.rendered.report", "ecrm.rendered.bundle",
    "ecrm.rendered.text", "ecrm.rendered.page",
}  # fmt: skip
"""What is no secret: `ecrm ledger verify` computes the log and its folds again; a bundle's name is its hash."""


class Person(NamedTuple):
    """A customer who has answered, with all that they hold."""

    number: str
    browser: Browser
    receipts: Sequence[str]
    key: str
    body: dict[str, Any]
    requests: Sequence[str]


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    rates = {"yes_per_minute_subject": 0, "yes_per_minute_address": 0}
    async with house_of_its_own(cluster, tmp_path_factory.mktemp("house"), **rates) as house:
        yield house


@pytest.fixture(scope="module")
async def people(opened: Opened) -> list[Person]:
    """Two who have profiles, receipts, replies, and keys of two versions, as a merge makes them."""
    made = [await live(opened, number) for number in ("C-wendehals-1", "C-wiedehopf-2")]
    for person in made:
        await facts(opened, person)
    await opened.house.uses.flush()
    return made


async def live(opened: Opened, number: str) -> Person:
    fields = {CONTACT: {"name": f"Name of {number}", "email": f"{number}@example.com"}, DEMOGRAPHICS: {"city": number}}
    assert await opened.house.profiles.put([Profile(number, fields)], site_signals(opened.house), WHERE)
    said = {"remember": "given", "personalize": "given"}
    browser = opened.browser()
    receipts = [(await browser.answer(said)).json()["receipt_id"]]
    account = opened.browser()
    await account.sign_in(number)
    receipts.append((await account.answer(said)).json()["receipt_id"])
    for channel, address in (("email", f"{number}@mailbox.example"), ("sms", f"+49301234{number[-1]}")):
        assert (await sign_up(account, address, channel)).status_code == 201
    await browser.sign_in(number)
    key, body = (
        str(uuid4()),
        {"notice": "shop@1", "answers": [{"purpose": "measure", "answer": "given"}], "method": "save"},
    )
    reply = await browser.http.post("/v1/answers", json=body, headers=idempotent(key))
    receipts.append(reply.json()["receipt_id"])
    return Person(number, browser, receipts, key, body, [await denied(opened, browser, number, n) for n in range(2)])


async def denied(opened: Opened, browser: Browser, number: str, place: int) -> str:
    """Ask for a correction and have it denied, in words of this person and this request alone."""
    asked = {"right": "rectification", "text": f"Correction {place} of {number}"}
    made = (await browser.http.post("/v1/rights-requests", json=asked, headers=idempotent())).json()["request_id"]
    await opened.house.requests.end(UUID(made), denied_because=f"Reason {place} for {number}")
    return str(made)


async def facts(opened: Opened, person: Person) -> set[tuple[str, str]]:
    """Everything that opens for a person, by where it was read."""
    caller = Caller(customer_number=person.number)
    grants = await opened.house.gate.admit(caller, NEEDS, site_signals(opened.house))
    found = set()
    for need, grant in grants.items():
        found |= {(need, f"{field}={value}") for fields in grant.values.values() for field, value in fields.items()}
        found |= {(need, str(name)) for name in grant.all_pseudonyms()}
    for category, values in (await opened.house.rights.profile(caller)).items():
        found |= {(f"profile {category}", f"{name}={value}") for name, value in values.items() if value != UNOPENED}
    standing = await opened.house.desk.standing(caller)
    if standing.account is not None:
        package = await opened.house.rights.everything([standing.account.subject])
        waiting = [each for part in package["about_you"] for each in part.get("pending", ())]
        found |= {("waiting", json.dumps(each, sort_keys=True)) for each in waiting}
    for place, receipt in enumerate(person.receipts):
        reply = await person.browser.http.get(f"/v1/receipts/{receipt}")
        if reply.status_code == 200:
            found.add((f"receipt {place}", reply.json()["payload"]))
    reply = await person.browser.http.get("/v1/receipts")
    if reply.status_code == 200:
        found |= {("own receipt", json.dumps(each, sort_keys=True)) for each in reply.json()["receipts"]}
    reply = await person.browser.http.get("/v1/uses")
    if reply.status_code == 200:
        found |= {("use", f"{use['month']} {use['purpose']} {use.get('slot')}") for use in reply.json()["uses"]}
    for request in person.requests:
        told = (await person.browser.http.get(f"/v1/rights-requests/{request}")).json()
        found |= {(f"request {request}", text) for text in (told.get("text"), told.get("reason")) if text != UNOPENED}
    reply = await person.browser.http.post("/v1/answers", json=person.body, headers=idempotent(person.key))
    if reply.status_code == 201:
        found.add(("reply", reply.json()["receipt_id"]))
    return found


async def move(admin: asyncpg.Connection, column: str, way: str) -> None:
    """Spoil one column in every row of it. Raises CheckViolationError where the schema does not even store it."""
    table, _, name = column.rpartition(".")
    keys = SEALED[column]
    places = " and ".join(f"t.{key} = m.{key}" for key in keys)
    listed = ", ".join(keys)
    rest = ", ".join(keys[1:]) or keys[0]
    partition = {
        "between people": f"partition by {rest}" if len(keys) > 2 else "",
        "within a person": f"partition by {keys[0]}",
    }
    if way in partition:
        value = f"coalesce(lead({name}) over w, first_value({name}) over w)"
        window = f"window w as ({partition[way]} order by {listed})"
    else:
        changed = {
            "one bit": f"set_byte({name}, length({name}) - 1, get_byte({name}, length({name}) - 1) # 1)",
            "the first byte": f"set_byte({name}, 0, get_byte({name}, 0) # 2)",
            "cut off": f"substr({name}, 1, length({name}) - 1)",
            "nothing": "''::bytea",
            "random": f"decode('{secrets.token_hex(66)}', 'hex')",
        }
        value, window = changed[way], ""
    await admin.execute(
        f"update {table} t set {name} = m.made from (select {listed}, {value} as made from {table}"
        f" where {name} is not null {window}) m where {places}"
    )


WAYS = ("between people", "within a person", "one bit", "the first byte", "cut off", "nothing", "random")


async def test_every_column_of_bytes_is_known(admin: asyncpg.Connection) -> None:
    """Whoever adds one says what binds it."""
    rows = await admin.fetch(
        "select format('%I.%I.%I', table_schema, table_name, c.column_name) as name from information_schema.columns c"
        " join information_schema.tables t using (table_schema, table_name)"
        " where table_schema in ('ecrm', 'engine') and t.table_type = 'BASE TABLE' and c.data_type = 'bytea'"
    )
    assert {row["name"] for row in rows} == SEALED.keys() | NAMES.keys() | CHECKED


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("column", SEALED)
async def test_what_was_moved_opens_nowhere_and_is_noticed(
    opened: Opened, people: list[Person], column: str, way: str
) -> None:
    """Nobody reads anything but what they read there before, somebody reads less, and the log says why."""
    before = [await facts(opened, person) for person in people]
    table, _, name = column.rpartition(".")
    async with opened.as_admin() as admin:
        listed = ", ".join(SEALED[column])
        rows = await admin.fetch(f"select {listed}, {name} from {table} where {name} is not null")
        try:
            await move(admin, column, way)
        except asyncpg.CheckViolationError:
            return  # the schema keeps it out
        moved = sum(row not in rows for row in await admin.fetch(f"select {listed}, {name} from {table}"))
        try:
            with logged() as log:
                after = [await facts(opened, person) for person in people]
        finally:
            places = " and ".join(f"{key} = ${n}" for n, key in enumerate(SEALED[column], 2))
            await admin.executemany(
                f"update {table} set {name} = $1 where {places}",
                [(row[name], *(row[key] for key in SEALED[column])) for row in rows],
            )
    assert moved or (way == "within a person" and column in ALONE)
    for had, has in zip(before, after, strict=True):
        assert has <= had, has - had
    less = [has < had for had, has in zip(before, after, strict=True)]
    assert all(less) or not moved or (way == "within a person" and column in ALONE and any(less))
    assert not moved or b"ampered" in log.getvalue(), log.getvalue().decode()
    assert [await facts(opened, person) for person in people] == before


OLD, NEW = {"name": "Old Name", "email": "old@example.com"}, {"name": "New Name", "email": "new@example.com"}
KEY = "update ecrm.subject_key set wrapped = $3 where subject = $1 and category = $2"
RECORD = "update ecrm.record set sealed = $4 where subject = $1 and category = $2 and field = $3"


class Older(NamedTuple):
    """Somebody whose contact data was written twice, and what stood after the first time."""

    caller: Caller
    subject: UUID
    wrapped: bytes
    sealed: dict[str, bytes]

    async def put_back(self, admin: asyncpg.Connection, *, key: bool, fields: Sequence[str]) -> None:
        if key:
            assert await admin.execute(KEY, self.subject, CONTACT, self.wrapped) == "UPDATE 1"
        for field in fields:
            assert await admin.execute(RECORD, self.subject, CONTACT, field, self.sealed[field]) == "UPDATE 1"


async def written_twice(opened: Opened) -> Older:
    caller = Caller(customer_number=f"C-{uuid4()}")
    for fields in (OLD, NEW):
        profile = Profile(caller.customer_number or "", {CONTACT: fields})
        assert await opened.house.profiles.put([profile], site_signals(opened.house), WHERE) == [0]
        if fields is OLD:
            standing = await opened.house.desk.standing(caller)
            assert standing.account is not None
            subject = standing.account.subject
            (wrapped,) = (row.wrapped for row in standing.account.keys if row.category == CONTACT)
            async with opened.as_admin() as admin:
                rows = await admin.fetch("select field, sealed from ecrm.record where subject = $1", subject)
    browser = opened.browser()
    await browser.sign_in(caller.customer_number or "")
    assert (await browser.answer({"personalize": "given"})).status_code == 201
    return Older(caller, subject, wrapped, {row["field"]: row["sealed"] for row in rows})


async def shown(opened: Opened, caller: Caller) -> list[dict[str, str]]:
    """What opens of somebody's contact data: at the gate, and for themselves."""
    grants = await opened.house.gate.admit(caller, ["slot:greeting"], site_signals(opened.house))
    own = (await opened.house.rights.profile(caller))["contact"]
    return [
        dict(grants["slot:greeting"].values.get(CONTACT, {})),
        {field: value for field, value in own.items() if value != UNOPENED},
    ]


@pytest.mark.parametrize(
    ("key", "fields", "left"),
    [
        (False, ["email"], {"name": NEW["name"]}),
        (False, ["name", "email"], {}),
        (True, [], {}),
        (True, ["email"], {"email": OLD["email"]}),
    ],
    ids=["a value", "every value", "the key", "a value and the key"],
)
async def test_an_older_value_does_not_stand_beside_what_was_written_since(
    opened: Opened, key: bool, fields: list[str], left: dict[str, str]
) -> None:
    """What is put back opens only with the key that was replaced, and that opens nothing newer: it is noticed."""
    person = await written_twice(opened)
    assert await shown(opened, person.caller) == [NEW, NEW]
    async with opened.as_admin() as admin:
        await person.put_back(admin, key=key, fields=fields)
    with logged() as log:
        assert await shown(opened, person.caller) == [left, left]
    assert log.getvalue().count(b"ampered") >= 2


async def test_all_of_a_category_with_its_key_is_not_noticed(opened: Opened) -> None:
    """What a key for each write cannot tell: a whole category as it was, key and all. It goes with the key's epoch."""
    person = await written_twice(opened)
    async with opened.as_admin() as admin:
        await person.put_back(admin, key=True, fields=list(OLD))
    with logged() as log:
        assert await shown(opened, person.caller) == [OLD, OLD]
    assert b"ampered" not in log.getvalue()


WRITTEN_ONCE = {
    "ecrm.body.sealed", "ecrm.body.wrapped_for_receipt", "ecrm.body.wrapped_for_subject", "ecrm.reply.sealed",
    "ecrm.use_count.sealed",
}  # fmt: skip
"""Sealed columns of which there is no older value to put back: a row is written, and goes, and is never changed."""


async def test_whatever_else_is_sealed_is_written_once(opened: Opened) -> None:
    """The house's own role cannot update it; whoever finds a way gets what was sealed for that one row."""
    async with opened.as_admin() as admin:
        for column in SEALED:
            table, _, name = column.rpartition(".")
            may = await admin.fetchval("select has_column_privilege('ecrm_house', $1, $2, 'update')", table, name)
            assert may is (column not in WRITTEN_ONCE), column
