"""What comes in: events of browsers and of the shop's back end, items, stock."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

import msgspec
from litestar import post, put
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from ecrm_privacy.errors import Malformed
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.web.hallway import AnyRequest, Hallway, decode
from ecrm_privacy.web.problems import explain
from ecrm_privacy.web.servers import Authorize
from ecrm_privacy.web.stream import lines
from personalization.collect import catalogue
from personalization.collect.catalogue import Item, ItemId, NamedItem
from personalization.collect.events import STORED, Event, EventLine
from personalization.web.engine import Engine

EVENTS_MOST = 500
LINES_PER_BATCH = 500
DROPPED_LINES_NAMED = 1_000
"""So many lines of a stream that were not taken are named; the rest are counted."""

Record = TypeVar("Record")


class EventsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/events`."""

    events: Annotated[tuple[Event, ...], Meta(max_length=EVENTS_MOST)]


class Dropped(msgspec.Struct, frozen=True):
    """An event that was not kept, by its place in the request, and why."""

    index: int
    because: str


class EventsReply(msgspec.Struct, frozen=True):
    """How many events are stored, so that the next request sees them, and which were not kept."""

    stored: int
    dropped: tuple[Dropped, ...]


@post("/v1/events", status_code=202)
async def events(
    request: AnyRequest,
    engine: NamedDependency[Engine],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
) -> EventsReply:
    """Take events of this browser in; what is not permitted is not stored."""
    body = decode(await request.body(), EventsBody)
    words = await engine.intake.take([(caller, event) for event in body.events], signals)
    dropped = tuple(Dropped(index, word) for index, word in enumerate(words) if word != STORED)
    return EventsReply(len(words) - len(dropped), dropped)


@put("/v1/items/{item_id:str}", status_code=204)
async def put_item(
    item_id: FromPath[str], request: AnyRequest, engine: NamedDependency[Engine], authorize: NamedDependency[Authorize]
) -> None:
    """Add or replace an item; every slot knows from the next request on."""
    await authorize(request, "catalogue:write")
    item = decode(await request.body(), Item)
    if item.item_id not in {None, item_id}:
        raise Malformed("`item_id` is not the one of the path")
    try:
        named = msgspec.convert(item_id, ItemId)
    except msgspec.ValidationError:
        raise Malformed("`item_id` has blanks, slashes or more than 100 characters") from None
    async with engine.acquire() as conn:
        await catalogue.put_items(conn, [msgspec.structs.replace(item, item_id=named)])


class StockBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /v1/stock`: what is left of each of these items."""

    stock: Annotated[dict[ItemId, Annotated[int, Meta(ge=0, le=2**31 - 1)]], Meta(min_length=1, max_length=1_000)]


class StockReply(msgspec.Struct, frozen=True):
    """How many of the items are known."""

    known: int


@put("/v1/stock")
async def put_stock(
    request: AnyRequest, engine: NamedDependency[Engine], authorize: NamedDependency[Authorize]
) -> StockReply:
    """Set what is left; what is out of stock is in no slot from the next request on."""
    await authorize(request, "catalogue:write")
    body = decode(await request.body(), StockBody)
    async with engine.acquire() as conn:
        return StockReply(await catalogue.set_stock(conn, body.stock))


class Line(msgspec.Struct, frozen=True):
    """A line of a stream that was not taken: its number (from 1) and why."""

    line: int
    because: str


class StreamReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a stream: of the lines that were not taken the first 1,000, and how many more there were."""

    stored: int
    dropped: tuple[Line, ...]
    more_dropped: int = 0


@post("/v1/items:batch", status_code=200)
async def item_batch(
    request: AnyRequest, engine: NamedDependency[Engine], authorize: NamedDependency[Authorize]
) -> StreamReply:
    """Add or replace items, one per line (NDJSON). A line that cannot be read is left out and named."""
    await authorize(request, "catalogue:write")

    async def store(items: Sequence[NamedItem]) -> list[str]:
        async with engine.acquire() as conn:
            await catalogue.put_items(conn, items)
        return [STORED] * len(items)

    return await _stream(request, NamedItem, store)


@post("/v1/events:batch", status_code=200)
async def event_batch(
    request: AnyRequest,
    engine: NamedDependency[Engine],
    authorize: NamedDependency[Authorize],
    hallway: NamedDependency[Hallway],
) -> StreamReply:
    """Take events in from the shop's back end, one per line (NDJSON) with its customer number; same gate."""
    await authorize(request, "events:write")
    signals = hallway.signals(request)

    async def store(said: Sequence[EventLine]) -> list[str]:
        return await engine.intake.take([(Caller(customer_number=one.customer_number), one) for one in said], signals)

    return await _stream(request, EventLine, store)


async def _stream(
    request: AnyRequest, kind: type[Record], store: Callable[[Sequence[Record]], Awaitable[list[str]]]
) -> StreamReply:
    """Take a stream in, batch by batch; what was stored stays stored when a later line ends it."""
    decoder = msgspec.json.Decoder(kind)
    stored = number = 0
    dropped: list[Line] = []
    batch: list[tuple[int, Record]] = []

    def drop(at: int, because: str) -> None:
        if len(dropped) < DROPPED_LINES_NAMED:
            dropped.append(Line(at, because))

    async def put_away() -> int:
        words = await store([record for _, record in batch])
        for (at, _), word in zip(batch, words, strict=True):
            if word != STORED:
                drop(at, word)
        batch.clear()
        return words.count(STORED)

    async for line in lines(request.stream()):
        number += 1
        try:
            batch.append((number, decoder.decode(line)))
        except UnicodeDecodeError:
            drop(number, "not UTF-8")
        except msgspec.DecodeError as error:
            drop(number, explain(str(error)) or "not one of the values that stand there")
        if len(batch) >= LINES_PER_BATCH:
            stored += await put_away()
    if batch:
        stored += await put_away()
    return StreamReply(stored, tuple(sorted(dropped, key=lambda one: one.line)), number - stored - len(dropped))


HANDLERS = (events, put_item, put_stock, item_batch, event_batch)
BODIES = {"POST /v1/events": EventsBody, "PUT /v1/items/{item_id}": Item, "PUT /v1/stock": StockBody}
"""What each call takes, for the description at /schema."""
