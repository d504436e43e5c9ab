"""What changes between two bundles, and who must be asked again.

*Material* is what widens what a yes covers, or what the law behind it says: more data, more recipients, another country
for it, longer keeping, another ground. Everything else is *editorial*: wording, order, and whatever only narrows.
Whether a new wording changes the meaning is for its author to judge, and to say with `asks_again` in a new version of
the notice.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from ecrm_privacy.policy.documents import Bundle, Document
from ecrm_privacy.vocabulary import LegalBasis, NoticeVersion, Purpose, Regime


class Difference(msgspec.Struct, frozen=True, order=True):
    """One difference: file, key ('' for the whole file), both values for people, and whose answers it concerns."""

    file: str
    key: str
    old: str
    new: str
    purposes: tuple[Purpose, ...] = ()


class Diff(msgspec.Struct, frozen=True):
    """All differences. `ask_again`: purposes where a yes that counts under the old bundle no longer counts under the
    new.

    `unasked`: purposes on consent that were widened although no notice asks again; `ecrm policy activate` refuses
    these. `ending`: the answers that stop counting, by purpose and notice. `gone`: regimes that no jurisdiction has any
    more; whoever lives under one in the ledger is closed everywhere until they are known under another.
    """

    material: tuple[Difference, ...]
    editorial: tuple[Difference, ...]
    ask_again: tuple[Purpose, ...]
    unasked: tuple[Purpose, ...]
    ending: tuple[tuple[Purpose, NoticeVersion], ...] = ()
    gone: tuple[Regime, ...] = ()


def _gains(old: Any, new: Any) -> bool:
    return not set(new) <= set(old)


def _loses(old: Any, new: Any) -> bool:
    return not set(old) <= set(new)


def _grows(old: int, new: int) -> bool:
    return new > old


def _shrinks(old: int, new: int) -> bool:
    return new < old


def _differs(old: Any, new: Any) -> bool:
    return bool(old != new)


def _moves(old: str, new: str) -> bool:
    """Whether data goes elsewhere, or on another ground; saying it for the first time moves nothing."""
    return bool(old and old != new)


def _confirms_less(old: tuple[str, ...], new: tuple[str, ...]) -> bool:
    """Whether some regime wants a confirmation no more; none named are all."""
    return bool(new) and not (old and set(old) <= set(new))


def _kept_longer(old: Any, new: Any) -> bool:
    return bool(new.after_withdrawal_days > old.after_withdrawal_days or new.at_most_days > old.at_most_days)


WIDENS: Mapping[tuple[str, str], Callable[[Any, Any], bool]] = {
    ("purposes", "basis"): _differs,
    ("purposes", "dpv"): _differs,
    ("purposes", "required"): _grows,
    ("purposes", "categories"): _gains,
    ("purposes", "channels"): _gains,
    ("purposes", "recipients"): _gains,
    ("purposes", "own_yes"): _loses,
    ("purposes", "opt_out"): _gains,
    ("purposes", "opt_out_signal"): _loses,
    ("purposes", "explicit"): _shrinks,
    ("purposes", "soft_opt_in"): _grows,
    ("categories", "kept_under"): _differs,
    ("categories", "retention"): _kept_longer,
    ("categories", "special"): _differs,
    ("recipients", "country"): _moves,
    ("recipients", "transfer"): _moves,
    ("channels", "double_opt_in"): _shrinks,
    ("channels", "confirm_under"): _confirms_less,
    ("jurisdictions", "regime"): _differs,
    ("jurisdictions", "covers"): _differs,
    ("jurisdictions", "age_of_consent_years"): _shrinks,
    ("jurisdictions", "ages"): _differs,
    ("jurisdictions", "asks_first"): _shrinks,
    ("jurisdictions", "signal_binds"): _shrinks,
    ("jurisdictions", "special_needs_yes"): _shrinks,
    ("sites", "jurisdiction"): _differs,
    ("sites", "controller"): _differs,
    ("notices", "asks_again"): _gains,
}
SECTIONS = (
    "purposes", "categories", "recipients", "channels", "jurisdictions", "slots", "events", "pages", "sites", "notices",
)  # fmt: skip


def diff(old: Bundle, new: Bundle) -> Diff:
    """Compare two bundles, document by document and key by key."""
    material: list[Difference] = []
    editorial: list[Difference] = []
    for section in SECTIONS:
        before, after = getattr(old, section), getattr(new, section)
        for name in sorted({*before, *after}):
            for difference, widens in _documents(old, new, section, name, before.get(name), after.get(name)):
                (material if widens else editorial).append(difference)
    ending = tuple(
        (purpose, shown)
        for purpose in sorted(new.purposes)
        for shown in sorted(old.notices)
        if old.still_good(purpose, shown) and not new.still_good(purpose, shown)
    )
    asked = tuple(sorted({purpose for purpose, _ in ending}))
    widened = {purpose for difference in material for purpose in difference.purposes}
    unasked = tuple(sorted(purpose for purpose in widened if purpose not in asked and _has_yes(old, new, purpose)))
    gone = tuple(sorted(set(old.regimes) - set(new.regimes)))
    return Diff(tuple(material), tuple(editorial), asked, unasked, ending, gone)


def _documents(
    old: Bundle, new: Bundle, section: str, name: str, before: Any, after: Any
) -> Iterator[tuple[Difference, bool]]:
    file = f"{section}.toml: {name}" if section in ("events", "pages") else f"{section}/{name}.toml"
    if before is None or after is None:
        # A new purpose was never asked about, and what is gone can no longer be used: neither widens an answer.
        yield Difference(file, "", "" if before is None else "there", "" if after is None else "there"), False
        return
    for key, was, now in _fields(before, after):
        widens = (section, key) in WIDENS and WIDENS[section, key](was, _among_them(old, key, now))
        purposes = _concerned(new, section, name, was, now) if widens else ()
        yield Difference(file, key, _words(was), _words(now), purposes), widens


def _among_them(old: Bundle, key: str, now: Any) -> Any:
    """What a change means to those who answered already: nobody of them lives under a regime that was not there."""
    return tuple(regime for regime in now if regime in old.regimes) if key == "opt_out" else now


def _fields(before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if not isinstance(before, Document):
        if before != after:
            yield "", before, after
        return
    for key in before.__struct_fields__:
        was, now = getattr(before, key), getattr(after, key)
        if was != now:
            yield key, was, now


def _concerned(new: Bundle, section: str, name: str, was: Any, now: Any) -> tuple[Purpose, ...]:
    """The purposes whose answers a material difference is about; none where it is about everybody's law."""
    if section == "purposes":
        return (Purpose(name),)
    if section == "categories":
        return tuple(purpose for purpose, document in new.purposes.items() if name in document.categories)
    if section in ("channels", "recipients"):
        return tuple(purpose for purpose, document in new.purposes.items() if name in getattr(document, section))
    if section == "notices":
        return tuple(purpose for purpose in now if purpose not in was)
    return ()


def _has_yes(old: Bundle, new: Bundle, purpose: Purpose) -> bool:
    """Whether somebody may have said yes to it on the ground of consent, and is relied upon."""
    return (
        purpose in old.purposes
        and old.purposes[purpose].basis is LegalBasis.CONSENT
        and purpose in new.purposes
        and any(old.still_good(purpose, shown) for shown in old.notices)
    )


def _words(value: Any) -> str:
    plain = msgspec.to_builtins(value)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()
