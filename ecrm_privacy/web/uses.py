"""How my data was used: as data, and as the preferences page tells it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from litestar import get
from litestar.di import NamedDependency

from ecrm_privacy.gate.types import Caller
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.rights.desk import RightsDesk
from ecrm_privacy.rights.uses import CountOfUse
from ecrm_privacy.vocabulary import Category, Purpose, Recipient
from ecrm_privacy.web.letter import purpose_name
from ecrm_privacy.web.texts import texts
from ecrm_privacy.words import writing
from ecrm_privacy.words.catalogue import Words, counted, filled

ALL = "all"
"""What stands for a permission where somebody was told all of them."""
BAR = 100


class UseShown(msgspec.Struct, frozen=True, omit_defaults=True):
    """A use in a month (`2026-11`) by a system: a slot that was filled, or a permission that somebody was told of."""

    month: str
    system: str
    times: int
    purpose: Purpose | None = None
    slot: str | None = None
    permission: str | None = None
    categories: tuple[Category, ...] = ()
    because: str | None = None


class UsesReply(msgspec.Struct, frozen=True):
    """`GET /v1/uses`; `note` says what may be missing."""

    uses: list[UseShown]
    note: str


@get("/v1/uses")
async def my_uses(
    rights: NamedDependency[RightsDesk], caller: NamedDependency[Caller], locale: NamedDependency[str]
) -> UsesReply:
    """How my data was used, by month: by whom, for what, how often, and by what right."""
    return UsesReply([_shown(one) for one in await rights.uses(caller)], texts(locale)["used_note"])


def _shown(one: CountOfUse) -> UseShown:
    use = one.use
    kind, _, name = use.need.partition(":")
    return UseShown(
        f"{one.month:%Y-%m}", use.system, one.times, use.purpose or None, name if kind == "slot" else None,
        (name if kind == "permission" else ALL) if is_told(one) else None, use.categories, use.because or None,
    )  # fmt: skip


def is_told(one: CountOfUse) -> bool:
    """Whether somebody was only told what is allowed, so that nothing was opened."""
    return one.use.need.partition(":")[0] in {"permission", "permissions"}


def by_month(counts: Sequence[CountOfUse], bundle: Bundle, locale: str, t: Words) -> list[dict[str, Any]]:
    """Return what the page says: per month each purpose with its bar, and who was told what is allowed."""
    months: dict[date, list[CountOfUse]] = defaultdict(list)
    for one in counts:
        months[one.month].append(one)
    return [
        {
            "title": writing.month(month, locale),
            "purposes": _purposes([one for one in found if not is_told(one)], bundle, locale, t),
            "told": _told([one for one in found if is_told(one)], bundle, locale, t),
        }
        for month, found in months.items()
    ]


def _purposes(found: Sequence[CountOfUse], bundle: Bundle, locale: str, t: Words) -> list[dict[str, Any]]:
    by_purpose: dict[Purpose, list[CountOfUse]] = defaultdict(list)
    for one in found:
        by_purpose[one.use.purpose].append(one)
    times = {purpose: sum(one.times for one in uses) for purpose, uses in by_purpose.items()}
    most = max(times.values(), default=1)
    return [
        {
            "name": purpose_name(bundle, purpose, locale)
            if purpose in bundle.purposes
            else t.get(f"used_{purpose}", purpose),
            "times_text": counted(t, "used_times", times[purpose]),
            "bar": max(round(BAR * times[purpose] / most), 1),
            "by": [
                filled(t, "pair", name=who, value=f"{t['comma']} ".join(what))
                for who, what in _by_system(by_purpose[purpose], bundle, locale, t).items()
            ],
        }
        for purpose in sorted(by_purpose, key=lambda purpose: (-times[purpose], purpose))
    ]


def _by_system(found: Sequence[CountOfUse], bundle: Bundle, locale: str, t: Words) -> Mapping[str, list[str]]:
    """Return who used it, and which categories, by their names."""
    whats: dict[str, dict[str, None]] = defaultdict(dict)
    for one in found:
        names = (_category(bundle, category, locale) for category in one.use.categories)
        whats[_who(one.use.system, bundle, locale, t)].update(dict.fromkeys(names))
    return {who: list(what) for who, what in whats.items()}


def _told(found: Sequence[CountOfUse], bundle: Bundle, locale: str, t: Words) -> list[dict[str, str]]:
    times: dict[tuple[str, str], int] = defaultdict(int)
    for one in found:
        what = purpose_name(bundle, one.use.purpose, locale) if one.use.purpose else t["used_told_all"]
        times[_who(one.use.system, bundle, locale, t), what] += one.times
    return [
        {"who": who, "what": what, "times_text": counted(t, "used_times", count)}
        for (who, what), count in times.items()
    ]


def _who(system: str, bundle: Bundle, locale: str, t: Words) -> str:
    """Return a system's name for people; a department that has none keeps its word, as a sentence begins."""
    document = bundle.recipients.get(Recipient(system))
    word = system.replace("_", " ")
    return document.texts[locale].name if document else t.get(f"used_{system}", word[:1].upper() + word[1:])


def _category(bundle: Bundle, category: Category, locale: str) -> str:
    document = bundle.categories.get(category)
    return document.texts[locale].name if document else category
