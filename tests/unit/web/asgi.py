"""A client that calls an ASGI application directly, one event loop per request, without sockets or lifespan."""

import asyncio
from typing import Any

import httpx


class Client:
    """`Client(app).get("/path")` and its like return an `httpx.Response`; cookies are not kept."""

    def __init__(self, app: Any, base_url: str = "https://privacy.shop.example") -> None:
        self._app = app
        self._base_url = base_url

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Make one request; an exception that leaves the application fails the test."""

        async def once() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url=self._base_url) as client:
                return await client.request(method, path, **options)

        return asyncio.run(once())

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        """POST."""
        return self.request("POST", path, **options)
