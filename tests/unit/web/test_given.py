"""What handlers ask for: made by plain calls where that is all it takes, and by the framework where it is not."""

import pytest
from litestar import Litestar, get
from litestar.di import NamedDependency, Provide
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from ecrm_privacy.web.given import Asked, made_plainly
from ecrm_privacy.web.hallway import Connection


def of_the_request(request: Connection) -> str:
    return str(request.url.path)


async def awaited(request: Connection) -> str:
    return str(request.url.path)


def of_nothing() -> str:
    return "/asked"


@pytest.mark.parametrize(
    ("provide", "plainly"),
    [
        (Provide(of_the_request, sync_to_thread=False), True),
        (Provide(awaited), False),
        (Provide(of_nothing, sync_to_thread=False), False),
    ],
)
def test_a_provider_of_any_kind_gives_what_is_asked_for(provide: Provide, plainly: bool) -> None:
    """A plugin may bring a dependency that waits, or that does not take the request; its handler answers as well."""

    @get("/asked", dependencies={"path": provide}, sync_to_thread=False)
    def handler(path: NamedDependency[str]) -> str:
        return path

    app = made_plainly(Litestar([handler], openapi_config=None))
    (route,) = app.routes
    assert isinstance(route, HTTPRoute)
    assert isinstance(route.route_handler_map["GET"][1], Asked) is plainly
    with TestClient(app) as client:
        assert client.get("/asked").text == "/asked"
