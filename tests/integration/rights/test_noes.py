"""Objection, opt-out of sale, limit of what is sensitive: answers in one act, for anybody, fulfilled at once."""

from uuid import uuid4

import pytest

from tests.houses import SESSION, Opened, everything, idempotent

pytestmark = pytest.mark.anyio

YES = {"remember": "given", "personalize": "given", "share": "given", "advertise": "given"}


async def statuses(browser: object) -> dict[str, str]:
    rows = (await browser.http.get("/v1/permissions")).json()["permissions"]  # type: ignore[attr-defined]
    return {row["purpose"]: row["status"] for row in rows if not {"channel", "recipient"} & row.keys()}


async def test_an_objection_is_to_what_rests_on_our_interest(opened: Opened) -> None:
    """One leaf, `objected` where consent is not the basis and nothing else touched; a later yes lifts it."""
    browser = opened.browser()
    await browser.answer(YES)
    before = await browser.allowed()
    reply = await browser.ask("objection")
    assert (reply.status_code, reply.json()["status"]) == (201, "fulfilled")
    assert before - await browser.allowed() == {"measure"} and (await statuses(browser))["measure"] == "objected"
    (act, _) = (await browser.http.get("/v1/receipts")).json()["receipts"]
    assert [(change["purpose"], change["status"]) for change in act["changes"]] == [("measure", "objected")]
    told = (await browser.http.get(f"/v1/rights-requests/{reply.json()['request_id']}")).json()
    assert (told["right"], told["history"][0]["status"]) == ("objection", "fulfilled")
    await browser.answer({"measure": "given"})
    assert await browser.allowed() == before


async def test_a_sale_is_opted_out_of(opened: Opened) -> None:
    """Each purpose that the policy marks is closed, with what lies under it; the others stay."""
    browser = opened.browser()
    await browser.answer({**YES, "share//tea-guild": "given"})
    before = await browser.allowed()
    assert (await browser.ask("opt_out_of_sale")).status_code == 201
    assert {rule.partition("/")[0] for rule in before - await browser.allowed()} == {"advertise", "share"}
    assert (await statuses(browser))["share"] == "withdrawn"


async def test_only_what_is_named_is_objected_to(opened: Opened) -> None:
    """A purpose on consent is taken back, one on another basis objected to; what is required or unknown is refused."""
    browser = opened.browser()
    await browser.answer(YES)

    async def objects(*purposes: str) -> int:
        body = {"right": "objection", "purposes": purposes}
        return (await browser.http.post("/v1/rights-requests", json=body, headers=idempotent())).status_code

    assert await objects("personalize") == 201
    found = await statuses(browser)
    assert (found["personalize"], found["measure"]) == ("withdrawn", "unknown")
    assert (await objects("order"), await objects("nothing")) == (422, 422)


async def test_nobody_needs_a_name_to_say_no(opened: Opened) -> None:
    """Without a session it is a refusal like any: no identifier, no cookie but the choice, and no subject in a row."""
    for right in ("objection", "opt_out_of_sale", "limit_sensitive"):
        browser, key = opened.browser(), str(uuid4())
        async with opened.as_admin() as admin:
            before = (await everything(admin))["ecrm.subject_state"]
            reply = await browser.ask(right, key)
            assert (reply.status_code, reply.json()["status"]) == (201, "fulfilled")
            assert (await browser.ask(right, key)).json() == reply.json()
            assert SESSION not in browser.cookies
            assert (await everything(admin))["ecrm.subject_state"] == before
            row = await admin.fetchrow(
                "select subject, status from ecrm.rights_request where request_id = $1", reply.json()["request_id"]
            )
            assert tuple(row) == (None, "fulfilled")
        closed = {"objection": "measure", "opt_out_of_sale": "advertise"}.get(right)
        assert closed not in await browser.allowed()


async def test_a_request_of_nobody_goes_by_age(opened: Opened) -> None:
    """Thirty days can it be read by its name, then it is gone; one of somebody, and a certificate, stays."""
    nobody, somebody, erased = opened.browser(), opened.browser(), opened.browser()
    names = [(await nobody.ask("objection")).json()["request_id"]]
    for browser, right in ((somebody, "objection"), (erased, "erasure")):
        await browser.answer(YES)
        names.append((await browser.ask(right)).json()["request_id"])
    await opened.settle()

    async def found(days: int) -> list[int]:
        async with opened.as_admin() as admin:
            await admin.execute("update ecrm.rights_request set ended = current_date - $1::int", days)
            await admin.execute("update ecrm.upkeep set begun = 'epoch'")
        assert await opened.house.upkeep.run()
        return [(await nobody.http.get(f"/v1/rights-requests/{name}")).status_code for name in names]

    assert await found(30) == [200, 200, 200]
    assert await found(31) == [404, 200, 200]


async def test_where_nothing_is_sensitive_there_is_nothing_to_limit(opened: Opened) -> None:
    """It is fulfilled, and no leaf says more than that nothing changed."""
    browser = opened.browser()
    await browser.answer(YES)
    before, receipts = await browser.allowed(), (await browser.http.get("/v1/receipts")).json()
    assert (await browser.ask("limit_sensitive")).json()["status"] == "fulfilled"
    assert await browser.allowed() == before and (await browser.http.get("/v1/receipts")).json() == receipts
