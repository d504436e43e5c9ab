"""The roll of the epochs: begin one, wrap every key under it, and destroy the old one when no backup needs it any more.

Each act is a few steps, in an order in which a crash between any two leaves something that the same command goes on
from; nobody has to say where it stopped. To begin an epoch:

    1. its key stands in the epochs' file and in every copy, and nobody uses it         (file: next)
    2. the log says so in public, and the database knows it                             (one transaction)
    3. it is the current one: whoever wraps a key looks at the file first               (file: current, retired)
    4. every key is wrapped under it, chunk by chunk, beside everybody                  (seen in the rows)
    5. the table of keys is written into a new file, and the old file goes
    6. the database notes the day: from here the days of the backups count

To destroy one:

    1. the schema takes no key under it any more, which fails where one still stands    (one transaction)
    2. its key is overwritten in the epochs' file, and then in every copy
    3. the log says so in public, and the database knows it                             (one transaction)
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from secrets import token_bytes
from uuid import UUID

import asyncpg
import msgspec

from ecrm_privacy.errors import ClockDiffers, EpochInUse, EpochsRefused, Failure, Tampered, Unavailable
from ecrm_privacy.ledger.record import Entry, LeafType, commitment, leaf
from ecrm_privacy.sql import Conn, Effect
from ecrm_privacy.vault import keys
from ecrm_privacy.vault.epochs import acts, store
from ecrm_privacy.vault.epochs.epoch import Epoch, EpochList, EpochState, now
from ecrm_privacy.vault.epochs.file import EpochFile
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.store import KeyRow
from ecrm_privacy.vocabulary import Category, SubjectId

Acquire = Callable[[], AbstractAsyncContextManager[Conn]]
Append = Callable[[Sequence[Entry]], Awaitable[list[int | Failure]]]
Progress = Callable[[int, int], object]

CHUNK_ROWS = 2_000
"""Keys per transaction: who destroys one of them waits for as long as this takes, some 40 ms."""
PASSES_MAX, PASS_PAUSE_S = 50, 0.2
ATTEMPTS_MAX, ATTEMPT_PAUSE_S = 100, 0.2
SLICES = (UUID(int=0), UUID(int=2**127), UUID(int=2**128 - 1))
"""Two halves of all subjects: while the database writes keys of one, keys of the other are wrapped here."""


class EpochStanding(msgspec.Struct, frozen=True):
    """One epoch as file and database have it. `keys` stand under it; `destroy_from` is None while it is not known."""

    epoch: Epoch
    keys: int
    emptied: date | None = None
    destroy_from: date | None = None
    due: str = ""


class Standing(msgspec.Struct, frozen=True):
    """Every epoch, and each folder with a copy: whether it is in step with the file."""

    epochs: tuple[EpochStanding, ...]
    copies: tuple[tuple[Path, bool], ...]


class Rotated(msgspec.Struct, frozen=True):
    """What a rotation did. `resumed`: the epoch had been begun before. `unopened` keys stayed as they are."""

    epoch: int
    resumed: bool
    moved: int
    unopened: int


async def check(conn: Conn, keyring: Keyring) -> None:
    """Compare the epochs' file with the database, and let the database know what is in use.

    Raises EpochsRefused when keys may stand under an epoch that the file does not name: it is an older copy.
    """
    unknown = [row.epoch for row in await store.known().all(conn) if row.epoch not in keyring.epochs.numbers]
    if unknown:
        raise EpochsRefused(
            f"the database knows epoch {unknown[-1]} of keys, and the epochs' file does not: it is an older copy of"
            " that file. Put the newest one beside the key file"
        )
    await store.register(keyring.epochs.live).run(conn)


class Roll:
    """Rotates and destroys epochs. `backup_days`: how long a backup of the database may be kept."""

    def __init__(
        self,
        acquire: Acquire,
        append: Append,
        keyring: Keyring,
        backup_days: int,
        epoch_days: int,
        clock: Callable[[], datetime] = now,
    ) -> None:
        if keyring.epochs.file is None:
            raise EpochsRefused("these keys are held in memory alone")
        self._acquire = acquire
        self._append = append
        self._keyring = keyring
        self._file: EpochFile = keyring.epochs.file
        self._window = timedelta(days=backup_days)
        self._epoch_days = timedelta(days=epoch_days)
        self._clock = clock

    # looking ----------------------------------------------------------------------------------------------------------

    async def standing(self) -> Standing:
        """Return every epoch and every copy, and what is due."""
        listed, held, known = self._file.read(), await self._counts(), await self._known()
        made = []
        for epoch in listed.epochs:
            row = known.get(epoch.number)
            emptied = row.emptied if row else None
            destroy_from = emptied + self._window if emptied else None
            number = held.get(epoch.number, 0)
            due = self._due(epoch, row, number, destroy_from)
            made.append(EpochStanding(epoch, number, emptied, destroy_from, due))
        copies = tuple((folder, self._file.is_in_step(folder / self._file.path.name)) for folder in listed.copies)
        return Standing(tuple(made), copies)

    def _due(self, epoch: Epoch, row: store.EpochRow | None, keys_under: int, destroy_from: date | None) -> str:
        match epoch.state:
            case EpochState.NEXT:
                return "it was begun and not put in use: `ecrm keys rotate` goes on"
            case EpochState.CURRENT if row and row.today - row.began >= self._epoch_days:
                return "it is old: `ecrm keys rotate` begins a new one"
            case EpochState.RETIRED if row and row.closed:
                return f"its destruction was begun: `ecrm keys destroy {epoch.number}` goes on"
            case EpochState.RETIRED if keys_under:
                return "keys are left under it: `ecrm keys rotate` goes on"
            case EpochState.RETIRED if row and destroy_from and row.today >= destroy_from:
                return f"no backup needs it any more: `ecrm keys destroy {epoch.number}`"
            case EpochState.DESTROYED if row and row.destroyed is None:
                return f"the log does not say so yet: `ecrm keys destroy {epoch.number}` goes on"
        return ""

    async def _counts(self) -> dict[int, int]:
        async with self._acquire() as conn:
            return {struct.unpack(">I", row.epoch)[0]: row.keys for row in await store.counts().all(conn)}

    async def _known(self) -> dict[int, store.EpochRow]:
        async with self._acquire() as conn:
            return {row.epoch: row for row in await store.known().all(conn)}

    # a new epoch ------------------------------------------------------------------------------------------------------

    async def rotate(self, progress: Progress, gone: Collection[Path] = ()) -> Rotated:
        """Begin an epoch, or go on with one that was begun, and wrap every key under it.

        Raises CopyMissing when a copy of the epochs' file cannot be reached and is not among those that are `gone`,
        EpochsRefused, Unavailable.
        """
        with self._file.locked():
            self._file.forget_copies(gone)
            self._file.settle()
            listed, known = self._file.read(), await self._known()
            current = known.get(listed.current.number)
            resumed = listed.upcoming is None and len(known) > 1 and (current is None or current.filled is None)
            if not resumed:
                listed = await self._begin(listed, known.keys())
            self._keyring.epochs.look()
            assert self._keyring.epoch == listed.current.number, "the lock is ours"
            moved, unopened = await self._move(progress)
            await self._patiently(store.rewrite())
            async with self._acquire() as conn:
                await store.note_filled(self._keyring.epoch).run(conn)
            return Rotated(self._keyring.epoch, resumed, moved, unopened)

    async def _begin(self, listed: EpochList, known: Collection[int]) -> EpochList:
        if listed.upcoming is None:
            listed = listed.with_next(self._file.keys, self._clock())
            self._file.change(listed, copies_first=True)
        assert listed.upcoming is not None, "there is one now"
        if listed.upcoming.number not in known:
            await self._say("key.epoch", listed.upcoming.number, store.register([listed.upcoming.number]))
        listed = listed.promoted(self._clock())
        self._file.change(listed, copies_first=True)
        return listed

    async def _move(self, progress: Progress) -> tuple[int, int]:
        moved, total = 0, await self._left()

        def tell(more: int) -> None:
            nonlocal moved
            moved += more
            progress(moved, max(total, moved))

        for _ in range(PASSES_MAX):
            unopened = sum(await _together([self._move_slice(begin, end, tell) for begin, end in pairwise(SLICES)]))
            if await self._left() <= unopened:
                return moved, unopened
            await asyncio.sleep(PASS_PAUSE_S)  # somebody was at a key, or wrapped one before and put it there just now
        raise Unavailable("keys are put under an old epoch faster than they can be moved; see that every worker runs")

    async def _left(self) -> int:
        return sum(count for epoch, count in (await self._counts()).items() if epoch != self._keyring.epoch)

    async def _move_slice(self, begin: UUID, end: UUID, tell: Callable[[int], None]) -> int:
        """Wrap the keys of these subjects anew, chunk by chunk; returns how many do not open."""
        place, unopened = (begin, "", 0), 0
        while True:
            async with self._acquire() as conn, conn.transaction():
                await store.by_index().run(conn)
                rows = await store.older(self._keyring.epoch, place, end, CHUNK_ROWS).all(conn)
                made = _rewrapped(self._keyring, rows)
                opened = [new for new, old in zip(made, rows, strict=True) if new is not old]
                await store.put_rewrapped(opened).run(conn)
            if not rows:
                return unopened
            tell(len(opened))
            unopened += len(rows) - len(opened)
            place = (rows[-1].subject, rows[-1].category, rows[-1].version)

    # the end of one ---------------------------------------------------------------------------------------------------

    async def destroy(self, number: int, *, at_once: bool = False, gone: Collection[Path] = ()) -> Epoch:
        """Destroy the key of an epoch, here and in every copy, and say so in the log; returns what is left of it.

        Raises EpochInUse when it may not be yet, ClockDiffers when nobody can say what day it is, CopyMissing.
        """
        with self._file.locked():
            self._file.forget_copies(gone)
            listed = self._file.read()
            self._file.copies(listed)
            row = (await self._known()).get(number)
            epoch = listed.get(number)
            if epoch is None or row is None:
                raise EpochInUse(f"there is no epoch {number}: `ecrm keys status` lists them")
            if not row.closed:
                self._may_end(listed, epoch, row, (await self._counts()).get(number, 0), at_once=at_once)
                await self._patiently(store.close(number))
            if epoch.wrapped is not None:
                listed = listed.without_key(number, self._clock())
                self._file.change(listed)
            self._file.settle()
            self._keyring.epochs.look()
            if row.destroyed is None:
                await self._say("key.destroyed", number, store.note_destroyed(number))
        left = listed.get(number)
        assert left is not None and left.wrapped is None, "it is gone, and its line is there"
        return left

    def _may_end(self, listed: EpochList, epoch: Epoch, row: store.EpochRow, count: int, *, at_once: bool) -> None:
        """Raise EpochInUse or ClockDiffers, saying what to do."""
        number = epoch.number
        if epoch.state in {EpochState.CURRENT, EpochState.NEXT}:
            raise EpochInUse(f"epoch {number} is the newest: `ecrm keys rotate` begins another")
        if count:
            raise EpochInUse(f"{count} keys stand under epoch {number}: `ecrm keys rotate` moves them")
        older = [each.number for each in listed.epochs if each.number < number and each.wrapped is not None]
        if older:
            raise EpochInUse(f"epoch {older[0]} is older: destroy that one first")
        if at_once:
            return
        self._check_clock(row)
        if row.emptied is None:
            raise EpochInUse(f"the rotation after epoch {number} is not finished: `ecrm keys rotate` goes on")
        if row.today < row.emptied + self._window:
            raise EpochInUse(
                f"backups of the last {self._window.days} days may hold keys under epoch {number}: destroy it from"
                f" {row.emptied + self._window} on, or with --now if there are no such backups"
            )

    def _check_clock(self, row: store.EpochRow) -> None:
        """Raise ClockDiffers unless the clocks here and in the database agree on the day, and it is a later one."""
        here = self._clock().astimezone(UTC).date()
        if abs(here - row.today) > timedelta(days=1):
            raise ClockDiffers(f"here it is {here}, for the database it is {row.today}: put the wrong clock right")
        if row.emptied is not None and row.emptied > row.today:
            raise ClockDiffers(
                f"for the database it is {row.today}, and the last key left epoch {row.epoch} on {row.emptied}: one of"
                " the two days is wrong"
            )

    # both -------------------------------------------------------------------------------------------------------------

    async def _say(self, act: acts.Act, number: int, effect: Effect) -> None:
        """Append an act of our own to the log, with what the database shall know of it. Raises Failure."""
        text, opening = acts.statement(act, number, self._clock()), token_bytes(32)
        entry = Entry(leaf=leaf(LeafType.KEY, commitment(opening, text)), statement=(text, opening), effects=(effect,))
        outcome = (await self._append([entry]))[0]
        if isinstance(outcome, Failure):
            raise outcome

    async def _patiently(self, effect: Effect) -> None:
        """Run it by itself, again while the table of keys is in use: nobody shall wait behind us for long."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                async with self._acquire() as conn:
                    await effect.run(conn)
            except asyncpg.CheckViolationError:
                raise EpochInUse("a key was put under it just now: `ecrm keys rotate` moves it") from None
            except Unavailable:
                if attempt == ATTEMPTS_MAX:
                    raise
                await asyncio.sleep(ATTEMPT_PAUSE_S)
            else:
                return


def _rewrapped(keyring: Keyring, rows: Sequence[KeyRow]) -> list[KeyRow]:
    """Wrap keys anew; those that do not open come back as they are."""
    rewrap, made = keys.rewrapper(keyring), []
    for row in rows:
        try:
            wrapped = rewrap(SubjectId(row.subject), Category(row.category), row.version, row.wrapped)
        except Tampered:
            made.append(row)
        else:
            made.append(KeyRow(row.subject, row.category, row.version, wrapped))
    return made


async def _together(work: Sequence[Coroutine[None, None, int]]) -> list[int]:
    """Do all of it at once; when one fails, the others are stopped before that is told."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
