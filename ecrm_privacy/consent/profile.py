"""What a shop tells us about its customers: sealed at once, found again by blind index alone.

A category is stored only while the purpose under which it is kept is allowed; other fields are dropped and counted.
"""

from collections.abc import Mapping, Sequence
from uuid import uuid4

import msgspec

from ecrm_privacy.consent import store
from ecrm_privacy.consent.desk import ConsentDesk, Where
from ecrm_privacy.consent.standing import Standing, SubjectView, uses
from ecrm_privacy.errors import Failure, SubjectErased, UnknownPurpose
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.ledger.record import Entry, EventKind
from ecrm_privacy.sql import Conn, Effect, run_all
from ecrm_privacy.vault import envelope, keys
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.blind_index import BlindIndexes, IndexKind
from ecrm_privacy.vocabulary import Category, ExpressionMethod, NoticeVersion, SubjectId

INDEXED = {(Category("contact"), "email"): IndexKind.EMAIL}
"""Fields by which a subject can be found beside its customer number."""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A customer as the shop knows them: fields by category."""

    customer_number: str
    fields: Mapping[Category, Mapping[str, str]]


class Profiles:
    """Takes profiles in."""

    def __init__(self, desk: ConsentDesk, indexes: BlindIndexes) -> None:
        self._desk = desk
        self._indexes = indexes

    async def put(self, profiles: Sequence[Profile], signals: Signals, where: Where) -> list[int | Failure]:
        """Store `profiles`; returns per profile how many fields were dropped, or why it was not stored.

        Raises UnknownPurpose when a profile names a category that the policy does not have.
        """
        standings = [await self._standing(profile) for profile in profiles]
        outcomes: list[int | Failure] = [0] * len(profiles)
        waiting: list[tuple[int, Entry]] = []
        for n, (profile, standing) in enumerate(zip(profiles, standings, strict=True)):
            entry, _, outcomes[n] = self._prepare(profile, standing, signals, where)
            if entry is not None:
                waiting.append((n, entry))
                continue
            outcomes[n] = await self._add(profile, signals, where)
        written = await self._desk.append([entry for _, entry in waiting]) if waiting else []
        for (n, _), outcome in zip(waiting, written, strict=True):
            if not isinstance(outcome, int):
                outcomes[n] = outcome
        return outcomes

    async def _add(self, profile: Profile, signals: Signals, where: Where) -> int | Failure:
        """Write about a known subject; its keys are read again under a lock, so that two do not make the same one."""
        async with self._desk.acquire() as conn, conn.transaction():
            before = (await self._standing(profile, conn)).account
            if before is None or not await store.hold([before.subject]).all(conn):
                return SubjectErased()
            _, effects, dropped = self._prepare(profile, await self._standing(profile, conn), signals, where)
            await run_all(conn, effects)
        return dropped

    async def _standing(self, profile: Profile, conn: Conn | None = None) -> Standing:
        standing = await self._desk.standing(Caller(customer_number=profile.customer_number), conn)
        if not set(profile.fields) <= set(standing.bundle.categories):
            raise UnknownPurpose
        return standing

    def _prepare(
        self, profile: Profile, standing: Standing, signals: Signals, where: Where
    ) -> tuple[Entry | None, list[Effect], int]:
        """Return the entry that makes a new subject known (or None), the effects, and the dropped fields."""
        before = standing.account
        view = before or SubjectView(SubjectId(uuid4()), regime=signals.regime)
        view = view if view.regime else msgspec.structs.replace(view, regime=signals.regime)
        effects: list[Effect] = []
        if before is None:
            number = self._indexes.of(IndexKind.CUSTOMER_NUMBER, profile.customer_number)
            effects.append(vault.claim_index(IndexKind.CUSTOMER_NUMBER, number, view.subject))
        dropped = 0
        for category, fields in profile.fields.items():
            if standing.bundle.categories[category].behavioural or not uses(standing, view, category):
                dropped += len(fields)
                continue
            effects += self._seal(view, category, fields)
        if before is not None and before.seen is not None:
            return None, effects, dropped
        entry, _ = self._desk.entry(
            standing, before, view, (), kind=EventKind.IMPORT, method=ExpressionMethod.IMPORT,
            notice=NoticeVersion(standing.bundle.current_notice(standing.bundle.sites[where.site].notice).name),
            where=where, effects=tuple(effects),
        )  # fmt: skip
        return entry, [], dropped

    def _seal(self, view: SubjectView, category: Category, fields: Mapping[str, str]) -> list[Effect]:
        effects: list[Effect] = []
        row = next((row for row in view.keys if row.category == category), None)
        if row is None:
            key, wrapped = keys.new(self._desk.keyring, view.subject, category)
            effects.append(vault.insert_key(view.subject, category, key.version, wrapped))
        else:
            key = keys.unwrap(self._desk.keyring, view.subject, category, row.version, row.wrapped)
        for field, value in fields.items():
            effects.append(
                vault.put_record(view.subject, category, field, key.version, envelope.seal(key, field, value.encode()))
            )
            if (kind := INDEXED.get((category, field))) is not None:
                effects.append(vault.insert_index(kind, self._indexes.of(kind, value), view.subject))
        return effects
