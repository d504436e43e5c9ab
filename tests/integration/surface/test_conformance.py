"""The eleven statuses, asked of every call that lets something happen: each cell of the reference is right over HTTP.

The tables stand in docs/reference/conformance.md, written by hand from the design and the standards, and nowhere else.
"""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from ecrm_privacy.consent.desk import hash_token
from ecrm_privacy.consent.store import add_api_key
from ecrm_privacy.vocabulary import ConsentStatus
from tests.conftest import CHECKOUT, Cluster
from tests.houses import SESSION, Browser, Opened, house_of_its_own, name_of, rule

pytestmark = pytest.mark.anyio

PAGE = (CHECKOUT / "docs/reference/conformance.md").read_text("utf-8")
TABLES = {
    title: [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.strip().splitlines()]
    for title, lines in re.findall(r"^## (.+)\n\n(?:[^|\n].*\n)+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
}
"""By heading: the heads, a rule, and a row of cells for each status."""
ENDED = "given, and over"
"""A yes whose day has come, by the database's clock, before anything was written about it."""
EUROPE, CALIFORNIA = {"X-Region": "de"}, {"X-Region": "us-ca"}
SCOPES = ("consent:read", "slots:read", "subjects:write", "events:write")
SAID = {"personalize", "remember", "measure", "advertise", "order", "offers/email", "share"}
"""What has the status of the row; beside it `offers` and the partner have a plain yes."""
ASKED = {
    "On consent": ("personalize", EUROPE),
    "On consent, where the law lets silence permit": ("personalize", CALIFORNIA),
    "On legitimate interest": ("measure", EUROPE),
    "Required": ("order", EUROPE),
    "A channel, with a yes to its purpose": ("offers/email", EUROPE),
    "A partner who was given a yes, by what was said to the purpose": ("share//tea-guild", EUROPE),
    "On consent, closed by Global Privacy Control": ("advertise", CALIFORNIA),
}
EVENTS = {"personalize": "view", "order": "purchase"}
"""What is kept: looking around, which asks for the same status of `remember`, and what was bought."""
MODES = {"personalize": "personalization_storage", "measure": "analytics_storage", "advertise": "ad_storage"}
WORDS = {True: "yes", False: "no"}
WITH_SIGNAL = ", with the signal"
FORGET = """
    delete from ecrm.consent_status where subject = $1 and purpose = $2 and channel = $3 and recipient = $4
"""
SAY = """
    insert into ecrm.consent_status (subject, purpose, channel, recipient, status, notice, since, until, leaf_index)
    select $1, $2, $3, $4, $5, 'shop@1', current_date - 9, $6, leaf_index from ecrm.subject_state where subject = $1
"""


class Person(msgspec.Struct, frozen=True):
    """A customer who said the same to nearly everything, in their browser and by their number."""

    number: str
    name: str
    browser: Browser


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "with a gate process"])
async def opened(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Opened]:
    settings: dict[str, Any] = {"region_header": "x-region", "trusted_proxies": ("127.0.0.1/32",)}
    settings["plugins"] = ("personalization.plugin",)
    folder = tmp_path_factory.mktemp("house")
    async with house_of_its_own(cluster, folder, gate_process=request.param, **settings) as house:
        async with house.as_admin() as admin:
            for recipient in ("warehouse", "tea-guild"):
                key = sha256(recipient.encode()).digest()
                await add_api_key(key, recipient, SCOPES, 60_000).run(admin)
        yield house


@pytest.fixture(scope="module")
async def people(opened: Opened) -> dict[tuple[str, str], Person]:
    """Everybody who is asked about: by their region and the word of their row."""
    rows = [*(f"`{status}`" for status in ConsentStatus), ENDED]
    made = {}
    for at, (region, word) in enumerate((region, word) for region in (EUROPE, CALIFORNIA) for word in rows):
        person = Person(f"C-{at:06}", f"Name{at:04}", opened.browser(**region))
        made[region["X-Region"], word] = person
        await known(opened, person)
        await set_status(opened, person, word)
    return made


async def known(opened: Opened, person: Person) -> None:
    """Give a customer a name, a session and keys, by a yes to everything."""
    assert (await person.browser.sign_in(person.number)).status_code == 201
    asked = ("personalize", "remember", "measure", "advertise", "offers", "share", "share//tea-guild")
    assert (await person.browser.answer(dict.fromkeys(asked, "given"))).status_code == 201
    fields = {"fields": {"contact": {"name": person.name}}}
    kept = await person.browser.http.put("/v1/subject", json=fields, headers=server(person))
    assert kept.json() == {"dropped": 0}, kept.text


async def set_status(opened: Opened, person: Person, word: str) -> None:
    """Let the tables hold that status: some of them only others bring about, and one only time."""
    async with opened.as_admin() as admin:
        token = hash_token(person.browser.cookies[SESSION])
        subject = await admin.fetchval("select account from ecrm.session where token_hash = $1", token)
        for name in SAID:
            told = rule(name)
            at = (subject, told["purpose"], told.get("channel", ""), told.get("recipient", ""))
            await admin.execute(FORGET, *at)
            if word != "`unknown`":
                status, until = ("given", datetime.now(UTC).date()) if word == ENDED else (word.strip("`"), None)
                await admin.execute(SAY, *at, status, until)


def server(person: Person, who: str = "warehouse") -> dict[str, str]:
    return {"Authorization": f"Bearer {who}", "Ecrm-Subject": person.number}


# one way to ask for each column ---------------------------------------------------------------------------------------


async def ask(person: Person, call: str, name: str) -> str:
    """What a call says about a rule, in the word of the table."""
    call, signal = (call.removesuffix(WITH_SIGNAL), call.endswith(WITH_SIGNAL))
    call, _, who = call.partition(", asked by ")
    headers = {"Sec-GPC": "1"} if signal else {}
    if who:
        headers |= server(person, "tea-guild" if who == "the partner" else "warehouse")
    return await ASKING[call](person, name, headers)


async def permissions(person: Person, name: str, headers: dict[str, str]) -> dict[str, Any]:
    path = "/v1/subject/permissions" if "Ecrm-Subject" in headers else "/v1/permissions"
    reply = await person.browser.http.get(path, headers=headers)
    assert reply.status_code == 200, reply.text
    return next(row for row in reply.json()["permissions"] if name_of(row) == name)


async def permitted(person: Person, name: str, headers: dict[str, str]) -> str:
    return WORDS[(await permissions(person, name, headers))["allowed"]]


async def because(person: Person, name: str, headers: dict[str, str]) -> str:
    return f"`{(await permissions(person, name, headers))['because']}`"


async def access_check(person: Person, name: str, headers: dict[str, str]) -> str:
    body = {"subjects": [person.number], **rule(name)}
    reply = await person.browser.http.post("/v1/access:check", json=body, headers={**server(person), **headers})
    [found] = reply.json()["results"]
    assert ("capture_url" in found) != found["valid_for_processing"]
    return WORDS[found["valid_for_processing"]]


async def slot(person: Person, _name: str, headers: dict[str, str]) -> str:
    accept = {"Accept": "application/json", **headers}
    if "Ecrm-Subject" in headers:
        reply = await person.browser.http.post("/v1/subject/slots/greeting", headers=accept)
    else:
        reply = await person.browser.http.get("/v1/slots/greeting", headers=accept)
    assert reply.json()["personal"] == (person.name in reply.text)
    return WORDS[reply.json()["personal"]]


async def slots(person: Person, _name: str, headers: dict[str, str]) -> str:
    reply = await person.browser.http.get("/v1/slots?names=greeting,popular", headers=headers)
    assert not reply.json()["slots"]["popular"]["personal"]
    assert reply.json()["slots"]["greeting"]["personal"] == (person.name in reply.text)
    return WORDS[reply.json()["slots"]["greeting"]["personal"]]


async def page(person: Person, _name: str, headers: dict[str, str]) -> str:
    reply = await person.browser.http.get("/pages/yours", headers=headers)
    assert reply.status_code == 200, reply.text
    return WORDS[person.name in reply.text]


async def event(person: Person, name: str, _headers: dict[str, str]) -> str:
    told = {"event_id": str(uuid4()), "type": EVENTS[name], "item_id": "cup"}
    reply = await person.browser.http.post("/v1/events", json={"events": [told]})
    assert reply.status_code == 202, reply.text
    return WORDS[reply.json()["stored"] == 1]


async def events(person: Person, name: str, _headers: dict[str, str]) -> str:
    told = {"event_id": str(uuid4()), "type": EVENTS[name], "item_id": "cup", "customer_number": person.number}
    reply = await person.browser.http.post(
        "/v1/events:batch", content=msgspec.json.encode(told) + b"\n", headers=server(person)
    )
    assert reply.status_code == 200, reply.text
    return WORDS[reply.json()["stored"] == 1]


async def signals(person: Person, headers: dict[str, str]) -> dict[str, Any]:
    code = (await person.browser.http.get("/signals.js", headers=headers)).text
    told: dict[str, Any] = msgspec.json.decode(code.rpartition(")(")[2].rstrip().removesuffix(");"))
    assert told["ready"]
    return told


async def consent_mode(person: Person, name: str, headers: dict[str, str]) -> str:
    return WORDS[(await signals(person, headers))["google"][MODES[name]] == "granted"]


async def opted_out(person: Person, _name: str, headers: dict[str, str]) -> str:
    section = (await signals(person, headers))["gpp"]["parsedSections"]["usca"]
    assert section["SharingOptOutNotice"] == 1
    assert section["Gpc"] == ("Sec-GPC" in headers)
    return {1: "yes", 2: "no"}[section["SharingOptOut"]]


async def switch(person: Person, name: str, headers: dict[str, str]) -> str:
    text = (await person.browser.http.get("/preferences", headers=headers)).text
    [on] = re.findall(rf'name="answer\.{re.escape(name)}"[^>]*aria-checked="(true|false)"', text)
    return WORDS[on == "true"]


async def notice(person: Person, name: str, headers: dict[str, str]) -> str:
    asked = (await person.browser.http.get("/v1/notice", headers=headers)).json()["purposes"]
    [answer] = [purpose.get("answer") for purpose in asked if purpose["purpose"] == name]
    return f"`{answer}`" if answer else "nothing"


ASKING = {
    "permissions": permitted, "because": because, "access:check": access_check, "slot": slot, "slots": slots,
    "page": page, "event": event, "events, sent by a server": events, "Consent Mode": consent_mode,
    "GPP, opted out of sharing": opted_out, "switch": switch, "notice": notice,
}  # fmt: skip


@pytest.mark.parametrize("title", TABLES)
async def test_every_cell_is_right(title: str, people: dict[tuple[str, str], Person]) -> None:
    """Each call answers for each status as its cell says; wrong cells are told all at once."""
    (_, *calls), _, *rows = TABLES[title]
    name, region = ASKED[title]
    wrong = []
    for said, *cells in rows:
        person = people[region["X-Region"], said]
        for call, cell in zip(calls, cells, strict=True):
            found = await ask(person, call, name)
            if found != cell:
                wrong.append(f"{said}: {call}: {found}, not {cell}")
    assert wrong == []


def test_every_status_is_a_row_of_every_table() -> None:
    """Eleven statuses and the yes whose day has come, none left out, and every table is asked about."""
    expected = [*(f"`{status}`" for status in ConsentStatus), ENDED]
    assert [title for title, (_, _, *rows) in TABLES.items() if [said for said, *_ in rows] != expected] == []
    assert TABLES.keys() == ASKED.keys()
