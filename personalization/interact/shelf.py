"""The catalogue around some items, read live: neighbours, sections, what is popular. The same for everybody."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from ecrm_privacy.sql import Conn
from personalization.interact import store

PLACES_MOST = 24
"""Items per shelf: three slots of eight can be filled without repeating one another."""

ReadShelf = Callable[[tuple[str, ...]], Awaitable["Shelf"]]
"""Asks for the shelves around some items; the composition root hands in one that is coalesced."""


class Shown(msgspec.Struct, frozen=True):
    """An item of the catalogue as a slot needs it."""

    item_id: str
    kind: str
    title: str
    section: str
    url: str
    image: str | None
    price_minor: int | None
    currency: str | None
    in_stock: bool


class Shelf(msgspec.Struct, frozen=True):
    """Shelves of item ids; everything on them was in stock when they were read. `items` tells of each, and of seeds."""

    near: Mapping[str, tuple[tuple[str, float], ...]] = {}
    """By item: its neighbours with their scores, nearest first."""
    sections: Mapping[str, tuple[str, ...]] = {}
    """By section, in catalogue order; only of asked items without neighbours."""
    popular: tuple[str, ...] = ()
    """Bought by most contributors, if by at least k of them."""
    head: tuple[str, ...] = ()
    """The beginning of the catalogue."""
    items: Mapping[str, Shown] = {}


class Shelves:
    """Reads shelves; nothing on them is about fewer than `k_people`, who are all contributors."""

    def __init__(self, k_people: int) -> None:
        self._k_people = k_people

    async def read(self, conn: Conn, asks: Sequence[tuple[str, ...]]) -> list[Shelf]:
        """Answer all `asks` with one statement. Shelves name their items, so that everybody may get all of them."""
        wanted = sorted({item_id for ask in asks for item_id in ask})
        shelf = _shelf(await store.shelves(wanted, self._k_people, PLACES_MOST).all(conn))
        return [shelf] * len(asks)


def _shelf(rows: Sequence[store.ShelfRow]) -> Shelf:
    near: dict[str, list[tuple[str, float]]] = {}
    lines: dict[str, dict[str, list[tuple[float, str]]]] = {"section": {}, "popular": {}, "head": {}}
    items: dict[str, Shown] = {}
    for row in rows:
        if row.shelf == "near":
            near.setdefault(row.place, []).append((row.item_id, row.score))
        elif row.shelf == "item":
            items[row.item_id] = _shown(row)
        else:
            lines[row.shelf].setdefault(row.place, []).append((row.score, row.item_id))
    in_order = {
        shelf: {place: tuple(item_id for _, item_id in sorted(line)) for place, line in places.items()}
        for shelf, places in lines.items()
    }
    return Shelf(
        near={place: tuple(sorted(line, key=lambda one: (-one[1], one[0]))) for place, line in near.items()},
        sections=in_order["section"],
        popular=in_order["popular"].get("", ()),
        head=in_order["head"].get("", ()),
        items=items,
    )


def _shown(row: store.ShelfRow) -> Shown:
    assert row.kind is not None
    assert row.title is not None
    assert row.url is not None
    return Shown(
        row.item_id, row.kind, row.title, row.section or "", row.url, row.image, row.price_minor, row.currency,
        bool(row.in_stock),
    )  # fmt: skip
