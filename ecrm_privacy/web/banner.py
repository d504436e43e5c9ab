"""The banner for pages without scripts: a form for a shop's server to put into its page, and a page to frame."""

import secrets
from typing import Any
from urllib.parse import urlencode

from litestar import MediaType, Response, get
from litestar.di import NamedDependency

from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.visitor import Visitor, Visitors
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.notice import Notices
from ecrm_privacy.web.edges import framed_by
from ecrm_privacy.web.forms import back
from ecrm_privacy.web.hallway import AnyRequest, Hallway
from ecrm_privacy.web.pages import Pages
from ecrm_privacy.web.texts import texts


def question(
    hallway: Hallway, notices: Notices, bundle: Bundle, where: Where, visitor: Visitor, return_to: str, *, due: bool
) -> dict[str, Any]:
    """Return what `banner_form.html` needs; its addresses are whole, because it may stand in a page of the shop."""
    shown = notices.of(bundle, where.site, where.locale, where.jurisdiction)
    return {
        "t": texts(where.locale),
        "notice": shown.notice,
        "gpc": visitor.gpc,
        "answer_due": due,
        "idempotency_key": secrets.token_urlsafe(24),
        "return_to": return_to,
        "base": hallway.origin,
        "site": where.site,
    }


def answered_here(bundle: Bundle, site: str, signals: Signals) -> bool:
    """Tell whether this browser answered the notice of `site`, by its choice cookie, and is not to be asked again.

    A shop's server has that cookie alone: with it everybody would be asked again and again who said yes.
    """
    shown, asked = signals.answered, bundle.current_notice(bundle.sites[site].notice).purposes
    return shown is not None and not signals.closed_all and all(bundle.still_good(purpose, shown) for purpose in asked)


@get("/banner/form", media_type=MediaType.HTML)
async def banner_form(
    request: AnyRequest,
    pages: NamedDependency[Pages],
    hallway: NamedDependency[Hallway],
    visitors: NamedDependency[Visitors],
    notices: NamedDependency[Notices],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Response[str]:
    """The question as a form, or nothing for whoever answered; `return_to` is the page that it stands in."""
    visitor, bundle = await visitors(caller, signals)
    due = visitor.answer_due and (visitor.known or not answered_here(bundle, where.site, signals))
    return_to = back(request.query_params.get("return_to", "/"), hallway.site_origins())
    return pages.page("banner_form.html", **question(hallway, notices, bundle, where, visitor, return_to, due=due))


@get("/banner", media_type=MediaType.HTML)
async def banner_page(
    request: AnyRequest,
    pages: NamedDependency[Pages],
    hallway: NamedDependency[Hallway],
    visitors: NamedDependency[Visitors],
    notices: NamedDependency[Notices],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Response[str]:
    """A small page to frame: the question, and after it where to change the answer."""
    visitor, bundle = await visitors(caller, signals)
    again = urlencode({"site": where.site, "locale": where.locale, "answered": "1"})
    asked = question(hallway, notices, bundle, where, visitor, f"/banner?{again}", due=visitor.answer_due)
    answered = request.query_params.get("answered") == "1"
    reply = pages.page("banner_page.html", locale=where.locale, answered=answered, **asked)
    reply.headers["Content-Security-Policy"] = framed_by(hallway.origins_of(where.site))
    return reply
