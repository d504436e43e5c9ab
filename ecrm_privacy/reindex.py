"""Changing the index keys by which people are found, while they are being served.

The generation in force stands in the database. Every process asks for the one it knows, the one before and the one
after, and looks once a minute which is in force; so the next may begin an hour after the last did. A change goes
through the table in the order of its key, chunk by chunk, and needs nothing but the values themselves and the key
file. Stopped at any point, it goes on from there: a row says which generation it has.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from ecrm_privacy.errors import Refusal
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.blind_index import BlindIndexes, IndexKind
from ecrm_privacy.vault.keyring import Keyring

LOOK_S = 60.0
APART_S = 3600.0
CHUNK_ROWS = 1000

Acquire = Callable[[], AbstractAsyncContextManager[Conn]]
Progress = Callable[[int, int | None], None]


class TooSoon(Refusal):
    """The index keys were changed less than an hour ago; a process may not have heard of it yet."""


async def known(acquire: Acquire, keyring: Keyring) -> BlindIndexes:
    """Return the indexes of a keyring in the generation in force."""
    indexes = BlindIndexes(keyring)
    await hear(acquire, indexes)
    return indexes


async def hear(acquire: Acquire, indexes: BlindIndexes) -> None:
    """Look which generation is in force."""
    async with acquire() as conn:
        row = await vault.generation().first(conn)
    assert row is not None, "the migration that made the table put its one row in"
    indexes.generation = row.generation


async def change(acquire: Acquire, indexes: BlindIndexes, progress: Progress, apart_s: float = APART_S) -> int:
    """Go on with a change that was begun, or begin one; returns how many values were renewed.

    Raises TooSoon within `apart_s` of the last one.
    """
    async with acquire() as conn:
        row = await vault.generation(apart_s).first(conn)
        assert row is not None, "the migration that made the table put its one row in"
        if row.filled:
            if not row.may_begin:
                raise TooSoon
            await vault.begin_generation(row.generation).run(conn)
    await hear(acquire, indexes)
    return await _fill(acquire, indexes, progress)


async def _fill(acquire: Acquire, indexes: BlindIndexes, progress: Progress) -> int:
    """Renew every value of an earlier generation, and those that came in meanwhile, until there is none."""
    done, ended = 0, False
    while not ended:
        kind, value = "", b""
        while rows := await _chunk(acquire, indexes, kind, value):
            kind, value = rows[-1].kind, rows[-1].value
            done += len(rows)
            progress(done, None)
        async with acquire() as conn:
            ended = bool(await vault.end_generation(indexes.generation).run(conn))
    return done


async def _chunk(acquire: Acquire, indexes: BlindIndexes, kind: str, value: bytes) -> list[vault.IndexRow]:
    to = indexes.generation
    async with acquire() as conn:
        rows = await vault.older_indexes(kind, value, to, CHUNK_ROWS).all(conn)
        if rows:
            values = [indexes.renewed(IndexKind(row.kind), row.value, row.generation, to) for row in rows]
            await vault.renew_indexes(rows, values, to).run(conn)
    return rows
