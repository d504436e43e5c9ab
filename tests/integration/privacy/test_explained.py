"""Promise 8, everything is explained: each personal item says what made it appear, and by what right."""

import html
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import hash_token
from ecrm_privacy.gate.types import Caller, Grant
from tests.houses import SESSION, Opened
from tests.integration.privacy.conftest import Shop
from tests.integration.privacy.visitors import Visitor, visitor

pytestmark = pytest.mark.anyio

SLOTS = ("greeting", "for-you", "history", "popular")
ABOUT_NOBODY = {"popular"}
ACTS_MOST = 1_000


async def grants_of(worker: Opened, one: Visitor) -> Mapping[str, Grant]:
    """Ask the gate what it opens for each slot, as the pages do."""
    caller = Caller(token_hash=hash_token(one.http.cookies[SESSION]))
    found = await worker.house.gate.admit(caller, [f"slot:{name}" for name in SLOTS], site_signals(worker.house))
    return {name: found[f"slot:{name}"] for name in SLOTS}


async def done_under(worker: Opened, grant: Grant) -> set[tuple[str, str]]:
    """Return what was done to which item under the pseudonyms of a grant."""
    async with worker.house.pools.guest.acquire() as conn:
        rows = await conn.fetch("select * from engine.behaviour($1, $2)", grant.all_pseudonyms(), ACTS_MOST)
    return {(row["type"], row["item_id"]) for row in rows}


def unexplained(slot: Mapping[str, Any], grant: Grant, done: set[tuple[str, str]]) -> list[str]:
    """Say what is wrong with the reasons in a slot, given what the gate opened for it."""
    wrong = []
    personal = [item["because"] for item in slot["items"] if item["because"]["kind"] not in ABOUT_NOBODY]
    for item in slot["items"]:
        why = item["because"]
        if not why["kind"] or not why["text"]:
            wrong.append("an item without a reason")
        if why["kind"] in ABOUT_NOBODY and {"category", "purpose", "inputs"} & why.keys():
            wrong.append("an item for everybody that names something of somebody")
    for why in personal:
        if why.get("purpose") != grant.permission.purpose or not grant.permission.allowed:
            wrong.append(f"{why}: not the purpose of the grant, which says {grant.permission}")
        if why.get("category") not in {*grant.values, *grant.pseudonyms}:
            wrong.append(f"{why}: a category that the grant did not open")
        if why["kind"] != "name" and not why.get("inputs"):
            wrong.append(f"{why}: no input")
        wrong += [f"{why}: never done" for one in why.get("inputs", ()) if (one["type"], one["item_id"]) not in done]
    if slot["personal"] != bool(personal) or (slot["personal"] and grant.is_empty):
        wrong.append(f"personal is {slot['personal']} with {len(personal)} personal items")
    return wrong


async def test_every_item_says_why(shop: Shop, worker: Opened, customers: list[dict[str, str]]) -> None:
    """Each item of each slot of all 300 customers says why it is there; a personal one names what the grant opened."""
    personal = dict.fromkeys(SLOTS, 0)
    with visitor(shop.group.demo()) as one:
        for customer in customers:
            one.http.cookies.clear()
            one.sign_in(customer["customer_number"])
            slots = one.http.get(f"/v1/slots?names={','.join(SLOTS)}").json()["slots"]
            for name, grant in (await grants_of(worker, one)).items():
                done = await done_under(worker, grant) if grant.pseudonyms else set()
                assert unexplained(slots[name], grant, done) == []
                personal[name] += slots[name]["personal"]
    assert personal["popular"] == 0
    assert min(personal[name] for name in SLOTS if name != "popular") >= 100, personal


async def test_the_page_shows_every_reason(shop: Shop) -> None:
    """A slot as a fragment of a page shows the same reasons in words as the data, in the reader's language."""
    with visitor(shop.group.demo()) as one:
        for customer in shop.group.demo().customers[:10]:
            one.http.cookies.clear()
            one.sign_in(customer["customer_number"])
            for name in SLOTS:
                for locale in ("en", "de"):
                    told = one.http.get(f"/v1/slots/{name}?locale={locale}", headers={"Accept": "application/json"})
                    page = html.unescape(one.http.get(f"/v1/slots/{name}?locale={locale}").text)
                    reasons = {item["because"]["text"] for item in told.json()["items"]}
                    assert reasons and all(reason in page for reason in reasons), name


async def test_a_reason_that_names_too_much_would_be_seen(shop: Shop, worker: Opened) -> None:
    """The check above refuses a reason of another purpose, another category, an invented act, and none at all."""
    with visitor(shop.group.demo()) as one:
        one.sign_in(shop.group.demo().customers[0]["customer_number"])
        slot, grant = one.slot("for-you"), (await grants_of(worker, one))["for-you"]
        done = await done_under(worker, grant)
        assert slot["personal"] and unexplained(slot, grant, done) == []
        for change in ({"purpose": "order"}, {"category": "contact"}, {"inputs": []}, {"text": ""}):
            first = {**slot["items"][0], "because": {**slot["items"][0]["because"], **change}}
            assert unexplained({**slot, "items": [first, *slot["items"][1:]]}, grant, done)
        assert unexplained(slot, grant, set())
        assert unexplained(slot, msgspec.structs.replace(grant, values={}, pseudonyms={}), done)
