"""The policy's SQL: putting a bundle in force, and reading which one is."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ecrm_privacy.policy.compile import Compiled
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.sql import Effect, Query
from ecrm_privacy.vocabulary import YES, ConsentStatus, NoticeVersion, Purpose, Regime


class ActiveBundle(msgspec.Struct, frozen=True):
    """The hash of the bundle in force."""

    bundle: bytes


class StoredDocuments(msgspec.Struct, frozen=True):
    """The canonical JSON of a bundle."""

    documents: bytes


class AskedAgain(msgspec.Struct, frozen=True):
    """How many people a change asks again about a purpose ('' for all purposes together), among them those whose yes
    stops counting, and those who said no and are asked although the time for it has not come.
    """

    purpose: str
    people: int
    yes: int
    no: int


class KeptReport(msgspec.Struct, frozen=True):
    """A report about the banners of a bundle (JSON)."""

    report: bytes
    bundle: bytes
    text: bytes


class Closed(msgspec.Struct, frozen=True):
    """How many people live under regimes that are gone."""

    people: int


INSERT_BUNDLE = "insert into ecrm.policy_bundle (bundle, documents) values ($1, $2) on conflict do nothing"
INSERT_DECISIONS = """
insert into ecrm.decision (bundle, purpose, channel, recipient, regime, status,
                           notice_current, restricted, under_age, gpc, allowed, because)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bool[], $8::bool[], $9::bool[],
                         $10::bool[], $11::bool[], $12::text[])
on conflict do nothing"""
INSERT_NEEDS = """
insert into ecrm.need (bundle, need, category, purpose, channel, recipient)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
on conflict do nothing"""
INSERT_NOTICES = """
insert into ecrm.notice_current (bundle, purpose, notice, still_good)
select $1, * from unnest($2::text[], $3::text[], $4::bool[])
on conflict do nothing"""
SAID_NO = frozenset({ConsentStatus.REFUSED, ConsentStatus.WITHDRAWN, ConsentStatus.OBJECTED})
POINT = """
insert into ecrm.policy_active (one, bundle) values (true, $1)
on conflict (one) do update set bundle = excluded.bundle"""


def activate(bundle: Bundle, compiled: Compiled) -> tuple[Effect, ...]:
    """What puts `bundle` in force: its rows and the pointer. Running it again changes nothing.

    Only the pointer must be in the transaction of the ledger's entry about it; the rows mean nothing before, so a large
    table may be written ahead (`write_rows`) instead of while the ledger's head is locked.
    """
    return (*write_rows(bundle, compiled), point(bundle.hash))


def write_rows(bundle: Bundle, compiled: Compiled) -> tuple[Effect, ...]:
    """The documents and rows of `bundle`, each table in one statement; none of them is in force by that."""
    return (
        Effect(INSERT_BUNDLE, (bundle.hash, bundle.documents)),
        Effect(INSERT_DECISIONS, (bundle.hash, *_columns(compiled.decisions, 11))),
        Effect(INSERT_NEEDS, (bundle.hash, *_columns(compiled.needs, 5))),
        Effect(INSERT_NOTICES, (bundle.hash, *_columns(compiled.notices, 3))),
    )


def point(bundle_hash: bytes) -> Effect:
    """Put the bundle of that hash in force. Fails on its foreign key if its rows were never written."""
    return Effect(POINT, (bundle_hash,))


def keep_rendered(report: bytes, bundle_hash: bytes, text: bytes, page: bytes) -> Effect:
    """Keep what was found about the banners of a bundle, under its SHA-256; a report that is there stays as it is."""
    return Effect(
        "insert into ecrm.rendered (report, bundle, text, page) values ($1, $2, $3, $4) on conflict do nothing",
        (report, bundle_hash, text, page),
    )


def reports() -> Query[KeptReport]:
    """Every report about banners, and the bundle that it is about."""
    return Query("select report, bundle, text from ecrm.rendered order by report", (), KeptReport)


def asked_again(ending: Sequence[tuple[Purpose, NoticeVersion]]) -> Query[AskedAgain]:
    """How many people answered what stops counting (purpose and notice), by purpose, and '' for all: in one statement.

    These are the operator's own people, counted for the operator before anything happens: small numbers are not hidden.
    """
    purposes, notices = [purpose for purpose, _ in ending], [notice for _, notice in ending]
    return Query(
        "select coalesce(s.purpose, '') as purpose, count(distinct s.subject)"
        " filter (where s.status = any($4) or s.status = any($3) and (s.until is null or s.until > now())) as people,"
        " count(distinct s.subject) filter (where s.status = any($3) and (s.until is null or s.until > now())) as yes,"
        " count(distinct s.subject) filter (where s.status = any($4)) as no"
        " from ecrm.consent_status s join unnest($1::text[], $2::text[]) as ending(purpose, notice)"
        " on ending.purpose = s.purpose and ending.notice = s.notice"
        " where s.channel = '' and s.recipient = '' group by grouping sets ((s.purpose), ()) order by 1",
        (purposes, notices, [status.value for status in YES], [status.value for status in SAID_NO]),
        AskedAgain,
    )


def living_under(gone: Sequence[Regime]) -> Query[Closed]:
    """How many people live under these regimes."""
    return Query("select count(*) as people from ecrm.subject_state where regime = any($1)", (list(gone),), Closed)


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """One array per column, as `unnest` takes them."""
    return [[row[column] for row in rows] for column in range(width)]


def active_hash() -> Query[ActiveBundle]:
    """The hash of the bundle in force; no row before the first activation."""
    return Query("select bundle from ecrm.policy_active", (), ActiveBundle)


def documents_of(bundle_hash: bytes) -> Query[StoredDocuments]:
    """The documents under `bundle_hash`, for `from_documents`; no row if it was never activated."""
    return Query("select documents from ecrm.policy_bundle where bundle = $1", (bundle_hash,), StoredDocuments)
