"""Every query of the store against the migrated schema, and what the house's role may not do."""

from datetime import timedelta

import asyncpg
import msgspec
import pytest

from ecrm_privacy.ledger import store
from ecrm_privacy.ledger.merkle import CompactRange
from ecrm_privacy.ledger.tiles import Tile
from ecrm_privacy.sql import Query

pytestmark = pytest.mark.anyio

QUERIES: list[Query[msgspec.Struct]] = [
    store.head(),
    store.lock_head(),
    store.newest([]),
    store.append(CompactRange(), [], []),
    store.tiles_of([Tile(0, 0, 1), Tile(0, 0, 256), Tile(1, 0, 1)]),
    store.leaves(0, 1),
    store.published(),
    store.claim_publishing(timedelta(0)),
    store.statement(0),
]


async def test_rows_are_what_the_schema_gives(house: asyncpg.Connection) -> None:
    """Each query prepares as the house's role, and its columns are the fields of its row."""
    for query in QUERIES:
        prepared = await house.prepare(query.text)
        assert query.row is not None
        columns = [attribute.name for attribute in prepared.get_attributes()]
        assert columns == [field.name for field in msgspec.structs.fields(query.row)]
        assert len(prepared.get_parameters()) == len(query.args)


async def test_nobody_who_logs_in_changes_an_entry(
    house: asyncpg.Connection, gate: asyncpg.Connection, guest: asyncpg.Connection
) -> None:
    """Neither the house nor the gate nor the guest may change or drop what was appended."""
    for conn in (house, gate, guest):
        for table, column in (("ledger_entry", "leaf_index"), ("statement", "leaf_index"), ("tile", "number")):
            for change in ("update ecrm.{0} set {1} = 0", "delete from ecrm.{0}", "truncate ecrm.{0}"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await conn.execute(change.format(table, column))
