"""Addresses as they are taken: one spelling each, or none. Pure.

What is checked is the form, strictly enough that nothing else than an address reaches a header of a message; whether
anybody is there shows when it is confirmed.
"""

import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping

import msgspec

from ecrm_privacy.consent.answer import Said, SaidAnswer
from ecrm_privacy.errors import Malformed
from ecrm_privacy.vocabulary import Category, Channel

EMAIL, SMS, PHONE, WEB_PUSH = Channel("email"), Channel("sms"), Channel("phone"), Channel("web_push")
ON_FILE: Mapping[Channel, tuple[Category, str]] = {
    EMAIL: (Category("contact"), "email"),
    SMS: (Category("contact"), "phone"),
}
"""Where the shop's own record has an address of a channel."""

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z0-9]")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.\-]+(:[0-9]{1,5})?/[\x21-\x7e]*")


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a subscription, base64url: a point of P-256 (65 bytes) and a secret (16 bytes)."""

    p256dh: str
    auth: str


class Subscription(msgspec.Struct, frozen=True, rename="camel"):
    """What a browser gives for web push (`PushSubscription.toJSON()`)."""

    endpoint: str
    keys: Keys


def taken(said: Said) -> Said:
    """Return `said` with each address in its one spelling. Raises Malformed, which never repeats it."""
    if all(answer.address is None for answer in said.answers):
        return said
    return msgspec.structs.replace(said, answers=tuple(_taken(answer) for answer in said.answers))


def _taken(answer: SaidAnswer) -> SaidAnswer:
    if answer.address is None:
        return answer
    spell = SPELLINGS.get(Channel(answer.channel or ""))
    if spell is None:
        raise Malformed("`address` stands with e-mail, SMS, phone or web push; other channels have none")
    return msgspec.structs.replace(answer, address=spell(answer.address))


def email(text: str) -> str:
    """Return an e-mail address with its domain in small letters and ASCII. Raises Malformed (RFC 5321, 4.1.2)."""
    local, _, domain = text.strip().rpartition("@")
    try:
        domain = domain.encode("idna").decode().lower()
    except UnicodeError:
        domain = ""
    whole = f"{local}@{domain}"
    if len(local) > 64 or len(whole) > 254 or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise Malformed("`address` is not an e-mail address")
    return whole


def number(text: str) -> str:
    """Return a telephone number as `+` and digits (ITU-T E.164). Raises Malformed."""
    bare = re.sub(r"[\s().\-/]", "", text)
    if bare.startswith("00"):
        bare = "+" + bare[2:]
    if not bare.isascii() or not _NUMBER.fullmatch(bare):
        raise Malformed("`address` is not a telephone number with its country code")
    return bare


def subscription(text: str) -> str:
    """Return a subscription to web push as its one JSON text. Raises Malformed."""
    try:
        parsed = msgspec.json.decode(text, type=Subscription)
        lengths = [len(_decoded(parsed.keys.p256dh)), len(_decoded(parsed.keys.auth))]
    except (msgspec.DecodeError, Base64Error, ValueError, RecursionError):
        raise Malformed("`address` is not a subscription as a browser gives it (PushSubscription.toJSON())") from None
    if lengths != [65, 16] or not _ENDPOINT.fullmatch(parsed.endpoint):
        raise Malformed("`address` is not a subscription as a browser gives it (PushSubscription.toJSON())")
    return msgspec.json.encode(parsed).decode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


SPELLINGS: Mapping[Channel, Callable[[str], str]] = {
    EMAIL: email, SMS: number, PHONE: number, WEB_PUSH: subscription,
}  # fmt: skip


def compared(channel: Channel, address: str) -> str:
    """Return the spelling by which messages to an address are counted: of e-mail in small letters."""
    return address.casefold() if channel == EMAIL else address
