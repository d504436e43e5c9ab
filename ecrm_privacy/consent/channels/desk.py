"""The desk of the channels: what pages, jobs and providers ask of it."""

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from ecrm_privacy.consent.channels import addresses, store
from ecrm_privacy.consent.channels.asked import ADDRESS, Wanted, opened
from ecrm_privacy.consent.channels.confirm import Confirmations
from ecrm_privacy.consent.channels.ending import Endings
from ecrm_privacy.consent.channels.letters import Letters
from ecrm_privacy.consent.desk import Acquire
from ecrm_privacy.delivery.sms import Inbound, SmsProvider, said
from ecrm_privacy.errors import SignatureRefused, Tampered
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vocabulary import PENDING, SubjectId

__all__ = ["Channels", "Inbound", "waiting"]

log = structlog.get_logger(__name__)


class Channels(msgspec.Struct, frozen=True):
    """What is confirmed, ended and sent. `provider` hands in what is answered to SMS; `push_key` is for browsers."""

    acquire: Acquire
    confirmations: Confirmations
    endings: Endings
    letters: Letters
    provider: SmsProvider | None
    push_key: str

    async def forget(self) -> None:
        """End what nobody confirmed in time, and forget whom something was sent to on days that are over."""
        async with self.acquire() as conn:
            await store.forget().run(conn)
            await store.forget_messaged().run(conn)

    async def heard(self, headers: Mapping[str, str], body: bytes) -> None:
        """Do what somebody means who answers an SMS with one word.

        Raises SignatureRefused when no provider of ours hands it in, Malformed, Unavailable.
        """
        if self.provider is None:
            raise SignatureRefused
        inbound = self.provider.inbound(headers, body)
        number = addresses.number(inbound.number)
        match said(inbound.text):
            case "stop":
                await self.endings.stop(number)
            case "start":
                await self.endings.start(number)


async def waiting(conn: Conn, subject: SubjectId, keys: tuple[SubjectKey, ...]) -> list[dict[str, Any]]:
    """Return what waits for a subject's confirmation, readable, for their own copy."""
    by_version = {key.version: key for key in keys if key.category == PENDING}
    found = []
    for row in await store.waiting(subject).all(conn):
        if row.sealed is None or row.version not in by_version:
            continue
        try:
            wanted: Wanted = opened(by_version[row.version], row.sealed)
        except Tampered:
            log.error("not_opened", reason="tampered", category=PENDING)
            continue
        found.append({"channel": row.channel, ADDRESS: wanted.address, "purposes": ", ".join(wanted.purposes)})
    return found
