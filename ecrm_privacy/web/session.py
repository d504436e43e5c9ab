"""Signing in with the shop's token, and out."""

from typing import Any

import msgspec
from litestar import Response, delete, post
from litestar.di import NamedDependency

from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.links import Links
from ecrm_privacy.consent.standing import PermissionRow
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.rights.desk import RightsDesk
from ecrm_privacy.vocabulary import NoticeVersion
from ecrm_privacy.web.hallway import AnyRequest, Hallway, decode
from ecrm_privacy.web.tokens import SignInTokens


class TokenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/session`."""

    token: str


class SessionReply(msgspec.Struct, frozen=True):
    """What is permitted in the new session."""

    permissions: tuple[PermissionRow, ...]
    answer_due: bool


@post("/v1/session", status_code=201)
async def sign_in(
    request: AnyRequest,
    links: NamedDependency[Links],
    rights: NamedDependency[RightsDesk],
    tokens: NamedDependency[SignInTokens],
    hallway: NamedDependency[Hallway],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Response[SessionReply]:
    """Exchange a shop's token for a session. The cookie is always a new one."""
    body = decode(await request.body(), TokenBody)
    reply, _ = await open_session(body.token, links, rights, tokens, hallway, caller, signals, where)
    return reply


async def open_session(
    token: str,
    links: Links,
    rights: RightsDesk,
    tokens: SignInTokens,
    hallway: Hallway,
    caller: Caller,
    signals: Signals,
    where: Where,
) -> tuple[Response[SessionReply], str]:
    """Sign in; returns the reply with its cookies, and the session's token.

    Where somebody else is signed in, they are signed out: the next one at a shared device starts a new browser.
    """
    site = hallway.bundle.sites[where.site]
    notice = NoticeVersion(hallway.bundle.current_notice(site.notice).name)
    verified, before = tokens.verify(token, where.site, site.token), Caller()
    if await links.is_anothers(caller, verified.customer_number):
        before, caller, signals = caller, Caller(), Signals(signals.regime, signals.gpc, elsewhere=signals.elsewhere)
    made = await links.sign_in(verified, caller, signals, notice, where)
    if before.token_hash is not None:  # only now: a token that is refused signs nobody out
        await rights.forget_browser(before)
        await links.sign_out(before)
    reply = Response(SessionReply(made.permissions, made.answer_due), status_code=201)
    reply.set_cookie(hallway.session(made.session_token))
    reply.set_cookie(hallway.choice(made.choice, where.site))
    return reply, made.session_token


@delete("/v1/session", status_code=200)
async def sign_out(
    request: AnyRequest,
    links: NamedDependency[Links],
    rights: NamedDependency[RightsDesk],
    hallway: NamedDependency[Hallway],
    caller: NamedDependency[Caller],
) -> Response[dict[str, Any]]:
    """Sign out: a new, unknown browser from now on. With `forget=true` also for a browser that never signed in.

    What only this browser's cookie can reach is erased with it, because nobody could take it back afterwards.
    """
    forget = request.query_params.get("forget") == "true"
    if not forget and not await links.is_signed_in(caller):
        return Response({"signed_out": False, "forgotten": False})
    await rights.forget_browser(caller)
    await links.sign_out(caller)
    reply: Response[dict[str, Any]] = Response({"signed_out": True, "forgotten": forget})
    reply.set_cookie(hallway.no_session())
    reply.set_cookie(hallway.choice("", hallway.site(request)))
    return reply
