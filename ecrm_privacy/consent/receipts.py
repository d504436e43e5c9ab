"""Receipts: read by whoever holds their name, or by the subject they are about."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from hashlib import sha256

import msgspec
import structlog

from ecrm_privacy.consent import store
from ecrm_privacy.consent.access import held
from ecrm_privacy.consent.standing import Standing
from ecrm_privacy.errors import NotKnown, Tampered
from ecrm_privacy.ledger.record import ConsentEvent, parse
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault import body
from ecrm_privacy.vault.body import SealedBody
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vocabulary import EVIDENCE, SubjectId

log = structlog.get_logger(__name__)

Prove = Callable[[Conn, int, bytes, bytes, bytes], Awaitable[str]]
"""`await prove(conn, leaf_index, leaf, payload, open)` gives the tlog-proof text under a fresh checkpoint."""

Keys = Mapping[tuple[SubjectId, int], SubjectKey]
"""The keys of evidence, by subject and version."""

OWN_MOST = 50


class Receipt(msgspec.Struct, frozen=True):
    """A receipt as its holder reads it: the committed text, what was parsed from it, and the proof."""

    leaf_index: int
    payload: bytes
    event: ConsentEvent
    proof: str


class Act(msgspec.Struct, frozen=True):
    """One line of "my receipts"."""

    leaf_index: int
    event: ConsentEvent


class Receipts:
    """Reads bodies and proves them."""

    def __init__(
        self, acquire: Callable[[], AbstractAsyncContextManager[Conn]], keyring: Keyring, prove: Prove
    ) -> None:
        self._acquire = acquire
        self._keyring = keyring
        self._prove = prove

    async def of(self, receipt_id: bytes) -> Receipt:
        """Return the receipt of that name. Raises NotKnown, also when its body was erased."""
        async with self._acquire() as conn:
            row = await store.receipt(sha256(receipt_id).digest()).first(conn)
            if row is None:
                raise NotKnown
            sealed = SealedBody(sha256(receipt_id).digest(), row.sealed, row.wrapped_for_receipt, None)
            payload, opening = body.open_with_receipt(receipt_id, sealed)
            proof = await self._prove(conn, row.leaf_index, row.leaf, payload, opening)
        return Receipt(row.leaf_index, payload, parse(payload), proof)

    async def mine(self, standing: Standing) -> list[Act]:
        """Return the newest acts of the subjects behind a caller; one that does not open is left out."""
        keys = self._keys(standing)
        async with self._acquire() as conn:
            rows = await store.own_bodies([view.subject for view in standing.views], OWN_MOST).all(conn)
        opened = ((row, _opened(keys, row)) for row in rows)
        return [Act(row.leaf_index, parse(found[0])) for row, found in opened if found is not None]

    async def own(self, standing: Standing, leaf_index: int) -> Receipt:
        """Return the receipt of one act of the subjects behind a caller, whose name nobody kept. Raises NotKnown."""
        subjects = [view.subject for view in standing.views]
        async with self._acquire() as conn:
            row = await store.own_bodies(subjects, 1, leaf_index).first(conn)
            found = _opened(self._keys(standing), row) if row else None
            if row is None or found is None:
                raise NotKnown
            payload, opening = found
            proof = await self._prove(conn, row.leaf_index, row.leaf, payload, opening)
        return Receipt(row.leaf_index, payload, parse(payload), proof)

    def _keys(self, standing: Standing) -> Keys:
        return {
            (view.subject, key.version): key
            for view in standing.views
            for key in held(self._keyring, view).get(EVIDENCE, ())
        }


def _opened(keys: Keys, row: store.OwnBodyRow) -> tuple[bytes, bytes] | None:
    """Open a body, its payload and what opens its commitment; None, and a line of log, where that cannot be."""
    sealed = SealedBody(row.receipt_hash, row.sealed, b"", row.wrapped_for_subject)
    try:
        return body.open_with_key(keys[SubjectId(row.subject), body.evidence_version(sealed)], sealed)
    except (Tampered, KeyError):
        log.error("not_opened", reason="tampered", leaf_index=row.leaf_index)
        return None
