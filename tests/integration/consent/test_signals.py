"""What a browser can say, and what its signals do: neither claims what happened elsewhere nor takes back unasked."""

import pytest

from ecrm_privacy.consent.desk import hash_token
from ecrm_privacy.gate.types import Caller
from tests.houses import NOTICE, SESSION, Browser, Opened, everything, idempotent

pytestmark = pytest.mark.anyio

MARKED = "advertise"


@pytest.mark.parametrize("method", ["staff", "import", "double_opt_in", "carried", "api", "gpc"])
@pytest.mark.parametrize("answer", ["given", "refused"])
async def test_a_browser_claims_no_evidence_that_it_cannot_give(method: str, answer: str, opened: Opened) -> None:
    """It is a 400 like any word that the call does not take, and nothing is written."""
    browser = opened.browser()
    body = {"notice": NOTICE, "method": method, "answers": [{"purpose": "remember", "answer": answer}]}
    async with opened.as_admin() as admin:
        before = await everything(admin)
        reply = await browser.http.post("/v1/answers", json=body, headers=idempotent())
        assert (reply.status_code, reply.json()["type"]) == (400, "/problems/malformed")
        assert "method" in reply.json()["detail"] and browser.cookies == {}
        assert await everything(admin) == before


@pytest.mark.parametrize("method", ["accept_all", "refuse_all", "save", "undo"])
async def test_a_browser_says_how_it_was_expressed(method: str, opened: Opened) -> None:
    """By the buttons that there are; and by the signal, where it is sent."""
    assert (await opened.browser().answer({"remember": "given"}, method=method)).status_code == 201
    signalling = opened.browser(**{"Sec-GPC": "1"})
    assert (await signalling.answer({MARKED: "refused"}, method="gpc")).status_code == 201


async def known(opened: Opened, number: str) -> tuple[Browser, Browser]:
    """A customer on two devices: the first one sends the signal, the other does not."""
    device, other = opened.browser(**{"Sec-GPC": "1"}), opened.browser()
    for browser in (device, other):
        await browser.sign_in(number)
    await device.answer({"remember": "given"})
    return device, other


async def stored(opened: Opened, browser: Browser) -> bool:
    standing = await opened.house.desk.standing(Caller(token_hash=hash_token(browser.cookies[SESSION])))
    assert standing.speaker is not None
    return standing.speaker.gpc


@pytest.mark.parametrize(("sent", "counts"), [(["0", "1"], True), (["1", "0"], True), (["0"], False), (["01"], False)])
async def test_one_signal_among_several_counts(sent: list[str], counts: bool, opened: Opened) -> None:
    """Any other value is ignored, beside a 1 too (GPC, section 3.3)."""
    headers = [("Sec-GPC", value) for value in sent]
    assert (await opened.browser().http.get("/v1/notice", headers=headers)).json()["gpc"] is counts


@pytest.mark.parametrize("said", [{"personalize": "given"}, {MARKED: "refused"}, {"remember": "withdrawn"}])
async def test_a_request_without_the_signal_takes_nothing_back(
    said: dict[str, str], opened: Opened, number: str
) -> None:
    """It holds for the known person on every device, whatever else is said there."""
    device, other = await known(opened, number)
    assert (await other.answer(said)).status_code == 201
    assert await stored(opened, other)
    await device.answer({MARKED: "given"})
    assert MARKED not in await other.allowed()


async def test_a_yes_without_the_signal_takes_it_back(opened: Opened, number: str) -> None:
    """Only to a purpose that the signal closes, and only there where it is not sent: the person's own explicit act."""
    device, other = await known(opened, number)
    await device.answer({MARKED: "given"})
    assert MARKED not in await other.allowed() and await stored(opened, device)
    await other.answer({MARKED: "given"})
    assert MARKED in await other.allowed()
    assert MARKED not in await device.allowed(), "there it is still sent"


async def test_a_sign_in_that_is_written_down_says_what_was_sent_with_it(opened: Opened, number: str) -> None:
    """The signal goes into the ledger with the next entry about the person, whichever that is."""
    device, other = opened.browser(**{"Sec-GPC": "1"}), opened.browser()
    await device.sign_in(number)
    await other.sign_in(number)
    assert await stored(opened, other)
