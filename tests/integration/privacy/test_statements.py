"""Promise 1, from the server's side: no plaintext and no unwrapped key is ever part of a statement or its arguments."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from ecrm_privacy.consent.desk import hash_token
from ecrm_privacy.vault import keys
from ecrm_privacy.vault.blind_index import IndexKind
from ecrm_privacy.vocabulary import Category, SubjectId
from tests.conftest import ADMIN_PASSWORD, PASSWORDS, Cluster, Database
from tests.houses import SESSION, Opened, open_for_test
from tests.integration.privacy import residue
from tests.integration.privacy.traces import find
from tests.property.test_erased_is_gone import PLUGIN, Person, live, put_items

pytestmark = pytest.mark.anyio

NUMBER = "C-eichelhaeher-550011"
TOLD = ("log_statement = 'all'", "log_parameter_max_length = -1", "log_error_verbosity = 'default'")


@pytest.fixture
async def opened(database: Database, admin: asyncpg.Connection, tmp_path: Path) -> AsyncIterator[Opened]:
    """A house on whose connections the server logs each statement with its arguments."""
    for setting in TOLD:
        await admin.execute(f"alter database {database.address.database} set {setting}")
    async with open_for_test(database, tmp_path, plugins=(PLUGIN,), k_people=1) as house:
        await put_items(house)
        yield house


@contextmanager
def listening(cluster: Cluster) -> Iterator[Path]:
    """Give the server's log, which is cut off again at the end to what it was."""
    log = cluster.server._folder / "postgresql.log"
    size = log.stat().st_size
    try:
        yield log
    finally:
        os.truncate(log, size)  # the server only ever appends


async def secrets_of(opened: Opened, admin: asyncpg.Connection, person: Person) -> dict[str, bytes]:
    """What only this process may know: keys as they are without their wrap, and what is derived from the root."""
    keyring = opened.house.keyring
    found = {}
    for n, row in enumerate(await admin.fetch("select subject, category, version, wrapped from ecrm.subject_key")):
        owner = SubjectId(UUID(str(row["subject"])))
        key = keys.unwrap(keyring, owner, Category(row["category"]), row["version"], row["wrapped"])
        found[f"key {n}"] = key.dek.reveal()
    labels = (
        "reply/v1",
        "blind-index/v1/customer_number",
        "blind-index/v1/email",
        "suppressed/v1/email",
        "rights/journal",
    )
    return found | {label: keyring.derive(label) for label in labels}


async def test_nothing_readable_enters_sql(opened: Opened, cluster: Cluster) -> None:
    """Profile, answers, sign-in, events, receipts, pages, a copy, an erasure: searched for in every spelling."""
    with listening(cluster) as log:
        async with opened.as_admin() as admin:
            before = log.stat().st_size
            person = await live(opened, NUMBER)
            for path in ("/v1/slots/greeting", "/v1/slots/for-you", "/preferences", f"/receipts/{person.receipt_id}"):
                assert (await person.browser.http.get(path)).status_code == 200
            hidden = await secrets_of(opened, admin, person)
            cookies = [each.cookies[SESSION] for each in (person.browser, person.device)]
            await person.browser.http.post(
                "/v1/rights-requests", json={"right": "erasure", "never_contact": True},
                headers={"Idempotency-Key": f"{NUMBER}-key-of-the-erasure"},
            )  # fmt: skip
            await opened.settle()
        with log.open("rb") as file:
            file.seek(before)
            heard = file.read()
    index = opened.house.indexes.of(IndexKind.CUSTOMER_NUMBER, NUMBER)
    for known in (b"insert into ecrm.record", index.hex().encode(), hash_token(cookies[0]).hex().encode()):
        assert known in heard, "the log must hold what is looked at, or nothing was looked at"
    words = [NUMBER, f"{NUMBER}@example.com", f"Name of {NUMBER}", *PASSWORDS.values(), ADMIN_PASSWORD]
    random = [person.receipt_id, *cookies]  # 256 bits, and kept by their hash
    assert residue.look({"log": heard}, hidden) == []
    assert find(words, [heard]) == []
    assert [trace for trace in find(random, [heard]) if not trace.encoding.startswith("sha256")] == []
