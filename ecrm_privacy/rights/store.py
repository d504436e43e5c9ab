"""Requests, and what a request needs to find everything."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec

from ecrm_privacy.sql import Effect, Query

NOBODYS_DAYS = 30
"""So long an ended request that names nobody can still be read by whoever knows its name."""


class BehindRow(msgspec.Struct, frozen=True):
    """The subjects behind a caller, and the database's day."""

    today: date
    browser: UUID | None
    account: UUID | None
    frozen: str | None


def behind(token_hash: bytes | None, customer_index: bytes | None) -> Query[BehindRow]:
    """Find the subjects behind a cookie's hash or a customer number's blind index; always one row."""
    return Query(
        "select current_date as today, s.browser, coalesce(s.account, b.subject) as account, h.frozen"
        " from ecrm.ledger_head h"
        " left join ecrm.live_session s on s.token_hash = $1"
        " left join ecrm.blind_index b on b.kind = 'customer_number' and b.value = any(ecrm.spellings($2))",
        (token_hash, customer_index),
        BehindRow,
    )


class SeenRow(msgspec.Struct, frozen=True):
    """What was written last about a subject."""

    seen: int


class RequestRow(msgspec.Struct, frozen=True):
    """A request; `subject` is None once an erasure took the link."""

    request_id: UUID
    subject: UUID | None
    kind: str
    status: str
    received: date
    expected_by: date
    ended: date | None
    certificate: str | None
    wording: bytes | None
    reason: bytes | None


_REQUEST = (
    "select request_id, subject, kind, status, received, expected_by, ended, certificate, wording, reason"
    " from ecrm.rights_request"
)


def request(request_id: UUID) -> Query[RequestRow]:
    """Find a request."""
    return Query(
        f"{_REQUEST} where request_id = $1",
        (request_id,),
        RequestRow,
    )


def requests_of(subjects: Sequence[UUID]) -> Query[RequestRow]:
    """Find the requests of subjects, the oldest first."""
    return Query(
        f"{_REQUEST} where subject = any($1::uuid[]) order by received, request_id",
        (list(subjects),),
        RequestRow,
    )


def open_request(
    request_id: UUID, subject: UUID | None, kind: str, status: str, expected_by: date, wording: bytes | None = None
) -> Effect:
    """Write a request down; one that is already there stays as it is. One that is fulfilled at once ends today."""
    return Query(
        "insert into ecrm.rights_request (request_id, subject, kind, status, received, expected_by, ended, wording)"
        " values ($1, $2, $3, $4, current_date, $5, case when $4 = 'fulfilled' then current_date end, $6)"
        " on conflict do nothing",
        (request_id, subject, kind, status, expected_by, wording),
    )


def note_done(request_id: UUID, subject: UUID | None, kind: str) -> Effect:
    """Write down a request that is fulfilled by what is written with it."""
    return Query(
        "insert into ecrm.rights_request (request_id, subject, kind, status, received, expected_by, ended)"
        " values ($1, $2, $3, 'fulfilled', current_date, current_date, current_date) on conflict do nothing",
        (request_id, subject, kind),
    )


def lift(subject: UUID | None) -> Effect:
    """Say of a subject's restrictions that it took them back."""
    return Query(
        "update ecrm.rights_request set status = 'revoked', ended = current_date"
        " where subject = $1 and kind = 'restriction' and status = 'fulfilled'",
        (subject,),
    )


def end_request(request_id: UUID, status: str, reason: bytes | None = None) -> Effect:
    """End an open request, once."""
    return Query(
        "update ecrm.rights_request set status = $2, ended = current_date, reason = $3"
        " where request_id = $1 and status = 'open'",
        (request_id, status, reason),
    )


def forget_nobodys() -> Effect:
    """Forget the ended requests that name nobody and certify nothing."""
    return Query(
        "delete from ecrm.rights_request"
        " where subject is null and certificate is null and ended < current_date - $1::int",
        (NOBODYS_DAYS,),
    )


class DueRow(msgspec.Struct, frozen=True):
    """A request that is not ended, and how many days are left: less than none when it is overdue. It names nobody."""

    request_id: UUID
    kind: str
    status: str
    received: date
    expected_by: date
    days_left: int


def due() -> Query[DueRow]:
    """List what is due, the most overdue first."""
    return Query(
        "select request_id, kind, status, received, expected_by, expected_by - current_date as days_left"
        " from ecrm.rights_request where status in ('open', 'in_progress') order by expected_by, received, request_id",
        (),
        DueRow,
    )


def keep(subject: UUID) -> Query[SeenRow]:
    """Keep a subject from being erased until the transaction ends; no row: it is gone already."""
    return Query(
        "select leaf_index + overtaken as seen from ecrm.subject_state where subject = $1 for no key update",
        (subject,),
        SeenRow,
    )


def close_request(request_id: UUID, status: str, certificate: str | None) -> Effect:
    """Say how a request ended."""
    return Query(
        "update ecrm.rights_request set status = $2, certificate = $3, ended = current_date where request_id = $1",
        (request_id, status, certificate),
    )


def unlink_requests(subject: UUID) -> Effect:
    """Take the link to an erased subject from its requests, and what was written; what is open ends with it."""
    return Query(
        "update ecrm.rights_request set subject = null, wording = null, reason = null,"
        " ended = case when status = 'open' then current_date else ended end,"
        " status = case when status = 'open' then 'revoked' else status end where subject = $1",
        (subject,),
    )


class SubjectBodyRow(msgspec.Struct, frozen=True):
    """A sealed body of a subject."""

    leaf_index: int
    receipt_hash: bytes
    sealed: bytes
    wrapped_for_receipt: bytes
    wrapped_for_subject: bytes


def bodies_of(subject: UUID) -> Query[SubjectBodyRow]:
    """Find every body of a subject, oldest first."""
    return Query(
        "select leaf_index, receipt_hash, sealed, wrapped_for_receipt, wrapped_for_subject from ecrm.body"
        " where subject = $1 order by leaf_index",
        (subject,),
        SubjectBodyRow,
    )


class StatusRow(msgspec.Struct, frozen=True):
    """What a subject's answers add up to."""

    purpose: str
    channel: str
    recipient: str
    status: str
    notice: str
    since: date
    until: date | None
    said_by: str | None


def statuses_of(subject: UUID) -> Query[StatusRow]:
    """Find the current answers of a subject."""
    return Query(
        "select purpose, channel, recipient, status, notice, since, until,"
        " case when by_parent then 'parent' end as said_by"
        " from ecrm.consent_status where subject = $1 order by purpose, channel, recipient",
        (subject,),
        StatusRow,
    )


class SessionRow(msgspec.Struct, frozen=True):
    """A browser in which a subject is known; the cookie itself is not kept."""

    seen: date
    signed_in: bool


def sessions_of(subject: UUID) -> Query[SessionRow]:
    """Find the browsers that know a subject."""
    return Query(
        "select seen, account is not null as signed_in from ecrm.session"
        " where browser = $1 or account = $1 order by seen",
        (subject,),
        SessionRow,
    )


class StrandedRow(msgspec.Struct, frozen=True):
    """A browser's own subject that nobody can reach any more, and the database's day."""

    subject: UUID
    today: date


def stranded() -> Query[StrandedRow]:
    """Find the browsers' own subjects to whom no session leads any more."""
    return Query(
        "select distinct browser as subject, current_date as today from ecrm.session s where browser is not null"
        " and not exists (select from ecrm.live_session l where l.browser = s.browser)",
        (),
        StrandedRow,
    )


def end_sessions() -> Effect:
    """Delete the sessions whose time is over; one that led to a browser's own subject stays until that is erased."""
    return Query(
        "delete from ecrm.session s where not exists (select from ecrm.subject_state t where t.subject = s.browser)"
        " and not exists (select from ecrm.live_session l where l.token_hash = s.token_hash)"
    )


def destroy_evidence(subject: UUID) -> Sequence[Effect]:
    """Delete replies, bodies, current answers and state of a subject; replies are found by the bodies' indexes."""
    return (
        Query(
            "delete from ecrm.reply r using ecrm.body b where b.subject = $1 and r.leaf_index = b.leaf_index",
            (subject,),
        ),
        Query("delete from ecrm.body where subject = $1", (subject,)),
        Query("delete from ecrm.consent_status where subject = $1", (subject,)),
        Query("delete from ecrm.subject_state where subject = $1", (subject,)),
    )


def destroy_sessions(subject: UUID) -> Sequence[Effect]:
    """End every session of a subject; a browser's own subject beside an erased account keeps its session."""
    return (
        Query(
            "delete from ecrm.session where (browser = $1 and account is null) or (account = $1 and browser is null)",
            (subject,),
        ),
        Query("update ecrm.session set browser = null where browser = $1", (subject,)),
        Query("update ecrm.session set account = null where account = $1", (subject,)),
    )


def seen(subject: UUID) -> Query[SeenRow]:
    """Find what was written last about a subject."""
    return Query(
        "select leaf_index + overtaken as seen from ecrm.subject_state where subject = $1", (subject,), SeenRow
    )


class SubjectRow(msgspec.Struct, frozen=True):
    """A subject by its name alone."""

    subject: UUID


def subjects_after(after: UUID, most: int) -> Query[SubjectRow]:
    """List subjects in the order of their names, chunk by chunk."""
    return Query(
        "select subject from ecrm.subject_state where subject > $1 order by subject limit $2", (after, most), SubjectRow
    )


class ComparedRow(msgspec.Struct, frozen=True):
    """How far this database was compared with the erasure journal, and why the log is frozen, if it is."""

    lines: int
    today: date
    frozen: str | None


def compared() -> Query[ComparedRow]:
    """Say how many lines of the erasure journal were compared with whoever is in this database."""
    return Query(
        "select coalesce((select lines from ecrm.erasure_journal), 0) as lines, current_date as today,"
        " (select frozen from ecrm.ledger_head) as frozen",
        (),
        ComparedRow,
    )


def note_compared(lines: int) -> Effect:
    """Remember how many lines of the erasure journal were compared."""
    return Query(
        "insert into ecrm.erasure_journal (lines) values ($1) on conflict (one) do update set lines = excluded.lines",
        (lines,),
    )
