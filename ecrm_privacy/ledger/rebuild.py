"""Makes the rows of current answers what the log says again, where they are something else.

What differs is found first, beside everybody. Then those subjects' bodies are folded once more under the head's lock,
when nothing is appended, and what still differs is written in the same transaction.
"""

from collections.abc import Sequence

import asyncpg

from ecrm_privacy.errors import Unavailable
from ecrm_privacy.ledger import store
from ecrm_privacy.ledger.verify import Differs, Opener, Progress, Replay
from ecrm_privacy.sql import Conn, run_all

TRIES = 5


async def differences(conn: Conn, opener: Opener, progress: Progress | None = None) -> list[Differs]:
    """Return whose rows are not the fold of their bodies, by leaf; `conn` must not be in a transaction."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        found = [each async for each in Replay(conn, opener, progress).differences()]
    return sorted(found, key=lambda each: each.wrong.leaf_index or 0)


async def rewrite(conn: Conn, opener: Opener, found: Sequence[Differs]) -> tuple[int, int]:
    """Write what the bodies of these subjects say, in one transaction.

    Returns how many subjects were written, and how many were left because nothing proves what their rows should be.
    Raises `Unavailable`, with nothing written, when the log does not stand still for a moment.
    """
    for _ in range(TRIES):
        try:
            async with conn.transaction(isolation="repeatable_read"):
                return await _rewrite(conn, opener, found)
        except asyncpg.SerializationError:
            continue  # an entry came between: look again
    raise Unavailable("the log is written to all the time: try again, or stop the service for a moment")


async def _rewrite(conn: Conn, opener: Opener, found: Sequence[Differs]) -> tuple[int, int]:
    await store.lock_head().first(conn)
    subjects = [each.subject for each in found if each.subject is not None]
    written, left = 0, len(found) - len(subjects)
    for each in [each async for each in Replay(conn, opener, among=subjects).differences()]:
        if each.standing is None or each.subject is None:
            left += 1
        else:
            await run_all(conn, store.restore(each.subject, each.standing))
            written += 1
    return written, left
