"""Channels: signing up with an address, confirming it, ending it by one click or one word, and the key for web push."""

import secrets

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from ecrm_privacy.consent.answer import Said, SaidAnswer
from ecrm_privacy.consent.channels.confirm import Request
from ecrm_privacy.consent.channels.desk import Channels
from ecrm_privacy.consent.desk import ConsentDesk, Where
from ecrm_privacy.errors import NotKnown
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.vocabulary import Answer, Channel, ExpressionMethod, NoticeVersion, Purpose
from ecrm_privacy.web.answers import set_cookies
from ecrm_privacy.web.forms import form, own_key
from ecrm_privacy.web.hallway import AnyRequest, Hallway
from ecrm_privacy.web.letter import purpose_name
from ecrm_privacy.web.messages import TYPED, channel_name, summary
from ecrm_privacy.web.pages import Pages
from ecrm_privacy.web.texts import texts


class PushKey(msgspec.Struct, frozen=True):
    """`GET /v1/push-key`."""

    key: str


@get("/confirm/{token:str}")
async def confirm_page(
    token: FromPath[str],
    channels: NamedDependency[Channels],
    pages: NamedDependency[Pages],
) -> Response[str]:
    """What a link confirms, and the button that does. Opening it changes nothing: scanners of mail open every link."""
    asked = await channels.confirmations.look(token)
    return _confirm(asked, pages, done=False)


@post("/confirm/{token:str}", status_code=200)
async def confirm(
    token: FromPath[str], channels: NamedDependency[Channels], pages: NamedDependency[Pages]
) -> Response[str]:
    """Make the yes count."""
    return _confirm(await channels.confirmations.confirm(token), pages, done=True)


def _confirm(asked: Request, pages: Pages, *, done: bool) -> Response[str]:
    where = asked.where
    return pages.page(
        "confirm.html",
        t=texts(where.locale),
        locale=where.locale,
        done=done,
        channel=channel_name(asked.bundle, asked.channel, where.locale),
        what=_names(asked.bundle, asked.purposes, where.locale),
        **summary(asked.bundle, asked.purposes, where.site, where.locale),
    )


def _names(bundle: Bundle, purposes: tuple[Purpose, ...], locale: str) -> str:
    return f"{texts(locale)['comma']} ".join(purpose_name(bundle, purpose, locale) for purpose in purposes)


@get("/unsubscribe/{token:str}")
async def unsubscribe_page(
    token: FromPath[str],
    channels: NamedDependency[Channels],
    hallway: NamedDependency[Hallway],
    pages: NamedDependency[Pages],
    locale: NamedDependency[str],
) -> Response[str]:
    """What a link ends, and the button that does."""
    ending = channels.endings.look(token)
    return _unsubscribe(hallway.bundle, ending.purpose, ending.channel, pages, locale, done=False)


@post("/unsubscribe/{token:str}", status_code=200)
async def unsubscribe(
    token: FromPath[str],
    channels: NamedDependency[Channels],
    hallway: NamedDependency[Hallway],
    pages: NamedDependency[Pages],
    locale: NamedDependency[str],
) -> Response[str]:
    """End it, for whoever presses: a person, or their mail program (RFC 8058), which brings neither cookie nor origin.

    That is safe without either: the link is the whole authority, it can only narrow, and only what it names.
    """
    ended = await channels.endings.end(token)
    return _unsubscribe(hallway.bundle, ended.purpose, ended.channel, pages, locale, done=True)


def _unsubscribe(
    bundle: Bundle, purpose: Purpose, channel: Channel, pages: Pages, locale: str, *, done: bool
) -> Response[str]:
    return pages.page(
        "unsubscribe.html",
        t=texts(locale),
        locale=locale,
        done=done,
        what=purpose_name(bundle, purpose, locale),
        channel=channel_name(bundle, channel, locale),
    )


@get("/sign-up/{purpose:str}/{channel:str}")
async def sign_up_page(
    purpose: FromPath[str],
    channel: FromPath[str],
    hallway: NamedDependency[Hallway],
    pages: NamedDependency[Pages],
    where: NamedDependency[Where],
) -> Response[str]:
    """The form for an address, with what happens to it. Raises NotKnown where there is nothing to sign up to."""
    return _sign_up(hallway.bundle, Purpose(purpose), Channel(channel), pages, where, sent=False)


@post("/sign-up/{purpose:str}/{channel:str}", status_code=200)
async def sign_up(
    request: AnyRequest,
    purpose: FromPath[str],
    channel: FromPath[str],
    desk: NamedDependency[ConsentDesk],
    hallway: NamedDependency[Hallway],
    pages: NamedDependency[Pages],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
) -> Response[str]:
    """Take the yes and the address. The page is the same whoever's address it is."""
    body = await request.body()
    fields, bundle = form(body), hallway.bundle
    key = own_key(fields, body)
    reply = _sign_up(bundle, Purpose(purpose), Channel(channel), pages, where, sent=True)
    answers = (
        SaidAnswer(Purpose(purpose), Answer.GIVEN),
        SaidAnswer(Purpose(purpose), Answer.GIVEN, channel, address=fields.get("address", "")[:2000]),
    )
    said = Said(NoticeVersion(fields.get("notice", "")), answers, ExpressionMethod.SAVE)
    said = hallway.check_yes(request, caller, said)
    taken = await desk.take(caller, said, signals, where, idempotency_key=key, body=body)
    set_cookies(reply, taken, hallway, where)
    return reply


def _sign_up(
    bundle: Bundle, purpose: Purpose, channel: Channel, pages: Pages, where: Where, *, sent: bool
) -> Response[str]:
    document = bundle.purposes.get(purpose)
    if document is None or channel not in document.channels or channel not in TYPED:
        raise NotKnown
    return pages.page(
        "sign_up.html",
        t=texts(where.locale),
        locale=where.locale,
        sent=sent,
        kind=TYPED[channel],
        channel=channel_name(bundle, channel, where.locale),
        what=purpose_name(bundle, purpose, where.locale),
        notice=bundle.current_notice(bundle.sites[where.site].notice).name,
        idempotency_key=secrets.token_urlsafe(24),
        **summary(bundle, (purpose,), where.site, where.locale),
    )


@get("/v1/push-key")
async def push_key(channels: NamedDependency[Channels]) -> PushKey:
    """The key with which a browser subscribes to web push (`applicationServerKey`, RFC 8292)."""
    return PushKey(channels.push_key)


@post("/v1/inbound/sms", status_code=204)
async def inbound_sms(request: AnyRequest, channels: NamedDependency[Channels]) -> None:
    """Take what somebody sent back: a word that stops ends SMS to that number, whoever has it. Else nothing happens."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    await channels.heard(headers, await request.body())
