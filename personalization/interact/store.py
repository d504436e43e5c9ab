"""SQL of what slots read: behaviour by pseudonym, and the catalogue around some items. Both serve many asks at once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from ecrm_privacy.sql import Query
from ecrm_privacy.vocabulary import Pseudonym


class BehaviourRow(msgspec.Struct, frozen=True):
    """One event under a pseudonym that the gate opened."""

    pseudonym: UUID
    type: str
    item_id: str | None
    at: datetime
    quantity: int
    amount_minor: int | None


class ShelfRow(msgspec.Struct, frozen=True):
    """A whole shelf, or one `item`, whose id is its `place`.

    `line` is JSON: the ids of what stands there, first first; beside an item (`near`) with scores, nearest first.
    """

    shelf: str
    place: str
    line: str | None
    kind: str | None
    title: str | None
    section: str | None
    url: str | None
    image: str | None
    price_minor: int | None
    currency: str | None
    in_stock: bool | None


def behaviour(pseudonyms: Sequence[Pseudonym], most: int) -> Query[BehaviourRow]:
    """The newest `most` events of each of `pseudonyms`."""
    return Query("select * from engine.behaviour($1, $2)", (pseudonyms, most), BehaviourRow)


def shelves(items: Sequence[str], k_people: int, most: int) -> Query[ShelfRow]:
    """Around `items`: their neighbours (their section, if none is known), what is popular with at least `k_people`
    contributors, and the catalogue's head; at most `most` on each shelf, and only what is in stock now. Neighbours come
    with scores (higher is nearer).
    """
    return Query(
        """
        with seed as materialized (
            select item_id, section from engine.item where item_id = any($1)
        ), near as materialized (
            select s.item_id as place, n.neighbour_id as item_id, n.score
            from seed s, lateral (
                select n.neighbour_id, n.score
                from engine.item_neighbour n join engine.item i on i.item_id = n.neighbour_id
                where n.item_id = s.item_id and i.stock > 0 order by n.score desc, n.neighbour_id limit $3
            ) n
        ), mate as materialized (
            select s.section as place, m.item_id, m.nth::real as score
            from (select distinct section from seed where section <> '' and item_id not in (select place from near)) s,
            lateral (
                select item_id, row_number() over (order by position, item_id) as nth from engine.item
                where section = s.section and stock > 0 order by position, item_id limit $3
            ) m
        ), popular as materialized (
            select c.item_id, row_number() over (order by c.contributors desc, c.item_id)::real as score
            from engine.item_count c join engine.item i on i.item_id = c.item_id
            where c.contributors >= $2 and i.stock > 0 order by c.contributors desc, c.item_id limit $3
        ), head as materialized (
            select item_id, row_number() over (order by position, item_id)::real as score
            from engine.item where stock > 0 order by position, item_id limit $3
        ), wanted as (
            select item_id from seed union select item_id from near union select item_id from mate
            union select item_id from popular union select item_id from head
        )
        select 'near' as shelf, place,
            json_agg(json_build_array(item_id, score) order by score desc, item_id)::text as line,
            null as kind, null as title, null as section, null as url, null as image, null::bigint as price_minor,
            null as currency, null::boolean as in_stock
        from near group by place
        union all
        select 'section', place, json_agg(item_id order by score)::text, null, null, null, null, null, null, null, null
        from mate group by place
        union all
        select 'popular', '', json_agg(item_id order by score)::text, null, null, null, null, null, null, null, null
        from popular having count(*) > 0
        union all
        select 'head', '', json_agg(item_id order by score)::text, null, null, null, null, null, null, null, null
        from head having count(*) > 0
        union all
        select 'item', i.item_id, null, i.kind, i.title, i.section, i.url, i.image, i.price_minor, i.currency,
            i.stock > 0
        from wanted join engine.item i using (item_id)
        """,
        (items, k_people, most),
        ShelfRow,
    )


class PageRow(msgspec.Struct, frozen=True):
    """An item as its own page and the pages of a section show it."""

    item_id: str
    kind: str
    title: str
    summary: str
    section: str
    url: str
    image: str | None
    price_minor: int | None
    currency: str | None
    in_stock: bool


class SectionRow(msgspec.Struct, frozen=True):
    """A section of the catalogue."""

    section: str


def item(item_id: str) -> Query[PageRow]:
    """One item."""
    return Query(f"{PAGE} where item_id = $1", (item_id,), PageRow)


def of_section(section: str, most: int) -> Query[PageRow]:
    """The items of a section, in catalogue order, what is sold out last."""
    return Query(f"{PAGE} where section = $1 order by stock = 0, position, item_id limit $2", (section, most), PageRow)


def beside(item_id: str, section: str, most: int) -> Query[PageRow]:
    """What is in stock and near an item, nearest first, then what stands in its section."""
    return Query(
        """
        select i.item_id, i.kind, i.title, i.summary, i.section, i.url, i.image, i.price_minor, i.currency,
            true as in_stock
        from engine.item i left join engine.item_neighbour n on n.item_id = $1 and n.neighbour_id = i.item_id
        where i.item_id <> $1 and i.stock > 0 and (n.item_id is not null or i.section = $2)
        order by n.score desc nulls last, i.position, i.item_id limit $3
        """,
        (item_id, section, most),
        PageRow,
    )


def sections(most: int) -> Query[SectionRow]:
    """The sections, in the order in which the catalogue begins them."""
    return Query(
        """
        select section from engine.item where section <> ''
        group by section order by min(position), section limit $1
        """,
        (most,),
        SectionRow,
    )


PAGE = """
    select item_id, kind, title, summary, section, url, image, price_minor, currency, stock > 0 as in_stock
    from engine.item
"""
