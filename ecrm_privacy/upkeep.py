"""Upkeep: what goes by age, what is mixed so that no dump tells who came when, and what is left of the erased.

It is done once an hour, by one worker at a time: each looks every minute whether it is due, and whoever moves the clock
in the database has the turn. One that dies in between is followed an hour later by another, which begins where mixing
had come to. Every step may run twice, and beside everything else.

Mixing takes a table of the register for itself while it is written anew. Measured on two cores, with 100,000 people who
have 400,000 uses, 400,000 events and as many contributions, while one reader asks for behaviour without a pause: that
reader waits for 0.5 s at most once an hour (0.1 s with 20,000 people), and for 6 ms when nothing came, because then
nothing is taken. Who finds a table in use waits for a tenth of a second, and tries again a second later. The events of
an hour are mixed in 0.05 s, beside their readers.

A deleted row stays in its page until something takes its place. So every day, or less often, at an hour that is
configured, every table about people is written anew if somebody was erased since; each is closed to everybody for as
long as that takes (docs/explanation/what-is-left.md has the figures).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from ecrm_privacy.delivery import store as delivery
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.sql import Conn, Effect
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vocabulary import ACCOUNTABILITY, Category

EVERY_S, LOOK_S = 3600.0, 60.0
OVERLAP = timedelta(minutes=10)
"""How far mixing goes back behind the last time, for events whose clocks differ."""
ATTEMPTS_MAX, PAUSE_S = 20, 1.0
AGED_ROWS = 2_000
"""Rows per transaction that go by age, so that nobody waits long for one."""

Acquire = Callable[[], AbstractAsyncContextManager[Conn]]


class Keeps(Protocol):
    """Who keeps behaviour. What these do runs on the house's connection."""

    @property
    def mix(self) -> Callable[[datetime], Sequence[Effect]]:
        """Returns what takes from behaviour since then the order in which it came; each is a transaction of its own."""

    @property
    def age(self) -> Callable[[Conn, Category, int, int], Awaitable[bool]]:
        """Forgets at most so many rows of a category that are older than so many days; True when none is left."""


class UseCounts:
    """The use log keeps as others keep behaviour: it goes by age, and is mixed."""

    def mix(self, newer_than: datetime) -> Sequence[Effect]:
        """Return what takes from the counts of the months since then the order in which people came."""
        return (vault.mix_use_counts(newer_than),)

    async def age(self, conn: Conn, category: Category, days: int, most: int) -> bool:
        """Forget at most so many counts of months that began more than so many days ago; True when none is left."""
        return category != ACCOUNTABILITY or await vault.age_use_counts(days, most).run(conn) < most


class Upkeep:
    """The upkeep of one worker. `days` says how old behaviour of each category may become, by the policy in force.

    `ageing` deletes what goes by an age of its own. `tables` are those that hold rows about people; `rewrite` says
    every how many days they are written anew, and after which hour (UTC).
    """

    def __init__(
        self,
        acquire: Acquire,
        days: Callable[[], Mapping[Category, int]],
        keepers: Sequence[Keeps],
        ageing: Sequence[Effect] = (),
        tables: Sequence[str] = (),
        rewrite: tuple[int, int] = (1, 3),
    ) -> None:
        self._acquire = acquire
        self._days = days
        self._keepers = keepers
        self._ageing = tuple(ageing)
        self._tables = tuple(tables)
        self._every_days, self._hour = rewrite

    async def run(self) -> bool:
        """Do what is due; False if it is somebody else's turn. Raises Unavailable: the next turn makes up for it."""
        async with self._acquire() as conn:
            turn = await delivery.take_turn(EVERY_S).first(conn)
        if turn is None:
            return False
        async with self._acquire() as conn:
            for effect in self._ageing:
                await effect.run(conn)
        await self.mix(turn.mixed - OVERLAP)
        async with self._acquire() as conn:
            await delivery.note_mixed(turn.begun).run(conn)
        await self.age()
        async with self._acquire() as conn:
            left = await delivery.left(self._hour, self._every_days).first(conn)
        if left is not None:
            await self.rewrite()
            async with self._acquire() as conn:
                await delivery.note_rewritten(left.erased).run(conn)
        return True

    async def rewrite(self) -> None:
        """Write every table that holds rows about people anew, one after the other; nothing deleted is left in them.

        Raises Unavailable where one stays in use: then it is tried again with the next turn.
        """
        await self._patiently([vault.rewrite(table) for table in self._tables])

    async def mix(self, newer_than: datetime) -> None:
        """Take from the register and from behaviour since `newer_than` the order in which they were written."""
        await self.mix_register()
        for keeper in self._keepers:
            await self._patiently(keeper.mix(newer_than))

    async def mix_register(self) -> None:
        """Take from the register of pseudonyms the order in which it was written. Raises Unavailable while in use."""
        await self._patiently(vault.mix())

    async def age(self) -> None:
        """Forget behaviour that is older than the policy in force says, chunk by chunk."""
        for category, days in self._days().items():
            for keeper in self._keepers:
                done = False
                while not done:
                    async with self._acquire() as conn, conn.transaction():
                        done = await keeper.age(conn, category, days, AGED_ROWS)

    async def _patiently(self, effects: Sequence[Effect]) -> None:
        """Run each by itself, again while its table is in use: who holds two tables is in everybody's way."""
        for effect in effects:
            for attempt in range(1, ATTEMPTS_MAX + 1):
                try:
                    async with self._acquire() as conn:
                        await effect.run(conn)
                    break
                except Unavailable:
                    if attempt == ATTEMPTS_MAX:
                        raise
                await asyncio.sleep(PAUSE_S)
