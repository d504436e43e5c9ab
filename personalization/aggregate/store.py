"""SQL of the counts. Every statement that changes them runs under the lock of `engine.model`'s one row."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from ecrm_privacy.sql import Query
from ecrm_privacy.vocabulary import CONTRIBUTE, Pseudonym

REBUILT_ITEMS = "select item_id, count(*) from engine.contribution group by item_id"
REBUILT_PAIRS = """
    select a.item_id, b.item_id as other_id, count(*)
    from engine.contribution a join engine.contribution b on b.pseudonym = a.pseudonym and a.item_id < b.item_id
    group by 1, 2
"""


class Version(msgspec.Struct, frozen=True):
    """How often the counts changed, and from which of these versions and for which k the neighbours were published."""

    version: int
    published: int
    k_people: int


class Settled(msgspec.Struct, frozen=True):
    """One settling: contribution rows that came and went, count rows that should have changed and that did."""

    added: int
    removed: int
    due: int
    changed: int


class One(msgspec.Struct, frozen=True):
    """A pseudonym."""

    pseudonym: UUID


class Sizes(msgspec.Struct, frozen=True):
    """How much was learned, and from how many pseudonyms that do not contribute (any more)."""

    contributors: int
    items: int
    pairs: int
    strangers: int


class Contributors(msgspec.Struct, frozen=True):
    """How many pseudonyms contribute now."""

    contributors: int


class Difference(msgspec.Struct, frozen=True):
    """A row of the counts that a rebuild would not have, or would have otherwise (None: no row)."""

    item_id: str
    other_id: str | None
    kept: int | None
    rebuilt: int | None


class Published(msgspec.Struct, frozen=True):
    """How many neighbours there are, and how many rows had to change for it."""

    neighbours: int
    changed: int


def lock() -> Query[Version]:
    """Wait until nobody else changes the counts; held until the transaction ends."""
    return Query("select version, published, k_people from engine.model for update", (), Version)


def room_to_sort() -> Query[None]:
    """Counting pairs sorts millions of rows: give this transaction the memory for it, and no compilation."""
    return Query("select set_config('work_mem', '64MB', true), set_config('jit', 'off', true)")


def advance() -> Query[None]:
    """Say that the counts changed."""
    return Query("update engine.model set version = version + 1")


def published(version: int, k_people: int) -> Query[None]:
    """Say which version the neighbours were made from, and for how many people at least."""
    return Query("update engine.model set published = $1, k_people = $2", (version, k_people))


def hold(pseudonyms: Sequence[Pseudonym]) -> Query[One]:
    """Which of `pseudonyms` contribute now; they cannot be closed before the transaction ends."""
    return Query("select hold as pseudonym from ecrm.hold($1, $2)", (pseudonyms, CONTRIBUTE), One)


def concerned(after: Pseudonym, most: int) -> Query[One]:
    """The next `most` pseudonyms, in order, that contribute or have contributed."""
    return Query(
        """
        select pseudonym from (
            (select pseudonym from engine.contributor where pseudonym > $1 order by pseudonym limit $2)
            union
            (select distinct pseudonym from engine.contribution where pseudonym > $1 order by pseudonym limit $2)
        ) either
        order by pseudonym limit $2
        """,
        (after, most),
        One,
    )


def contributed(pseudonyms: Sequence[Pseudonym], most: int) -> Query[One]:
    """The first `most` of `pseudonyms`, in order, from whom anything is still counted."""
    return Query(
        """
        select distinct pseudonym from engine.contribution where pseudonym = any($1) order by pseudonym limit $2
        """,
        (pseudonyms, most),
        One,
    )


def settle(pseudonyms: Sequence[Pseudonym], items_most: int) -> Query[Settled]:
    """Make what is counted from `pseudonyms` what they contribute now: at most their `items_most` last bought items.

    The difference of two sets of items per pseudonym, and from it integers per item and pair, in key order;
    `items_most` 0 un-learns. A pair changes where one of its items came or went: all pairs of the wanted set with a new
    item, less all pairs of the held set with a gone one.
    """
    return Query(
        """
        with recent as (
            select pseudonym, item_id, row_number() over (partition by pseudonym order by max(at) desc, item_id) as nth
            from engine.event_contributed
            where $2 > 0 and pseudonym = any($1) and type = 'purchase' and item_id is not null
            group by pseudonym, item_id
        ), wanted as materialized (
            select r.pseudonym, r.item_id, c.item_id is null as is_new
            from recent r left join engine.contribution c using (pseudonym, item_id)
            where r.nth <= $2
        ), held as materialized (
            select c.pseudonym, c.item_id, w.item_id is null as is_gone
            from engine.contribution c left join wanted w using (pseudonym, item_id)
            where c.pseudonym = any($1)
        ), put as (
            insert into engine.contribution (pseudonym, item_id)
            select pseudonym, item_id from wanted where is_new order by pseudonym, item_id
            returning 1
        ), cut as (
            delete from engine.contribution c using held h
            where h.is_gone and c.pseudonym = h.pseudonym and c.item_id = h.item_id
            returning 1
        ), item as materialized (
            select item_id, sum(step)::bigint as step
            from (select item_id, 1 as step from wanted where is_new
                  union all select item_id, -1 from held where is_gone) s
            group by item_id having sum(step) <> 0
        ), pair as materialized (
            select item_id, other_id, sum(step)::bigint as step
            from (select least(a.item_id, b.item_id) as item_id, greatest(a.item_id, b.item_id) as other_id, 1 as step
                  from wanted a join wanted b using (pseudonym)
                  where a.is_new and (a.item_id < b.item_id or not b.is_new and a.item_id > b.item_id)
                  union all
                  select least(a.item_id, b.item_id), greatest(a.item_id, b.item_id), -1
                  from held a join held b using (pseudonym)
                  where a.is_gone and (a.item_id < b.item_id or not b.is_gone and a.item_id > b.item_id)) s
            group by item_id, other_id having sum(step) <> 0
        ), item_up as (
            insert into engine.item_count as c (item_id, contributors)
            select item_id, step from item where step > 0 order by item_id
            on conflict (item_id) do update set contributors = c.contributors + excluded.contributors
            returning 1
        ), item_down as (
            update engine.item_count c set contributors = c.contributors + i.step from item i
            where i.step < 0 and c.item_id = i.item_id and c.contributors + i.step > 0
            returning 1
        ), item_out as (
            delete from engine.item_count c using item i
            where i.step < 0 and c.item_id = i.item_id and c.contributors + i.step = 0
            returning 1
        ), pair_up as (
            insert into engine.item_pair as c (item_id, other_id, contributors)
            select item_id, other_id, step from pair where step > 0 order by item_id, other_id
            on conflict (item_id, other_id) do update set contributors = c.contributors + excluded.contributors
            returning 1
        ), pair_down as (
            update engine.item_pair c set contributors = c.contributors + p.step from pair p
            where p.step < 0 and c.item_id = p.item_id and c.other_id = p.other_id and c.contributors + p.step > 0
            returning 1
        ), pair_out as (
            delete from engine.item_pair c using pair p
            where p.step < 0 and c.item_id = p.item_id and c.other_id = p.other_id and c.contributors + p.step = 0
            returning 1
        )
        select (select count(*) from put) as added, (select count(*) from cut) as removed,
            (select count(*) from item) + (select count(*) from pair) as due,
            (select count(*) from item_up) + (select count(*) from item_down) + (select count(*) from item_out)
            + (select count(*) from pair_up) + (select count(*) from pair_down) + (select count(*) from pair_out)
                as changed
        """,
        (pseudonyms, items_most),
        Settled,
    )


def mix() -> Query[None]:
    """Write the contributions anew in the order of their random names; see the migration."""
    return Query("call engine.mix('contribution', null)")


def clear() -> tuple[Query[None], ...]:
    """Forget all counts, but not whose they were."""
    return (Query("delete from engine.item_pair"), Query("delete from engine.item_count"))


def recount() -> tuple[Query[None], ...]:
    """Count anew from what was contributed."""
    return (
        Query(f"insert into engine.item_count (item_id, contributors) {REBUILT_ITEMS} order by item_id"),
        Query(
            f"insert into engine.item_pair (item_id, other_id, contributors) {REBUILT_PAIRS} order by item_id, other_id"
        ),
    )


def contributor_count() -> Query[Contributors]:
    """Count those who contribute now."""
    return Query("select count(*) as contributors from engine.contributor", (), Contributors)


def sizes() -> Query[Sizes]:
    """Count what was learned; strangers are contributions that no event of a contributor stands behind."""
    return Query(
        """
        select (select count(*) from (select distinct pseudonym from engine.contribution) p) as contributors,
            (select count(*) from engine.item_count) as items, (select count(*) from engine.item_pair) as pairs,
            (select count(distinct c.pseudonym) from engine.contribution c left join engine.event_contributed e
             on e.pseudonym = c.pseudonym and e.item_id = c.item_id and e.type = 'purchase'
             where e.pseudonym is null) as strangers
        """,
        (),
        Sizes,
    )


def first_difference() -> Query[Difference]:
    """The first row, in key order, in which the counts are not what a rebuild from the contributions gives."""
    return Query(
        f"""
        select item_id, other_id, kept, rebuilt from (
            select coalesce(c.item_id, r.item_id) as item_id, null as other_id, c.contributors as kept, r.n as rebuilt
            from engine.item_count c full join ({REBUILT_ITEMS}) r(item_id, n) on r.item_id = c.item_id
            where c.contributors is distinct from r.n
            union all
            select coalesce(c.item_id, r.item_id), coalesce(c.other_id, r.other_id), c.contributors, r.n
            from engine.item_pair c full join ({REBUILT_PAIRS}) r(item_id, other_id, n)
                on r.item_id = c.item_id and r.other_id = c.other_id
            where c.contributors is distinct from r.n
        ) differences
        order by item_id, other_id nulls first limit 1
        """,  # noqa: S608 - constants of this file
        (),
        Difference,
    )


def publish(k_people: int, shrinkage: float, most: int) -> Query[Published]:
    """Make each item's `most` nearest neighbours from pairs that at least `k_people` contribute to.

    Cosine with shrinkage c/(sqrt(n_i n_j) + h) (Sarwar et al. 2001; Bell and Koren 2007); ties go by item id.
    """
    return Query(
        """
        with pair as materialized (
            select p.item_id, p.other_id,
                (p.contributors / (sqrt(a.contributors::float8 * b.contributors) + $2::float8))::real as score
            from engine.item_pair p
            join engine.item_count a on a.item_id = p.item_id join engine.item_count b on b.item_id = p.other_id
            where p.contributors >= $1
        ), ranked as (
            select item_id, other_id, score,
                row_number() over (partition by item_id order by score desc, other_id) as nth
            from (select item_id, other_id, score from pair union all select other_id, item_id, score from pair) either
        ), fresh as materialized (
            select item_id, other_id as neighbour_id, score from ranked where nth <= $3
        ), gone as (
            delete from engine.item_neighbour n
            where not exists (select from fresh f where f.item_id = n.item_id and f.neighbour_id = n.neighbour_id)
            returning 1
        ), come as (
            insert into engine.item_neighbour as n (item_id, neighbour_id, score)
            select item_id, neighbour_id, score from fresh order by item_id, neighbour_id
            on conflict (item_id, neighbour_id) do update set score = excluded.score where n.score <> excluded.score
            returning 1
        )
        select (select count(*) from fresh) as neighbours,
            (select count(*) from gone) + (select count(*) from come) as changed
        """,
        (k_people, shrinkage, most),
        Published,
    )
