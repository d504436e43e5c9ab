"""For machines and operators: health, problems explained, the script, Global Privacy Control."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ecrm_privacy.errors import NotKnown
from ecrm_privacy.policy.theme import stylesheet
from ecrm_privacy.web.hallway import AnyRequest, Hallway
from ecrm_privacy.web.pages import STATIC
from ecrm_privacy.web.problems import problem_page

GPC_SINCE = "2026-11-22"


class Health(msgspec.Struct, frozen=True):
    """What readiness looks at: each check returns None, or what is missing. Notes are for somebody to look at.

    A note does not take the service out: a "no" must find it.
    """

    checks: dict[str, Callable[[], Awaitable[str | None]]]
    notes: dict[str, Callable[[], Awaitable[str | None]]]


@get("/health/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@get("/health/ready")
async def ready(health: NamedDependency[Health]) -> Response[dict[str, Any]]:
    """The service can take answers; says what is missing where it cannot."""
    missing = {name: found for name, check in health.checks.items() if (found := await check()) is not None}
    notes = {name: found for name, note in health.notes.items() if (found := await note()) is not None}
    body: dict[str, Any] = {"status": "missing" if missing else "ready", "missing": missing, "notes": notes}
    return Response(body, status_code=503 if missing else 200)


@get("/problems/{name:str}", media_type=MediaType.HTML)
async def problem(name: FromPath[str]) -> Response[str]:
    """What a type of problem means and what to do about it."""
    return Response(problem_page(name), media_type=MediaType.HTML, headers={"Cache-Control": "public, max-age=3600"})


@get("/.well-known/gpc.json")
async def gpc() -> Response[dict[str, Any]]:
    """We honour Global Privacy Control."""
    return Response({"gpc": True, "lastUpdate": GPC_SINCE}, headers={"Cache-Control": "public, max-age=86400"})


class Script(msgspec.Struct, frozen=True):
    """The browser's script and its name by content."""

    body: bytes
    hashed_name: str


def read_script() -> Script:
    """Read `/ecrm.js` once."""
    body = (STATIC / "ecrm.js").read_bytes()
    return Script(body, f"ecrm.{hashlib.sha256(body).hexdigest()[:16]}.js")


SCRIPT_HEADERS = {"Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*"}


@get("/theme.css")
async def theme(request: AnyRequest, hallway: NamedDependency[Hallway]) -> Response[bytes]:
    """The look of a site: `site=`, or the first one. A page that shows our banner loads it, as our own pages do."""
    sites = hallway.bundle.sites
    named = request.query_params.get("site") or hallway.site(request)
    if named not in sites:
        raise NotKnown
    caching = {"Cache-Control": "public, max-age=300"}
    return Response(stylesheet(sites[named].theme).encode(), media_type="text/css", headers=caching)


@get("/ecrm.js")
async def script(embed: NamedDependency[Script]) -> Response[bytes]:
    """The script under its own name, cached for a short time."""
    return _script(embed, "public, max-age=300")


@get("/assets/{name:str}")
async def hashed_script(name: FromPath[str], embed: NamedDependency[Script]) -> Response[bytes]:
    """The script under the name of its content, cached for good."""
    if name != embed.hashed_name:
        raise NotKnown
    return _script(embed, "public, max-age=31536000, immutable")


def _script(embed: Script, caching: str) -> Response[bytes]:
    return Response(
        embed.body,
        media_type="text/javascript",
        headers={"Cache-Control": caching, **SCRIPT_HEADERS},
    )
