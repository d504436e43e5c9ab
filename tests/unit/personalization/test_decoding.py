"""What a shop and a page may send, and what is refused."""

import msgspec
import pytest

from personalization.collect.catalogue import Item
from personalization.collect.events import Event, event_key
from tests.integration.personalization.people import pseudonym

EVENT = {"event_id": "0123456789abcdef", "type": "view", "item_id": "tea"}
ITEM = {"item_id": "tea", "kind": "product", "title": "Tea", "url": "/items/tea"}


@pytest.mark.parametrize(
    "change",
    [
        {"type": "browse"}, {"event_id": "short"}, {"event_id": "x" * 65}, {"item_id": None}, {"item_id": "a/b"},
        {"item_id": "a b"}, {"at": "2026-01-01T10:00:00"}, {"at": "yesterday"}, {"quantity": 0}, {"amount_minor": -1},
        {"properties": {"note": "something about a person"}}, {"type": "search", "properties": {"query": "x" * 201}},
        {"subject": "C-100001"},
    ],
)  # fmt: skip
def test_a_malformed_event_is_refused(change: dict[str, object]) -> None:
    """Each wrong field fails to decode; nothing is guessed."""
    msgspec.convert(EVENT, Event)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode({**EVENT, **change}), type=Event)


def test_a_search_needs_no_item() -> None:
    """A search is about words, every other event about an item."""
    event = msgspec.convert({"event_id": "0123456789", "type": "search", "properties": {"query": "kettle"}}, Event)
    assert event.need == "event:search"


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "person"}, {"title": ""}, {"url": "javascript:alert(1)"}, {"url": "//elsewhere.example/x"},
        {"image": 'x" onload="y'}, {"price": {"amount_minor": 1.5, "currency": "EUR"}}, {"stock": -1},
        {"price": {"amount_minor": 1, "currency": "euro"}}, {"card_number": "4111"},
    ],
)  # fmt: skip
def test_a_malformed_item_is_refused(change: dict[str, object]) -> None:
    """Each wrong field fails to decode; an address is a path or a web address."""
    msgspec.convert(ITEM, Item)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode({**ITEM, **change}), type=Item)


def test_an_event_key_depends_on_both() -> None:
    """The stored key differs by pseudonym and by event_id and shows neither."""
    keys = {event_key(pseudonym(person), event) for person in (1, 2) for event in ("event-one", "event-two")}
    assert len(keys) == 4
    assert {len(key) for key in keys} == {16}
