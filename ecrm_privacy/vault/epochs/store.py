"""What the database knows of epochs: which there are, which keys stand under which, and which take no more keys.

Every function returns a `Query`; nothing here begins, commits or acquires. The epoch of a key stands in bytes 2 to 5 of
its wrapped form, so nothing has to be kept beside it.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec

from ecrm_privacy.sql import Effect, Query
from ecrm_privacy.vault.store import KeyRow


class EpochRow(msgspec.Struct, frozen=True):
    """An epoch as the database knows it, with the day it is there.

    `filled` is the day on which every key that opens had been wrapped under it, or under a newer one; `emptied` is the
    day since which no key stands under it; `closed` says that none can be put there any more.
    """

    epoch: int
    began: date
    filled: date | None
    emptied: date | None
    closed: bool
    destroyed: date | None
    today: date


class CountRow(msgspec.Struct, frozen=True):
    """How many keys stand under an epoch, by its number as four bytes."""

    epoch: bytes
    keys: int


def register(epochs: Sequence[int]) -> Effect:
    """Note epochs that the database does not know yet."""
    return Query(
        "insert into ecrm.key_epoch (epoch) select unnest($1::integer[]) on conflict do nothing", (list(epochs),)
    )


def known() -> Query[EpochRow]:
    """Return every epoch that the database ever knew, by number."""
    return Query(
        "select epoch, began, filled, emptied, closed, destroyed, current_date as today"
        " from ecrm.key_epoch order by epoch",
        (),
        EpochRow,
    )


def counts() -> Query[CountRow]:
    """Return how many keys stand under each epoch; reads every key."""
    return Query(
        "select substring(wrapped from 3 for 4) as epoch, count(*) as keys from ecrm.subject_key group by 1 order by 1",
        (),
        CountRow,
    )


def older(current: int, after: tuple[UUID, str, int], end: UUID, most: int) -> Query[KeyRow]:
    """Return and hold the next keys after that place, of subjects up to `end`, that stand under another epoch.

    Who is at a key just now (an erasure, say) is passed over: so it never waits for us while we wait for others.
    """
    return Query(
        """
        select subject, category, version, wrapped from ecrm.subject_key
        where (subject, category, version) > ($2, $3, $4) and subject <= $5
            and substring(wrapped from 3 for 4) <> int4send($1)
        order by subject, category, version limit $6 for no key update skip locked
        """,
        (current, *after, end, most),
        KeyRow,
    )


def put_rewrapped(rows: Sequence[KeyRow]) -> Effect:
    """Put keys that are held in their places again, wrapped anew."""
    return Query(
        """
        update ecrm.subject_key k set wrapped = n.wrapped
        from unnest($1::uuid[], $2::text[], $3::smallint[], $4::bytea[]) as n(subject, category, version, wrapped)
        where k.subject = n.subject and k.category = n.category and k.version = n.version
        """,
        (
            [row.subject for row in rows],
            [row.category for row in rows],
            [row.version for row in rows],
            [row.wrapped for row in rows],
        ),
    )


def by_index() -> Effect:
    """Let the statements of this transaction look every key up by its primary key: chunks are small, tables are not."""
    return Query("set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off")


def note_filled(current: int) -> Effect:
    """Note that every key was moved to the current epoch, and on which day the last one left each epoch before it."""
    return Query(
        """
        update ecrm.key_epoch e set filled = case when epoch = $1 then current_date else filled end,
            emptied = case when epoch < $1 and not exists (
                select from ecrm.subject_key k where substring(k.wrapped from 3 for 4) = int4send(e.epoch)
            ) then coalesce(emptied, current_date) end
        where epoch <= $1 and destroyed is null
        """,
        (current,),
    )


def rewrite() -> Effect:
    """Write every key into a new file and drop the old one, with whatever the old one still held; by itself.

    Fails with LockNotAvailable where it would have to wait.
    """
    return Query("call ecrm.rewrite_keys()")


def close(through: int) -> Effect:
    """Let no key be put under this epoch or an earlier one, ever; by itself.

    Fails with CheckViolation when one stands there, and with LockNotAvailable where it would have to wait.
    """
    return Query("call ecrm.close_epochs($1)", (through,))


def note_destroyed(epoch: int) -> Effect:
    """Note that an epoch was destroyed, with the entry that says so."""
    return Query("update ecrm.key_epoch set destroyed = current_date where epoch = $1", (epoch,))
