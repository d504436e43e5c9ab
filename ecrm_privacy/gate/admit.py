"""Looking: which needs of a caller are allowed now, and what they open.

The statement decides; this file only opens what it returned. Every doubt is an empty grant: no subject, no permission,
the database away, a sealed field that does not check. Keys are unwrapped here and are gone when the function returns.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from ecrm_privacy.errors import Tampered, Unavailable
from ecrm_privacy.gate.store import AdmitRow, Ask
from ecrm_privacy.gate.types import Caller, Grant, Permission, Signals
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.vault import envelope, keys
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vocabulary import Category, Pseudonym, Purpose, SubjectId

log = structlog.get_logger(__name__)

Look = Callable[[Ask], Awaitable[list[AdmitRow]]]
"""Asks the database; `app.py` hands in one that is coalesced over an event-loop turn, under the gate's role."""

Know = Callable[[bytes], Awaitable[Bundle]]
"""Gives the policy bundle of that hash, loading it if this worker has not met it yet."""

NOBODY = Permission(Purpose(""), False, "unknown", "unavailable")


class Gate:
    """The only door through which personal data leaves the vault for a page."""

    def __init__(self, look: Look, keyring: Keyring, know: Know) -> None:
        self._look = look
        self._keyring = keyring
        self._know = know

    async def admit(self, caller: Caller, needs: Sequence[str], signals: Signals) -> Mapping[str, Grant]:
        """Return one `Grant` per name in `needs`; never raises for doubt, it grants nothing."""
        if not needs:
            return {}
        try:
            return await self._admit(caller, needs, signals)
        except Unavailable:
            log.warning("gate_closed", reason="unavailable")
        except Exception as error:  # whatever it is, it is a doubt: the page comes, without the person
            log.error("gate_closed", reason="failed", exc_info=error)
        return {need: Grant(NOBODY) for need in needs}

    async def _admit(self, caller: Caller, needs: Sequence[str], signals: Signals) -> Mapping[str, Grant]:
        by_need: dict[str, list[AdmitRow]] = {need: [] for need in needs}
        rows = await self._look(Ask(caller, tuple(needs), signals))
        bundle = await self._know(rows[0].bundle) if rows else None
        for row in rows:
            by_need[row.need].append(row)
        return {need: self._grant(found, bundle) if bundle else Grant(NOBODY) for need, found in by_need.items()}

    def _grant(self, rows: Sequence[AdmitRow], bundle: Bundle) -> Grant:
        if not rows:
            return Grant(NOBODY)
        first = next((row for row in rows if row.allowed), rows[0])
        permission = Permission(
            Purpose(first.purpose or ""), first.allowed, first.status or "unknown", first.because, first.until
        )
        values: dict[Category, Mapping[str, str]] = {}
        pseudonyms: dict[Category, tuple[Pseudonym, ...]] = {}
        for row in rows:
            if row.category is not None and (key := self._unwrap(row)) is not None:
                if bundle.categories[key.category].behavioural:
                    pseudonyms[key.category] = (*pseudonyms.get(key.category, ()), pseudonym(key))
                elif fields := _open(key, row):
                    values[key.category] = {**values.get(key.category, {}), **fields}
        return Grant(permission, values, pseudonyms)

    def _unwrap(self, row: AdmitRow) -> SubjectKey | None:
        assert row.subject and row.category and row.version and row.wrapped
        try:
            return keys.unwrap(self._keyring, SubjectId(row.subject), Category(row.category), row.version, row.wrapped)
        except Tampered:
            log.error("gate_closed", reason="tampered", category=row.category)
            return None


def _open(key: SubjectKey, row: AdmitRow) -> Mapping[str, str]:
    """Open the fields that were sealed under a key; one that does not check is left out."""
    fields = {}
    for field, sealed in sorted(zip(row.fields or (), row.sealed or (), strict=True)):
        try:
            fields[field] = envelope.open_(key, field, sealed).decode()
        except Tampered:
            log.error("gate_closed", reason="tampered", category=key.category)
    return fields
