"""Every call, by who answers it, and how they become an application.

`OPEN` needs nothing of the house; `AT_THE_DOORS` needs desks, keys or the log; what plugins render is theirs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_type_hints

import msgspec
from litestar import Litestar
from litestar.datastructures import CacheControlHeader
from litestar.di import Dependency, Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.static_files import create_static_files_router
from litestar.types import ControllerRouterHandler

from ecrm_privacy.hall import Hall
from ecrm_privacy.web import (
    answers,
    banner,
    channels,
    ledger,
    operations,
    preferences,
    receipts,
    requests,
    rights,
    schema,
    servers,
    session,
    signals,
    uses,
    view,
)  # fmt: skip
from ecrm_privacy.web.edges import Application, Edges
from ecrm_privacy.web.given import given, made_plainly
from ecrm_privacy.web.hallway import Hallway
from ecrm_privacy.web.pages import STATIC
from ecrm_privacy.web.problems import handle

STATIC_AGE_S = 300
PER_REQUEST = ("caller", "signals", "locale", "where")
"""What each request brings along; the hallway makes it."""

OPEN: tuple[ControllerRouterHandler, ...] = (
    operations.live, operations.problem, operations.gpc, operations.theme, operations.script, operations.hashed_script,
    signals.signals_script, banner.banner_form, banner.banner_page,
)  # fmt: skip
AT_THE_DOORS: tuple[ControllerRouterHandler, ...] = (
    answers.notice, answers.answer, answers.permitted, answers.my_receipts, answers.receipt,
    session.sign_in, session.sign_out,
    servers.put_subject, servers.answer_elsewhere, servers.subject_permissions, servers.check_access,
    rights.request_right, rights.request_status, rights.take_back, rights.export, uses.my_uses,
    view.my_view, view.change_view, view.wish,
    preferences.preferences, preferences.prefer, requests.exercise, requests.forget,
    requests.request_page, requests.copy_page, receipts.receipt_page, receipts.check_page, receipts.check_file,
    receipts.own_receipt_page,
    channels.confirm_page, channels.confirm, channels.unsubscribe_page, channels.unsubscribe, channels.sign_up_page,
    channels.sign_up, channels.push_key, channels.inbound_sms,
    ledger.key, ledger.checkpoint, ledger.tile, ledger.statement, operations.ready,
)  # fmt: skip


def rendered(hall: Hall) -> list[ControllerRouterHandler]:
    """Return what a hall serves by itself: its plugins' calls, and what never changes."""
    static = create_static_files_router(
        path="/static",
        directories=[STATIC, *(folder for plugin in hall.plugins for folder in plugin.static)],
        cache_control=CacheControlHeader(public=True, max_age=STATIC_AGE_S),
        include_in_schema=False,
    )
    return [static, *(handler for plugin in hall.plugins for handler in plugin.route_handlers)]


def described(hall: Hall) -> OpenAPIConfig:
    """Return how the whole service describes itself."""
    return schema.config([schema.HOUSE, *(plugin.surface for plugin in hall.plugins)])


def fields(of: msgspec.Struct) -> dict[str, Any]:
    """Return what a handler may ask for by its name."""
    return {name: getattr(of, name) for name in of.__struct_fields__}


def application(
    handlers: Sequence[ControllerRouterHandler],
    own: Mapping[str, Any],
    hallway: Hallway,
    description: OpenAPIConfig | None,
) -> Litestar:
    """Make an application of `handlers`, who may ask for what is their `own` and for what each request brings along."""
    dependencies = {name: given(value) for name, value in own.items()}
    for name in PER_REQUEST:
        dependencies[name] = Provide(getattr(hallway, name), sync_to_thread=False)
    return made_plainly(
        Litestar(
            route_handlers=list(handlers),
            dependencies=dependencies,
            exception_handlers={Exception: handle},
            openapi_config=description,
            request_max_body_size=None,
            logging_config=None,
        )
    )


def asked_for(handlers: Sequence[ControllerRouterHandler]) -> set[str]:
    """Return the names of what handlers ask for."""
    return {
        name
        for handler in handlers
        if isinstance(handler, HTTPRouteHandler)
        for name, hint in get_type_hints(handler.fn, include_extras=True).items()
        if any(isinstance(mark, Dependency) for mark in getattr(hint, "__metadata__", ()))
    }


def paths_of(app: Litestar) -> tuple[str, ...]:
    """Return the paths of an application, as the framework writes them."""
    return tuple(sorted(route.path for route in app.routes if isinstance(route, HTTPRoute)))


def edged(app: Application, hall: Hall) -> Edges:
    """Put the edges around an application."""
    return Edges(
        app,
        own_origin=hall.config.origin,
        site_origins=hall.hallway.site_origins,
        https=hall.config.is_https,
        log_requests=not hall.config.demo,
    )
