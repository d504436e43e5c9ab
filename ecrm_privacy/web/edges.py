"""The edge of the web: one ASGI wrapper around the whole application, so that no answer leaves without its headers.

In one pass per request it checks where a write comes from, takes in the body within its limits of size and time,
answers CORS, gives each response the headers of its class, and writes one line of log. Responses that carry their own
`Cache-Control`, `Vary` or `Content-Security-Policy` keep them; all others may not be stored by anybody. Nothing here
is random: equal content is equal bytes.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from time import perf_counter
from typing import Any

import structlog

from ecrm_privacy.web import problems
from ecrm_privacy.web.refusals import BodyTooLarge, BodyTooSlow, ForeignOrigin

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
Header = tuple[bytes, bytes]

BODY_BYTES_MAX = 256 * 1024
ANSWER_BYTES_MAX = 32 * 1024
BODY_DEADLINE_S = 10.0
DRAINED_BYTES_MAX = 16 * 1024 * 1024
"""How much of a body that is too large is read and dropped, so that its sender gets to read the 413."""

ANSWERS = frozenset({"/v1/answers", "/v1/subject/answers", "/preferences"})
STREAMS = frozenset({"/v1/items:batch", "/v1/events:batch", "/v1/imports/answers"})
"""Calls that take NDJSON of any length: `stream.lines` limits a line, the deadline holds for each piece."""

CARRIES_ITS_RIGHT = ("/unsubscribe/", "/v1/inbound/")
"""Writes that need neither cookie nor origin, because nothing that a browser adds by itself gives them a right: a link
that only whoever got the message has, and that only narrows (RFC 8058); a body that a provider signed.
"""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
KNOWN_METHODS = SAFE_METHODS | {"POST", "PUT", "PATCH", "DELETE"}

PAGE_POLICY = (
    b"default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
NOT_FRAMED = b"frame-ancestors 'none'"
DATA_POLICY = b"default-src 'none'; frame-ancestors 'none'"
EVERY: tuple[Header, ...] = ((b"x-content-type-options", b"nosniff"),)
PAGE: tuple[Header, ...] = (
    (b"content-security-policy", PAGE_POLICY),
    *EVERY,
    (b"referrer-policy", b"same-origin"),  # with `no-referrer` browsers hide the origin of our own forms, too
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"browsing-topics=(), camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
DATA: tuple[Header, ...] = ((b"content-security-policy", DATA_POLICY), *EVERY, (b"referrer-policy", b"no-referrer"))
HSTS: Header = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
SAME_ORIGIN: Header = (b"cross-origin-resource-policy", b"same-origin")
CROSS_ORIGIN: Header = (b"cross-origin-resource-policy", b"cross-origin")
NO_STORE: Header = (b"cache-control", b"private, no-store")
PREFLIGHT: tuple[Header, ...] = (
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", b"Content-Type, Idempotency-Key, Ecrm-Choice"),
    (b"access-control-max-age", b"600"),
)
EXPOSED: Header = (b"access-control-expose-headers", b"Retry-After")


class Edges:
    """Wraps `app`; `site_origins` gives the origins of the policy in force, and is asked at each request."""

    def __init__(
        self,
        app: Application,
        *,
        own_origin: str,
        site_origins: Callable[[], Collection[str]],
        https: bool,
        body_deadline_s: float = BODY_DEADLINE_S,
        log_requests: bool = True,
    ) -> None:
        self._app = app
        self._own_origin = own_origin
        self._site_origins = site_origins
        self._body_deadline_s = body_deadline_s
        self._log_requests = log_requests
        hsts = (HSTS,) if https else ()
        self._page, self._data = (*PAGE, *hsts), (*DATA, *hsts)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection; what is not HTTP goes straight to the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        origin = headers.get(b"origin")
        site = origin if origin is not None and origin.decode("latin-1") in self._site_origins() else None
        answer = _Answer(self, scope, send, site)
        try:
            if site is not None and scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                await answer.preflight()
            else:
                await self._serve(scope, headers, receive, answer)
        except Exception as error:  # noqa: BLE001 -- the edge of a request: whatever it is, it is answered and logged by id
            await answer.problem(error, headers.get(b"accept", b"").decode("latin-1"))
        if self._log_requests:
            _log_request(scope, answer.status, perf_counter() - started)

    async def _serve(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, answer: "_Answer") -> None:
        if scope["method"] not in SAFE_METHODS and not scope["path"].startswith(CARRIES_ITS_RIGHT):
            self._check_origin(headers)
        if b"content-length" in headers or b"transfer-encoding" in headers:
            if scope["path"] in STREAMS:
                receive = _paced(receive, self._body_deadline_s)
            else:
                body = await self._take_in(scope["path"], headers, receive)
                if body is None:
                    return
                receive = _replayed(body, receive)
        if scope["method"] != "HEAD":
            await self._app(scope, receive, answer.send)
            return
        asked = {
            **scope,
            "method": "GET",
        }  # RFC 9110, 9.3.2: answered like a GET, without what would follow the headers
        try:
            await self._app(asked, receive, answer.send)
        finally:
            scope.update({**asked, "method": "HEAD"})

    def _check_origin(self, headers: dict[bytes, bytes]) -> None:
        """Refuse a write that a foreign page may have caused. Raises ForeignOrigin."""
        fetch_site = headers.get(b"sec-fetch-site")
        if fetch_site == b"cross-site":
            raise ForeignOrigin
        if headers.get(b"authorization", b"")[:7].lower() == b"bearer ":
            return
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin != self._own_origin and origin not in self._site_origins():
            raise ForeignOrigin

    async def _take_in(self, path: str, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
        """Return the whole body, or None if the client went away. Raises BodyTooLarge and BodyTooSlow."""
        most = ANSWER_BYTES_MAX if path in ANSWERS else BODY_BYTES_MAX
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > most:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._body_deadline_s):
                    await _drain(receive)
            raise BodyTooLarge
        try:
            async with asyncio.timeout(self._body_deadline_s):
                return await _read(receive, most)
        except TimeoutError:
            raise BodyTooSlow from None


class _Answer:
    """One response on its way out: puts on the headers of its class, and remembers its status."""

    __slots__ = ("_edges", "_place", "_scope", "_send", "_site", "status")

    def __init__(self, edges: Edges, scope: Scope, send: Send, site: bytes | None) -> None:
        self._edges = edges
        self._scope = scope
        self._send = send
        self._site = site
        self._place = CROSS_ORIGIN if _is_embedded(scope["path"]) else SAME_ORIGIN
        self.status = 0

    async def send(self, message: Message) -> None:
        """Pass a message on; the first one with headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._dressed(message.get("headers", ()))
        elif self._scope["method"] == "HEAD":
            message["body"] = b""
        await self._send(message)

    async def preflight(self) -> None:
        """Answer a preflight of a site's page."""
        await self.send({"type": "http.response.start", "status": 204, "headers": list(PREFLIGHT)})
        await self.send({"type": "http.response.body", "body": b""})

    async def problem(self, error: Exception, accept: str) -> None:
        """Answer an exception. Once a response has begun it can only be cut off, which the server does by itself."""
        status, headers, body = problems.answer(self._scope, error, accept)
        if self.status:
            return
        lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        lines.append((b"content-length", str(len(body)).encode()))
        await self.send({"type": "http.response.start", "status": status, "headers": lines})
        await self.send({"type": "http.response.body", "body": body})

    def _dressed(self, headers: Iterable[Header]) -> list[Header]:
        """Return the response's own headers and those of its class."""
        dressed: list[Header] = []
        caching: Header | None = None
        place = self._place
        is_page = has_policy = sets_cookie = False
        vary = b""
        for sent_name, value in headers:
            name = sent_name.lower()
            if name == b"content-type":
                is_page = value.startswith(b"text/html")
            elif name == b"set-cookie":
                sets_cookie = True
            elif name == b"content-security-policy":
                has_policy = True
            elif name == b"cache-control":
                caching = (name, value)
                continue
            elif name == b"vary":
                vary = vary + b", " + value if vary else value
                continue
            elif name == b"cross-origin-resource-policy":
                place = (name, value)
                continue
            elif name == b"access-control-allow-origin" and self._site is not None:
                continue  # the site's own follows; with two of them browsers load nothing
            dressed.append((name, value))
        of_class = self._edges._page if is_page else self._edges._data
        dressed.extend(of_class[1:] if has_policy else of_class)
        dressed.append(place)
        if caching is None or sets_cookie:  # what sets a cookie belongs to one person, whatever its handler thought
            caching = NO_STORE
            vary = _with(_with(vary, b"Cookie"), b"Sec-GPC")
        dressed.append(caching)
        dressed.append((b"vary", _with(vary, b"Origin")))
        if self._site is not None:
            dressed.append((b"access-control-allow-origin", self._site))
            dressed.append((b"access-control-allow-credentials", b"true"))
            dressed.append(EXPOSED)
        return dressed


def _is_embedded(path: str) -> bool:
    """Tell whether pages of other origins load this: the script under either name, and what it brings along."""
    return path == "/theme.css" or path.startswith("/static/") or (path.startswith("/ecrm.") and path.endswith(".js"))


def framed_by(origins: Iterable[str]) -> str:
    """Return the policy of a page that pages of these origins, and our own, may frame."""
    ancestors = " ".join(("frame-ancestors 'self'", *origins))
    return PAGE_POLICY.replace(NOT_FRAMED, ancestors.encode()).decode()


def _with(vary: bytes, name: bytes) -> bytes:
    if not vary:
        return name
    held = vary.lower()
    return vary if name.lower() in held.replace(b" ", b"").split(b",") or held == b"*" else vary + b", " + name


async def _read(receive: Receive, most: int) -> bytes | None:
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.disconnect":
        return None
    if not message.get("more_body", False) and len(body) <= most:
        return body
    pieces, length = [body], len(body)
    while message.get("more_body", False) and length <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        length += len(pieces[-1])
    if length > most:
        if message.get("more_body", False):
            await _drain(receive)
        raise BodyTooLarge
    return b"".join(pieces)


async def _drain(receive: Receive) -> None:
    """Read and drop the rest of a body, up to a limit."""
    dropped = 0
    while dropped < DRAINED_BYTES_MAX:
        message = await receive()
        dropped += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Give the application the body that was taken in, and after it what the connection says."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _paced(receive: Receive, deadline_s: float) -> Receive:
    """Give the application a stream of which each piece must arrive in time. Raises BodyTooSlow from `receive`."""
    done = False

    async def pace() -> Message:
        nonlocal done
        if done:
            return await receive()
        try:
            async with asyncio.timeout(deadline_s):
                message = await receive()
        except TimeoutError:
            raise BodyTooSlow from None
        done = not message.get("more_body", False)
        return message

    return pace


def _log_request(scope: Scope, status: int, took_s: float) -> None:
    method = scope["method"]
    log.info(
        "request",
        method=method if method in KNOWN_METHODS else "OTHER",
        path=scope.get("path_template", "-"),
        status=status,
        duration_ms=round(took_s * 1000, 2),
        **scope.get(problems.SCOPE_PROBLEM, {}),
    )
