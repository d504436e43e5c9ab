"""How somebody's data was used is counted for them: by our pages within seconds, by others before they get anything."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where, hash_token
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.gate import uses as gate_uses
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.gate.uses import UseLog
from ecrm_privacy.vault import keys, uses
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vault.uses import Use
from ecrm_privacy.vocabulary import ACCOUNTABILITY, Category, Purpose, SubjectId
from tests.conftest import Database
from tests.houses import SESSION, Browser, ClusterKeyring, Opened, open_for_test
from tests.integration.gate.conftest import KEYS, let_in

pytestmark = pytest.mark.anyio

ROWS = "select * from ecrm.use_count order by pseudonym, use"
STANDING = "select * from ecrm.use_count where month = date_trunc('month', current_date) order by ctid"
KEY = "select subject, version, wrapped from ecrm.subject_key where category = 'accountability' and subject = $1"


async def known(opened: Opened, number: str) -> Browser:
    """A customer with a name, who has said yes to a page of their own."""
    fields = {Category("contact"): {"name": "Ottilie Vanterpool"}}
    house = opened.house
    assert await house.profiles.put([Profile(number, fields)], site_signals(house), Where("demo", "en", "eu")) == [0]
    browser = opened.browser()
    await browser.sign_in(number)
    await browser.answer({"personalize": "given", "remember": "given"})
    return browser


def as_(recipient: str, number: str = "") -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[recipient]}", **({"Ecrm-Subject": number} if number else {})}


async def told(browser: Browser) -> list[dict[str, Any]]:
    reply = await browser.http.get("/v1/uses")
    assert reply.status_code == 200, reply.text
    return list(reply.json()["uses"])


async def check(opened: Opened, numbers: Sequence[str], who: str = "warehouse", **asked: Any) -> httpx.Response:
    body = {"subjects": list(numbers), "purpose": "offers", "channel": "email", **asked}
    return await opened.browser().http.post("/v1/access:check", json=body, headers=as_(who))


async def rows(opened: Opened) -> list[asyncpg.Record]:
    async with opened.as_admin() as admin:
        return list(await admin.fetch(ROWS))


async def key_of(opened: Opened, browser: Browser) -> SubjectKey:
    standing = await opened.house.desk.standing(Caller(token_hash=hash_token(browser.cookies[SESSION])))
    assert standing.account is not None
    async with opened.as_admin() as admin:
        row = await admin.fetchrow(KEY, standing.account.subject)
    return keys.unwrap(opened.house.keyring, SubjectId(row["subject"]), ACCOUNTABILITY, row["version"], row["wrapped"])


# our own pages --------------------------------------------------------------------------------------------------------


async def test_what_pages_used_is_told(opened: Opened, number: str) -> None:
    """By month, slot, purpose and category, how often and why; what opened nothing and what was stored is no use."""
    browser = await known(opened, number)
    for _ in range(3):
        await browser.http.get("/v1/slots/greeting")
    await browser.http.get("/v1/slots/popular")
    event = {"event_id": "e" * 16, "type": "view", "item_id": "tea"}
    assert (await browser.http.post("/v1/events", json={"events": [event]})).json()["stored"] == 1
    await opened.house.uses.flush()
    (use,) = await told(browser)
    assert use == {
        "month": f"{datetime.now(UTC):%Y-%m}", "system": "own_pages", "purpose": "personalize", "slot": "greeting",
        "categories": ["contact"], "times": 3, "because": "consent",
    }  # fmt: skip


async def test_counts_add_up(opened: Opened, number: str) -> None:
    """Over flushes and over workers at once, none waits for another for ever, and none is lost."""
    browsers = [await known(opened, f"{number}-{n}") for n in range(4)]
    callers = [Caller(token_hash=hash_token(browser.cookies[SESSION])) for browser in browsers]
    needs = ["slot:greeting", "slot:for-you", "slot:history"]
    before = opened.house.uses
    others = [UseLog(before._write, opened.house.keyring) for _ in range(3)]
    gate = opened.house.gate
    try:
        for log in others:
            gate._uses = log
            for caller in callers * 5:
                await gate.admit(caller, needs, site_signals(opened.house))
    finally:
        gate._uses = before
    await asyncio.gather(*(log.flush() for log in others))
    for browser in browsers:
        assert {use["slot"]: use["times"] for use in await told(browser)}["greeting"] == 15


async def test_a_refusal_is_not_counted(opened: Opened, number: str) -> None:
    """Nothing was opened, so there is nothing to tell, and no row that says that somebody came."""
    browser = await known(opened, number)
    await browser.answer({"personalize": "withdrawn"})
    before = len(await rows(opened))
    await browser.http.get("/v1/slots/greeting")
    await opened.house.uses.flush()
    assert await told(browser) == [] and len(await rows(opened)) == before


async def test_nobody_is_told_nothing(opened: Opened, number: str) -> None:
    """A browser without a session sees no uses, and what may be missing is said in its language."""
    stranger = opened.browser(**{"Accept-Language": "de"})
    assert await told(stranger) == []
    assert "Absturz" in (await stranger.http.get("/v1/uses")).json()["note"]
    await known(opened, number)
    assert await told(opened.browser()) == []


async def test_much_is_written_early(opened: Opened, number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above so many different uses nobody waits for the clock, so memory stays small."""
    browser = await known(opened, number)
    monkeypatch.setattr(gate_uses, "FLUSH_AT", 1)
    await browser.http.get("/v1/slots/greeting")
    async with asyncio.timeout(3):
        while not await told(browser):
            await asyncio.sleep(0.02)


async def test_whoever_stops_writes_first(database: Database, tmp_path: Path) -> None:
    """What was counted and not written yet is there when the service has stopped and is started again."""
    keyring = ClusterKeyring(bytes(range(32)))
    async with open_for_test(database, tmp_path, keyring, plugins=("personalization.plugin",)) as house:
        browser = await known(house, "C-1")
        await browser.http.get("/v1/slots/greeting")
        token = browser.cookies[SESSION]
    async with open_for_test(database, tmp_path, keyring, plugins=("personalization.plugin",)) as house:
        again = house.browser()
        again.http.cookies.set(SESSION, token, domain="127.0.0.1", path="/")
        assert [use["times"] for use in await told(again)] == [1]


async def test_what_cannot_be_written_now_is_kept(opened: Opened, number: str) -> None:
    """While the table is locked nothing is lost and no page waits; later it is counted once."""
    browser = await known(opened, number)
    async with opened.as_admin() as admin, admin.transaction():
        await admin.execute("lock table ecrm.use_count in access exclusive mode")
        for _ in range(2):
            assert (await browser.http.get("/v1/slots/greeting")).status_code == 200
        with pytest.raises(Unavailable):
            await opened.house.uses.flush()
    await opened.house.uses.flush()
    assert [use["times"] for use in await told(browser)] == [2]


async def test_memory_has_an_end(opened: Opened, number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing can be written, so much is kept and no more; what was there already goes on being counted."""
    browser = await known(opened, number)
    key = await key_of(opened, browser)
    monkeypatch.setattr(gate_uses, "KEPT_MOST", 2)
    written: list[uses.Counted] = []

    async def write(made: Sequence[uses.Counted]) -> int:
        written.extend(made)
        return len(made)

    log = UseLog(write, opened.house.keyring)
    wrapped = keys._wrap(opened.house.keyring, key)
    for number_of in (0, 1, 2, 3, 0):
        use = Use("own_pages", Purpose("p"), f"slot:{number_of}")
        log.count([gate_uses.Released(key.subject, key.version, wrapped, use)])
    await log.flush()
    assert sorted(row.times for row in written) == [1, 2]


# others ---------------------------------------------------------------------------------------------------------------


async def test_others_are_counted_before_they_are_told(opened: Opened, number: str) -> None:
    """A department's check, its list of permissions and a slot, and a partner's check: each is one row at once."""
    browser = await known(opened, number)
    assert (await check(opened, [number, number])).status_code == 200
    assert (await check(opened, [number], "tea-guild", purpose="share", channel="")).status_code == 200
    web = opened.browser().http
    assert (await web.get("/v1/subject/permissions", headers=as_("warehouse", number))).status_code == 200
    slot = await web.post("/v1/subject/slots/greeting", headers=as_("warehouse", number))
    assert slot.json()["personal"]
    found = {
        (use["system"], use.get("purpose"), use.get("permission") or use["slot"]): use for use in await told(browser)
    }
    assert {key: use["times"] for key, use in found.items()} == {
        ("warehouse", "offers", "offers/email"): 2,
        ("tea-guild", "share", "share//tea-guild"): 1,
        ("warehouse", None, "all"): 1,
        ("warehouse", "personalize", "greeting"): 1,
    }
    assert "because" not in found["warehouse", "offers", "offers/email"]


@pytest.mark.parametrize("how", ["being erased", "no key"])
async def test_what_cannot_be_counted_is_not_told(opened: Opened, number: str, how: str) -> None:
    """A check and a list are a 503, a slot is everybody's; the database holds no trace, and later it works again."""
    browser = await known(opened, number)
    web, key = opened.browser().http, await key_of(opened, browser)
    async with opened.as_admin() as admin:
        row = await admin.fetchrow(KEY, key.subject)
        if how == "no key":
            await admin.execute(
                "delete from ecrm.subject_key where category = 'accountability' and subject = $1", key.subject
            )
        else:  # who is being erased in this moment is passed over
            erasing = admin.transaction()
            await erasing.start()
            await admin.execute(
                "select from ecrm.subject_key where category = 'accountability' and subject = $1 for update",
                key.subject,
            )
        refused = [
            await check(opened, [number]), await web.get("/v1/subject/permissions", headers=as_("warehouse", number))
        ]  # fmt: skip
        slot = await web.post("/v1/subject/slots/greeting", headers=as_("warehouse", number))
        if how == "no key":
            await admin.execute("insert into ecrm.subject_key values ($1, 'accountability', $2, $3)", *row)
        else:
            await erasing.rollback()
    assert [(reply.status_code, reply.json()["type"]) for reply in refused] == [(503, "/problems/unavailable")] * 2
    assert slot.status_code == 200 and not slot.json()["personal"] and "Ottilie" not in slot.text
    assert await told(browser) == []
    assert (await check(opened, [number])).status_code == 200


async def test_a_gate_in_a_process_of_its_own_counts_alike(database: Database, tmp_path: Path) -> None:
    """What the hall renders is counted in the house: for its own pages, and before a department gets a slot."""
    settings = {"plugins": ("personalization.plugin",), "gate_process": True}
    async with open_for_test(database, tmp_path, **settings) as apart:
        await let_in(apart)
        browser = await known(apart, "C-1")
        await browser.http.get("/v1/slots/greeting")
        slot = await apart.browser().http.post("/v1/subject/slots/greeting", headers=as_("warehouse", "C-1"))
        assert slot.json()["personal"]
        assert [(use["system"], use["times"]) for use in await told(browser)] == [("warehouse", 1)]
        await apart.house.uses.flush()
        assert {use["system"]: use["times"] for use in await told(browser)} == {"warehouse": 1, "own_pages": 1}


async def test_a_thousand_customers_are_asked_about_at_once(opened: Opened, number: str) -> None:
    """Known and unknown ones in their order, each refusal with its reason and where to ask."""
    browser = await known(opened, number)
    await browser.answer({"offers": "given", "offers/post": "given"})
    numbers = [f"{number}-nobody-{place}" for place in range(999)]
    started = asyncio.get_running_loop().time()
    reply = await check(opened, [*numbers[:500], number, *numbers[500:]], channel="post")
    print(f"\n1,000 in {(asyncio.get_running_loop().time() - started) * 1000:.0f} ms")
    results = reply.json()["results"]
    assert len(results) == 1000
    assert [place for place, one in enumerate(results) if one["valid_for_processing"]] == [500]
    assert all(
        one["because"] == "unknown" and one["capture_url"].endswith("/preferences#purpose-offers")
        for place, one in enumerate(results)
        if place != 500
    )
    assert "capture_url" not in results[500]


async def test_every_refusal_says_why_and_where_to_ask(opened: Opened, number: str) -> None:
    """In the list of permissions, for the browser and for a server."""
    browser = await known(opened, number)
    lists = [
        (await browser.http.get("/v1/permissions")).json()["permissions"],
        (await opened.browser().http.get("/v1/subject/permissions", headers=as_("warehouse", number))).json()[
            "permissions"
        ],
    ]
    for permissions in lists:
        assert {row["allowed"] for row in permissions} == {True, False}
        for row in permissions:
            assert row["because"]
            place = f"/preferences#purpose-{row['purpose']}"
            assert row.get("capture_url", "").endswith(place) if not row["allowed"] else "capture_url" not in row


# erasure, age, a copy -------------------------------------------------------------------------------------------------


async def test_a_copy_has_the_counts(opened: Opened, number: str) -> None:
    """In words and numbers, as the page tells them."""
    browser = await known(opened, number)
    await check(opened, [number])
    request_id = (await browser.ask("access")).json()["request_id"]
    (part,) = (await browser.http.get(f"/v1/rights-requests/{request_id}/export")).json()["about_you"]
    (use,) = part["uses"]
    assert (use["system"], use["need"], use["times"]) == ("warehouse", "permission:offers/email", 1)
    page = await browser.http.get(f"/requests/{request_id}/copy")
    assert "How your data was used" in page.text and "warehouse" in page.text


async def test_a_late_flush_brings_nobody_back(opened: Opened, number: str) -> None:
    """What was counted before an erasure and is written after it leaves no row; what was written is gone."""
    browser = await known(opened, number)
    names = uses.pseudonyms(await key_of(opened, browser), datetime.now(UTC).date())
    await browser.http.get("/v1/slots/greeting")
    await opened.house.uses.flush()
    await browser.http.get("/v1/slots/greeting")  # counted, and not written yet
    assert {row["pseudonym"] for row in await rows(opened)} & set(names)
    assert (await browser.ask("erasure")).status_code == 201
    await opened.settle()
    await opened.house.uses.flush()
    assert not {row["pseudonym"] for row in await rows(opened)} & set(names)


async def test_an_erasure_waits_for_whoever_counts(opened: Opened, number: str) -> None:
    """A count that is being written when an erasure begins is there before the erasure looks for rows."""
    browser = await known(opened, number)
    key, today = await key_of(opened, browser), datetime.now(UTC).date()
    made = uses.count(key, uses.month_of(today), Use("own_pages", Purpose("order"), "slot:history"), 1)
    async with opened.house.pools.house.acquire() as conn:
        counting = conn.transaction()
        await counting.start()
        assert (
            await conn.fetchval("select ecrm.count_uses($1, $2, $3, $4, $5, $6, $7)", *([value] for value in made)) == 1
        )
        erasure = asyncio.create_task(browser.ask("erasure"))
        await asyncio.sleep(0.2)
        assert not erasure.done()
        await counting.commit()
    assert (await erasure).status_code == 201
    await opened.settle()
    assert made.pseudonym not in {row["pseudonym"] for row in await rows(opened)}


async def test_counts_go_by_age(opened: Opened, number: str) -> None:
    """A month that began more than 395 days ago is gone after the hourly upkeep, the one after it is not."""
    browser = await known(opened, number)
    key, today = await key_of(opened, browser), datetime.now(UTC).date()
    edge = today - timedelta(days=395)
    old, kept = edge.replace(day=1) - timedelta(days=1), edge.replace(day=1) + timedelta(days=31)
    use = Use("own_pages", Purpose("order"), "slot:history")
    months = [uses.month_of(day) for day in (old, kept, today)]
    for month in months:
        await opened.house.uses._write([uses.count(key, month, use, 1)])
    await opened.house.upkeep.age()
    assert {use["month"] for use in await told(browser)} == {f"{month:%Y-%m}" for month in months[1:]}


# what a dump may show -------------------------------------------------------------------------------------------------


async def test_rows_stand_in_no_order_that_means_anything(opened: Opened, number: str) -> None:
    """Before they are mixed they stand as people came; afterwards by their random names, and nothing else changed."""
    for n in range(12):
        browser = await known(opened, f"{number}-{n}")
        await browser.http.get("/v1/slots/greeting")
        await opened.house.uses.flush()

    async def as_they_stand() -> list[Mapping[str, Any]]:
        async with opened.as_admin() as admin:
            return [dict(row) for row in await admin.fetch(STANDING)]

    def named(found: Sequence[Mapping[str, Any]]) -> list[tuple[bytes, bytes]]:
        return [(row["pseudonym"].bytes, row["use"]) for row in found]

    before = await as_they_stand()
    assert named(before) != sorted(named(before))
    await opened.house.upkeep.mix(datetime.now(UTC))
    after = await as_they_stand()
    assert named(after) == sorted(named(after))
    assert sorted(before, key=lambda row: (row["pseudonym"], row["use"])) == after


async def test_no_column_tells_a_count_or_a_time(opened: Opened, number: str) -> None:
    """`times` is far from the count, a month is all the time there is, and no name stands twice for one person."""
    browser = await known(opened, number)
    for _ in range(2):
        await browser.http.get("/v1/slots?names=greeting,for-you,history")
    await opened.house.uses.flush()
    names = set(uses.pseudonyms(await key_of(opened, browser), datetime.now(UTC).date()))
    mine = [row for row in await rows(opened) if row["pseudonym"] in names]
    assert mine and all(row["times"] > 2**32 and row["month"].day == 1 for row in mine)
    assert all(isinstance(row["month"], date) and not isinstance(row["month"], datetime) for row in mine)
    async with opened.as_admin() as admin:
        columns = await admin.fetch(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = 'ecrm' and table_name = 'use_count'"
        )
    assert {row["column_name"]: row["data_type"] for row in columns} == {
        "pseudonym": "uuid", "use": "bytea", "month": "date", "sealed": "bytea", "times": "bigint",
    }  # fmt: skip
