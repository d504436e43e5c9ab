"""What handlers ask for by name: long-lived objects, and what each request brings along. One plain call makes each."""

from typing import Any

from litestar import Litestar
from litestar._kwargs.cleanup import DependencyCleanupGroup
from litestar._kwargs.kwargs_model import KwargsModel
from litestar.di import Provide
from litestar.routes import HTTPRoute

from ecrm_privacy.web.hallway import Connection


def given(value: Any) -> Provide:
    """Offer a long-lived object to handlers."""

    def provide(request: Connection) -> Any:
        return value

    return Provide(provide, sync_to_thread=False)


class Asked(KwargsModel):
    """What a handler asks for, made from its request by one plain call each, in an order that is always the same.

    The framework starts a task for each that needs nothing of another, and parses what it hands to it. None of ours
    ever waits or needs anything but the request: that cost a quarter of a slot's time and brought nothing (benchmarks:
    served).
    """

    __slots__ = ()

    async def resolve_dependencies(self, connection: Connection, kwargs: dict[str, Any]) -> DependencyCleanupGroup:
        """Put what is asked for into `kwargs`."""
        for batch in self.dependency_batches:
            for one in batch:
                kwargs[one.key] = one.provide.dependency(connection)
        return DependencyCleanupGroup()


def made_plainly(app: Litestar) -> Litestar:
    """Let what the handlers of `app` ask for be made by plain calls, where that is all that their providers need."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for _, asked in route.route_handler_map.values():
                made = [one for batch in asked.dependency_batches for one in sorted(batch, key=lambda one: one.key)]
                if all(_is_plain(one.provide) for one in made):
                    asked.__class__ = Asked
                    asked.dependency_batches = [{one} for one in made]
    return app


def _is_plain(provide: Provide) -> bool:
    """Tell whether a provider takes the request and returns what is asked for; a plugin's own may do otherwise."""
    generates = provide.has_sync_generator_dependency or provide.has_async_generator_dependency
    return provide.has_sync_callable and not generates and set(provide.signature_model._fields) == {"request"}
