"""SQL of the job queue, of upkeep, of imports under way, and of the replies that an Idempotency-Key gets again."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import msgspec

from ecrm_privacy.sql import Effect, Query


class JobRow(msgspec.Struct, frozen=True):
    """A leased job. Its lease is that of this attempt: whoever leases it again has the next number."""

    job_id: UUID
    kind: str
    payload: str
    attempts: int


def enqueue(kind: str, payload: msgspec.Struct, *, after_days: int = 0) -> Effect:
    """Owe a job of `kind`, due now, or at the end of a day: no exact time stands beside a pseudonym for long."""
    return Query(
        "insert into ecrm.job (job_id, kind, payload, due)"
        " values ($1, $2, $3, case when $4::int = 0 then now() else current_date + $4::int + 1 end)",
        (uuid4(), kind, msgspec.json.encode(payload).decode(), after_days),
    )


def lease(lease_s: float) -> Query[JobRow]:
    """Take the oldest due job that nobody holds, for `lease_s` seconds; none while the log is frozen."""
    return Query(
        "update ecrm.job set leased_until = now() + make_interval(secs => $1), attempts = attempts + 1"
        " where job_id = (select job_id from ecrm.job where due <= now()"
        "   and coalesce(leased_until, '-infinity') < now()"
        "   and not exists (select from ecrm.ledger_head where frozen is not null)"
        "   order by due limit 1 for update skip locked)"
        " returning job_id, kind, payload, attempts",
        (lease_s,),
        JobRow,
    )


def forget_retirements(pseudonyms: Sequence[UUID]) -> Effect:
    """Strike off what is owed later about pseudonyms that are gone; their names stand nowhere then."""
    return Query(
        "delete from ecrm.job where kind = 'retire' and exists (select from"
        " jsonb_array_elements_text(payload::jsonb -> 'pseudonyms') p where p = any($1))",
        ([str(pseudonym) for pseudonym in pseudonyms],),
    )


def renew(job: JobRow, lease_s: float) -> Effect:
    """Hold a job for another `lease_s` seconds; no row means that somebody else holds it."""
    return Query(
        "update ecrm.job set leased_until = now() + make_interval(secs => $3) where job_id = $1 and attempts = $2",
        (job.job_id, job.attempts, lease_s),
    )


def done(job: JobRow) -> Effect:
    """Strike a job off, unless somebody else holds it by now."""
    return Query("delete from ecrm.job where job_id = $1 and attempts = $2", (job.job_id, job.attempts))


def retry(job: JobRow, after_s: float, failed: str | None) -> Effect:
    """Put a job back for later, or keep it as a dead letter with the name of what stopped it; unless it was lost."""
    return Query(
        "update ecrm.job set leased_until = null, due = now() + make_interval(secs => $3), failed = $4"
        " where job_id = $1 and attempts = $2",
        (job.job_id, job.attempts, after_s, failed),
    )


class QueueRow(msgspec.Struct, frozen=True):
    """How much is owed."""

    due: int
    failed: int
    oldest: datetime | None


def state() -> Query[QueueRow]:
    """Count what is due now and what failed for good."""
    return Query(
        "select count(*) filter (where due <= now()) as due,"
        " count(*) filter (where failed is not null) as failed, min(due) filter (where failed is null) as oldest"
        " from ecrm.job",
        (),
        QueueRow,
    )


def forget_replies() -> Effect:
    """Forget the replies that nobody can ask for again."""
    return Query("delete from ecrm.reply where expires <= now()")


class TurnRow(msgspec.Struct, frozen=True):
    """A turn at upkeep: when it began, and since when behaviour has come that is not mixed."""

    begun: datetime
    mixed: datetime


def take_turn(every_s: float) -> Query[TurnRow]:
    """Take the turn at upkeep; no row means that somebody took it less than `every_s` seconds ago."""
    return Query(
        "update ecrm.upkeep set begun = now() where begun <= now() - make_interval(secs => $1) returning begun, mixed",
        (every_s,),
        TurnRow,
    )


def note_mixed(until: datetime) -> Effect:
    """Remember that all behaviour which came before `until` is mixed."""
    return Query("update ecrm.upkeep set mixed = greatest(mixed, $1)", (until,))


def note_erased() -> Effect:
    """Count what was erased: rows of it lie deleted in the tables until those are written anew."""
    return Query("update ecrm.upkeep set erased = erased + 1")


class LeftRow(msgspec.Struct, frozen=True):
    """How many erasures there were when the tables began to be written anew."""

    erased: int


def left(hour: int, days: int) -> Query[LeftRow]:
    """Say whether tables are to be written anew: every so many days, after this hour (UTC), if anything was erased."""
    return Query(
        "select erased from ecrm.upkeep where erased > rewritten"
        " and rewritten_on <= (now() at time zone 'utc')::date - $2::int"
        " and extract(hour from now() at time zone 'utc') >= $1::int",
        (hour, days),
        LeftRow,
    )


def note_rewritten(erased: int) -> Effect:
    """Remember that every table was written anew after so many erasures, and today."""
    return Query(
        "update ecrm.upkeep set rewritten = greatest(rewritten, $1), rewritten_on = (now() at time zone 'utc')::date",
        (erased,),
    )


class ReplyRow(msgspec.Struct, frozen=True):
    """A reply that was given before to the same Idempotency-Key."""

    body_mac: bytes
    sealed: bytes
    leaf_index: int | None


def reply(key_mac: bytes) -> Query[ReplyRow]:
    """Find the living reply to an Idempotency-Key."""
    return Query(
        "select body_mac, sealed, leaf_index from ecrm.reply where key_mac = $1 and expires > now()",
        (key_mac,),
        ReplyRow,
    )


def keep_reply(key_mac: bytes, body_mac: bytes, sealed: bytes, leaf_index: object) -> tuple[Effect, Effect]:
    """Keep a reply with its entry's index for 24 hours, rounded up.

    A key that is taken fails the entry, a dead one gives way.
    """
    return (
        Query("delete from ecrm.reply where key_mac = $1 and expires <= now()", (key_mac,)),
        Query(
            "insert into ecrm.reply (key_mac, body_mac, sealed, leaf_index, expires)"
            " values ($1, $2, $3, $4, date_trunc('hour', now()) + interval '25 hours')",
            (key_mac, body_mac, sealed, leaf_index),
        ),
    )


class ImportRow(msgspec.Struct, frozen=True):
    """An import that was begun: how far it is, and what became of the lines so far (JSON)."""

    done: int
    report: str


def import_job(import_id: bytes) -> Query[ImportRow]:
    """Find an import by what it reads."""
    return Query("select done, report from ecrm.import_job where import_id = $1", (import_id,), ImportRow)


def note_import(import_id: bytes, kind: str, done: int, report: str) -> Effect:
    """Remember how far an import is."""
    return Query(
        "insert into ecrm.import_job (import_id, kind, done, report) values ($1, $2, $3, $4)"
        " on conflict (import_id) do update set done = excluded.done, report = excluded.report",
        (import_id, kind, done, report),
    )
