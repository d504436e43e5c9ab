"""Whose call it is: the hall answers what it renders, and the house the rest. Pure, but for passing on."""

import re
from collections.abc import Iterable

from ecrm_privacy.hatch.asking import Hatch
from ecrm_privacy.web.edges import Application, Message, Receive, Scope, Send

DESCRIPTION = "/schema"
_PART = re.compile(r"\{\w+:(\w+)\}")
_SLASHES = re.compile(r"/{2,}")


class Division:
    """Tells the house's paths from the hall's own. No path is of both.

    `paths` are the house's as the framework writes them, such as `/v1/receipts/{receipt_id:str}`.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = _pattern(paths)

    def is_of_house(self, path: str) -> bool:
        """Tell whether the house answers calls of this path."""
        if "//" in path:
            path = _SLASHES.sub("/", path)
        return self._paths.fullmatch(path) is not None


def _pattern(paths: Iterable[str]) -> re.Pattern[str]:
    """Match any of these paths, with or without a slash at the end."""
    each = [
        "".join(
            re.escape(part) if at % 2 == 0 else ("/?.+" if part == "path" else "[^/]+")
            for at, part in enumerate(_PART.split(path.rstrip("/")))
        )
        for path in sorted(paths)
    ]
    return re.compile(f"(?:{'|'.join(each)})/?" if each else r"(?!)")


class Divided:
    """The application of a hall: what is the house's goes through the hatch, all else to `rendering`.

    `describing` answers for both how they are called.
    """

    def __init__(self, division: Division, hatch: Hatch, rendering: Application, describing: Application) -> None:
        self._division = division
        self._hatch = hatch
        self._rendering = rendering
        self._describing = describing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            path = scope["path"]
            if self._division.is_of_house(path):
                await self._hatch.serve(scope, await _whole(receive), send)
                return
            if path.startswith(DESCRIPTION):
                await self._describing(scope, receive, send)
                return
        await self._rendering(scope, receive, send)


async def _whole(receive: Receive) -> bytes:
    """Return the body, which the edges have taken in already within its limits."""
    message: Message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
    return body
