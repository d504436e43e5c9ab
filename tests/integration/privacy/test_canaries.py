"""Promise 9, no trace by accident: what came in stands in no log, no address and no error, in no encoding."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import jwt
import msgspec
import pytest

from ecrm_privacy.config import Config
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.postgres import ADMIN_ROLE, EmbeddedPostgres
from ecrm_privacy.vault.keyring import Keyring
from tests.faults.group import answers, free_port
from tests.houses import NOTICE, SESSION, SITE_KEY, idempotent
from tests.integration.privacy import traces
from tests.integration.privacy.dump import take

pytestmark = pytest.mark.anyio

READY_S_MOST, STOP_S_MOST = 120.0, 40.0
OUTAGES = 5
SEEN = {200, 201, 202, 303, 400, 401, 403, 404, 405, 413, 422}
"""Statuses that must have been answered, so that each kind of refusal was tried."""

PATHS = (
    "/", "/v1/slots/", "/v1/receipts/", "/receipts/", "/v1/rights-requests/", "/requests/", "/pages/",
    "/ledger/statement/", "/problems/", "/static/", "/unsubscribe/", "/confirm/", "/v1/items/",
)  # fmt: skip


class Canaries:
    """Values that occur nowhere else. Those of which a trace is no accident are told apart by what it is.

    `kept`: the words of a search, in clear under a pseudonym; `hashed`: a bearer key, which is random, by its SHA-256;
    `named`: an unknown field, whose name the refusal says.
    """

    def __init__(self) -> None:
        self.sown: list[str] = []
        self.apart: dict[str, set[str]] = {"kept": set(), "hashed": set(), "named": set()}

    def sow(self, what: str, apart: str = "") -> str:
        """Make a new value for a field of that name."""
        value = f"{what}-zeisig{secrets.token_hex(6)}"
        self.sown.append(value)
        if apart:
            self.apart[apart].add(value)
        return value


class Service(msgspec.Struct, frozen=True):
    """A service as an operator runs it, with everything that it writes."""

    folder: Path
    log: Path
    base: str
    keyring: Keyring
    address: Address


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder, log, port = tmp_path_factory.mktemp("service"), tmp_path_factory.mktemp("log") / "service.log", free_port()
    ecrm = [sys.executable, "-m", "ecrm_privacy"]
    subprocess.run([*ecrm, "keys", "create", "--yes", "--data-dir", folder], check=True, stdout=subprocess.DEVNULL)
    config = Config(data_dir=folder, port=port)
    (folder / "keys" / "demo-site.key").write_bytes(SITE_KEY)
    keyring = Keyring.load(config.key_file)
    address = EmbeddedPostgres(folder / "postgres", keyring.password(ADMIN_ROLE)).address
    with _running([*ecrm, "run", "--data-dir", str(folder), "--port", str(port)], log, config.origin):
        yield Service(folder, log, config.origin, keyring, address)


@contextmanager
def _running(command: list[str], log: Path, origin: str) -> Iterator[None]:
    with log.open("wb") as out:
        parent = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=dict(os.environ))
    try:
        deadline = time.monotonic() + READY_S_MOST
        while not answers(f"{origin}/health/ready"):
            assert parent.poll() is None and time.monotonic() < deadline, log.read_text("utf-8", "replace")[-2000:]
            time.sleep(0.05)
        yield
    finally:
        parent.terminate()
        try:
            parent.wait(STOP_S_MOST)
        except subprocess.TimeoutExpired:
            parent.kill()
            parent.wait()


def token(canaries: Canaries, number: str, **claims: Any) -> str:
    """Make a sign-in token; its own name is a canary too."""
    said = {"sub": number, "aud": "ecrm", "iss": "demo-shop", "exp": int(time.time()) + 300, "jti": canaries.sow("jti")}
    made = jwt.encode({**said, **claims}, SITE_KEY, "HS256")
    canaries.sown.append(made.split(".")[2])  # the signature is what makes it a secret
    return made


def in_addresses(http: httpx.Client, canaries: Canaries) -> Iterator[httpx.Response]:
    """Put canaries into paths and queries."""
    for path in PATHS:
        for accept in ("application/json", "text/html"):
            for canary in (canaries.sow("path"), canaries.sow("path") + "@example.com", canaries.sow("päth ✓")):
                yield http.get(path + canary, headers={"Accept": accept})
    for path, name in (("/v1/slots", "names"), ("/v1/slots/for-you", "limit"), ("/v1/slots/for-you", "locale"),
                       ("/v1/notice", "site"), ("/v1/notice", "locale"), ("/v1/permissions", "email"),
                       ("/preferences", "name"), ("/v1/session", "token")):  # fmt: skip
        yield http.get(path, params={name: canaries.sow("query"), canaries.sow("key"): "1"})


def in_headers(http: httpx.Client, canaries: Canaries) -> Iterator[httpx.Response]:
    """Put canaries into every header that is read, and into some that are not."""
    names = ("User-Agent", "Referer", "Authorization", "Ecrm-Subject", "Ecrm-Choice", "Accept", "Accept-Language",
             "Origin", "X-Forwarded-For", "X-Request-Id", "Idempotency-Key", "Content-Type", "Sec-GPC", "Cookie",
             "Sec-Fetch-Site")  # fmt: skip
    body = {"notice": NOTICE, "answers": [{"purpose": "remember", "answer": "given"}], "method": "save"}
    for name in names:
        for prefix in ("", "Bearer ", f"{SESSION}=", "ecrm_choice="):
            headers = {**idempotent(), name: prefix + canaries.sow("header")}
            yield http.get("/v1/slots/for-you", headers=headers)
            yield http.post("/v1/answers", json=body, headers=headers)
            yield http.put("/v1/subject", json={"fields": {}}, headers=headers)
            yield http.request(canaries.sow("METHOD").upper(), "/v1/answers", headers=headers)
            http.cookies.clear()


def in_bodies(http: httpx.Client, canaries: Canaries, api_key: str) -> Iterator[httpx.Response]:
    """Put canaries into bodies: as unknown fields and words, of wrong types, broken off, too long, with a zero."""
    bearer = {"Authorization": f"Bearer {api_key}", "Ecrm-Subject": canaries.sow("number")}
    said = {"purpose": "remember", "answer": "given"}
    reached = {"purpose": "offers", "channel": "email", "answer": "given", "address": "ottilie@example.com"}
    shapes: dict[tuple[str, str], Any] = {
        ("POST", "/v1/answers"): {"notice": NOTICE, "answers": [said], "method": "save"},
        ("POST", "/v1/subject/answers"): {"notice": NOTICE, "answers": [reached], "method": "staff"},
        ("POST", "/sign-up/offers/email"): {"address": "x"},
        ("POST", "/v1/session"): {"token": "x"},
        ("POST", "/v1/events"): {"events": [{"event_id": "12345678", "type": "view", "item_id": "tea"}]},
        ("PUT", "/v1/subject"): {"fields": {"contact": {"name": "x"}}},
        ("POST", "/v1/rights-requests"): {"right": "access"},
        ("POST", "/v1/access:check"): {"subjects": ["x"], "purpose": "remember"},
        ("PUT", "/v1/stock"): {"stock": {"tea": 1}},
    }
    for (method, path), shape in shapes.items():
        for made in _spoilt(shape, canaries):
            content = made if isinstance(made, bytes) else json.dumps(made).encode()
            kind = {"Content-Type": "application/json"}
            yield http.request(method, path, content=content, headers={**idempotent(), **bearer, **kind})
            http.cookies.clear()
    for path in ("/preferences", "/preferences/rights", "/v1/answers", "/signin/as"):
        form = {"answer.remember": canaries.sow("form"), canaries.sow("field"): "given", "notice": NOTICE}
        for change in ({}, {"idempotency_key": canaries.sow("form"), "answer.remember": "refused"}):
            yield http.post(path, data={**form, **change, "return_to": f"//{canaries.sow('host')}/"})
    lines = b"\n".join(f'{{"customer_number":"{canaries.sow("line")}","type":{n}}}'.encode() for n in range(3))
    for path in ("/v1/events:batch", "/v1/items:batch"):
        yield http.post(path, content=lines, headers={**bearer, "Content-Type": "application/x-ndjson"})


def _spoilt(shape: Any, canaries: Canaries) -> Iterator[Any]:
    """Yield a body with a canary in each place, in place of what belongs there and beside it."""
    yield {**shape, canaries.sow("field", "named"): 1}
    yield json.dumps(shape).encode()[:-2] + canaries.sow("broken").encode()
    yield json.dumps({**shape, "long": canaries.sow("long") * 20_000}).encode()
    for name, value in shape.items():
        for wrong in (
            canaries.sow("value"),
            canaries.sow("zero") + "\0",
            [canaries.sow("list")],
            {canaries.sow("k"): 1},
        ):
            yield {**shape, name: wrong}
        if isinstance(value, list) and isinstance(value[0], dict):
            for inner in value[0]:
                for wrong in (canaries.sow("inner"), canaries.sow("inner") + "\0", {canaries.sow("inner"): 1}):
                    if inner not in {"item_id", "event_id"}:  # words of the shop, which is what they are kept as
                        yield {**shape, name: [{**value[0], inner: wrong}]}


def in_earnest(http: httpx.Client, canaries: Canaries, api_key: str) -> Iterator[httpx.Response]:
    """Use the service as it is meant: a customer with a name who signs in, says yes, searches and asks for a copy."""
    number = canaries.sow("number")
    contact = {"name": f"{canaries.sow('Given')} Family", "email": f"{canaries.sow('mail')}@example.com"}
    bearer = {"Authorization": f"Bearer {api_key}", "Ecrm-Subject": number}
    person = {"contact": contact, "demographics": {"city": canaries.sow("City"), "birth_year": "1970"}}
    yes = {"notice": NOTICE, "method": "save"} | {
        "answers": [{"purpose": purpose, "answer": "given"} for purpose in ("remember", "personalize")]
    }
    for _ in range(2):  # the second time the words that wait for a permission are kept
        yield http.put("/v1/subject", json={"fields": person}, headers=bearer)
        yield http.post("/v1/session", json={"token": token(canaries, number)})
        canaries.sown.append(http.cookies[SESSION])
        key = canaries.sow("key-of-an-answer")
        yield http.post("/v1/answers", json=yes, headers={"Idempotency-Key": key})
        yield http.post("/v1/answers", json={**yes, "method": "undo"}, headers={"Idempotency-Key": key})
    reached = {"channel": "email", "address": f"{canaries.sow('reached')}@example.com"}
    asked_for = [{"purpose": "offers", "answer": "given", **more} for more in ({}, reached)]
    yield http.post("/v1/answers", json={**yes, "answers": asked_for}, headers=idempotent())
    searched = {
        "event_id": canaries.sow("event"),
        "type": "search",
        "properties": {"query": canaries.sow("search", "kept")},
    }
    yield http.post("/v1/events", json={"events": [searched]})
    for path in ("/pages/yours", "/preferences", "/v1/slots/greeting", "/v1/permissions", "/v1/receipts"):
        yield http.get(path)
    yield http.post("/preferences", data={"notice": NOTICE, "answer.offers": "refused", "return_to": "/preferences"})
    asked = http.post("/v1/rights-requests", json={"right": "access"}, headers=idempotent())
    yield http.get(f"/v1/rights-requests/{asked.json()['request_id']}/export")
    yield http.post("/preferences/rights", data={"right": "access"})
    yield http.post("/v1/session", json={"token": token(canaries, canaries.sow("number"))})
    yield http.post("/v1/rights-requests", json={"right": "erasure"}, headers=idempotent())
    late = int(time.time()) - 900
    for forged in (token(canaries, number, exp=late), token(canaries, number, aud="other"), canaries.sow("token")):
        yield http.post("/v1/session", json={"token": forged})


async def _let_in(service: Service, api_key: str) -> asyncpg.Connection:
    """Let a server with this key in, as the demo does; returns the administrator's connection."""
    password = service.keyring.password(ADMIN_ROLE)
    conn = await asyncpg.connect(**service.address.connect_args(ADMIN_ROLE, password))
    scopes = ["subjects:write", "consent:write", "consent:read", "catalogue:write", "events:write", "slots:read"]
    key_hash = sha256(api_key.encode()).digest()
    await conn.execute("insert into ecrm.api_key values ($1, 'shop', $2, 100000)", key_hash, scopes)
    return conn


@pytest.fixture(scope="module")
async def sent(service: Service) -> tuple[Canaries, list[httpx.Response]]:
    """Everything that was sent, and what came back; towards the end with a database that hangs up again and again."""
    canaries = Canaries()
    api_key = canaries.sow("api-key", "hashed")
    admin = await _let_in(service, api_key)
    replies: list[httpx.Response] = []
    with httpx.Client(base_url=service.base, headers={"Origin": service.base}, verify=False) as http:
        for way in (in_addresses(http, canaries), in_headers(http, canaries), in_bodies(http, canaries, api_key)):
            replies += way
        replies += in_earnest(http, canaries, api_key)
        for _ in range(OUTAGES):
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename like 'ecrm_%'"
                " and pid <> pg_backend_pid()"
            )
            replies += [
                http.put(
                    "/v1/subject",
                    json={"fields": {"contact": {"name": canaries.sow("name")}}},
                    headers={"Authorization": f"Bearer {api_key}", "Ecrm-Subject": canaries.sow("number")},
                )
            ]
    await admin.close()
    return canaries, replies


async def test_every_kind_of_answer_came(sent: tuple[Canaries, list[httpx.Response]]) -> None:
    """The canaries were refused in every way there is, and taken too; nothing broke."""
    statuses = {reply.status_code for reply in sent[1]}
    assert statuses >= SEEN and 500 not in statuses, sorted(statuses)


async def test_no_log_has_a_trace(service: Service, sent: tuple[Canaries, list[httpx.Response]]) -> None:
    """Neither what the service prints nor what the database does."""
    logs = [service.log.read_bytes(), (service.folder / "postgres" / "postgresql.log").read_bytes()]
    assert logs[0].count(b'"request"') > len(sent[1]) / 2 and logs[1]
    assert traces.find(sent[0].sown, logs) == []


async def test_no_refusal_and_no_header_has_a_trace(sent: tuple[Canaries, list[httpx.Response]]) -> None:
    """No error, no redirect and no header says again what was sent; a cookie that was made is the one exception."""
    made = {"set-cookie"}
    hays = [
        b"\n".join(f"{name}: {value}".encode() for name, value in reply.headers.items() if name not in made)
        + (reply.content if reply.status_code >= 300 else b"")
        for reply in sent[1]
    ]
    found = {trace.value for trace in traces.find(sent[0].sown, [b"\n".join(hays)])}
    assert found <= sent[0].apart["named"]


async def test_no_table_has_a_trace(service: Service, sent: tuple[Canaries, list[httpx.Response]]) -> None:
    """What is sealed cannot be read in a dump, and what need not be kept is not: but for the words of a search."""
    dump = take(service.address, service.keyring.password(ADMIN_ROLE))
    found = {
        trace.value for trace in traces.find(sent[0].sown, [dump.text, dump.binary(), traces.unpacked(dump.values())])
    }
    assert found == sent[0].apart["kept"] | sent[0].apart["hashed"]
