"""What was permitted at T, as known at T2: over HTTP, for the person and for servers, with proofs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.answer import SaidAnswer
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.imported import AnswerImport, ImportedAnswer
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.enact import activate
from ecrm_privacy.ledger.receipt import verify_receipt
from ecrm_privacy.vocabulary import Answer, NoticeVersion, Purpose
from tests.houses import Browser, Opened, name_of, until_heard
from tests.integration.history.conftest import KEYS, Clock
from tests.unit.policy.policies import SHIPPED, bundle, tree

pytestmark = pytest.mark.anyio

WHERE = Where("demo", "en", "eu")


def rows(reply: Any) -> dict[str, Mapping[str, Any]]:
    assert reply.status_code == 200, reply.text
    return {name_of(row): row for row in reply.json()["permissions"]}


async def mine(browser: Browser, **asked: datetime) -> Any:
    return await browser.http.get(
        "/v1/permissions", params={name: time.isoformat().replace("+00:00", "Z") for name, time in asked.items()}
    )


async def of(opened: Opened, number: str, recipient: str = "", **asked: str) -> Any:
    headers = {"Authorization": f"Bearer {KEYS[recipient]}", "Ecrm-Subject": number}
    http = opened.browser().http
    return await until_heard(lambda: http.get("/v1/subject/permissions", params=asked, headers=headers))


def words(reply: Any) -> set[str]:
    return {gap["what"] for gap in reply.json()["cannot_know"]}


async def test_the_present_is_what_permissions_say_now(opened: Opened, number: str) -> None:
    """Asked about now, as known now, the log says of account and browser exactly what the tables say."""
    browser = opened.browser()
    await browser.answer({"remember": "given", "offers": "refused", "offers/post": "given", "measure": "objected"})
    await browser.sign_in(number)
    await browser.answer({"personalize": "given", "share": "given", "share//tea-guild": "given", "advertise": "given"})
    await browser.answer({"share": "withdrawn"})
    for now in (await browser.http.get("/v1/permissions"), await of(opened, number)):
        assert now.json().keys() == {"permissions", "notice", "answer_due"}
    for now, then in (
        (await browser.http.get("/v1/permissions"), await mine(browser, at=datetime.now(UTC))),
        (await of(opened, number), await of(opened, number, known=datetime.now(UTC).isoformat())),
    ):
        assert all("decided_by" in row for row in then.json()["permissions"])
        told = [{name: row[name] for name in row if name != "decided_by"} for row in then.json()["permissions"]]
        assert told == now.json()["permissions"]
        assert {name: then.json()[name] for name in ("notice", "answer_due")} == {
            name: now.json()[name] for name in ("notice", "answer_due")
        }


async def test_what_was_withdrawn_was_permitted_before(opened: Opened, number: str, clock: Clock) -> None:
    """Each answer counts from its second on; the entries that decided are named and proven, and nobody else's."""
    browser = opened.browser()
    begin = clock.days_ago(30)
    await browser.sign_in(number)
    given = await browser.answer({"remember": "given", "personalize": "given"})
    until = {row["purpose"]: row.get("until") for row in given.json()["permissions"]}
    clock.days_ago(10)
    gone = await browser.answer({"remember": "withdrawn"})
    before, after = begin + timedelta(days=5), begin + timedelta(days=25)
    then = await mine(browser, at=before)
    assert rows(then)["remember"] == {
        "purpose": "remember", "allowed": True, "status": "given", "basis": "consent", "because": "consent",
        "until": until["remember"], "decided_by": [given.json()["leaf_index"]],
    }  # fmt: skip
    assert rows(await mine(browser, at=after))["remember"]["decided_by"] == [gone.json()["leaf_index"]]
    assert rows(await mine(browser, at=after))["remember"]["because"] == "withdrawn"
    assert rows(await mine(browser, at=after, known=before))["remember"]["because"] == "consent"
    assert rows(await mine(browser, at=begin - timedelta(days=1)))["remember"]["status"] == "unknown"
    assert rows(await mine(browser, at=begin - timedelta(days=1)))["remember"]["decided_by"] == []
    proven = {each["leaf_index"]: verify_receipt(each["proof"], opened.house.log_key) for each in then.json()["proofs"]}
    assert proven.keys() == {index for row in rows(then).values() for index in row["decided_by"]}
    assert len({receipt.checkpoint for receipt in proven.values()}) == 1
    assert all(index == receipt.leaf_index for index, receipt in proven.items())


async def test_a_yes_that_had_run_out(opened: Opened, number: str) -> None:
    """Expiry is judged at the time that is asked about."""
    await _import(opened, number, datetime.now(UTC) - timedelta(days=500))
    for days, status in ((400, "given"), (100, "expired")):
        at = datetime.now(UTC) - timedelta(days=days)
        assert rows(await of(opened, number, at=at.isoformat()))["remember"]["status"] == status


async def _import(opened: Opened, number: str, at: datetime) -> int:
    house = opened.house
    await house.profiles.put([Profile(number, {})], site_signals(house), WHERE)
    said = (SaidAnswer(Purpose("remember"), Answer.GIVEN),)
    (index,) = await AnswerImport(house.desk, house.indexes).put(
        [ImportedAnswer(number, NoticeVersion("shop@1"), said, at, "letter")], WHERE
    )
    assert isinstance(index, int)
    return index


async def test_a_backdated_import_changes_the_past_only_as_known_since(
    opened: Opened, number: str, clock: Clock
) -> None:
    """Last year's yes, imported ten days ago: it counts last year, as known now and not as known a month ago."""
    clock.days_ago(60)
    browser = opened.browser()
    await browser.sign_in(number)  # the person is known, and said nothing
    recorded = clock.days_ago(10)
    index = await _import(opened, number, recorded - timedelta(days=80))
    at = (recorded - timedelta(days=20)).isoformat()
    now = await of(opened, number, at=at)
    assert (rows(now)["remember"]["allowed"], rows(now)["remember"]["decided_by"]) == (True, [index])
    before = await of(opened, number, at=at, known=(recorded - timedelta(days=1)).isoformat())
    assert (rows(before)["remember"]["status"], rows(before)["remember"]["decided_by"]) == ("unknown", [])


async def test_a_clock_that_went_back_is_noticed_and_changes_no_order(
    opened: Opened, number: str, clock: Clock
) -> None:
    """A withdrawal that is dated before the yes it takes back stands after it, and is named."""
    browser = opened.browser()
    given = clock.days_ago(10)
    await browser.sign_in(number)
    await browser.answer({"remember": "given"})
    clock.days_ago(20)
    index = (await browser.answer({"remember": "withdrawn"})).json()["leaf_index"]
    for at in (given, given + timedelta(days=1)):
        reply = await mine(browser, at=at)
        assert rows(reply)["remember"]["status"] == "withdrawn"
        (noticed,) = (gap for gap in reply.json()["cannot_know"] if gap["what"] == "clock_went_back")
        assert noticed["entries"] == [index]
    assert rows(await mine(browser, at=given - timedelta(days=5)))["remember"]["status"] == "unknown"


async def test_the_policy_is_that_of_the_time(opened: Opened, number: str, clock: Clock) -> None:
    """A policy that was put in force later decides nothing before; the entry that put it in force is named."""
    changed = tree()
    changed["notices"]["shop@2"] = {**changed["notices"]["shop@1"], "asks_again": ["remember"]}
    house = opened.house
    clock.days_ago(3)
    browser = opened.browser()
    await browser.sign_in(number)
    await browser.answer({"remember": "given"})
    later = bundle(changed)
    before = datetime.now(UTC)
    index = await activate(house.pools.house.acquire, house.writer.append, later)
    try:
        now, then = await mine(browser, at=datetime.now(UTC)), await mine(browser, at=before - timedelta(seconds=2))
        assert (rows(now)["remember"]["because"], now.json()["policy"]) == (
            "stale_notice", {"leaf_index": index, "bundle": later.hash.hex()},
        )  # fmt: skip
        assert (now.json()["notice"], then.json()["notice"]) == ("shop@2", "shop@1")
        assert rows(then)["remember"]["because"] == "consent"
        assert then.json()["policy"]["bundle"] == SHIPPED.hash.hex()
        assert house.hallway.bundle.hash == later.hash  # looking back puts nothing in force
    finally:
        await activate(house.pools.house.acquire, house.writer.append, SHIPPED)
        await browser.http.get("/v1/permissions")


@pytest.mark.parametrize("name", ["at", "known"])
@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-01", "2026-01-01T00:00:00", "9999-01-01T00:00:00Z",
                                  "0001-01-01T00:00:00+14:00", "1767225600"])  # fmt: skip
async def test_a_time_that_cannot_be_read_or_has_not_come(name: str, text: str, opened: Opened, number: str) -> None:
    """A 400 problem that names the parameter and not what was there."""
    for reply in (
        await opened.browser().http.get("/v1/permissions", params={name: text}),
        await of(opened, number, **{name: text}),
    ):
        assert (reply.status_code, reply.json()["type"]) == (400, "/problems/malformed")
        assert f"`{name}`" in reply.json()["detail"]
        assert not text or text not in reply.json()["detail"].replace("2026-11-22T04:30:00Z", "")


async def test_a_time_that_is_named_twice(opened: Opened) -> None:
    """One question has one time."""
    reply = await opened.browser().http.get("/v1/permissions?at=2026-01-01T00:00:00Z&at=2026-01-02T00:00:00Z")
    assert (reply.status_code, reply.json()["type"]) == (400, "/problems/malformed")


async def test_before_the_log_its_first_policy_is_taken_and_said(opened: Opened, number: str) -> None:
    """An answer that was imported may be older than the log; no policy is, so the answer says which one it took."""
    index = await _import(opened, number, datetime.now(UTC) - timedelta(days=5 * 365))
    reply = await of(opened, number, at=(datetime.now(UTC) - timedelta(days=4.9 * 365)).isoformat())
    assert (rows(reply)["remember"]["decided_by"], rows(reply)["remember"]["allowed"]) == ([index], True)
    assert {"before_policy"} <= words(reply)
    assert "import_without_time" not in words(reply)


async def test_before_the_log_nothing_was_known(opened: Opened, number: str) -> None:
    """As known before the log began there is no answer: a 400."""
    reply = await of(opened, number, known="1999-01-01T00:00:00Z")
    assert (reply.status_code, reply.json()["type"]) == (400, "/problems/malformed")


async def test_the_erased_and_the_unknown_look_alike_and_are_said(opened: Opened, number: str) -> None:
    """After an erasure the log has nothing that opens; it says so and claims nothing."""
    browser = opened.browser()
    await browser.sign_in(number)
    await browser.answer({"remember": "given"})
    said_at = datetime.now(UTC).isoformat()
    assert (await browser.ask("erasure")).status_code == 201
    await opened.settle()
    erased, unknown = await of(opened, number, at=said_at), await of(opened, "C-999999", at=said_at)
    assert words(erased) >= {"nobody"}
    assert {row["status"] for row in rows(erased).values()} == {"unknown"}
    assert erased.json()["proofs"] == []
    assert {**erased.json(), "known": ""} == {**unknown.json(), "known": ""}


async def test_a_partner_learns_of_the_past_what_it_learns_of_the_present(opened: Opened, number: str) -> None:
    """Its own permissions and their entries; no proof, because a proof shows all that was said with it."""
    browser = opened.browser()
    assert (await browser.sign_in(number)).status_code == 201
    reply = await browser.answer({"remember": "given", "share": "given", "share//tea-guild": "given"})
    assert reply.status_code == 201, reply.text
    found = await of(opened, number, "tea-guild", at=datetime.now(UTC).isoformat())
    assert rows(found).keys() == rows(await of(opened, number, "tea-guild")).keys() == {"share//tea-guild"}
    assert rows(found)["share//tea-guild"]["decided_by"] == [reply.json()["leaf_index"]]
    assert found.json()["proofs"] == []
    assert all("entries" not in gap for gap in found.json()["cannot_know"])


async def test_what_a_browser_said_before_it_signed_in_is_said_to_be_elsewhere(opened: Opened, number: str) -> None:
    """A no that was carried over is the account's; that there was more is said."""
    browser = opened.browser()
    await browser.answer({"remember": "given", "offers": "refused"})
    await browser.sign_in(number)
    reply = await of(opened, number, at=datetime.now(UTC).isoformat())
    assert "before_sign_in" in words(reply)
    assert rows(reply)["offers"]["status"] == "refused"
    assert rows(reply)["remember"]["status"] == "unknown"
