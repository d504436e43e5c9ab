"""A mail server that speaks SMTP and keeps what it gets, for tests; it can refuse, for now or for good."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from tests.faults.group import free_port


class Mailbox:
    """What arrived, oldest first; `refusing` is said to whoever a message is for, while it is set."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refusing = ""
        self.refused = 0
        self.port = 0

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        """Take a recipient, or not."""
        if self.refusing:
            self.refused += 1
            return self.refusing
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep a message."""
        letter = message_from_bytes(envelope.content, policy=policy.SMTP)
        assert isinstance(letter, EmailMessage)
        self.recipients.append(list(envelope.rcpt_tos))
        self.letters.append(letter)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """Return what an address got."""
        return [letter for letter, to in zip(self.letters, self.recipients, strict=True) if address in to]

    def clear(self) -> None:
        """Throw away what arrived."""
        self.letters.clear()
        self.recipients.clear()


@contextmanager
def mail_server(**settings: Any) -> Iterator[Mailbox]:
    """Run one on loopback, in a thread of its own."""
    mailbox = Mailbox()
    mailbox.port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, **settings)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def text_of(letter: EmailMessage, kind: str = "plain") -> str:
    """Return a part of a message as text."""
    part = letter.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def link_in(letter: EmailMessage, path: str = "/confirm/") -> str:
    """Return the path of the link in a message."""
    found = re.search(rf"http://[^/\s]+({re.escape(path)}[A-Za-z0-9_~.\-]+)", text_of(letter))
    assert found, text_of(letter)
    return found[1]
