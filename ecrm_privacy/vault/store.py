"""The vault's tables: wrapped keys, sealed records, blind indexes, the register of pseudonyms, and the use log.

Every function returns a `Query`; nothing here begins, commits or acquires. Queries without a row type are effects:
they may travel with a ledger entry. Rows of `pseudonym_use` are locked in the order of pseudonyms, like `ecrm.hold`
does it.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from ecrm_privacy.sql import Effect, Query
from ecrm_privacy.vault.blind_index import Spelled
from ecrm_privacy.vault.uses import Counted
from ecrm_privacy.vocabulary import Category, Pseudonym, Purpose, SubjectId


class KeyRow(msgspec.Struct, frozen=True):
    """A wrapped key and whose it is."""

    subject: UUID
    category: str
    version: int
    wrapped: bytes


class RecordRow(msgspec.Struct, frozen=True):
    """A sealed field value and the version of the key that sealed it."""

    subject: UUID
    category: str
    field: str
    version: int
    sealed: bytes


class PseudonymRow(msgspec.Struct, frozen=True):
    """A registered pseudonym."""

    pseudonym: UUID


class UseRow(msgspec.Struct, frozen=True):
    """A purpose that a pseudonym's history may serve now."""

    pseudonym: UUID
    purpose: str


# keys ---------------------------------------------------------------------------------------------------------------


def insert_key(
    subject: SubjectId,
    category: Category,
    version: int,
    wrapped: bytes,
    pseudonym: Pseudonym | None = None,
    purposes: Sequence[Purpose] = (),
) -> Effect:
    """Insert a key and, only if its row is really new, its pseudonym and the purposes that may use it.

    Somebody who made this version first keeps it: then nothing is inserted, and the key of the loser opens nothing.
    """
    return Query(
        """
        with inserted as (
            insert into ecrm.subject_key (subject, category, version, wrapped) values ($1, $2, $3, $4)
            on conflict do nothing returning 1
        ), named as (
            insert into ecrm.pseudonym (pseudonym, category)
            select $5::uuid, $2 where $5::uuid is not null and exists (select from inserted)
            on conflict do nothing
        )
        insert into ecrm.pseudonym_use (pseudonym, purpose)
        select $5::uuid, purpose from unnest($6::text[]) as purpose
        where $5::uuid is not null and exists (select from inserted)
        on conflict do nothing
        """,
        (subject, category, version, wrapped, pseudonym, list(purposes)),
    )


def keys_of(subjects: Sequence[SubjectId]) -> Query[KeyRow]:
    """Return every key of these subjects, by subject, category and version."""
    return Query(
        "select subject, category, version, wrapped from ecrm.subject_key where subject = any($1::uuid[])"
        " order by subject, category, version",
        (list(subjects),),
        KeyRow,
    )


def keys_in(subjects: Sequence[SubjectId], category: Category) -> Query[KeyRow]:
    """Return every key of these subjects in one category, in no order."""
    return Query(
        "select subject, category, version, wrapped from ecrm.subject_key"
        " where subject = any($1::uuid[]) and category = $2",
        (list(subjects), category),
        KeyRow,
    )


def replace_key(subject: SubjectId, category: Category, version: int, wrapped: bytes, names: Pseudonym) -> Effect:
    """Put another key in the place of one, whose pseudonym would be `names`: nothing that it sealed opens any more.

    Touches no row where a history stands under that pseudonym: such a key is all that leads there.
    """
    return Query(
        "update ecrm.subject_key set wrapped = $4 where subject = $1 and category = $2 and version = $3"
        " and not exists (select from ecrm.pseudonym where pseudonym = $5)",
        (subject, category, version, wrapped, names),
    )


def destroy_key(subject: SubjectId, category: Category, version: int) -> Effect:
    """Delete one key: what it sealed no longer opens. Used after a hand-over."""
    return Query(
        "delete from ecrm.subject_key where subject = $1 and category = $2 and version = $3",
        (subject, category, version),
    )


# records ------------------------------------------------------------------------------------------------------------


def put_records(subject: SubjectId, category: Category, version: int, sealed: Mapping[str, bytes]) -> Effect:
    """Insert or replace the sealed values of fields."""
    return Query(
        "insert into ecrm.record (subject, category, field, version, sealed)"
        " select $1, $2, r.field, $3, r.sealed from unnest($4::text[], $5::bytea[]) as r(field, sealed)"
        " on conflict (subject, category, field) do update set version = excluded.version, sealed = excluded.sealed",
        (subject, category, version, list(sealed), list(sealed.values())),
    )


def records_of(subject: SubjectId) -> Query[RecordRow]:
    """Return every sealed field of a subject, by category and field."""
    return Query(
        "select subject, category, field, version, sealed from ecrm.record where subject = $1 order by category, field",
        (subject,),
        RecordRow,
    )


# blind indexes ------------------------------------------------------------------------------------------------------


def insert_index(index: Spelled, subject: SubjectId) -> Effect:
    """Name a subject by a blind index in the generation in force, unless the index names somebody already."""
    return Query(
        """
        insert into ecrm.blind_index (kind, value, subject, generation)
        select $1, v.value, $4, g.generation
        from ecrm.index_generation g join unnest($2::int[], $3::bytea[]) v(generation, value) using (generation)
        where not exists (select from ecrm.blind_index b where b.kind = $1 and b.value = any($3))
        on conflict do nothing
        """,
        (index.kind, list(index.values), list(index.values.values()), subject),
    )


def claim_index(index: Spelled, subject: SubjectId) -> Effect:
    """Name a new subject by a blind index in the generation in force.

    Fails when the index names somebody already: `blind_index_pkey`, or `blind_index_value_check` where that somebody
    still, or already, has the spelling of another generation. Fails too for a process that has not heard of the
    generation in force: it would find nobody.
    """
    return Query(
        """
        insert into ecrm.blind_index (kind, value, subject, generation)
        select $1, case when exists (
                select from ecrm.blind_index b where b.kind = $1 and b.value = any($3) and b.value <> v.value
            ) then ''::bytea else v.value end, $4, g.generation
        from ecrm.index_generation g left join unnest($2::int[], $3::bytea[]) v(generation, value) using (generation)
        """,
        (index.kind, list(index.values), list(index.values.values()), subject),
    )


class GenerationRow(msgspec.Struct, frozen=True):
    """The generation of index keys in force; `filled`: no row of an earlier one is left, so that the next may begin."""

    generation: int
    filled: bool
    may_begin: bool


def generation(at_least_s: float = 0) -> Query[GenerationRow]:
    """Read the generation in force, and whether it is so old that every process has heard of it."""
    return Query(
        "select generation, filled, since <= now() - make_interval(secs => $1) as may_begin from ecrm.index_generation",
        (at_least_s,),
        GenerationRow,
    )


def begin_generation(after: int) -> Effect:
    """Let the generation after this one begin; no row where that was done already, or rows of an earlier are left."""
    return Query(
        "update ecrm.index_generation set generation = generation + 1, filled = false, since = now()"
        " where generation = $1 and filled",
        (after,),
    )


class IndexRow(msgspec.Struct, frozen=True):
    """A value of an earlier generation."""

    kind: str
    value: bytes
    generation: int


def older_indexes(kind: str, value: bytes, generation: int, most: int) -> Query[IndexRow]:
    """List values of generations before this one, in the order of the table's key, after `kind` and `value`."""
    return Query(
        "select kind, value, generation from ecrm.blind_index where (kind, value) > ($1, $2) and generation < $3"
        " order by kind, value limit $4",
        (kind, value, generation, most),
        IndexRow,
    )


def renew_indexes(rows: Sequence[IndexRow], values: Sequence[bytes], generation: int) -> Effect:
    """Give each of `rows` its value of a later generation; one that was erased meanwhile stays erased."""
    return Query(
        "update ecrm.blind_index b set value = n.renewed, generation = $4"
        " from unnest($1::text[], $2::bytea[], $3::bytea[]) n(kind, value, renewed)"
        " where b.kind = n.kind and b.value = n.value",
        ([row.kind for row in rows], [row.value for row in rows], list(values), generation),
    )


def end_generation(generation: int) -> Effect:
    """Say that no row of an earlier generation is left, if that is so."""
    return Query(
        "update ecrm.index_generation set filled = true where generation = $1"
        " and not exists (select from ecrm.blind_index where generation < $1)",
        (generation,),
    )


# the suppression list -----------------------------------------------------------------------------------------------


def suppress(values: Sequence[bytes]) -> Effect:
    """Keep addresses from being contacted; who asks again is known by the later day."""
    return Query(
        "insert into ecrm.suppressed (value, since) select value, current_date from unnest($1::bytea[]) value"
        " order by value on conflict (value) do update set since = excluded.since",
        (list(values),),
    )


class SuppressedRow(msgspec.Struct, frozen=True):
    """An address that may not be contacted, and since when."""

    value: bytes
    since: date


def suppressed(values: Sequence[bytes]) -> Query[SuppressedRow]:
    """Return those of `values` that are on the list."""
    return Query(
        "select value, since from ecrm.suppressed where value = any($1::bytea[])", (list(values),), SuppressedRow
    )


# erasure ------------------------------------------------------------------------------------------------------------


def destroy_category(subject: SubjectId, category: Category) -> tuple[Effect, Effect]:
    """Delete the keys and records of one category, when nothing covers it any more."""
    return (
        Query("delete from ecrm.subject_key where subject = $1 and category = $2", (subject, category)),
        Query("delete from ecrm.record where subject = $1 and category = $2", (subject, category)),
    )


def destroy_subject(subject: SubjectId) -> tuple[Effect, Effect, Effect]:
    """Delete all keys, records and blind indexes of a subject. Read its pseudonyms first: nothing leads back."""
    return (
        Query("delete from ecrm.subject_key where subject = $1", (subject,)),
        Query("delete from ecrm.record where subject = $1", (subject,)),
        Query("delete from ecrm.blind_index where subject = $1", (subject,)),
    )


# the register of pseudonyms -----------------------------------------------------------------------------------------


def register(pseudonyms: Sequence[Pseudonym], category: Category, retiring: UUID | None = None) -> Effect:
    """Register pseudonyms of keys that exist, and say which withdrawal may forget their history: none while it is open.

    Waits for whoever is forgetting them just now, and registers them anew when they are gone.
    """
    return Query(
        "insert into ecrm.pseudonym (pseudonym, category, retiring) select p, $2, $3 from unnest($1::uuid[]) p"
        " on conflict (pseudonym) do update set retiring = excluded.retiring",
        (list(pseudonyms), category, retiring),
    )


def hold_retiring(pseudonyms: Sequence[Pseudonym], retiring: UUID | None) -> Query[PseudonymRow]:
    """Return those that this withdrawal may still forget, and keep it so until the transaction ends.

    A later answer about them made their history live again, or its end another withdrawal's.
    """
    return Query(
        "select pseudonym from ecrm.pseudonym where pseudonym = any($1::uuid[]) and retiring = $2"
        " order by pseudonym for update",
        (list(pseudonyms), retiring),
        PseudonymRow,
    )


def mix() -> tuple[Effect, Effect]:
    """Write the register anew in the order of its random names; each is a transaction of its own.

    Rows of one answer stand at the same place in several tables until then, and a dump keeps that order: so a dump
    could be joined by it. Runs after imports and every hour. Fails with LockNotAvailable where it would have to wait.
    """
    return Query("call ecrm.mix('pseudonym')"), Query("call ecrm.mix('pseudonym_use')")


def rewrite(table: str) -> Effect:
    """Write a table anew, so that nothing of a deleted row is left in its files; a transaction of its own.

    Fails with LockNotAvailable where it would have to wait. The files as they were are gone when it commits; what the
    server wrote ahead goes with the checkpoint after it.
    """
    return Query("call ecrm.rewrite($1::text::regclass)", (table,))


def insert_uses(pseudonyms: Sequence[Pseudonym], purposes: Sequence[Purpose]) -> Effect:
    """Let the history of these pseudonyms serve these purposes; a pseudonym that is not registered is passed over."""
    return Query(
        """
        insert into ecrm.pseudonym_use (pseudonym, purpose)
        select p.pseudonym, purpose from ecrm.pseudonym p cross join unnest($2::text[]) as purpose
        where p.pseudonym = any($1::uuid[])
        order by p.pseudonym, purpose
        on conflict do nothing
        """,
        (list(pseudonyms), list(purposes)),
    )


def delete_all_uses(pseudonyms: Sequence[Pseudonym]) -> Effect:
    """Close these pseudonyms for every purpose; waits for events that are being stored under them."""
    return Query(
        """
        with held as materialized (
            select pseudonym, purpose from ecrm.pseudonym_use
            where pseudonym = any($1::uuid[]) order by pseudonym, purpose for update
        )
        delete from ecrm.pseudonym_use u using held
        where u.pseudonym = held.pseudonym and u.purpose = held.purpose
        """,
        (list(pseudonyms),),
    )


def lock_uses(pseudonyms: Sequence[Pseudonym]) -> Query[UseRow]:
    """Return what these pseudonyms are open for, and keep it so until the transaction ends."""
    return Query(
        "select pseudonym, purpose from ecrm.pseudonym_use where pseudonym = any($1::uuid[])"
        " order by pseudonym, purpose for update",
        (list(pseudonyms),),
        UseRow,
    )


def uses_of(pseudonyms: Sequence[Pseudonym]) -> Query[UseRow]:
    """Return what these pseudonyms are open for."""
    return Query(
        "select pseudonym, purpose from ecrm.pseudonym_use where pseudonym = any($1::uuid[])"
        " order by pseudonym, purpose",
        (list(pseudonyms),),
        UseRow,
    )


def delete_pseudonyms(pseudonyms: Sequence[Pseudonym]) -> Effect:
    """Delete pseudonyms, last of all: behaviour that is left goes with them by cascade."""
    return Query("delete from ecrm.pseudonym where pseudonym = any($1::uuid[])", (list(pseudonyms),))


# the use log --------------------------------------------------------------------------------------------------------


class CountedRow(msgspec.Struct, frozen=True):
    """For how many of the uses it was done."""

    counted: int


class UseCountRow(msgspec.Struct, frozen=True):
    """A count as it stands in the table (`vault.uses` reads it)."""

    use: bytes
    month: date
    sealed: bytes
    times: int


def count_uses(uses: Sequence[Counted]) -> Query[CountedRow]:
    """Add to counts. Whoever has no key to be counted under, or is being erased, is passed over."""
    columns = zip(*uses, strict=True) if uses else ((),) * len(Counted._fields)
    return Query("select ecrm.count_uses($1, $2, $3, $4, $5, $6, $7) as counted", tuple(map(list, columns)), CountedRow)


def use_counts(pseudonyms: Sequence[Pseudonym]) -> Query[UseCountRow]:
    """Return the counts under these names, in no order."""
    return Query(
        "select use, month, sealed, times from ecrm.use_count where pseudonym = any($1::uuid[])",
        (list(pseudonyms),),
        UseCountRow,
    )


def forget_use_counts(pseudonyms: Sequence[Pseudonym], most: int) -> Effect:
    """Delete at most so many counts under these names."""
    return Query(
        "delete from ecrm.use_count where (pseudonym, use) in"
        " (select pseudonym, use from ecrm.use_count where pseudonym = any($1::uuid[]) limit $2)",
        (list(pseudonyms), most),
    )


def age_use_counts(days: int, most: int) -> Effect:
    """Delete at most so many counts of months that began more than so many days ago."""
    return Query(
        "delete from ecrm.use_count where (pseudonym, use) in"
        " (select pseudonym, use from ecrm.use_count where month < current_date - $1::int limit $2)",
        (days, most),
    )


def mix_use_counts(newer_than: datetime) -> Effect:
    """Take from the counts of the months since then the order in which people came; a transaction of its own."""
    return Query("call ecrm.mix_uses($1)", (newer_than,))
