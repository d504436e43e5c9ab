"""The rights surface: ask for a copy, an end, a correction, a stop; see how it stands, and take it back."""

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from ecrm_privacy.consent.desk import Where
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.rights.desk import RightsDesk
from ecrm_privacy.rights.requests import Requests, Told
from ecrm_privacy.web.answers import set_cookies
from ecrm_privacy.web.exercise import Asked, Exercise
from ecrm_privacy.web.forms import is_uuid
from ecrm_privacy.web.hallway import AnyRequest, Hallway, decode, idempotency_key


class StepReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a request's history."""

    status: str
    on: date | None = None


class RequestReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request as its maker sees it; `certificate` once an erasure is done.

    `text` and `reason` are for the session of who made it alone.
    """

    request_id: UUID
    status: str
    expected_by: date
    verification: str | None = None
    right: str | None = None
    received: date | None = None
    history: tuple[StepReply, ...] = ()
    text: str = ""
    reason: str = ""
    certificate: Any = None
    suppressed: int | None = None


@post("/v1/rights-requests", status_code=201)
async def request_right(
    request: AnyRequest,
    exercise: NamedDependency[Exercise],
    hallway: NamedDependency[Hallway],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Response[RequestReply]:
    """Exercise a right, as the subject that this session knows; a no needs no session."""
    body = await request.body()
    key = idempotency_key(request.headers.get("idempotency-key"))
    asked = decode(body, Asked)
    done = await exercise.ask(asked, caller, signals, where, idempotency_key=key, body=body)
    made = done.made
    told = RequestReply(made.request_id, made.status, made.expected_by, made.verification)
    if asked.never_contact:
        told = msgspec.structs.replace(told, suppressed=made.suppressed)
    reply = Response(told, status_code=201)
    if done.taken is not None:
        set_cookies(reply, done.taken, hallway, where)
    if made.erased:
        reply.set_cookie(hallway.no_session())
        reply.set_cookie(hallway.choice("", where.site))
    return reply


@get("/v1/rights-requests/{request_id:str}")
async def request_status(
    request_id: FromPath[str], requests: NamedDependency[Requests], caller: NamedDependency[Caller]
) -> RequestReply:
    """Say how a request stands; its name is all that is needed, because an erased subject has no session."""
    return _told(await requests.of(is_uuid(request_id), caller))


@delete("/v1/rights-requests/{request_id:str}", status_code=200)
async def take_back(
    request_id: FromPath[str],
    exercise: NamedDependency[Exercise],
    hallway: NamedDependency[Hallway],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Response[RequestReply]:
    """Take back a request that is open, or lift a restriction."""
    told, taken = await exercise.take_back(is_uuid(request_id), caller, signals, where)
    reply = Response(_told(told))
    if taken is not None:
        set_cookies(reply, taken, hallway, where)
    return reply


def _told(told: Told) -> RequestReply:
    row = told.row
    return RequestReply(
        row.request_id,
        row.status,
        row.expected_by,
        right=row.kind,
        received=row.received,
        history=tuple(StepReply(step.status, step.on) for step in told.history),
        text=told.wording,
        reason=told.reason,
        certificate=msgspec.json.decode(row.certificate) if row.certificate else None,
    )


@get("/v1/rights-requests/{request_id:str}/export")
async def export(
    request_id: FromPath[str], rights: NamedDependency[RightsDesk], caller: NamedDependency[Caller]
) -> Response[dict[str, Any]]:
    """Hand over everything we have about the subject that asked."""
    package = await rights.export(is_uuid(request_id), caller)
    return Response(package, headers={"Content-Disposition": 'attachment; filename="my-data.json"'})
