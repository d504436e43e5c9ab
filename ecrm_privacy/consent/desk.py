"""The consent desk: takes an answer, makes it an entry, and says what is now permitted.

One answer is one leaf and one transaction, the ledger writer's. The desk reads, prepares and seals before it; if the
subject got another entry in between, the writer says so and the desk prepares again. A repeat of the same
Idempotency-Key gets the same reply, also when the first one was never heard.
"""

import asyncio
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from hashlib import sha256
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

import msgspec

from ecrm_privacy.consent import store
from ecrm_privacy.consent.access import follow
from ecrm_privacy.consent.acts import Act, recorded, state_change
from ecrm_privacy.consent.answer import (
    Said,
    answer_due,
    apply,
    as_recorded,
    changes,
    check,
    choice_after,
    gpc_after,
    narrowed,
)
from ecrm_privacy.consent.channels import addresses, asked
from ecrm_privacy.consent.standing import (
    KeyRow,
    PermissionRow,
    Standing,
    StatusRow,
    SubjectView,
    permissions,
    signalled,
)
from ecrm_privacy.delivery import store as delivery
from ecrm_privacy.errors import Failure, KeyReuse, LogFrozen, Malformed, Unavailable
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.ledger.failures import KeyTaken, StaleSubject
from ecrm_privacy.ledger.record import (
    LEAF_INDEX,
    Body,
    Change,
    Entry,
    EventKind,
    LeafType,
    commitment,
    leaf,
    payload,
)
from ecrm_privacy.policy import choice
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.policy.notice import NoticePayload, Notices
from ecrm_privacy.sql import Conn, Effect
from ecrm_privacy.vault.blind_index import BlindIndexes
from ecrm_privacy.vault.body import seal_body
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vault.reply import Replies, ReplyKey
from ecrm_privacy.vocabulary import (
    YES,
    Category,
    ConsentStatus,
    ExpressionMethod,
    NoticeVersion,
    Purpose,
    Regime,
    SubjectId,
)

Acquire = Callable[[], AbstractAsyncContextManager[Conn]]
Append = Callable[[Sequence[Entry]], Awaitable[list[int | Failure]]]
BundleOf = Callable[[bytes], Awaitable[Bundle]]

Heard = Callable[[Standing, Sequence[Change]], None]
"""Is told of an answer that was written: where the caller had stood, and what the answer changed."""
Also = Callable[[SubjectId | None], Sequence[Effect]]
"""Says what else becomes true with an entry about a subject, or about nobody."""

ATTEMPTS_MAX = 6


def nothing_more(_subject: SubjectId | None) -> Sequence[Effect]:
    """Say that nothing else becomes true with an entry."""
    return ()


class Taken(msgspec.Struct, frozen=True):
    """The reply to an answer. `session_token` is a new cookie's value, if the answer needed one."""

    receipt_id: str
    leaf_index: int
    permissions: tuple[PermissionRow, ...]
    answer_due: bool
    choice: str
    session_token: str | None = None
    gpc: bool = False
    """Global Privacy Control counts for whoever answered."""


Prepared = tuple[Taken, Entry, tuple[Change, ...]]
"""A reply, the entry that makes it true, and what it changes."""


class Where(msgspec.Struct, frozen=True):
    """Where an answer was given: the site, the locale and jurisdiction of the notice that was shown."""

    site: str
    locale: str
    jurisdiction: str


def hash_token(token: str) -> bytes:
    """Return the hash under which a cookie's value is kept."""
    return sha256(token.encode()).digest()


class ConsentDesk:
    """Takes answers. `append` is the ledger writer's; `acquire` lends a connection of the house's role.

    `read` lends one for a moment, to those who write nothing. `preferences` is the address where an answer can be
    taken back; each record names it.
    """

    def __init__(
        self,
        acquire: Acquire,
        read: Acquire,
        append: Append,
        keyring: Keyring,
        bundle_of: BundleOf,
        preferences: str = "",
        indexes: BlindIndexes | None = None,
    ) -> None:
        self.acquire = acquire
        self._read = read
        self.append = append
        self.keyring = keyring
        self._bundle_of = bundle_of
        self.preferences = preferences
        self._replies = Replies(keyring)
        self._indexes = indexes or BlindIndexes(keyring)
        self._notices = Notices()
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def standing(self, caller: Caller, conn: Conn | None = None) -> Standing:
        """Read where a caller stands. Raises LogFrozen."""
        if conn is None:
            async with self._read() as own:
                return await self.standing(caller, own)
        index = self._indexes.of_customer(caller.customer_number)
        session = await store.session(caller.token_hash, index).first(conn)
        if session is None:
            raise Unavailable("no policy is active")
        if session.frozen is not None:  # what was withdrawn may be given again, who was erased may be back
            raise LogFrozen(session.frozen)
        known = [subject for subject in (session.account, session.browser) if subject]
        rows = await store.views(known).all(conn) if known else []
        # Without an entry there is no subject: it was erased after its session was read. Nobody is behind the caller.
        found = {row.subject: _view(row) for row in rows if row.seen is not None}
        return Standing(
            await self._bundle_of(session.bundle),
            session.today,
            found.get(session.account) if session.account else None,
            found.get(session.browser) if session.browser else None,
            session.yes_from,
        )

    async def standings(self, customers: Sequence[Caller], conn: Conn) -> list[Standing]:
        """Read where customers stand, by their numbers alone: all at once, in their order. Raises LogFrozen."""
        if not customers:
            return []
        indexes = [self._indexes.of_customer(each.customer_number) for each in customers]
        asked = await store.customers(indexes).all(conn)
        if not asked:
            raise Unavailable("no policy is active")
        if asked[0].frozen is not None:
            raise LogFrozen(asked[0].frozen)
        known = sorted({row.account for row in asked if row.account})
        rows = await store.views(known).all(conn) if known else []
        found = {row.subject: _view(row) for row in rows if row.seen is not None}
        bundle = await self._bundle_of(asked[0].bundle)
        return [
            Standing(bundle, row.today, found.get(row.account) if row.account else None, yes_from=row.yes_from)
            for row in asked
        ]

    async def of_subject(self, subject: UUID, conn: Conn | None = None) -> Standing | None:
        """Read where one subject stands, as if it were the account of a caller; None when it is not there."""
        if conn is None:
            async with self.acquire() as own:
                return await self.of_subject(subject, own)
        session = await store.session(None).first(conn)
        rows = await store.views([subject]).all(conn)
        if session is None or not rows or rows[0].seen is None:
            return None
        bundle = await self._bundle_of(session.bundle)
        return Standing(bundle, session.today, _view(rows[0]), yes_from=session.yes_from)

    async def take(
        self,
        caller: Caller,
        said: Said,
        signals: Signals,
        where: Where,
        *,
        idempotency_key: str,
        body: bytes,
        evidence: str = "",
        heard: Heard | None = None,
        by_parent: bool = False,
        also: Also = nothing_more,
    ) -> Taken:
        """Record what was said and return the reply, durable and provable.

        `evidence` is of what was said elsewhere, or shown; `heard` is told once, and of no repeat. `by_parent`: a
        parent says it for a child (GDPR 8).

        Raises Malformed (also for a parent of somebody who is not known to be under age), EmptyAnswer, UnknownPurpose,
        RequiredPurpose, UnknownNotice, KeyReuse; Unavailable and OutcomeUnknown when the ledger cannot say that it is
        written.
        """
        said = addresses.taken(said)

        def prepare(standing: Standing) -> Prepared:
            check(standing.bundle, said)
            return self._prepare(caller, standing, as_recorded(said), signals, where, evidence, by_parent, also)

        return await self.write(caller, prepare, idempotency_key=idempotency_key, body=body, heard=heard)

    async def write(
        self,
        caller: Caller,
        prepare: Callable[[Standing], Prepared],
        *,
        idempotency_key: str,
        body: bytes,
        heard: Heard | None = None,
    ) -> Taken:
        """Append what `prepare` makes of where the caller stands, again if that changed meanwhile; return its reply.

        Raises KeyReuse, Unavailable, OutcomeUnknown, and what `prepare` raises.
        """
        reply = self._replies.key(idempotency_key)
        turn: AbstractAsyncContextManager[object] = nullcontext()
        for _ in range(ATTEMPTS_MAX):
            async with turn:
                async with self._read() as conn:
                    if (before := await _answered(conn, reply, body)) is not None:
                        return before
                    standing = await self.standing(caller, conn)
                taken, entry, made = prepare(standing)
                sealed = reply.seal(msgspec.json.encode(taken))
                kept = delivery.keep_reply(reply.key_mac, reply.body_mac(body), sealed, LEAF_INDEX)
                entry = msgspec.structs.replace(entry, effects=(*entry.effects, *kept))
                outcome = (await self.append([entry]))[0]
            if isinstance(outcome, int):
                if heard is not None:
                    heard(standing, made)
                return msgspec.structs.replace(taken, leaf_index=outcome)
            if not isinstance(outcome, StaleSubject | KeyTaken):
                raise outcome
            turn = self._turn(standing.speaker)
        raise Unavailable("the subject's answers arrive faster than they can be written")

    def _turn(self, speaker: SubjectView | None) -> AbstractAsyncContextManager[object]:
        """Let those who were overtaken come one after the other: all at once, all but one would be overtaken again."""
        return self._turns.setdefault(speaker.subject, asyncio.Lock()) if speaker else nullcontext()

    async def answered(self, idempotency_key: str, body: bytes) -> Taken | None:
        """Return the reply that this key got before. Raises KeyReuse for another body."""
        async with self._read() as conn:
            return await _answered(conn, self._replies.key(idempotency_key), body)

    def _prepare(
        self,
        caller: Caller,
        standing: Standing,
        said: Said,
        signals: Signals,
        where: Where,
        evidence: str,
        by_parent: bool,
        also: Also,
    ) -> Prepared:
        speaker = standing.speaker
        if by_parent and not standing.is_under_age(standing.views):
            raise Malformed("`by` is parent, and this person is not known to be under age")
        made = changes(standing, speaker, said, signals.regime, by_parent=by_parent)
        token = None
        effects: list[Effect] = []
        before = speaker
        if speaker is None and (_needs_a_name(standing, made) or asked.is_asked(said, made)):
            speaker = SubjectView(SubjectId(uuid4()))
            token = secrets.token_urlsafe(32)
            effects.append(store.open_session(hash_token(token), speaker.subject, None))
        if speaker is not None:
            shown = asked.Shown(said.notice, where.site, where.locale, where.jurisdiction)
            effects += asked.effects(self.keyring, before, speaker.subject, said, made, shown)
        effects += also(speaker.subject if speaker else None)
        gpc = gpc_after(standing, signals, made, by_browser=caller.customer_number is None)
        after = apply(speaker, made, gpc=gpc) if speaker else None
        if after is not None and after.regime is None:
            after = msgspec.structs.replace(after, regime=signals.regime)
        signed_in = standing.account is not None
        signals = msgspec.structs.replace(
            signals,
            closed=narrowed(signals, said, made, signed_in=signed_in),
            closed_all=False,
            answered=said.notice if said.notice in standing.bundle.notices else signals.answered,
        )
        standing = msgspec.structs.replace(
            standing,
            account=after if signed_in else None,
            browser=standing.browser if signed_in else after,
        )
        entry, receipt_id = self.entry(
            standing,
            before,
            after,
            made,
            kind=EventKind.ANSWER,
            method=said.method,
            notice=said.notice,
            where=where,
            effects=tuple(effects),
            evidence=evidence,
        )
        return self.reply(receipt_id, standing, signals, said.notice, token), entry, made

    def reply(
        self, receipt_id: str, standing: Standing, signals: Signals, notice: NoticeVersion, token: str | None = None
    ) -> Taken:
        """Return what somebody is told who stands there now; the place of the entry is not known yet."""
        rows = permissions(standing, signals)
        return Taken(
            receipt_id,
            -1,
            rows,
            answer_due(standing, signals, rows),
            choice.encode(standing.bundle, choice_after(standing, signals, notice, rows)),
            token,
            signalled(standing, signals),
        )

    def entry(
        self,
        standing: Standing,
        before: SubjectView | None,
        after: SubjectView | None,
        made: tuple[Change, ...],
        *,
        kind: EventKind,
        method: ExpressionMethod,
        notice: NoticeVersion,
        where: Where,
        effects: tuple[Effect, ...] = (),
        handed_over: Sequence[SubjectKey] = (),
        beside: SubjectView | None = None,
        evidence: str = "",
        indicated_at: datetime | None = None,
    ) -> tuple[Entry, str]:
        """Make the entry that takes a subject from `before` to `after` (None: nobody), and the name of its receipt.

        `beside` is a further subject that was read and decided by: the browser's own, when its keys are handed over.
        `indicated_at` (UTC) is when an answer that was taken elsewhere was given, and `evidence` how that is known.
        """
        access = follow(self.keyring, standing, before, after, handed_over) if after else None
        state = state_change(before, after, kind)
        act = Act(kind, method, notice, where.site, where.locale, where.jurisdiction, evidence, indicated_at)
        shown = self._notices.hash(standing.bundle, notice, where.locale)
        event = recorded(standing.bundle, act, made, state, notice_hash=shown, withdraw_at=self.preferences)
        receipt_id, opening, text = secrets.token_bytes(32), secrets.token_bytes(32), payload(event)
        sealed = seal_body(text, opening, receipt_id, access.evidence if access else None)
        entry = Entry(
            leaf=leaf(LeafType.SUBJECT, commitment(opening, text)),
            subject=after.subject if after else None,
            seen=before.seen if before else None,
            body=Body(sealed.receipt_hash, sealed.sealed, sealed.wrapped_for_receipt, sealed.wrapped_for_subject),
            changes=made if after else (),
            state=state,
            effects=(*(access.effects if access else ()), *effects),
            also_seen=((beside.subject, beside.seen),) if beside else (),
            closing=access.closing if access else (),
        )
        return entry, base64url(receipt_id)

    def notice(self, bundle: Bundle, site: str, locale: str, region: str) -> NoticePayload:
        """Return what a site shows in a locale and region."""
        return self._notices.of(bundle, site, locale, region)


async def _answered(conn: Conn, reply: ReplyKey, body: bytes) -> Taken | None:
    row = await delivery.reply(reply.key_mac).first(conn)
    if row is None:
        return None
    if row.body_mac != reply.body_mac(body):
        raise KeyReuse
    assert row.leaf_index is not None, "every reply is kept together with its entry"
    return msgspec.structs.replace(msgspec.json.decode(reply.open_(row.sealed), type=Taken), leaf_index=row.leaf_index)


def _view(row: store.ViewRow) -> SubjectView:
    return SubjectView(
        SubjectId(row.subject),
        {
            Rule(Purpose(purpose), channel, recipient): StatusRow(
                ConsentStatus(status), NoticeVersion(notice), since, until, leaf_index, by_parent
            )
            for purpose, channel, recipient, status, notice, since, until, leaf_index, by_parent in row.statuses or ()
        },
        tuple(KeyRow(Category(category), version, wrapped) for category, version, wrapped in row.keys or ()),
        Regime(row.regime) if row.regime else None,
        bool(row.restricted),
        row.adult_from,
        bool(row.gpc),
        row.seen,
    )


def _needs_a_name(standing: Standing, made: Sequence[Change]) -> bool:
    """A yes that keeps something needs a subject; a no, and a yes to what is required anyway, does not."""
    return any(
        change.status in YES and not standing.bundle.purposes[Purpose(change.purpose)].required for change in made
    )


def base64url(data: bytes) -> str:
    """Return base64url without padding, as receipts are named."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()
