"""Looking: which needs of a caller are allowed now, and what they open.

The statement decides; this file only opens what it returned. Every doubt is an empty grant: no subject, no permission,
the database away, a sealed field that does not check. Keys are unwrapped here and are gone when the function returns.
What was opened is counted for those whose it is (`gate.uses`); for a department or a partner, before they get it.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from uuid import UUID

import structlog

from ecrm_privacy.errors import EpochDestroyed, Tampered, Unavailable
from ecrm_privacy.gate.store import AdmitRow, Ask, Behind
from ecrm_privacy.gate.types import NOBODY, Caller, Grant, Permission, Signals
from ecrm_privacy.gate.uses import Released, UseLog
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.vault import envelope, keys
from ecrm_privacy.vault.blind_index import BlindIndexes
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vault.uses import OWN_PAGES, Use
from ecrm_privacy.vocabulary import ACCOUNTABILITY, Category, Pseudonym, Purpose, SubjectId

log = structlog.get_logger(__name__)

Look = Callable[[Ask], Awaitable[list[AdmitRow]]]
"""Asks the database; `app.py` hands in one that is coalesced over an event-loop turn, under the gate's role."""

Know = Callable[[bytes], Awaitable[Bundle]]
"""Gives the policy bundle of that hash, loading it if this worker has not met it yet."""

TO_STORE = "event:"
"""What is opened for these needs is a name to store something under. That is no use; a copy of one's data shows it."""


class Gate:
    """The only door through which personal data leaves the vault for a page."""

    def __init__(
        self, look: Look, keyring: Keyring, know: Know, uses: UseLog, indexes: BlindIndexes | None = None
    ) -> None:
        self._look = look
        self._keyring = keyring
        self._indexes = indexes or BlindIndexes(keyring)
        self._know = know
        self._uses = uses

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
        behind = Behind(caller.token_hash, self._indexes.of_customer(caller.customer_number))
        rows = await self._look(Ask(behind, tuple(needs), signals))
        bundle = await self._know(rows[0].bundle) if rows else None
        for row in rows:
            by_need[row.need].append(row)
        released: list[Released] = []
        system = caller.system or OWN_PAGES
        grants = {
            need: self._grant(found, bundle, system, released) if bundle else Grant(NOBODY)
            for need, found in by_need.items()
        }
        if system == OWN_PAGES:
            self._uses.count(released)
        else:
            await self._uses.note(released)
        return grants

    def _grant(self, rows: Sequence[AdmitRow], bundle: Bundle, system: str, released: list[Released]) -> Grant:
        if not rows:
            return Grant(NOBODY)
        first = next((row for row in rows if row.allowed), rows[0])
        permission = Permission(
            Purpose(first.purpose or ""), first.allowed, first.status or "unknown", first.because, first.until
        )
        values: dict[Category, Mapping[str, str]] = {}
        pseudonyms: dict[Category, tuple[Pseudonym, ...]] = {}
        opened: dict[UUID | None, dict[Category, None]] = {}
        for row in rows:
            if row.category is None or row.category == ACCOUNTABILITY or (key := self._unwrap(row)) is None:
                continue
            if bundle.categories[key.category].behavioural:
                pseudonyms[key.category] = (*pseudonyms.get(key.category, ()), pseudonym(key))
            elif fields := _open(key, row):
                values[key.category] = {**values.get(key.category, {}), **fields}
            else:
                continue
            opened.setdefault(row.subject, {})[key.category] = None
        if not first.need.startswith(TO_STORE):
            released += _released(rows, opened, system)
        return Grant(permission, values, pseudonyms)

    def _unwrap(self, row: AdmitRow) -> SubjectKey | None:
        assert row.subject and row.category and row.version and row.wrapped
        try:
            return keys.unwrap(self._keyring, SubjectId(row.subject), Category(row.category), row.version, row.wrapped)
        except EpochDestroyed:  # gone, as it should be, and not damaged: a backup brought the row back
            log.warning("gate_closed", reason="epoch_destroyed", category=row.category)
            return None
        except Tampered:
            log.error("gate_closed", reason="tampered", category=row.category)
            return None


def _released(
    rows: Sequence[AdmitRow], opened: Mapping[UUID | None, Mapping[Category, None]], system: str
) -> Iterator[Released]:
    """Return what was released of whom. Whoever has no key to count it under yet gets one with their next answer.

    Raises Unavailable where it would be released to others uncounted.
    """
    held = {row.subject: row for row in rows if row.category == ACCOUNTABILITY}
    for subject, categories in opened.items():
        if (row := held.get(subject)) is not None:
            assert row.subject and row.version and row.wrapped
            use = Use(system, Purpose(row.purpose or ""), row.need, tuple(categories), row.because)
            yield Released(SubjectId(row.subject), row.version, row.wrapped, use)
        elif system != OWN_PAGES:
            raise Unavailable("a use cannot be written down")


def _open(key: SubjectKey, row: AdmitRow) -> Mapping[str, str]:
    """Open the fields that were sealed under a key; one that does not check is left out."""
    fields = {}
    for field, sealed in sorted(zip(row.fields or (), row.sealed or (), strict=True)):
        try:
            fields[field] = envelope.open_(key, field, sealed).decode()
        except Tampered:
            log.error("gate_closed", reason="tampered", category=key.category)
    return fields
