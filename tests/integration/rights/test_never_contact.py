"""Who is erased and asks never to be contacted again is not, whoever brings the address back."""

from typing import Any

import httpx
import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.answer import SaidAnswer
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.imported import AnswerImport, ImportedAnswer
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.vocabulary import Answer, Category, NoticeVersion, Purpose
from tests.houses import NOTICE, Browser, Opened, idempotent

pytestmark = pytest.mark.anyio

CONTACT = Category("contact")
WHERE = Where("demo", "en", "eu")
OFFERS = Purpose("offers")


async def tell(opened: Opened, number: str, **fields: str) -> None:
    """Let the shop tell what it knows of a customer."""
    profile = Profile(number, {CONTACT: fields})
    assert await opened.house.profiles.put([profile], site_signals(opened.house), WHERE) == [0]


async def signed_in(opened: Opened, number: str) -> Browser:
    browser = opened.browser()
    assert (await browser.sign_in(number)).status_code == 201
    return browser


async def erase(browser: Browser, **asked: Any) -> httpx.Response:
    return await browser.http.post("/v1/rights-requests", json={"right": "erasure", **asked}, headers=idempotent())


async def leave(opened: Opened, number: str) -> dict[str, Any]:
    """Be known by an address and a phone, and go for good."""
    await tell(opened, number, email=f"{number}@Example.com", phone=f"0049 170 / {number[2:]}", name="Ottilie")
    reply = await erase(await signed_in(opened, number), never_contact=True)
    assert reply.status_code == 201, reply.text
    await opened.settle()
    made: dict[str, Any] = reply.json()
    return made


async def listed(opened: Opened) -> int:
    async with opened.as_admin() as admin:
        return int(await admin.fetchval("select count(*) from ecrm.suppressed"))


async def test_the_addresses_outlive_the_erasure_as_hashes(opened: Opened, number: str) -> None:
    """The reply and the certificate say how many; without the wish nothing is kept."""
    before = await listed(opened)
    made = await leave(opened, number)
    assert made["suppressed"] == 2 and await listed(opened) == before + 2
    status = (await opened.browser().http.get(f"/v1/rights-requests/{made['request_id']}")).json()
    assert any("2 addresses" in line for line in status["certificate"]["stays"])
    await tell(opened, f"{number}-b", email=f"{number}-b@example.com")
    reply = await erase(await signed_in(opened, f"{number}-b"))
    assert "suppressed" not in reply.json() and await listed(opened) == before + 2


async def test_who_is_brought_back_has_objected(opened: Opened, number: str) -> None:
    """By the same address in another spelling, or by the phone alone; an import of old yeses does not outdo it."""
    await leave(opened, number)
    spelled = {"mail": {"email": f"  {number.lower()}@EXAMPLE.com "}, "phone": {"phone": f"+49-170-{number[2:]}"}}
    for again, fields in spelled.items():
        name = f"{number}-{again}"
        await tell(opened, name, **fields)
        line = ImportedAnswer(
            name, NoticeVersion(NOTICE), (SaidAnswer(OFFERS, Answer.GIVEN),), at=(await _yesterday(opened))
        )
        assert await AnswerImport(opened.house.desk, opened.house.indexes).put([line], WHERE) == [None]
        browser = await signed_in(opened, name)
        rows = (await browser.http.get("/v1/permissions")).json()["permissions"]
        (offers,) = [row for row in rows if row["purpose"] == "offers" and not row.get("channel")]
        assert (offers["allowed"], offers["status"]) == (False, "objected")


async def _yesterday(opened: Opened) -> Any:
    async with opened.as_admin() as admin:
        return await admin.fetchval("select now() - interval '1 day'")


async def test_the_persons_own_yes_lifts_it_and_stays(opened: Opened, number: str) -> None:
    """What was said after coming back counts, however often the shop brings the address again."""
    await leave(opened, number)
    await tell(opened, f"{number}-c", email=f"{number}@example.com")
    browser = await signed_in(opened, f"{number}-c")
    assert "offers" not in await browser.allowed()
    await browser.answer({"offers": "given"})
    await tell(opened, f"{number}-c", email=f"{number}@example.com", name="Ottilie")
    assert "offers" in await browser.allowed()


async def test_an_address_that_comes_later_closes_an_earlier_yes(opened: Opened, number: str) -> None:
    """A yes from before the wish was not said about this address; the objection stands before the address is stored."""
    other = f"{number}-d"
    browser = await signed_in(opened, other)
    await browser.answer({"offers": "given", "offers/post": "given"})
    async with opened.as_admin() as admin:
        await admin.execute("update ecrm.consent_status set since = since - 30 where purpose = 'offers'")
    await leave(opened, number)
    assert {"offers", "offers/post"} <= await browser.allowed()
    await tell(opened, other, email=f"{number}@example.com")
    assert not {"offers", "offers/post"} & await browser.allowed()
    assert (await opened.house.rights.profile(Caller(customer_number=other)))["contact"]["email"]


async def test_a_copy_says_that_an_address_is_on_the_list(opened: Opened, number: str) -> None:
    """Whoever came back reads since when and why, and that an own yes lifts it; others read nothing of it."""
    await leave(opened, number)
    for name, address in ((f"{number}-e", f"{number}@example.com"), (f"{number}-f", f"{number}-f@example.com")):
        await tell(opened, name, email=address)
        browser = await signed_in(opened, name)
        request_id = (await browser.ask("access")).json()["request_id"]
        (part,) = (await browser.http.get(f"/v1/rights-requests/{request_id}/export")).json()["about_you"]
        page = (await browser.http.get(f"/requests/{request_id}/copy")).text
        assert ("never_contact" in part) is ("Never contact again" in page) is name.endswith("-e")


async def test_it_belongs_to_an_erasure(opened: Opened, number: str) -> None:
    """With another right it is a request that cannot be read, and nothing is kept."""
    browser, before = await signed_in(opened, number), await listed(opened)
    asked = {"right": "access", "never_contact": True}
    reply = await browser.http.post("/v1/rights-requests", json=asked, headers=idempotent())
    assert reply.status_code == 400 and await listed(opened) == before


@pytest.mark.parametrize(("locale", "words"), [("en", "Never contact me again"), ("de", "Nie wieder Kontakt")])
async def test_the_page_asks_and_nothing_is_ticked(opened: Opened, number: str, locale: str, words: str) -> None:
    """Beside the button that deletes; ticked, the same form keeps the hashes."""
    await tell(opened, number, email=f"{number}-{locale}@example.com")
    browser, before = await signed_in(opened, number), await listed(opened)
    page = (await browser.http.get("/preferences", headers={"Accept-Language": locale})).text
    assert words in page and '<input type="checkbox" name="never_contact" value="yes">' in page
    form = {"right": "erasure", "never_contact": "yes", "idempotency_key": idempotent()["Idempotency-Key"]}
    assert (await browser.http.post("/preferences/rights", data=form)).status_code == 200
    assert await listed(opened) == before + 1
