"""The demo shop's files: made again they are the same, and they hang together."""

import json
import subprocess
import sys
from collections import Counter
from datetime import datetime
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

SHOP = Path(__file__).resolve().parents[3] / "examples" / "shop"
SVG = "{http://www.w3.org/2000/svg}"
DRAWN_WITH = {"svg", "g", "defs", "use", "path", "rect", "ellipse", "circle"}
K = 10


def lines(name: str) -> list[dict[str, Any]]:
    """The objects of one NDJSON file."""
    return [json.loads(line) for line in (SHOP / name).read_text("utf-8").splitlines()]


def pictures() -> list[Path]:
    """Every picture of the shop."""
    return sorted((SHOP / "pictures").glob("*.svg"))


def generated() -> str:
    """What the generator would write now, in a process of its own with hashing of its own."""
    program = "import json, generate; print(json.dumps({k: v.decode() for k, v in generate.files().items()}))"
    made = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=SHOP, capture_output=True, text=True, encoding="utf-8", check=True
    )
    return made.stdout


def given(purpose: str) -> set[str]:
    """The numbers of those who said yes to a purpose itself."""
    return {
        line["customer_number"]
        for line in lines("answers.ndjson")
        for said in line["answers"]
        if said == {"purpose": purpose, "answer": "given"}
    }


def test_the_generator_repeats_itself() -> None:
    """Two runs in two processes give the same bytes."""
    assert generated() == generated()


def test_the_files_are_what_the_generator_writes() -> None:
    """What is in the repository equals what the generator makes from its sources, file by file."""
    there = {str(path.relative_to(SHOP)): path.read_text("utf-8") for path in (*SHOP.glob("*.ndjson"), *pictures())}
    assert json.loads(generated()) == there


def test_the_shop_has_sixty_items_in_four_sections() -> None:
    """Sixty items, fifteen a section, each with words, a price in euro cents and a picture."""
    items = lines("items.ndjson")
    assert Counter(item["section"] for item in items) == dict.fromkeys(("tea", "ceramics", "paper", "garden"), 15)
    assert [item["position"] for item in items] == list(range(1, 61))
    for item in items:
        assert item["title"]
        assert 40 <= len(item["summary"]) <= 200
        assert 100 <= item["price"]["amount_minor"] <= 10_000
        assert item["price"]["currency"] == "EUR"
        assert (item["url"], item["image"]) == (f"/items/{item['item_id']}", f"/pictures/{item['item_id']}.svg")
    assert {path.stem for path in pictures()} == {item["item_id"] for item in items}


def test_something_is_sold_out() -> None:
    """At least one item has no stock, so that the demo shows what happens then."""
    assert any(item["stock"] == 0 for item in lines("items.ndjson"))


def test_three_hundred_people_who_do_not_exist() -> None:
    """Three hundred numbers from C-100001 on, no name and no address twice, all addresses at example.com."""
    customers = lines("customers.ndjson")
    contacts = [customer["fields"]["contact"] for customer in customers]
    assert [customer["customer_number"] for customer in customers] == [f"C-{100_001 + i}" for i in range(300)]
    assert all(contact["email"].endswith("@example.com") and contact["email"].isascii() for contact in contacts)
    assert len({contact["email"] for contact in contacts}) == len({contact["name"] for contact in contacts}) == 300


def test_fields_are_text() -> None:
    """Every field of a customer is text, as the vault seals text."""
    for customer in lines("customers.ndjson"):
        assert set(customer["fields"]) == {"contact", "demographics"}
        assert all(isinstance(value, str) for fields in customer["fields"].values() for value in fields.values())


def test_nobody_answers_twice() -> None:
    """Each person has at most one line of answers and at most one answer per purpose, channel and recipient."""
    answers = lines("answers.ndjson")
    assert max(Counter(line["customer_number"] for line in answers).values()) == 1
    for line in answers:
        said = [(one["purpose"], one.get("channel"), one.get("recipient")) for one in line["answers"]]
        assert said
        assert len(said) == len(set(said))
        assert (line["notice"], line["method"]) == ("shop@1", "import")


@pytest.mark.parametrize(("purpose", "share"), [("remember", 0.7), ("personalize", 0.6), ("model.contribute", 0.5)])
def test_the_shares_of_yes_are_as_described(purpose: str, share: float) -> None:
    """About as many said yes to each purpose as the README says, within five in a hundred."""
    assert abs(len(given(purpose)) / 300 - share) <= 0.05


def test_some_say_no_and_some_say_nothing() -> None:
    """There are people who refused everything they were asked, and people without an answer."""
    answers = lines("answers.ndjson")
    assert any(all(said["answer"] != "given" for said in line["answers"]) for line in answers)
    assert 5 <= 300 - len(answers) <= 30


def test_every_event_is_about_what_exists() -> None:
    """Each event names an item of the shop and one of its customers, once, and at a whole minute."""
    items = {item["item_id"]: item for item in lines("items.ndjson")}
    people = {customer["customer_number"] for customer in lines("customers.ndjson")}
    events = lines("events.ndjson")
    assert len({event["event_id"] for event in events}) == len(events)
    for event in events:
        assert event["customer_number"] in people
        assert datetime.fromisoformat(event["at"]).second == 0
        amount = items[event["item_id"]]["price"]["amount_minor"] * event["quantity"]
        assert event.get("amount_minor") == (amount if event["type"] == "purchase" else None)


def test_events_come_in_nobodys_order() -> None:
    """Neighbouring lines seldom belong to one person, and neither numbers nor times rise through the file."""
    events = lines("events.ndjson")
    numbers = [event["customer_number"] for event in events]
    times = [event["at"] for event in events]
    together = sum(a == b for a, b in pairwise(numbers))
    assert together < len(events) * 0.02
    for order in (numbers, times):
        rising = sum(a <= b for a, b in pairwise(order))
        assert 0.45 < rising / len(order) < 0.55


def test_tastes_can_be_learned_from_enough_people() -> None:
    """Among those who contribute, at least thirty pairs of items were bought together by ten people or more."""
    contributors = given("model.contribute")
    bought: dict[str, set[str]] = {}
    for event in lines("events.ndjson"):
        if event["type"] == "purchase" and event["customer_number"] in contributors:
            bought.setdefault(event["customer_number"], set()).add(event["item_id"])
    pairs = Counter(pair for basket in bought.values() for pair in combinations(sorted(basket), 2))
    assert sum(people >= K for people in pairs.values()) >= 30
    assert pairs["kyusu-ash-glaze", "sencha-morning-mist"] >= K


@pytest.mark.parametrize("path", pictures(), ids=lambda path: path.stem)
def test_a_picture_is_only_a_picture(path: Path) -> None:
    """Each picture is well-formed, small and made of plain shapes: no script, style, handler or outside reference."""
    assert path.stat().st_size < 8_000
    for element in ElementTree.parse(path).iter():
        assert element.tag.removeprefix(SVG) in DRAWN_WITH
        assert all(not name.startswith("on") and name != "style" for name in element.attrib)
        assert element.get("href", "#").startswith("#")


def test_no_two_pictures_are_alike() -> None:
    """Every item has a drawing of its own."""
    assert len({path.read_bytes() for path in pictures()}) == 60
