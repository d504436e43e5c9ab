"""The pages of one's rights: the buttons "download my data" and "delete me", a request, the copy of one's data.

All work without scripts.
"""

import secrets
from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from ecrm_privacy.consent.desk import Where
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.vocabulary import RightKind
from ecrm_privacy.web import letter
from ecrm_privacy.web.exercise import Asked
from ecrm_privacy.web.forms import form, is_uuid, own_key
from ecrm_privacy.web.hallway import AnyRequest
from ecrm_privacy.web.preferences import Desks
from ecrm_privacy.web.texts import texts
from ecrm_privacy.words import writing


@post("/preferences/rights", status_code=303)
async def exercise(
    request: AnyRequest,
    desks: NamedDependency[Desks],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Response[Any]:
    """The buttons "download my data" and "delete me"."""
    body = await request.body()
    fields = form(body)
    right = RightKind.ERASURE if fields.get("right") == "erasure" else RightKind.ACCESS
    never_contact = right is RightKind.ERASURE and fields.get("never_contact") == "yes"
    asked = Asked(right, never_contact)
    key = own_key(fields, body)
    made = (await desks.exercise.ask(asked, caller, signals, where, idempotency_key=key, body=body)).made
    if not made.erased:
        return Redirect(f"/requests/{made.request_id}/copy", status_code=303)
    return gone(desks, where, erased=True, request_url=f"/requests/{made.request_id}")


def gone(desks: Desks, where: Where, *, erased: bool, request_url: str = "") -> Response[str]:
    """The last page of a session: our cookies go with it."""
    reply = desks.pages.page(
        "erased.html", t=texts(where.locale), locale=where.locale, erased=erased, request_url=request_url
    )
    reply.status_code = 200
    reply.set_cookie(desks.hallway.no_session())
    reply.set_cookie(desks.hallway.choice("", where.site))
    return reply


@post("/preferences/forget", status_code=200)
async def forget(
    desks: NamedDependency[Desks], caller: NamedDependency[Caller], where: NamedDependency[Where]
) -> Response[str]:
    """Forget this browser: sign out, and erase what only its cookie can reach."""
    await desks.rights.forget_browser(caller)
    await desks.links.sign_out(caller)
    return gone(desks, where, erased=False)


@get("/requests/{request_id:str}")
async def request_page(
    request_id: FromPath[str],
    desks: NamedDependency[Desks],
    caller: NamedDependency[Caller],
    where: NamedDependency[Where],
) -> Response[str]:
    """How a request stands."""
    told = await desks.requests.of(is_uuid(request_id), caller)
    t = texts(where.locale)
    words, key = letter.request(told, where.locale, t), secrets.token_urlsafe(24)
    return desks.pages.page("rights.html", t=t, locale=where.locale, rights_request=words, idempotency_key=key)


@get("/requests/{request_id:str}/copy")
async def copy_page(
    request_id: FromPath[str],
    desks: NamedDependency[Desks],
    caller: NamedDependency[Caller],
    where: NamedDependency[Where],
) -> Response[str]:
    """The copy of one's data, to read."""
    package = await desks.rights.export(is_uuid(request_id), caller)
    t = texts(where.locale)
    words = {
        "day_text": writing.day_of(package["made"], where.locale),
        "json_url": f"/v1/rights-requests/{request_id}/export",
        "sections": letter.sections(package, desks.hallway.bundle, where.locale, t),
    }
    return desks.pages.page("export.html", t=t, locale=where.locale, export=words)
