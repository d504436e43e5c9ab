"""How notices are received: what is counted, what leaves no trace, and what the report says."""

from argparse import Namespace
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ecrm_privacy.consent.store import notice_counts, own_acts
from ecrm_privacy.enact import Rendered
from ecrm_privacy.policy.acts import parse
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.store import keep_rendered
from ecrm_privacy.showroom.browser import Shot
from ecrm_privacy.showroom.measures import FORMS, Form, Measures
from ecrm_privacy.showroom.report import Evidence, evidence
from ecrm_privacy.showroom.rules import Finding
from ecrm_privacy.sql import Conn
from ecrm_privacy.verbs import put_in_force
from ecrm_privacy.verbs_notice import report
from tests.conftest import Database
from tests.houses import NOTICE, Browser, Opened, everything, idempotent, open_for_test
from tests.unit.policy.policies import SHIPPED, bundle, tree

pytestmark = pytest.mark.anyio

ASKED = ("remember", "personalize", "offers", "model.contribute", "measure", "advertise", "share")
"""What the shipped notice asks about and can be refused."""


@pytest.fixture
async def opened(database: Database, tmp_path: Path) -> AsyncIterator[Opened]:
    async with open_for_test(database, tmp_path) as house:
        yield house


async def counted(opened: Opened) -> dict[str, int]:
    """How often each thing happened, over all ways."""
    await opened.house.reception.flush()
    found: dict[str, int] = {}
    async with opened.house.pools.house.acquire() as conn:
        for row in await notice_counts(None).all(conn):
            assert (row.notice, row.jurisdiction) == (NOTICE, "eu")
            found[row.what] = found.get(row.what, 0) + row.times
    return found


async def answer_all(browser: Browser, method: str, **shown: Any) -> None:
    """Answer as the banner does."""
    word = "given" if method == "accept_all" else "refused"
    answers = [{"purpose": purpose, "answer": word} for purpose in ASKED]
    body = {"notice": NOTICE, "answers": answers, "method": method, **shown}
    reply = await browser.http.post("/v1/answers", json=body, headers=idempotent())
    assert reply.status_code == 201, reply.text


async def test_a_visit_is_counted_from_the_question_to_the_withdrawal(opened: Opened) -> None:
    """Served, seen, answered after some seconds, changed, taken back: each is counted once, and no repeat is."""
    browser = opened.browser()
    await browser.http.get("/v1/permissions")
    await browser.http.get("/v1/notice")
    await answer_all(browser, "accept_all", shown={"seconds": 7, "opened": True})
    await browser.http.get("/v1/permissions")
    key = idempotent()["Idempotency-Key"]
    for _ in range(2):
        await browser.answer({"remember": "withdrawn"}, key=key)
    assert await counted(opened) == {
        "served": 1, "seen": 1, "opened": 1, "answer:accept_all": 1, "time:10": 1, "change": 1, "withdrawal": 1,
        **{f"yes:{purpose}": 1 for purpose in ASKED},
    }  # fmt: skip


async def test_a_question_that_came_along_was_seen(opened: Opened) -> None:
    """Permissions and question in one call: served and seen, as with two."""
    await opened.browser().http.get("/v1/permissions?question=1")
    assert await counted(opened) == {"served": 1, "seen": 1}


async def test_the_same_for_everybody_and_a_foreign_notice_are_not_counted(opened: Opened) -> None:
    """The public notice is nobody's visit; a word that is no notice of ours, which could be anything, is not kept."""
    browser = opened.browser()
    await browser.http.get("/v1/notice?public=1")
    await browser.answer({"remember": "refused"}, notice="Jane.Doe@1", method="refuse_all")
    assert await counted(opened) == {}


async def test_a_no_leaves_a_count_by_week_and_nothing_else(opened: Opened, admin: asyncpg.Connection) -> None:
    """Two who refuse cannot be told from one who does it twice: there is one row with a number."""
    for _ in range(2):
        browser = opened.browser()
        await browser.http.get("/v1/notice")
        await answer_all(browser, "refuse_all")
    await opened.house.reception.flush()
    rows = (await everything(admin))["ecrm.notice_count"]
    words = {row.rstrip(")").split(",")[5]: row for row in rows}
    assert words.keys() == {"seen", "answer:refuse_all", *(f"no:{purpose}" for purpose in ASKED)}
    assert all(row.endswith(",2)") for row in rows)


async def test_without_scripts_the_same_is_counted(opened: Opened) -> None:
    """The form is counted as answered, and the page of details as opened."""
    browser = opened.browser()
    await browser.http.get("/preferences")
    fields = {"notice": NOTICE, "method": "refuse_all", "idempotency_key": idempotent()["Idempotency-Key"]}
    assert (await browser.http.post("/v1/answers", data=fields)).status_code == 303
    found = await counted(opened)
    assert found["opened"] == found["answer:refuse_all"] == 1
    assert "served" not in found


async def test_counts_wait_while_the_database_is_away(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is written the next time, and once."""
    reception, write = opened.house.reception, opened.house.reception._write
    await opened.browser().http.get("/v1/notice")

    async def away(counts: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(reception, "_write", away)
    with pytest.raises(ConnectionError):
        await reception.flush()
    monkeypatch.setattr(reception, "_write", write)
    assert await counted(opened) == {"seen": 1}


def asked(*notices: str, html: Path | None = None) -> Namespace:
    return Namespace(notice=list(notices), html=html, json=False)


async def test_the_report_is_never_about_fewer_than_k(
    opened: Opened, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With fewer than k answers every number is hidden, on the terminal and on the page."""
    await opened.browser().http.get("/v1/notice")
    await answer_all(opened.browser(), "accept_all")
    assert await report(opened.house, asked(), None) == 0
    assert "fewer than 20" in capsys.readouterr().out
    page = tmp_path / "report.html"
    assert await report(opened.house, asked(html=page), None) == 0
    assert "fewer than 20" in page.read_text("utf-8")


async def test_only_notices_that_were_measured_are_compared(opened: Opened, capsys: pytest.CaptureFixture[str]) -> None:
    """Two notices are compared when a sound report that looked at all of it is kept about both; the act names it."""
    changed = tree()
    changed["notices"]["shop@2"] = changed["notices"]["shop@1"]
    later, house = bundle(changed), opened.house
    looked = evidence(later, shots(later), "test")
    index = await put_in_force(house, later, Rendered(looked.hash, looked.text, looked.page))
    assert await report(house, asked("shop@1", "shop@2"), None) == 1
    assert "not compared: no report says that the banner of shop@1 is fair" in capsys.readouterr().out
    async with house.pools.house.acquire() as conn:
        act = next(each for each in await own_acts().all(conn) if each.leaf_index == index)
        stated = parse(act.payload)
        assert stated is not None
        assert stated.rendered == looked.hash
        unfair = Finding("size", "width: accept 240 px, refuse 120 px")
        for made in ([], shots(SHIPPED)[1:], [*shots(SHIPPED), shot("first", "en", unfair)]):
            await keep(conn, SHIPPED, evidence(SHIPPED, made, "test"))
            assert await report(house, asked("shop@1", "shop@2"), None) == 1
        await keep(conn, SHIPPED, evidence(SHIPPED, shots(SHIPPED), "test"))
    assert await report(house, asked("shop@1", "shop@2"), None) == 0


def shot(form: Form, locale: str, *findings: Finding) -> Shot:
    """A banner that was looked at, as far as a report tells of it."""
    return Shot("demo", locale, 320, "light", form, Measures(True), findings, b"")


def shots(bundle: Bundle) -> list[Shot]:
    """Every banner of a policy, looked at in each form and language, and fair."""
    return [shot(form, locale) for locale in bundle.sites["demo"].locales for form in FORMS]


async def keep(conn: Conn, bundle: Bundle, made: Evidence) -> None:
    await keep_rendered(made.hash, bundle.hash, made.text, made.page).run(conn)
