"""The edge: every response has the headers of its class, every write comes from somewhere we know."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Litestar, MediaType, Request, Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath

from ecrm_privacy.web.edges import Edges
from ecrm_privacy.web.problems import handle
from tests.unit.web.asgi import Client

OWN, SHOP, EVIL = "https://privacy.shop.example", "https://shop.example", "https://evil.example"
HSTS = "max-age=31536000; includeSubDomains"


@get("/page", media_type=MediaType.HTML, sync_to_thread=False)
def page() -> str:
    return "<p>hello"


@get("/data/{name:str}", sync_to_thread=False)
def data(name: FromPath[str]) -> dict[str, str]:
    return {"name": name}


@get(["/ecrm.js", "/static/app.css"], sync_to_thread=False)
def script() -> Response[str]:
    return Response("1", media_type="text/javascript", headers={"cache-control": "public, max-age=60"})


@get("/own", sync_to_thread=False)
def own() -> Response[str]:
    headers = {"Content-Security-Policy": "sandbox", "Cache-Control": "public, max-age=5", "Vary": "Accept-Language"}
    return Response("x", media_type="text/html", headers=headers)


@get("/cookie", sync_to_thread=False)
def cookie() -> Response[str]:
    return Response("x", headers={"cache-control": "public"}, cookies=[Cookie(key="a", value="b")])


@get("/broken", sync_to_thread=False)
def broken() -> str:
    raise RuntimeError("ada@example.org")


@post(["/v1/answers", "/echo"], status_code=200)
async def echo(request: Request[Any, Any, Any]) -> dict[str, int]:
    return {"length": len(await request.body())}


@delete("/v1/session", sync_to_thread=False)
def leave() -> None:
    return None


APP = Litestar(
    [page, data, script, own, cookie, broken, echo, leave],
    exception_handlers={Exception: handle},
    openapi_config=None,
    logging_config=None,
)


def edges(*, https: bool = True) -> Edges:
    return Edges(APP, own_origin=OWN, site_origins=lambda: {SHOP}, https=https, log_requests=False)


@pytest.fixture
def client() -> Client:
    """A client of the wrapped application."""
    return Client(edges())


# headers of each class ------------------------------------------------------------------------------------------------


def test_a_page_runs_only_our_own_scripts_and_is_framed_by_nobody(client: Client) -> None:
    """No inline code, no nonce, no foreign source."""
    policy = client.get("/page").headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["object-src"] == rules["base-uri"] == "'none'"
    assert "unsafe" not in policy and "nonce" not in policy


@pytest.mark.parametrize("path", ["/page", "/data/x", "/ecrm.js", "/own", "/cookie", "/broken", "/nowhere"])
def test_every_response_has_what_every_response_needs(client: Client, path: str) -> None:
    """Also errors, and what was not found."""
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in {"same-origin", "no-referrer"}
    assert headers["strict-transport-security"] == HSTS
    assert headers["cross-origin-resource-policy"] == ("cross-origin" if path == "/ecrm.js" else "same-origin")
    assert "Origin" in headers["vary"] and "cache-control" in headers
    assert "server" not in headers and "etag" not in headers
    for name in ("content-security-policy", "cache-control", "vary", "content-type"):
        assert len(headers.get_list(name)) == 1, name


def test_a_page_is_isolated_from_other_windows_and_from_devices(client: Client) -> None:
    """COOP and Permissions-Policy belong to pages."""
    headers = client.get("/page").headers
    assert headers["cross-origin-opener-policy"] == "same-origin" and "camera=()" in headers["permissions-policy"]


def test_data_is_no_page(client: Client) -> None:
    """Opened in a window, an API response can load nothing."""
    headers = client.get("/data/x").headers
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "permissions-policy" not in headers


def test_over_plain_http_nothing_promises_https() -> None:
    """HSTS only where it is true."""
    assert "strict-transport-security" not in Client(edges(https=False)).get("/page").headers


def test_what_says_nothing_about_caching_is_stored_by_nobody(client: Client) -> None:
    """The default is private."""
    headers = client.get("/data/x").headers
    assert headers["cache-control"] == "private, no-store" and headers["vary"] == "Cookie, Sec-GPC, Origin"


def test_what_says_something_about_itself_keeps_it(client: Client) -> None:
    """Public things stay public, an export keeps its sandbox."""
    headers = client.get("/own").headers
    assert headers["cache-control"] == "public, max-age=5" and headers["vary"] == "Accept-Language, Origin"
    assert headers["content-security-policy"] == "sandbox"


def test_what_sets_a_cookie_is_never_public(client: Client) -> None:
    """A shared cache must not hand one person's cookie to the next."""
    headers = client.get("/cookie").headers
    assert headers["cache-control"] == "private, no-store" and "Cookie" in headers["vary"]


def test_headers_can_be_asked_for_alone(client: Client) -> None:
    """HEAD is answered like GET, header for header, without a body (RFC 9110, 9.3.2)."""
    got, headers = client.get("/page"), client.request("HEAD", "/page")
    assert (headers.status_code, headers.headers, headers.content) == (200, got.headers, b"")
    assert client.request("HEAD", "/nowhere").status_code == 404
    assert client.request("HEAD", "/echo").status_code == 405


def test_equal_content_is_equal_bytes(client: Client) -> None:
    """Two responses differ in nothing; the server adds Date."""
    one, two = client.get("/page"), client.get("/page")
    assert (one.content, one.headers.raw) == (two.content, two.headers.raw)


# where a write comes from ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": OWN},
        {"Origin": SHOP},
        {"Origin": SHOP, "Sec-Fetch-Site": "same-site"},
        {"Origin": OWN, "Sec-Fetch-Site": "same-origin"},
        {"Authorization": "Bearer k"},
        {"Authorization": "bearer k", "Origin": EVIL},
    ],
)
def test_a_write_from_where_we_know_is_taken(client: Client, headers: dict[str, str]) -> None:
    """Our own pages, the sites', and servers with a key; old browsers say nothing of Sec-Fetch-Site."""
    assert client.post("/echo", headers=headers, content=b"abc").json() == {"length": 3}
    assert client.request("DELETE", "/v1/session", headers=headers).status_code == 204


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "null", "Sec-Fetch-Site": "same-site"},
        {"Origin": SHOP, "Sec-Fetch-Site": "cross-site"},
        {"Origin": OWN, "Sec-Fetch-Site": "cross-site"},
        {"Authorization": "Bearer k", "Sec-Fetch-Site": "cross-site"},
        {"Authorization": "Basic eDp5"},
        {"Origin": SHOP + ".evil.example"},
        {"Origin": SHOP.replace("https", "http")},
        {"Origin": SHOP + ":8443"},
        {"Origin": SHOP.upper()},
        {"Referer": OWN + "/page"},
    ],
)
@pytest.mark.parametrize("path", ["/echo", "/v1/answers", "/nowhere"])
def test_a_write_from_anywhere_else_is_refused(client: Client, headers: dict[str, str], path: str) -> None:
    """Before routing, so that it tells nothing of what is there."""
    response = client.post(path, headers=headers, content=b"abc")
    assert response.status_code == 403 and response.json()["type"] == "/problems/foreign-origin"
    assert response.headers["content-type"] == "application/problem+json"


def test_reading_needs_no_origin(client: Client) -> None:
    """Following a link from anywhere is no write."""
    assert client.get("/page", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_origins_follow_the_policy_in_force() -> None:
    """A site that is added is let in by the next request, one that is dropped is not."""
    origins = {SHOP}
    client = Client(Edges(APP, own_origin=OWN, site_origins=lambda: origins, https=True, log_requests=False))
    assert client.post("/echo", headers={"Origin": EVIL}).status_code == 403
    origins = {EVIL}
    assert client.post("/echo", headers={"Origin": EVIL}).status_code == 200
    assert client.post("/echo", headers={"Origin": SHOP}).status_code == 403


# CORS -----------------------------------------------------------------------------------------------------------------


def preflight(client: Client, origin: str) -> Any:
    return client.request(
        "OPTIONS",
        "/v1/answers",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,idempotency-key,ecrm-choice",
        },
    )


def test_a_sites_page_may_ask_with_credentials(client: Client) -> None:
    """Exactly its origin, never a star."""
    headers = client.get("/data/x", headers={"Origin": SHOP}).headers
    assert headers["access-control-allow-origin"] == SHOP and headers["access-control-allow-credentials"] == "true"
    assert headers["access-control-expose-headers"] == "Retry-After"


def test_a_sites_page_can_read_problems_too(client: Client) -> None:
    """Also those the edge answers itself."""
    response = client.post("/echo", headers={"Origin": SHOP, "Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 403 and response.headers["access-control-allow-origin"] == SHOP


@pytest.mark.parametrize("origin", [EVIL, "null", OWN])
def test_no_other_page_is_told_anything(client: Client, origin: str) -> None:
    """No Access-Control header at all; but Vary, for shared caches."""
    headers = client.get("/ecrm.js", headers={"Origin": origin}).headers
    assert not [name for name in headers if name.startswith("access-control")] and headers["vary"] == "Origin"


def test_a_preflight_of_a_sites_page_allows_our_headers(client: Client) -> None:
    """Content type, idempotency and the choice of a browser; never Authorization."""
    response = preflight(client, SHOP)
    assert response.status_code == 204 and response.headers["access-control-allow-origin"] == SHOP
    allowed = response.headers["access-control-allow-headers"].lower().split(", ")
    assert {"content-type", "idempotency-key", "ecrm-choice"} == set(allowed)
    assert "PATCH" in response.headers["access-control-allow-methods"]


def test_a_preflight_of_another_page_allows_nothing(client: Client) -> None:
    """The browser then does not send the request."""
    assert not [name for name in preflight(client, EVIL).headers if name.startswith("access-control")]


# bodies ---------------------------------------------------------------------------------------------------------------

FROM_SHOP = {"Origin": SHOP}


async def in_pieces(length: int) -> AsyncIterator[bytes]:
    while length > 0:
        yield bytes(min(length, 1000))
        length -= 1000


@pytest.mark.parametrize(("path", "most"), [("/echo", 256 * 1024), ("/v1/answers", 32 * 1024)])
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_has_a_limit_whether_announced_or_not(client: Client, path: str, most: int, announced: bool) -> None:
    """Content-Length is believed when it is too much, and never when it is little."""

    def content(length: int) -> Any:
        return bytes(length) if announced else in_pieces(length)

    assert client.post(path, headers=FROM_SHOP, content=content(most)).json() == {"length": most}
    response = client.post(path, headers=FROM_SHOP, content=content(most + 1))
    assert response.status_code == 413 and response.json()["type"] == "/problems/body-too-large"


# failures -------------------------------------------------------------------------------------------------------------


def test_a_failure_inside_says_nothing_of_itself(client: Client) -> None:
    """A problem with an instance to quote; the exception's words stay inside."""
    response = client.get("/broken")
    assert response.status_code == 500 and response.json()["instance"].startswith("urn:uuid:")
    assert "ada" not in response.text and "RuntimeError" not in response.text


def test_a_person_gets_a_page(client: Client) -> None:
    """Browsers that ask for HTML get it, with a page's headers and without what was sent."""
    response = client.get("/no/ada@example.org", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert response.status_code == 404 and response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "Not found" in response.text and "ada" not in response.text
