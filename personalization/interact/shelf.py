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
    shelves: dict[str, dict[str, tuple[str, ...]]] = {"section": {}, "popular": {}, "head": {}}
    near: dict[str, tuple[tuple[str, float], ...]] = {}
    items: dict[str, Shown] = {}
    for row in rows:
        if row.shelf == "item":
            items[row.place] = _shown(row)
        elif row.shelf == "near":
            near[row.place] = msgspec.json.decode(row.line or "", type=tuple[tuple[str, float], ...])
        else:
            shelves[row.shelf][row.place] = msgspec.json.decode(row.line or "", type=tuple[str, ...])
    return Shelf(near, shelves["section"], shelves["popular"].get("", ()), shelves["head"].get("", ()), items)


def _shown(row: store.ShelfRow) -> Shown:
    assert row.kind is not None
    assert row.title is not None
    assert row.url is not None
    return Shown(
        row.place, row.kind, row.title, row.section or "", row.url, row.image, row.price_minor, row.currency,
        bool(row.in_stock),
    )  # fmt: skip
