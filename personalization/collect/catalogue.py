"""The catalogue: what the shop has. Nothing in here is about a person."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from ecrm_privacy.sql import Conn
from personalization.collect import store

BATCH_MOST = 1_000
"""Items per statement."""

ItemId = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\s/?#\x00-\x1f]+$")]
"""The shop's own number of an item; it stands in paths, so without blanks and slashes."""
Link = Annotated[str, Meta(max_length=2_000, pattern=r"^(https?://|/(?!/))[^\s\"<>\\\x00-\x1f]*$")]
"""A path of this service (`/items/x`) or an absolute web address; no script, and no other host by `//`."""
WRITABLE = r"^[^\x00]*$"
"""PostgreSQL keeps every character but this one."""


class ItemKind(StrEnum):
    """What a slot can hold (mission.md, E13)."""

    PRODUCT = "product"
    OFFER = "offer"
    ORDER = "order"
    ARTICLE = "article"
    AUCTION = "auction"
    COURSE = "course"


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money in minor units (cents) with its currency (ISO 4217)."""

    amount_minor: Annotated[int, Meta(ge=0, le=10**12)]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One item as a shop sends it. With `stock` 0 it is in no slot from the next request on.

    Where the path names the item, `item_id` may be left out.
    """

    item_id: ItemId | None = None
    kind: ItemKind
    title: Annotated[str, Meta(min_length=1, max_length=300, pattern=WRITABLE)]
    url: Link
    summary: Annotated[str, Meta(max_length=4_000, pattern=WRITABLE)] = ""
    section: Annotated[str, Meta(max_length=100, pattern=WRITABLE)] = ""
    image: Link | None = None
    price: Price | None = None
    stock: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 1
    position: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0


class NamedItem(Item, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One item as a line of a file or a stream: it carries its name."""

    item_id: ItemId


async def put_items(conn: Conn, items: Sequence[Item]) -> None:
    """Insert or replace `items`, each of which has its `item_id`; of two with the same one the later counts."""
    latest = {item.item_id: item for item in items}
    in_order = [latest[item_id] for item_id in sorted(filter(None, latest))]
    assert len(in_order) == len(latest), "an item without item_id"
    for start in range(0, len(in_order), BATCH_MOST):
        await store.put_items([_row(item) for item in in_order[start : start + BATCH_MOST]]).run(conn)


async def set_stock(conn: Conn, stock: Mapping[str, int]) -> int:
    """Set what is left of items; returns how many of them are known."""
    in_order = sorted(stock.items())
    return await store.set_stock([item_id for item_id, _ in in_order], [left for _, left in in_order]).run(conn)


def _row(item: Item) -> store.ItemRow:
    assert item.item_id is not None
    price = item.price
    return store.ItemRow(
        item_id=item.item_id,
        kind=item.kind,
        title=item.title,
        summary=item.summary,
        section=item.section,
        url=item.url,
        image=item.image,
        price_minor=price.amount_minor if price else None,
        currency=price.currency if price else None,
        stock=item.stock,
        position=item.position,
    )
