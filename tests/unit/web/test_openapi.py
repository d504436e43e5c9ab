"""The description of every call: complete, and no example that the code would refuse."""

from collections.abc import Callable, Sequence
from functools import cache
from types import UnionType
from typing import Any, get_args

import msgspec
import pytest
from litestar import Litestar, Response
from litestar.di import Provide

from ecrm_privacy.app import House
from ecrm_privacy.hall import Hall
from ecrm_privacy.routes import AT_THE_DOORS, OPEN
from ecrm_privacy.web import schema
from ecrm_privacy.web.problems import MEDIA_TYPE, TYPES
from personalization.collect.catalogue import NamedItem
from personalization.collect.events import EventLine
from personalization.plugin import SURFACE
from personalization.web import intake, pages, slots
from tests.unit.web.asgi import Client

HANDLERS = (*OPEN, *AT_THE_DOORS, *slots.HANDLERS, *pages.HANDLERS, *intake.HANDLERS)
SURFACES_DESCRIBED = (schema.HOUSE, SURFACE)
BODIES = {**schema.HOUSE.bodies, **SURFACE.bodies}
LINES = {"POST /v1/items:batch": NamedItem, "POST /v1/events:batch": EventLine}


def _nothing() -> Callable[[], None]:
    """A dependency that no test asks for; each name needs one of its own."""

    def provide() -> None:
        pass

    return provide


@cache
def _app() -> Litestar:
    names = {*House.__struct_fields__, *Hall.__struct_fields__, "engine", "caller", "signals", "locale", "where"}
    given = {name: Provide(_nothing(), sync_to_thread=False) for name in names}
    return Litestar([*HANDLERS], dependencies=given, openapi_config=schema.config(SURFACES_DESCRIBED))


@cache
def _described() -> dict[str, Any]:
    reply = Client(_app()).get("/schema/openapi.json")
    assert reply.status_code == 200
    described: dict[str, Any] = reply.json()
    return described


def _operations() -> dict[str, dict[str, Any]]:
    paths = _described()["paths"]
    return {f"{method.upper()} {path}": each for path, item in paths.items() for method, each in item.items()}


def _examples(content: dict[str, Any]) -> list[Any]:
    return [media["example"] for media in content.values()]


def test_every_call_is_described_and_nothing_else() -> None:
    """`calls.toml` names exactly the calls that there are, and bodies only of those."""
    there = {
        f"{method} {route.path_format}"
        for route in _app().routes
        if hasattr(route, "route_handler_map") and not route.path.startswith("/schema")
        for method in route.route_handler_map
        if method != "OPTIONS"
    }
    assert schema.read(SURFACES_DESCRIBED).keys() == _operations().keys() == there
    assert BODIES.keys() <= there


def test_every_operation_has_a_summary_and_a_name_of_its_own() -> None:
    """Each operation has a summary of one line and an id that no other has."""
    operations = _operations().values()
    assert all(each["summary"] and "\n" not in each["summary"] for each in operations)
    names = [each["operationId"] for each in operations]
    assert len(names) == len(set(names))


def test_every_operation_shows_what_it_answers() -> None:
    """Each operation has an example of what it answers, unless it answers nothing or only leads elsewhere."""
    for call, operation in _operations().items():
        good = {status: each for status, each in operation["responses"].items() if status < "400"}
        assert good, call
        for status, response in good.items():
            assert status in {"204", "303"} or _examples(response["content"]), call


def test_failures_are_problems() -> None:
    """Each 4xx and 5xx is `application/problem+json`, with an example of each type that it can be."""
    for call, operation in _operations().items():
        failures = {status: each for status, each in operation["responses"].items() if status >= "400"}
        assert failures, call
        for status, response in failures.items():
            assert response["content"].keys() == {MEDIA_TYPE}
            for name, example in response["content"][MEDIA_TYPE]["examples"].items():
                assert example["value"]["status"] == TYPES[name].status == int(status)


@pytest.mark.parametrize("call", sorted(BODIES))
def test_what_is_sent_in_an_example_is_taken(call: str) -> None:
    """The example of a request decodes into the type that the call takes, and its schema names that type."""
    content = _operations()[call]["requestBody"]["content"]["application/json"]
    msgspec.json.decode(msgspec.json.encode(content["example"]), type=BODIES[call])
    name = content["schema"]["$ref"].rpartition("/")[2]
    assert name in _described()["components"]["schemas"]


@pytest.mark.parametrize("call", sorted(LINES))
def test_the_lines_of_an_example_are_taken(call: str) -> None:
    """The first line of a stream's example decodes, and the reply counts the lines."""
    operation = _operations()[call]
    first, *rest = operation["requestBody"]["content"]["application/x-ndjson"]["example"].strip().splitlines()
    msgspec.json.decode(first, type=LINES[call])
    reply = operation["responses"]["200"]["content"]["application/json"]["example"]
    assert reply["stored"] + len(reply["dropped"]) == 1 + len(rest)


def test_what_is_answered_in_an_example_is_what_the_code_answers() -> None:
    """The example of a reply has the fields of the type that the call answers, and no other."""
    for handler in HANDLERS:
        answered = handler.parsed_fn_signature.return_type.annotation  # type: ignore[union-attr]
        kind = get_args(answered)[0] if getattr(answered, "__origin__", answered) is Response else answered
        kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
        if not all(isinstance(one, type) and issubclass(one, msgspec.Struct) for one in kinds):
            continue
        for call, operation in _operations().items():
            if operation["operationId"] == handler.handler_name:  # type: ignore[union-attr]
                _check(call, operation, kinds)


def _check(call: str, operation: dict[str, Any], kinds: Sequence[type[msgspec.Struct]]) -> None:
    """The smallest of the kinds that has every field of the example takes it."""
    [reply] = [each for status, each in operation["responses"].items() if status < "300"]
    example = reply["content"]["application/json"]["example"]
    fitting = [kind for kind in kinds if set(example) <= set(kind.__struct_fields__)]
    assert fitting, call
    msgspec.convert(example, min(fitting, key=lambda kind: len(kind.__struct_fields__)))


def test_references_lead_somewhere() -> None:
    """Each `$ref` of the description names a schema that is there."""
    schemas = _described()["components"]["schemas"]
    text = msgspec.json.encode(_described()).decode()
    referred = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert referred - schemas.keys() == set()


def test_the_description_can_be_read_as_a_page() -> None:
    """`/schema` is a page of our own: each call with its examples, no script of its own, nothing from elsewhere."""
    page = Client(_app()).get("/schema")
    assert page.headers["content-type"].startswith("text/html")
    assert page.text.count("<script") == page.text.count('<script type="module" src="/static/again.js">')
    assert "https://" not in page.text.replace("https://privacy.shop.example", "").replace("https://w3id.org/dpv", "")
    assert [call for call in _operations() if f"<code>{call}</code>" not in page.text] == []
