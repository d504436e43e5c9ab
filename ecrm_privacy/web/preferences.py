"""The preferences page. It works without scripts.

The preferences may stand in a page of the shop, as a frame (`/preferences?embedded=1`): without our head and foot, for
pages of the site's origins alone, and whatever leads elsewhere leaves the frame.
"""

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from ecrm_privacy.consent.answer import SaidAnswer, answer_due, ways_back
from ecrm_privacy.consent.desk import ConsentDesk, Taken, Where, hash_token, nothing_more
from ecrm_privacy.consent.links import Links
from ecrm_privacy.consent.receipts import Receipts
from ecrm_privacy.consent.reception import OPENED, Reception
from ecrm_privacy.consent.standing import Standing, permissions, signalled
from ecrm_privacy.consent.visitor import answered_since
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.policy import choice
from ecrm_privacy.rights.deadline import answered_by
from ecrm_privacy.rights.desk import RightsDesk
from ecrm_privacy.rights.requests import Requests
from ecrm_privacy.vocabulary import RightKind
from ecrm_privacy.web import letter
from ecrm_privacy.web.answers import field_name, said_by_form, set_cookies
from ecrm_privacy.web.edges import framed_by
from ecrm_privacy.web.exercise import Asked, Exercise, answer_within
from ecrm_privacy.web.forms import back, form, is_uuid, own_key
from ecrm_privacy.web.hallway import AnyRequest, Hallway
from ecrm_privacy.web.pages import Pages
from ecrm_privacy.web.texts import texts
from ecrm_privacy.web.uses import by_month
from ecrm_privacy.words import writing
from ecrm_privacy.words.catalogue import filled


class Desks(msgspec.Struct, frozen=True):
    """What the preferences page needs of the house."""

    desk: ConsentDesk
    receipts: Receipts
    rights: RightsDesk
    links: Links
    requests: Requests
    exercise: Exercise
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
    permitted = permissions(standing, signals)
    due = answer_due(standing, signals, permitted)
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
        rows=letter.rows(shown, answered_since(standing), permitted, t),
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
        contact=bundle.sites[where.site].controller.contact,
        rights=letter.rights(
            standing,
            permitted,
            await desks.requests.mine(caller),
            answered_by(standing.today, answer_within(bundle, where)),
            where.locale,
            t,
        ),
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
    """Record a change, or do what is asked for, and show the page as it is now; with `return_to`, 303 back there."""
    reply: Response[Any]
    body = await request.body()
    fields = form(body)
    key = own_key(fields, body)
    if (right := fields.get("right", "")) in HERE:
        flash, turned = await HERE[right](desks, look(request, caller, signals, where), fields, key, body)
        signals = after(signals, turned, desks.hallway) if turned else signals
        reply = await _letter(desks, look(request, caller, signals, where), flash)
        if turned:
            set_cookies(reply, turned, desks.hallway, where)
        return reply
    said = desks.hallway.check_yes(request, caller, said_by_form(fields, desks.hallway.bundle, where))
    undo: list[SaidAnswer] = []
    count = reception.hear(said, signals, where, "form")

    def heard(before: Standing, made: Any) -> None:
        count(before, made)
        undo.extend(ways_back(before, signals, said, made))

    also = desks.exercise.also(key, RightKind.OBJECTION) if right == RightKind.OBJECTION else nothing_more
    taken = await desks.desk.take(caller, said, signals, where, idempotency_key=key, body=body, heard=heard, also=also)
    if "return_to" in fields:
        reply = Redirect(back(fields["return_to"], desks.hallway.site_origins()), status_code=303)
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


async def _restrict(
    desks: Desks, seen: Look, _fields: Mapping[str, str], key: str, body: bytes
) -> tuple[dict[str, Any], Taken | None]:
    asked = Asked(RightKind.RESTRICTION)
    done = await desks.exercise.ask(asked, seen.caller, seen.signals, seen.where, idempotency_key=key, body=body)
    return _turned(seen, "restricted_done", done.taken), done.taken


async def _lift(
    desks: Desks, seen: Look, _fields: Mapping[str, str], key: str, body: bytes
) -> tuple[dict[str, Any], Taken | None]:
    taken = await desks.exercise.lift(seen.caller, seen.signals, seen.where, idempotency_key=key, body=body)
    return _turned(seen, "lifted_done", taken), taken


async def _correct(
    desks: Desks, seen: Look, fields: Mapping[str, str], key: str, body: bytes
) -> tuple[dict[str, Any], Taken | None]:
    text = fields.get("text", "").replace("\r\n", "\n")  # a form counts the end of a line as one
    asked = Asked(RightKind.RECTIFICATION, text=text)
    done = await desks.exercise.ask(asked, seen.caller, seen.signals, seen.where, idempotency_key=key, body=body)
    t, locale = texts(seen.where.locale), seen.where.locale
    day = writing.day(done.made.expected_by, locale)
    return {"text": filled(t, "asked_done", day=day), "request_url": f"/requests/{done.made.request_id}"}, None


async def _withdraw(
    desks: Desks, seen: Look, fields: Mapping[str, str], _key: str, _body: bytes
) -> tuple[dict[str, Any], Taken | None]:
    request_id = is_uuid(fields.get("request", ""))
    told, taken = await desks.exercise.take_back(request_id, seen.caller, seen.signals, seen.where)
    said = "lifted_done" if taken else "taken_back_done"
    return {"text": texts(seen.where.locale)[said], "request_url": f"/requests/{told.row.request_id}"}, taken


def _turned(seen: Look, said: str, taken: Taken | None) -> dict[str, Any]:
    assert taken is not None, "a restriction is an entry"
    return {"text": texts(seen.where.locale)[said], "receipt_url": f"/receipts/{taken.receipt_id}"}


HERE = {"restriction": _restrict, "lift": _lift, "rectification": _correct, "withdraw": _withdraw}
"""What is done about rights without leaving the page, by what its button says."""


def after(signals: Signals, taken: Taken, hallway: Hallway) -> Signals:
    """Return the signals as this browser will send them from now on."""
    made = choice.parse(hallway.bundle, taken.choice)
    closed = made.no_here if made else signals.closed
    return msgspec.structs.replace(
        signals, closed=closed, closed_all=False, answered=made.notice if made else signals.answered
    )
