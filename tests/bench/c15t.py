"""Durable answers over HTTP beside c15t's own backend: the same PostgreSQL, client and connections, from outside.

`make peers` fetches the backend from its own packages; `c15t.mjs` serves it as its guide says. Each service is one
process, each answer a first visitor's yes to everything, and each database is measured empty and full.
"""

import os
import secrets
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import msgspec

from ecrm_privacy import shipped
from ecrm_privacy.app import open_house
from ecrm_privacy.database.postgres import ADMIN_ROLE
from ecrm_privacy.policy.load import load
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.verbs import bar
from tests.bench import growth, multitude
from tests.bench.answers import yes_to_everything
from tests.bench.asking import Expected, ask, request
from tests.bench.ground import Ground, free_port, service, wait_for
from tests.bench.measure import Line, Scale, Table, interleave
from tests.bench.served import answers_of_new_visitors

SERVER = Path(__file__).with_suffix(".mjs")
FOLDER = Path(__file__).resolve().parents[2] / "build" / "peers" / "c15t"
TITLE = "durable answers over HTTP"
LONGER = 4
"""Rounds are so many times longer than elsewhere."""
CATEGORIES = ("necessary", "functionality", "experience", "measurement", "marketing")
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
FILL = (
    """
    create table public.made as select 'sub_' || translate(md5(n::text), '0', 'x') as subject, n
    from generate_series(1, {count}) n
    """,
    """
    insert into public.subject (id, "identityProvider", "createdAt", "updatedAt")
    select subject, 'anonymous', now(), now() from public.made
    """,
    """
    insert into public.consent (id, "subjectId", "domainId", "policyId", "purposeIds", "userAgent", "givenAt",
        jurisdiction, "jurisdictionModel", "uiSource", "consentAction")
    select 'cns_' || md5(m.n::text), m.subject, c."domainId", c."policyId", c."purposeIds", c."userAgent",
        now() - m.n * interval '1 second', c.jurisdiction, c."jurisdictionModel", c."uiSource", c."consentAction"
    from public.made m, (select * from public.consent limit 1) c
    """,
    "drop table public.made",
    "vacuum analyze",
)
"""Others' answers, as one that came over HTTP was written."""
NOTES = (
    "one process each, 32 connections, fsync on; an answer is a first yes to everything, durable when acknowledged;",
    "ours makes a subject, its keys, a session, a sealed record, a receipt and an entry of the log; c15t a subject and",
    "a consent; full: {count:,} people with their answers before, and in ours as many entries of the log again",
)

Round = Callable[[], Awaitable[float]]


async def run(ground: Ground, scale: Scale) -> list[Table]:
    """Measure both, each with an empty and a full database, in turn; without the backend say how to get it."""
    if not (FOLDER / "node_modules").is_dir():
        return [Table(TITLE, [], ["make peers brings c15t's backend (needs npm and Node.js)"])]
    count, others = 5 * scale.many, Counter[str]()
    async with AsyncExitStack() as closing:
        sides: dict[str, Round] = {}
        for name, size in (("empty", 0), ("full", count)):
            for side, opened, expected in (
                ("ours", _ours(ground, f"bench_{name}", size), Expected(b"201", b'"receipt_id"')),
                ("c15t", _theirs(ground, f"c15t_{name}", size), Expected(b"200", b'"consentId"')),
            ):
                port, requests = await closing.enter_async_context(opened)
                sides[f"{side}, {name}"] = _round(port, f"{side}, {name}", requests, expected, scale, others)
        found = await interleave(sides, scale.rounds)
    return [Table(TITLE, _lines(found, count), [*_notes(count), *_otherwise(others)])]


def _lines(found: Mapping[str, Sequence[float]], count: int) -> list[Line]:
    version = msgspec.json.decode((FOLDER / "node_modules/@c15t/backend/package.json").read_bytes())["version"]
    named = {"empty": "answers, nothing before", "full": f"answers, {count:,} before"}
    return [
        Line(what, "/s", found[f"ours, {name}"], found[f"c15t, {name}"], f"@c15t/backend {version}")
        for name, what in named.items()
    ]


def _notes(count: int) -> list[str]:
    return [note.format(count=count) for note in NOTES]


def _otherwise(others: Mapping[str, int]) -> list[str]:
    return [f"{name}: {count} were answered otherwise" for name, count in others.items()]


def _round(
    port: int, name: str, requests: Iterator[bytes], expected: Expected, scale: Scale, others: Counter[str]
) -> Round:
    async def measured() -> float:
        came = await ask(port, scale.connections, requests, expected, LONGER * scale.round_s)
        others.update({name: came.others} if came.others else {})
        return came.per_s

    return measured


@asynccontextmanager
async def _ours(ground: Ground, database: str, size: int) -> AsyncIterator[tuple[int, Iterator[bytes]]]:
    await ground.make(database)
    if size:
        await _fill_ours(ground, database, size)
    with service(ground, database) as port:
        body = msgspec.json.encode(yes_to_everything(load(shipped.policies())))
        yield port, answers_of_new_visitors("/v1/answers", f"http://127.0.0.1:{port}", body)


async def _fill_ours(ground: Ground, database: str, size: int) -> None:
    """People with all that they have, keys that unwrap too, and a log of as many entries."""
    config, admin = ground.config(database, plugins=("personalization.plugin",)), await ground.admin(database)
    opened = open_house(config, ground.at(database), Keyring.load(config.key_file), renders=False)
    async with opened as house:
        with bar(f"{size:,} people") as tell:
            await multitude.fill(house, admin, size, 1, tell)
    await multitude.tidy(admin)
    await admin.close()
    await growth.fill(ground, database, size)


@asynccontextmanager
async def _theirs(ground: Ground, database: str, size: int) -> AsyncIterator[tuple[int, Iterator[bytes]]]:
    admin = await ground.admin("postgres")
    await admin.execute(f"create database {database}")
    await admin.close()
    shutil.copy(SERVER, FOLDER / SERVER.name)
    port, told = free_port(), ground.folder / f"{database}.log"
    at, password = ground.at(database), quote(ground.admin_password)
    url = f"postgresql://{ADMIN_ROLE}:{password}@localhost/{database}?host={quote(at.host)}&port={at.port}"
    environment = {**os.environ, "DATABASE_URL": url, "PORT": str(port), "NODE_ENV": "production"}
    with told.open("wb") as log:
        process = subprocess.Popen(["node", SERVER.name], cwd=FOLDER, env=environment, stdout=log, stderr=log)
        try:
            wait_for(process, port, told, "/status")
            requests = _first_visitors()
            await ask(port, 1, requests, Expected(b"200", b'"consentId"'), 0.0)
            if size:
                conn = await ground.admin(database)
                for statement in FILL:
                    await conn.execute(statement.format(count=size))
                await conn.close()
            yield port, requests
        finally:
            process.terminate()
            process.wait()


def _first_visitors() -> Iterator[bytes]:
    headers = {"Content-Type": "application/json", "Origin": "http://127.0.0.1"}
    while True:
        said = {
            "type": "cookie_banner", "subjectId": "sub_" + "".join(secrets.choice(ALPHABET) for _ in range(22)),
            "domain": "shop.example", "preferences": dict.fromkeys(CATEGORIES, True), "consentAction": "all",
            "givenAt": int(time.time() * 1000), "uiSource": "banner", "jurisdictionModel": "opt-in",
        }  # fmt: skip
        yield request("POST", "/subjects", headers, msgspec.json.encode(said))
