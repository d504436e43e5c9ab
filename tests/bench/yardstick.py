"""A plugin that only the benchmarks load: handlers that ask nobody, in the same application and behind the same edges.

`/bench/slots/…` gives the slot that `/v1/slots/…` gives, rendered by the same template from one SELECT of its own; no
gate, no caller, no signals. `/bench/rendered/…` asks no database either. `/bench/answers` only parses what
`/v1/answers` takes.
"""

from typing import Any

import msgspec
from litestar import MediaType, Response, get, post

from ecrm_privacy.config import Config
from ecrm_privacy.consent.answer import Said
from ecrm_privacy.database.pools import Pool
from ecrm_privacy.web.hallway import AnyRequest, decode
from ecrm_privacy.web.pages import Pages
from ecrm_privacy.web.schema import Surface
from personalization.interact import because
from personalization.plugin import SURFACE, TEMPLATES, Keeper

NAME = "select name from bench.person where token_hash = $1"
ITEMS = """
    select item_id, kind, title, url, image, price_minor from engine.item
    where stock > 0 order by position, item_id limit 8
"""
PATIENCE_S = 10.0
"""A limit gives nothing up: its pool is as large as ours, and whoever finds it empty waits for a connection."""
SAMPLE = [
    {"item_id": f"cup-{n}", "kind": "product", "title": f"Cup {n}", "url": f"/items/cup-{n}", "price_minor": 1450,
     "image": f"/pictures/cup-{n}.svg"}
    for n in range(8)
]  # fmt: skip
NO_STORE = {"Cache-Control": "private, no-store", "Vary": "Cookie, Sec-GPC, Accept, Accept-Language"}


class Yardstick(msgspec.Struct, frozen=True):
    """What the composition root wants of a plugin."""

    route_handlers: tuple[Any, ...]
    importers: dict[str, Any] = {}
    jobs: tuple[Any, ...] = ()
    static: tuple[Any, ...] = ()
    surface: Surface = SURFACE
    """Nothing that is described anew: none of these calls is offered to anybody."""


def keeper(_config: Config) -> Keeper:
    """Hold nothing about anybody."""
    return Keeper((), mix=lambda _newer_than: (), age=_none_left)


async def _none_left(*_asked: object) -> bool:
    return True


def plugin(_config: Config, guest: Pool, *_others: object) -> Yardstick:
    """Make the handlers."""
    pages = Pages(TEMPLATES)

    def html(slot: dict[str, Any]) -> Response[str]:
        text = pages.text("slot.html", slot=slot, w=because.words("en"))
        return Response(text, media_type=MediaType.HTML, headers=NO_STORE)

    @get("/bench/slots/greeting", include_in_schema=False)
    async def greeting(request: AnyRequest) -> Response[str]:
        async with guest.acquire(timeout=PATIENCE_S) as conn:
            row = await conn.fetchrow(NAME, bytes.fromhex(request.query_params["who"]))
        return html(_greeting(row["name"]))

    @get("/bench/slots/for-you", include_in_schema=False)
    async def for_you() -> Response[str]:
        async with guest.acquire(timeout=PATIENCE_S) as conn:
            rows = await conn.fetch(ITEMS)
        return html(_for_you([dict(row) for row in rows]))

    @get("/bench/rendered/greeting", include_in_schema=False)
    async def rendered_greeting() -> Response[str]:
        return html(_greeting("Ada Byron"))

    @get("/bench/rendered/for-you", include_in_schema=False)
    async def rendered_for_you() -> Response[str]:
        return html(_for_you(SAMPLE))

    @post("/bench/answers", status_code=201, include_in_schema=False)
    async def answers(request: AnyRequest) -> dict[str, int]:
        said = decode(await request.body(), Said)
        return {"answers": len(said.answers)}

    return Yardstick((greeting, for_you, rendered_greeting, rendered_for_you, answers))


def _greeting(name: str) -> dict[str, Any]:
    title = f"Good to see you, {name}"
    why = {"kind": "name", "text": "Because you told us your name", "purpose": "personalize"}
    words = {"item_id": "greeting", "title": title, "url": "/pages/yours", "image": None, "price_text": ""}
    return _slot("greeting", title, 3, [{**words, "because": _because(why, "Contact")}])


def _for_you(items: list[dict[str, Any]]) -> dict[str, Any]:
    why = _because({"kind": "view", "text": "Because you looked at it", "purpose": "personalize"}, "Browsing")
    return _slot(
        "for-you", "For you", 2,
        [{**item, "price_text": f"€{item['price_minor'] / 100:.2f}", "because": why} for item in items],
    )  # fmt: skip


def _slot(name: str, title: str, tier: int, items: list[dict[str, Any]]) -> dict[str, Any]:
    shown = [{**item, "in_stock": True} for item in items]
    return {"slot": name, "title": title, "personal": True, "tier": tier, "items": shown}


def _because(why: dict[str, str], category_name: str) -> dict[str, str]:
    return {**why, "category_name": category_name, "purpose_name": "Personal pages"}
