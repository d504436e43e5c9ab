"""In which order the effects of a batch run."""

from uuid import UUID

from ecrm_privacy.ledger.entry import LEAF_INDEX, Entry, commitment, leaf
from ecrm_privacy.ledger.writer import effects_of
from ecrm_privacy.sql import Effect, Query

LEAF = leaf("subject", commitment(bytes(32), b""))


def entry(*texts: str, closing: tuple[tuple[UUID, Effect], ...] = ()) -> Entry:
    return Entry(leaf=LEAF, effects=tuple(Query(text, (LEAF_INDEX,)) for text in texts), closing=closing)


def order(*entries: Entry) -> list[str]:
    return [f"{effect.text}{effect.args[0]}" for effect in effects_of(entries, 7)]


def test_the_leaf_index_is_filled_in() -> None:
    """LEAF_INDEX becomes the index of the entry that brought the effect; other arguments stay."""
    brought = Entry(leaf=LEAF, effects=(Query("q", (1, LEAF_INDEX, "x", LEAF_INDEX)), Query("r", (2,))))
    assert [effect.args for effect in effects_of([entry(), brought], 7)] == [(1, 8, "x", 8), (2,)]


def test_the_same_statement_runs_once_for_all() -> None:
    """Entries that bring the same statements run them side by side, in leaf order."""
    assert order(entry("a", "b"), entry("a", "b")) == ["a7", "a8", "b7", "b8"]


def test_each_entry_keeps_its_own_order() -> None:
    """However the entries differ, no entry's effects overtake each other."""
    assert order(entry("a", "b"), entry("b", "a"), entry("a")) == ["a7", "a9", "b7", "b8", "a8"]


def test_closing_comes_first_in_the_order_of_pseudonyms() -> None:
    """What closes pseudonyms runs before everything else, in the order in which event writers lock them."""
    close = [(UUID(int=number), Query(f"close{number}", (number, LEAF_INDEX))) for number in (3, 1, 2)]
    first, second = entry("a", closing=(close[0], close[1])), entry("a", closing=(close[2],))
    assert [effect.args for effect in effects_of([first, second], 7)][:3] == [(1, 7), (2, 8), (3, 7)]
    assert order(first, second) == ["close11", "close22", "close33", "a7", "a8"]
