"""Answers that another tool kept come in with where they came from, and give way to what was said here."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.imports import Report
from ecrm_privacy.verbs import show_report, take_file
from tests.houses import Browser, Opened

pytestmark = pytest.mark.anyio

MAPPING = """
from = "klaro"
[notices]
"*" = "shop@1"
[answers]
recommendations = "personalize"
newsletter = "offers"
"newsletter-mail" = "offers/email"
matomo = "measure"
"""
YES = {"recommendations": True, "newsletter": True, "newsletter-mail": True, "matomo": True}


async def customer(opened: Opened, number: str) -> Browser:
    """Somebody whom the shop knows, signed in."""
    await opened.house.profiles.put([Profile(number, {})], site_signals(opened.house), Where("demo", "en", "eu"))
    browser = opened.browser()
    await browser.sign_in(number)
    return browser


async def move_in(opened: Opened, folder: Path, *records: dict[str, Any], dry_run: bool = False) -> Report:
    """Take consent records of Klaro in, as `ecrm import answers` does."""
    path, mapping = folder / "klaro.ndjson", folder / "klaro.toml"
    path.write_text("\n".join(json.dumps(each) for each in records))
    mapping.write_text(MAPPING)
    return await take_file(opened.house, "answers", path, mapping, dry_run=dry_run)


def record(number: str, consents: dict[str, bool], at: str = "2026-10-01T09:00:00Z") -> dict[str, Any]:
    """A consent record as Klaro's client submits it, with whom it is about and when it came."""
    data = {"consents": consents, "type": "save", "config": "shop"}
    return {"customer_number": number, "at": at, "consent_data": data}


async def statuses(browser: Browser) -> dict[str, str]:
    rows: Sequence[dict[str, Any]] = (await browser.http.get("/v1/permissions")).json()["permissions"]
    return {
        "/".join(filter(None, (row["purpose"], row.get("channel"), row.get("recipient")))): row["status"]
        for row in rows
    }


async def test_they_carry_where_they_came_from(opened: Opened, tmp_path: Path, number: str) -> None:
    """Method and evidence say that it was not said here; a channel that is confirmed here must still be confirmed."""
    browser = await customer(opened, number)
    assert (await move_in(opened, tmp_path, record(number, YES), dry_run=True)).outcomes == {"would be taken": 1}
    assert (await statuses(browser))["personalize"] == "unknown"
    assert (await move_in(opened, tmp_path, record(number, YES))).outcomes == {"stored": 1}
    found = await statuses(browser)
    assert (found["personalize"], found["offers"], found["offers/email"]) == ("given", "given", "requested")
    assert {"personalize", "offers"} <= await browser.allowed() and "offers/email" not in await browser.allowed()
    newest = (await browser.http.get("/v1/receipts")).json()["receipts"][0]
    assert (newest["method"], newest["evidence"]) == ("import", "Klaro consent record, save")
    assert (await move_in(opened, tmp_path, record(number, YES))).outcomes == {"nothing new": 1}


async def test_what_was_said_here_stands(opened: Opened, tmp_path: Path, number: str) -> None:
    """A yes from elsewhere opens nothing that was refused here, however new it is; an older no takes nothing back."""
    browser = await customer(opened, number)
    await browser.answer({"personalize": "refused", "offers": "given"})
    report = await move_in(opened, tmp_path, record(number, {"recommendations": True, "newsletter": False}))
    assert report.outcomes == {"nothing new": 1}
    found = await statuses(browser)
    assert (found["personalize"], found["offers"]) == ("refused", "given")


async def test_a_later_no_is_taken(opened: Opened, tmp_path: Path, number: str) -> None:
    """Somebody who said yes here, and no to the other tool that same day or later, said no."""
    browser = await customer(opened, number)
    await browser.answer({"offers": "given", "offers/post": "given"})
    later = record(number, {"newsletter": False}, at="2999-01-01T00:00:00Z")
    assert (await move_in(opened, tmp_path, later)).outcomes == {"stored": 1}
    assert {"offers", "offers/post"}.isdisjoint(await browser.allowed())
    assert (await statuses(browser))["offers"] == "withdrawn"


async def test_what_was_dropped_is_told(
    opened: Opened, tmp_path: Path, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name and number, without anybody's data."""
    await customer(opened, number)
    lines = [record(number, YES | {"hotjar": True}) for _ in range(5)]
    bad = {"customer_number": "Anna", "at": "soon", "consent_data": {"consents": {}}}
    show_report("answers", await move_in(opened, tmp_path, *lines, bad))
    said = capsys.readouterr().out
    assert "line 6: a time that is none" in said and "dropped: 5 × `hotjar`, which is not mapped" in said
    assert "Anna" not in said and number not in said
