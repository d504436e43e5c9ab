"""Slots: what a page shows in a place, from a grant and the catalogue.

Every request takes the same way: ask the gate, read behaviour under the pseudonyms it opened, read the shelves around
what was found there, fill. Without permission there are no pseudonyms and so no history, and the same rules give the
page that everybody gets. An item that is here because of the person says so; the rest is popular.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from ecrm_privacy.errors import NotKnown
from ecrm_privacy.gate.types import PREFERENCES, Admit, Caller, Grant, Signals, View
from ecrm_privacy.vocabulary import Category, Purpose
from ecrm_privacy.words import writing
from personalization.interact import because, rank
from personalization.interact.behaviour import Acts, ReadBehaviour
from personalization.interact.rank import Own, Pick, Why
from personalization.interact.shelf import ReadShelf, Shelf, Shown

SIZE = 8
"""Items per slot, personal or not, so that a page never jumps."""
FOR_YOU = "for-you"
CONTACT, NAME = Category("contact"), "name"


class Price(msgspec.Struct, frozen=True):
    """Money in minor units with its currency (ISO 4217)."""

    amount_minor: int
    currency: str


class Input(msgspec.Struct, frozen=True):
    """A datum that an item follows from: something the person did with another item."""

    type: str
    item_id: str
    title: str


class Because(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an item is there; `popular` used nothing about the person, everything else names category and purpose."""

    kind: str
    text: str
    category: Category | None = None
    purpose: Purpose | None = None
    inputs: tuple[Input, ...] = ()


class SlotItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing in a slot. `ordered_at` stands with orders: a minute of UTC, RFC 3339."""

    item_id: str
    kind: str
    title: str
    url: str
    because: Because
    image: str | None = None
    price: Price | None = None
    ordered_at: str | None = None


class Slot(msgspec.Struct, frozen=True):
    """A filled slot. `tier` says how far permission reached: 0 nobody in particular, 2 own history, 3 a name."""

    slot: str
    title: str
    personal: bool
    tier: int
    items: tuple[SlotItem, ...]

    def first(self, most: int) -> "Slot":
        """Return the slot with its first `most` items; what is personal comes first."""
        return msgspec.structs.replace(self, items=self.items[:most])


class Filled(msgspec.Struct, frozen=True):
    """Slots by name, and the grants they were filled from, which the page may show but not keep."""

    slots: Mapping[str, Slot]
    grants: Mapping[str, Grant]


class Look(NamedTuple):
    """All that a slot is filled from: what the gate opened for it, and what was read with that."""

    grant: Grant
    history: tuple[Own, ...]
    shelf: Shelf
    locale: str
    view: View = rank.AS_IT_COMES

    @property
    def purpose(self) -> Purpose:
        """The purpose under which the grant was given."""
        return self.grant.permission.purpose


class Mirror(NamedTuple):
    """What the slot `for-you` makes of somebody: it, what everybody gets in its place, which share of the history each
    section has, what they want, and what is called how.
    """

    grant: Grant
    slot: Slot
    everybody: Slot
    interests: Mapping[str, float]
    view: View
    hidden: Mapping[str, str]


class Slots:
    """Fills slots; made once by the plugin, with coalesced reads."""

    def __init__(self, admit: Admit, behaviour: ReadBehaviour, shelf: ReadShelf) -> None:
        self._admit = admit
        self._behaviour = behaviour
        self._shelf = shelf

    async def fill(self, names: Sequence[str], caller: Caller, signals: Signals, locale: str) -> Filled:
        """Fill the slots `names` for `caller`. Raises NotKnown for a slot that nobody can fill, Unavailable."""
        if not all(name in KINDS for name in names):
            raise NotKnown
        looks = await self._looks(names, caller, signals, locale)
        return Filled(
            {name: KINDS[name].fill(look) for name, look in looks.items()},
            {name: look.grant for name, look in looks.items()},
        )

    async def mirror(self, caller: Caller, signals: Signals, locale: str) -> Mirror:
        """Return what the slot `for-you` makes of `caller`, beside what it would be for nobody. Raises Unavailable."""
        mine = (await self._looks([FOR_YOU], caller, signals, locale))[FOR_YOU]
        nobodys = (await self._looks([FOR_YOU], Caller(), Signals(signals.regime), locale))[FOR_YOU]
        hidden = (await self._shelf(tuple(sorted(mine.view.hide)))).items if mine.view.hide else {}
        called = {name: hidden[name].title if name in hidden else name for name in mine.view.hide}
        shares = rank.interests(mine.history, mine.shelf)
        return Mirror(mine.grant, _for_you(mine), _for_you(nobodys), shares, mine.view, called)

    async def _looks(self, names: Sequence[str], caller: Caller, signals: Signals, locale: str) -> Mapping[str, Look]:
        needs = {name: f"slot:{name}" for name in names}
        opened = await self._admit(caller, list(needs.values()), signals)
        grants = {name: opened[need] for name, need in needs.items()}
        if not any(KINDS[name].from_shelf for name in names):  # by the slots alone, so that everybody goes the same way
            return {name: Look(grants[name], (), Shelf(), locale) for name in needs}
        acts = await self._behaviour(
            tuple(sorted({one for grant in grants.values() for one in grant.all_pseudonyms()}))
        )
        histories = {name: _history(grant, acts) for name, grant in grants.items()}
        wanted = {item_id for name in names for item_id in KINDS[name].around(histories[name])}
        shelf = await self._shelf(tuple(sorted(wanted)))
        return {name: Look(grants[name], histories[name], shelf, locale, _view(grants[name])) for name in needs}


def _view(grant: Grant) -> View:
    """Return what is wanted, as far as this grant opened it."""
    return View.of(grant.values.get(PREFERENCES, {}))


def _history(grant: Grant, acts: Acts) -> tuple[Own, ...]:
    """Return what was done under the pseudonyms of this grant, and of no other."""
    return tuple(
        Own(category, act)
        for category in sorted(grant.pseudonyms)
        for pseudonym in grant.pseudonyms[category]
        for act in acts.get(pseudonym, ())
    )


# the kinds of slots ---------------------------------------------------------------------------------------------------


def _for_you(look: Look) -> Slot:
    if look.view.is_paused(datetime.now(UTC)):
        look = look._replace(history=(), view=rank.AS_IT_COMES)
    chosen = rank.picks(look.history, look.shelf, SIZE, look.view)
    unwanted = rank.barred(look.history) | frozenset(look.view.hide)
    picks = rank.fill(chosen, look.shelf, SIZE, SIZE, unwanted)
    return _slot(FOR_YOU, look, [_item(pick, look) for pick in picks], personal=bool(chosen), tier=2)


def _popular(look: Look) -> Slot:
    picks = rank.fill((), look.shelf, SIZE, 0)
    return _slot("popular", look, [_item(pick, look) for pick in picks], personal=False, tier=0)


def _orders(history: Sequence[Own]) -> list[Own]:
    return [own for own in rank.newest_first(history) if own.act.type == "purchase"][:SIZE]


def _history_of_orders(look: Look) -> Slot:
    """Orders of what the catalogue still knows; a record of the past, so also what is out of stock now."""
    ordered = [
        (own, item)
        for own in _orders(look.history)
        if (item := look.shelf.items.get(own.act.item_id or "")) is not None
    ]
    if ordered:
        return _slot("history", look, [_order(own, item, look) for own, item in ordered], personal=True, tier=2)
    picks = rank.fill((), look.shelf, SIZE, 2 * SIZE)
    return _slot("history", look, [_item(pick, look) for pick in picks], personal=False, tier=0)


def _greeting(look: Look) -> Slot:
    name = look.grant.values.get(CONTACT, {}).get(NAME)
    title = because.greeting(name, look.locale)
    if name is None:
        why = Because(Why.POPULAR, because.text("everybody", look.locale))
    else:
        why = Because("name", because.why("name", look.locale), CONTACT, look.purpose)
    words = SlotItem("greeting", "article", title, "/pages/yours", why)
    return Slot("greeting", title, name is not None, 3 if name is not None else 0, (words,))


class Kind(NamedTuple):
    """How a slot is filled, and around which items of a history it needs the catalogue."""

    fill: Callable[[Look], Slot]
    around: Callable[[Sequence[Own]], Sequence[str]] = lambda _history: ()
    from_shelf: bool = True


KINDS: Mapping[str, Kind] = {
    FOR_YOU: Kind(_for_you, lambda history: [seed.item_id for seed in rank.seeds(history)]),
    "popular": Kind(_popular),
    "history": Kind(_history_of_orders, lambda history: [own.act.item_id or "" for own in _orders(history)]),
    "greeting": Kind(_greeting, from_shelf=False),
}
"""The slots that this engine can fill; the policy says what each needs."""


# from picks to what is shown ------------------------------------------------------------------------------------------


def _slot(name: str, look: Look, items: Sequence[SlotItem], *, personal: bool, tier: int) -> Slot:
    title = because.title(name, look.locale, personal=personal)
    return Slot(name, title, personal, tier if personal else 0, tuple(items))


def _item(pick: Pick, look: Look) -> SlotItem:
    item = look.shelf.items[pick.item_id]
    return SlotItem(item.item_id, item.kind, item.title, item.url, _why(pick, look), item.image, _price(item))


def _why(pick: Pick, look: Look) -> Because:
    if pick.topic:
        words = because.why(pick.why, look.locale, section=because.section(pick.topic, look.locale))
        return Because(pick.why, words, PREFERENCES, look.purpose)
    if pick.seed is None:
        key = "popular" if pick.item_id in look.shelf.popular else "selection"
        return Because(Why.POPULAR, because.why(key, look.locale))
    known = look.shelf.items.get(pick.seed.item_id)
    title = known.title if known else pick.seed.item_id
    inputs = (Input(pick.seed.type, pick.seed.item_id, title),)
    words = because.why(pick.why, look.locale, title=title)
    return Because(pick.why, words, pick.seed.category, look.purpose, inputs)


def _order(own: Own, item: Shown, look: Look) -> SlotItem:
    words = because.why("order", look.locale, day=writing.day_of(own.act.at, look.locale))
    inputs = (Input(own.act.type, item.item_id, item.title),)
    why = Because("order", words, own.category, look.purpose, inputs)
    at = own.act.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return SlotItem(item.item_id, "order", item.title, item.url, why, item.image, _price(item), at)


def _price(item: Shown) -> Price | None:
    return Price(item.price_minor, item.currency) if item.price_minor is not None and item.currency else None
