"""The demo shop with its customers signed in, for what is measured over HTTP."""

import secrets
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec

from ecrm_privacy import shipped
from ecrm_privacy.app import House
from ecrm_privacy.demo import FILES
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.vault.blind_index import IndexKind
from ecrm_privacy.verbs import take_file
from ecrm_privacy.vocabulary import SubjectId
from tests.bench.ground import Ground
from tests.bench.people import SIGNALS, Person

PLUGINS = ("personalization.plugin", "tests.bench.yardstick")
NEEDS = ("slot:greeting", "slot:for-you")
_FIND = "select subject from ecrm.blind_index where kind = 'customer_number' and value = $1"


class _Line(msgspec.Struct):
    customer_number: str | None = None


class _Customer(msgspec.Struct):
    customer_number: str
    fields: dict[str, dict[str, str]]


async def open_shop(ground: Ground, database: str, most: int) -> list[Person]:
    """Load the shop with its first `most` customers into a new `database`.

    Returns those for whom the gate opens both slots, signed in.
    """
    await ground.make(database)
    admin = await ground.admin(database)
    async with ground.house(database, plugins=PLUGINS, k_people=5) as house:
        for kind, name in FILES:
            await take_file(house, kind, _of_the_first(most, name, ground.home(database)), None)
        for plugin in house.plugins[:1]:
            await plugin.learn(lambda _done, _total: None)
        people = await _sign_in(house, admin)
    await admin.execute("vacuum analyze")
    await admin.close()
    return people


def _of_the_first(most: int, name: str, folder: Path) -> Path:
    """Write the lines of a file of the shop that are about its first customers, or about nobody; returns where."""
    shop = shipped.demo_shop()
    customers = [msgspec.json.decode(line, type=_Line) for line in _lines(shop / "customers.ndjson")[:most]]
    there = {one.customer_number for one in customers} | {None}
    kept = [x for x in _lines(shop / f"{name}.ndjson") if msgspec.json.decode(x, type=_Line).customer_number in there]
    cut = folder / f"{name}.ndjson"
    cut.write_bytes(b"\n".join(kept))
    return cut


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


async def _sign_in(house: House, admin: asyncpg.Connection) -> list[Person]:
    people = []
    for line in _lines(shipped.demo_shop() / "customers.ndjson"):
        customer = msgspec.json.decode(line, type=_Customer)
        index = house.indexes.of(IndexKind.CUSTOMER_NUMBER, customer.customer_number)
        opened = await house.gate.admit(Caller(customer_number=customer.customer_number), NEEDS, SIGNALS)
        if any(grant.is_empty for grant in opened.values()):
            continue
        subject: UUID = await admin.fetchval(_FIND, index)
        person = Person(SubjectId(subject), secrets.token_urlsafe(32), customer.fields["contact"]["name"])
        token_hash = person.caller.token_hash
        await admin.execute("insert into ecrm.session (token_hash, account) values ($1, $2)", token_hash, subject)
        await admin.execute("insert into bench.person values ($1, $2)", token_hash, person.name)
        people.append(person)
    return people
