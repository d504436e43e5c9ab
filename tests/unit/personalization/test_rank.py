"""Ranking: what follows from a history, what is left out, and how a slot is filled up."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.gate.types import View
from ecrm_privacy.vocabulary import Category
from personalization.interact import rank
from personalization.interact.behaviour import Act
from personalization.interact.rank import Own, Pick, Why
from personalization.interact.shelf import Shelf, Shown

PURCHASES, BROWSING = Category("purchases"), Category("browsing")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def did(kind: str, item_id: str, days_ago: int = 0) -> Own:
    category = PURCHASES if kind in {"purchase", "return"} else BROWSING
    return Own(category, Act(kind, item_id, NOW - timedelta(days=days_ago)))


def shown(item_id: str, section: str = "", *, in_stock: bool = True) -> Shown:
    return Shown(item_id, "product", item_id.title(), section, f"/items/{item_id}", None, 100, "EUR", in_stock)


SHELF = Shelf(
    near={"tea": (("pot", 0.5), ("cup", 0.3)), "ink": (("pen", 0.4), ("cup", 0.1))},
    sections={"garden": ("rake", "hose", "seed", "spade", "fork")},
    popular=("pot", "rake", "lamp"),
    head=("tea", "pot", "bowl"),
    items={one.item_id: one for one in (shown("tea"), shown("rake", "garden"), shown("seed", "garden"))},
)


def ids(picks: list[Pick]) -> list[str]:
    return [pick.item_id for pick in picks]


def test_neighbours_of_recent_items_come_in_order_of_their_sum() -> None:
    """An item near to two recent items counts for both, and its reason is the one that counted most."""
    picks = rank.picks([did("purchase", "tea", 1), did("purchase", "ink")], SHELF, 8)
    assert ids(picks) == ["pot", "pen", "cup"]
    assert [pick.seed.item_id for pick in picks if pick.seed] == ["tea", "ink", "tea"]
    assert {pick.why for pick in picks} == {Why.PURCHASE}


def test_bought_and_dismissed_are_not_recommended() -> None:
    """Whoever has it, or did not want it, is not shown it again."""
    history = [did("purchase", "tea"), did("purchase", "pot", 400), did("dismiss", "cup")]
    assert ids(rank.picks(history, SHELF, 8)) == []


def test_one_view_is_enough() -> None:
    """Without known neighbours a viewed item brings its section along, and at last itself."""
    picks = rank.picks([did("view", "rake")], SHELF, 8)
    assert [(pick.item_id, pick.why) for pick in picks] == [
        ("hose", Why.VIEW), ("seed", Why.VIEW), ("spade", Why.VIEW), ("rake", Why.SEEN),
    ]  # fmt: skip


def test_the_weightiest_act_is_the_reason() -> None:
    """An item that was viewed again after it was bought is there as a bought one, as recent as the view."""
    seeds = rank.seeds([did("view", "tea"), did("purchase", "tea", 30), did("view", "ink", 1)])
    assert [(seed.item_id, seed.type, seed.category) for seed in seeds] == [
        ("tea", "purchase", PURCHASES), ("ink", "view", BROWSING),
    ]  # fmt: skip


def test_what_is_hidden_is_not_recommended() -> None:
    """An item that somebody hid is not shown, whatever leads to it."""
    assert ids(rank.picks([did("purchase", "tea")], SHELF, 8, View(hide=("pot",)))) == ["cup"]


def test_a_section_counts_as_much_as_is_wished() -> None:
    """More of a section brings what stands in it, and says that it was wished for; less of it leaves it behind."""
    more = rank.picks([did("purchase", "tea", 1)], SHELF, 8, View(weight={"garden": 1}))
    assert [(pick.item_id, pick.why, pick.topic) for pick in more] == [
        ("pot", Why.PURCHASE, ""), ("cup", Why.PURCHASE, ""), ("rake", Why.TOPIC, "garden"),
    ]  # fmt: skip
    shelf = msgspec.structs.replace(
        SHELF, near={"tea": (("rake", 0.5), ("cup", 0.3))}, items={"tea": shown("tea"), "rake": shown("rake", "garden")}
    )
    assert ids(rank.picks([did("purchase", "tea")], shelf, 8)) == ["rake", "cup"]
    assert ids(rank.picks([did("purchase", "tea")], shelf, 8, View(weight={"garden": -1}))) == ["cup", "rake"]


def test_interests_are_shares_of_the_recent_history() -> None:
    """What a page would infer: each section by the weight of what was done in it, all of them together one."""
    shares = rank.interests([did("purchase", "rake", 2), did("view", "tea", 1)], SHELF)
    assert shares == {"garden": 1.0}
    assert rank.interests([], SHELF) == {}


def test_a_slot_is_filled_with_what_is_popular() -> None:
    """The rest of a slot is popular, then the head of the catalogue; nothing twice, unwanted things last."""
    chosen = rank.picks([did("purchase", "tea")], SHELF, 1)
    filled = rank.fill(chosen, SHELF, 5, 0, frozenset({"rake"}))
    assert ids(filled) == ["pot", "lamp", "tea", "bowl", "rake"]
    assert [pick.why for pick in filled] == [Why.PURCHASE, *[Why.POPULAR] * 4]


def test_three_slots_of_a_page_do_not_repeat_each_other() -> None:
    """A slot that skips begins after what another slot shows, if there is enough."""
    shelf = Shelf(popular=tuple("abcdefgh"), head=tuple("ijklmnopqrstuvwx"))
    pages = [ids(rank.fill((), shelf, 8, skip)) for skip in (0, 8, 16)]
    assert sorted(item for page in pages for item in page) == list("abcdefghijklmnopqrstuvwx")


ACTS = st.builds(
    did, st.sampled_from(["view", "purchase", "cart", "dismiss", "search", "return"]),
    st.sampled_from(["tea", "ink", "rake", "seed", "pot", "cup"]), st.integers(0, 3),
)  # fmt: skip


@given(st.lists(ACTS, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(history: list[Own], chance: object) -> None:
    """Equal histories give equal slots, in whatever order the database returned them."""
    shuffled = list(history)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rank.picks(shuffled, SHELF, 8) == rank.picks(history, SHELF, 8)


@given(st.lists(ACTS, max_size=12))
def test_every_pick_has_a_reason_in_the_history(history: list[Own]) -> None:
    """What is recommended follows from an act of the person, in the category of that act, and was not bought."""
    done = {(own.act.item_id, own.act.type, own.category) for own in history}
    for pick in rank.picks(history, SHELF, 8):
        assert pick.seed is not None
        assert (pick.seed.item_id, pick.seed.type, pick.seed.category) in done
        assert pick.item_id not in rank.barred(history)
