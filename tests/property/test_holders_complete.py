"""Holders are complete: every table that can hold data about people is claimed by exactly one holder."""

from collections import Counter
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import Database
from tests.houses import every_table, open_for_test

pytestmark = pytest.mark.anyio

ABOUT_NOBODY = {
    "ecrm.rights_request.request_id": "names an act, not a person; the row has a subject beside it",
    "ecrm.job.job_id": "names a piece of work; its payload holds no subject",
}
"""Columns of type uuid that name nobody."""

PROMISED = {
    "ecrm.policy_bundle",
    "ecrm.policy_active",
    "ecrm.decision",
    "ecrm.need",
    "ecrm.notice_current",
    "ecrm.rendered",
}
COMMITTED = {"ecrm.ledger_head", "ecrm.ledger_entry", "ecrm.statement", "ecrm.tile", "ecrm.published"}
OWED = {
    "ecrm.job",
    "ecrm.import_job",
    "ecrm.upkeep",
    "ecrm.api_key",
    "ecrm.token_used",
    "ecrm.erasure_journal",
    "ecrm.key_epoch",
    "ecrm.index_generation",
}
REPLIES = {"ecrm.reply"}  # sealed for their callers; they go with the body of their leaf, or in a day
SUPPRESSED = {"ecrm.suppressed", "ecrm.stopped"}  # keyed hashes of addresses; they are to outlive an erasure
COUNTED_TODAY = {"ecrm.messaged"}  # keyed hashes of an address and a day, for that day
COUNTED = {
    "ecrm.notice_count",
    "engine.item",
    "engine.item_count",
    "engine.item_pair",
    "engine.item_neighbour",
    "engine.model",
}
WITHOUT_A_NAME = PROMISED | COMMITTED | OWED | REPLIES | SUPPRESSED | COUNTED_TODAY | COUNTED
"""Tables that name nobody; a new table stands here or belongs to a holder."""


async def named(admin: asyncpg.Connection) -> dict[str, set[str]]:
    """The columns that may hold a subject or a pseudonym, by table."""
    rows = await admin.fetch(
        "select format('%I.%I', c.table_schema, c.table_name) as name, c.column_name from information_schema.columns c"
        " join information_schema.tables t using (table_schema, table_name)"
        " where table_schema in ('ecrm', 'engine') and t.table_type = 'BASE TABLE'"
        " and (c.data_type = 'uuid' or c.column_name ~ 'subject|pseudonym|account|browser|customer|person')"
        " and c.column_name <> 'wrapped_for_subject'"
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        if f"{row['name']}.{row['column_name']}" not in ABOUT_NOBODY:
            found.setdefault(row["name"], set()).add(row["column_name"])
    return found


async def test_every_table_has_one_holder(database: Database, admin: asyncpg.Connection, tmp_path: Path) -> None:
    """None is forgotten by an export or an erasure, and none is claimed twice or without being there."""
    async with open_for_test(database, tmp_path, plugins=("personalization.plugin",)) as opened:
        claimed = Counter(table for holder in opened.house.rights.holders for table in holder.tables)
    assert max(claimed.values()) == 1
    assert set(claimed) == set(await named(admin))


async def test_every_other_table_is_known_to_name_nobody(admin: asyncpg.Connection) -> None:
    """Whoever adds a table says which it is."""
    assert set(await every_table(admin)) == WITHOUT_A_NAME | set(await named(admin))


async def test_exceptions_are_there(admin: asyncpg.Connection) -> None:
    """The columns that name nobody exist."""
    there = await admin.fetch(
        "select format('%I.%I.%I', table_schema, table_name, column_name) as name from information_schema.columns"
    )
    assert set(ABOUT_NOBODY) <= {row["name"] for row in there}


async def test_statistics_keep_no_sample_of_a_name(admin: asyncpg.Connection) -> None:
    """A sample outlives the row it was taken from: so none is taken of what names somebody or is sealed."""
    sampled = await admin.fetch(
        "select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid"
        " where c.relnamespace in ('ecrm'::regnamespace, 'engine'::regnamespace) and c.relkind = 'r' and a.attnum > 0"
        " and not a.attisdropped and a.attstattarget is distinct from 0"
        " and (a.atttypid in ('uuid'::regtype, 'bytea'::regtype) or (c.relname = 'job' and a.attname = 'payload'))"
    )
    assert sampled == []
