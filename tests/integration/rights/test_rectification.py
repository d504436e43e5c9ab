"""Rectification (GDPR 16): what is wrong is said once, sealed, and answered by somebody until the promised day."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from ecrm_privacy.errors import NotKnown
from ecrm_privacy.rights.requests import RequestEnded
from tests.houses import Browser, Opened, everything, idempotent, logged

pytestmark = pytest.mark.anyio

TEXT = "My street is Mühlgasse 12, not 21. — Ottilie Vanterpool"
WHY = "Your papers say 21, Ottilie."


async def asks(browser: Browser, text: str = TEXT, key: str | None = None) -> str:
    body = {"right": "rectification", "text": text}
    reply = await browser.http.post("/v1/rights-requests", json=body, headers=idempotent(key))
    assert reply.status_code == 201, reply.text
    assert (reply.json()["status"], reply.json()["verification"]) == ("open", "session")
    assert date.fromisoformat(reply.json()["expected_by"]) > date.today()  # noqa: DTZ011
    return str(reply.json()["request_id"])


async def known(opened: Opened) -> Browser:
    browser = opened.browser()
    await browser.answer({"remember": "given"})
    return browser


async def test_it_waits_and_is_answered(opened: Opened) -> None:
    """It is due with its day, names nobody until it is read to be answered, and ends once."""
    requests, browser = opened.house.requests, await known(opened)
    request_id = await asks(browser)
    (due,) = [each for each in await requests.due() if str(each.request_id) == request_id]
    assert (due.kind, due.status) == ("rectification", "open") and 27 < due.days_left < 32
    assert (await requests.read(due.request_id)).wording == TEXT
    await requests.end(due.request_id)
    told = (await browser.http.get(f"/v1/rights-requests/{request_id}")).json()
    assert [step["status"] for step in told["history"]] == ["open", "fulfilled"] and told["text"] == TEXT
    for again in (requests.end(due.request_id), requests.read(due.request_id)):
        with pytest.raises(RequestEnded):
            await again
    with pytest.raises(NotKnown):
        await requests.end(uuid4(), denied_because=WHY)
    assert (await browser.http.delete(f"/v1/rights-requests/{request_id}")).status_code == 409


async def test_a_denial_says_why_to_its_maker_alone(opened: Opened) -> None:
    """Whoever knows the request's name sees that it was denied; text and reason are for the session that asked."""
    browser, stranger = await known(opened), await known(opened)
    request_id = await asks(browser)
    await opened.house.requests.end(UUID(request_id), denied_because=WHY)
    path = f"/v1/rights-requests/{request_id}"
    told, told_others = (await browser.http.get(path)).json(), (await stranger.http.get(path)).json()
    assert (told["status"], told["text"], told["reason"]) == ("denied", TEXT, WHY)
    assert told_others["status"] == "denied" and {"text", "reason"}.isdisjoint(told_others)
    assert "Refused: " in (await browser.http.get("/preferences")).text
    page = (await browser.http.get(f"/requests/{request_id}")).text
    assert "Mühlgasse" in page and "Your papers" in page
    assert "Mühlgasse" not in (await stranger.http.get(f"/requests/{request_id}")).text


async def test_it_can_be_taken_back(opened: Opened) -> None:
    """By the session that asked, and by no other; twice is once."""
    browser, stranger = await known(opened), await known(opened)
    request_id = await asks(browser)
    path = f"/v1/rights-requests/{request_id}"
    assert (await stranger.http.delete(path)).status_code == 404
    for _ in range(2):
        reply = await browser.http.delete(path)
        assert (reply.status_code, reply.json()["status"]) == (200, "revoked")
    assert request_id not in {str(each.request_id) for each in await opened.house.requests.due()}


async def test_nothing_of_it_is_in_the_clear(opened: Opened) -> None:
    """Neither in a row nor in a line of log stands what was written, by either side."""
    with logged() as log:
        browser = await known(opened)
        request_id = await asks(browser)
        await browser.http.get(f"/requests/{request_id}")
        await opened.house.requests.end(UUID(request_id), denied_because=WHY)
    async with opened.as_admin() as admin:
        rows = "\n".join(line for lines in (await everything(admin)).values() for line in lines)
    hexed = {part.encode().hex() for part in ("Ottilie", "Mühlgasse")}
    for text in (rows, log.getvalue().decode()):
        assert not any(part in text for part in ("Ottilie", "Mühlgasse", *hexed))


async def test_it_is_in_the_copy_and_goes_with_an_erasure(opened: Opened) -> None:
    """The copy has it readable; the erasure ends the request and leaves nothing sealed behind."""
    browser = await known(opened)
    request_id = await asks(browser)
    copy = (await browser.ask("access")).json()["request_id"]
    (part,) = (await browser.http.get(f"/v1/rights-requests/{copy}/export")).json()["about_you"]
    assert [(each["kind"], each["wording"]) for each in part["requests"] if each["wording"]] == [
        ("rectification", TEXT)
    ]
    assert (await browser.ask("erasure")).status_code == 201
    await opened.settle()
    told = (await browser.http.get(f"/v1/rights-requests/{request_id}")).json()
    assert told["status"] == "revoked" and "text" not in told
    async with opened.as_admin() as admin:
        left = await admin.fetchrow(
            "select subject, wording from ecrm.rights_request where request_id = $1", request_id
        )
    assert tuple(left) == (None, None)


@pytest.mark.parametrize(
    "body",
    [
        {"right": "rectification"},
        {"right": "rectification", "text": "  \n "},
        {"right": "rectification", "text": "x" * 2001},
        {"right": "access", "text": "x"},
        {"right": "access", "purposes": ["measure"]},
        {"right": "objection", "purposes": []},
        {"right": "restriction", "never_contact": True},
        {"right": "restriction", "untold": True},
        {"right": "rectify", "text": "x"},
    ],
)
async def test_what_does_not_fit_is_refused(body: dict[str, object], opened: Opened) -> None:
    """A field of another right, one that is not known, a text that is empty or too long: 400, and nothing is stored."""
    browser = await known(opened)
    reply = await browser.http.post("/v1/rights-requests", json=body, headers=idempotent())
    assert reply.status_code == 400 and "xxx" not in reply.text
    async with opened.as_admin() as admin:
        assert await admin.fetchval("select count(*) from ecrm.rights_request where received > current_date") == 0


async def test_a_repeat_is_one_request(opened: Opened) -> None:
    """The same key asks once, at once and later; another body under it is refused; nobody has nothing to correct."""
    browser, key = await known(opened), str(uuid4())
    before = len(await opened.house.requests.due())
    assert await asks(browser, key=key) == await asks(browser, key=key)
    assert len(await opened.house.requests.due()) == before + 1
    body = {"right": "rectification", "text": "else"}
    assert (await browser.http.post("/v1/rights-requests", json=body, headers=idempotent(key))).status_code == 422
    assert (await browser.http.post("/v1/rights-requests", json=body)).status_code == 400
    assert (await opened.browser().http.post("/v1/rights-requests", json=body, headers=idempotent())).status_code == 404


async def test_only_so_many_wait_at_once(opened: Opened) -> None:
    """Who has ten open ones is asked to take one back first."""
    browser = await known(opened)
    first, *_ = [await asks(browser, f"{number} is wrong") for number in range(10)]
    body = {"right": "rectification", "text": "and more"}
    reply = await browser.http.post("/v1/rights-requests", json=body, headers=idempotent())
    assert (reply.status_code, reply.json()["type"]) == (409, "/problems/refused")
    assert (await browser.http.delete(f"/v1/rights-requests/{first}")).status_code == 200
    await asks(browser, "and more")
