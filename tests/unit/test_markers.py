"""The search after the run finds what is there; without these tests it could pass because it looks at nothing."""

from pathlib import Path

import httpx
import pytest
import structlog

from tests import markers

RECEIPT = "c2VjcmV0LXJlY2VpcHQtMTIzNDU2Nzg5MC1hYmNkZWZnaGk"


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is planted and leaked here stays here."""
    monkeypatch.setattr(markers, "planted", set())
    monkeypatch.setattr(markers, "said", [])


def overheard(status: int = 200, reply: object = None) -> None:
    request = httpx.Request(
        "POST", "http://shop.example/v1/answers", json={"fields": {"contact": {"email": "ada-4711@example.com"}}},
        headers={"Cookie": "ecrm=k3yOfTheBrowser-99", "Ecrm-Subject": "C-0815-4711",
                 "Authorization": "Bearer t0ken-of-42"},
    )  # fmt: skip
    markers.overhear(httpx.Response(status, json=reply or {"receipt_id": RECEIPT}, request=request))


@pytest.mark.parametrize(
    "leak",
    [
        "ada-4711@example.com", "C-0815-4711", "k3yOfTheBrowser-99", "t0ken-of-42", RECEIPT,
        f"GET /receipts/{RECEIPT} 404", '{"path":"/v1/subject/C-0815-4711"}',
    ],
)  # fmt: skip
def test_what_was_sent_or_given_is_found_in_a_log(leak: str, tmp_path: Path) -> None:
    """A number, an address, a cookie, a token, a receipt: in any line of any log file."""
    overheard()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "postgresql.log.1").write_text(f"LOG: here is {leak}, as it was sent\n")
    assert {name for _, name in markers.traces(markers.logs_in(tmp_path))} == {"data/postgresql.log.1"}


def test_what_was_sent_is_found_on_an_error_page() -> None:
    """An answer that repeats what it refuses is kept with the others."""
    overheard(404, {"detail": "there is no customer C-0815-4711"})
    assert markers.traces(("said", content) for content in markers.said) == {("C-0815-4711", "said")}


def test_what_a_house_logs_is_gathered() -> None:
    """In this process too, by the house's own words and by a library's."""
    overheard()
    with markers.gathered() as stream:
        structlog.get_logger("ecrm_privacy.gate").warning("gate_closed", reason="C-0815-4711")
    assert markers.traces([("log", stream.getvalue())]) == {("C-0815-4711", "log")}


def test_words_of_the_policy_and_times_are_no_markers() -> None:
    """They may be logged."""
    for word in ("personalize", "model.contribute", "accept_all", "2026-11-22T10:00:00Z", "shop@1"):
        markers.plant(word)
    assert markers.planted == set()
