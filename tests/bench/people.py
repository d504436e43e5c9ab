"""People for the benchmarks: sealed and wrapped as the desk would have them, written at once."""

import secrets
from collections.abc import Iterator, Sequence
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import asyncpg
import msgspec

from ecrm_privacy.app import House
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.vault import envelope, keys
from ecrm_privacy.vault.blind_index import IndexKind
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.pseudonym import pseudonym
from ecrm_privacy.vocabulary import ACCOUNTABILITY, EVIDENCE, Category, Regime, SubjectId

COLUMNS = {
    "ecrm.subject_key": ("subject", "category", "version", "wrapped"),
    "ecrm.record": ("subject", "category", "field", "version", "sealed"),
    "ecrm.pseudonym": ("pseudonym", "category"),
    "ecrm.pseudonym_use": ("pseudonym", "purpose"),
    "ecrm.consent_status": ("subject", "purpose", "status", "notice", "since", "until", "leaf_index"),
    "ecrm.subject_state": ("subject", "regime", "leaf_index"),
    "ecrm.blind_index": ("kind", "value", "subject"),
    "ecrm.session": ("token_hash", "account"),
    "bench.person": ("token_hash", "name"),
}
SIGNALS = Signals(Regime("gdpr"))


class Person(msgspec.Struct, frozen=True):
    """Somebody with a session; `caller` is what the hallway makes of the cookie."""

    subject: SubjectId
    token: str
    name: str

    @property
    def caller(self) -> Caller:
        """The caller that this person's cookie names."""
        return Caller(token_hash=sha256(self.token.encode()).digest())


async def settle(house: House, admin: asyncpg.Connection, count: int) -> list[Person]:
    """Put `count` people who said yes to everything into the tables of `house`."""
    made = [Person(SubjectId(uuid4()), secrets.token_urlsafe(32), f"Person {number}") for number in range(count)]
    rows: dict[str, list[tuple[object, ...]]] = {table: [] for table in COLUMNS}
    today = await admin.fetchval("select current_date")
    for number, person in enumerate(made):
        _add(rows, house.keyring, house.hallway.bundle, person)
        subject, bundle = person.subject, house.hallway.bundle
        notice = bundle.current_notice(next(iter(bundle.sites.values())).notice).name
        until = today + timedelta(days=300)
        rows["ecrm.consent_status"] += [
            (subject, purpose, "given", notice, today, until, number) for purpose in bundle.purposes
        ]
        rows["ecrm.subject_state"].append((subject, SIGNALS.regime, number))
        index = house.indexes.of(IndexKind.CUSTOMER_NUMBER, f"C{number}")
        rows["ecrm.blind_index"].append((IndexKind.CUSTOMER_NUMBER, index, subject))
        rows["ecrm.session"].append((person.caller.token_hash, subject))
        rows["bench.person"].append((person.caller.token_hash, person.name))
    for table, columns in COLUMNS.items():
        schema, name = table.split(".")
        await admin.copy_records_to_table(name, schema_name=schema, columns=columns, records=rows[table])
    await admin.execute("vacuum analyze")
    return made


def _add(rows: dict[str, list[tuple[object, ...]]], keyring: Keyring, bundle: Bundle, person: Person) -> None:
    contact = _key(rows, keyring, person, Category("contact"))
    for field, value in (("name", person.name), ("email", f"{person.subject}@example.com")):
        sealed = envelope.seal(contact, field, value.encode())
        rows["ecrm.record"].append((person.subject, contact.category, field, contact.version, sealed))
    _key(rows, keyring, person, EVIDENCE)
    _key(rows, keyring, person, ACCOUNTABILITY)
    for category, document in bundle.categories.items():
        if document.behavioural:
            name = pseudonym(_key(rows, keyring, person, category))
            rows["ecrm.pseudonym"].append((name, category))
            rows["ecrm.pseudonym_use"].append((name, document.kept_under))


def _key(
    rows: dict[str, list[tuple[object, ...]]], keyring: Keyring, person: Person, category: Category
) -> keys.SubjectKey:
    key, wrapped = keys.new(keyring, person.subject, category)
    rows["ecrm.subject_key"].append((person.subject, category, key.version, wrapped))
    return key


def turns(people: Sequence[Person], step: int = 7919) -> Iterator[Person]:
    """Go round `people` for ever, in an order that jumps about but is always the same."""
    place = 0
    while True:
        place = (place + step) % len(people)
        yield people[place]
