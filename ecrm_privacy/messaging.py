"""How the channels are put together: who writes, who sends, and what is known of whoever has not confirmed yet."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from ecrm_privacy.config import Config
from ecrm_privacy.consent.channels import store
from ecrm_privacy.consent.channels.addresses import EMAIL, SMS, WEB_PUSH
from ecrm_privacy.consent.channels.asked import CONFIRM, WELCOME
from ecrm_privacy.consent.channels.confirm import Confirmations
from ecrm_privacy.consent.channels.desk import Channels, waiting
from ecrm_privacy.consent.channels.ending import Endings
from ecrm_privacy.consent.channels.letters import Letters
from ecrm_privacy.consent.desk import ConsentDesk
from ecrm_privacy.delivery.mail import Mail, MailSettings
from ecrm_privacy.delivery.messages import Transport
from ecrm_privacy.delivery.push import SERVICES, WebPush
from ecrm_privacy.delivery.sms import SignedWebhook
from ecrm_privacy.errors import StartRefused
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.rights.holders import Holder, Known
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault.blind_index import BlindIndexes
from ecrm_privacy.vault.web_push import Vapid, encrypted
from ecrm_privacy.vocabulary import Channel
from ecrm_privacy.web.messages import Writer
from ecrm_privacy.web.pages import Pages

FORGET_S = 600.0
"""How often it is looked for what nobody confirmed in time; nothing opens it from the moment its time is over."""


def channels(config: Config, desk: ConsentDesk, indexes: BlindIndexes, pages: Pages, bundle: Bundle) -> Channels:
    """Put the desk of the channels together. Raises StartRefused for settings by which nothing can be sent."""
    contact = next(iter(bundle.sites.values())).controller.contact
    vapid, provider = Vapid(desk.keyring), _provider(config)
    transports: dict[Channel, Transport] = {
        WEB_PUSH: WebPush(
            encrypted,
            partial(_authorize, vapid, f"mailto:{contact}"),
            (*SERVICES, *config.push_services),
        )
    }
    if config.smtp_host is not None:
        transports[EMAIL] = Mail(
            MailSettings(
                config.smtp_host, config.smtp_port, config.smtp_security, config.smtp_from or contact,
                config.smtp_user or "", config.smtp_password_file, config.smtp_ca_file,
            )
        )  # fmt: skip
    if provider is not None:
        transports[SMS] = provider
    write = Writer(pages, desk.preferences).write
    letters = Letters(desk, write, transports, config.origin)
    return Channels(
        desk.acquire, Confirmations(desk, indexes), Endings(desk, indexes), letters, provider, vapid.public_key
    )


def _authorize(vapid: Vapid, contact: str, endpoint: str, now_s: int) -> str:
    return vapid.authorization(endpoint, contact, now_s)


def _provider(config: Config) -> SignedWebhook | None:
    if config.sms_url is None:
        return None
    if config.sms_secret_file is None:
        raise StartRefused("ECRM_SMS_URL needs ECRM_SMS_SECRET_FILE: nothing goes to a provider unsigned")
    return SignedWebhook(config.sms_url, config.sms_secret_file)


def handlers(made: Channels) -> Mapping[str, Callable[[str], Awaitable[None]]]:
    """Return who does the jobs that are owed."""
    return {CONFIRM: made.letters.confirm, WELCOME: made.letters.welcome}


def holder() -> Holder:
    """Return the holder of what waits for a confirmation; it goes before the keys, as everybody takes them."""
    return Holder("pending", frozenset({"ecrm.pending"}), _waiting, lambda subject: (store.destroy(subject),))


async def _waiting(conn: Conn, known: Known) -> list[dict[str, Any]]:
    return await waiting(conn, known.subject, known.keys)
