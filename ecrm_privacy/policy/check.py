"""What no single document can know: whether the documents of a policy fit together.

Every function gives the problems of one kind of document, each as "file: key: what". Documents that could not be read
are absent from the bundle; `names` has them still, so that one mistake is not reported twice.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from ecrm_privacy.policy.documents import (
    DEFAULT_REGION,
    STRICT,
    Bundle,
    PurposeDocument,
    SlotDocument,
)
from ecrm_privacy.policy.theme import problems as theme_problems
from ecrm_privacy.vocabulary import ACCOUNTABILITY, COUNTED_DAYS_MOST, Category, LegalBasis

Names = Mapping[str, frozenset[str]]

NAME = re.compile(r"[a-z][a-z0-9]*([._-][a-z0-9]+)*")
NOTICE = re.compile(r"[a-z][a-z0-9-]{0,19}@[1-9][0-9]{0,3}")
NAME_LENGTH_MOST = 48
LINES_MOST = 3
LINE_LENGTH_MOST = 120
UNOBJECTIONABLE = frozenset({LegalBasis.CONTRACT, LegalBasis.LEGAL_OBLIGATION, LegalBasis.VITAL_INTEREST})
"""The bases to which GDPR 21 gives no right to object; only they can carry a required purpose."""


def is_name(section: str, name: str) -> bool:
    """Whether `name` can stand in a need, in the choice cookie and in a file system."""
    return bool((NOTICE if section == "notices" else NAME).fullmatch(name)) and len(name) <= NAME_LENGTH_MOST


def cross_problems(bundle: Bundle, names: Names) -> list[str]:
    """Every problem between the documents of `bundle`."""
    return [
        *_purposes(bundle, names),
        *_bits(bundle),
        *_channels(bundle),
        *_categories(bundle, names),
        *_jurisdictions(bundle, names),
        *_slots(bundle, names),
        *_events(bundle, names),
        *_pages(bundle, names),
        *_sites(bundle, names),
        *theme_problems(bundle),
        *_notices(bundle, names),
        *_texts(bundle),
    ]


def _dangling(where: str, section: str, wanted: Iterable[str], names: Names) -> Iterator[str]:
    word = {"categories": "category"}.get(section, section.removesuffix("s"))
    for place, name in enumerate(wanted):
        if name not in names[section]:
            yield f"{where}[{place}]: no {word} '{name}'"


def _twice(where: str, given: Iterable[str]) -> Iterator[str]:
    for name, times in Counter(given).items():
        if times > 1:
            yield f"{where}: '{name}' stands there twice"


def _purposes(bundle: Bundle, names: Names) -> Iterator[str]:
    regimes = {document.regime for document in bundle.jurisdictions.values()} - {STRICT}
    for name, purpose in bundle.purposes.items():
        file = f"purposes/{name}.toml:"
        lists = {key: getattr(purpose, key) for key in ("categories", "channels", "recipients")}
        for section, wanted in lists.items():
            yield from _dangling(f"{file} {section}", section, wanted, names)
        for key in ("opt_out", "opt_out_signal"):
            lists[key] = getattr(purpose, key)
            for place, regime in enumerate(lists[key]):
                if regime not in regimes:
                    yield f"{file} {key}[{place}]: no jurisdiction has the regime '{regime}'"
        for key, given in {**lists, "own_yes": purpose.own_yes}.items():
            yield from _twice(f"{file} {key}", given)
        yield from _own_yes(file, purpose)
        yield from _basis(file, purpose)


def _own_yes(file: str, purpose: PurposeDocument) -> Iterator[str]:
    for place, name in enumerate(purpose.own_yes):
        if name not in purpose.channels and name not in purpose.recipients:
            yield f"{file} own_yes[{place}]: '{name}' is neither a channel nor a recipient of this purpose"
    for name in set(purpose.channels) & set(purpose.recipients):
        yield f"{file} recipients: '{name}' is a channel of this purpose too"


def _basis(file: str, purpose: PurposeDocument) -> Iterator[str]:
    if purpose.required and purpose.basis not in UNOBJECTIONABLE:
        yield f"{file} required: a purpose on the basis of {purpose.basis} can be refused, so it cannot be required"
    if purpose.basis is LegalBasis.LEGAL_OBLIGATION and not purpose.required:
        yield f"{file} required: a legal obligation cannot be refused, so it is required"
    if purpose.basis is LegalBasis.CONSENT and not purpose.validity_days:
        yield f"{file} validity_days: a yes must end some day"
    if purpose.opt_out and purpose.basis is not LegalBasis.CONSENT:
        yield f"{file} opt_out: only a purpose on the basis of consent can be opt-out somewhere"


def _channels(bundle: Bundle) -> Iterator[str]:
    regimes = {document.regime for document in bundle.jurisdictions.values()} - {STRICT}
    for name, channel in bundle.channels.items():
        file = f"channels/{name}.toml: confirm_under"
        if channel.confirm_under and not channel.double_opt_in:
            yield f"{file}: it says who wants a double opt-in, and there is none"
        yield from (
            f"{file}[{place}]: no jurisdiction has the regime '{regime}'"
            for place, regime in enumerate(channel.confirm_under)
            if regime not in regimes
        )


def _bits(bundle: Bundle) -> Iterator[str]:
    owner: dict[int, str] = {}
    for name, purpose in sorted(bundle.purposes.items()):
        first = owner.setdefault(purpose.bit, name)
        if first != name:
            yield f"purposes/{name}.toml: bit: {purpose.bit} belongs to purposes/{first}.toml"


def _categories(bundle: Bundle, names: Names) -> Iterator[str]:
    for name, category in bundle.categories.items():
        if category.kept_under not in names["purposes"]:
            yield f"categories/{name}.toml: kept_under: no purpose '{category.kept_under}'"
        if category.retention.after_withdrawal_days > category.retention.at_most_days:
            yield f"categories/{name}.toml: retention.after_withdrawal_days: longer than at_most_days"
    yield from _accountability(bundle)


def _accountability(bundle: Bundle) -> Iterator[str]:
    """How data was used is counted for the person alone: nothing may open it, and it is soon forgotten."""
    for name, purpose in bundle.purposes.items():
        if ACCOUNTABILITY in purpose.categories:
            yield f"purposes/{name}.toml: categories: '{ACCOUNTABILITY}' serves no purpose"
    category = bundle.categories.get(ACCOUNTABILITY)
    if category and category.retention.at_most_days > COUNTED_DAYS_MOST:
        yield f"categories/{ACCOUNTABILITY}.toml: retention.at_most_days: more than {COUNTED_DAYS_MOST}"
    if category and category.behavioural:
        yield f"categories/{ACCOUNTABILITY}.toml: behavioural: it is not what somebody does"


def _jurisdictions(bundle: Bundle, names: Names) -> Iterator[str]:
    if DEFAULT_REGION not in names["jurisdictions"]:
        yield f"jurisdictions/{DEFAULT_REGION}.toml: missing: every other region falls back to it"
    owner: dict[str, str] = {}
    for name, law in sorted(bundle.jurisdictions.items()):
        file = f"jurisdictions/{name}.toml:"
        yield from _twice(f"{file} covers", law.covers)
        for place, region in enumerate(law.covers):
            if region in names["jurisdictions"]:
                yield f"{file} covers[{place}]: '{region}' has a document of its own"
            elif owner.setdefault(region, name) != name:
                yield f"{file} covers[{place}]: '{region}' is covered by jurisdictions/{owner[region]}.toml"
        for region in law.ages:
            if region not in law.covers:
                yield f"{file} ages.{region}: this document does not cover '{region}'"


def _slots(bundle: Bundle, names: Names) -> Iterator[str]:
    for name, slot in bundle.slots.items():
        file = f"slots/{name}.toml:"
        if slot.personal:
            yield from _personal_slot(file, slot, bundle, names)
        elif slot.purpose or slot.channel or slot.recipient or slot.categories:
            yield f"{file} personal: a slot that is not personal names no purpose, channel, recipient or categories"


def _personal_slot(file: str, slot: SlotDocument, bundle: Bundle, names: Names) -> Iterator[str]:
    if slot.purpose not in names["purposes"]:
        yield f"{file} purpose: no purpose '{slot.purpose}'"
    yield from _covered(file, slot.categories, slot.purpose, bundle, names)
    purpose = bundle.purposes.get(slot.purpose)
    if purpose and slot.channel and slot.channel not in purpose.channels:
        yield f"{file} channel: the purpose '{slot.purpose}' has no channel '{slot.channel}'"
    if purpose and slot.recipient and slot.recipient not in purpose.recipients:
        yield f"{file} recipient: the purpose '{slot.purpose}' has no recipient '{slot.recipient}'"


def _covered(file: str, wanted: Iterable[Category], purpose_name: str, bundle: Bundle, names: Names) -> Iterator[str]:
    purpose = next((document for name, document in bundle.purposes.items() if name == purpose_name), None)
    for place, category in enumerate(wanted):
        if category not in names["categories"]:
            yield f"{file} categories[{place}]: no category '{category}'"
        elif purpose and category not in purpose.categories:
            yield f"{file} categories[{place}]: the purpose '{purpose_name}' does not cover '{category}'"


def _events(bundle: Bundle, names: Names) -> Iterator[str]:
    for name, event in bundle.events.items():
        file = f"events.toml: {name}"
        purpose = bundle.purposes.get(event.purpose)
        category = bundle.categories.get(event.category)
        if event.purpose not in names["purposes"]:
            yield f"{file}.purpose: no purpose '{event.purpose}'"
        if event.category not in names["categories"]:
            yield f"{file}.category: no category '{event.category}'"
        elif purpose and event.category not in purpose.categories:
            yield f"{file}.category: the purpose '{event.purpose}' does not cover '{event.category}'"
        if category and not category.behavioural:
            yield f"{file}.category: '{event.category}' is not behavioural"


def _pages(bundle: Bundle, names: Names) -> Iterator[str]:
    for name, slots in bundle.pages.items():
        yield from _dangling(f"pages.toml: {name}", "slots", slots, names)
        yield from _twice(f"pages.toml: {name}", slots)


def _sites(bundle: Bundle, names: Names) -> Iterator[str]:
    notices = {name.partition("@")[0] for name in names["notices"]}
    owner: dict[str, str] = {}
    for name, site in sorted(bundle.sites.items()):
        file = f"sites/{name}.toml:"
        if site.notice not in notices:
            yield f"{file} notice: no notice '{site.notice}'"
        if site.jurisdiction not in names["jurisdictions"]:
            yield f"{file} jurisdiction: no jurisdiction '{site.jurisdiction}'"
        yield from _twice(f"{file} locales", site.locales)
        for place, origin in enumerate(site.origins):
            if owner.setdefault(origin, name) != name:
                yield f"{file} origins[{place}]: {origin} belongs to sites/{owner[origin]}.toml"
    if not names["sites"]:
        yield "sites: a policy has at least one site"


def _notices(bundle: Bundle, names: Names) -> Iterator[str]:
    newest = {
        document.notice: document.version for document in sorted(bundle.notices.values(), key=lambda d: d.version)
    }
    for name, notice in bundle.notices.items():
        file = f"notices/{name}.toml:"
        yield from _twice(f"{file} purposes", notice.purposes)
        for place, purpose in enumerate(notice.asks_again):
            if purpose not in notice.purposes:
                yield f"{file} asks_again[{place}]: this notice does not ask about '{purpose}'"
        # An older version may name a purpose that is gone: it stays as it was shown.
        if notice.version == newest[notice.notice]:
            yield from _dangling(f"{file} purposes", "purposes", notice.purposes, names)
        for locale, text in notice.texts.items():
            lines = text.text.strip("\n").split("\n")
            if len(lines) > LINES_MOST or any(not 0 < len(line.strip()) <= LINE_LENGTH_MOST for line in lines):
                yield f"{file} texts.{locale}.text: at most {LINES_MOST} lines of {LINE_LENGTH_MOST} characters"


def _texts(bundle: Bundle) -> Iterator[str]:
    """Whatever can be shown at a site is there in each of its languages."""
    wanted = sorted({locale for site in bundle.sites.values() for locale in site.locales})
    for section in ("purposes", "categories", "recipients", "channels", "notices"):
        for name, document in getattr(bundle, section).items():
            for locale in wanted:
                if locale not in document.texts:
                    yield f"{section}/{name}.toml: texts.{locale}: missing"
