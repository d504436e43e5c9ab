"""Looking: which needs of a caller are allowed now, and what they open.

The statement decides; this file only opens what it returned. Every doubt is an empty grant: no subject, no permission,
the database away, a sealed field that does not check. Keys are unwrapped here and are gone when the function returns.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from ecrm_privacy.errors import Tampered, Unavailable
from ecrm_privacy.gate.store import AdmitRow, Ask
from ecrm_privacy.gate.types import Caller, Grant, Permission, Signals
from ecrm_privacy.vault import envelope, keys
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vocabulary import Category, Pseudonym, Purpose, SubjectId

log = structlog.get_logger(__name__)

Look = Callable[[Ask], Awaitable[list[AdmitRow]]]
"""Asks the database; `app.py` hands in one that is coalesced over an event-loop turn, under the gate's role."""

Know = Callable[[bytes], Awaitable[object]]
"""Loads the policy bundle of that hash, if this worker has not met it yet."""

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
            rows = await self._look(Ask(caller, tuple(needs), signals))
            if rows:
                await self._know(rows[0].bundle)
        except Unavailable:
            log.warning("gate_closed", reason="unavailable")
            rows = []
        by_need: dict[str, list[AdmitRow]] = {need: [] for need in needs}
        for row in rows:
            by_need[row.need].append(row)
        return {need: self._grant(found) for need, found in by_need.items()}

    def _grant(self, rows: Sequence[AdmitRow]) -> Grant:
        if not rows:
            return Grant(NOBODY)
        first = next((row for row in rows if row.allowed), rows[0])
        permission = Permission(
            Purpose(first.purpose or ""), first.allowed, first.status or "unknown", first.because, first.until
        )
        values: dict[Category, Mapping[str, str]] = {}
        pseudonyms: dict[Category, tuple[Pseudonym, ...]] = {}
        for row in rows:
            if row.category is not None:
                self._open(row, values, pseudonyms)
        return Grant(permission, values, pseudonyms)

    def _open(
        self,
        row: AdmitRow,
        values: dict[Category, Mapping[str, str]],
        pseudonyms: dict[Category, tuple[Pseudonym, ...]],
    ) -> None:
        assert row.subject and row.category and row.version and row.wrapped
        category = Category(row.category)
        try:
            key = keys.unwrap(self._keyring, SubjectId(row.subject), category, row.version, row.wrapped)
            fields = {
                field: envelope.open_(key, field, sealed).decode()
                for field, sealed in sorted(zip(row.fields or (), row.sealed or (), strict=True))
            }
        except Tampered:
            log.error("gate_closed", reason="tampered", category=category)
            return
        if fields:
            values[category] = {**values.get(category, {}), **fields}
        else:
            pseudonyms[category] = (*pseudonyms.get(category, ()), pseudonym(key))
