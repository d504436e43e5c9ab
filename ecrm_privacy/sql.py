"""The only way SQL is written: text, arguments and row type on one screen.

A `Query` is a value: text with `$n` places, its arguments and the frozen struct its rows become. Stores build queries,
use cases run them; effects of a ledger entry are queries that travel with the entry.
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import asyncpg
import asyncpg.pool
import msgspec

Conn: TypeAlias = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
"""A connection, pooled or not. Stores get it as an argument and never begin, commit or acquire."""

Row = TypeVar("Row")


class Query(msgspec.Struct, Generic[Row], frozen=True):
    """SQL `text` with `$n` places, its `args`, and the struct (`row`) that each result row fills by column name."""

    text: str
    args: tuple[Any, ...] = ()
    row: type[Row] | None = None

    async def all(self, conn: Conn) -> list[Row]:
        """Return every row, as `row` structs."""
        assert self.row is not None, "a query without a row type has no rows to return"
        records = await conn.fetch(self.text, *self.args)
        if records and tuple(records[0].keys()) == tuple(self.row.__annotations__):  # in order, as most are
            return [self.row(*record) for record in records]
        return [self.row(**record) for record in records]

    async def first(self, conn: Conn) -> Row | None:
        """Return the first row, or None."""
        assert self.row is not None, "a query without a row type has no rows to return"
        record = await conn.fetchrow(self.text, *self.args)
        return None if record is None else self.row(**record)

    async def run(self, conn: Conn) -> int:
        """Execute and return how many rows were touched."""
        status = await conn.execute(self.text, *self.args)
        return int(status.rsplit(" ", 1)[-1]) if status[-1:].isdigit() else 0


Effect = Query[Any]
"""A statement that must hold together with an entry; the ledger writer runs it in the entry's transaction."""


async def run_all(conn: Conn, effects: Sequence[Effect]) -> None:
    """Run `effects` in order; neighbours with the same text go to the server as one pipelined batch."""
    start = 0
    while start < len(effects):
        text = effects[start].text
        end = start + 1
        while end < len(effects) and effects[end].text == text:
            end += 1
        if end - start == 1:
            await conn.execute(text, *effects[start].args)
        else:
            await conn.executemany(text, [effect.args for effect in effects[start:end]])
        start = end
