"""Problems: one list of types, and no way for a submitted value to come back."""

import inspect
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
from litestar import Litestar, Request, get, post
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody

from ecrm_privacy import errors
from ecrm_privacy.web import problems, refusals
from tests.unit.web.asgi import Client

REFERENCE = Path(__file__).resolve().parents[3] / "docs/reference/problems.md"
CANARY = "ada@example.org"
INTRODUCTION = """# Problems

Errors are `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)): `type`, `title`, `status`,
`detail` and, where the fault is ours, `instance`, an id to quote. `type` is the path of a page of the service itself.
No problem repeats a value that was sent. Browsers that ask for `text/html` get a page in their
language, with `title` and `detail` in English folded under it. 429 and 503 say in
`Retry-After` when to come again; 405 says in `Allow` what the address takes.

| type | status | title | what is so | what to do |
|---|---|---|---|---|
"""


class Colour(StrEnum):
    """An enumeration, whose errors echo by default."""

    RED = "red"


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    """Something nested."""

    colour: Colour = Colour.RED
    count: Annotated[int, msgspec.Meta(ge=0)] = 0
    name: Annotated[str, msgspec.Meta(max_length=4, pattern="^[a-z]*$")] = ""
    uid: UUID | None = None

    def __post_init__(self) -> None:
        if self.name == "boom":
            raise ValueError(f"{CANARY} is not welcome")


class Sent(msgspec.Struct, forbid_unknown_fields=True):
    """A body."""

    inner: list[Inner]
    by_name: dict[str, int] = {}


@post("/sent", sync_to_thread=False)
def sent(data: JSONBody[Sent]) -> None:
    del data


@post("/raw")
async def raw(request: Request[Any, Any, Any]) -> None:
    msgspec.json.decode(await request.body(), type=Sent)


@get("/query/{number:int}", sync_to_thread=False)
def query(number: FromPath[int], limit: FromQuery[int], colour: FromQuery[Colour] = Colour.RED) -> int:
    return number + limit


@get("/header", sync_to_thread=False)
def header(key: Annotated[str, HeaderParameter(name="Idempotency-Key", min_length=16)]) -> str:
    return key


RAISES: list[Exception] = [
    cls("ada@example.org")
    for module in (errors, refusals)
    for cls in vars(module).values()
    if inspect.isclass(cls)
    and issubclass(cls, errors.Failure)
    and cls not in {refusals.TooMany, errors.Malformed, errors.PolicyRefused}
] + [refusals.TooMany(2.1), RuntimeError(CANARY), KeyError(CANARY)]


@get("/raise/{index:int}", sync_to_thread=False)
def raising(index: FromPath[int]) -> None:
    raise RAISES[index]


APP = Litestar(
    [sent, raw, query, header, raising],
    exception_handlers={Exception: problems.handle},
    logging_config=None,
    openapi_config=None,
)


@pytest.fixture
def client() -> Client:
    """A client of an application whose every exception goes to `handle`."""
    return Client(APP)


# the list -------------------------------------------------------------------------------------------------------------


def reference() -> str:
    """The reference page as it must be."""
    rows = [
        f"| `{kind.uri}` | {kind.status} | {kind.title} | {kind.detail} | {kind.advice} |"
        for kind in problems.TYPES.values()
    ]
    return INTRODUCTION + "\n".join(rows) + "\n"


def test_the_reference_is_the_code() -> None:
    """Documentation and list are the same."""
    assert REFERENCE.read_text() == reference()


def test_types_are_well_formed() -> None:
    """Names are paths, statuses are errors, texts are sentences."""
    for name, kind in problems.TYPES.items():
        assert name == kind.name and re.fullmatch(r"[a-z-]+", name) and 400 <= kind.status < 600
        assert kind.detail.endswith(".") and kind.advice.endswith(".") and not kind.title.endswith(".")


def test_each_type_is_reached_by_something() -> None:
    """No type is only a promise."""
    reached = {*problems.BY_ERROR.values(), *problems.BY_STATUS.values(), "unknown-field"}
    assert reached == set(problems.TYPES)


@pytest.mark.parametrize("name", list(problems.TYPES))
def test_each_type_has_a_page(name: str) -> None:
    """The `type` of a problem resolves."""
    page = problems.problem_page(name)
    assert problems.TYPES[name].title in page and "/static/ecrm.css" in page and "<script" not in page


@pytest.mark.parametrize("name", ["", "nothing", "../secret", "<script>"])
def test_there_is_no_other_page(name: str) -> None:
    """An unknown name is not found, and not shown."""
    with pytest.raises(errors.NotKnown):
        problems.problem_page(name)


# failures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", range(len(RAISES)), ids=lambda index: type(RAISES[index]).__name__)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_every_failure_is_a_problem_that_keeps_its_words_to_itself(client: Client, index: int, accept: str) -> None:
    """Expected or not: a type from the list, and nothing of the exception's message."""
    response = client.get(f"/raise/{index}", headers={"accept": accept})
    assert CANARY not in response.text and type(RAISES[index]).__name__ not in response.text
    assert response.status_code >= 400 and ("<!doctype html>" in response.text.lower()) == (accept == "text/html")
    if accept == "application/json":
        members = response.json()
        kind = problems.TYPES[members["type"].removeprefix("/problems/")]
        assert response.headers["content-type"] == "application/problem+json"
        assert (members["title"], members["status"]) == (kind.title, kind.status) == (kind.title, response.status_code)
        assert ("instance" in members) == (kind.status == 500)


@pytest.mark.parametrize(
    ("error", "name", "status"),
    [
        (errors.RequiredPurpose(), "required-purpose", 422),
        (errors.KeyReuse(), "key-reuse", 422),
        (errors.EmptyAnswer(), "empty-answer", 400),
        (errors.KeyMissing(), "idempotency-key-missing", 400),
        (errors.TokenRefused(), "token-refused", 401),
        (errors.NotKnown(), "not-found", 404),
        (errors.SubjectErased(), "subject-erased", 410),
        (errors.OutcomeUnknown(), "outcome-unknown", 503),
        (errors.Unavailable(), "unavailable", 503),
        (errors.Tampered(), "tampered", 500),
        (errors.KeyFileRefused("the path of a key"), "internal", 500),
        (refusals.BodyTooSlow(), "body-too-slow", 408),
    ],
)
def test_a_failure_has_its_type(error: Exception, name: str, status: int) -> None:
    """The table of http.md."""
    kind = problems.problem_of(error).kind
    assert (kind.name, kind.status) == (name, status)


def test_a_failure_that_a_room_keeps_to_itself_is_what_its_kind_is() -> None:
    """Rooms may refine the tree; the nearest class that is known decides."""

    class Frozen(errors.Unavailable):
        retry_after_s = 30

    problem = problems.problem_of(Frozen())
    assert problem.kind.name == "unavailable" and problem.headers == (("retry-after", "30"),)
    assert problems.problem_of(type("Odd", (errors.Refusal,), {})()).kind.name == "refused"


def test_a_rate_says_when_to_come_again() -> None:
    """Whole seconds, rounded up."""
    assert problems.problem_of(refusals.TooMany(2.1)).headers == (("retry-after", "3"),)
    assert problems.problem_of(refusals.TooMany(0.01)).headers == (("retry-after", "1"),)


def test_our_own_words_about_a_malformed_request_are_shown() -> None:
    """Rooms say what they expected, and where."""
    assert problems.problem_of(errors.Malformed("Expected a date at `since`")).detail == "Expected a date at `since`"
    assert problems.problem_of(errors.Malformed()).detail == problems.TYPES["malformed"].detail


# requests that cannot be read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sent", "/raw"])
@pytest.mark.parametrize(
    ("body", "name", "detail"),
    [
        ('{"inner":[],"extra":"%s"}', "unknown-field", "Unknown field `extra`."),
        ('{"inner":[{"extra":"%s"}]}', "unknown-field", "Unknown field `extra` (at `$.inner[0]`)."),
        ('{"inner":[],"%s":1}', "unknown-field", "There is a field that this call does not know."),
        ("{}", "malformed", "Object missing required field `inner`."),
        ('{"inner":"%s"}', "malformed", "Expected `array`, got `str` (at `$.inner`)."),
        ('{"inner":[{"count":"%s"}]}', "malformed", "Expected `int`, got `str` (at `$.inner[0].count`)."),
        ('{"inner":[{"count":-1}]}', "malformed", "Expected `int` >= 0 (at `$.inner[0].count`)."),
        ('{"inner":[{"name":"%s"}]}', "malformed", "Expected `str` of length <= 4 (at `$.inner[0].name`)."),
        ('{"inner":[{"name":"A"}]}', "malformed", "Expected `str` (at `$.inner[0].name`)."),
        (
            '{"inner":[{"colour":"%s"}]}',
            "malformed",
            "The value (at `$.inner[0].colour`) is not one that this call takes.",
        ),
        ('{"inner":[{"uid":"%s"}]}', "malformed", "The value (at `$.inner[0].uid`) is not one that this call takes."),
        ('{"inner":[{"name":"boom"}]}', "malformed", "The value (at `$.inner[0]`) is not one that this call takes."),
        ('{"inner":[],"by_name":{"%s":"x"}}', "malformed", "Expected `int`, got `str` (at `$.by_name[...]`)."),
        ('{"inner":[', "malformed", "The body is not valid JSON."),
        ("%s", "malformed", "The body is not valid JSON."),
        ('{"inner":[]} %s', "malformed", "The body is not valid JSON."),
        ('"%s"', "malformed", "Expected `object`, got `str`."),
        ("", "malformed", None),
    ],
)
def test_what_is_wrong_is_named_by_place_and_never_by_value(
    client: Client, path: str, body: str, name: str, detail: str | None
) -> None:
    """By the framework's decoder and by our own alike."""
    content = body.replace("%s", CANARY)
    response = client.post(path, content=content, headers={"content-type": "application/json"})
    members = response.json()
    assert response.status_code == 400 and members["type"] == f"/problems/{name}"
    assert CANARY not in response.text and "ada" not in response.text
    if detail is not None:
        assert members["detail"] == detail


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        (f"/query/5?limit={CANARY}", 400, "Expected `int`, got `str` (at `$.limit`)."),
        ("/query/5", 400, None),
        (f"/query/5?limit=1&colour={CANARY}", 400, "The value (at `$.colour`) is not one that this call takes."),
        (f"/query/{CANARY}?limit=1", 404, None),
        (f"/nowhere/{CANARY}?q={CANARY}", 404, None),
        ("/header", 400, None),
    ],
)
def test_addresses_do_not_come_back_either(client: Client, path: str, status: int, detail: str | None) -> None:
    """Path, query and headers are as private as bodies."""
    response = client.get(path, headers={"Idempotency-Key": CANARY})
    assert response.status_code == status and CANARY not in response.text and "ada" not in response.text
    if detail is not None:
        assert response.json()["detail"] == detail


def test_a_method_that_is_not_taken_is_answered_with_those_that_are(client: Client) -> None:
    """RFC 9110, 15.5.6."""
    response = client.request("PUT", "/sent")
    assert response.status_code == 405 and response.json()["type"] == "/problems/method-not-allowed"
    assert "POST" in response.headers["allow"]


def test_a_page_escapes_what_it_shows() -> None:
    """Even our own words could once hold a bracket."""
    _, _, body = problems.respond(problems.problem_of(errors.Malformed("<script>alert(1)</script>")), "text/html")
    assert b"<script>" not in body and b"&lt;script&gt;" in body
