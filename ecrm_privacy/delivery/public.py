"""Reads what a service elsewhere shows to everybody, over HTTP, and no more of it than was expected.

Each reply has one time limit for all of it and one for its length, is taken as it comes (no redirect, no compression),
and is asked for again twice when the service is away or busy.
"""

import asyncio
from ipaddress import ip_address
from types import TracebackType
from typing import Self

import httpx

from ecrm_privacy.errors import NotKnown, StartRefused, Tampered, Unavailable

REPLY_S = 10.0
PAUSES_S = (0.5, 2.0)
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "ecrm"}
_BUSY = 429


class Elsewhere:
    """A service at the base address `url`. Raises StartRefused unless it is https, or http on this machine."""

    def __init__(self, url: str, *, reply_s: float = REPLY_S, pauses_s: tuple[float, ...] = PAUSES_S) -> None:
        self._base = checked(url)
        self._reply_s, self._pauses_s = reply_s, pauses_s
        self._client = httpx.AsyncClient(timeout=reply_s, follow_redirects=False, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        await self._client.aclose()

    async def get(self, path: str, bytes_most: int) -> bytes:
        """Return the reply to GET of `path` below the base address.

        Raises NotKnown for a 404 or 410, Tampered for a reply of more than `bytes_most`, Unavailable for all else.
        """
        for pause_s in (*self._pauses_s, None):
            try:
                async with asyncio.timeout(self._reply_s):
                    return await self._get(path, bytes_most)
            except (Unavailable, TimeoutError, httpx.HTTPError) as problem:
                if pause_s is None:
                    reason = problem if isinstance(problem, Unavailable) else "it does not answer in time or at all"
                    raise Unavailable(f"{self._base}/{path}: {reason}") from None
            await asyncio.sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    async def _get(self, path: str, bytes_most: int) -> bytes:
        found = bytearray()
        async with self._client.stream("GET", f"{self._base}/{path}", headers=_HEADERS) as reply:
            if reply.status_code in (404, 410):
                raise NotKnown(f"{path} is not there")
            if reply.status_code != 200 or "content-encoding" in reply.headers:
                raise Unavailable(f"it answers with status {reply.status_code}")
            async for chunk in reply.aiter_raw():
                found += chunk
                if len(found) > bytes_most:
                    raise Tampered("the reply is longer than it can be")
        return bytes(found)


def checked(url: str) -> str:
    """Return a base address without a slash at its end; raises StartRefused unless nobody on the way can alter it."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        raise StartRefused("the service's address is not a URL") from None
    if parts.query or parts.fragment or parts.userinfo or not parts.host:
        raise StartRefused("the service's address is a base address, without query and user")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(parts.host)):
        raise StartRefused("the service's address must be https (or http on this machine)")
    return str(parts).rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
