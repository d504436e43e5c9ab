"""Invented people, what they answered and what they did: seeded, plausible, and with tastes that show.

A person has two tastes (`japan`, `letters`, …), which the catalogue's items carry too. Who likes one thing of a taste
likes the others: so whoever buys sencha tends to buy a kyusu, and item affinity has something to find. Tea and seeds
run out and are bought again; gardens sell in spring, tea and paper before Christmas.
"""

import random
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

UNTIL: Final = datetime(2026, 11, 15, tzinfo=UTC)
"""The end of the invented history. Whoever loads it may shift all times by one distance."""
DAYS: Final = 730
NOTICE: Final = "shop@1"
COUNT: Final = 300
FIRST_NUMBER: Final = 100_001
TASTES: Final = {
    "japan": 20, "vegetables": 16, "letters": 16, "breakfast": 14, "flowers": 12, "gongfu": 7, "sketching": 6,
    "evening": 5, "table": 4,
}  # fmt: skip
"""How many of a hundred people have each first taste: uneven, so that the large ones can be learned from k people."""
NEIGHBOURS: Final = {
    "japan": "gongfu", "gongfu": "japan", "breakfast": "table", "evening": "letters", "letters": "sketching",
    "sketching": "letters", "flowers": "vegetables", "vegetables": "flowers", "table": "breakfast",
}  # fmt: skip
RUNS_OUT: Final = ("tea", "seeds", "ink", "envelopes", "letter-set", "cards", "postcards", "wrapping", "twine", "tape")
SEASONS: Final = {
    "garden": (0.3, 0.7, 2.2, 2.6, 2.4, 1.6, 1.0, 0.8, 1.0, 0.8, 0.4, 0.5),
    "tea": (1.2, 1.1, 0.9, 0.9, 0.8, 0.7, 0.6, 0.7, 1.0, 1.2, 1.6, 1.9),
    "paper": (1.1, 0.9, 0.8, 0.8, 0.8, 0.7, 0.7, 0.8, 1.1, 1.1, 1.7, 2.4),
    "ceramics": (0.9, 0.9, 0.9, 1.0, 1.0, 0.9, 0.8, 0.8, 1.0, 1.0, 1.5, 2.0),
}
"""Relative demand by section and month, January first."""
LETTERS: Final = str.maketrans(
    {"ł": "l", "Ł": "l", "ø": "o", "Ø": "o", "đ": "d", "Đ": "d", "ı": "i", "æ": "ae", "ß": "ss"}
)


class Place(NamedTuple):
    """Where somebody lives, and the language they read: ISO 3166 and ISO 639 codes."""

    city: str
    country: str
    language: str


@dataclass(frozen=True)
class Person:
    """One invented customer; `said` is set for the cast, whose answers are part of the play."""

    customer_number: str
    name: str
    email: str
    place: Place
    birth_year: int
    tastes: tuple[str, str]
    orders: int
    said: Mapping[str, list[str]] | None = field(default=None)


def people(names: Mapping[str, Any], chance: random.Random) -> list[Person]:
    """Return the cast and then invented people, 300 in all, no name twice."""
    cultures = names["culture"]
    taken = {member["name"] for member in names["cast"]}
    crowd = [_cast(member, FIRST_NUMBER + i) for i, member in enumerate(names["cast"])]
    while len(crowd) < COUNT:
        culture = chance.choices(cultures, [culture["weight"] for culture in cultures])[0]
        name = f"{chance.choice(culture['given'])} {chance.choice(culture['family'])}"
        if name not in taken:
            taken.add(name)
            crowd.append(_invented(name, culture["places"], FIRST_NUMBER + len(crowd), chance))
    return crowd


def _cast(member: Mapping[str, Any], number: int) -> Person:
    said = {key: member[key] for key in ("given", "refused", "channels") if key in member}
    first, second = member["tastes"]
    name, place, born = member["name"], _place(member["place"]), member["birth_year"]
    return Person(f"C-{number}", name, email(name), place, born, (first, second), member["orders"], said)


def _invented(name: str, places: Sequence[list[str]], number: int, chance: random.Random) -> Person:
    first = chance.choices(list(TASTES), list(TASTES.values()))[0]
    second = NEIGHBOURS[first] if chance.random() < 0.5 else chance.choice(list(TASTES))
    orders = 1 + min(int(chance.expovariate(1 / 5.2)), 14)
    birth_year = 1940 + int(64 * (chance.random() + chance.random()) / 2)
    return Person(f"C-{number}", name, email(name), _place(chance.choice(places)), birth_year, (first, second), orders)


def _place(words: Sequence[str]) -> Place:
    city, country, language = words
    return Place(city, country, language)


def email(name: str) -> str:
    """Return an address at example.com that reads like the name, in ASCII."""
    plain = unicodedata.normalize("NFKD", name.translate(LETTERS)).encode("ascii", "ignore").decode().lower()
    return ".".join("".join(c for c in word if c.isalnum() or c == "-") for word in plain.split()) + "@example.com"


def answer_lines(crowd: Sequence[Person], chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield one line per person who answered: about 70 % let us remember, 60 % personalize, 50 % contribute."""
    reserves = [(i + 0.5) / len(crowd) for i in range(len(crowd))]
    chance.shuffle(reserves)
    for person, reserve in zip(crowd, reserves, strict=True):
        said = _cast_said(person) if person.said is not None else _crowd_said(chance, reserve)
        at = moment(UNTIL - timedelta(days=5 + 90 * chance.random()))
        if said:
            yield {
                "customer_number": person.customer_number,
                "notice": NOTICE,
                "answers": said,
                "method": "import",
                "at": at,
            }


def _cast_said(person: Person) -> list[dict[str, str]]:
    said = person.said or {}
    return [
        *({"purpose": purpose, "answer": "given"} for purpose in said.get("given", ())),
        *({"purpose": "offers", "channel": channel, "answer": "given"} for channel in said.get("channels", ())),
        *({"purpose": purpose, "answer": "refused"} for purpose in said.get("refused", ())),
    ]


def _crowd_said(chance: random.Random, reserve: float) -> list[dict[str, str]]:
    """Return one person's answers: the more open, the more is given; the most reserved say nothing at all."""
    if reserve > 0.95:
        return []
    said, thorough = [], chance.random() < 0.85
    for purpose, share in (
        ("remember", 0.7),
        ("personalize", 0.6),
        ("model.contribute", 0.5),
        ("offers", 0.32),
        ("advertise", 0.1),
    ):
        given = reserve + 0.08 * (chance.random() - 0.5) < share
        if given or thorough or chance.random() < 0.5:
            said.append({"purpose": purpose, "answer": "given" if given else "refused"})
        if given and purpose == "offers":
            said += _channels(chance)
    return said + _seldom(chance, reserve, thorough)


def _channels(chance: random.Random) -> list[dict[str, str]]:
    shares = (("email", 0.85), ("sms", 0.2), ("post", 0.3))
    return [
        {"purpose": "offers", "channel": channel, "answer": "given"}
        for channel, share in shares
        if chance.random() < share
    ]


def _seldom(chance: random.Random, reserve: float, thorough: bool) -> list[dict[str, str]]:
    """Return what few people do: let one named partner have something, or object to measuring."""
    if reserve < 0.08:
        partner = chance.choice(("tea-guild", "paper-mill"))
        return [{"purpose": "share", "answer": "given"}, {"purpose": "share", "recipient": partner, "answer": "given"}]
    said = [{"purpose": "share", "answer": "refused"}] if thorough else []
    objects = reserve > 0.85 and chance.random() < 0.5
    return [*said, {"purpose": "measure", "answer": "objected"}] if objects else said


def event_lines(
    crowd: Sequence[Person], catalogue: Sequence[Mapping[str, Any]], chance: random.Random
) -> list[dict[str, Any]]:
    """Return everybody's views and purchases, shuffled: neither by person nor in the order of customer numbers."""
    lines = [line for person in crowd for line in _life(person, catalogue, chance)]
    chance.shuffle(lines)
    return lines


def _life(person: Person, catalogue: Sequence[Mapping[str, Any]], chance: random.Random) -> Iterator[dict[str, Any]]:
    owned: set[str] = set()
    for at in _visits(person.orders, chance):
        weights = [_pull(person, item, at.month, owned) / (1 + i / 24) for i, item in enumerate(catalogue)]
        looked = _several(catalogue, weights, 2 + int(chance.expovariate(0.6)), chance)
        for item in looked[chance.randrange(2) :]:
            yield _event(person, "view", item, at - timedelta(minutes=chance.randrange(2, 4000)), 1, chance)
        for item in looked[: 1 + int(chance.expovariate(0.7))]:
            quantity = 1 + int(chance.expovariate(2.2)) if runs_out(item) else 1
            owned.add(item["item_id"])
            yield _event(person, "purchase", item, at, min(quantity, 4), chance)


def _visits(orders: int, chance: random.Random) -> list[datetime]:
    """Return when a person bought: at waking hours, in the two years, in order."""
    days = sorted(chance.random() ** 0.8 * DAYS for _ in range(orders))
    hours = ((day, chance.choices(range(7, 23), (1, 2, 3, 3, 3, 4, 4, 3, 3, 3, 4, 5, 6, 7, 6, 3))[0]) for day in days)
    start = UNTIL - timedelta(days=DAYS)
    return [start + timedelta(days=int(day), hours=hour, minutes=chance.randrange(60)) for day, hour in hours]


def _pull(person: Person, item: Mapping[str, Any], month: int, owned: set[str]) -> float:
    """Return how much an item draws a person this month: taste first, then season, and nobody needs two moon vases."""
    first, second = person.tastes
    taste = 9.0 if first in item["tastes"] else 3.0 if second in item["tastes"] else 0.18
    again = 1.0 if item["item_id"] not in owned else 1.5 if runs_out(item) else 0.02
    return taste * again * SEASONS[item["section"]][month - 1] * (1 if item["price_minor"] < 4000 else 0.6)


def runs_out(item: Mapping[str, Any]) -> bool:
    """Say whether an item is used up and bought again."""
    item_id: str = item["item_id"]
    return item_id != "whisk-bamboo" and (item["section"] == "tea" or item_id.startswith(RUNS_OUT))


def _several(
    catalogue: Sequence[Mapping[str, Any]], weights: Sequence[float], count: int, chance: random.Random
) -> list[Mapping[str, Any]]:
    """Return up to `count` different items, drawn by weight."""
    drawn = chance.choices(catalogue, weights, k=count)
    return list({item["item_id"]: item for item in drawn}.values())


def _event(
    person: Person, kind: str, item: Mapping[str, Any], at: datetime, quantity: int, chance: random.Random
) -> dict[str, Any]:
    line = {
        "customer_number": person.customer_number,
        "event_id": f"{chance.getrandbits(64):016x}",
        "type": kind,
        "item_id": item["item_id"],
        "at": moment(at),
        "quantity": quantity,
    }
    return line | {"amount_minor": item["price_minor"] * quantity} if kind == "purchase" else line


def moment(at: datetime) -> str:
    """Return a time to the minute, RFC 3339 in UTC."""
    return at.strftime("%Y-%m-%dT%H:%M:00Z")
