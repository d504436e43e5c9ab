"""What to ask a visitor: the part of `GET /v1/notice` that is the same for everybody (GDPR 13, ISO/IEC 29184)."""

import hashlib

import msgspec

from ecrm_privacy.policy.documents import Bundle, NoticeDocument, PurposeDocument
from ecrm_privacy.vocabulary import Category, Channel, LegalBasis, NoticeVersion, Purpose, Recipient, Regime


class Buttons(msgspec.Struct, frozen=True):
    """The words on the buttons."""

    accept: str
    refuse: str
    choose: str
    save: str


class NoticeShown(msgspec.Struct, frozen=True):
    """The notice in one locale. `hash` (SHA-256, hex) covers every word that is shown, those of the purposes too."""

    version: NoticeVersion
    locale: str
    title: str
    text: str
    hash: str
    buttons: Buttons
    gpc_text: str


class CategoryShown(msgspec.Struct, frozen=True):
    """A category of data and its name and sentence for people."""

    category: Category
    name: str
    text: str


class RecipientShown(msgspec.Struct, frozen=True):
    """A recipient, and whether it needs a yes of its own."""

    recipient: Recipient
    name: str
    text: str
    own_yes: bool


class ChannelShown(msgspec.Struct, frozen=True):
    """A channel, and whether it needs a yes of its own."""

    channel: Channel
    name: str
    own_yes: bool


class PurposeShown(msgspec.Struct, frozen=True):
    """A purpose in words; `bit` is its place in the choice cookie."""

    purpose: Purpose
    name: str
    text: str
    benefit: str
    categories: tuple[CategoryShown, ...]
    recipients: tuple[RecipientShown, ...]
    channels: tuple[ChannelShown, ...]
    retention: str
    basis: LegalBasis
    required: bool
    bit: int


class NoticePayload(msgspec.Struct, frozen=True):
    """Everything about a notice that does not depend on who looks."""

    notice: NoticeShown
    purposes: tuple[PurposeShown, ...]
    jurisdiction: str
    regime: Regime


def notice_payload(
    bundle: Bundle, site: str, *, locale: str = "", accept_language: str = "", region: str = ""
) -> NoticePayload:
    """The current notice of `site`, in `locale` if the site has it, else as `accept_language` prefers.

    `region` overrides the site's jurisdiction. Raises KeyError for an unknown site: web looks names from outside up in
    `bundle.sites` first.
    """
    document = bundle.sites[site]
    chosen = locale if locale in document.locales else negotiate(accept_language, document.locales)
    notice = bundle.current_notice(document.notice)
    jurisdiction = bundle.jurisdiction(region or document.jurisdiction)
    purposes = tuple(purpose_shown(bundle, bundle.purposes[purpose], chosen) for purpose in notice.purposes)
    return NoticePayload(_notice_shown(notice, chosen, purposes), purposes, jurisdiction.name, jurisdiction.regime)


def purpose_shown(bundle: Bundle, purpose: PurposeDocument, locale: str) -> PurposeShown:
    """`purpose` with every name in the words of `locale`."""
    text = purpose.texts[locale]
    return PurposeShown(
        purpose=Purpose(purpose.name),
        name=text.name,
        text=text.text,
        benefit=text.benefit,
        categories=tuple(_category(bundle, category, locale) for category in purpose.categories),
        recipients=tuple(_recipient(bundle, recipient, locale, purpose.own_yes) for recipient in purpose.recipients),
        channels=tuple(
            ChannelShown(channel, bundle.channels[channel].texts[locale].name, channel in purpose.own_yes)
            for channel in purpose.channels
        ),
        retention=text.retention,
        basis=purpose.basis,
        required=purpose.required,
        bit=purpose.bit,
    )


def notice_hash(bundle: Bundle, notice: NoticeDocument, locale: str) -> str:
    """SHA-256 (hex) of every word that `notice` shows in `locale`, those of its purposes too.

    The same value stands in `GET /v1/notice` and in the receipt of an answer. Raises KeyError for a locale the notice
    does not have. Purposes that an older notice names and the policy no longer has are left out.
    """
    known = (bundle.purposes[purpose] for purpose in notice.purposes if purpose in bundle.purposes)
    return _hash(notice, locale, tuple(purpose_shown(bundle, purpose, locale) for purpose in known))


class Notices:
    """What sites show, by bundle, locale and region; the same words are put together once per bundle."""

    def __init__(self) -> None:
        self._made: dict[tuple[bytes, str, str, str], NoticePayload] = {}
        self._hashes: dict[tuple[bytes, NoticeVersion, str], str] = {}

    def of(self, bundle: Bundle, site: str, locale: str, region: str) -> NoticePayload:
        """Return what a site shows in a locale and region."""
        key = (bundle.hash, site, locale, region)
        if (shown := self._made.get(key)) is None:
            shown = self._made[key] = notice_payload(bundle, site, locale=locale, region=region)
        return shown

    def hash(self, bundle: Bundle, notice: NoticeVersion, locale: str) -> str:
        """Return the `notice_hash` of what was shown; empty for a notice that the policy does not have in a locale."""
        shown, key = bundle.notices.get(notice), (bundle.hash, notice, locale)
        if shown is None or locale not in shown.texts:
            return ""
        if (made := self._hashes.get(key)) is None:
            made = self._hashes[key] = notice_hash(bundle, shown, locale)
        return made


def negotiate(accept_language: str, locales: tuple[str, ...]) -> str:
    """The best of `locales` for an Accept-Language header (RFC 9110, 12.5.4); the first one where nothing fits.

    A language fits its regions (`de-AT` is served `de`). What cannot be read is passed over.
    """
    by_name = {locale.lower(): locale for locale in reversed(locales)}
    by_language = {locale.lower().partition("-")[0]: locale for locale in reversed(locales)}
    for wanted in _preferences(accept_language):
        if wanted == "*":
            break
        if found := by_name.get(wanted) or by_language.get(wanted.partition("-")[0]):
            return found
    return locales[0]


def _preferences(accept_language: str) -> list[str]:
    """The languages of the header that are wanted at all, the most wanted first."""
    weighed: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        language, _, parameter = part.strip().lower().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if language and 0 < weight <= 1:
            weighed.append((weight, language.strip()))
    return [language for _, language in sorted(weighed, key=lambda pair: -pair[0])]


def _notice_shown(notice: NoticeDocument, locale: str, purposes: tuple[PurposeShown, ...]) -> NoticeShown:
    text = notice.texts[locale]
    return NoticeShown(
        version=NoticeVersion(notice.name),
        locale=locale,
        title=text.title,
        text=text.text.strip(),
        hash=_hash(notice, locale, purposes),
        buttons=Buttons(text.accept, text.refuse, text.choose, text.save),
        gpc_text=text.gpc,
    )


def _hash(notice: NoticeDocument, locale: str, purposes: tuple[PurposeShown, ...]) -> str:
    shown = msgspec.structs.replace(notice.texts[locale], of="")  # says where the words come from, and is not shown
    return hashlib.sha256(msgspec.json.encode([1, notice.name, locale, shown, purposes])).hexdigest()


def _category(bundle: Bundle, category: Category, locale: str) -> CategoryShown:
    text = bundle.categories[category].texts[locale]
    return CategoryShown(category, text.name, text.text)


def _recipient(bundle: Bundle, recipient: Recipient, locale: str, own_yes: tuple[str, ...]) -> RecipientShown:
    text = bundle.recipients[recipient].texts[locale]
    return RecipientShown(recipient, text.name, text.text, recipient in own_yes)
