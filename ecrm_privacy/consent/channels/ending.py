"""How a channel is ended from a message: by one click (RFC 8058), or by a word that is sent back.

Whoever ends a channel is not signed in, and need not be: the link says what it ends, and narrowing is all it can do.
"""

from ecrm_privacy.consent.answer import Said, SaidAnswer, apply, changes
from ecrm_privacy.consent.channels import store
from ecrm_privacy.consent.channels.addresses import SMS
from ecrm_privacy.consent.desk import ATTEMPTS_MAX, ConsentDesk, Where
from ecrm_privacy.consent.standing import Standing, SubjectView
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.ledger.failures import StaleSubject
from ecrm_privacy.ledger.record import Entry, EventKind
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.vault.blind_index import BlindIndexes, IndexKind
from ecrm_privacy.vault.message_links import MessageLinks, Unsubscribe
from ecrm_privacy.vocabulary import (
    Answer,
    Channel,
    ConsentStatus,
    ExpressionMethod,
    NoticeVersion,
    Purpose,
    Recipient,
    SubjectId,
)

ONE_CLICK, STOP_WORD = "one-click unsubscribe (RFC 8058)", "a word that stops, sent back over sms"
CLOSED = frozenset({ConsentStatus.REFUSED, ConsentStatus.WITHDRAWN, ConsentStatus.OBJECTED})


class Endings:
    """Takes back what a message belongs to."""

    def __init__(self, desk: ConsentDesk, indexes: BlindIndexes) -> None:
        self._desk = desk
        self._indexes = indexes
        self._links = MessageLinks(desk.keyring)

    def look(self, token: str) -> Unsubscribe:
        """Return what a link ends, also where the policy dropped it. Raises LinkUnknown; asks nobody."""
        return self._links.unsubscribed_by(token)

    async def end(self, token: str) -> Unsubscribe:
        """End it; it may be ended already, or its person be erased. Raises LinkUnknown, Unavailable."""
        found = self._links.unsubscribed_by(token)
        await self._withdraw(found.subject, found.channel, found.purpose, ONE_CLICK)
        return found

    async def stop(self, number: str) -> None:
        """Send nothing more to a telephone number over SMS, whoever's it is. Raises Unavailable."""
        async with self._desk.acquire() as conn:
            await store.stop(self._links.stopped(SMS, number)).run(conn)
            found = await store.behind(IndexKind.PHONE, self._indexes.spelled(IndexKind.PHONE, number).asked).first(
                conn
            )
        if found is not None:
            await self._withdraw(SubjectId(found.subject), SMS, None, STOP_WORD)

    async def start(self, number: str) -> None:
        """Let a number be asked again; it is no yes."""
        async with self._desk.acquire() as conn:
            await store.start(self._links.stopped(SMS, number)).run(conn)

    async def _withdraw(self, subject: SubjectId, channel: Channel, purpose: Purpose | None, evidence: str) -> None:
        for _ in range(ATTEMPTS_MAX):
            standing = await self._desk.of_subject(subject)
            entry = self._entry(standing, standing.account, channel, purpose, evidence) if standing else None
            if entry is None:
                return
            outcome = (await self._desk.append([entry]))[0]
            if isinstance(outcome, int):
                return
            if not isinstance(outcome, StaleSubject):
                raise outcome
        raise Unavailable("the subject's answers arrive faster than they can be written")

    def _entry(
        self, standing: Standing, view: SubjectView | None, channel: Channel, purpose: Purpose | None, evidence: str
    ) -> Entry | None:
        """Return the entry that closes a channel of a purpose, or of every purpose; None where nothing is open."""
        if view is None:
            return None
        site = next(iter(standing.bundle.sites.values()))
        notice = NoticeVersion(standing.bundle.current_notice(site.notice).name)
        answers = tuple(
            _no(standing.bundle, rule)
            for rule in standing.bundle.rules
            if rule.channel == channel and purpose in {None, rule.purpose} and _is_open(standing.bundle, view, rule)
        )
        made = changes(standing, view, Said(notice, answers, ExpressionMethod.SAVE))
        if not made:
            return None
        entry, _ = self._desk.entry(
            standing, view, apply(view, made), made, kind=EventKind.ANSWER, method=ExpressionMethod.SAVE, notice=notice,
            where=Where(site.name, site.locales[0], site.jurisdiction), evidence=evidence,
        )  # fmt: skip
        return entry


def _closing(bundle: Bundle, rule: Rule) -> Rule:
    """Return the rule whose no closes a channel: its own, or the purpose's that covers it."""
    own = rule.channel in bundle.purposes[rule.purpose].own_yes
    return rule if own else Rule(rule.purpose, Channel(""), Recipient(""))


def _no(bundle: Bundle, rule: Rule) -> SaidAnswer:
    closing = _closing(bundle, rule)
    return SaidAnswer(closing.purpose, Answer.WITHDRAWN, closing.channel or None)


def _is_open(bundle: Bundle, view: SubjectView, rule: Rule) -> bool:
    row = view.statuses.get(_closing(bundle, rule))
    return not bundle.purposes[rule.purpose].required and (row is None or row.status not in CLOSED)
