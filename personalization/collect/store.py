"""SQL of the catalogue and of behaviour. The guest may add behaviour, and read it by pseudonym alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from ecrm_privacy.sql import Query
from ecrm_privacy.vocabulary import Category, Pseudonym, Purpose


class ItemRow(msgspec.Struct, frozen=True):
    """A row of `engine.item`, in the order of its columns."""

    item_id: str
    kind: str
    title: str
    summary: str
    section: str
    url: str
    image: str | None
    price_minor: int | None
    currency: str | None
    stock: int
    position: int


class EventRow(msgspec.Struct, frozen=True):
    """A row of `engine.event`, in the order of its columns."""

    pseudonym: Pseudonym
    event_id: bytes
    type: str
    item_id: str | None
    at: datetime
    quantity: int
    amount_minor: int | None
    properties: str | None


class Open(msgspec.Struct, frozen=True):
    """A pseudonym that took events."""

    pseudonym: UUID


class Kept(msgspec.Struct, frozen=True):
    """One event as its subject may read it."""

    type: str
    item_id: str | None
    title: str | None
    at: datetime
    quantity: int
    amount_minor: int | None
    properties: str | None


class Taught(msgspec.Struct, frozen=True):
    """An item that a subject contributed to the shared counts."""

    item_id: str
    title: str | None


def _columns(rows: Sequence[msgspec.Struct]) -> tuple[Any, ...]:
    return tuple(list(column) for column in zip(*(msgspec.structs.astuple(row) for row in rows), strict=True))


def put_items(rows: Sequence[ItemRow]) -> Query[None]:
    """Insert or replace items; each item_id once, in order."""
    return Query(
        """
        insert into engine.item (item_id, kind, title, summary, section, url, image, price_minor, currency, stock,
                                 position)
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::bigint[], $9::text[], $10::int[], $11::int[])
        on conflict (item_id) do update set kind = excluded.kind, title = excluded.title, summary = excluded.summary,
            section = excluded.section, url = excluded.url, image = excluded.image, price_minor = excluded.price_minor,
            currency = excluded.currency, stock = excluded.stock, position = excluded.position
        """,
        _columns(rows),
    )


def put_events(rows: Sequence[EventRow], purpose: Purpose) -> Query[Open]:
    """Store the events whose pseudonym is open for `purpose` and stays so until the commit; returns these."""
    return Query(
        """
        with still_open as materialized (
            select hold as pseudonym from ecrm.hold($1, $2)
        ), put as (
            insert into engine.event (pseudonym, event_id, type, item_id, at, quantity, amount_minor, properties)
            select e.*
            from unnest($3::uuid[], $4::bytea[], $5::text[], $6::text[], $7::timestamptz[], $8::int[], $9::bigint[],
                        $10::text[])
                as e(pseudonym, event_id, type, item_id, at, quantity, amount_minor, properties)
            join still_open using (pseudonym)
            order by e.pseudonym, e.event_id
            on conflict do nothing
        )
        select pseudonym from still_open
        """,
        (sorted({row.pseudonym for row in rows}), purpose, *_columns(rows)),
        Open,
    )


def kept(pseudonyms: Sequence[Pseudonym]) -> Query[Kept]:
    """Everything kept under `pseudonyms`, newest first, for the person it is about."""
    return Query(
        """
        select e.type, e.item_id, i.title, e.at, e.quantity, e.amount_minor, e.properties
        from engine.event e left join engine.item i on i.item_id = e.item_id
        where e.pseudonym = any($1) order by e.at desc, e.event_id
        """,
        (pseudonyms,),
        Kept,
    )


def taught(pseudonyms: Sequence[Pseudonym]) -> Query[Taught]:
    """The items that `pseudonyms` contributed to the shared counts."""
    return Query(
        """
        select c.item_id, i.title from engine.contribution c left join engine.item i on i.item_id = c.item_id
        where c.pseudonym = any($1) order by c.item_id
        """,
        (pseudonyms,),
        Taught,
    )


def forget(pseudonyms: Sequence[Pseudonym], most: int) -> Query[None]:
    """Delete at most `most` events of `pseudonyms`."""
    return Query(
        """
        delete from engine.event e
        using (select pseudonym, event_id from engine.event where pseudonym = any($1)
               order by pseudonym, event_id limit $2) gone
        where e.pseudonym = gone.pseudonym and e.event_id = gone.event_id
        """,
        (pseudonyms, most),
    )


class Aged(msgspec.Struct, frozen=True):
    """A pseudonym, and how many of its events went by age."""

    pseudonym: UUID
    events: int


def age(category: Category, days: int, most: int) -> Query[Aged]:
    """Delete at most `most` events of a category from before the last `days` days, in the order of their names."""
    return Query(
        """
        with old as materialized (
            select e.pseudonym, e.event_id from engine.event e join ecrm.pseudonym p using (pseudonym)
            where p.category = $1 and e.at < current_date - $2::int
            order by e.pseudonym, e.event_id limit $3
        ), gone as (
            delete from engine.event e using old where e.pseudonym = old.pseudonym and e.event_id = old.event_id
            returning e.pseudonym
        )
        select pseudonym, count(*) as events from gone group by pseudonym
        """,
        (category, days, most),
        Aged,
    )


def set_stock(items: Sequence[str], stock: Sequence[int]) -> Query[None]:
    """Set the stock of known items."""
    return Query(
        """
        update engine.item i set stock = s.stock from unnest($1::text[], $2::int[]) s(item_id, stock)
        where i.item_id = s.item_id
        """,
        (items, stock),
    )


def mix(newer_than: datetime) -> Query[None]:
    """Write the events since `newer_than` anew in the order of their random names; see the migration."""
    return Query("call engine.mix('event', $1)", (newer_than,))
