"""Promise 2, non-interference: who differs only in what is not permitted gets the same bytes by the same statements."""

import asyncio
import re
import uuid
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ecrm_privacy.database.pools import GUEST
from tests.conftest import Database
from tests.houses import Browser, Opened, running
from tests.lengths import examples
from tests.property.lives import (
    ASIDE,
    DECIDING,
    GIVEN,
    ITEMS,
    JSON,
    PAGES,
    REFUSED,
    Life,
    Page,
    hush,
    live,
    open_shop,
    permitted,
)

NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""Each example takes its time; a failing one is small enough to be read."""
PARTS = ("contact", "demographics", "purchases", "browsing", "aside", "wishes")


class Pair(msgspec.Struct, frozen=True):
    """Two people who said the same to what decides, and differ in some parts; `before` they had said yes to all."""

    said: Mapping[str, str]
    one: Life
    other: Life
    differing: frozenset[str]
    has_account: bool
    before: bool

    def number(self) -> str | None:
        """Return a customer number that nobody has yet; None where they are known by their browser alone."""
        return f"C-{uuid.uuid4()}" if self.has_account else None

    def has_name(self, life: Life) -> bool:
        """Tell whether this one has a name here: a browser gets it with its first yes, a no leaves no trace."""
        return self.has_account or self.before or GIVEN in {*self.said.values(), *life.aside.values()}


# drawing --------------------------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" <&'\""), min_size=1, max_size=40)
LOOKS = st.sampled_from(["view", "click", "cart", "dismiss"])


def _acts(kinds: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[str, str, int]]]:
    items = st.sampled_from([item["item_id"] for item in ITEMS])
    return st.lists(st.tuples(items, kinds, st.integers(0, 500_000)), max_size=4)


LIVES = st.builds(
    Life,
    contact=st.fixed_dictionaries({"name": WORDS}),
    demographics=st.fixed_dictionaries({"city": WORDS, "birth_year": st.integers(1930, 2005).map(str)}),
    purchases=_acts(st.just("purchase")),
    browsing=_acts(LOOKS),
    aside=st.fixed_dictionaries({purpose: st.sampled_from([GIVEN, REFUSED]) for purpose in ASIDE}),
    wishes=st.fixed_dictionaries(
        {},
        optional={
            "hide": st.lists(st.sampled_from([item["item_id"] for item in ITEMS]), min_size=1, max_size=3),
            "weight": st.dictionaries(st.sampled_from(["tea", "paper", "garden"]), st.sampled_from([-2, 1, 2])),
        },
    ),
)


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """Draw two lives that agree in some parts, and what both said."""
    one, other = draw(LIVES), draw(LIVES)
    differing = draw(st.sets(st.sampled_from(PARTS), min_size=1))
    agreed = {part: getattr(one, part) for part in PARTS if part not in differing}
    said = {purpose: draw(st.sampled_from([GIVEN, REFUSED])) for purpose in DECIDING}
    other = msgspec.structs.replace(other, **agreed)
    pair = Pair(said, one, other, frozenset(differing), draw(st.booleans()), draw(st.booleans()))
    if pair.has_name(one) != pair.has_name(other):  # nothing can be kept of a browser that has none, no order either
        pair = msgspec.structs.replace(pair, differing=pair.differing | {"purchases"})
    return pair


# looking --------------------------------------------------------------------------------------------------------------


class Said(msgspec.Struct, frozen=True):
    """A statement: under which role it ran, its text, and its arguments."""

    role: str
    text: str
    args: Any


class Listener:
    """Writes down the statements of every connection that serves requests."""

    def __init__(self) -> None:
        self.heard: list[Said] = []

    async def attach(self, opened: Opened) -> None:
        """Open every connection there may be, and listen at each."""
        async with AsyncExitStack() as held:
            for pool in opened.pools:
                for _ in range(opened.house.config.pool_size):
                    conn = await held.enter_async_context(pool.acquire(timeout=10))
                    conn.add_query_logger(self.hear)

    def hear(self, query: Any) -> None:
        """Note one statement."""
        self.heard.append(Said(query.conn_params.user, query.query, tuple(query.args or ())))

    async def take(self) -> list[Said]:
        """Return what was heard since the last time; the driver tells a turn late."""
        await asyncio.sleep(0)
        taken, self.heard = self.heard, []
        return taken


class Seen(msgspec.Struct, frozen=True):
    """All that somebody outside can see of an answer, and the statements behind it."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    statements: list[Said]
    """Of those that ask who is behind a cookie without their arguments, which are that cookie and its signals."""
    names: int
    """How many pseudonyms stood in the statements."""


async def look(browser: Browser, page: Page, listener: Listener) -> Seen:
    """Ask for a page and note what comes back. Keys of forms are random, by design."""
    await listener.take()
    reply = await browser.http.get(page.path, headers=page.headers)
    said = await listener.take()
    assert said, "a page without a statement was not made from the database"
    body = re.sub(rb'name="idempotency_key" value="[^"]*"', b'name="idempotency_key" value=""', reply.content)
    headers = [(name, value) for name, value in reply.headers.raw if name.lower() != b"date"]
    statements = [msgspec.structs.replace(one, args=_nameless(one.args) if one.role == GUEST else ()) for one in said]
    names = sum(_names(one.args) for one in said if one.role == GUEST)
    return Seen(reply.status_code, headers, body, statements, names)


def _nameless(value: Any) -> Any:
    """Return arguments without whom they are about."""
    if isinstance(value, list | tuple):
        return tuple(_nameless(each) for each in value)
    return "a pseudonym" if isinstance(value, uuid.UUID) else value


def _names(value: Any) -> int:
    if isinstance(value, list | tuple):
        return sum(_names(each) for each in value)
    return int(isinstance(value, uuid.UUID))


def slots_alike(page: Page, pair: Pair, seen: Seen, again: Seen) -> int:
    """Compare the slots of a page that shows what differs: each by what may show in it, and not in its neighbours."""
    if page.headers is not JSON or len(page.slots) == 1:
        return 0
    one, other = (msgspec.json.decode(each.body)["slots"] for each in (seen, again))
    alike = [slot for slot in page.slots if not pair.differing & permitted([slot], pair.said)]
    for slot in alike:
        assert one[slot] == other[slot], (page, slot)
    return len(alike)


# the law --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gate_process", [False, True], ids=["whole", "with a gate process"])
def test_who_differs_in_what_is_not_permitted_is_not_told_apart(
    database: Database, tmp_path: Path, *, gate_process: bool
) -> None:
    """Status, headers, bodies and statements are the same for two people who differ only in what they do not permit.

    Where nothing is permitted, they are those of a guest whom nobody knows.
    """
    told: Counter[str] = Counter()
    settings_of_service = {"plugins": ("personalization.plugin",), "k_people": 2, "gate_process": gate_process}
    with running(database, tmp_path, **settings_of_service) as (runner, opened):
        listener = Listener()
        runner.run(open_shop(opened))
        runner.run(hush(opened))
        runner.run(listener.attach(opened))

        async def check(pair: Pair) -> None:
            one, other = [
                await live(opened, life, pair.said, number=pair.number(), yes_before=pair.before)
                for life in (pair.one, pair.other)
            ]
            await opened.settle()
            await opened.hall.plugins[0].learn(lambda _done, _total: None)
            for page in PAGES:
                shows = permitted(page.slots, pair.said)
                seen, again = await look(one, page, listener), await look(other, page, listener)
                if pair.differing & shows:
                    told["differ"] += seen.body != again.body
                    told["beside"] += slots_alike(page, pair, seen, again)
                    continue
                assert seen == again, page
                assert seen.status == 200
                if not shows:
                    told["nobody"] += 1
                    assert seen.names == 0, page
                    assert page.framed or seen == await look(opened.browser(), page, listener), page
                told["same"] += 1

        @settings(
            max_examples=examples(10 if gate_process else 25),
            suppress_health_check=[HealthCheck.too_slow],
            phases=NO_SHRINKING,
        )
        @given(pairs())
        def law(pair: Pair) -> None:
            runner.run(check(pair))

        law()
    assert min(told[word] for word in ("same", "nobody", "differ", "beside")) > 0, told
