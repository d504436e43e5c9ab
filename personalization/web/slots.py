"""Slots: one as a fragment or as data, several at once, and one for a shop that renders on its own server."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import MediaType, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from ecrm_privacy.errors import Malformed
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.web.hallway import AnyRequest, Hallway
from ecrm_privacy.web.servers import Authorize, number_of
from personalization.interact import because, browse
from personalization.interact.slots import SIZE, Filled, Slot
from personalization.web.engine import PERSONAL, PUBLIC, Engine, names

SLOTS_MOST = 12


@get("/v1/slots/{slot:str}")
async def slot(
    slot: FromPath[str],
    request: AnyRequest,
    engine: NamedDependency[Engine],
    hallway: NamedDependency[Hallway],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    locale: NamedDependency[str],
) -> Response[Any]:
    """A slot as an HTML fragment, or as JSON to whoever prefers it; with `public=1` the same for everybody.

    `limit` asks for fewer items.
    """
    filled, headers = await _fill([slot], request, engine, caller, signals, locale)
    if prefers_json(request.headers.get("accept", "")):
        return Response(filled.slots[slot], headers=headers)
    shown = browse.shown_slot(filled.slots[slot], locale, names(hallway.bundle, locale))
    html = engine.pages.text("slot.html", slot=shown, w=because.words(locale))
    return Response(html, media_type=MediaType.HTML, headers=headers)


class SlotsReply(msgspec.Struct, frozen=True):
    """Several slots of one visit to the gate."""

    slots: Mapping[str, Slot]


@get("/v1/slots")
async def several_slots(
    request: AnyRequest,
    engine: NamedDependency[Engine],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    locale: NamedDependency[str],
) -> Response[SlotsReply]:
    """Several slots at once: `?names=for-you,popular`."""
    wanted = [name for name in request.query_params.get("names", "").split(",") if name]
    if not 0 < len(wanted) <= SLOTS_MOST:
        raise Malformed(f"`names` lists 1 to {SLOTS_MOST} slots, with commas between them")
    filled, headers = await _fill(wanted, request, engine, caller, signals, locale)
    return Response(SlotsReply(filled.slots), headers=headers)


@post("/v1/subject/slots/{slot:str}", status_code=200)
async def slot_of_subject(
    slot: FromPath[str],
    request: AnyRequest,
    engine: NamedDependency[Engine],
    authorize: NamedDependency[Authorize],
    hallway: NamedDependency[Hallway],
    locale: NamedDependency[str],
) -> Response[Slot]:
    """A slot for a shop that renders on its own server; the same gate. What cannot be written down is not opened."""
    server = await authorize(request, "slots:read")
    caller = Caller(customer_number=number_of(request), system=server.system)
    filled = await engine.slots.fill([slot], caller, hallway.signals(request), locale)
    return Response(filled.slots[slot], headers=PERSONAL)


async def _fill(
    wanted: Sequence[str], request: AnyRequest, engine: Engine, caller: Caller, signals: Signals, locale: str
) -> tuple[Filled, Mapping[str, str]]:
    limit, headers = limit_of(request), PERSONAL
    if request.query_params.get("public") == "1":  # for nobody: neither the session nor what the browser chose
        caller, signals, headers = Caller(), Signals(signals.regime), PUBLIC
    filled = await engine.slots.fill(wanted, caller, signals, locale)
    return Filled({name: filled.slots[name].first(limit) for name in filled.slots}, filled.grants), headers


def limit_of(request: AnyRequest) -> int:
    """Return how many items a page has room for: `?limit=`, 1 to the size of a slot. Raises Malformed."""
    text = request.query_params.get("limit", str(SIZE))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= SIZE):
        raise Malformed(f"`limit` is a number from 1 to {SIZE}")
    return int(text)


def prefers_json(accept: str) -> bool:
    """Tell whether `accept` names JSON, and HTML not before it."""
    kinds = [kind.partition(";")[0].strip() for kind in accept.lower().split(",")]
    return "application/json" in kinds and "text/html" not in kinds[: kinds.index("application/json")]


HANDLERS = (slot, several_slots, slot_of_subject)
