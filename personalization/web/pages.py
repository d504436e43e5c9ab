"""Whole pages in the shop's frame, with their slots and, in the demo, with what the gate released beside them."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.visitor import Visitor, Visitors
from ecrm_privacy.errors import NotKnown, Unavailable
from ecrm_privacy.gate.types import Caller, Grant, Signals
from ecrm_privacy.policy.notice import Notices
from ecrm_privacy.web import letter
from ecrm_privacy.web.texts import texts
from ecrm_privacy.words import writing
from ecrm_privacy.words.catalogue import Words
from personalization.interact import because, browse
from personalization.interact.slots import Filled, Mirror
from personalization.web.engine import PERSONAL, Engine, names

VIEW = "/view"
PLACED = ("greeting", "for-you", "history", "popular")
"""The slots that the template of a page has a place for."""


@get("/pages/{page:str}")
async def page(
    page: FromPath[str],
    engine: NamedDependency[Engine],
    visitors: NamedDependency[Visitors],
    notices: NamedDependency[Notices],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Response[str]:
    """A whole customer-specific page. A place whose slot the policy does not list is filled for nobody."""
    visit = Visit(engine, visitors, notices, caller, signals, where, f"/pages/{page}")
    listed = engine.bundle().pages.get(page)
    if listed is None:
        raise NotKnown
    filled = await engine.slots.fill(listed, caller, signals, where.locale)
    others = [name for name in PLACED if name not in listed]
    rest = await engine.slots.fill(others, Caller(), Signals(signals.regime), where.locale)
    filled = Filled({**rest.slots, **filled.slots}, filled.grants)
    return await visit.page("page.html", filled, orders=browse.orders(filled.slots["history"], where.locale))


@get("/view")
async def view(
    engine: NamedDependency[Engine],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Response[str]:
    """My view: what the shop makes of me, beside what everybody gets, and what I want of it. The house keeps that."""
    locale = where.locale
    mirror = await engine.slots.mirror(caller, signals, locale)
    words, called = because.words(locale), names(engine.bundle(), locale)
    permission = mirror.grant.permission
    response = engine.pages.page(
        "view.html",
        t=texts(locale),
        w=words,
        locale=locale,
        purpose={"name": permission.purpose, "title": called.get(permission.purpose, permission.purpose)},
        allowed=permission.allowed,
        topics=browse.topics(await engine.sections(), mirror, locale),
        mine=browse.shown_slot(mirror.slot, locale, called),
        everybody=browse.shown_slot(mirror.everybody, locale, called),
        hidden=mirror.hidden,
        pause_text=_until(mirror, locale),
        return_to=VIEW,
    )
    response.headers.update(PERSONAL)
    return response


def _until(mirror: Mirror, locale: str) -> str:
    until = mirror.view.pause_until
    return writing.moment(until, locale) if until and mirror.view.is_paused(datetime.now(UTC)) else ""


class Visit(msgspec.Struct, frozen=True):
    """One look at a page of the shop: who, under which signals, where."""

    engine: Engine
    visitors: Visitors
    notices: Notices
    caller: Caller
    signals: Signals
    where: Where
    path: str

    async def page(self, template: str, filled: Filled, status_code: int = 200, **context: Any) -> Response[str]:
        """Render a page of the shop in its frame, with the slots of `filled`.

        While the database is away nobody is known and nobody is asked: what they would answer could not be taken.
        """
        try:
            (visitor, bundle), away = await self.visitors(self.caller, self.signals), False
        except Unavailable:
            bundle = self.engine.bundle()
            visitor, away = Visitor(bundle.hash, gpc=self.signals.gpc), True
        locale = self.where.locale
        words, shown = texts(locale), self.notices.of(bundle, self.where.site, locale, self.where.jurisdiction)
        called = names(bundle, locale)
        greeting = name_in(filled)
        response = self.engine.pages.page(
            template,
            status_code=status_code,
            shop={"name": bundle.sites[self.where.site].controller.name, "tagline": because.text("tagline", locale)},
            sections=await self.engine.sections(),
            signed_in={"name": greeting or because.text("somebody", locale)} if visitor.signed_in else None,
            greeting={"name": greeting} if greeting else None,
            slots={name: browse.shown_slot(one, locale, called) for name, one in filled.slots.items()},
            panel=self._panel(visitor, filled, called, shown, words) if self.engine.panel and not away else None,
            banner=visitor.answer_due,
            answer_due=visitor.answer_due,
            t=words,
            w=because.words(locale),
            locale=locale,
            notice=shown.notice,
            gpc=visitor.gpc,
            idempotency_key=secrets.token_urlsafe(24),
            return_to=self.path,
            **context,
        )
        response.headers.update(PERSONAL)
        return response

    def _panel(
        self, visitor: Visitor, filled: Filled, called: Mapping[str, str], shown: Any, words: Words
    ) -> dict[str, Any]:
        """What the gate released for this page, and the switches."""
        locale, shown_grants = self.where.locale, [one for one in filled.grants.values() if one.permission.purpose]
        counts = {"opened": sum(one.permission.allowed for one in shown_grants), "all": len(shown_grants)}
        return {
            "opened_text": because.text(
                "opened", locale, **{name: writing.number(count, locale) for name, count in counts.items()}
            ),
            "subject_known": visitor.known,
            "account": visitor.signed_in,
            "grants": [
                _grant(name, grant, called, words) for name, grant in filled.grants.items() if grant.permission.purpose
            ],
            "purposes": [
                {**row, "answer_label": row["status_text"]}
                for row in letter.rows(shown, visitor.since, visitor.permissions, words)
            ],
            "return_to": self.path,
            "notice": shown.notice.version,
            "idempotency_key": secrets.token_urlsafe(24),
        }


def name_in(filled: Filled) -> str | None:
    """Return the name that the gate opened for the greeting, if it did."""
    grant = filled.grants.get("greeting")
    return next((fields["name"] for fields in grant.values.values() if "name" in fields), None) if grant else None


def _grant(slot_name: str, grant: Grant, called: Mapping[str, str], words: Words) -> dict[str, Any]:
    permission = grant.permission
    return {
        "slot": slot_name,
        "allowed": permission.allowed,
        "purpose_name": called.get(permission.purpose, permission.purpose),
        "because_text": words.get(f"because_{permission.because}", permission.because),
        "values": [
            {"category_name": called.get(category, category), "field": letter.field_name(field, words), "value": value}
            for category, fields in grant.values.items()
            for field, value in fields.items()
            if value
        ],
        "pseudonyms": [
            {"category_name": called.get(category, category), "short": str(pseudonym)[:8]}
            for category, pseudonyms in grant.pseudonyms.items()
            for pseudonym in pseudonyms
        ],
    }


HANDLERS = (page, view)
