"""Which items, and because of what: pure rules over somebody's own history and the catalogue around it.

An item's score is the sum over the person's recent items of how near it is to them, recent and bought ones counting
more (item-kNN; Deshpande and Karypis 2004). Where nobody knows what goes with a recent item, its own section does; and
what was looked at and not bought comes last. So a single view is enough. Ties go by item id: equal input, equal order.
What somebody wants counts, too: hidden items go, and a section counts as much as they want of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from ecrm_privacy.gate.types import View
from ecrm_privacy.vocabulary import Category
from personalization.interact.behaviour import Act
from personalization.interact.shelf import Shelf

SEEDS_MOST = 10
RECENCY = 0.9
"""How much less each older item counts than the one after it."""
PER_SECTION = 3
"""How many items of a section stand in for unknown neighbours of one item."""
SECTION_SCORE, TOPIC_SCORE, SEEN_SCORE = 1e-3, 1e-4, 1e-6
"""So small that they only order what comes after all real neighbours."""


AS_IT_COMES = View()
"""Nothing is wished."""


class Why(StrEnum):
    """What made an item appear."""

    PURCHASE = "purchase"
    CART = "cart"
    VIEW = "view"
    SEEN = "seen"
    TOPIC = "topic"
    POPULAR = "popular"


WEIGHTS = {"purchase": 1.0, "cart": 0.8, "click": 0.5, "view": 0.5}
BECAUSE = {"purchase": Why.PURCHASE, "cart": Why.CART, "click": Why.VIEW, "view": Why.VIEW}


class Own(msgspec.Struct, frozen=True):
    """One act of the person, and the category whose pseudonym it stands under."""

    category: Category
    act: Act


class Seed(msgspec.Struct, frozen=True):
    """An item of the person's recent history, with the weightiest thing done to it."""

    item_id: str
    category: Category
    type: str
    weight: float


class Pick(msgspec.Struct, frozen=True):
    """An item for a slot. Without a seed or a topic (a section that was wished for) nobody made it appear."""

    item_id: str
    why: Why
    seed: Seed | None = None
    topic: str = ""


def seeds(history: Sequence[Own]) -> tuple[Seed, ...]:
    """Return the most recent different items of `history`, newest first."""
    strongest: dict[str, Own] = {}
    for own in newest_first(history):
        item_id = own.act.item_id
        if item_id is None or own.act.type not in WEIGHTS:
            continue
        before = strongest.get(item_id)
        if before is None or WEIGHTS[own.act.type] > WEIGHTS[before.act.type]:
            strongest[item_id] = own  # keeps the place of the newest act
    recent = list(strongest.items())[:SEEDS_MOST]
    return tuple(
        Seed(item_id, own.category, own.act.type, WEIGHTS[own.act.type] * RECENCY**place)
        for place, (item_id, own) in enumerate(recent)
    )


def barred(history: Sequence[Own]) -> frozenset[str]:
    """Return what is not recommended: the person has it, or did not want it."""
    return frozenset(own.act.item_id for own in history if own.act.item_id and own.act.type in {"purchase", "dismiss"})


def picks(history: Sequence[Own], shelf: Shelf, most: int, view: View = AS_IT_COMES) -> list[Pick]:
    """Return at most `most` items that follow from `history` and from what is wanted, best first.

    All are in stock; none was bought, dismissed or hidden.
    """
    unwanted = barred(history) | frozenset(view.hide)
    scores: dict[str, float] = {}
    reasons: dict[str, tuple[float, Pick]] = {}
    led = (each for seed in seeds(history) for each in _led_to(seed, shelf, unwanted))
    for pick, score in (*led, *_wished_for(view, shelf, unwanted)):
        scores[pick.item_id] = scores.get(pick.item_id, 0.0) + score * _factor(pick.item_id, shelf, view)
        if pick.item_id not in reasons or score > reasons[pick.item_id][0]:
            reasons[pick.item_id] = (score, pick)
    best = sorted(scores, key=lambda item_id: (-round(scores[item_id], 9), item_id))[:most]
    return [reasons[item_id][1] for item_id in best]


def interests(history: Sequence[Own], shelf: Shelf) -> dict[str, float]:
    """Return by section which share of somebody's recent history it has: what a page would infer from it."""
    shares: dict[str, float] = {}
    for seed in seeds(history):
        item = shelf.items.get(seed.item_id)
        if item is not None and item.section:
            shares[item.section] = shares.get(item.section, 0.0) + seed.weight
    return {section: weight / sum(shares.values()) for section, weight in shares.items()}


def fill(
    chosen: Sequence[Pick], shelf: Shelf, size: int, skip: int, unwanted: frozenset[str] = frozenset()
) -> list[Pick]:
    """Fill up to `size` with what is popular, the first `skip` of it last, then with the head of the catalogue.

    What is `unwanted` comes only when nothing else is left, so that a slot keeps its size.
    """
    popular = list(dict.fromkeys((*shelf.popular, *shelf.head)))
    turned = popular[skip:] + popular[:skip] if len(popular) >= skip + size else popular
    taken = {pick.item_id for pick in chosen}
    free = [item_id for item_id in turned if item_id not in taken]
    in_order = [*(item for item in free if item not in unwanted), *(item for item in free if item in unwanted)]
    return [*chosen, *(Pick(item_id, Why.POPULAR) for item_id in in_order)][:size]


def newest_first(history: Sequence[Own]) -> list[Own]:
    """Return `history` by time, newest first, equal minutes in an order of their own."""
    return sorted(
        sorted(history, key=lambda own: (own.act.item_id or "", own.act.type)), key=lambda own: own.act.at, reverse=True
    )


def _factor(item_id: str, shelf: Shelf, view: View) -> float:
    """How much more, or less, an item counts because of what is wanted of its section."""
    item = shelf.items.get(item_id)
    return 2.0 ** view.weight.get(item.section, 0) if item else 1.0


def _wished_for(view: View, shelf: Shelf, unwanted: frozenset[str]) -> Iterator[tuple[Pick, float]]:
    """Yield what stands on everybody's shelves of the sections that are wanted more."""
    for place, item_id in enumerate(dict.fromkeys((*shelf.popular, *shelf.head))):
        item = shelf.items.get(item_id)
        if item is not None and view.weight.get(item.section, 0) > 0 and item_id not in unwanted:
            yield Pick(item_id, Why.TOPIC, topic=item.section), TOPIC_SCORE * RECENCY**place


def _led_to(seed: Seed, shelf: Shelf, unwanted: frozenset[str]) -> Iterator[tuple[Pick, float]]:
    """Yield what one item of the history leads to, and how much that counts."""
    why = BECAUSE[seed.type]
    neighbours = shelf.near.get(seed.item_id, ())
    for item_id, score in neighbours:
        if item_id not in unwanted:
            yield Pick(item_id, why, seed), seed.weight * score
    if not neighbours:
        for place, item_id in enumerate(_same_section(seed, shelf, unwanted)):
            yield Pick(item_id, why, seed), seed.weight * SECTION_SCORE * RECENCY**place
    item = shelf.items.get(seed.item_id)
    if item is not None and item.in_stock and seed.item_id not in unwanted:
        yield Pick(seed.item_id, Why.SEEN, seed), seed.weight * SEEN_SCORE


def _same_section(seed: Seed, shelf: Shelf, unwanted: frozenset[str]) -> list[str]:
    item = shelf.items.get(seed.item_id)
    mates: Mapping[str, tuple[str, ...]] = shelf.sections
    line = mates.get(item.section, ()) if item else ()
    return [item_id for item_id in line if item_id not in unwanted and item_id != seed.item_id][:PER_SECTION]
