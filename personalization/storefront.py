"""The demo's storefront: a shop around the slots, to see permissions change its pages. Mounted in the demo alone."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from ecrm_privacy.config import Config
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.links import Links
from ecrm_privacy.consent.visitor import Visitors
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.policy.notice import Notices
from ecrm_privacy.rights.desk import RightsDesk
from ecrm_privacy.web.forms import form, local
from ecrm_privacy.web.hallway import AnyRequest, Hallway
from ecrm_privacy.web.session import open_session
from ecrm_privacy.web.tokens import SignInTokens
from personalization.collect.events import Event, EventType
from personalization.interact import because, browse
from personalization.web.engine import Engine
from personalization.web.pages import Visit

TOKEN_LIFETIME = timedelta(minutes=1)
RELATED_MOST = 4


class Person(msgspec.Struct, frozen=True):
    """A customer whom a visitor of the demo may be; `way` is how they have answered, a key of the texts."""

    customer_number: str
    name: str
    way: str


class Demo(msgspec.Struct, frozen=True):
    """What only the demo has: people to sign in as."""

    people: tuple[Person, ...]


@get("/")
async def home(
    engine: NamedDependency[Engine],
    visitors: NamedDependency[Visitors],
    notices: NamedDependency[Notices],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Response[str]:
    """The front page."""
    visit = Visit(engine, visitors, notices, caller, signals, where, "/")
    filled = await engine.slots.fill(("greeting", "for-you", "popular"), caller, signals, where.locale)
    return await visit.page("home.html", filled)


@get("/sections/{section:str}")
async def section(
    section: FromPath[str],
    engine: NamedDependency[Engine],
    visitors: NamedDependency[Visitors],
    notices: NamedDependency[Notices],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Response[str]:
    """One section, the same for everybody."""
    visit = Visit(engine, visitors, notices, caller, signals, where, f"/sections/{section}")
    async with engine.acquire() as conn:
        rows = await browse.of_section(conn, section)
    filled = await engine.slots.fill(("greeting",), caller, signals, where.locale)
    title = {"name": section, "title": browse.section_title(section), "url": visit.path}
    items = [browse.shown_item(row, where.locale) for row in rows]
    return await visit.page("section.html", filled, section=title, items=items)


@get("/items/{item_id:str}")
async def item(
    item_id: FromPath[str],
    request: AnyRequest,
    engine: NamedDependency[Engine],
    visitors: NamedDependency[Visitors],
    notices: NamedDependency[Notices],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Response[str]:
    """One item. Looking at it is an event, which is kept where that is permitted; so it works without scripts too."""
    visit = Visit(engine, visitors, notices, caller, signals, where, f"/items/{item_id}")
    async with engine.acquire() as conn:
        row = await browse.item(conn, item_id)
        related = await browse.beside(conn, row, RELATED_MOST)
    if "sec-purpose" not in request.headers:  # a browser that only prepares for a visit has looked at nothing
        with suppress(Unavailable):  # the page stays up, and the view is not worth a second try
            await engine.intake.take([(caller, _view(item_id))], signals)
    filled = await engine.slots.fill(("greeting",), caller, signals, where.locale)
    return await visit.page(
        "item.html",
        filled,
        item=browse.shown_item(row, where.locale),
        related=[browse.shown_item(other, where.locale) for other in related],
    )


def _view(item_id: str) -> Event:
    """Looking at the same page again on the same day is the same event."""
    day = datetime.now(UTC).date().isoformat()
    return Event(event_id=f"page-{day}-{item_id}"[:64], type=EventType.VIEW, item_id=item_id)


# signing in -----------------------------------------------------------------------------------------------------------


@get("/signin")
async def choose_person(
    engine: NamedDependency[Engine],
    demo: NamedDependency[Demo],
    visitors: NamedDependency[Visitors],
    notices: NamedDependency[Notices],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Response[str]:
    """A few of the demo's customers, to be one of them."""
    visit = Visit(engine, visitors, notices, caller, signals, where, "/pages/yours")
    filled = await engine.slots.fill(("greeting",), caller, signals, where.locale)
    customers = [
        {"customer_number": one.customer_number, "name": one.name, "note": because.text(one.way, where.locale)}
        for one in demo.people
    ]
    return await visit.page("signin.html", filled, customers=customers)


@post("/signin/as", status_code=303)
async def be_person(
    request: AnyRequest,
    config: NamedDependency[Config],
    links: NamedDependency[Links],
    rights: NamedDependency[RightsDesk],
    tokens: NamedDependency[SignInTokens],
    hallway: NamedDependency[Hallway],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Redirect:
    """Sign in as a shop would: with a short token of its own making, exchanged for a session."""
    fields = form(await request.body())
    token = shop_token(fields.get("customer_number", ""), hallway, where, config.data_dir / "keys")
    opened, _ = await open_session(token, links, rights, tokens, hallway, caller, signals, where)
    reply = Redirect(local(fields.get("return_to", "/pages/yours")), status_code=303)
    reply.cookies.extend(opened.cookies)
    return reply


@post("/signout", status_code=303)
async def be_nobody(
    request: AnyRequest,
    links: NamedDependency[Links],
    rights: NamedDependency[RightsDesk],
    hallway: NamedDependency[Hallway],
    caller: NamedDependency[Caller],
    where: NamedDependency[Where],
) -> Redirect:
    """Sign out: a new, unknown browser from now on; what only its cookie could reach is erased."""
    fields = form(await request.body())
    await rights.forget_browser(caller)
    await links.sign_out(caller)
    reply = Redirect(local(fields.get("return_to", "/")), status_code=303)
    reply.set_cookie(hallway.no_session())
    reply.set_cookie(hallway.choice("", where.site))
    return reply


def shop_token(customer_number: str, hallway: Hallway, where: Where, keys: Path) -> str:
    """Make a sign-in token as the shop's own server would (http.md, "Who is calling")."""
    document = hallway.bundle.sites[where.site].token
    secret = (keys / document.key_file).read_bytes().strip()
    claims = {
        "sub": customer_number, "iss": document.issuer, "aud": document.audience, "jti": str(uuid4()),
        "exp": datetime.now(UTC) + TOKEN_LIFETIME,
    }  # fmt: skip
    return jwt.encode(claims, secret, algorithm=document.algorithm)


# who can be signed in as ----------------------------------------------------------------------------------------------

ASKED = ("remember", "personalize", "model.contribute")
SHOWN = ("said_yes_yes_yes", "said_yes_yes_no", "said_yes_no_no", "said_no_yes_no", "said_no_no_no", "said")
"""The ways to have answered what is `ASKED`, as keys of the texts; one person is offered for each."""


def people(config: Config, answers: Path) -> tuple[Person, ...]:
    """Return some of the demo's customers, one for each way to have answered; none where the demo has no data yet."""
    listed = config.data_dir / "demo.json"
    if not listed.is_file() or not answers.is_file():
        return ()
    said = dict(_said(msgspec.json.decode(line)) for line in answers.read_bytes().splitlines())
    found: dict[str, Person] = {}
    for each in msgspec.json.decode(listed.read_bytes())["customers"]:
        way = said.get(each["customer_number"], "said")
        found.setdefault(way, Person(each["customer_number"], each["name"], way))
    return tuple(found[way] for way in SHOWN if way in found)


def _said(line: Mapping[str, Any]) -> tuple[str, str]:
    own = {one["purpose"]: one["answer"] for one in line["answers"] if not {"channel", "recipient"} & one.keys()}
    words = ("yes" if own.get(purpose) == "given" else "no" for purpose in ASKED)
    return line["customer_number"], "_".join(("said", *words))


HANDLERS: Sequence[Any] = (home, section, item, choose_person)
AT_THE_DOORS: Sequence[Any] = (be_person, be_nobody)
"""What signs in and out; it needs the house itself."""
