"""Our own pages: preferences, a request, the copy of one's data. All work without scripts.

The preferences may stand in a page of the shop, as a frame (`/preferences?embedded=1`): without our head and foot, for
pages of the site's origins alone, and whatever leads elsewhere leaves the frame.
"""

import secrets
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from ecrm_privacy.consent.answer import SaidAnswer, answer_due, ways_back
from ecrm_privacy.consent.desk import ConsentDesk, Taken, Where, hash_token
from ecrm_privacy.consent.links import Links
from ecrm_privacy.consent.receipts import Receipts
from ecrm_privacy.consent.reception import OPENED, Reception
from ecrm_privacy.consent.standing import Standing, permissions, signalled
from ecrm_privacy.consent.visitor import answered_since
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.policy import choice
from ecrm_privacy.rights.desk import ANSWER_WITHIN, RightsDesk
from ecrm_privacy.vocabulary import RightKind
from ecrm_privacy.web import letter
from ecrm_privacy.web.answers import field_name, said_by_form, set_cookies
from ecrm_privacy.web.edges import framed_by
from ecrm_privacy.web.forms import back, form, is_uuid, own_key
from ecrm_privacy.web.hallway import AnyRequest, Hallway
from ecrm_privacy.web.pages import Pages
from ecrm_privacy.web.texts import texts
from ecrm_privacy.web.uses import by_month
from ecrm_privacy.words import writing


class Desks(msgspec.Struct, frozen=True):
    """What the preferences page needs of the house."""

    desk: ConsentDesk
    receipts: Receipts
    rights: RightsDesk
    links: Links
    hallway: Hallway
    pages: Pages
    view: str = ""
    """Where people see what a plugin makes of them; empty where none does."""


class Look(msgspec.Struct, frozen=True):
    """One look at the preferences: who, under which signals, where, and the address, which answers are posted to."""

    caller: Caller
    signals: Signals
    where: Where
    address: str
    embedded: bool


def look(request: AnyRequest, caller: Caller, signals: Signals, where: Where) -> Look:
    """Return who looks; the address keeps what was asked for by name, so that an answer changes nothing of it."""
    asked = {"embedded": "1", "site": where.site, "locale": where.locale}
    kept = urlencode({name: value for name, value in asked.items() if name in request.query_params})
    address = f"/preferences?{kept}" if kept else "/preferences"
    return Look(caller, signals, where, address, request.query_params.get("embedded") == "1")


async def _letter(desks: Desks, seen: Look, flash: Any = None, reception: Reception | None = None) -> Response[str]:
    """Render the page; `reception` counts that the notice was opened, for somebody who owes an answer."""
    caller, signals, where = seen.caller, seen.signals, seen.where
    standing = await desks.desk.standing(caller)
    due = answer_due(standing, signals)
    if due and reception is not None:
        reception.met(standing.bundle, where, "form", OPENED)
    bundle, t = standing.bundle, texts(where.locale)
    shown = desks.desk.notice(bundle, where.site, where.locale, where.jurisdiction)
    profile = await desks.rights.profile(caller)
    reply = desks.pages.page(
        "preferences.html",
        t=t,
        locale=where.locale,
        notice=shown.notice,
        rows=letter.rows(shown, answered_since(standing), permissions(standing, signals), t),
        known=letter.known(bundle, where.locale, profile, t),
        used=by_month(await desks.rights.uses(caller), bundle, where.locale, t),
        receipts=letter.acts(await desks.receipts.mine(standing), bundle, where.locale, t),
        flash=flash,
        gpc=signalled(standing, signals),
        signed_in={"name": profile.get("contact", {}).get("name", "—")} if standing.account else None,
        idempotency_key=secrets.token_urlsafe(24),
        answer_due=due,
        address=seen.address,
        embedded=seen.embedded,
        view=desks.view,
        due_text=writing.day(standing.today + ANSWER_WITHIN, where.locale),
        contact=bundle.sites[where.site].controller.contact,
    )
    if seen.embedded:
        reply.headers["Content-Security-Policy"] = framed_by(desks.hallway.origins_of(where.site))
    return reply


@get("/preferences")
async def preferences(
    request: AnyRequest,
    desks: NamedDependency[Desks],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
    reception: NamedDependency[Reception],
) -> Response[str]:
    """What we do with your data, and your say about each of it."""
    seen = look(request, caller, signals, where)
    # A frame of the account page was opened by nobody.
    return await _letter(desks, seen, reception=None if seen.embedded else reception)


@post("/preferences", status_code=200)
async def prefer(
    request: AnyRequest,
    desks: NamedDependency[Desks],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
    reception: NamedDependency[Reception],
) -> Response[Any]:
    """Record a change and show the page as it is now; with `return_to`, 303 back there."""
    body = await request.body()
    fields = form(body)
    key = own_key(fields, body)
    said = desks.hallway.check_yes(request, caller, said_by_form(fields, desks.hallway.bundle, where))
    undo: list[SaidAnswer] = []
    count = reception.hear(said, signals, where, "form")

    def heard(before: Standing, made: Any) -> None:
        count(before, made)
        undo.extend(ways_back(before, signals, said, made))

    taken = await desks.desk.take(caller, said, signals, where, idempotency_key=key, body=body, heard=heard)
    if "return_to" in fields:
        reply: Response[Any] = Redirect(back(fields["return_to"], desks.hallway.site_origins()), status_code=303)
    else:
        caller = Caller(hash_token(taken.session_token)) if taken.session_token else caller
        flash = {
            "text": texts(where.locale)["saved"],
            "receipt_url": f"/receipts/{taken.receipt_id}",
            "undo": [{"name": field_name(answer), "value": str(answer.answer)} for answer in undo],
        }
        seen = look(request, caller, after(signals, taken, desks.hallway), where)
        reply = await _letter(desks, seen, flash)
    set_cookies(reply, taken, desks.hallway, where)
    return reply


def after(signals: Signals, taken: Taken, hallway: Hallway) -> Signals:
    """Return the signals as this browser will send them from now on."""
    made = choice.parse(hallway.bundle, taken.choice)
    closed = made.no_here if made else signals.closed
    return msgspec.structs.replace(
        signals, closed=closed, closed_all=False, answered=made.notice if made else signals.answered
    )


@post("/preferences/rights", status_code=303)
async def exercise(
    request: AnyRequest,
    desks: NamedDependency[Desks],
    caller: NamedDependency[Caller],
    where: NamedDependency[Where],
) -> Response[Any]:
    """The buttons "download my data" and "delete me"."""
    body = await request.body()
    fields = form(body)
    right = RightKind.ERASURE if fields.get("right") == "erasure" else RightKind.ACCESS
    never_contact = right is RightKind.ERASURE and fields.get("never_contact") == "yes"
    made = await desks.rights.request(
        caller, right, idempotency_key=own_key(fields, body), body=body, never_contact=never_contact
    )
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
    request_id: FromPath[str], desks: NamedDependency[Desks], where: NamedDependency[Where]
) -> Response[str]:
    """How a request stands."""
    row = await desks.rights.status(is_uuid(request_id))
    t = texts(where.locale)
    words = {
        "title": t[f"right_{row.kind}"],
        "status_text": t[f"request_{row.status}"],
        "received_text": writing.day(row.received, where.locale),
        "due_text": writing.day(row.expected_by, where.locale),
        "export_url": f"/requests/{request_id}/copy" if row.kind == RightKind.ACCESS else "",
        "certificate": letter.certificate(row.certificate, where.locale) if row.certificate else None,
    }
    return desks.pages.page("rights.html", t=t, locale=where.locale, rights_request=words)


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
