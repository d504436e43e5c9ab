"""Promise 9: what is logged is on the allow-list, and nothing that was sent is."""

import ast
import io
import json
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import structlog
from litestar import Litestar, Request, get, post
from litestar.params import FromPath

from ecrm_privacy.errors import Unavailable
from ecrm_privacy.web import logs
from ecrm_privacy.web.edges import Edges
from ecrm_privacy.web.limits import Buckets, Rates
from ecrm_privacy.web.problems import handle
from tests.house import source
from tests.houses import logged
from tests.unit.web.asgi import Client

REFERENCE = Path(__file__).resolve().parents[3] / "docs/reference/logs.md"
CANARY = "ada@example.org"


LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


class Log(io.BytesIO):
    """What was logged."""

    def lines(self) -> list[dict[str, Any]]:
        """Each line, decoded."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    """Logging as installed; everything is put back afterwards."""
    root = logging.getLogger()
    handlers, level, raising, before = root.handlers[:], root.level, logging.raiseExceptions, structlog.get_config()
    stream = Log()
    logs.install(stream)
    yield stream
    structlog.configure(**before)
    logging.captureWarnings(capture=False)
    root.handlers[:], logging.raiseExceptions = handlers, raising
    root.setLevel(level)


def test_the_reference_names_every_field() -> None:
    """Documentation and allow-list are the same."""
    assert set(re.findall(r"^\| `(\w+)` \|", REFERENCE.read_text(), re.MULTILINE)) == logs.FIELDS | {"left_out"}


def test_a_line_is_one_json_object_with_time_and_level(log: Log) -> None:
    """Machines read it."""
    structlog.get_logger().warning("gate_closed", reason="tampered", count=3)
    (line,) = log.lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("at"))
    assert line == {"level": "warning", "event": "gate_closed", "reason": "tampered", "count": 3}


def test_a_field_that_is_not_on_the_list_is_named_and_not_shown(log: Log) -> None:
    """Whoever logs too much sees it at once, and nobody else sees what."""
    structlog.get_logger().info("sent", email=CANARY, subject=UUID(int=1), count=1)
    (line,) = log.lines()
    assert line["left_out"] == ["email", "subject"] and line["count"] == 1
    assert CANARY not in log.getvalue().decode()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (CANARY, "(withheld)"),
        ("two\nlines", "(withheld)"),
        ("\x1b[31m", "(withheld)"),
        ("x" * 161, "(withheld)"),
        (b"bytes", "(bytes)"),
        ({"email": CANARY}, "(dict)"),
        ([CANARY], "(list)"),
        (ValueError(CANARY), "(ValueError)"),
        (UUID(int=1), "(UUID)"),
        (None, None),
        (True, True),
        (1.5, 1.5),
    ],
)
def test_only_numbers_and_short_words_pass(log: Log, value: object, shown: object) -> None:
    """Also in a field that is allowed."""
    structlog.get_logger().info("x", reason=value)
    assert log.lines()[0]["reason"] == shown


def test_an_exception_is_its_class_and_its_place(log: Log) -> None:
    """No message, no arguments, no locals."""
    try:
        raise ValueError(CANARY)
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = log.lines()
    assert line["error"] == "builtins.ValueError" and ":test_an_exception_is_its_class_and_its_place:" in line["where"]
    assert CANARY not in log.getvalue().decode()


def test_the_place_is_the_innermost_of_our_own() -> None:
    """A failure deep in a library points to where we called it."""
    with pytest.raises(ValueError, match="broken") as broken:
        Rates(1, 1, Buckets(clock=failing_clock)).count_yes(None, "192.0.2.1")
    assert logs.describe(broken.value)["where"].startswith("ecrm_privacy.web.limits:take:")
    assert logs.describe(None) == {}


def failing_clock() -> float:
    raise ValueError("broken")


def test_a_library_is_reduced_to_where_it_spoke(log: Log) -> None:
    """Its words may quote anything."""
    logging.getLogger("asyncpg.pool").warning("cannot insert %s", CANARY)
    try:
        raise RuntimeError(CANARY)
    except RuntimeError:
        logging.getLogger("uvicorn.error").exception("failed for %s", CANARY)
    logging.getLogger("uvicorn.access").warning("GET /%s", CANARY)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(CANARY, UserWarning, stacklevel=1)
    text = log.getvalue().decode()
    assert CANARY not in text and "insert" not in text
    assert [line["logger"] for line in log.lines()] == ["asyncpg.pool", "uvicorn.error", "py.warnings"]
    assert log.lines()[1]["error"] == "builtins.RuntimeError"


def test_our_own_rooms_keep_the_words_of_their_source(log: Log) -> None:
    """Without what is filled in, and with the class of a failure."""
    logging.getLogger("ecrm_privacy.database.postgres").error("cannot be started: %s", OSError(CANARY))
    (line,) = log.lines()
    assert line["event"] == "cannot be started: %s" and line["error"] == "builtins.OSError"
    assert CANARY not in log.getvalue().decode()


def test_a_library_that_formats_badly_says_nothing_on_the_side(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    """Python's own complaint about it would print the arguments."""
    logging.getLogger("asyncpg").warning("%d", CANARY)
    assert len(log.lines()) == 1 and CANARY not in capsys.readouterr().err


# requests -------------------------------------------------------------------------------------------------------------


@get("/receipts/{receipt_id:str}", sync_to_thread=False)
def receipt(receipt_id: FromPath[str]) -> str:
    if receipt_id == "broken":
        raise RuntimeError(CANARY)
    if receipt_id == "away":
        raise Unavailable(CANARY)
    return receipt_id


@post("/sent")
async def sent(request: Request[Any, Any, Any]) -> None:
    await request.json()


@pytest.fixture
def client(log: Log) -> Client:
    """A client of a small application at the edge."""
    app = Litestar([receipt, sent], exception_handlers={Exception: handle}, logging_config=None, openapi_config=None)
    return Client(Edges(app, own_origin="https://own", site_origins=set, https=True))


def test_a_request_is_one_line_with_the_template_of_its_path(client: Client, log: Log) -> None:
    """The path itself may be a capability."""
    client.get("/receipts/s3cret?q=s3cret", headers={"cookie": "a=s3cret", "referer": "https://x/s3cret"})
    (line,) = log.lines()
    assert (line["event"], line["method"], line["path"]) == ("request", "GET", "/receipts/{receipt_id}")
    assert line["status"] == 200 and line["duration_ms"] > 0 and "s3cret" not in log.getvalue().decode()


def test_what_was_not_found_is_not_repeated(client: Client, log: Log) -> None:
    """A wrong path may hold anything, a method too."""
    client.get(f"/nowhere/{CANARY}")
    client.request("ADA", "/receipts/1", headers={"authorization": "Bearer x"})
    first, second = log.lines()
    assert first["path"] == "-" and first["status"] == 404 and first["problem"] == "not-found"
    assert second["method"] == "OTHER" and second["status"] == 405
    assert "ada" not in log.getvalue().decode().lower()


def test_a_failure_is_logged_by_the_id_that_the_problem_names(client: Client, log: Log) -> None:
    """Support finds the line by what the person quotes."""
    instance = client.get("/receipts/broken").json()["instance"]
    failed, request = log.lines()
    assert failed["event"] == "request_failed" and failed["level"] == "error"
    assert f"urn:uuid:{failed['request_id']}" == instance == f"urn:uuid:{request['request_id']}"
    assert failed["error"] == "builtins.RuntimeError" and failed["path"] == "/receipts/{receipt_id}"
    assert CANARY not in log.getvalue().decode()


def test_an_outage_is_a_warning(client: Client, log: Log) -> None:
    """It is expected, and it has a place."""
    assert client.get("/receipts/away").headers["retry-after"] == "1"
    failed, request = log.lines()
    assert failed["level"] == "warning" and failed["error"] == "ecrm_privacy.errors.Unavailable"
    assert request["problem"] == "unavailable" and request["status"] == 503


def test_a_refused_write_is_logged_without_whence_it_came(client: Client, log: Log) -> None:
    """An origin may be a person's own page."""
    client.post("/sent", headers={"origin": "https://ada.example"}, content=CANARY)
    (line,) = log.lines()
    assert line["problem"] == "foreign-origin" and line["status"] == 403
    assert "ada" not in log.getvalue().decode()


def test_nothing_goes_to_the_terminal_beside_the_log(
    client: Client, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """The framework keeps quiet."""
    client.get("/receipts/broken")
    sys.stdout.flush()
    assert capsys.readouterr() == ("", "") and log.lines()


def test_every_line_of_the_source_keeps_to_the_list() -> None:
    """No line is written with a field that would be left out, and so say nothing when it is needed."""
    wrong = [
        f"{path}:{call.lineno}: {keyword.arg}"
        for path in source.python(*source.PACKAGES)
        for call in ast.walk(source.tree(path))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS
        for keyword in call.keywords
        if keyword.arg not in {*logs.FIELDS, "exc_info", None}
    ]
    assert wrong == []


def test_a_log_that_cannot_be_written_fails_nobody() -> None:
    """A closed pipe or a full disk loses lines; who logs goes on, by our loggers and by the library's."""
    with logged() as log:
        log.close()
        structlog.get_logger("ecrm_privacy.web").warning("request_failed", status=503)
        logging.getLogger("ecrm_privacy.ledger.writer").warning("ledger turn failed")
