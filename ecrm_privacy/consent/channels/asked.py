"""What an answer to a channel brings with it: an address to keep, or one to ask. Effects of its entry; nothing is read.

So it cannot depend on whether anybody has that address.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID, uuid4

import msgspec

from ecrm_privacy.consent.answer import Said
from ecrm_privacy.consent.channels import addresses, store
from ecrm_privacy.consent.standing import SubjectView
from ecrm_privacy.delivery import store as delivery
from ecrm_privacy.ledger.record import Change
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.sql import Effect
from ecrm_privacy.vault import envelope, keys
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vault.message_links import MessageLinks
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vocabulary import (
    PENDING,
    YES,
    Channel,
    ConsentStatus,
    NoticeVersion,
    Purpose,
    SubjectId,
    channel_category,
)

ADDRESS = "address"
"""The field under which an address is sealed."""
CONFIRM, WELCOME = "confirm", "welcome"
"""The kinds of messages that are owed, which are those of their jobs too."""


NO_KEY = 0
"""The version of a request that never was sealed."""


class Owed(msgspec.Struct, frozen=True):
    """The payload of the job `confirm`: the request that owes the message."""

    pending_id: UUID


class Welcoming(Owed, frozen=True):
    """The payload of the job `welcome`: what was confirmed, and what was shown then."""

    purposes: tuple[Purpose, ...]
    site: str
    locale: str
    jurisdiction: str


class Wanted(msgspec.Struct, frozen=True):
    """What is sealed while it waits: the address (empty: that on file), what was asked for, and what was shown."""

    address: str
    purposes: tuple[Purpose, ...]
    notice: NoticeVersion
    site: str
    locale: str
    jurisdiction: str


class Shown(NamedTuple):
    """What was shown where a request was made: notice, site, locale and jurisdiction."""

    notice: NoticeVersion
    site: str
    locale: str
    jurisdiction: str


def as_shown(bundle: Bundle, site: str, locale: str, jurisdiction: str) -> tuple[str, str, str]:
    """Return site, locale and jurisdiction as the policy in force has them; what it dropped gives way to its first."""
    document = bundle.sites.get(site) or next(iter(bundle.sites.values()))
    return document.name, locale if locale in document.locales else document.locales[0], jurisdiction


def opened(key: SubjectKey, sealed: bytes) -> Wanted:
    """Open what waits. Raises Tampered."""
    return msgspec.json.decode(envelope.open_(key, ADDRESS, sealed), type=Wanted)


def sealed(key: SubjectKey, wanted: Wanted) -> bytes:
    """Seal what waits."""
    return envelope.seal(key, ADDRESS, msgspec.json.encode(wanted))


def is_asked(said: Said, made: Sequence[Change]) -> bool:
    """Whether somebody gave an address to be asked: then the request needs a name until they confirm it."""
    asked = {change.channel for change in made if change.status is ConsentStatus.REQUESTED}
    return any(answer.address is not None and answer.channel in asked for answer in said.answers)


def effects(
    keyring: Keyring, before: SubjectView | None, subject: SubjectId, said: Said, made: Sequence[Change], shown: Shown
) -> list[Effect]:
    """Return what goes with an entry in which somebody answered to channels."""
    told = {Channel(answer.channel): answer.address for answer in said.answers if answer.channel and answer.address}
    view = before or SubjectView(subject)
    version = max((row.version for row in view.keys if row.category == PENDING), default=0)
    found: list[Effect] = []
    for channel in sorted({Channel(change.channel) for change in made if change.channel}):
        purposes = tuple(
            Purpose(change.purpose)
            for change in made
            if change.channel == channel and change.status is ConsentStatus.REQUESTED
        )
        if purposes:
            version += 1
            wanted = Wanted(told.get(channel, ""), purposes, *shown)
            found += _to_confirm(keyring, subject, channel, version, wanted)
        elif channel in told and any(change.channel == channel and change.status in YES for change in made):
            found += keep(keyring, view, channel, told[channel])
            found += _to_welcome(keyring, subject, channel, made, shown)
    return found


def _to_confirm(keyring: Keyring, subject: SubjectId, channel: Channel, version: int, wanted: Wanted) -> list[Effect]:
    key, wrapped = keys.new(keyring, subject, PENDING, version)
    pending_id = uuid4()
    same = MessageLinks(keyring).same(subject, channel, addresses.compared(channel, wanted.address))
    return [
        store.replace(subject, channel, same),
        vault.insert_key(subject, PENDING, version, wrapped),
        store.put(pending_id, subject, channel, version, same, sealed(key, wanted)),
        delivery.enqueue(CONFIRM, Owed(pending_id)),
    ]


def _to_welcome(
    keyring: Keyring, subject: SubjectId, channel: Channel, made: Sequence[Change], shown: Shown
) -> list[Effect]:
    """Return what owes a welcome to an address that needs no confirmation; its request has no key, and no link."""
    purposes = tuple(Purpose(each.purpose) for each in made if each.channel == channel and each.status in YES)
    pending_id = uuid4()
    return [
        store.put(pending_id, subject, channel, NO_KEY, MessageLinks(keyring).same(subject, channel, ""), None),
        delivery.enqueue(WELCOME, Welcoming(pending_id, purposes, shown.site, shown.locale, shown.jurisdiction)),
    ]


def keep(keyring: Keyring, view: SubjectView, channel: Channel, address: str) -> list[Effect]:
    """Return what keeps a channel's address, under a new key in the place of the one before."""
    category = channel_category(channel)
    row = next((row for row in view.keys if row.category == category), None)
    key, wrapped = keys.new(keyring, view.subject, category, row.version if row else 1)
    if row is None:
        placed = vault.insert_key(view.subject, category, key.version, wrapped)
    else:
        before = keys.unwrap(keyring, view.subject, category, row.version, row.wrapped)
        placed = vault.replace_key(view.subject, category, row.version, wrapped, pseudonym(before))
    put = vault.put_records(
        view.subject, category, key.version, {ADDRESS: envelope.seal(key, ADDRESS, address.encode())}
    )
    return [placed, put]
