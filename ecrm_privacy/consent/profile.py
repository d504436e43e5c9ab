"""What a shop tells us about its customers: sealed at once, found again by blind index alone.

A category is stored only while the purpose under which it is kept is allowed; other fields are dropped and counted. An
address that is on the suppression list brings an objection with it, to every purpose that contacts people: in the entry
that makes a new subject known, or in one before the address is stored. The person's own later yes lifts it.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import uuid4

import msgspec

from ecrm_privacy.consent import store
from ecrm_privacy.consent.answer import Said, SaidAnswer, apply, changes
from ecrm_privacy.consent.desk import ATTEMPTS_MAX, ConsentDesk, Where
from ecrm_privacy.consent.standing import Standing, SubjectView, purpose_rule, uses
from ecrm_privacy.errors import Failure, SubjectErased, Unavailable, UnknownPurpose
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.ledger.failures import StaleSubject
from ecrm_privacy.ledger.record import Change, Entry, EventKind
from ecrm_privacy.sql import Conn, Effect, run_all
from ecrm_privacy.vault import envelope, keys
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.blind_index import BlindIndexes, IndexKind
from ecrm_privacy.vault.suppression import Suppressions
from ecrm_privacy.vocabulary import YES, Answer, Category, ExpressionMethod, NoticeVersion, SubjectId

NEVER = "never_contact"
"""What a record of ours gives as evidence of an objection that comes from the suppression list."""
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
        self._suppressions = Suppressions(desk.keyring)

    async def put(self, profiles: Sequence[Profile], signals: Signals, where: Where) -> list[int | Failure]:
        """Store `profiles`; returns per profile how many fields were dropped, or why it was not stored.

        Raises UnknownPurpose when a profile names a category that the policy does not have.
        """
        standings = [await self._standing(profile) for profile in profiles]
        suppressed = await self._suppressed(profiles)
        outcomes: list[int | Failure] = [0] * len(profiles)
        waiting: list[tuple[int, Entry]] = []
        for n, (profile, standing, since) in enumerate(zip(profiles, standings, suppressed, strict=True)):
            entry, _, outcomes[n] = self._prepare(profile, standing, signals, where, since)
            if entry is not None:
                waiting.append((n, entry))
                continue
            try:
                await self._object(profile, standing, where, since)
            except Failure as failure:
                outcomes[n] = failure
            else:
                outcomes[n] = await self._add(profile, signals, where)
        written = await self._desk.append([entry for _, entry in waiting]) if waiting else []
        for (n, _), outcome in zip(waiting, written, strict=True):
            if not isinstance(outcome, int):
                outcomes[n] = outcome
        return outcomes

    async def _suppressed(self, profiles: Sequence[Profile]) -> list[date | None]:
        """Return per profile since when an address in it is not to be contacted."""
        told = [self._suppressions.among(profile.fields) for profile in profiles]
        if not any(told):
            return [None] * len(profiles)
        async with self._desk.acquire() as conn:
            rows = await vault.suppressed([value for values in told for value in values]).all(conn)
        since = {row.value: row.since for row in rows}
        return [max((since[value] for value in values if value in since), default=None) for values in told]

    async def _object(self, profile: Profile, standing: Standing, where: Where, since: date | None) -> None:
        """Record for somebody known that an address which comes now is not to be contacted. Raises Unavailable."""
        for _ in range(ATTEMPTS_MAX):
            view = standing.account
            made = _objections(standing, view, where, since) if view else ()
            if view is None or not made:
                return
            entry, _ = self._desk.entry(
                standing, view, apply(view, made), made, kind=EventKind.IMPORT, method=ExpressionMethod.IMPORT,
                notice=_shown(standing, where), where=where, evidence=NEVER,
            )  # fmt: skip
            outcome = (await self._desk.append([entry]))[0]
            if isinstance(outcome, int):
                return
            if not isinstance(outcome, StaleSubject):
                raise outcome
            standing = await self._standing(profile)
        raise Unavailable("the subject's answers arrive faster than they can be written")

    async def _add(self, profile: Profile, signals: Signals, where: Where) -> int | Failure:
        """Write about a known subject; its keys are read again under a lock, so that two do not make the same one."""
        async with self._desk.acquire() as conn, conn.transaction():
            before = (await self._standing(profile, conn)).account
            if before is None or not await store.hold([before.subject]).all(conn):
                return SubjectErased()
            _, effects, dropped = self._prepare(profile, await self._standing(profile, conn), signals, where, None)
            await run_all(conn, effects)
        return dropped

    async def _standing(self, profile: Profile, conn: Conn | None = None) -> Standing:
        standing = await self._desk.standing(Caller(customer_number=profile.customer_number), conn)
        if not set(profile.fields) <= set(standing.bundle.categories):
            raise UnknownPurpose
        return standing

    def _prepare(
        self, profile: Profile, standing: Standing, signals: Signals, where: Where, since: date | None
    ) -> tuple[Entry | None, list[Effect], int]:
        """Return the entry that makes a new subject known (or None), the effects, and the dropped fields."""
        before = standing.account
        view = before or SubjectView(SubjectId(uuid4()), regime=signals.regime)
        view = view if view.regime else msgspec.structs.replace(view, regime=signals.regime)
        made = _objections(standing, view, where, since)
        view = apply(view, made)
        effects: list[Effect] = []
        if before is None:
            number = self._indexes.spelled(IndexKind.CUSTOMER_NUMBER, profile.customer_number)
            effects.append(vault.claim_index(number, view.subject))
        dropped = 0
        for category, fields in profile.fields.items():
            if standing.bundle.categories[category].behavioural or not uses(standing, view, category):
                dropped += len(fields)
                continue
            effects += self._seal(view, category, fields)
        if before is not None and before.seen is not None:
            return None, effects, dropped
        entry, _ = self._desk.entry(
            standing, before, view, made, kind=EventKind.IMPORT, method=ExpressionMethod.IMPORT,
            notice=_shown(standing, where), where=where, effects=tuple(effects), evidence=NEVER if made else "",
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
                effects.append(vault.insert_index(self._indexes.spelled(kind, value), view.subject))
        return effects


def _shown(standing: Standing, where: Where) -> NoticeVersion:
    """The notice that a site shows now."""
    return NoticeVersion(standing.bundle.current_notice(standing.bundle.sites[where.site].notice).name)


def _objections(standing: Standing, view: SubjectView, where: Where, since: date | None) -> tuple[Change, ...]:
    """An objection to each purpose that contacts people, unless they said something about it since, or no before."""
    if since is None:
        return ()
    answers = []
    for name, purpose in standing.bundle.purposes.items():
        said = view.statuses.get(purpose_rule(name))
        lasts = said is None or (said.status in YES and said.since < since)
        if purpose.channels and not purpose.required and lasts:
            answers.append(SaidAnswer(name, Answer.OBJECTED))
    return changes(standing, view, Said(_shown(standing, where), tuple(answers), ExpressionMethod.IMPORT))
