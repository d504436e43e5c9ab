"""The messages that are owed: a question to an address, and a welcome to one that said yes. Handlers of jobs.

Each asks at the moment of sending, and what may not be sent any more is not owed any more. The words are written by
whoever is handed in as `write`; sending is each channel's `Transport`.
"""

from collections.abc import Callable, Mapping

import msgspec
import structlog

from ecrm_privacy.consent.channels import addresses, store
from ecrm_privacy.consent.channels.asked import (
    ADDRESS,
    CONFIRM,
    WELCOME,
    Owed,
    Wanted,
    Welcoming,
    as_shown,
    opened,
    sealed,
)
from ecrm_privacy.consent.desk import ConsentDesk
from ecrm_privacy.consent.standing import Standing, SubjectView, permission
from ecrm_privacy.delivery.messages import Gone, Message, Transport, Undeliverable
from ecrm_privacy.errors import Malformed
from ecrm_privacy.gate.types import Signals
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault import envelope, keys, uses
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.message_links import MessageLinks
from ecrm_privacy.vault.suppression import Suppressions
from ecrm_privacy.vault.uses import OWN_PAGES, Use
from ecrm_privacy.vocabulary import (
    ACCOUNTABILITY,
    PENDING,
    Category,
    Channel,
    ConsentStatus,
    Purpose,
    Recipient,
    SubjectId,
    channel_category,
)

log = structlog.get_logger(__name__)


class Letter(msgspec.Struct, frozen=True):
    """What a message has to say. `link` is what it is for: to confirm, or, of a welcome, to end it again."""

    kind: str
    bundle: Bundle
    channel: Channel
    purposes: tuple[Purpose, ...]
    site: str
    locale: str
    jurisdiction: str
    link: str


class Written(msgspec.Struct, frozen=True):
    """The words of a message; channels without a subject or HTML have text alone."""

    subject: str
    text: str
    html: str


Write = Callable[[Letter], Written]


class Letters:
    """Sends what is owed. `origin` is the service's own address; channels without a transport send nothing."""

    def __init__(self, desk: ConsentDesk, write: Write, transports: Mapping[Channel, Transport], origin: str) -> None:
        self._desk = desk
        self._write = write
        self._transports = transports
        self._origin = origin
        self._links = MessageLinks(desk.keyring)
        self._suppressions = Suppressions(desk.keyring)

    async def confirm(self, text: str) -> None:
        """Ask an address whether it is theirs who gave it. Raises Unavailable: it is asked later."""
        pending_id = msgspec.json.decode(text, type=Owed).pending_id
        async with self._desk.acquire() as conn:
            row = await store.pending(pending_id).first(conn)
        if row is None or row.sealed is None or row.wrapped is None or not row.is_alive:
            return
        subject, channel = SubjectId(row.subject), Channel(row.channel)
        key = keys.unwrap(self._desk.keyring, subject, PENDING, row.version, row.wrapped)
        wanted = opened(key, row.sealed)
        standing = await self._desk.of_subject(subject)
        if standing is None or standing.account is None or not _still(standing.account, channel, wanted):
            return
        address = wanted.address
        if not address:
            address = await self._on_file(standing, standing.account, channel, wanted.purposes[0])
            async with self._desk.acquire() as conn:
                await store.seal_again(pending_id, sealed(key, msgspec.structs.replace(wanted, address=address))).run(
                    conn
                )
        message_id = self._links.message_id(CONFIRM, pending_id)
        if not address or channel not in self._transports or await self._is_closed(channel, address):
            log.info("message_not_sent", kind=CONFIRM, reason="no_transport" if address else "no_address")
            return
        value = self._links.on_day(channel, addresses.compared(channel, address), row.today)
        async with self._desk.acquire() as conn:
            if await store.claim(value, message_id).first(conn) is None:
                return
        link = f"{self._origin}/confirm/{self._links.confirm(pending_id)}"
        where = as_shown(standing.bundle, wanted.site, wanted.locale, wanted.jurisdiction)
        letter = Letter(CONFIRM, standing.bundle, channel, wanted.purposes, *where, link)
        await self._send(letter, subject, address, message_id, "")

    async def welcome(self, text: str) -> None:
        """Welcome whoever confirmed, once for each purpose that is allowed now. Raises Unavailable."""
        owed = msgspec.json.decode(text, type=Welcoming)
        async with self._desk.acquire() as conn:
            row = await store.pending(owed.pending_id).first(conn)
        standing = await self._desk.of_subject(row.subject) if row else None
        if row is None or standing is None or standing.account is None:
            return
        channel = Channel(row.channel)
        for purpose in owed.purposes:
            if channel in self._transports and may_reach(standing, standing.account, channel, purpose):
                await self._welcome(standing, standing.account, channel, purpose, owed)

    async def _welcome(
        self, standing: Standing, view: SubjectView, channel: Channel, purpose: Purpose, owed: Welcoming
    ) -> None:
        address = await self._kept(standing, view, channel, purpose)
        if not address or await self._is_closed(channel, address):
            return
        link = f"{self._origin}/unsubscribe/{self._links.unsubscribe(view.subject, purpose, channel)}"
        where = as_shown(standing.bundle, owed.site, owed.locale, owed.jurisdiction)
        letter = Letter(WELCOME, standing.bundle, channel, (purpose,), *where, link)
        message_id = self._links.message_id(f"{WELCOME}/{purpose}", owed.pending_id)
        await self._send(letter, view.subject, address, message_id, link)

    async def _send(
        self, letter: Letter, subject: SubjectId, address: str, message_id: bytes, unsubscribe: str
    ) -> None:
        written = self._write(letter)
        controller = letter.bundle.sites[letter.site].controller
        message = Message(
            to=address, message_id=message_id.hex(), subject=written.subject, text=written.text, html=written.html,
            locale=letter.locale, sender=controller.name, reply_to=controller.contact, unsubscribe=unsubscribe,
        )  # fmt: skip
        try:
            await self._transports[letter.channel].send(message)
        except Gone:
            log.info("address_gone", kind=letter.kind)
            async with self._desk.acquire() as conn, conn.transaction():
                for effect in vault.destroy_category(subject, channel_category(letter.channel)):
                    await effect.run(conn)
        except Undeliverable:
            log.info("message_refused", kind=letter.kind)

    async def _is_closed(self, channel: Channel, address: str) -> bool:
        """Whether somebody asked never to be contacted under an address, or wrote STOP from it."""
        asked = self._suppressions.among({channel_category(channel): {ADDRESS: address}})
        async with self._desk.acquire() as conn:
            listed = await vault.suppressed(asked).all(conn) if asked else []
            stopped = await store.stopped(self._links.stopped(channel, address)).first(conn)
        return bool(listed) or stopped is not None

    async def _on_file(self, standing: Standing, view: SubjectView, channel: Channel, purpose: Purpose) -> str:
        """Return the address of a channel that was confirmed once, or that the shop has; empty for none."""
        found = await self._kept(standing, view, channel, purpose)
        if found or channel not in addresses.ON_FILE:
            return found
        category, field = addresses.ON_FILE[channel]
        return await self._opened(standing, view, (category, field), purpose, channel)

    async def _kept(self, standing: Standing, view: SubjectView, channel: Channel, purpose: Purpose) -> str:
        return await self._opened(standing, view, (channel_category(channel), ADDRESS), purpose, channel)

    async def _opened(
        self, standing: Standing, view: SubjectView, place: tuple[Category, str], purpose: Purpose, channel: Channel
    ) -> str:
        """Open an address, and count that it was used, in one transaction; empty where there is none."""
        category, field = place
        async with self._desk.acquire() as conn, conn.transaction(isolation="repeatable_read"):
            sealed_by = {row.version: row.wrapped for row in await vault.keys_in([view.subject], category).all(conn)}
            rows = await vault.records_of(view.subject).all(conn)
            row = next((row for row in rows if (row.category, row.field) == place), None)
            if row is None or row.version not in sealed_by:
                return ""
            key = keys.unwrap(self._desk.keyring, view.subject, category, row.version, sealed_by[row.version])
            address = envelope.open_(key, field, row.sealed).decode()
            await self._count(
                conn, standing, view, Use(OWN_PAGES, purpose, f"message:{channel}", (Category("contact"),))
            )
        return spelled(channel, address)

    async def _count(self, conn: Conn, standing: Standing, view: SubjectView, use: Use) -> None:
        """Count a use for the person alone; whoever has no key for it yet gets one with their next answer."""
        row = next((row for row in view.keys if row.category == ACCOUNTABILITY), None)
        if row is not None:
            key = keys.unwrap(self._desk.keyring, view.subject, ACCOUNTABILITY, row.version, row.wrapped)
            await vault.count_uses([uses.count(key, uses.month_of(standing.today), use, 1)]).all(conn)


def _still(view: SubjectView, channel: Channel, wanted: Wanted) -> bool:
    """Whether what was asked for is still waited for: a no in between ended it."""
    rows = (view.statuses.get(Rule(purpose, channel, Recipient(""))) for purpose in wanted.purposes)
    return any(row is not None and row.status is ConsentStatus.REQUESTED for row in rows)


def may_reach(standing: Standing, view: SubjectView, channel: Channel, purpose: Purpose) -> bool:
    """Whether a person may be reached now, by the gate's own rule (`standing`), under the law of their answers."""
    rule = Rule(purpose, channel, Recipient(""))
    if view.regime is None or rule not in set(standing.bundle.rules):
        return False
    return permission(standing, rule, Signals(view.regime, gpc=view.gpc)).allowed


def spelled(channel: Channel, address: str) -> str:
    """Return an address on file in its one spelling; empty for one that is none."""
    try:
        return addresses.SPELLINGS[channel](address) if channel in addresses.SPELLINGS else ""
    except Malformed:
        return ""
