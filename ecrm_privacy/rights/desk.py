"""Requests of a subject: an export of everything, or an end to everything."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import asyncpg
import msgspec

from ecrm_privacy.delivery import store as delivery
from ecrm_privacy.errors import (
    Failure,
    KeyReuse,
    LogFrozen,
    NotKnown,
    OutcomeUnknown,
    Refusal,
    Tampered,
    Unavailable,
)
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.ledger.entry import Seen
from ecrm_privacy.ledger.failures import KeyTaken, StaleSubject
from ecrm_privacy.ledger.record import (
    ANY_SEEN,
    LEAF_INDEX,
    Body,
    ConsentEvent,
    Entry,
    EventKind,
    LeafType,
    commitment,
    leaf,
    payload,
)
from ecrm_privacy.policy.documents import Period
from ecrm_privacy.rights import store
from ecrm_privacy.rights.deadline import ANSWER_WITHIN, answered_by
from ecrm_privacy.rights.holders import Holder, Known, Step
from ecrm_privacy.rights.house import records, typed
from ecrm_privacy.rights.journal import Journal, Mark
from ecrm_privacy.rights.plan import USUAL, Certificate, Windows, last_copies, plan
from ecrm_privacy.rights.uses import CountOfUse, add_up, counted_under, counts_of_uses
from ecrm_privacy.rights.wording import sealed
from ecrm_privacy.sql import Conn, Effect
from ecrm_privacy.vault import keys
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.blind_index import BlindIndexes
from ecrm_privacy.vault.body import seal_body
from ecrm_privacy.vault.epochs import store as epochs
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vault.reply import Replies, ReplyKey
from ecrm_privacy.vault.suppression import Suppressions
from ecrm_privacy.vocabulary import (
    ACCOUNTABILITY,
    CONTRIBUTE,
    EVIDENCE,
    Category,
    ExpressionMethod,
    Pseudonym,
    RightKind,
    SubjectId,
)

Acquire = Callable[[], AbstractAsyncContextManager[Conn]]
Append = Callable[[Sequence[Entry]], Awaitable[list[int | Failure]]]
T = TypeVar("T")

CHUNK_ROWS = 1000
OF_ANYBODY = frozenset({RightKind.OBJECTION, RightKind.OPT_OUT_OF_SALE, RightKind.LIMIT_SENSITIVE})
"""What can be asked for without being known: a no, and needs no name. Here where nothing is left to say no to."""
ATTEMPTS_MAX = 6
OPEN_MOST = 10
"""So many requests of one subject may wait for an answer at once; who has more to say takes one back."""


class TooManyOpen(Refusal):
    """More requests of this subject than somebody can answer wait already."""


class Requested(msgspec.Struct, frozen=True):
    """The reply to `POST /v1/rights-requests`. `erased` tells the caller's browser to drop its cookie."""

    request_id: UUID
    status: str
    expected_by: date
    verification: str
    erased: bool = False
    suppressed: int = 0
    """So many addresses went on the suppression list."""


class Erasing(msgspec.Struct, frozen=True):
    """The payload of a job: pseudonyms, and the request to answer or the withdrawal that owes it, but no subject.

    `counted` are the names under which it may have been counted how the data was used.
    """

    pseudonyms: tuple[Pseudonym, ...]
    request_id: UUID | None = None
    requested: date | None = None
    suppressed: int = 0
    retiring: UUID | None = None
    counted: tuple[Pseudonym, ...] = ()


class RightsDesk:
    """Takes requests and does the work they owe. `controller` and `site` stand in the entries it makes.

    Nobody is erased who was not written into the `journal` before.
    """

    def __init__(
        self,
        acquire: Acquire,
        append: Append,
        keyring: Keyring,
        holders: Sequence[Holder],
        journal: Journal,
        controller: str,
        site: str,
        windows: Windows = USUAL,
        indexes: BlindIndexes | None = None,
    ) -> None:
        self.acquire = acquire
        self._append = append
        self.keyring = keyring
        self.replies = Replies(keyring)
        self._indexes = indexes or BlindIndexes(keyring)
        self._suppressions = Suppressions(keyring)
        self.journal = journal
        self._controller = controller
        self._site = site
        self._windows = windows
        self.holders = tuple(holders)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Conn]:
        """Lend a connection that sees one moment: a field opens only by the key that stood when it was written."""
        async with self.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            yield conn

    async def behind(self, conn: Conn, caller: Caller) -> store.BehindRow | None:
        """Find who is behind a caller. Raises LogFrozen: whoever was erased may be back, and is not served."""
        index = self._indexes.of_customer(caller.customer_number)
        row = await store.behind(caller.token_hash, index).first(conn)
        if row is not None and row.frozen is not None:
            raise LogFrozen(row.frozen)
        return row

    async def request(
        self,
        caller: Caller,
        right: RightKind,
        *,
        idempotency_key: str,
        body: bytes,
        within: Period = ANSWER_WITHIN,
        never_contact: bool = False,
        wording: str = "",
    ) -> Requested:
        """Take a request of the subject behind `caller`; with `never_contact` an erasure keeps hashes of addresses.

        `within` is how long the law leaves us, `wording` what is wrong and what is right, where somebody is to answer.
        Restrictions, and what there is to say no to, are the consent desk's.

        Raises NotKnown when nobody is behind it, TooManyOpen, KeyReuse, Unavailable.
        """
        reply = self.replies.key(idempotency_key)
        for _ in range(ATTEMPTS_MAX):
            if (before := await self._answered(reply, body)) is not None:
                return before
            async with self.acquire() as conn:
                row = await self.behind(conn, caller)
            subjects = [SubjectId(one) for one in (row.browser, row.account) if one] if row else []
            if row is None or not (subjects or right in OF_ANYBODY):
                raise NotKnown
            is_erasure = right is RightKind.ERASURE
            status = "in_progress" if is_erasure else "open" if wording else "fulfilled"
            made = Requested(uuid4(), status, answered_by(row.today, within), "session", is_erasure)
            if not is_erasure:
                try:
                    return await self._note(subjects[-1] if subjects else None, right, made, reply, body, wording)
                except asyncpg.UniqueViolationError:  # the same key came twice at once: the first one's reply counts
                    continue
            addresses = await self._addresses(subjects) if never_contact else []
            made = msgspec.structs.replace(made, suppressed=len(addresses))
            answer = reply.seal(msgspec.json.encode(made))
            kept = [*delivery.keep_reply(reply.key_mac, reply.body_mac(body), answer, LEAF_INDEX)]
            if addresses:
                kept.append(vault.suppress(addresses))
            if await self._erase(subjects, made, row.today, kept):
                return made
        raise Unavailable("the subject's answers arrive faster than they can be erased")

    async def _addresses(self, subjects: Sequence[SubjectId]) -> list[bytes]:
        """Return the keyed hashes of every address that `subjects` can be reached by."""
        found: set[bytes] = set()
        async with self.reading() as conn:
            for subject in subjects:
                known, _ = await self.known(conn, subject)
                found.update(self._suppressions.among(typed(await records(conn, known))))
        return sorted(found)

    async def _answered(self, reply: ReplyKey, body: bytes) -> Requested | None:
        async with self.acquire() as conn:
            row = await delivery.reply(reply.key_mac).first(conn)
        if row is None:
            return None
        if row.body_mac != reply.body_mac(body):
            raise KeyReuse
        return msgspec.json.decode(reply.open_(row.sealed), type=Requested)

    async def _note(
        self, subject: SubjectId | None, right: RightKind, made: Requested, reply: ReplyKey, body: bytes, wording: str
    ) -> Requested:
        """Write down what needs no entry: a copy is made when it is fetched, and an answer comes later."""
        answer = reply.seal(msgspec.json.encode(made))
        async with self.acquire() as conn, conn.transaction():
            if subject is not None and await store.keep(subject).first(conn) is None:
                raise NotKnown  # erased meanwhile: then nothing may name it again
            for effect in delivery.keep_reply(reply.key_mac, reply.body_mac(body), answer, None):
                await effect.run(conn)
            words = None
            if wording and subject is not None:
                if sum(row.status == "open" for row in await store.requests_of([subject]).all(conn)) >= OPEN_MOST:
                    raise TooManyOpen
                words = await sealed(conn, self.keyring, subject, made.request_id, "wording", wording)
            await store.open_request(made.request_id, subject, right, made.status, made.expected_by, words).run(conn)
        return made

    async def status(self, request_id: UUID) -> store.RequestRow:
        """Return a request to whoever knows its name. Raises NotKnown."""
        async with self.acquire() as conn:
            row = await store.request(request_id).first(conn)
        if row is None:
            raise NotKnown
        return row

    async def export(self, request_id: UUID, caller: Caller) -> dict[str, Any]:
        """Return everything we have about the subject that made the request. Raises NotKnown for anybody else."""
        async with self.acquire() as conn:
            request = await store.request(request_id).first(conn)
            row = await self.behind(conn, caller)
        own = {row.browser, row.account} - {None} if row else set()
        if request is None or request.subject is None or request.subject not in own:
            raise NotKnown
        return await self.everything(sorted(SubjectId(one) for one in own if one))

    async def everything(self, subjects: Sequence[SubjectId]) -> dict[str, Any]:
        """Return what every holder has about `subjects`, readable, in one consistent reading."""
        package: dict[str, Any] = {
            "format": "ecrm-export/1",
            "made": datetime.now(UTC).replace(microsecond=0),
        }
        async with self.reading() as conn:
            held: list[dict[str, Any]] = []
            for subject in subjects:
                known, _ = await self.known(conn, subject)
                found = {holder.name: await holder.export(conn, known) for holder in self.holders}
                held.append({name: part for name, part in found.items() if part})
        return {**package, "about_you": [part for part in held if part]}

    async def profile(self, caller: Caller) -> dict[str, dict[str, str]]:
        """Return the opened fields of the subjects behind a caller, by category, for their own eyes."""
        found: dict[str, dict[str, str]] = {}
        for fields in await self._own(caller, records):
            found |= fields
        return found

    async def uses(self, caller: Caller) -> list[CountOfUse]:
        """Return how the data of the subjects behind a caller was used, newest month first, for their own eyes."""
        return add_up([row for rows in await self._own(caller, counts_of_uses) for row in rows])

    async def _own(self, caller: Caller, read: Callable[[Conn, Known], Awaitable[T]]) -> list[T]:
        """Read about each of the subjects behind a caller."""
        async with self.reading() as conn:
            row = await self.behind(conn, caller)
            subjects = [SubjectId(one) for one in (row.browser, row.account) if one] if row else []
            return [await read(conn, (await self.known(conn, subject))[0]) for subject in subjects]

    async def forget_browser(self, caller: Caller) -> None:
        """Erase what only this browser's cookie can reach: its own subject, never the account's."""
        for _ in range(ATTEMPTS_MAX):
            async with self.acquire() as conn:
                row = await self.behind(conn, Caller(token_hash=caller.token_hash))
            if row is None or row.browser is None:
                return
            if await self._erase([SubjectId(row.browser)], None, row.today):
                return
        raise Unavailable("the subject's answers arrive faster than they can be erased")

    async def end_sessions(self) -> int:
        """Erase what only sessions whose time is over could reach, and end them; returns how many subjects went."""
        erased = 0
        async with self.acquire() as conn:
            rows = await store.stranded().all(conn)
        for row in rows:
            erased += await self._erase([SubjectId(row.subject)], None, row.today)
        async with self.acquire() as conn:
            await store.end_sessions().run(conn)
        return erased

    async def known(self, conn: Conn, subject: SubjectId, *, to_erase: bool = False) -> tuple[Known, int | None]:
        """Return what leads to a subject's data. A key that does not check is left out of a copy.

        Raises Tampered for it before an erasure: without it the history under its pseudonym would not be found.
        """
        seen = await store.seen(subject).first(conn)  # before the keys: who takes one away in between makes this stale
        rows = await vault.keys_of([subject]).all(conn)
        found = []
        for row in rows:
            try:
                found.append(keys.unwrap(self.keyring, subject, Category(row.category), row.version, row.wrapped))
            except Tampered:
                if to_erase:
                    raise
        names: dict[Category, tuple[Pseudonym, ...]] = {}
        for key in found:
            if key.category not in {EVIDENCE, ACCOUNTABILITY}:
                names[key.category] = (*names.get(key.category, ()), pseudonym(key))
        return Known(subject, tuple(found), names), seen.seen if seen else None

    async def _erase(
        self, subjects: Sequence[SubjectId], made: Requested | None, today: date, kept: Sequence[Effect] = ()
    ) -> bool:
        """Erase `subjects` by one entry: all of them, or none. False: read again."""
        people: list[tuple[Known, int | None]] = []
        for subject in subjects:
            async with self.acquire() as conn:
                known, seen = await self.known(conn, subject, to_erase=True)
            if seen is not None or made is not None:  # else another worker, or the same person, was a moment earlier
                people.append((known, seen))
        if not people:
            return True
        names = tuple(name for known, _ in people for name in known.all_pseudonyms)
        counted = tuple(name for known, _ in people for name in counted_under(known, today))
        job = Erasing(names, made.request_id if made else None, today, counted=counted)
        job = msgspec.structs.replace(job, suppressed=made.suppressed) if made else job
        effects = [delivery.enqueue("erase", job)]
        if made:
            effects.append(store.open_request(made.request_id, None, "erasure", made.status, made.expected_by))
        outcome = await self._journaled(
            self._erasure(people, [*effects, *kept]), [each.subject for each, _ in people], today
        )
        if isinstance(outcome, StaleSubject | KeyTaken):
            return False
        if not isinstance(outcome, int):
            raise outcome
        return True

    async def _journaled(self, entry: Entry, subjects: Sequence[SubjectId], today: date) -> int | Failure:
        """Append an erasure between its lines in the journal; one that may have happened stays begun."""
        for subject in subjects:
            await asyncio.to_thread(self.journal.write, subject, Mark.BEGUN, today)
        outcome = (await self._append([entry]))[0]
        if not isinstance(outcome, OutcomeUnknown):
            mark = Mark.DONE if isinstance(outcome, int) else Mark.VOID
            for subject in subjects:
                with suppress(Unavailable):  # then it stays begun, which is told apart where a backup brings it back
                    await asyncio.to_thread(self.journal.write, subject, mark, today)
        return outcome

    async def again(self, subject: SubjectId, today: date) -> Entry:
        """Return the entry that erases somebody whom a backup brought back; the journal has them already."""
        async with self.acquire() as conn:
            known, _ = await self.known(conn, subject, to_erase=True)
        job = Erasing(known.all_pseudonyms, None, today, counted=counted_under(known, today))
        return self._erasure([(known, ANY_SEEN)], [delivery.enqueue("erase", job)])

    def _erasure(self, people: Sequence[tuple[Known, Seen]], effects: Sequence[Effect]) -> Entry:
        *others, (last, seen) = people
        known = [each for each, _ in people]
        destroyed = [effect for each in known for holder in self.holders for effect in holder.destroy(each.subject)]
        return msgspec.structs.replace(
            self._entry(),
            subject=last.subject,
            seen=seen,
            also_seen=tuple((each.subject, each_seen) for each, each_seen in others),
            erases=True,
            effects=(*destroyed, *effects),
            closing=tuple((name, vault.delete_all_uses([name])) for each in known for name in each.all_pseudonyms),
        )

    def _entry(self) -> Entry:
        """An entry that says that an erasure happened, and not whose."""
        event = ConsentEvent(
            record_id=uuid4(), event_time=datetime.now(UTC).replace(microsecond=0), kind=EventKind.ERASURE,
            controller=self._controller, site=self._site, method=ExpressionMethod.SAVE, notice="", notice_hash="",
            locale="",
        )  # fmt: skip
        receipt_id, opening, text = secrets.token_bytes(32), secrets.token_bytes(32), payload(event)
        made = seal_body(text, opening, receipt_id, None)
        return Entry(
            leaf=leaf(LeafType.SUBJECT, commitment(opening, text)),
            body=Body(made.receipt_hash, made.sealed, made.wrapped_for_receipt, None),
        )

    # what is owed: handlers of jobs -------------------------------------------------------------------------------

    async def erase(self, text: str) -> None:
        """Finish an erasure: un-learn, forget, delete the pseudonyms, append the done entry, certify."""
        job = msgspec.json.decode(text, type=Erasing)
        await self._forget(job.pseudonyms, job.counted)
        if job.request_id is None or (await self.status(job.request_id)).status == "fulfilled":
            return
        tables = frozenset().union(*(holder.tables for holder in self.holders))
        async with self.acquire() as conn:
            newest = (await epochs.known().all(conn))[-1]
        last = last_copies(newest.epoch, newest.began, newest.today, self._windows)
        promised = plan(tables, last, suppressed=job.suppressed)
        certificate = Certificate(
            version=2, goes=promised.goes, stays=promised.stays, pseudonyms=len(job.pseudonyms),
            requested=job.requested or newest.today, done=newest.today, last_copies=last,
        )  # fmt: skip
        closing = store.close_request(job.request_id, "fulfilled", msgspec.json.encode(certificate).decode())
        outcome = (await self._append([msgspec.structs.replace(self._entry(), effects=(closing,))]))[0]
        if not isinstance(outcome, int):
            raise outcome

    async def retire(self, text: str) -> None:
        """Forget history that no permission covers any more, unless a later answer was given about it.

        Each transaction that deletes looks again, and a renewed yes waits for it: so nothing newer goes with the old.
        """
        job = msgspec.json.decode(text, type=Erasing)
        async with self.acquire() as conn:
            closed = await self._retiring(conn, job)
        for holder in self.holders:  # most often there is nothing left: not under a lock, because counting takes long
            await self._until_done(holder.unlearn, closed)
        for holder in self.holders:
            done = False
            while not done:
                async with self.acquire() as conn, conn.transaction():
                    closed = await self._retiring(conn, job)
                    done = not closed or await holder.forget(conn, closed, CHUNK_ROWS)
        async with self.acquire() as conn, conn.transaction():
            closed = await self._retiring(conn, job)
            await vault.delete_pseudonyms(closed).run(conn)
            await delivery.forget_retirements(closed).run(conn)
            await delivery.note_erased().run(conn)

    async def _retiring(self, conn: Conn, job: Erasing) -> list[Pseudonym]:
        return [Pseudonym(row.pseudonym) for row in await vault.hold_retiring(job.pseudonyms, job.retiring).all(conn)]

    async def unlearn(self, text: str) -> None:
        """Take out of the counts what may no longer contribute."""
        job = msgspec.json.decode(text, type=Erasing)
        async with self.acquire() as conn:
            open_now = {
                row.pseudonym for row in await vault.uses_of(job.pseudonyms).all(conn) if row.purpose == CONTRIBUTE
            }
        closed = [name for name in job.pseudonyms if name not in open_now]
        for holder in self.holders:
            await self._until_done(holder.unlearn, closed)

    async def relearn(self, text: str) -> None:
        """Count again what may contribute again."""
        job = msgspec.json.decode(text, type=Erasing)
        for holder in self.holders:
            await self._until_done(holder.relearn, job.pseudonyms)

    async def _forget(self, pseudonyms: Sequence[Pseudonym], counted: Sequence[Pseudonym]) -> None:
        for holder in self.holders:
            await self._until_done(holder.unlearn, pseudonyms)
        for holder in self.holders:
            await self._until_done(holder.forget, (*pseudonyms, *counted))
        async with self.acquire() as conn, conn.transaction():
            await vault.delete_pseudonyms(pseudonyms).run(conn)
            await delivery.forget_retirements(pseudonyms).run(conn)
            await delivery.note_erased().run(conn)

    async def _until_done(self, step: Step, pseudonyms: Sequence[Pseudonym]) -> None:
        done = not pseudonyms
        while not done:
            async with self.acquire() as conn, conn.transaction():
                done = await step(conn, pseudonyms, CHUNK_ROWS)
