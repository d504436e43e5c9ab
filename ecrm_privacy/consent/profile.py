"""What a shop tells us about its customers, and they about themselves: sealed at once, found by blind index alone.

A category is stored only while the purpose under which it is kept is allowed; other fields are dropped and counted. An
address that is on the suppression list brings an objection with it, to every purpose that contacts people: in the entry
that makes a new subject known, or in one before the address is stored. The person's own later yes lifts it.
A day of birth brings with it, in the same way, from when on a yes of their own counts.

A write is a key: who changes a field of a category seals all of that category's fields under a new key, which takes
the place of the one before. Of a category only what was written last opens; an older value that is put back does not.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from uuid import uuid4

import asyncpg
import msgspec
import structlog

from ecrm_privacy.consent import age, store
from ecrm_privacy.consent.answer import Said, SaidAnswer, apply, changes
from ecrm_privacy.consent.desk import ATTEMPTS_MAX, ConsentDesk, Where
from ecrm_privacy.consent.standing import Standing, SubjectView, purpose_rule, uses
from ecrm_privacy.errors import (
    Failure,
    NotKnown,
    NotPermitted,
    SubjectErased,
    Tampered,
    Unavailable,
    UnknownPurpose,
)
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.ledger.failures import StaleSubject
from ecrm_privacy.ledger.record import Change, Entry, EventKind
from ecrm_privacy.sql import Conn, Effect, run_all
from ecrm_privacy.vault import envelope, keys
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.blind_index import BlindIndexes, IndexKind
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vault.store import RecordRow
from ecrm_privacy.vault.suppression import Suppressions
from ecrm_privacy.vocabulary import YES, Answer, Category, ExpressionMethod, NoticeVersion, SubjectId

log = structlog.get_logger(__name__)

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
            try:
                if standing.account is None:
                    entry, outcomes[n] = self._introduce(profile, standing, signals, where, since)
                    waiting.append((n, entry))
                    continue
                await self._note(profile, standing, where, since)
            except Failure as failure:
                outcomes[n] = failure
            else:
                outcomes[n] = await self._add(profile, signals)
        written = await self._desk.append([entry for _, entry in waiting]) if waiting else []
        for (n, _), outcome in zip(waiting, written, strict=True):
            if not isinstance(outcome, int):
                outcomes[n] = outcome
        return outcomes

    async def change(
        self, caller: Caller, category: Category, change: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        """Let somebody change fields of a category of their own: `change` gets what stands, and says what shall.

        Raises NotKnown when nobody is behind `caller`, NotPermitted where no permission of theirs keeps the category,
        SubjectErased, Unavailable.
        """
        async with self._writing() as conn:
            standing, view = await self._hold(caller, conn)
            if category not in standing.bundle.categories or not uses(standing, view, category):
                raise NotPermitted
            stands = [row for row in await vault.records_of(view.subject).all(conn) if row.category == category]
            said = change(self._said(view, category, stands))
            await self._write(conn, view, category, said, stands)
        return said

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Conn]:
        """Lend a connection for one transaction. Raises Unavailable where a key's epoch has been closed since."""
        try:
            async with self._desk.acquire() as conn, conn.transaction():
                yield conn
        except asyncpg.CheckViolationError:  # of the epoch: nothing else of what is written is checked like that
            raise Unavailable("the epoch of a key was closed") from None

    async def _hold(self, caller: Caller, conn: Conn) -> tuple[Standing, SubjectView]:
        """Lock whoever speaks, and read what is known of them, so that two do not write over each other.

        Raises NotKnown, SubjectErased.
        """
        before = (await self._desk.standing(caller, conn)).speaker
        if before is None:
            raise NotKnown
        if not await store.hold([before.subject]).all(conn):
            raise SubjectErased
        standing = await self._desk.standing(caller, conn)
        view = standing.speaker
        if view is None or view.subject != before.subject:
            raise SubjectErased
        return standing, view

    def _said(self, view: SubjectView, category: Category, stands: Sequence[RecordRow]) -> dict[str, str]:
        """Open the fields of a category that stand."""
        row = next((row for row in view.keys if row.category == category), None)
        if row is None:
            return {}
        return _opened(keys.unwrap(self._desk.keyring, view.subject, category, row.version, row.wrapped), stands)

    async def _suppressed(self, profiles: Sequence[Profile]) -> list[date | None]:
        """Return per profile since when an address in it is not to be contacted."""
        told = [self._suppressions.among(profile.fields) for profile in profiles]
        if not any(told):
            return [None] * len(profiles)
        async with self._desk.acquire() as conn:
            rows = await vault.suppressed([value for values in told for value in values]).all(conn)
        since = {row.value: row.since for row in rows}
        return [max((since[value] for value in values if value in since), default=None) for values in told]

    async def _note(self, profile: Profile, standing: Standing, where: Where, since: date | None) -> None:
        """Record of somebody known what comes with a field: an address that is not to be contacted, another age.

        Raises Malformed, Unavailable.
        """
        for _ in range(ATTEMPTS_MAX):
            if (view := standing.account) is None:
                return
            made = _objections(standing, view, where, since)
            after = _aged(standing, apply(view, made), profile, where)
            if not made and after.adult_from == view.adult_from:
                return
            entry, _ = self._desk.entry(
                standing, view, after, made, kind=EventKind.IMPORT, method=ExpressionMethod.IMPORT,
                notice=_shown(standing, where), where=where, evidence=NEVER if made else "",
            )  # fmt: skip
            outcome = (await self._desk.append([entry]))[0]
            if isinstance(outcome, int):
                return
            if not isinstance(outcome, StaleSubject):
                raise outcome
            standing = await self._standing(profile)
        raise Unavailable("the subject's answers arrive faster than they can be written")

    async def _add(self, profile: Profile, signals: Signals) -> int | Failure:
        """Write about a known subject. Raises Unavailable where a key's epoch has been closed since."""
        async with self._writing() as conn:
            try:
                standing, view = await self._hold(Caller(customer_number=profile.customer_number), conn)
            except (NotKnown, SubjectErased):
                return SubjectErased()
            _named_in(standing, profile)
            kept, dropped = _kept(standing, _under_a_law(view, signals), profile.fields)
            stands = await vault.records_of(view.subject).all(conn) if kept else []
            for category, fields in kept.items():
                await self._write(conn, view, category, fields, [row for row in stands if row.category == category])
        return dropped

    async def _standing(self, profile: Profile) -> Standing:
        standing = await self._desk.standing(Caller(customer_number=profile.customer_number))
        _named_in(standing, profile)
        return standing

    def _introduce(
        self, profile: Profile, standing: Standing, signals: Signals, where: Where, since: date | None
    ) -> tuple[Entry, int]:
        """Return the entry that makes a new subject known, and how many fields were dropped. Raises Malformed."""
        view = SubjectView(SubjectId(uuid4()), regime=signals.regime)
        made = _objections(standing, view, where, since)
        view = _aged(standing, apply(view, made), profile, where)
        kept, dropped = _kept(standing, view, profile.fields)
        number = self._indexes.spelled(IndexKind.CUSTOMER_NUMBER, profile.customer_number)
        effects = [vault.claim_index(number, view.subject)]
        for category, fields in kept.items():
            effects += [*self._first(view.subject, category, fields), *self._named(view.subject, category, fields)]
        entry, _ = self._desk.entry(
            standing, None, view, made, kind=EventKind.IMPORT, method=ExpressionMethod.IMPORT,
            notice=_shown(standing, where), where=where, effects=tuple(effects), evidence=NEVER if made else "",
        )  # fmt: skip
        return entry, dropped

    async def _write(
        self, conn: Conn, view: SubjectView, category: Category, fields: Mapping[str, str], stands: Sequence[RecordRow]
    ) -> None:
        """Write fields beside those that stand, all of them under a new key; what is the same is no write."""
        await run_all(conn, self._named(view.subject, category, fields))
        row = next((row for row in view.keys if row.category == category), None)
        if row is None:
            await run_all(conn, self._first(view.subject, category, fields))
            return
        key = keys.unwrap(self._desk.keyring, view.subject, category, row.version, row.wrapped)
        before = _opened(key, stands)
        after = {**before, **fields}
        if after == before:
            return
        new, wrapped = keys.new(self._desk.keyring, view.subject, category, key.version)
        if await vault.replace_key(view.subject, category, key.version, wrapped, pseudonym(key)).run(conn):
            key = new
        await vault.put_records(view.subject, category, key.version, _sealed(key, after)).run(conn)

    def _first(self, subject: SubjectId, category: Category, fields: Mapping[str, str]) -> list[Effect]:
        """Return what writes the first fields of a category, with its key."""
        key, wrapped = keys.new(self._desk.keyring, subject, category)
        return [
            vault.insert_key(subject, category, key.version, wrapped),
            vault.put_records(subject, category, key.version, _sealed(key, fields)),
        ]

    def _named(self, subject: SubjectId, category: Category, fields: Mapping[str, str]) -> list[Effect]:
        """Return what makes a subject known by those fields that are indexed."""
        return [
            vault.insert_index(self._indexes.spelled(kind, value), subject)
            for field, value in fields.items()
            if (kind := INDEXED.get((category, field))) is not None
        ]


def _named_in(standing: Standing, profile: Profile) -> None:
    """Raise UnknownPurpose when a profile names a category that the policy does not have."""
    if not set(profile.fields) <= set(standing.bundle.categories):
        raise UnknownPurpose


def _aged(standing: Standing, view: SubjectView, profile: Profile, where: Where) -> SubjectView:
    """Return a subject with the age that a profile gives them. Raises Malformed."""
    day = age.adult_from(standing.bundle, profile.fields, where.jurisdiction, standing.today, view.adult_from)
    return view if day is None else msgspec.structs.replace(view, adult_from=day)


def _under_a_law(view: SubjectView, signals: Signals) -> SubjectView:
    return view if view.regime else msgspec.structs.replace(view, regime=signals.regime)


def _kept(
    standing: Standing, view: SubjectView, told: Mapping[Category, Mapping[str, str]]
) -> tuple[Mapping[Category, Mapping[str, str]], int]:
    """Return the fields that may be stored, by category, and how many may not."""
    kept = {
        category: fields
        for category, fields in told.items()
        if fields and not standing.bundle.categories[category].behavioural and uses(standing, view, category)
    }
    return kept, sum(len(fields) for category, fields in told.items() if category not in kept)


def _opened(key: SubjectKey, stands: Sequence[RecordRow]) -> dict[str, str]:
    """Open the fields that stand. One that does not check stays as it is, unless it is among what is written."""
    fields = {}
    for row in stands:
        try:
            fields[row.field] = envelope.open_(key, row.field, row.sealed).decode()
        except Tampered:
            log.error("not_opened", reason="tampered", category=key.category)
    return fields


def _sealed(key: SubjectKey, fields: Mapping[str, str]) -> dict[str, bytes]:
    return {field: envelope.seal(key, field, value.encode()) for field, value in fields.items()}


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
