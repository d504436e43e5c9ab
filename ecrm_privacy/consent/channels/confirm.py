"""The link that confirms: looking at it changes nothing, pressing its button makes the yes count."""

from collections.abc import Sequence

import msgspec

from ecrm_privacy.consent.answer import apply, confirmed
from ecrm_privacy.consent.channels import store
from ecrm_privacy.consent.channels.addresses import EMAIL, PHONE, SMS
from ecrm_privacy.consent.channels.asked import CONFIRM, WELCOME, Wanted, Welcoming, as_shown, keep, opened
from ecrm_privacy.consent.desk import ATTEMPTS_MAX, ConsentDesk, Where
from ecrm_privacy.consent.standing import Standing, SubjectView
from ecrm_privacy.delivery import store as delivery
from ecrm_privacy.errors import LinkExpired, LinkUsed, Unavailable
from ecrm_privacy.ledger.failures import StaleSubject
from ecrm_privacy.ledger.record import Change, Entry, EventKind
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.sql import Effect
from ecrm_privacy.vault import keys
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.blind_index import BlindIndexes, IndexKind
from ecrm_privacy.vault.message_links import MessageLinks
from ecrm_privacy.vocabulary import PENDING, Channel, ExpressionMethod, Purpose, Recipient, SubjectId

INDEXED = {EMAIL: IndexKind.EMAIL, SMS: IndexKind.PHONE, PHONE: IndexKind.PHONE}
"""Channels whose confirmed address leads to its subject, unless it leads to somebody already."""


class Request(msgspec.Struct, frozen=True):
    """What a link confirms, to show. It does not say at which address."""

    bundle: Bundle
    channel: Channel
    purposes: tuple[Purpose, ...]
    where: Where


class _Found(msgspec.Struct, frozen=True):
    """A request that waits, with what else the same subject asked for at the same address."""

    rows: tuple[store.PendingRow, ...]
    wanted: tuple[Wanted, ...]
    standing: Standing
    view: SubjectView
    made: tuple[Change, ...]


class Confirmations:
    """Takes what was confirmed."""

    def __init__(self, desk: ConsentDesk, indexes: BlindIndexes) -> None:
        self._desk = desk
        self._indexes = indexes
        self._links = MessageLinks(desk.keyring)

    async def look(self, token: str) -> Request:
        """Return what a link confirms. Raises LinkUnknown, LinkExpired, LinkUsed; changes nothing."""
        return _request(await self._find(token))

    async def confirm(self, token: str) -> Request:
        """Make the yes count, and return what it is to. Raises LinkUnknown, LinkExpired, LinkUsed, Unavailable."""
        for _ in range(ATTEMPTS_MAX):
            found = await self._find(token)
            outcome = (await self._desk.append([self._entry(found)]))[0]
            if isinstance(outcome, int):
                return _request(found)
            if not isinstance(outcome, StaleSubject):
                raise outcome
        raise Unavailable("the subject's answers arrive faster than they can be written")

    async def _find(self, token: str) -> _Found:
        pending_id = self._links.confirmed_by(token)
        async with self._desk.acquire() as conn:
            rows = await store.with_the_same(pending_id).all(conn)
        if not rows or not rows[0].is_alive:
            raise LinkExpired
        if rows[0].sealed is None:
            raise LinkUsed
        waiting = tuple(row for row in rows if row.is_alive and row.sealed is not None and row.wrapped is not None)
        standing = await self._desk.of_subject(rows[0].subject)
        if standing is None or standing.account is None or not waiting or waiting[0].pending_id != pending_id:
            raise LinkExpired
        view = standing.account
        wanted = tuple(self._open(row) for row in waiting)
        channel = Channel(waiting[0].channel)
        made = tuple(
            {
                change.rule: change
                for each in wanted
                for change in confirmed(standing, view, channel, each.purposes, each.notice)
            }.values()
        )
        if not made:
            raise LinkExpired
        return _Found(waiting, wanted, standing, view, made)

    def _open(self, row: store.PendingRow) -> Wanted:
        assert row.sealed is not None and row.wrapped is not None, "only what waits is opened"
        key = keys.unwrap(self._desk.keyring, SubjectId(row.subject), PENDING, row.version, row.wrapped)
        return opened(key, row.sealed)

    def _entry(self, found: _Found) -> Entry:
        first, row = found.wanted[0], found.rows[0]
        channel, view = Channel(row.channel), found.view
        purposes = tuple(Purpose(change.purpose) for change in found.made)
        asked = sorted({view.statuses[Rule(purpose, channel, Recipient(""))].leaf_index or 0 for purpose in purposes})
        message = self._links.message_id(CONFIRM, row.pending_id).hex()
        evidence = f"confirmed over {channel}; asked in entry {', '.join(map(str, asked))}; message {message}"
        welcoming = Welcoming(row.pending_id, purposes, first.site, first.locale, first.jurisdiction)
        effects: list[Effect] = [
            *(store.confirmed(each.pending_id) for each in found.rows),
            *keep(self._desk.keyring, view, channel, first.address),
            *self._named(view, channel, first.address),
            delivery.enqueue(WELCOME, welcoming),
        ]
        where = Where(*as_shown(found.standing.bundle, first.site, first.locale, first.jurisdiction))
        entry, _ = self._desk.entry(
            found.standing, view, apply(view, found.made), found.made, kind=EventKind.ANSWER,
            method=ExpressionMethod.DOUBLE_OPT_IN, notice=first.notice, where=where, effects=tuple(effects),
            evidence=evidence,
        )  # fmt: skip
        return entry

    def _named(self, view: SubjectView, channel: Channel, address: str) -> Sequence[Effect]:
        kind = INDEXED.get(channel)
        return [] if kind is None else [vault.insert_index(self._indexes.spelled(kind, address), view.subject)]


def _request(found: _Found) -> Request:
    first = found.wanted[0]
    purposes = tuple(Purpose(change.purpose) for change in found.made)
    where = Where(*as_shown(found.standing.bundle, first.site, first.locale, first.jurisdiction))
    return Request(found.standing.bundle, Channel(found.rows[0].channel), purposes, where)
