"""People of the tests of non-interference: what is known of them, the pages they ask for, and what may show there."""

import asyncio
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.verbs import importers
from tests.conftest import CHECKOUT
from tests.houses import NOTICE, Browser, Opened, until_heard

WHERE = Where("demo", "en", "eu")
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
NEIGHBOURS = 12
"""How many others there are: who contributes, and so makes what is popular and what goes with what."""
AT_WORK = {"upkeep", "learn", "publish", "uses"}
"""Tasks of the worker that would speak to the database in between, and hold nothing that a cancelled one would keep."""

GIVEN, REFUSED = "given", "refused"
DECIDING = ("remember", "personalize")
ASIDE = ("offers", "advertise", "share", "measure", "model.contribute")
"""Purposes that no slot asks for."""

JSON, HTML = {"Accept": "application/json"}, {"Accept": "text/html"}
OPENS = {
    "for-you": ("purchases", "browsing", "wishes"), "greeting": ("contact",), "history": ("purchases",), "popular": (),
}  # fmt: skip
"""What each slot may be made of, at most."""
ITEMS = [msgspec.json.decode(line) for line in (CHECKOUT / "examples/shop/items.ndjson").read_bytes().splitlines()]


class Life(msgspec.Struct, frozen=True):
    """What is known of somebody: fields, acts as (item, type, minutes ago), answers to other purposes, and wishes."""

    contact: Mapping[str, str]
    demographics: Mapping[str, str]
    purchases: Sequence[tuple[str, str, int]]
    browsing: Sequence[tuple[str, str, int]]
    aside: Mapping[str, str]
    wishes: Mapping[str, Any] = {}


class Page(msgspec.Struct, frozen=True):
    """Something that can be asked for, and the slots on it. `framed` pages know whether somebody is signed in."""

    path: str
    headers: Mapping[str, str]
    slots: tuple[str, ...]
    framed: bool = False


PAGES = (
    *(Page(f"/v1/slots/{slot}", headers, (slot,)) for slot in OPENS for headers in (JSON, HTML)),
    Page("/v1/slots?names=for-you,greeting,popular", JSON, ("for-you", "greeting", "popular")),
    Page("/v1/slots?names=history,popular,for-you,greeting", JSON, tuple(OPENS)),
    Page("/pages/yours", HTML, tuple(OPENS), framed=True),
    Page("/view", HTML, ("for-you",)),
)


def permitted(slots: Iterable[str], said: Mapping[str, str]) -> set[str]:
    """Return the parts of a life that may show in these slots, by what was said; orders show under the contract."""
    parts: set[str] = set()
    for slot in slots:
        if slot == "history":
            parts.add("purchases")
        elif said["personalize"] == GIVEN:
            parts.update(part for part in OPENS[slot] if part != "browsing" or said["remember"] == GIVEN)
    return parts


async def live(
    opened: Opened, life: Life, said: Mapping[str, str], *, number: str | None, yes_before: bool = False
) -> Browser:
    """Make somebody with this life, who at last said this; returns their browser. Without `number` it is all there is.

    With `yes_before` they had said yes to everything while what is known of them came in.
    """
    browser, last = opened.browser(), {**said, **life.aside}
    if number is not None:
        assert (await browser.sign_in(number)).status_code == 201
    first = dict.fromkeys(last, GIVEN) if yes_before else last
    assert (await browser.answer(first)).status_code == 201
    if number is not None:
        fields = {"contact": life.contact, "demographics": life.demographics}
        profile = msgspec.convert({"customer_number": number, "fields": fields}, Profile)
        (outcome,) = await opened.house.profiles.put([profile], site_signals(opened.house), WHERE)
        assert isinstance(outcome, int)
    if life.wishes:
        wished = await until_heard(lambda: browser.http.patch("/v1/view", json=life.wishes))
        assert wished.status_code == (200 if first["personalize"] == GIVEN else wished.status_code), wished.text
        assert wished.status_code in {200, 404, 409}
    acts = [
        {"event_id": str(uuid.uuid4()), "type": kind, "item_id": item, "at": (NOW - timedelta(minutes=ago)).isoformat()}
        for item, kind, ago in (*life.purchases, *life.browsing)
    ]
    if acts:
        heard = await until_heard(lambda: browser.http.post("/v1/events", json={"events": acts}))
        assert heard.status_code == 202, heard.text
    if yes_before:
        assert (await browser.answer(last)).status_code == 201
    return browser


async def open_shop(opened: Opened, further: Sequence[Mapping[str, Any]] = ()) -> None:
    """Fill the shop: the demo's catalogue and `further` items, and people who bought this with that."""
    taken = importers(opened.house) | {each.kind: each for one in opened.hall.plugins for each in one.importers}
    lines: dict[str, list[Any]] = {"items": [*ITEMS, *further], "subjects": [], "answers": [], "events": []}
    for n in range(NEIGHBOURS):
        number = f"C-{n:06}"
        lines["subjects"].append({"customer_number": number, "fields": {"contact": {"name": f"Neighbour {n}"}}})
        given = [{"purpose": purpose, "answer": GIVEN} for purpose in ("remember", "model.contribute")]
        lines["answers"].append({"customer_number": number, "notice": NOTICE, "answers": given, "at": NOW.isoformat()})
        for item in ITEMS[n % 3 :: 1 + n % 4]:
            bought = {"type": "purchase", "item_id": item["item_id"], "event_id": f"bought-{item['item_id']}"[:64]}
            lines["events"].append({"customer_number": number, "at": NOW.isoformat(), **bought})
    for kind, records in lines.items():
        await taken[kind].store([msgspec.convert(line, taken[kind].record, strict=False) for line in records])


async def hush(opened: Opened) -> None:
    """End what a worker does beside answering, so that every statement after it is a request's."""
    await opened.house.runner.stop()  # in its own time: a job that is cut off stays leased for minutes
    for task in asyncio.all_tasks():
        if task.get_name() in AT_WORK:
            task.cancel()
