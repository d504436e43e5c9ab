"""The catalogue as pages show it to everybody: an item, a section, the list of sections. Nobody is looked at."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import quote

import msgspec

from ecrm_privacy.errors import NotKnown
from ecrm_privacy.gate.types import BETWEEN
from ecrm_privacy.sql import Conn
from ecrm_privacy.vocabulary import Category, Purpose
from ecrm_privacy.words import writing
from personalization.interact import because, store
from personalization.interact.slots import Because, Mirror, Slot, SlotItem
from personalization.interact.store import PageRow

SECTIONS_MOST = 12
ITEMS_MOST = 200
PERCENT = 100

Names = Mapping[str, str]
"""What people call categories and purposes, by their words."""


async def item(conn: Conn, item_id: str) -> PageRow:
    """Return one item. Raises NotKnown."""
    found = await store.item(item_id).first(conn)
    if found is None:
        raise NotKnown
    return found


async def of_section(conn: Conn, section: str) -> list[PageRow]:
    """Return the items of a section, what is sold out last. Raises NotKnown for one without any."""
    found = await store.of_section(section, ITEMS_MOST).all(conn)
    if not found:
        raise NotKnown
    return found


async def sections(conn: Conn) -> list[dict[str, str]]:
    """Return the sections as pages link to them."""
    rows = await store.sections(SECTIONS_MOST).all(conn)
    return [
        {"name": row.section, "title": section_title(row.section), "url": f"/sections/{quote(row.section, safe='')}"}
        for row in rows
    ]


def section_title(section: str) -> str:
    """Return what people call a section: its word, with a capital."""
    return section[:1].upper() + section[1:]


async def beside(conn: Conn, row: PageRow, most: int) -> list[PageRow]:
    """Return what goes with an item, for everybody: its neighbours, which at least k people made, else its section."""
    return await store.beside(row.item_id, row.section, most).all(conn)


# in words, for templates ----------------------------------------------------------------------------------------------


def shown_item(row: PageRow, locale: str) -> dict[str, Any]:
    """Return an item of a page as templates take it."""
    return {
        **msgspec.structs.asdict(row),
        "price_text": writing.price(row.price_minor, row.currency, locale),
    }


def shown_slot(slot: Slot, locale: str, names: Names) -> dict[str, Any]:
    """Return a slot as the template takes it; `names` are what people call categories and purposes."""
    return {
        **msgspec.structs.asdict(slot),
        "items": [_shown(one, locale, names) for one in slot.items],
    }


def _shown(one: SlotItem, locale: str, names: Names) -> dict[str, Any]:
    price = one.price
    return {
        **msgspec.structs.asdict(one),
        "in_stock": True,
        "price_text": writing.price(price.amount_minor, price.currency, locale) if price else "",
        "because": _because(one.because, names),
    }


def _because(why: Because, names: Names) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(why),
        "category_name": names.get(why.category or Category(""), why.category),
        "purpose_name": names.get(why.purpose or Purpose(""), why.purpose),
    }


def topics(sections: Sequence[Mapping[str, str]], mirror: Mirror, locale: str) -> list[dict[str, Any]]:
    """Return each section that somebody can want more or less of: its weight, and its share of their history."""
    return [
        {
            "name": section["name"],
            "title": because.section(section["name"], locale),
            "weight": mirror.view.weight.get(section["name"], 0),
            "share": round(PERCENT * mirror.interests.get(section["name"], 0.0)),
            "share_text": writing.percent(mirror.interests.get(section["name"], 0.0), locale),
        }
        for section in sections
        if BETWEEN.strip() not in section["name"]
    ]


def orders(slot: Slot, locale: str) -> list[dict[str, Any]]:
    """Return the orders of the slot `history` by day, newest first; none where it is not personal."""
    days: dict[str, list[SlotItem]] = {}
    for one in slot.items:
        if one.ordered_at is not None:
            days.setdefault(one.ordered_at[:10], []).append(one)
    return [{"at_text": writing.day(date.fromisoformat(day), locale), "items": items} for day, items in days.items()]
