"""What somebody asked for: how it stands and how it came to that, what they wrote, and who still waits for an answer.

Whoever knows a request's name reads how it stands, because who was erased has no session. What was written with it is
opened for those alone who made it, and for whoever answers. An open one ends once: fulfilled, denied with a reason, or
taken back. A restriction that is lifted was taken back, too.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID

import msgspec

from ecrm_privacy.errors import NotKnown, Refusal, Unavailable
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.rights import store
from ecrm_privacy.rights.desk import Requested, RightsDesk
from ecrm_privacy.rights.holders import Known
from ecrm_privacy.rights.house import records
from ecrm_privacy.rights.store import DueRow, RequestRow
from ecrm_privacy.rights.wording import evidence_keys, opened, sealed
from ecrm_privacy.sql import Conn, Effect
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault import uses
from ecrm_privacy.vault.uses import Use
from ecrm_privacy.vocabulary import ACCOUNTABILITY, Category, LegalBasis, Purpose, RightKind, SubjectId

BEGINS = {RightKind.RECTIFICATION: "open", RightKind.ERASURE: "in_progress"}
"""How a request stands when it comes; any other is fulfilled with it."""
SHOWN_MOST = 10
CONTACT = Category("contact")
"""The category that tells whoever answers whom it is about."""
LOOKED = Use("staff", Purpose("rights"), "request", (CONTACT,), LegalBasis.LEGAL_OBLIGATION)
"""What is counted when somebody opens a request to answer it (GDPR 12)."""


class RequestEnded(Refusal):
    """A request that has ended: nothing is left to take back, or to answer."""


class Step(msgspec.Struct, frozen=True):
    """From `on` a request stood so; the day of an end that nobody wrote down is None."""

    status: str
    on: date | None


class Told(msgspec.Struct, frozen=True):
    """A request as it stands; `wording` and `reason` are empty where there is none, and for all but who made it."""

    row: RequestRow
    wording: str = ""
    reason: str = ""
    is_own: bool = False

    @property
    def history(self) -> tuple[Step, ...]:
        """How it came to that, the oldest first."""
        return history(self.row)

    @property
    def can_be_taken_back(self) -> bool:
        """Whether who made it can still take it back."""
        return self.is_own and (self.row.status == "open" or self.is_in_force)

    @property
    def is_in_force(self) -> bool:
        """Whether it is a restriction that was not lifted."""
        return self.row.kind == RightKind.RESTRICTION and self.row.status == "fulfilled"


class Asked(msgspec.Struct, frozen=True):
    """What whoever answers needs: the request, what was written, and the contact fields by which the shop knows whom
    it is about.
    """

    row: RequestRow
    wording: str
    contact: dict[str, str]


def history(row: RequestRow) -> tuple[Step, ...]:
    """Return how a request came to where it stands. Pure."""
    began = BEGINS.get(RightKind(row.kind), "fulfilled")
    first = Step(began, row.received)
    return (first,) if row.status == began else (first, Step(row.status, row.ended))


class Requests:
    """Reads requests, ends them, and notes those that an answer fulfils."""

    def __init__(self, desk: RightsDesk) -> None:
        self._desk = desk

    def name(self, idempotency_key: str) -> UUID:
        """Return what a request with this key is called."""
        return self._desk.replies.key(idempotency_key).name

    def done(self, idempotency_key: str, right: RightKind, subject: SubjectId | None) -> tuple[Effect, ...]:
        """Return what writes a request down that the entry with it fulfils; without a subject it names nobody."""
        return (store.note_done(self.name(idempotency_key), subject, right),)

    def lifted(self, subject: SubjectId | None) -> tuple[Effect, ...]:
        """Return what says that a subject's restrictions are lifted, with the entry that does it."""
        return (store.lift(subject),)

    async def made(self, idempotency_key: str) -> Requested:
        """Return the reply to a request that was fulfilled by an entry, the same at each repeat."""
        row = await self._desk.status(self.name(idempotency_key))
        return Requested(row.request_id, "fulfilled", row.expected_by, "session")

    async def of(self, request_id: UUID, caller: Caller) -> Told:
        """Return how a request stands, to whoever knows its name. Raises NotKnown."""
        async with self._desk.reading() as conn:
            row = await store.request(request_id).first(conn)
            if row is None:
                raise NotKnown
            if row.subject not in await self._own(conn, caller):
                return Told(row)
            return await self._told(conn, row)

    async def mine(self, caller: Caller) -> list[Told]:
        """Return what whoever asks wants to have answered by somebody, and how it went, the newest first; nothing is
        opened.
        """
        async with self._desk.reading() as conn:
            subjects = await self._own(conn, caller)
            rows = await store.requests_of(subjects).all(conn) if subjects else []
        answered = [Told(row, is_own=True) for row in reversed(rows) if row.kind == RightKind.RECTIFICATION]
        return answered[:SHOWN_MOST]

    async def take_back(self, request_id: UUID, caller: Caller) -> Told:
        """End an open request of one's own. Raises NotKnown for anybody else's, RequestEnded."""
        told = await self.of(request_id, caller)
        if not told.is_own:
            raise NotKnown
        if told.row.status == "revoked":
            return told
        await self._end(request_id, "revoked", None)
        return await self.of(request_id, caller)

    # whoever answers ----------------------------------------------------------------------------------------------

    async def due(self) -> list[DueRow]:
        """Return what waits for an answer, the most overdue first. It names nobody."""
        async with self._desk.acquire() as conn:
            return await store.due().all(conn)

    async def read(self, request_id: UUID) -> Asked:
        """Return what there is to do; the person sees that somebody looked.

        Raises NotKnown, RequestEnded for what is not open, Unavailable where the look cannot be written down.
        """
        async with self._desk.reading() as conn:
            row = await store.request(request_id).first(conn)
            if row is None:
                raise NotKnown
            if row.status != "open" or row.subject is None:
                raise RequestEnded
            known, _ = await self._desk.known(conn, SubjectId(row.subject))
            contact = (await records(conn, known)).get(CONTACT, {})
        await self._count(known)
        return Asked(row, opened(known.keys, row.request_id, "wording", row.wording), contact)

    async def _count(self, known: Known) -> None:
        """Count a look of ours beside every other use of somebody's data."""
        month = uses.month_of(datetime.now(UTC).date())
        made = [uses.count(key, month, LOOKED, 1) for key in known.keys if key.category == ACCOUNTABILITY]
        async with self._desk.acquire() as conn, conn.transaction():
            counted = await vault.count_uses(made[:1]).first(conn)
        if counted is None or not counted.counted:
            raise Unavailable("a use cannot be written down")

    async def end(self, request_id: UUID, *, denied_because: str = "") -> None:
        """Say that it was done, or why it was denied. Raises NotKnown, RequestEnded."""
        reason = None
        if denied_because:
            async with self._desk.reading() as conn:
                row = await store.request(request_id).first(conn)
                if row is None or row.subject is None:
                    raise NotKnown
                subject = SubjectId(row.subject)
                reason = await sealed(conn, self._desk.keyring, subject, request_id, "reason", denied_because)
        await self._end(request_id, "denied" if denied_because else "fulfilled", reason)

    async def _end(self, request_id: UUID, status: str, reason: bytes | None) -> None:
        async with self._desk.acquire() as conn:
            if not await store.end_request(request_id, status, reason).run(conn):
                raise RequestEnded

    async def _own(self, conn: Conn, caller: Caller) -> Sequence[UUID]:
        row = await self._desk.behind(conn, caller)
        return [one for one in (row.browser, row.account) if one] if row else []

    async def _told(self, conn: Conn, row: RequestRow) -> Told:
        if row.wording is None and row.reason is None:
            return Told(row, is_own=True)
        assert row.subject is not None, "what was written goes with the link"
        held = await evidence_keys(conn, self._desk.keyring, SubjectId(row.subject))
        wording, reason = (
            opened(held, row.request_id, part, closed)
            for part, closed in (("wording", row.wording), ("reason", row.reason))
        )
        return Told(row, wording, reason, is_own=True)
