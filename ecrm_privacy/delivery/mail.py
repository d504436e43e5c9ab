"""Mail over SMTP: text and HTML, handed to one server of the operator's, which signs it (DKIM) and delivers it.

Sending twice cannot be ruled out: a server may take a message and be gone before it says so. Then the message that is
sent again has the same Message-ID, by which mail programs and servers tell that it is the same one.
"""

import asyncio
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, parseaddr
from ipaddress import ip_address
from pathlib import Path

import aiosmtplib
import msgspec

from ecrm_privacy.delivery.messages import Message, Undeliverable
from ecrm_privacy.errors import StartRefused, Unavailable

SEND_S = 30.0
_UNFOLDED = SMTP.clone(max_line_length=900)
"""Headers go out as they are: folding would encode a long link, and not every mail program decodes it."""


class MailSettings(msgspec.Struct, frozen=True):
    """The server that takes mail: `security` is `tls` (from the first byte), `starttls`, or `none` on this machine."""

    host: str
    port: int
    security: str
    sender: str
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None

    def __repr__(self) -> str:
        return f"MailSettings({self.host}:{self.port})"


class Mail:
    """Sends mail. Raises StartRefused for settings under which somebody on the way could read it."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        if settings.security not in {"tls", "starttls", "none"}:
            raise StartRefused("ECRM_SMTP_SECURITY is tls, starttls or none")
        if settings.security == "none" and not _is_here(settings.host):
            raise StartRefused("ECRM_SMTP_SECURITY=none sends mail in the clear, so only to this machine")
        self.name, self.address = parseaddr(settings.sender)
        if "@" not in self.address:
            raise StartRefused("ECRM_SMTP_FROM is the address from which mail comes, such as news@shop.example")
        self._context = None
        if settings.security != "none":
            self._context = ssl.create_default_context(cafile=settings.ca_file)

    async def send(self, message: Message) -> None:
        """Hand a message to the server. Raises Undeliverable, Unavailable; neither says to whom."""
        settings = self._settings
        try:
            async with asyncio.timeout(SEND_S):
                client = aiosmtplib.SMTP(
                    hostname=settings.host, port=settings.port, use_tls=settings.security == "tls",
                    start_tls=settings.security == "starttls", tls_context=self._context,
                    username=settings.user or None, password=self._password(), timeout=SEND_S,
                )  # fmt: skip
                async with client:
                    await client.sendmail(self.address, [message.to], composed(message, self.name, self.address))
        except aiosmtplib.SMTPRecipientsRefused as refused:
            codes = [each.code for each in refused.recipients]
            raise _failure(max(codes, default=0)) from None
        except aiosmtplib.SMTPAuthenticationError:
            raise Unavailable("the mail server does not know us") from None
        except aiosmtplib.SMTPResponseException as refused:
            raise _failure(refused.code) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            raise Unavailable("the mail server does not answer") from None

    def _password(self) -> str | None:
        """Read the password anew each time: whoever changes it changes a file."""
        file = self._settings.password_file
        return file.read_text("utf-8").strip() if file else None


def _failure(code: int) -> Undeliverable | Unavailable:
    """5xx is for good, all else is worth another try (RFC 5321, 4.2.1)."""
    return Undeliverable("the mail server refuses it") if 500 <= code < 600 else Unavailable("not taken now")


def composed(message: Message, name: str, address: str) -> bytes:
    """Return the whole mail (RFC 5322), with one click to unsubscribe where there is a link for it (RFC 8058)."""
    mail = EmailMessage(policy=SMTP)
    local, _, domain = address.rpartition("@")
    mail["From"] = Address(name or message.sender, local, domain)
    mail["To"] = Address("", *message.to.rsplit("@", 1))
    if message.reply_to and "@" in message.reply_to:
        mail["Reply-To"] = Address("", *message.reply_to.rsplit("@", 1))
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = f"<{message.message_id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    if message.unsubscribe:
        mail["List-Unsubscribe"] = f"<{message.unsubscribe}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail.set_content(message.text)
    if message.html:
        mail.add_alternative(message.html, subtype="html")
    mail["Content-Language"] = message.locale  # after the content, with which headers of this kind are set anew
    return mail.as_bytes(policy=_UNFOLDED)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
