"""Signing in and out: how a browser's own answers and an account's meet.

Per purpose the account's answer counts. A browser's no is carried over where the account never answered; its yes goes
on counting in this browser alone. A merge never widens: history joins only where both sides allow keeping it, and it
joins by handing over its key, so that not a single row of behaviour moves.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

import asyncpg
import msgspec

from ecrm_privacy.consent import store
from ecrm_privacy.consent.access import held
from ecrm_privacy.consent.answer import CLOSED_BY_ANSWER, Said, SaidAnswer, answer_due, apply, changes, choice_after
from ecrm_privacy.consent.desk import ATTEMPTS_MAX, ConsentDesk, Where, hash_token
from ecrm_privacy.consent.standing import (
    PermissionRow,
    Standing,
    SubjectView,
    find,
    permissions,
    purpose_rule,
    side,
    uses,
)
from ecrm_privacy.errors import TokenRefused, Unavailable
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.ledger.failures import EntryRefused, StaleSubject
from ecrm_privacy.ledger.record import EventKind
from ecrm_privacy.ledger.store import overtake
from ecrm_privacy.policy import choice
from ecrm_privacy.sql import Effect, run_all
from ecrm_privacy.vault import keys
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.blind_index import BlindIndexes, IndexKind, Spelled
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vocabulary import Answer, ExpressionMethod, NoticeVersion, Purpose, SubjectId

CLAIMED = ("blind_index_pkey", "blind_index_value_check")
"""Why a number cannot be claimed: it names somebody, under the same generation of index keys or under another."""


class SignInToken(msgspec.Struct, frozen=True):
    """What a shop's token says, once it was verified: who, and the token's own name and end."""

    customer_number: str
    token_id: str
    expires: datetime


class SignedIn(msgspec.Struct, frozen=True):
    """A new session and what is permitted in it."""

    session_token: str
    choice: str
    permissions: tuple[PermissionRow, ...]
    answer_due: bool


class Links:
    """Who is behind a browser."""

    def __init__(self, desk: ConsentDesk, indexes: BlindIndexes) -> None:
        self._desk = desk
        self._indexes = indexes

    async def sign_in(
        self, token: SignInToken, caller: Caller, signals: Signals, notice: NoticeVersion, where: Where
    ) -> SignedIn:
        """Open a session for a customer. Raises TokenRefused when the token was used before.

        The token is used in the transaction that opens the session: who never heard of it may try again.
        """
        token_mac = sha256(token.token_id.encode()).digest()
        async with self._desk.acquire() as conn:
            if await store.used_token(token_mac).first(conn) is not None:
                raise TokenRefused
        use = store.use_token(token_mac, token.expires)
        index = self._indexes.spelled(IndexKind.CUSTOMER_NUMBER, token.customer_number)
        for _ in range(ATTEMPTS_MAX):
            here = await self._desk.standing(caller)
            there = await self._desk.standing(Caller(customer_number=token.customer_number))
            standing = msgspec.structs.replace(there, browser=here.browser)
            made = await self._open(standing, index, use, caller, signals, notice, where)
            if made is not None:
                return made
        raise Unavailable("the subject's answers arrive faster than they can be written")

    async def _open(
        self,
        standing: Standing,
        index: Spelled,
        use: Effect,
        caller: Caller,
        signals: Signals,
        notice: NoticeVersion,
        where: Where,
    ) -> SignedIn | None:
        """Try once; None when the subject changed in between. Raises TokenRefused when `use` comes second."""
        before = standing.account
        effects = [use]
        account = before or SubjectView(SubjectId(uuid4()), regime=signals.regime)
        if before is None:
            effects.append(vault.claim_index(index, account.subject))
        carried = _carried(standing, account, signals, signals.answered or notice)
        made = changes(standing, account, carried) if carried.answers else ()
        after = apply(account, made, gpc=signals.gpc or None)
        if after.regime is None:
            after = msgspec.structs.replace(after, regime=signals.regime)
        handed, moves = self._hand_over(msgspec.structs.replace(standing, account=after), signals)
        token = secrets.token_urlsafe(32)
        browser = standing.browser.subject if standing.browser else None
        if caller.token_hash is not None:
            effects.append(store.close_session(caller.token_hash))
        effects += [*moves, store.open_session(hash_token(token), browser, after.subject)]
        if before is None or made or handed:
            entry, _ = self._desk.entry(
                standing, before, after, made, kind=EventKind.ANSWER, method=ExpressionMethod.CARRIED,
                notice=carried.notice, where=where, effects=tuple(effects), handed_over=handed, beside=standing.browser,
            )  # fmt: skip
            outcome = (await self._desk.append([entry]))[0]
            if isinstance(outcome, StaleSubject) or _taken(outcome, *CLAIMED):
                return None  # two first sign-ins of one customer at once: the second one finds the first one's subject
            if _taken(outcome, "token_used_pkey"):
                raise TokenRefused
            if not isinstance(outcome, int):
                raise outcome
        else:
            known = [view.subject for view in standing.views]
            async with self._desk.acquire() as conn, conn.transaction():
                if len(await store.hold(known).all(conn)) < len(known):
                    return None
                try:
                    await run_all(conn, effects)
                except asyncpg.UniqueViolationError:  # of the token: session names are random
                    raise TokenRefused from None
        standing = msgspec.structs.replace(standing, account=after)
        signals = msgspec.structs.replace(signals, closed=_still_closed(standing, signals), closed_all=False)
        rows = permissions(standing, signals)
        return SignedIn(
            token,
            choice.encode(standing.bundle, choice_after(standing, signals, signals.answered or notice, rows)),
            rows,
            answer_due(standing, signals, rows),
        )

    def _hand_over(self, standing: Standing, signals: Signals) -> tuple[Sequence[SubjectKey], list[Effect]]:
        """Give the account the browser's keys of what both allow to be kept, by an explicit yes of each.

        History joins only where the account would use it for nothing that the browser had closed to it: from then on it
        serves what the account allows, the counts too.
        """
        account, browser = standing.account, standing.browser
        if account is None or browser is None:
            return (), []
        told = msgspec.structs.replace(browser, regime=browser.regime or signals.regime)
        given: list[SubjectKey] = []
        effects: list[Effect] = []
        versions = {row.category: row.version for row in sorted(account.keys, key=lambda row: row.version)}
        for category, found in held(self._desk.keyring, browser).items():
            document = standing.bundle.categories.get(category)
            if document is None or not document.behavioural or not _both_permit(standing, document.kept_under, signals):
                continue
            if not uses(standing, account, category) <= uses(standing, told, category):
                continue
            for key in found:
                versions[category] = versions.get(category, 0) + 1
                moved, wrapped = keys.hand_over(self._desk.keyring, key, account.subject, versions[category])
                given.append(moved)
                effects += [
                    vault.destroy_key(browser.subject, category, key.version),
                    vault.insert_key(account.subject, category, moved.version, wrapped),
                ]
        if given:  # whoever speaks or erases as the browser's own subject now reads first which keys are left to it
            effects.append(overtake(browser.subject))
        return tuple(given), effects

    async def is_signed_in(self, caller: Caller) -> bool:
        """Tell whether an account is signed in in this browser."""
        return (await self._desk.standing(caller)).account is not None

    async def is_anothers(self, caller: Caller, customer_number: str) -> bool:
        """Tell whether an account is signed in in this browser, and it is not that customer's."""
        here = (await self._desk.standing(caller)).account
        if here is None:
            return False
        there = (await self._desk.standing(Caller(customer_number=customer_number))).account
        return there is None or there.subject != here.subject

    async def sign_out(self, caller: Caller) -> None:
        """End the session; the browser is a new, unknown one from now on."""
        if caller.token_hash is None:
            return
        async with self._desk.acquire() as conn:
            await store.close_session(caller.token_hash).run(conn)


def _taken(outcome: object, *constraints: str) -> bool:
    """Whether an entry was refused because somebody else had written that row before."""
    return isinstance(outcome, EntryRefused) and outcome.constraint in constraints


def _both_permit(standing: Standing, purpose: Purpose, signals: Signals) -> bool:
    """Whether account and browser each gave a yes that counts now; silence joins no history, even where it permits."""
    rule, account = purpose_rule(purpose), standing.account
    found = (
        find(standing, side(standing, signals, account), rule, signals),
        find(standing, side(standing, signals, standing.browser, account), rule, signals),
    )
    return all(one.allowed and one.because == "consent" for one in found)


def _closed_here(standing: Standing, signals: Signals, purpose: Purpose) -> bool:
    """Whether this browser said no to a purpose: by its mark, or by the answers of its own subject."""
    said = standing.browser.statuses.get(purpose_rule(purpose)) if standing.browser else None
    return purpose in signals.closed or (said is not None and said.status in CLOSED_BY_ANSWER)


def _carried(standing: Standing, account: SubjectView, signals: Signals, notice: NoticeVersion) -> Said:
    """The no's of this browser to which the account never said anything."""
    answers = []
    for name, purpose in standing.bundle.purposes.items():
        rule = purpose_rule(name)
        if _closed_here(standing, signals, name) and rule not in account.statuses and not purpose.required:
            answers.append(SaidAnswer(name, Answer.REFUSED))
            said_here = standing.browser.statuses.get(rule) if standing.browser else None
            notice = said_here.notice if said_here else notice
    return Said(notice, tuple(answers), ExpressionMethod.CARRIED)


def _still_closed(standing: Standing, signals: Signals) -> frozenset[Purpose]:
    """The marks that stay: a no of this browser beside a yes of the account closes here until the person decides.

    Beside a no of the account there is nothing to close; beside anything else the mark stays. Of a choice that cannot
    be read nobody knows what it closed, so everything stays closed that may be.
    """
    account = standing.account
    assert account is not None, "somebody has just signed in"
    said_no = {
        rule.purpose
        for rule, row in account.statuses.items()
        if rule == purpose_rule(rule.purpose) and row.status in CLOSED_BY_ANSWER
    }
    return frozenset(
        name
        for name, purpose in standing.bundle.purposes.items()
        if not purpose.required
        and (signals.closed_all or (name not in said_no and _closed_here(standing, signals, name)))
    )
