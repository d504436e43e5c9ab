"""Restriction (GDPR 18): the person says stop, and from then on what is kept is kept, and used for nothing.

It is an entry like any answer, and so is its end, which only the person makes. In its transaction every history is
closed that a restriction closes, the counts are owed their un-learning, and nothing is forgotten meanwhile: see
`access`. What a person says while it stands is written down, and counts when it is lifted.
"""

from collections.abc import Sequence

import msgspec

from ecrm_privacy.consent.desk import ATTEMPTS_MAX, Also, ConsentDesk, Prepared, Taken, Where, nothing_more
from ecrm_privacy.consent.standing import Standing, SubjectView
from ecrm_privacy.errors import NotKnown, Unavailable
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.ledger.failures import KeyTaken, StaleSubject
from ecrm_privacy.ledger.record import Entry, EventKind
from ecrm_privacy.sql import Effect
from ecrm_privacy.vocabulary import ExpressionMethod, NoticeVersion


class Restrictions:
    """Restricts what is done with somebody's data, and lifts it again."""

    def __init__(self, desk: ConsentDesk) -> None:
        self._desk = desk

    async def say(
        self,
        caller: Caller,
        signals: Signals,
        where: Where,
        *,
        restricted: bool,
        idempotency_key: str,
        body: bytes,
        also: Also,
    ) -> Taken:
        """Restrict every subject behind a caller, or lift it.

        The browser's own subject comes before the account, so that a repeat finds what was left. `also` says what
        becomes true with the request, which is whose answers count here, and with the end of each restriction.

        Raises NotKnown when nobody is behind the caller, KeyReuse, Unavailable, OutcomeUnknown.
        """
        if (before := await self._desk.answered(idempotency_key, body)) is not None:
            return before  # what was lifted since is not restricted by a repeat
        await self._beside(caller, where, nothing_more if restricted else also, restricted=restricted)

        def prepare(standing: Standing) -> Prepared:
            if standing.speaker is None:
                raise NotKnown
            after = msgspec.structs.replace(standing.speaker, restricted=restricted)
            notice = _notice(standing, where)
            entry, receipt_id = self._entry(standing, standing.speaker, where, restricted, also(after.subject))
            then = msgspec.structs.replace(standing, **({"account": after} if standing.account else {"browser": after}))
            return self._desk.reply(receipt_id, then, signals, signals.answered or notice), entry, ()

        return await self._desk.write(caller, prepare, idempotency_key=idempotency_key, body=body)

    async def _beside(self, caller: Caller, where: Where, also: Also, *, restricted: bool) -> None:
        """Say it for the browser's own subject, where an account is signed in beside it."""
        for _ in range(ATTEMPTS_MAX):
            standing = await self._desk.standing(caller)
            own = standing.browser
            if standing.account is None or own is None or own.restricted == restricted:
                return
            entry, _ = self._entry(standing, own, where, restricted, also(own.subject))
            outcome = (await self._desk.append([entry]))[0]
            if not isinstance(outcome, int | StaleSubject | KeyTaken):
                raise outcome
        raise Unavailable("the subject's answers arrive faster than they can be written")

    def _entry(
        self, standing: Standing, view: SubjectView, where: Where, restricted: bool, effects: Sequence[Effect]
    ) -> tuple[Entry, str]:
        return self._desk.entry(
            standing, view, msgspec.structs.replace(view, restricted=restricted), (), kind=EventKind.RESTRICTION,
            method=ExpressionMethod.SAVE, notice=_notice(standing, where), where=where, effects=tuple(effects),
        )  # fmt: skip


def _notice(standing: Standing, where: Where) -> NoticeVersion:
    """The notice that stands beside the button."""
    return NoticeVersion(standing.bundle.current_notice(standing.bundle.sites[where.site].notice).name)
