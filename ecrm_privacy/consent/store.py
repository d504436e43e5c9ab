"""What the desk reads, and the rows that are its own: sessions, used tokens, replies."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from ecrm_privacy.sql import Effect, Query
from ecrm_privacy.vocabulary import YES


class SessionRow(msgspec.Struct, frozen=True):
    """Who is behind a cookie, with the database's day, the active bundle, and what the log says about old answers."""

    today: date
    now: datetime
    bundle: bytes
    browser: UUID | None
    account: UUID | None
    frozen: str | None
    yes_from: int


def session(token_hash: bytes | None, customer_index: bytes | None = None) -> Query[SessionRow]:
    """Find the subjects behind a cookie's hash or a customer number's blind index; always one row.

    The first reading of a day says that the session is in use. A session whose time is over is nobody's.
    """
    return Query(
        "with visit as (update ecrm.session v set seen = current_date where v.token_hash = $1"
        "   and v.seen < current_date and exists (select from ecrm.live_session where token_hash = v.token_hash))"
        " select current_date as today, now() as now, a.bundle, s.browser, coalesce(s.account, b.subject) as account,"
        "   h.frozen, h.yes_from"
        " from ecrm.policy_active a cross join ecrm.ledger_head h"
        " left join ecrm.live_session s on s.token_hash = $1"
        " left join ecrm.blind_index b on b.kind = 'customer_number' and b.value = any(ecrm.spellings($2))",
        (token_hash, customer_index),
        SessionRow,
    )


class CustomerRow(msgspec.Struct, frozen=True):
    """Who is behind a customer number, with what stands in `SessionRow`."""

    today: date
    bundle: bytes
    account: UUID | None
    frozen: str | None
    yes_from: int


def customers(customer_indexes: Sequence[bytes | None]) -> Query[CustomerRow]:
    """Find the subjects behind blind indexes of customer numbers; one row each, in their order."""
    return Query(
        "select current_date as today, a.bundle, b.subject as account, h.frozen, h.yes_from"
        " from ecrm.policy_active a cross join ecrm.ledger_head h"
        " cross join unnest($1::bytea[]) with ordinality as i(value, place)"
        " left join ecrm.blind_index b on b.kind = 'customer_number' and b.value = any(ecrm.spellings(i.value))"
        " order by i.place",
        (list(customer_indexes),),
        CustomerRow,
    )


class ViewRow(msgspec.Struct, frozen=True):
    """One subject with everything the desk needs of it, aggregated in one row."""

    subject: UUID
    regime: str | None
    restricted: bool | None
    adult_from: date | None
    gpc: bool | None
    seen: int | None
    statuses: list[Any] | None
    keys: list[Any] | None


def views(subjects: Sequence[UUID]) -> Query[ViewRow]:
    """Read all of `subjects` at once; one row each, also for those without an entry."""
    return Query(
        "select a.subject, t.regime, t.restricted, t.adult_from, t.gpc, t.leaf_index + t.overtaken as seen,"
        " (select array_agg((c.purpose, c.channel, c.recipient, c.status, c.notice, c.since, c.until,"
        "   c.leaf_index, c.by_parent))"
        "    from ecrm.consent_status c where c.subject = a.subject) as statuses,"
        " (select array_agg((k.category, k.version, k.wrapped)) from ecrm.subject_key k"
        "    where k.subject = a.subject) as keys"
        " from unnest($1::uuid[]) a(subject) left join ecrm.subject_state t on t.subject = a.subject",
        (list(subjects),),
        ViewRow,
    )


class HeldRow(msgspec.Struct, frozen=True):
    """A subject that is there and stays until the transaction ends."""

    subject: UUID


def hold(subjects: Sequence[UUID]) -> Query[HeldRow]:
    """Keep `subjects` from being erased meanwhile, for what is written about them without an entry of its own.

    An erasure deletes this row before it looks for sessions, keys and records: it waits here, and then finds ours too.
    """
    return Query(
        "select subject from ecrm.subject_state where subject = any($1) order by subject for no key update",
        (list(subjects),),
        HeldRow,
    )


class SubjectRow(msgspec.Struct, frozen=True):
    """A subject by its name alone."""

    subject: UUID


def subjects_after(after: UUID, most: int) -> Query[SubjectRow]:
    """List subjects in the order of their names, chunk by chunk."""
    return Query(
        "select subject from ecrm.subject_state where subject > $1 order by subject limit $2", (after, most), SubjectRow
    )


def lapsed(days: int) -> Query[SubjectRow]:
    """List subjects of whom a yes ran out, or who came of age, within the last `days` days."""
    return Query(
        "select subject from ecrm.consent_status where status in ('given', 'renewed')"
        " and until <= current_date and until > current_date - $1::int"
        " union select subject from ecrm.subject_state where adult_from <= current_date"
        " and adult_from > current_date - $1::int order by subject",
        (days,),
        SubjectRow,
    )


def open_session(token_hash: bytes, browser: UUID | None, account: UUID | None) -> Effect:
    """Name a browser's new cookie."""
    return Query(
        "insert into ecrm.session (token_hash, browser, account) values ($1, $2, $3)", (token_hash, browser, account)
    )


def close_session(token_hash: bytes) -> Effect:
    """End a session. One whose time is over stays until what only it could reach was erased (`rights`)."""
    return Query(
        "delete from ecrm.session s where token_hash = $1 and (browser is null"
        " or exists (select from ecrm.live_session l where l.token_hash = s.token_hash))",
        (token_hash,),
    )


class TokenRow(msgspec.Struct, frozen=True):
    """A sign-in token that was used."""

    token_mac: bytes


def used_token(token_mac: bytes) -> Query[TokenRow]:
    """Find a sign-in token among those that were used."""
    return Query("select token_mac from ecrm.token_used where token_mac = $1", (token_mac,), TokenRow)


def use_token(token_mac: bytes, expires: datetime) -> Effect:
    """Mark a sign-in token as used; fails (`token_used_pkey`) when it was used before.

    Kept to the end of an hour: a dump keeps the order of rows, and would tell by this one when each session began.
    """
    return Query(
        "insert into ecrm.token_used (token_mac, expires) values ($1, date_trunc('hour', $2::timestamptz)"
        " + interval '1 hour')",
        (token_mac, expires),
    )


def forget_tokens() -> Effect:
    """Forget used sign-in tokens that are too old to be used again anyway."""
    return Query("delete from ecrm.token_used where expires <= now()")


class ReceiptRow(msgspec.Struct, frozen=True):
    """A sealed body, for the holder of its receipt."""

    leaf_index: int
    sealed: bytes
    wrapped_for_receipt: bytes
    leaf: bytes


def receipt(receipt_hash: bytes) -> Query[ReceiptRow]:
    """Find a body by the hash of its receipt's name."""
    return Query(
        "select b.leaf_index, b.sealed, b.wrapped_for_receipt, e.leaf from ecrm.body b"
        " join ecrm.ledger_entry e using (leaf_index) where b.receipt_hash = $1",
        (receipt_hash,),
        ReceiptRow,
    )


class OwnBodyRow(msgspec.Struct, frozen=True):
    """A sealed body with the leaf that commits to it, for the subject it is about."""

    leaf_index: int
    subject: UUID
    receipt_hash: bytes
    sealed: bytes
    wrapped_for_subject: bytes
    leaf: bytes


def own_bodies(subjects: Sequence[UUID], most: int, leaf_index: int | None = None) -> Query[OwnBodyRow]:
    """Find the newest bodies of `subjects`, or that of one entry."""
    return Query(
        "select b.leaf_index, b.subject, b.receipt_hash, b.sealed, b.wrapped_for_subject, e.leaf from ecrm.body b"
        " join ecrm.ledger_entry e using (leaf_index)"
        " where b.subject = any($1) and ($3::bigint is null or b.leaf_index = $3) order by b.leaf_index desc limit $2",
        (list(subjects), most, leaf_index),
        OwnBodyRow,
    )


class HistoryRow(msgspec.Struct, frozen=True):
    """A sealed body with the leaf that commits to it."""

    leaf_index: int
    receipt_hash: bytes
    sealed: bytes
    wrapped_for_subject: bytes
    leaf: bytes


def history(subject: UUID) -> Query[HistoryRow]:
    """Read every body of a subject, in the order of the log."""
    return Query(
        "select b.leaf_index, b.receipt_hash, b.sealed, b.wrapped_for_subject, e.leaf from ecrm.body b"
        " join ecrm.ledger_entry e using (leaf_index) where b.subject = $1 order by b.leaf_index",
        (subject,),
        HistoryRow,
    )


class IndexRow(msgspec.Struct, frozen=True):
    """An entry by its place."""

    leaf_index: int


def without_body(subject: UUID) -> Query[IndexRow]:
    """List the entries that a subject's rows rest on and whose bodies are not there."""
    return Query(
        "select leaf_index from (select leaf_index from ecrm.consent_status where subject = $1"
        "   union select leaf_index from ecrm.subject_state where subject = $1) as named"
        " where not exists (select from ecrm.body b where b.leaf_index = named.leaf_index) order by leaf_index",
        (subject,),
        IndexRow,
    )


class BehindRow(msgspec.Struct, frozen=True):
    """An entry, and the subject that it is about if there is one; without a body that cannot be told any more."""

    leaf: bytes
    has_body: bool
    subject: UUID | None


def behind_entry(leaf_index: int) -> Query[BehindRow]:
    """Find the subject behind an entry, for whoever holds its receipt."""
    return Query(
        "select e.leaf, b.leaf_index is not null as has_body, b.subject from ecrm.ledger_entry e"
        " left join ecrm.body b using (leaf_index) where e.leaf_index = $1",
        (leaf_index,),
        BehindRow,
    )


class OwnActRow(msgspec.Struct, frozen=True):
    """One of our own acts: its leaf and its public statement."""

    leaf_index: int
    leaf: bytes
    payload: bytes
    open: bytes


def own_acts() -> Query[OwnActRow]:
    """Read our own acts, in the order of the log."""
    return Query(
        "select s.leaf_index, e.leaf, s.payload, s.open from ecrm.statement s"
        " join ecrm.ledger_entry e using (leaf_index) order by s.leaf_index",
        (),
        OwnActRow,
    )


class ApiKeyRow(msgspec.Struct, frozen=True):
    """What a bearer key may do, and on whose behalf."""

    recipient: str
    scopes: list[str]
    rate_per_minute: int
    is_partner: bool


def api_key(key_hash: bytes) -> Query[ApiKeyRow]:
    """Find a bearer key by its hash; the policy in force says whether its holder is a recipient that people know."""
    return Query(
        "select k.recipient, k.scopes, k.rate_per_minute, k.recipient <> '' and exists (select from ecrm.need n"
        "   join ecrm.policy_active a using (bundle) where n.recipient = k.recipient) as is_partner"
        " from ecrm.api_key k where k.key_hash = $1",
        (key_hash,),
        ApiKeyRow,
    )


def add_api_key(key_hash: bytes, recipient: str, scopes: Sequence[str], rate_per_minute: int) -> Effect:
    """Let a department or partner in."""
    return Query(
        "insert into ecrm.api_key (key_hash, recipient, scopes, rate_per_minute) values ($1, $2, $3, $4)"
        " on conflict do nothing",
        (key_hash, recipient, list(scopes), rate_per_minute),
    )


class NoticeCount(msgspec.Struct, frozen=True):
    """How often something happened to a notice, in one or several weeks."""

    notice: str
    jurisdiction: str
    locale: str
    way: str
    what: str
    times: int


def add_notice_counts(counts: Sequence[tuple[tuple[date, str, str, str, str, str], int]]) -> Effect:
    """Add to the counts of notices; in one order, so that workers who do it at once never wait in a circle."""
    columns = [list(column) for column in zip(*((*met, times) for met, times in sorted(counts)), strict=True)]
    return Query(
        "insert into ecrm.notice_count as c (week, notice, jurisdiction, locale, way, what, times)"
        " select * from unnest($1::date[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[])"
        " on conflict (notice, jurisdiction, locale, way, what, week) do update set times = c.times + excluded.times",
        tuple(columns),
    )


def age_notice_counts() -> Effect:
    """Forget counts of more than 25 months ago."""
    return Query("delete from ecrm.notice_count where week < current_date - interval '25 months'")


def notice_counts(since: date | None) -> Query[NoticeCount]:
    """Read the counts of notices since a day."""
    return Query(
        "select notice, jurisdiction, locale, way, what, sum(times)::bigint as times from ecrm.notice_count"
        " where $1::date is null or week >= $1 group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5",
        (since,),
        NoticeCount,
    )


class Standings(msgspec.Struct, frozen=True):
    """How many people stand where with a purpose, by the notice that they last answered."""

    notice: str
    purpose: str
    status: str
    people: int


def notice_standings() -> Query[Standings]:
    """Read what stands today, by what the ledger wrote; who refused without leaving anything is in no row."""
    return Query(
        "select notice, purpose, case when status = any($1) and until <= current_date then 'expired' else status end"
        " as status, count(*) as people from ecrm.consent_status where channel = '' and recipient = ''"
        " group by 1, 2, 3 order by 1, 2, 3",
        ([status.value for status in YES],),
        Standings,
    )
