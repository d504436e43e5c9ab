"""Requests that wait for their confirmation, what was sent today, and who wrote STOP."""

from datetime import date
from uuid import UUID

import msgspec

from ecrm_privacy.sql import Effect, Query
from ecrm_privacy.vocabulary import Channel, SubjectId

HOURS = 72


def put(
    pending_id: UUID, subject: SubjectId, channel: Channel, version: int, same: bytes, sealed: bytes | None
) -> Effect:
    """Let a request wait for its confirmation, or, without `sealed`, name one that needs none."""
    return Query(
        "insert into ecrm.pending (pending_id, subject, channel, version, same, sealed, expires)"
        " values ($1, $2, $3, $4, $5, $6, date_trunc('hour', now()) + make_interval(hours => $7))",
        (pending_id, subject, channel, version, same, sealed, HOURS),
    )


def replace(subject: SubjectId, channel: Channel, same: bytes) -> Effect:
    """End what waits for a confirmation over this channel at another address, with its keys."""
    return Query(
        "with gone as (delete from ecrm.pending where subject = $1 and channel = $2 and same <> $3"
        "   returning subject, version)"
        " delete from ecrm.subject_key k using gone"
        " where k.subject = gone.subject and k.category = 'pending' and k.version = gone.version",
        (subject, channel, same),
    )


def forget() -> Effect:
    """End what nobody confirmed in time, with its keys."""
    return Query(
        "with gone as (delete from ecrm.pending where expires <= now() returning subject, version)"
        " delete from ecrm.subject_key k using gone"
        " where k.subject = gone.subject and k.category = 'pending' and k.version = gone.version"
    )


def forget_messaged() -> Effect:
    """Forget whom something was sent to on days that are over."""
    return Query("delete from ecrm.messaged where day < current_date")


class PendingRow(msgspec.Struct, frozen=True):
    """A request, with its wrapped key while it waits; `sealed` is None once it was confirmed."""

    pending_id: UUID
    subject: UUID
    channel: str
    version: int
    sealed: bytes | None
    wrapped: bytes | None
    is_alive: bool
    today: date


def pending(pending_id: UUID) -> Query[PendingRow]:
    """Find a request."""
    return Query(
        "select pending_id, subject, channel, version, sealed, wrapped, is_alive, current_date as today"
        " from ecrm.pending_with_key where pending_id = $1",
        (pending_id,),
        PendingRow,
    )


def with_the_same(pending_id: UUID) -> Query[PendingRow]:
    """Find a request, first, and what the same subject asked for at the same address."""
    return Query(
        "select p.pending_id, p.subject, p.channel, p.version, p.sealed, p.wrapped, p.is_alive, current_date as today"
        " from ecrm.pending a join ecrm.pending_with_key p using (subject, same) where a.pending_id = $1"
        " order by p.pending_id = $1 desc, p.pending_id",
        (pending_id,),
        PendingRow,
    )


def waiting(subject: SubjectId) -> Query[PendingRow]:
    """Find what waits for a subject's confirmation."""
    return Query(
        "select pending_id, subject, channel, version, sealed, wrapped, is_alive, current_date as today"
        " from ecrm.pending_with_key where subject = $1 order by pending_id",
        (subject,),
        PendingRow,
    )


def seal_again(pending_id: UUID, sealed: bytes) -> Effect:
    """Put the address that is asked into a request that came without one; one that is done stays done."""
    return Query(
        "update ecrm.pending set sealed = $2 where pending_id = $1 and sealed is not null", (pending_id, sealed)
    )


def confirmed(pending_id: UUID) -> Effect:
    """Take what was sealed out of a request, with its key: it is done."""
    return Query(
        "with done as (update ecrm.pending set sealed = null where pending_id = $1 returning subject, version)"
        " delete from ecrm.subject_key k using done"
        " where k.subject = done.subject and k.category = 'pending' and k.version = done.version",
        (pending_id,),
    )


def destroy(subject: SubjectId) -> Effect:
    """Delete every request of a subject; the keys go with all others."""
    return Query("delete from ecrm.pending where subject = $1", (subject,))


class MessageRow(msgspec.Struct, frozen=True):
    """A message that may be sent."""

    message: bytes


def claim(value: bytes, message: bytes) -> Query[MessageRow]:
    """Let a message be the one of its address and day; no row where another one was."""
    return Query(
        "insert into ecrm.messaged as m (value, message) values ($1, $2)"
        " on conflict (value) do update set message = m.message where m.message = excluded.message returning message",
        (value, message),
        MessageRow,
    )


class StoppedRow(msgspec.Struct, frozen=True):
    """An address from which somebody wrote STOP."""

    value: bytes


def stopped(value: bytes) -> Query[StoppedRow]:
    """Find an address among those from which somebody wrote STOP."""
    return Query("select value from ecrm.stopped where value = $1", (value,), StoppedRow)


def stop(value: bytes) -> Effect:
    """Send nothing more to an address over its channel."""
    return Query("insert into ecrm.stopped (value) values ($1) on conflict do nothing", (value,))


def start(value: bytes) -> Effect:
    """Take a STOP back."""
    return Query("delete from ecrm.stopped where value = $1", (value,))


class SubjectRow(msgspec.Struct, frozen=True):
    """A subject by its name alone."""

    subject: UUID


def behind(kind: str, asked: bytes) -> Query[SubjectRow]:
    """Find the subject behind a blind index, in every spelling that it may have now."""
    return Query(
        "select subject from ecrm.blind_index where kind = $1 and value = any(ecrm.spellings($2))",
        (kind, asked),
        SubjectRow,
    )
