"""The description of every call: OpenAPI at /schema/openapi.json, and the same as a page to read at /schema.

What a call is for and an example of it stand in `calls.toml`, one file beside the handlers of each package; what it
takes and gives as types comes from the code. Tests hold them together: an example that the code would refuse fails.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from litestar.connection import Request
from litestar.enums import OpenAPIMediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, Reference, SecurityScheme

from ecrm_privacy import __version__
from ecrm_privacy.consent.answer import Said
from ecrm_privacy.consent.channels.desk import Inbound
from ecrm_privacy.web import exercise, servers, session, view
from ecrm_privacy.web.pages import Pages
from ecrm_privacy.web.problems import MEDIA_TYPE, TYPES
from ecrm_privacy.web.texts import DEFAULT_LOCALE, texts

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
REF = "#/components/schemas/{name}.sent"
ABOUT = (
    "Ask once. Prove it. Show only what was allowed. Failures are problems (RFC 9457); each `type` is the path of the "
    "page that explains it. The subject of a server's call stands in the header `Ecrm-Subject`, never in a path."
)
GROUPS: Mapping[str, str] = {
    "browsers": "For browsers",
    "pages": "Pages",
    "servers": "For servers",
    "log": "The public log",
    "operations": "Operations",
}
PARAMETERS: Mapping[str, tuple[str, str]] = {
    "Idempotency-Key": ("A new one for each act, the same one for its repeat.", "6a1f0c52-5d2e-4b0e-9a53-0f5b1f0e6c11"),
    "Ecrm-Subject": ("The customer number of the subject. It is never logged.", "C-100001"),
    "site": ("Whose notice; without it the site whose origins hold the caller's.", "demo"),
    "locale": ("The language; without it by Accept-Language.", "en"),
    "return_to": ("Where the form leads back to: a page of the site.", "/kettles"),
    "public": ("`1`: the same for everybody; no cookie is looked at, and the answer may be cached.", "1"),
    "question": ("`1`: with what to ask, if an answer is due.", "1"),
    "at": ("The time to ask about (RFC 3339, with its zone); without it now.", "2026-06-01T12:00:00Z"),
    "known": ("As known at this time; without it all that is written counts.", "2026-11-22T04:30:00Z"),
    "limit": ("How many items the page has room for.", "4"),
    "names": ("The slots, with commas between them.", "for-you,popular"),
    "embedded": ("`1`: as a frame in a page of the site.", "1"),
    "forget": ("`true`: what only this browser can reach is erased, too.", "true"),
    "receipt_id": ("The receipt's name: 32 random bytes, base64url.", "KRQOlXOSxL4jqqiS3lHp7WlI-gL6-SJwo1GHXbzPfJU"),
    "request_id": ("The request's name.", "34ca51ca-268f-420a-8960-3266569181ab"),
    "leaf_index": ("The place of an entry in the log.", "0"),
    "token": ("What the link in a message ends with.", "offers~email~AQE1vlvBz0Z4b6zQ6cVq0n3K8p2f5m1t7u9w"),
    "purpose": ("A purpose of the policy.", "offers"),
    "channel": ("A channel of that purpose.", "email"),
    "slot": ("A slot of the policy.", "for-you"),
    "page": ("A page of the policy.", "yours"),
    "item_id": ("The shop's own number of the item.", "kettle-copper"),
    "name": ("What the address ends with.", "unknown-notice"),
}
"""What each parameter is, and an example."""
OBJECT = {"type": "object"}
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri"},
    },
}


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One call as `calls.toml` describes it. `requests` and `replies` are examples by media type.

    `key` marks an Idempotency-Key, `subject` the header Ecrm-Subject, `query` names parameters of the query, of which
    those of `required` must be there. `replied` names the type of a reply that the framework cannot know, `redirects`
    says where a 303 leads. `carries_its_right`: it needs no origin. `problems` are those that are the call's own; what
    many calls share follows from the rest.
    """

    summary: str
    group: str
    text: str = ""
    scope: str = ""
    key: bool = False
    subject: bool = False
    carries_its_right: bool = False
    query: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    requests: dict[str, str] = {}
    replies: dict[str, str] = {}
    replied: str = ""
    redirects: str = ""
    problems: tuple[str, ...] = ()


class Surface(msgspec.Struct, frozen=True):
    """What one package adds to the description: its `calls.toml`, and the type of each body, by "METHOD path"."""

    calls: Path
    bodies: Mapping[str, type[Any]]


HOUSE = Surface(
    Path(__file__).parent / "calls.toml",
    {
        "POST /v1/answers": Said,
        "POST /v1/session": session.TokenBody,
        "POST /v1/rights-requests": exercise.Asked,
        "PATCH /v1/view": view.ViewChange,
        "PUT /v1/subject": servers.Fields,
        "POST /v1/subject/answers": servers.SaidElsewhere,
        "POST /v1/inbound/sms": Inbound,
        "POST /v1/access:check": servers.Asked,
    },
)


def read(surfaces: Iterable[Surface]) -> dict[str, Call]:
    """Return the calls that `surfaces` describe, by "METHOD path"."""
    found: dict[str, Call] = {}
    for surface in surfaces:
        found |= msgspec.convert(tomllib.loads(surface.calls.read_text("utf-8")), dict[str, Call])
    return found


def config(surfaces: Sequence[Surface]) -> OpenAPIConfig:
    """Return how the application describes itself: at /schema as a page, at /schema/openapi.json for programs."""
    described = _Described(surfaces)
    schemes: dict[str, SecurityScheme | Reference] = {
        "session": SecurityScheme(type="apiKey", name="__Host-ecrm", security_scheme_in="cookie"),
        "api_key": SecurityScheme(type="http", scheme="bearer"),
    }
    return OpenAPIConfig(
        title="ecrm",
        version=__version__,
        description=ABOUT,
        path="/schema",
        components=Components(security_schemes=schemes),
        operation_id_creator=lambda handler, _method, _path: handler.handler_name,
        render_plugins=[_Page(described), _Json(described)],
    )


class _Described:
    """The description, made once, when somebody first asks for it."""

    def __init__(self, surfaces: Sequence[Surface]) -> None:
        self._surfaces = surfaces
        self._made: dict[str, Any] | None = None

    def of(self, plain: dict[str, Any]) -> dict[str, Any]:
        if self._made is None:
            bodies = {call: kind for surface in self._surfaces for call, kind in surface.bodies.items()}
            self._made = describe(plain, read(self._surfaces), bodies)
        return self._made


class _Json(OpenAPIRenderPlugin):
    def __init__(self, described: _Described) -> None:
        super().__init__(path="/openapi.json", media_type=OpenAPIMediaType.OPENAPI_JSON)
        self._described = described

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return self.render_json(request, self._described.of(openapi_schema))


class _Page(OpenAPIRenderPlugin):
    def __init__(self, described: _Described) -> None:
        super().__init__(path="/")
        self._described = described
        self._pages = Pages()

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        described = self._described.of(openapi_schema)
        shown = {"t": texts(DEFAULT_LOCALE), "locale": DEFAULT_LOCALE, "about": ABOUT, "groups": page_groups(described)}
        return self._pages.text("schema.html", **shown).encode()


# from the code's own description to the whole one ---------------------------------------------------------------------


def describe(plain: dict[str, Any], calls: Mapping[str, Call], bodies: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Return `plain` (what the framework knows) with what `calls` say about each operation. Pure."""
    kinds = sorted(set(bodies.values()), key=lambda kind: kind.__module__)
    sent, components = msgspec.json.schema_components(kinds, ref_template=REF)
    sent_as = dict(zip(kinds, sent, strict=True))
    schemas = {
        **plain["components"].get("schemas", {}),
        **{f"{name}.sent": schema for name, schema in components.items()},
        "Problem": PROBLEM,
    }
    paths = {
        path: {
            method: _operation(operation, calls[call], sent_as[bodies[call]] if call in bodies else None)
            for method, operation in item.items()
            if (call := f"{method.upper()} {path}") in calls
        }
        for path, item in plain["paths"].items()
    }
    tags = [{"name": name} for name in GROUPS.values()]
    return {**plain, "tags": tags, "paths": paths, "components": {**plain["components"], "schemas": schemas}}


def _operation(plain: Mapping[str, Any], call: Call, body: Mapping[str, Any] | None) -> dict[str, Any]:
    made = {
        "operationId": plain["operationId"],
        "tags": [GROUPS[call.group]],
        "summary": call.summary,
        "description": " ".join(part for part in (call.text, f"Scope `{call.scope}`." if call.scope else "") if part),
        "security": _security(call),
        "parameters": _parameters(plain, call),
        "responses": _responses(plain, call),
    }
    if call.requests:
        content = {kind: _content(kind, text, body or OBJECT) for kind, text in call.requests.items()}
        made["requestBody"] = {"required": True, "content": content}
    return {name: value for name, value in made.items() if value not in ("", [])}


def _security(call: Call) -> list[dict[str, list[str]]]:
    if call.scope:
        return [{"api_key": []}]
    return [{}, {"session": []}] if call.group in {"browsers", "pages"} else [{}]


def _parameters(plain: Mapping[str, Any], call: Call) -> list[dict[str, Any]]:
    of_path = [(each["name"], "path", each["schema"]) for each in plain.get("parameters", ()) if each["in"] == "path"]
    headers = [name for name, wanted in (("Idempotency-Key", call.key), ("Ecrm-Subject", call.subject)) if wanted]
    text = {"type": "string"}
    named = [*of_path, *((name, "header", text) for name in headers), *((name, "query", text) for name in call.query)]
    return [
        {
            "name": name,
            "in": place,
            "required": place != "query" or name in call.required,
            "schema": schema,
            "description": PARAMETERS[name][0],
            "example": PARAMETERS[name][1],
        }
        for name, place, schema in named
    ]


def _responses(plain: Mapping[str, Any], call: Call) -> dict[str, Any]:
    [[status, given]] = [(status, each) for status, each in plain["responses"].items() if status < "400"]
    known = (given.get("content") or {}).get(JSON, {}).get("schema") or OBJECT
    known = {"$ref": f"#/components/schemas/{call.replied}"} if call.replied else known
    responses: dict[str, Any] = {}
    if call.redirects:
        location = {"schema": {"type": "string"}, "example": call.redirects}
        responses["303"] = {"description": "Done; the page to look at is elsewhere.", "headers": {"Location": location}}
    if call.replies:
        content = {kind: _content(kind, text, known) for kind, text in call.replies.items()}
        responses["200" if status == "303" else status] = {"description": "As asked.", "content": content}
    elif status == "204":
        responses[status] = {"description": "Done; there is nothing to say about it."}
    for name in _problems(call):
        kind = TYPES[name]
        example = {"type": kind.uri, "title": kind.title, "status": kind.status, "detail": kind.detail}
        held = responses.setdefault(
            str(kind.status),
            {"description": "", "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}},
        )
        held["description"] = "; ".join(part for part in (held["description"], kind.title) if part)
        held["content"][MEDIA_TYPE].setdefault("examples", {})[name] = {"value": example}
    return dict(sorted(responses.items()))


def _problems(call: Call) -> tuple[str, ...]:
    """The problems that follow from what a call is, and its own; in the order of the list of them all."""
    names = {*call.problems, "unavailable"}
    if call.requests:
        names |= {"malformed", "body-too-large"}
    if call.subject:  # a call without its header is not what it takes
        names |= {"malformed"}
    if JSON in call.requests:
        names |= {"unknown-field"}
    if call.key:
        names |= {"idempotency-key-missing", "key-reuse", "outcome-unknown"}
    if call.scope:
        names |= {"api-key-refused", "scope-missing", "too-many"}
    elif call.requests and not call.carries_its_right:
        names |= {"foreign-origin"}
    return tuple(name for name in TYPES if name in names)


def _content(kind: str, text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    if kind == JSON:
        return {"schema": schema, "example": msgspec.json.decode(text)}
    return {"schema": {"type": "object" if kind == FORM else "string"}, "example": text}


# from the description to a page ---------------------------------------------------------------------------------------


def page_groups(described: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the description as the page shows it: groups of calls, each with its examples as text."""
    calls = [
        {"method": method.upper(), "path": path, **_shown(operation)}
        for path, item in described["paths"].items()
        for method, operation in item.items()
    ]
    return [
        {"name": name, "anchor": anchor, "calls": [call for call in calls if call["group"] == name]}
        for anchor, name in GROUPS.items()
    ]


def _shown(operation: Mapping[str, Any]) -> dict[str, Any]:
    replies, problems = [], []
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            if kind == MEDIA_TYPE:
                problems += [each["value"] for each in content["examples"].values()]
            else:
                replies.append(_example(f"{status} {kind}", kind, content))
        if "headers" in response:
            replies.append({"name": status, "text": f"Location: {response['headers']['Location']['example']}"})
        elif "content" not in response:
            replies.append({"name": status, "text": ""})
    sent = operation.get("requestBody", {}).get("content", {})
    return {
        "anchor": operation["operationId"],
        "group": operation["tags"][0],
        "summary": operation["summary"],
        "text": operation.get("description", ""),
        "parameters": operation.get("parameters", []),
        "requests": [_example(kind, kind, content) for kind, content in sent.items()],
        "replies": replies,
        "problems": problems,
    }


def _example(name: str, kind: str, content: Mapping[str, Any]) -> dict[str, str]:
    example = content["example"]
    text = example if kind != JSON else msgspec.json.format(msgspec.json.encode(example), indent=2).decode()
    return {"name": name, "text": text}
