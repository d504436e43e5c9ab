"""Problems (RFC 9457): the only file that knows status codes.

Every failure becomes one of the types below: `type` is the path of its page, `title` is always the same, `detail` is
about this occurrence and never repeats a value that was sent. Browsers that ask for HTML get the same as a page.
docs/reference/problems.md is this list; a test compares them.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.connection import Request
from litestar.exceptions import HTTPException, SerializationException, ValidationException
from litestar.response import Response

from ecrm_privacy import errors
from ecrm_privacy.policy.notice import negotiate
from ecrm_privacy.web import refusals
from ecrm_privacy.web.limits import retry_after
from ecrm_privacy.web.logs import describe
from ecrm_privacy.web.texts import DEFAULT_LOCALE, TEXTS, texts

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
HTML = "text/html; charset=utf-8"
SCOPE_PROBLEM = "ecrm.problem"
"""Where the scope says which problem was answered, for the log."""


class ProblemType(msgspec.Struct, frozen=True):
    """One kind of problem: `detail` says what is so, `advice` what to do about it."""

    name: str
    status: int
    title: str
    detail: str
    advice: str

    @property
    def uri(self) -> str:
        """The path of its page, which is its `type`."""
        return f"/problems/{self.name}"


class Problem(msgspec.Struct, frozen=True):
    """One occurrence. `headers` go with the answer; `instance` is what to quote when asking for help."""

    kind: ProblemType
    detail: str
    headers: tuple[tuple[str, str], ...] = ()
    instance: str | None = None


def _types(*rows: tuple[str, int, str, str, str]) -> Mapping[str, ProblemType]:
    return {row[0]: ProblemType(*row) for row in rows}


TYPES: Mapping[str, ProblemType] = _types(
    ("malformed", 400, "The request cannot be read", "The request is not what this call takes.",
     "Compare the request with the call's description at /schema. The detail names the place, never what was there."),
    ("unknown-field", 400, "Unknown field", "The request has a field that this call does not know.",
     "Leave the field out, or correct its name. Unknown fields are refused so that nothing is lost silently."),
    ("empty-answer", 400, "No answer given", "A request to record answers must have at least one.",
     "Send at least one answer. Nothing was recorded."),
    ("idempotency-key-missing", 400, "Idempotency-Key missing",
     "This call needs an Idempotency-Key of 16 to 64 characters with at least 122 random bits.",
     "Make a new UUID (version 4) for each act, and send the same one again when you repeat the request."),
    ("token-refused", 401, "Sign-in token refused", "The token is forged, foreign, expired or was used before.",
     "Ask the shop for a new token: it lives ten minutes at most and is used once."),
    ("api-key-refused", 401, "API key refused", "This call needs an API key that is known.",
     "Send `Authorization: Bearer <api key>`."),
    ("signature-refused", 401, "Signature refused", "The message is not signed by the provider, or too long ago.",
     "Sign `id.timestamp.body` with the secret that both know (Standard Webhooks), within five minutes."),
    ("foreign-origin", 403, "Foreign origin", "Writes are taken from the service's own pages and those of its sites.",
     "Name the page's origin in the site's policy document; or call from a server, with an API key."),
    ("scope-missing", 403, "Scope missing", "The API key may not do this.", "Use a key with the scope of this call."),
    ("not-found", 404, "Not found", "There is nothing here for this caller.",
     "Check the address. What belongs to somebody else looks the same as what does not exist."),
    ("link-unknown", 404, "Not one of our links", "The link was not made here, or a part of it is missing.",
     "Open the link in the message again, and see that the whole of it is taken. Nothing changed."),
    ("method-not-allowed", 405, "Method not allowed", "This address does not take that method.",
     "The Allow header names those it takes."),
    ("not-acceptable", 406, "Not acceptable", "This call has no form that the Accept header allows.",
     "Ask for application/json or text/html."),
    ("body-too-slow", 408, "Body too slow", "The body did not arrive within ten seconds.",
     "Send it again on a new connection. Nothing was recorded."),
    ("refused", 409, "Refused", "This cannot be done as things are; nothing changed.",
     "Read the current state and try again."),
    ("subject-erased", 410, "Erased", "What this was about is erased, or is being erased.",
     "There is nothing to do. A saved receipt still checks."),
    ("link-expired", 410, "The link has run out",
     "Nobody waits for this confirmation any more: its three days are over, or something else was said since.",
     "Say yes once more, and a new link comes. Nothing changed."),
    ("link-used", 410, "The link was used", "This was confirmed already, and holds.",
     "There is nothing to do. Take it back whenever you like, on the preferences page."),
    ("body-too-large", 413, "Body too large",
     "Bodies may have 256 KiB, answers 32 KiB, and a line of a stream 64 KiB.", "Send less at a time."),
    ("unsupported-media-type", 415, "Unsupported media type", "This call does not take that content type.",
     "Send application/json, or the content type that the call's description names."),
    ("unknown-purpose", 422, "Unknown purpose", "The policy in force has no such purpose, channel or recipient.",
     "Ask GET /v1/notice for those it has."),
    ("unknown-notice", 422, "Unknown notice",
     "No notice of that version was ever shown on this site, and a yes needs one.",
     "Ask GET /v1/notice for the version to show. A no is taken with any."),
    ("required-purpose", 422, "Required purpose", "Without this purpose the service cannot be rendered.",
     "Close the account instead, or ask for erasure."),
    ("key-reuse", 422, "Idempotency-Key used before", "This Idempotency-Key came with another body before.",
     "Make a new key for a new act."),
    ("too-many", 429, "Too many requests", "The rate of this caller is exceeded. A no is never refused for its rate.",
     "Come again after the time in Retry-After."),
    ("internal", 500, "Something is wrong on our side", "The request failed for a reason that is not yours.",
     "Quote the instance when you ask for help. Repeat a write only with the same Idempotency-Key."),
    ("tampered", 500, "Stored data does not check", "Data that was stored under seal was altered; nothing was opened.",
     "Quote the instance when you ask for help: somebody must look at this."),
    ("unavailable", 503, "Not available now", "The service cannot do this now; nothing changed.",
     "Come again after the time in Retry-After."),
    ("policy-unreadable", 503, "The policy cannot be read",
     "The policy in force is stored in a form that this version of the service does not read; nothing changed.",
     "Come again later. The operator puts documents in force that this version reads: `ecrm policy activate`."),
    ("log-frozen", 503, "The log is frozen",
     "A backup was restored, or entries of the log were lost: nothing is recorded and nothing personal is shown.",
     "Nothing was recorded: come again later. The operator sees why at /health/ready, and uses `ecrm ledger shard`."),
    ("outcome-unknown", 503, "Outcome unknown", "The write was not confirmed; it may or may not have happened.",
     "Send the same request with the same Idempotency-Key again: it is recorded once."),
)  # fmt: skip
"""Every type of problem, by name."""

BY_ERROR: Mapping[type[Exception], str] = {
    errors.UnknownPurpose: "unknown-purpose",
    errors.UnknownNotice: "unknown-notice",
    errors.RequiredPurpose: "required-purpose",
    errors.EmptyAnswer: "empty-answer",
    errors.Malformed: "malformed",
    errors.KeyMissing: "idempotency-key-missing",
    errors.NotKnown: "not-found",
    errors.TokenRefused: "token-refused",
    errors.SignatureRefused: "signature-refused",
    errors.LinkUnknown: "link-unknown",
    errors.LinkExpired: "link-expired",
    errors.LinkUsed: "link-used",
    errors.KeyReuse: "key-reuse",
    errors.SubjectErased: "subject-erased",
    errors.Refusal: "refused",
    errors.OutcomeUnknown: "outcome-unknown",
    errors.PolicyUnreadable: "policy-unreadable",
    errors.LogFrozen: "log-frozen",
    errors.Unavailable: "unavailable",
    errors.Tampered: "tampered",
    refusals.ForeignOrigin: "foreign-origin",
    refusals.BodyTooLarge: "body-too-large",
    refusals.BodyTooSlow: "body-too-slow",
    refusals.ApiKeyRefused: "api-key-refused",
    refusals.ScopeMissing: "scope-missing",
    refusals.TooMany: "too-many",
    msgspec.DecodeError: "malformed",
    Exception: "internal",
}
"""The nearest class of an exception decides."""

BY_STATUS: Mapping[int, str] = {
    401: "api-key-refused", 403: "scope-missing", 404: "not-found", 405: "method-not-allowed", 406: "not-acceptable",
    408: "body-too-slow", 413: "body-too-large", 415: "unsupported-media-type", 429: "too-many", 503: "unavailable",
}  # fmt: skip
"""What the framework raises on its own; other statuses below 500 are `malformed`."""

_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,63}")
_EXPECTED = re.compile(r"(Expected `[A-Za-z0-9_ |]+`|Object missing required field `\w+`)[A-Za-z0-9_ |`'<>=,.]*")
_PLACE = re.compile(r" - at `(\$[\w.\[\]]*)`$")


def problem_of(error: Exception) -> Problem:
    """Return the problem that an exception is. Never repeats a message that could hold a submitted value."""
    if isinstance(error, HTTPException):
        return _framework(error)
    kind = TYPES[next(BY_ERROR[cls] for cls in type(error).__mro__ if cls in BY_ERROR)]
    if isinstance(error, errors.Malformed | msgspec.DecodeError):
        return _unreadable(str(error), trusted=isinstance(error, errors.Malformed))
    if isinstance(error, errors.Unavailable | refusals.TooMany):
        return Problem(kind, kind.detail, (("retry-after", str(retry_after(error.retry_after_s))),))
    return _plain(kind)


def respond(problem: Problem, accept: str, language: str = "") -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of a problem, as HTML if `accept` asks for a page, in a `language` it prefers."""
    headers = dict(problem.headers)
    if "text/html" in accept:
        headers["content-type"] = HTML
        return problem.kind.status, headers, _page(problem.kind, problem.detail, language, problem.instance).encode()
    members: dict[str, Any] = {
        "type": problem.kind.uri,
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
    }
    if problem.instance:
        members["instance"] = problem.instance
    headers["content-type"] = MEDIA_TYPE
    return problem.kind.status, headers, msgspec.json.encode(members)


def answer(scope: Any, error: Exception, accept: str) -> tuple[int, dict[str, str], bytes]:
    """Return the response to an exception, after logging by id what is our own fault."""
    problem = problem_of(error)
    fields: dict[str, str] = {"problem": problem.kind.name}
    if problem.kind.status == 500:
        instance = uuid4()
        fields["request_id"] = str(instance)
        problem = msgspec.structs.replace(problem, instance=f"urn:uuid:{instance}")
    if problem.kind.status >= 500:
        template = str(scope.get("path_template", "-"))
        log.log(40 if problem.instance else 30, "request_failed", path=template, **fields, **describe(error))
    scope[SCOPE_PROBLEM] = fields
    return respond(problem, accept, _language(scope))


def _language(scope: Any) -> str:
    return next((value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"accept-language"), "")


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for everything: `exception_handlers={Exception: handle}`."""
    status, headers, body = answer(request.scope, error, request.headers.get("accept", ""))
    media_type = headers.pop("content-type").partition(";")[0]  # the framework adds the charset itself
    return Response(body, status_code=status, headers=headers, media_type=media_type)


def problem_page(name: str) -> str:
    """Return the page of a type of problem, for GET /problems/{name}. Raises NotKnown."""
    kind = TYPES.get(name)
    if kind is None:
        raise errors.NotKnown
    return _page(kind, f"{kind.detail} {kind.advice}", DEFAULT_LOCALE, unfolded=True)


def explain(message: str) -> str | None:
    """Return what a decoder's message says about the request, or None if it could repeat what was sent."""
    place = _PLACE.search(message)
    words = message[: place.start()] if place else message.partition(" - at ")[0]
    where = f" (at `{place[1]}`)" if place else ""
    unknown = _UNKNOWN_FIELD.fullmatch(words)
    if unknown and _FIELD_NAME.fullmatch(unknown[1]):
        return f"Unknown field `{unknown[1]}`{where}."
    if unknown:
        return f"There is a field that this call does not know{where}."
    if words.startswith("JSON is malformed") or words == "Input data was truncated":
        return "The body is not valid JSON."
    words = words.partition(" matching regex")[0]
    if _EXPECTED.fullmatch(words):
        return f"{words}{where}."
    return f"The value{where} is not one that this call takes." if place else None


def _unreadable(message: str, *, trusted: bool = False) -> Problem:
    """`trusted` words are our own: they name a place and never hold a value."""
    kind = TYPES["unknown-field" if message.startswith("Object contains unknown field") else "malformed"]
    return Problem(kind, explain(message) or (message if trusted and message else kind.detail))


def _framework(error: HTTPException) -> Problem:
    allow = (error.headers or {}).get("allow") or (error.headers or {}).get("Allow")
    if allow and "GET" in allow:
        allow += ", HEAD"  # which the edge answers
    if isinstance(error, ValidationException):
        return _unreadable(_first_message(error.extra))
    if error.status_code == 400 and isinstance(error.__cause__, SerializationException):
        return _unreadable(str(error.__cause__))
    name = BY_STATUS.get(error.status_code, "malformed" if error.status_code < 500 else "internal")
    return _plain(TYPES[name], (("allow", allow),) if allow and name == "method-not-allowed" else ())


def _first_message(extra: Mapping[str, Any] | Sequence[Any] | None) -> str:
    """Return the first complaint of the framework, with the declared name of its parameter as the place."""
    first = extra[0] if isinstance(extra, list) and extra else None
    if not isinstance(first, dict):
        return ""
    message, key = str(first.get("message", "")), str(first.get("key", ""))
    names_place = key not in {"", "data"} and " - at " not in message  # `data` is the framework's word for the body
    return f"{message} - at `$.{key}`" if names_place else message


def _plain(kind: ProblemType, headers: tuple[tuple[str, str], ...] = ()) -> Problem:
    extra = {
        "api-key-refused": (("www-authenticate", "Bearer"),),
        "body-too-slow": (("connection", "close"),),
        "body-too-large": (("connection", "close"),),
        "unavailable": (("retry-after", "1"),),
    }
    return Problem(kind, kind.detail, headers or extra.get(kind.name, ()))


SPOKEN: Mapping[str, str] = {
    **dict.fromkeys(("not-found", "scope-missing", "api-key-refused"), "missing"),
    **dict.fromkeys(("internal", "tampered"), "internal"),
    **dict.fromkeys(("unavailable", "policy-unreadable", "log-frozen", "body-too-slow"), "unavailable"),
    "foreign-origin": "elsewhere",
    "token-refused": "signin",
    "subject-erased": "gone",
    "link-unknown": "link",
    "link-expired": "over",
    "link-used": "used",
    "too-many": "many",
    "refused": "refused",
    "outcome-unknown": "unsure",
}
"""What a page says of a type of problem: the key of its words, `malformed` for every other."""

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


def _page(kind: ProblemType, detail: str, language: str, instance: str | None = None, *, unfolded: bool = False) -> str:
    """Render the page in the reader's language; what the problem says to programs is fixed, and folded under it."""
    t = texts(negotiate(language, (DEFAULT_LOCALE, *TEXTS)))
    said = f"{kind.title}. {detail} ({instance})" if instance else f"{kind.title}. {detail}"
    shown = {"status": kind.status, "name": SPOKEN.get(kind.name, "malformed"), "said": said, "unfolded": unfolded}
    return _templates.get_template("problem.html").render(t=t, locale=t["locale"], problem=shown)
