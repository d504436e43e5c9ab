"""The house's own holders: evidence, sealed records, sessions, requests, and how data was used."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
import structlog

from ecrm_privacy.errors import Tampered
from ecrm_privacy.rights import store, uses
from ecrm_privacy.rights.holders import Holder, Known
from ecrm_privacy.rights.wording import UNOPENED, opened
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault import body, envelope
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.body import SealedBody
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.suppression import Suppressions
from ecrm_privacy.vocabulary import EVIDENCE, Category

log = structlog.get_logger(__name__)

KEPT_NEVER = (
    "A keyed hash of an address of yours: before an erasure you asked never to be contacted under it again"
    " (GDPR 17(3)(b), 21(3)). Your own yes lifts it for what you say yes to."
)


async def _evidence(conn: Conn, known: Known) -> dict[str, Any] | None:
    """Everything the subject said: current answers, and each act as the ledger committed to it.

    An act that does not open says so: it is there, and the rest of the copy is as good as before.
    """
    rows = await store.bodies_of(known.subject).all(conn)
    by_version = {key.version: key for key in known.keys if key.category == EVIDENCE}
    acts = []
    for row in rows:
        sealed = SealedBody(row.receipt_hash, row.sealed, row.wrapped_for_receipt, row.wrapped_for_subject)
        try:
            payload, _ = body.open_with_key(by_version[body.evidence_version(sealed)], sealed)
        except (Tampered, KeyError):
            log.error("not_opened", reason="tampered", leaf_index=row.leaf_index)
            acts.append({"leaf_index": row.leaf_index, "record": UNOPENED})
        else:
            acts.append({"leaf_index": row.leaf_index, "record": msgspec.json.decode(payload)})
    current = [msgspec.to_builtins(row) for row in await store.statuses_of(known.subject).all(conn)]
    return {"current": current, "acts": acts} if acts or current else None


async def records(conn: Conn, known: Known) -> dict[str, dict[str, str]]:
    """Return the sealed fields of a subject, opened, by category; one that does not open says so."""
    found: dict[str, dict[str, str]] = {}
    keys = {(key.category, key.version): key for key in known.keys}
    for row in await vault.records_of(known.subject).all(conn):
        fields = found.setdefault(row.category, {})
        try:
            key = keys[Category(row.category), row.version]
            fields[row.field] = envelope.open_(key, row.field, row.sealed).decode()
        except (Tampered, KeyError):
            log.error("not_opened", reason="tampered", category=row.category)
            fields[row.field] = UNOPENED
    return found


def typed(fields: Mapping[str, Mapping[str, str]]) -> dict[Category, Mapping[str, str]]:
    """Return opened fields by category."""
    return {Category(name): values for name, values in fields.items()}


async def _suppressed(suppressions: Suppressions, conn: Conn, known: Known) -> list[dict[str, Any]]:
    """Whoever comes back finds that an address of theirs is on the suppression list, and why."""
    told = suppressions.among(typed(await records(conn, known)))
    rows = await vault.suppressed(told).all(conn) if told else []
    return [{"since": row.since.isoformat(), "kept": KEPT_NEVER} for row in rows]


async def _sessions(conn: Conn, known: Known) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(row) for row in await store.sessions_of(known.subject).all(conn)]


async def _requests(conn: Conn, known: Known) -> list[dict[str, Any]]:
    return [
        {
            "kind": row.kind,
            "status": row.status,
            "received": row.received.isoformat(),
            "ended": row.ended and row.ended.isoformat(),
            "wording": opened(known.keys, row.request_id, "wording", row.wording) or None,
            "reason": opened(known.keys, row.request_id, "reason", row.reason) or None,
        }
        for row in await store.requests_of([known.subject]).all(conn)
    ]


def house_holders(keyring: Keyring) -> tuple[Holder, ...]:
    """Return the holders of the house's own tables; `keyring` tells which addresses are on the suppression list."""
    suppressions = Suppressions(keyring)
    return (
        Holder(
            "answers",
            frozenset({"ecrm.body", "ecrm.consent_status", "ecrm.subject_state"}),
            _evidence,
            store.destroy_evidence,
        ),
        Holder(
            "profile",
            frozenset({"ecrm.subject_key", "ecrm.record", "ecrm.blind_index", "ecrm.pseudonym", "ecrm.pseudonym_use"}),
            records,
            vault.destroy_subject,
        ),
        Holder("sessions", frozenset({"ecrm.session"}), _sessions, store.destroy_sessions),
        Holder(
            "requests",
            frozenset({"ecrm.rights_request"}),
            _requests,
            lambda subject: (store.unlink_requests(subject),),
        ),
        Holder("uses", frozenset({"ecrm.use_count"}), uses.export, forget=uses.forget),
        Holder("never_contact", frozenset(), partial(_suppressed, suppressions)),  # its table names nobody, and stays
    )
