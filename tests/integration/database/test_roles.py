"""Who may do what is part of the schema: the role matrix."""

import asyncpg
import pytest

from ecrm_privacy.database.pools import Pools

pytestmark = pytest.mark.anyio

ADMIT = "select * from ecrm.admit($1, $2, $3, $4, $5, $6, $7, $8)"
ONE_ASK = ([1], [b"\x00" * 32], [None], ["gdpr"], [False], [""], [1], ["slot:for-you"])
TABLES = "select format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'v', 'p') and n.nspname = any($1)"


@pytest.mark.parametrize("role", ["house", "gate", "guest"])
@pytest.mark.parametrize("verb", ["update {} set leaf = leaf", "delete from {}", "truncate {}"])
@pytest.mark.parametrize("table", ["ecrm.ledger_entry", "ecrm.statement"])
async def test_nobody_who_can_log_in_may_change_the_ledger(role: str, verb: str, table: str, pools: Pools) -> None:
    """UPDATE, DELETE and TRUNCATE of what was appended are refused to every role."""
    statement = verb.format(table) if table == "ecrm.ledger_entry" else verb.format(table).replace("leaf", "payload")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await getattr(pools, role).execute(statement)
