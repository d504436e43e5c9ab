"""The ledger's SQL. The writer's connection runs `lock_head`, `newest` and `append` in one transaction; see writer.py.

Arrays go in by `unnest`: one round trip per batch, whatever its size. Whoever is not the writer reads only.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from ecrm_privacy.ledger import tiles
from ecrm_privacy.ledger.change import Standing, StateChange, fold
from ecrm_privacy.ledger.entry import Entry
from ecrm_privacy.ledger.merkle import EMPTY_ROOT, CompactRange
from ecrm_privacy.ledger.tiles import Tile
from ecrm_privacy.sql import Conn, Effect, Query


class Head(msgspec.Struct, frozen=True):
    """The committed head of the log."""

    origin: str
    tree_size: int
    root_hash: bytes
    edge: bytes
    frozen: str | None
    yes_from: int


class Newest(msgspec.Struct, frozen=True):
    """A subject and what an entry about it must have seen."""

    subject: UUID
    seen: int


class Appended(msgspec.Struct, frozen=True):
    """How many heads moved: 1, or 0 when the head was not the expected one and nothing was written."""

    heads: int


class Statement(msgspec.Struct, frozen=True):
    """{payload, open} of one of our own acts; public."""

    leaf_index: int
    payload: bytes
    open: bytes


class TileHashes(msgspec.Struct, frozen=True):
    """The hashes of a tile, 32 bytes each."""

    hashes: bytes | None


class Published(msgspec.Struct, frozen=True):
    """The public checkpoint; an empty note while there is none."""

    tree_size: int
    note: str


class Count(msgspec.Struct, frozen=True):
    """How many there are."""

    count: int


class Leaf(msgspec.Struct, frozen=True):
    """A leaf, as it is."""

    leaf: bytes


_HEAD = "select origin, tree_size, root_hash, edge, frozen, yes_from from ecrm.ledger_head"


async def open_log(conn: Conn, origin: str) -> Head:
    """Make sure that the log exists and return its head. A log keeps the origin it was opened with."""
    await Query(
        "insert into ecrm.ledger_head (origin, tree_size, root_hash, edge) values ($1, 0, $2, '')"
        " on conflict do nothing",
        (origin, EMPTY_ROOT),
    ).run(conn)
    found = await head().first(conn)
    assert found is not None, "the head row was just made sure of"
    return found


def head() -> Query[Head]:
    """The committed head."""
    return Query(_HEAD, (), Head)


def lock_head() -> Query[Head]:
    """The head, locked until the transaction ends: other writers queue here."""
    return Query(_HEAD + " for update", (), Head)


def newest(subjects: Sequence[UUID]) -> Query[Newest]:
    """What was written last about each of these subjects that has an entry."""
    return Query(
        "select subject, leaf_index + overtaken as seen from ecrm.subject_state where subject = any($1::uuid[])",
        (subjects,),
        Newest,
    )


def overtake(subject: UUID) -> Effect:
    """Refuse every entry about `subject` that was prepared before this one, which is about somebody else.

    A count and not this entry's index: a dump would show by it whom the other entry was about. The fold never reads it.
    """
    return Query("update ecrm.subject_state set overtaken = overtaken + 1 where subject = $1", (subject,))


_APPEND = """
with h as (
    update ecrm.ledger_head set tree_size = $2, root_hash = $3, edge = $4
    where tree_size = $1 and frozen is null returning 1 as moved
),
e as (
    insert into ecrm.ledger_entry (leaf_index, leaf, leaf_hash)
    select $1 + o - 1, leaf, leaf_hash from unnest($5::bytea[], $6::bytea[]) with ordinality as u(leaf, leaf_hash, o)
    where exists (select from h)
),
b as (
    insert into ecrm.body (leaf_index, subject, receipt_hash, sealed, wrapped_for_receipt, wrapped_for_subject)
    select * from unnest($7::bigint[], $8::uuid[], $9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[])
    where exists (select from h)
),
p as (
    insert into ecrm.statement (leaf_index, payload, open)
    select * from unnest($13::bigint[], $14::bytea[], $15::bytea[]) where exists (select from h)
),
c as (
    insert into ecrm.consent_status
        (leaf_index, subject, purpose, channel, recipient, status, notice, since, until, by_parent)
    select * from unnest($16::bigint[], $17::uuid[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[],
                         $23::date[], $24::date[], $25::boolean[])
    where exists (select from h)
    on conflict (subject, purpose, channel, recipient) do update set status = excluded.status,
        notice = excluded.notice, since = excluded.since, until = excluded.until, leaf_index = excluded.leaf_index,
        by_parent = excluded.by_parent
),
s as (
    insert into ecrm.subject_state (leaf_index, subject, regime, restricted, adult_from, gpc)
    select u.leaf_index, u.subject, coalesce(u.regime, was.regime), coalesce(u.restricted, was.restricted, false),
        coalesce(u.adult_from, was.adult_from), coalesce(u.gpc, was.gpc, false)
    from unnest($26::bigint[], $27::uuid[], $28::text[], $29::boolean[], $30::date[], $31::boolean[])
        as u(leaf_index, subject, regime, restricted, adult_from, gpc)
    left join ecrm.subject_state was on was.subject = u.subject
    where exists (select from h)
    on conflict (subject) do update set regime = excluded.regime, restricted = excluded.restricted,
        adult_from = excluded.adult_from, gpc = excluded.gpc, leaf_index = excluded.leaf_index
),
t as (
    insert into ecrm.tile (level, number, root_hash, hashes)
    select level, number, root_hash, coalesce(case level
        when 0 then (select string_agg(leaf_hash, ''::bytea order by leaf_index) from ecrm.ledger_entry
                     where leaf_index >= u.number * 256 and leaf_index < $1)
        else (select string_agg(below.root_hash, ''::bytea order by below.number) from ecrm.tile below
              where below.level = u.level - 1 and below.number between u.number * 256 and u.number * 256 + 255)
        end, ''::bytea) || added
    from unnest($32::int[], $33::bigint[], $34::bytea[], $35::bytea[]) as u(level, number, root_hash, added)
    where exists (select from h)
)
select count(*)::int as heads from h
"""


def append(before: CompactRange, hashes: Sequence[bytes], batch: Sequence[Entry]) -> Query[Appended]:
    """Everything a batch writes but its effects. No subject may occur twice in it: a row is touched once per statement.

    A CTE's `select` sees the snapshot before the statement; the head lock is held, so that is the newest state. A tile
    that becomes full finds its earlier hashes there, and gets the batch's own.
    """
    first = before.size
    after, subtrees = before.grow(hashes)
    bodies = [(first + at, entry) for at, entry in enumerate(batch) if entry.body is not None]
    statements = [(first + at, *entry.statement) for at, entry in enumerate(batch) if entry.statement is not None]
    linked = [(first + at, entry) for at, entry in enumerate(batch) if entry.subject is not None and not entry.erases]
    args = (
        before.size, after.size, after.root(), after.edge,
        [entry.leaf for entry in batch], hashes,
        *_columns(6, [_body_row(index, entry) for index, entry in bodies]),
        *_columns(3, statements),
        *_columns(10, [row for index, entry in linked for row in _status_rows(index, entry)]),
        *_columns(6, [_state_row(index, entry) for index, entry in linked]),
        *_columns(4, tiles.finished(first, hashes, subtrees)),
    )  # fmt: skip
    return Query(_APPEND, args, Appended)


def _body_row(leaf_index: int, entry: Entry) -> tuple[object, ...]:
    body = entry.body
    assert body is not None, "only entries with a body come here"
    subject = None if entry.erases else entry.subject
    return (
        leaf_index, subject, body.receipt_hash, body.sealed, body.wrapped_for_receipt, body.wrapped_for_subject,
    )  # fmt: skip


def _status_rows(leaf_index: int, entry: Entry) -> list[tuple[object, ...]]:
    folded = fold(Standing(), leaf_index, entry.changes).rows
    return [(index, entry.subject, *msgspec.structs.astuple(change)) for change, index in folded.values()]


def _state_row(leaf_index: int, entry: Entry) -> tuple[object, ...]:
    return (leaf_index, entry.subject, *msgspec.structs.astuple(entry.state or StateChange()))


def restore(subject: UUID, standing: Standing) -> list[Effect]:
    """Make a subject's rows what its bodies fold to. What the fold does not own (`overtaken`) stays as it is."""
    rows = [(index, subject, *msgspec.structs.astuple(change)) for change, index in standing.rows.values()]
    columns = _columns(10, rows)
    gone: Effect = Query(
        "delete from ecrm.consent_status where subject = $1 and (purpose, channel, recipient) not in"
        " (select * from unnest($2::text[], $3::text[], $4::text[]))",
        (subject, *columns[2:5]),
    )
    put: Effect = Query(
        """
        insert into ecrm.consent_status as s
            (leaf_index, subject, purpose, channel, recipient, status, notice, since, until, by_parent)
        select * from unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::date[], $9::date[], $10::boolean[])
        on conflict (subject, purpose, channel, recipient) do update set status = excluded.status,
            notice = excluded.notice, since = excluded.since, until = excluded.until, leaf_index = excluded.leaf_index,
            by_parent = excluded.by_parent
        where (s.status, s.notice, s.since, s.until, s.leaf_index, s.by_parent) is distinct from (excluded.status,
            excluded.notice, excluded.since, excluded.until, excluded.leaf_index, excluded.by_parent)
        """,
        tuple(columns),
    )
    return [gone, put, _state(subject, standing)]


def _state(subject: UUID, standing: Standing) -> Effect:
    if standing.state is None:
        return Query("delete from ecrm.subject_state where subject = $1", (subject,))
    return Query(
        """
        insert into ecrm.subject_state (subject, regime, restricted, adult_from, gpc, leaf_index)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (subject) do update set regime = excluded.regime, restricted = excluded.restricted,
            adult_from = excluded.adult_from, gpc = excluded.gpc, leaf_index = excluded.leaf_index
        """,
        (subject, *msgspec.structs.astuple(standing.state)),
    )


def _columns(width: int, rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    """Turn rows into one list per column, also where there is no row."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def tiles_of(asked: Sequence[Tile]) -> Query[TileHashes]:
    """The hashes of each of these tiles, in the order asked; None or too few where the log does not have them.

    An unfinished tile is no row of its own: its hashes are those of the leaves or of the full tiles below it.
    """
    return Query(
        """
        select case
            when width = 256 then (select hashes from ecrm.tile t where t.level = a.level and t.number = a.number)
            when level = 0 then (select string_agg(leaf_hash, ''::bytea order by leaf_index) from ecrm.ledger_entry
                where leaf_index >= a.number * 256 and leaf_index < a.number * 256 + a.width)
            else (select string_agg(root_hash, ''::bytea order by number) from ecrm.tile t
                where t.level = a.level - 1 and t.number >= a.number * 256 and t.number < a.number * 256 + a.width)
            end as hashes
        from unnest($1::int[], $2::bigint[], $3::int[]) with ordinality as a(level, number, width, place)
        order by place
        """,
        tuple(_columns(3, asked)),
        TileHashes,
    )


def leaves(first: int, until: int) -> Query[Leaf]:
    """The leaves from `first` up to, not including, `until`, in order."""
    return Query(
        "select leaf from ecrm.ledger_entry where leaf_index >= $1 and leaf_index < $2 order by leaf_index",
        (first, until),
        Leaf,
    )


def count_bodies() -> Query[Count]:
    """How many sealed bodies there are."""
    return Query("select count(*) from ecrm.body", (), Count)


def statement(leaf_index: int) -> Query[Statement]:
    """The public statement of one of our own acts."""
    return Query("select leaf_index, payload, open from ecrm.statement where leaf_index = $1", (leaf_index,), Statement)


def published() -> Query[Published]:
    """What is public."""
    return Query("select tree_size, note from ecrm.published", (), Published)


def claim_publishing(period: timedelta) -> Query[Published]:
    """Take the turn to publish, and return what is public; no row while the turn is not due or somebody else's."""
    return Query(
        "insert into ecrm.published (tree_size, note, at) values (0, '', now())"
        " on conflict (one) do update set at = now()"
        " where published.note = '' or published.at <= now() - $1::interval"
        " returning tree_size, note",
        (period,),
        Published,
    )


def show(tree_size: int, note: str) -> Effect:
    """Make `note` the public checkpoint, unless a higher one is, or one of that size with more signatures."""
    return Query(
        "update ecrm.published set tree_size = $1, note = $2"
        " where note = '' or tree_size < $1 or (tree_size = $1 and length(note) < length($2))",
        (tree_size, note),
    )


def freeze(why: str) -> Effect:
    """Let nothing be appended any more, and nothing personal be opened, until `ecrm ledger shard`."""
    return Query("update ecrm.ledger_head set frozen = $1 where frozen is null", (why,))


def rename(origin: str) -> Effect:
    """Let the head, which is locked, go on under another name; frozen again before the transaction ends."""
    return Query("update ecrm.ledger_head set origin = $1, frozen = null", (origin,))


def carried_on(why: str, yes_from: int | None) -> Sequence[Effect]:
    """Freeze what was renamed until the rest is done; nothing is public under the new name. None keeps `yes_from`."""
    return (
        Query("update ecrm.ledger_head set frozen = $1, yes_from = coalesce($2, yes_from)", (why, yes_from)),
        Query("update ecrm.published set tree_size = 0, note = ''"),
    )


def thaw(why: str) -> Effect:
    """Open the log again that is frozen for this reason."""
    return Query("update ecrm.ledger_head set frozen = null where frozen = $1", (why,))
