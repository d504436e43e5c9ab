"""The rights surface: ask for everything, or for an end to everything."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from ecrm_privacy.errors import Malformed
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.rights.desk import RightsDesk
from ecrm_privacy.vocabulary import RightKind
from ecrm_privacy.web.forms import is_uuid
from ecrm_privacy.web.hallway import AnyRequest, Hallway, decode, idempotency_key


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/rights-requests`."""

    right: RightKind
    never_contact: bool = False
    """With an erasure: keep hashes of the addresses, so that they are not contacted when they are brought again."""


class RequestReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request as its maker sees it; `certificate` once an erasure is done."""

    request_id: UUID
    status: str
    expected_by: str
    verification: str | None = None
    right: str | None = None
    received: str | None = None
    certificate: Any = None
    suppressed: int | None = None


@post("/v1/rights-requests", status_code=201)
async def request_right(
    request: AnyRequest,
    rights: NamedDependency[RightsDesk],
    hallway: NamedDependency[Hallway],
    caller: NamedDependency[Caller],
) -> Response[RequestReply]:
    """Ask for access or erasure, as the subject that this session knows."""
    body = await request.body()
    key = idempotency_key(request.headers.get("idempotency-key"))
    asked = decode(body, Asked)
    if asked.never_contact and asked.right is not RightKind.ERASURE:
        raise Malformed("never_contact belongs to an erasure")
    made = await rights.request(caller, asked.right, idempotency_key=key, body=body, never_contact=asked.never_contact)
    told = RequestReply(made.request_id, made.status, made.expected_by.isoformat(), made.verification)
    if asked.never_contact:
        told = msgspec.structs.replace(told, suppressed=made.suppressed)
    reply = Response(told, status_code=201)
    if made.erased:
        reply.set_cookie(hallway.no_session())
        reply.set_cookie(hallway.choice("", hallway.site(request)))
    return reply


@get("/v1/rights-requests/{request_id:str}")
async def request_status(request_id: FromPath[str], rights: NamedDependency[RightsDesk]) -> RequestReply:
    """Say how a request stands; its name is all that is needed, because an erased subject has no session."""
    row = await rights.status(is_uuid(request_id))
    return RequestReply(
        row.request_id,
        row.status,
        row.expected_by.isoformat(),
        right=row.kind,
        received=row.received.isoformat(),
        certificate=msgspec.json.decode(row.certificate) if row.certificate else None,
    )


@get("/v1/rights-requests/{request_id:str}/export")
async def export(
    request_id: FromPath[str], rights: NamedDependency[RightsDesk], caller: NamedDependency[Caller]
) -> Response[dict[str, Any]]:
    """Hand over everything we have about the subject that asked."""
    package = await rights.export(is_uuid(request_id), caller)
    return Response(package, headers={"Content-Disposition": 'attachment; filename="my-data.json"'})
