"""A message to one person over one channel, and who takes it on: the protocol that each way of sending fulfils."""

from typing import Protocol

import msgspec

from ecrm_privacy.errors import Refusal


class Undeliverable(Refusal):
    """Whoever takes messages on says that this one will never arrive; it is not tried again."""


class Gone(Undeliverable):
    """The address ended, and says so: nothing will ever arrive there."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What one person gets. `message_id` (hex) is the same when it is tried again.

    `sender` is the controller's name and `reply_to` its address; `unsubscribe` is the link that ends what the message
    belongs to (RFC 8058). Not shown by `repr`: it names somebody.
    """

    to: str
    message_id: str
    subject: str
    text: str
    html: str = ""
    locale: str = "en"
    sender: str = ""
    reply_to: str = ""
    unsubscribe: str = ""

    def __repr__(self) -> str:
        return f"Message({self.message_id})"


class Transport(Protocol):
    """Sends messages of one channel."""

    async def send(self, message: Message) -> None:
        """Hand a message on. Raises Undeliverable for good, Unavailable when it is worth another try."""
