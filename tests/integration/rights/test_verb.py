"""`ecrm rights due` and `fulfil`: a table that names nobody, and one request that is opened to be answered."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import msgspec
import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.cli import main
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.verbs_rights import due, fulfil
from ecrm_privacy.vocabulary import Category
from tests.houses import Browser, Opened, idempotent, logged

pytestmark = pytest.mark.anyio

Read = pytest.CaptureFixture[str]
PLACE = Where("demo", "en", "eu")
TEXT = "The town is Göttingen.\x1b[2J"


@pytest.fixture(autouse=True)
def _log_is_put_back() -> Iterator[None]:
    """The program sets logging up for its whole process; here other tests follow."""
    with logged():
        yield


async def asks(opened: Opened, number: str) -> tuple[Browser, UUID]:
    browser, profile = opened.browser(), Profile(number, {Category("contact"): {"name": "Ottilie Vanterpool"}})
    await opened.house.profiles.put([profile], site_signals(opened.house), PLACE)
    await browser.sign_in(number)
    body = {"right": "rectification", "text": TEXT}
    reply = await browser.http.post("/v1/rights-requests", json=body, headers=idempotent())
    return browser, UUID(reply.json()["request_id"])


async def test_the_table_names_nobody_and_has_the_overdue_first(opened: Opened, number: str, capsys: Read) -> None:
    """What is overdue stands first and makes the exit status 1; nothing of the person or their words is shown."""
    _, later = await asks(opened, f"{number}-later")
    browser, overdue = await asks(opened, number)
    assert await due(opened.house, as_json=False) == 0
    async with opened.as_admin() as admin:
        await admin.execute(
            "update ecrm.rights_request set expected_by = current_date - 3 where request_id = $1", overdue
        )
    capsys.readouterr()
    assert await due(opened.house, as_json=False) == 1
    table = capsys.readouterr().out
    lines = table.splitlines()
    assert "3 days overdue" in lines[1] and str(overdue) in lines[1] and str(later) in table
    assert not any(word in table for word in ("Ottilie", "Göttingen", number))
    assert await due(opened.house, as_json=True) == 1
    rows = msgspec.json.decode(capsys.readouterr().out)
    assert (rows[0]["request_id"], rows[0]["days_left"]) == (str(overdue), -3)
    await browser.http.delete(f"/v1/rights-requests/{overdue}")
    assert await due(opened.house, as_json=False) == 0


async def test_it_is_shown_and_ends_when_that_is_said(opened: Opened, number: str, capsys: Read) -> None:
    """Without a yes nothing changes; nothing speaks to the terminal; the person sees each look; an end is an end."""
    browser, request_id = await asks(opened, number)
    assert await fulfil(opened.house, request_id, denied_because="", is_done=False) == 1
    shown = capsys.readouterr().out
    assert "Göttingen" in shown and "Ottilie Vanterpool" in shown and "\x1b" not in shown
    assert await fulfil(opened.house, request_id, denied_because="Es stimmt so.", is_done=False) == 0
    told = (await browser.http.get(f"/v1/rights-requests/{request_id}")).json()
    assert (told["status"], told["reason"]) == ("denied", "Es stimmt so.")
    (looks,) = (await browser.http.get("/v1/uses")).json()["uses"]
    assert (looks["system"], looks["times"], looks["categories"]) == ("staff", 2, ["contact"])
    page = (await browser.http.get("/preferences")).text
    assert "Our staff" in page and "Answering your request" in page
    for gone in (request_id, uuid4()):
        assert await fulfil(opened.house, gone, denied_because="", is_done=True) == 1


@pytest.mark.parametrize("words", [["x"], [str(uuid4()), "--deny", " "], [str(uuid4()), "--deny", "x", "--yes"]])
def test_what_cannot_be_meant_is_refused_before_anything_opens(words: list[str], capsys: Read) -> None:
    """No name of a request, no reason, or both at once."""
    assert main(["rights", "fulfil", *words]) == 2
    assert capsys.readouterr().err.startswith("ecrm: ")
