"""Promise 2 in a crowd: of 32 people who ask at once and change their minds, nobody is shown anything of another's."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import httpx
import msgspec
import pytest

from ecrm_privacy.consent.store import add_api_key
from tests.conftest import Database
from tests.houses import SESSION, Browser, Opened, idempotent, open_for_test, until_heard
from tests.lengths import examples
from tests.property.lives import ASIDE, DECIDING, GIVEN, JSON, OPENS, PAGES, REFUSED, Life, live, open_shop, permitted

pytestmark = pytest.mark.anyio

PEOPLE, WITHOUT_ACCOUNT = 32, 8
"""So many there are, and so many of them are known by their browser alone."""
LOOKS = 3
"""How many things each of them asks for at once, while they answer and right after."""
MARK = re.compile(rb"zeichen(name|city|number|purchases|browsing)(\d\d)x[0-9a-f]{8}")
SECRET = re.compile(rb"(?=([A-Za-z0-9_-]{43}))")
"""How receipts and cookies are named, wherever it begins."""
KEY = "a-key-of-the-warehouse"
PARTS = {"name": "contact", "city": "demographics"}
"""Which part of a life a mark belongs to, where it is not called like it."""
EVERYTHING = frozenset({"contact", "demographics", "purchases", "browsing"})


class Ask(msgspec.Struct, frozen=True):
    """Something to ask for: the slots that are on it, and the parts that may stand there whatever was said."""

    name: str
    send: Callable[[], Awaitable[httpx.Response]]
    slots: Sequence[str] = ()
    parts: frozenset[str] = frozenset()

    def may_show(self, said: Mapping[str, str]) -> set[str]:
        """Return the parts that may stand in the answer, by what was said when it was asked for."""
        return permitted(self.slots, said) | self.parts


class Crowd:
    """Everybody in it by their number, whose each secret is, and what was seen."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.owners: dict[bytes, tuple[int, str]] = {}
        self.numbers: list[str] = []
        self.seen: Counter[str] = Counter()

    def found(self, reply: httpx.Response) -> set[tuple[int, str]]:
        """Return what stands in a response: of whom, and a part of what."""
        headers = b"\n".join(name + b": " + value for name, value in reply.headers.raw)
        return {*self.marks(headers), *self.marks(reply.content)}

    def marks(self, content: bytes) -> Iterator[tuple[int, str]]:
        """Yield what stands in some bytes."""
        for part, number in MARK.findall(content):
            yield int(number), PARTS.get(part.decode(), part.decode())
        yield from (self.owners[secret] for secret in SECRET.findall(content) if secret in self.owners)

    async def look(self, number: int | None, ask: Ask, *said: Mapping[str, str]) -> None:
        """Ask, and find nothing of others, and of oneself only what one of `said` permits."""
        may = {part for each in said for part in ask.may_show(each)}
        reply = await until_heard(ask.send)
        shown = self.found(reply)
        assert {owner for owner, _ in shown} <= {number}, f"{ask.name} shows {number} something of others: {shown}"
        parts = {part for _, part in shown}
        assert parts <= may, f"{ask.name} shows {number} {parts - may}, which is not permitted"
        assert reply.status_code in {200, 202}, (ask.name, reply.status_code, reply.text)
        for slot, filled in _several(ask, reply):
            beside = {part for _, part in self.marks(filled)} - {p for each in said for p in permitted([slot], each)}
            assert not beside, f"{slot} shows {number} {beside}, which only its neighbour may"
        self.seen.update(f"shown {part}" for part in parts)
        could = {part for slot in ask.slots for part in OPENS[slot]}
        self.seen.update(f"not shown {part}" for part in could - may)


def _several(ask: Ask, reply: httpx.Response) -> Iterator[tuple[str, bytes]]:
    """Yield each of several slots by itself, where they come as data."""
    if ask.name.startswith("/v1/slots?names"):
        for slot, filled in reply.json()["slots"].items():
            yield slot, msgspec.json.encode(filled)


class Person:
    """One of them: what they said so far, and all that they may ask for."""

    def __init__(self, crowd: Crowd, at: int, random: Random) -> None:
        self.crowd, self.at, self.random = crowd, at, random
        self.life = self._life()
        self.number = f"C-{self.mark('number')}" if at < PEOPLE - WITHOUT_ACCOUNT else None
        self.said = {**self._answers(DECIDING), **self.life.aside}
        self.browser: Browser
        self.copy = ""

    def mark(self, part: str) -> str:
        """Return a word that nobody else has."""
        return f"zeichen{part}{self.at:02}x{sha256(f'{part}{self.at}'.encode()).hexdigest()[:8]}"

    @property
    def items(self) -> list[dict[str, Any]]:
        """What only they bought or looked at: on no shelf, so that a page shows it to nobody who did not."""
        made = {"purchases": ("tea", 0), "browsing": ("ceramics", 0), "browsing-in-stock": ("", 5)}
        return [
            {
                "item_id": f"{kind}-{self.mark(kind.partition('-')[0])}", "kind": "product", "section": section,
                "title": f"Title {self.mark(kind.partition('-')[0])}", "stock": stock, "position": 1_000 + self.at,
                "url": f"/items/{kind}-{self.mark(kind.partition('-')[0])}",
            }
            for kind, (section, stock) in made.items()
        ]  # fmt: skip

    def _life(self) -> Life:
        bought, seen, also_seen = [item["item_id"] for item in self.items]
        return Life(
            contact={"name": self.mark("name"), "email": f"{self.mark('name')}@example.com"},
            demographics={"city": self.mark("city")},
            purchases=[(bought, "purchase", self.random.randrange(9_000))],
            browsing=[(item, "view", self.random.randrange(9_000)) for item in (seen, also_seen)],
            aside=self._answers(ASIDE),
        )

    def _answers(self, purposes: Sequence[str]) -> dict[str, str]:
        return {purpose: self.random.choice([GIVEN, REFUSED]) for purpose in purposes}

    async def come(self) -> None:
        """Be known: everything was permitted once, so that there is something to keep back."""
        crowd = self.crowd
        self.browser = await live(crowd.opened, self.life, self.said, number=self.number, yes_before=True)
        crowd.owners[self.browser.cookies[SESSION].encode()] = self.at, "session"
        key = idempotent()["Idempotency-Key"]
        asked = await until_heard(lambda: self.browser.ask("access", key))
        self.copy = f"/v1/rights-requests/{asked.json()['request_id']}/export"

    async def turn(self) -> None:
        """Ask for several things at once while an answer is on its way, and for the same when it is acknowledged."""
        before, asks = self.said, self.asks()
        async with asyncio.TaskGroup() as looks:
            if self.random.random() < 0.7:
                changed = {self.random.choice((*DECIDING, *DECIDING, *ASIDE)): self.random.choice([GIVEN, REFUSED])}
                self.said = before | changed
                for ask in asks:
                    looks.create_task(self.crowd.look(self.at, ask, before, self.said))
                await self.answer(changed)
            for ask in asks:
                looks.create_task(self.crowd.look(self.at, ask, self.said))

    async def answer(self, said: Mapping[str, str]) -> None:
        """Say this until it is heard; the receipt is theirs alone."""
        key = idempotent()["Idempotency-Key"]
        reply = await until_heard(lambda: self.browser.answer(said, key=key))
        assert reply.status_code == 201, reply.text
        assert {owner for owner, _ in self.crowd.found(reply)} <= {self.at}, reply.text
        self.crowd.owners[reply.json()["receipt_id"].encode()] = self.at, "receipt"

    async def end(self) -> None:
        """Be erased; what this browser asks for afterwards is a stranger's."""
        key = idempotent()["Idempotency-Key"]
        assert (await until_heard(lambda: self.browser.ask("erasure", key))).status_code == 201
        self.said, self.number = dict.fromkeys(DECIDING, REFUSED), None
        nothing = {"history": "popular"}
        for ask in self.of_slots(self.browser):
            without = msgspec.structs.replace(ask, slots=[nothing.get(slot, slot) for slot in ask.slots])
            await self.crowd.look(self.at, without, self.said)

    # what can be asked for --------------------------------------------------------------------------------------------

    def asks(self) -> list[Ask]:
        """Draw some of all there is."""
        own = [*self.of_slots(self.browser), *self.of_the_house()]
        return self.random.choices([*own, *self.of_servers()] if self.number else own, k=LOOKS)

    def of_slots(self, browser: Browser) -> list[Ask]:
        """Every page and slot, as HTML and as data; the same without looking at anybody."""
        return [
            Ask(page.path, lambda page=page: browser.http.get(page.path, headers=page.headers), page.slots)  # type: ignore[misc]
            for page in PAGES
        ] + [Ask("a public slot", lambda: browser.http.get("/v1/slots/for-you?public=1", headers=JSON))]

    def of_the_house(self) -> list[Ask]:
        """What one reads about oneself."""
        get, own = self.browser.http.get, ("permissions", "notice", "uses", "receipts")
        event = {"event_id": self.mark("browsing"), "type": "view", "item_id": self.items[1]["item_id"]}
        return [
            *(Ask(name, lambda name=name: get(f"/v1/{name}")) for name in own),  # type: ignore[misc]
            Ask("preferences", lambda: get("/preferences"), parts=EVERYTHING),
            Ask("a copy", lambda: get(self.copy), parts=EVERYTHING),
            Ask("an event", lambda: self.browser.http.post("/v1/events", json={"events": [event]})),
        ]

    def of_servers(self) -> list[Ask]:
        """What the shop's server asks about them, by their number."""
        web = self.crowd.opened.browser().http
        bearer = {"Authorization": f"Bearer {KEY}"}
        about = {**bearer, "Ecrm-Subject": self.number or ""}
        check = {"subjects": self.random.sample(self.crowd.numbers, 3), "purpose": "personalize"}
        return [
            *(
                Ask(
                    f"{slot} by a server",
                    lambda slot=slot: web.post(f"/v1/subject/slots/{slot}", headers=about),
                    [slot],
                )  # type: ignore[misc]
                for slot in OPENS
            ),
            Ask("permissions by a server", lambda: web.get("/v1/subject/permissions", headers=about)),
            Ask("a check by a server", lambda: web.post("/v1/access:check", json=check, headers=bearer)),
        ]


@pytest.mark.parametrize("gate_process", [False, True], ids=["whole", "with a gate process"])
async def test_nobody_is_shown_anything_of_another(database: Database, tmp_path: Path, *, gate_process: bool) -> None:
    """In no answer to one of 32 stands a mark of another, nor of what that one does not permit at that moment."""
    off = {"yes_per_minute_subject": 0, "yes_per_minute_address": 0}
    settings = {
        "plugins": ("personalization.plugin",),
        "k_people": 2,
        "gate_process": gate_process,
        "pool_size": 12,
        **off,
    }
    random = Random(PEOPLE)
    async with open_for_test(database, tmp_path, **settings) as opened:
        async with opened.as_admin() as admin:
            scopes = ("consent:read", "slots:read")
            await add_api_key(sha256(KEY.encode()).digest(), "warehouse", scopes, 600_000).run(admin)
        crowd = Crowd(opened)
        people = [Person(crowd, at, random) for at in range(PEOPLE)]
        crowd.numbers = [person.number for person in people if person.number]
        await open_shop(opened, [item for person in people for item in person.items])
        for first in range(0, PEOPLE, LOOKS):
            await asyncio.gather(*(person.come() for person in people[first : first + LOOKS]))
        stranger = opened.browser()
        for _ in range(examples(2 if gate_process else 4)):
            nobody = [crowd.look(None, ask) for ask in people[0].of_slots(stranger)]
            await asyncio.gather(*(person.turn() for person in people), *nobody)
        await asyncio.gather(*(person.end() for person in people[::8]), *(person.turn() for person in people[1::8]))
    print(f"\n{dict(sorted(crowd.seen.items()))}")
    parts = EVERYTHING - {"demographics"}
    assert all(crowd.seen[f"shown {part}"] > PEOPLE / 4 for part in EVERYTHING), crowd.seen
    assert all(crowd.seen[f"not shown {part}"] > PEOPLE / 4 for part in parts), crowd.seen
