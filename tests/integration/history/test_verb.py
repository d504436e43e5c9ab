"""`ecrm ledger at`: a table for people, JSON for programs, receipts to keep."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ecrm_privacy.cli import main
from ecrm_privacy.consent.history import When
from ecrm_privacy.verbs_history import look
from tests.houses import Opened, logged
from tests.integration.history.conftest import Clock

pytestmark = pytest.mark.anyio

Read = pytest.CaptureFixture[str]
NOW = When()


@pytest.fixture(autouse=True)
def _log_is_put_back() -> Iterator[None]:
    """The program sets logging up for its whole process; here other tests follow."""
    with logged():
        yield


async def ask(opened: Opened, asked: When = NOW, **more: Any) -> int:
    return await look(
        opened.house, asked, **{"customer": None, "receipt": None, "as_json": False, "proofs": None, **more}
    )


async def test_a_table_for_people_and_receipts_to_keep(
    opened: Opened, number: str, clock: Clock, tmp_path: Path, capsys: Read
) -> None:
    """Each permission is a line; each entry that decided has a receipt that the program itself verifies offline."""
    browser = opened.browser()
    then = clock.days_ago(20)
    await browser.sign_in(number)
    given = (await browser.answer({"remember": "given", "offers": "given", "offers/post": "given"})).json()
    clock.days_ago(10)
    await browser.answer({"remember": "withdrawn"})
    folder = tmp_path / "proofs"
    capsys.readouterr()
    asked = When(then + timedelta(days=1))
    assert await ask(opened, asked, customer=number, proofs=folder) == 0
    shown = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in shown.splitlines() if line}
    index = str(given["leaf_index"])
    assert (lines["remember"][1:4], lines["remember"][-1]) == (["yes", "consent", "given"], index)
    assert (lines["offers/post"][1], lines["offers/post"][-1]) == ("yes", index)
    assert lines["personalize"][1:] == ["no", "unknown", "unknown"]
    assert number not in shown
    (file,) = folder.iterdir()
    assert file.name == f"entry-{index}.tlog-proof"
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert main(["ledger", "verify", "--receipt", str(file), "--key", opened.house.log_key]) == 0


async def test_json_for_programs(opened: Opened, number: str, capsys: Read) -> None:
    """The same members as over HTTP."""
    browser = opened.browser()
    await browser.sign_in(number)
    await browser.answer({"remember": "given"})
    capsys.readouterr()
    assert await ask(opened, customer=number, as_json=True) == 0
    told = msgspec.json.decode(capsys.readouterr().out.splitlines()[-1])
    by_http = (await browser.http.get("/v1/permissions", params={"at": told["at"], "known": told["known"]})).json()
    assert told.keys() == by_http.keys()
    assert (told["permissions"], told["policy"]) == (by_http["permissions"], by_http["policy"])


@pytest.mark.parametrize("form", ["text/plain", "application/json"])
async def test_a_receipt_names_whom_it_is_about(opened: Opened, number: str, form: str, capsys: Read) -> None:
    """Any receipt of a person leads to all of their answers; after erasure it says that nothing can be told."""
    browser = opened.browser()
    await browser.sign_in(number)
    first = (await browser.answer({"remember": "given"})).json()
    second = (await browser.answer({"personalize": "given"})).json()
    receipt = (await browser.http.get(first["receipt_url"], headers={"Accept": form})).text
    capsys.readouterr()
    assert await ask(opened, receipt=receipt, as_json=True) == 0
    rows = {row["purpose"]: row for row in msgspec.json.decode(capsys.readouterr().out)["permissions"]}
    assert rows["personalize"]["decided_by"] == [second["leaf_index"]]
    await browser.ask("erasure")
    await opened.settle()
    capsys.readouterr()
    assert await ask(opened, receipt=receipt) == 2
    assert "erased" in capsys.readouterr().out
    assert await ask(opened, customer=number) == 2
    assert "never known here, or erased" in capsys.readouterr().out


async def test_a_no_without_a_name_stands_alone(opened: Opened, capsys: Read) -> None:
    """Of a refusal that left no identifier the receipt is all that there is, and the answer says so."""
    refused = (await opened.browser().answer({"remember": "refused"})).json()
    receipt = (await opened.browser().http.get(refused["receipt_url"], headers={"Accept": "text/plain"})).text
    capsys.readouterr()
    assert await ask(opened, receipt=receipt, as_json=True) == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    rows = {row["purpose"]: row for row in told["permissions"]}
    assert (rows["remember"]["status"], rows["remember"]["decided_by"]) == ("refused", [refused["leaf_index"]])
    assert [gap["what"] for gap in told["cannot_know"]] == ["alone"]


async def test_a_receipt_that_is_not_ours(opened: Opened, capsys: Read) -> None:
    """Another log's entry is not told from one that was altered; what is no receipt is not sound."""
    refused = (await opened.browser().answer({"remember": "refused"})).json()
    receipt = (await opened.browser().http.get(refused["receipt_url"], headers={"Accept": "text/plain"})).text
    index = refused["leaf_index"]
    for other in (f"index {index - 1}\n", "index 999999\n"):
        assert await ask(opened, receipt=receipt.replace(f"index {index}\n", other)) == 2
    assert "no such entry" in capsys.readouterr().out
    assert await ask(opened, receipt="no receipt") == 1
    assert "NOT SOUND" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--customer", "C-1", "--time", "yesterday"], "--time is a time with its zone"),
        (["--customer", "C-1", "--time", "2999-01-01T00:00:00Z"], "--time has not come yet"),
        (["--customer", "C-1", "--time", "2026-01-01T00:00:00Z", "--known", "x"], "--known is a time with its zone"),
        (["--receipt", "/nowhere", "--time", "2026-01-01T00:00:00Z"], "/nowhere cannot be read"),
    ],
)
def test_what_cannot_be_asked(words: list[str], said: str, capsys: Read) -> None:
    """One sentence says what is wrong, before anything is opened; exit status 2."""
    assert main(["ledger", "at", *words]) == 2
    assert said in capsys.readouterr().err
