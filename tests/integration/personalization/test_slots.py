"""Slots from the database: personal with a grant, the same for everybody without, and nothing that is sold out."""

import asyncio
from collections.abc import Mapping, Sequence

import asyncpg
import msgspec
import pytest

from ecrm_privacy.errors import NotKnown
from ecrm_privacy.gate.types import Caller, Grant, Permission, Signals
from ecrm_privacy.vocabulary import CONTRIBUTE, Category, Purpose, Regime
from personalization.aggregate import affinity
from personalization.collect.catalogue import Item, ItemKind, put_items
from personalization.collect.events import Event, EventType, Heard, store_events
from personalization.interact import behaviour, shelf
from personalization.interact.slots import SIZE, Slot, Slots
from tests.integration.personalization.people import (
    NOW,
    ORDER,
    PERSONALIZE,
    REMEMBER,
    buy,
    one,
    pseudonym,
    register,
)

pytestmark = pytest.mark.anyio

PURCHASES, BROWSING, CONTACT = Category("purchases"), Category("browsing"), Category("contact")
SIGNALS = Signals(Regime("gdpr"))
ADA, ADA_BROWSING = pseudonym(1), pseudonym(2)
NO = Grant(Permission(PERSONALIZE, False, "refused", "refused"))


def yes(purpose: Purpose, **opened: object) -> Grant:
    return Grant(Permission(purpose, True, "given", "consent"), **opened)  # type: ignore[arg-type]


class Shop:
    """A gate that answers as told, and slots over one connection that writes down what is asked of it."""

    def __init__(self, conn: asyncpg.Connection) -> None:
        self.conn = conn
        self.statements: list[str] = []
        self.opened: dict[str, Grant] = {}
        conn.add_query_logger(lambda query: self.statements.append(query.query))

    async def admit(self, _caller: Caller, needs: Sequence[str], _signals: Signals) -> Mapping[str, Grant]:
        return {need: self.opened.get(need, NO) for need in needs}

    async def behaviour(self, names: behaviour.Names) -> behaviour.Acts:
        return (await behaviour.read(self.conn, [names]))[0]

    async def shelf(self, items: tuple[str, ...]) -> shelf.Shelf:
        return (await shelf.Shelves(3).read(self.conn, [items]))[0]

    async def slot(self, name: str, locale: str = "en") -> Slot:
        slots = Slots(self.admit, self.behaviour, self.shelf)
        filled = await slots.fill([name], Caller(), SIGNALS, locale)
        await asyncio.sleep(0)  # the driver writes down a statement one turn late
        return filled.slots[name]


@pytest.fixture
async def shop(admin: asyncpg.Connection, guest: asyncpg.Connection) -> Shop:
    """Thirty items in three sections, four contributors who bought item-1 and item-2, and Ada, who bought item-1."""
    await put_items(guest, [_item(number) for number in range(30)])
    crowd = [pseudonym(10 + number) for number in range(4)]
    await register(admin, [ADA, ADA_BROWSING, *crowd], ORDER, REMEMBER)
    await register(admin, crowd, CONTRIBUTE)
    for name in crowd:
        await buy(guest, name, "item-1", "item-2")
    await buy(guest, ADA, "item-1")
    async for _ in affinity.catch_up(one(guest)):
        pass
    await affinity.publish(guest, 3)
    return Shop(guest)


def _item(number: int, stock: int = 5) -> Item:
    return Item(
        item_id=f"item-{number}", kind=ItemKind.PRODUCT, title=f"Item {number}", url=f"/items/item-{number}",
        section=f"section-{number % 3}", position=number, stock=stock,
    )  # fmt: skip


async def test_own_history_makes_a_slot_personal(shop: Shop) -> None:
    """With a grant the slot begins with what goes with a purchase and says why; the rest is popular."""
    shop.opened["slot:for-you"] = yes(PERSONALIZE, pseudonyms={PURCHASES: (ADA,)})
    slot = await shop.slot("for-you")
    assert (slot.personal, slot.tier, len(slot.items)) == (True, 2, SIZE)
    first, *rest = slot.items
    assert first.item_id == "item-2"
    assert first.because.text == "Because you bought Item 1"
    assert (first.because.category, first.because.purpose) == (PURCHASES, PERSONALIZE)
    assert {item.because.kind for item in rest} == {"popular"}
    assert "item-1" not in {item.item_id for item in slot.items}


async def test_without_a_grant_nobody_is_looked_at(shop: Shop) -> None:
    """Without permission the slot is the one for everybody, of the same size, by the same statements."""
    stranger = await shop.slot("for-you")
    asked = len(shop.statements)
    assert (stranger.personal, stranger.tier, len(stranger.items)) == (False, 0, SIZE)
    shop.opened["slot:for-you"] = yes(PERSONALIZE, pseudonyms={PURCHASES: (ADA,)})
    await shop.slot("for-you")
    assert shop.statements[:asked] == shop.statements[asked:]


async def test_what_is_not_permitted_changes_no_byte(shop: Shop, admin: asyncpg.Connection) -> None:
    """More behaviour under a pseudonym that the grant does not hold changes nothing."""
    shop.opened["slot:for-you"] = yes(PERSONALIZE, pseudonyms={PURCHASES: (ADA,)})
    before = msgspec.json.encode(await shop.slot("for-you"))
    event = Event(event_id="a-view-of-7", type=EventType.VIEW, item_id="item-7")
    assert await store_events(one(shop.conn), [Heard(ADA_BROWSING, REMEMBER, event)], NOW) == [True]
    assert msgspec.json.encode(await shop.slot("for-you")) == before
    shop.opened["slot:for-you"] = yes(PERSONALIZE, pseudonyms={PURCHASES: (ADA,), BROWSING: (ADA_BROWSING,)})
    assert msgspec.json.encode(await shop.slot("for-you")) != before


async def test_one_view_is_enough(shop: Shop) -> None:
    """A single view, of an item about which nobody else is known, makes the slot personal."""
    event = Event(event_id="a-view-of-7", type=EventType.VIEW, item_id="item-7")
    await store_events(one(shop.conn), [Heard(ADA_BROWSING, REMEMBER, event)], NOW)
    shop.opened["slot:for-you"] = yes(PERSONALIZE, pseudonyms={BROWSING: (ADA_BROWSING,)})
    slot = await shop.slot("for-you", "de")
    assert slot.personal
    assert slot.items[0].because.text == "Weil Sie sich Item 7 angesehen haben"
    assert [item.item_id for item in slot.items[:4]] == ["item-1", "item-4", "item-10", "item-7"]


async def test_what_is_out_of_stock_is_gone_from_the_next_request_on(shop: Shop) -> None:
    """Neither as a neighbour nor as popular nor from the catalogue is an item shown that is out of stock."""
    shop.opened["slot:for-you"] = yes(PERSONALIZE, pseudonyms={PURCHASES: (ADA,)})
    assert "item-2" in {item.item_id for item in (await shop.slot("for-you")).items}
    await put_items(shop.conn, [_item(2, stock=0), _item(0, stock=0)])
    for name in ("for-you", "popular"):
        assert not {"item-2", "item-0"} & {item.item_id for item in (await shop.slot(name)).items}


async def test_popular_is_what_k_contributors_bought(shop: Shop) -> None:
    """Popular begins with what at least k contributors bought, says so, and goes on in catalogue order."""
    slot = await shop.slot("popular")
    assert [item.item_id for item in slot.items] == [f"item-{number}" for number in (1, 2, 0, 3, 4, 5, 6, 7)]
    assert [item.because.text for item in slot.items[1:3]] == [
        "Popular with other customers", "From our selection, the same for everybody",
    ]  # fmt: skip
    assert not slot.personal


async def test_orders_and_name(shop: Shop) -> None:
    """The history shows orders under the contract, and the greeting a name; each says why."""
    shop.opened["slot:history"] = yes(ORDER, pseudonyms={PURCHASES: (ADA,)})
    shop.opened["slot:greeting"] = yes(PERSONALIZE, values={CONTACT: {"name": "Ada Lovelace"}})
    orders, greeting = await shop.slot("history"), await shop.slot("greeting")
    assert [(item.item_id, item.kind, item.ordered_at) for item in orders.items] == [
        ("item-1", "order", "2026-11-22T12:30:00Z"),
    ]  # fmt: skip
    assert orders.items[0].because.purpose == ORDER
    assert (greeting.title, greeting.tier, greeting.items[0].because.category) == (
        "Good to see you, Ada Lovelace", 3, CONTACT,
    )  # fmt: skip
    shop.opened.clear()
    assert len((await shop.slot("history")).items) == SIZE
    assert (await shop.slot("greeting")).title == "Good to see you"


async def test_asks_of_one_turn_are_dealt_out_by_pseudonym(shop: Shop, guest: asyncpg.Connection) -> None:
    """Many asks share a statement, and each gets the acts of its own pseudonyms alone."""
    asks: list[behaviour.Names] = [(), (ADA,), (pseudonym(10), ADA), (pseudonym(99),)]
    answers = await behaviour.read(guest, asks)
    assert [set(answer) for answer in answers] == [set(ask) for ask in asks]
    assert [act.item_id for act in answers[1][ADA]] == ["item-1"]
    assert len(answers[2][pseudonym(10)]) == 2
    assert answers[3][pseudonym(99)] == ()


async def test_an_unknown_slot_is_not_known(shop: Shop) -> None:
    """A slot that nobody can fill is refused."""
    with pytest.raises(NotKnown):
        await shop.slot("weather")
