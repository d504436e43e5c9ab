"""Rights, put to the door that they are: a restriction and a no are answers, the rest are requests.

Doors do not know each other, so the hall brings to the one that writes what the other one notes with it.
"""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

import msgspec

from ecrm_privacy.consent.answer import Said, SaidAnswer
from ecrm_privacy.consent.desk import Also, ConsentDesk, Taken, Where
from ecrm_privacy.consent.restriction import Restrictions
from ecrm_privacy.errors import EmptyAnswer, Malformed
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.policy.documents import Bundle, Period
from ecrm_privacy.rights.desk import OF_ANYBODY, Requested, RightsDesk
from ecrm_privacy.rights.requests import Requests, Told
from ecrm_privacy.vocabulary import Answer, ExpressionMethod, LegalBasis, NoticeVersion, Purpose, RightKind
from ecrm_privacy.web.hallway import Hallway

TEXT_CHARS_MOST = 2000


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/rights-requests`."""

    right: RightKind
    never_contact: bool = False
    """With an erasure: keep hashes of the addresses, so that they are not contacted when they are brought again."""
    text: Annotated[str, msgspec.Meta(max_length=TEXT_CHARS_MOST)] = ""
    """With a rectification, and always: what is wrong, and what is right."""
    purposes: tuple[Purpose, ...] | None = None
    """With an objection: what it is to; else everything that rests on another basis than consent."""


class Exercised(msgspec.Struct, frozen=True):
    """What became of a wish: the reply to it, and to the answer that it was, if it was one."""

    made: Requested
    taken: Taken | None = None


class Exercise:
    """Takes wishes; every surface brings them here."""

    def __init__(
        self,
        desk: ConsentDesk,
        restrictions: Restrictions,
        rights: RightsDesk,
        requests: Requests,
        hallway: Hallway,
    ) -> None:
        self._desk = desk
        self._restrictions = restrictions
        self._rights = rights
        self._requests = requests
        self._hallway = hallway

    async def ask(
        self, asked: Asked, caller: Caller, signals: Signals, where: Where, *, idempotency_key: str, body: bytes
    ) -> Exercised:
        """Do what is asked for, or note it for whoever does. Raises what the doors do; Malformed, EmptyAnswer."""
        check(asked)
        bundle = self._hallway.bundle
        noes = answers(bundle, asked)
        if asked.right is not RightKind.RESTRICTION and not noes:
            return Exercised(
                await self._rights.request(
                    caller, asked.right, idempotency_key=idempotency_key, body=body,
                    within=answer_within(bundle, where), never_contact=asked.never_contact, wording=asked.text.strip(),
                )
            )  # fmt: skip
        also = self.also(idempotency_key, asked.right)
        if noes:
            notice = NoticeVersion(bundle.current_notice(bundle.sites[where.site].notice).name)
            taken = await self._desk.take(
                caller, Said(notice, noes, ExpressionMethod.SAVE), signals, where,
                idempotency_key=idempotency_key, body=body, also=also,
            )  # fmt: skip
        else:
            taken = await self._restrictions.say(
                caller, signals, where, restricted=True, idempotency_key=idempotency_key, body=body, also=also
            )
        return Exercised(await self._requests.made(idempotency_key), taken)

    def also(self, idempotency_key: str, right: RightKind) -> Also:
        """Return what is noted with the entry that fulfils a request."""
        return lambda subject: self._requests.done(idempotency_key, right, subject)

    async def lift(self, caller: Caller, signals: Signals, where: Where, *, idempotency_key: str, body: bytes) -> Taken:
        """Lift every restriction of whoever calls. Raises NotKnown."""
        return await self._restrictions.say(
            caller, signals, where, restricted=False, idempotency_key=idempotency_key, body=body,
            also=self._requests.lifted,
        )  # fmt: skip

    async def take_back(
        self, request_id: UUID, caller: Caller, signals: Signals, where: Where
    ) -> tuple[Told, Taken | None]:
        """Take a request of one's own back. Raises NotKnown, RequestEnded."""
        told, taken = await self._requests.of(request_id, caller), None
        if told.is_own and told.is_in_force:
            key = f"revoke-{request_id}"
            taken = await self.lift(caller, signals, where, idempotency_key=key, body=b"")
        return await self._requests.take_back(request_id, caller), taken


def check(asked: Asked) -> None:
    """Refuse what does not belong to the right that is asked for. Raises Malformed, EmptyAnswer."""
    if asked.never_contact and asked.right is not RightKind.ERASURE:
        raise Malformed("`never_contact` belongs to an erasure")
    if len(asked.text) > TEXT_CHARS_MOST:
        raise Malformed(f"`text` has at most {TEXT_CHARS_MOST} characters")
    if bool(asked.text.strip()) != (asked.right is RightKind.RECTIFICATION):
        raise Malformed("`text` belongs to a rectification: what is wrong, and what is right")
    if asked.purposes is not None and asked.right is not RightKind.OBJECTION:
        raise Malformed("`purposes` belongs to an objection")
    if asked.purposes == ():
        raise EmptyAnswer


def answers(bundle: Bundle, asked: Asked) -> tuple[SaidAnswer, ...]:
    """Return the no's that a wish consists of; none where the policy has nothing of the kind. Pure."""
    if asked.right not in OF_ANYBODY:
        return ()
    return tuple(
        SaidAnswer(name, Answer.OBJECTED if _rests_elsewhere(bundle, name) else Answer.WITHDRAWN)
        for name in asked.purposes or _concerned(bundle, asked.right)
    )


def _concerned(bundle: Bundle, right: RightKind) -> Iterable[Purpose]:
    for name, purpose in bundle.purposes.items():
        concerned = {
            RightKind.OBJECTION: purpose.basis is not LegalBasis.CONSENT,
            RightKind.OPT_OUT_OF_SALE: bool(purpose.opt_out_signal),
            RightKind.LIMIT_SENSITIVE: any(bundle.categories[category].special for category in purpose.categories),
        }
        if concerned[right] and not purpose.required:
            yield name


def _rests_elsewhere(bundle: Bundle, name: Purpose) -> bool:
    purpose = bundle.purposes.get(name)
    return purpose is not None and purpose.basis is not LegalBasis.CONSENT


def answer_within(bundle: Bundle, where: Where) -> Period:
    """Return how long the law of a place leaves for an answer, by the policy in force."""
    return bundle.jurisdiction(where.jurisdiction).answer_within
