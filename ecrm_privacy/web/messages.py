"""The words of messages: one template for each part, filled in the person's language with the policy's own texts."""

from typing import Any

from ecrm_privacy.consent.channels.asked import CONFIRM
from ecrm_privacy.consent.channels.letters import Letter, Written
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.notice import purpose_shown
from ecrm_privacy.vocabulary import Channel, Purpose
from ecrm_privacy.web.pages import Pages
from ecrm_privacy.web.texts import texts
from ecrm_privacy.words.catalogue import filled

TYPED = {Channel("email"): "email", Channel("sms"): "tel"}
"""Channels whose address a person can type, with the kind of field it is typed into."""
SHORT = frozenset({Channel("sms"), Channel("web_push")})
"""Channels that have room for a sentence."""


class Writer:
    """Writes messages; `preferences` is the page where everything can be taken back."""

    def __init__(self, pages: Pages, preferences: str) -> None:
        self._pages = pages
        self._preferences = preferences

    def write(self, letter: Letter) -> Written:
        """Return the words of a message."""
        t = texts(letter.locale)
        about = summary(letter.bundle, letter.purposes, letter.site, letter.locale)
        sender, names = about["controller"].name, f"{t['comma']} ".join(each.name for each in about["purposes"])
        subject = filled(t, f"mail_{letter.kind}_subject", sender=sender, what=names)
        if letter.channel in SHORT:
            words = filled(t, f"sms_{letter.kind}", sender=sender, what=names, link=letter.link)
            return Written(subject, words, "")
        channel = channel_name(letter.bundle, letter.channel, letter.locale)
        shown = {
            "t": t, "locale": letter.locale, "kind": letter.kind, "asks": letter.kind == CONFIRM, "subject": subject,
            "what": names, "channel": channel, "link": letter.link, "preferences": self._preferences, **about,
        }  # fmt: skip
        plain = self._pages.text("message.txt", **shown)
        return Written(subject, plain, self._pages.text("message.html", **shown))


def summary(bundle: Bundle, purposes: tuple[Purpose, ...], site: str, locale: str) -> dict[str, Any]:
    """Return the privacy summary: who answers for it, and of each purpose what it does, uses, gives on and keeps."""
    shown = [purpose_shown(bundle, bundle.purposes[name], locale) for name in purposes if name in bundle.purposes]
    return {"controller": bundle.sites[site].controller, "purposes": shown}


def channel_name(bundle: Bundle, channel: Channel, locale: str) -> str:
    """Return a channel's name for people; one that the policy dropped keeps its word."""
    document = bundle.channels.get(channel)
    return document.texts[locale].name if document else channel.replace("_", " ")
