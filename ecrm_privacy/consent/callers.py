"""Servers that call: who they are, and what they may do."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from hashlib import sha256

import msgspec

from ecrm_privacy.consent import store
from ecrm_privacy.errors import NotKnown
from ecrm_privacy.sql import Conn
from ecrm_privacy.vocabulary import Recipient

UNNAMED = "unnamed_system"


class ServerCaller(msgspec.Struct, frozen=True):
    """A department or partner behind a bearer key; `key_hash` names its rate.

    `is_partner`: the policy in force names it as a recipient, so that only what people allow it concerns it.
    """

    key_hash: bytes
    recipient: Recipient
    scopes: frozenset[str]
    rate_per_minute: int
    is_partner: bool = False

    @property
    def system(self) -> str:
        """What it is called where it is counted how data was used; a key need not name its department."""
        return self.recipient or UNNAMED


class Callers:
    """Looks bearer keys up; they are kept hashed, so that a dump lets nobody in."""

    def __init__(self, acquire: Callable[[], AbstractAsyncContextManager[Conn]]) -> None:
        self._acquire = acquire

    async def of(self, key: str) -> ServerCaller:
        """Return who holds `key`. Raises NotKnown."""
        key_hash = sha256(key.encode()).digest()
        async with self._acquire() as conn:
            row = await store.api_key(key_hash).first(conn)
        if row is None:
            raise NotKnown
        return ServerCaller(
            key_hash, Recipient(row.recipient), frozenset(row.scopes), row.rate_per_minute, row.is_partner
        )
