"""How somebody's data was used, read for them: by month, by whom, for what, how often."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import structlog

from ecrm_privacy.errors import Tampered
from ecrm_privacy.rights.holders import Known
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault import uses
from ecrm_privacy.vault.uses import Use
from ecrm_privacy.vocabulary import ACCOUNTABILITY, Pseudonym

log = structlog.get_logger(__name__)


class CountOfUse(msgspec.Struct, frozen=True):
    """A use in one month (its first day), and how often."""

    month: date
    use: Use
    times: int


async def counts_of_uses(conn: Conn, known: Known) -> list[CountOfUse]:
    """Return how a subject's data was used. A count that does not check is left out, and logged."""
    found = []
    for key in known.keys:
        if key.category == ACCOUNTABILITY:
            for row in await vault.use_counts(uses.pseudonyms(key, datetime.now(UTC).date())).all(conn):
                try:
                    found.append(CountOfUse(row.month, *uses.read(key, row.month, row.use, row.sealed, row.times)))
                except Tampered:
                    log.error("use_not_shown", reason="tampered")
    return add_up(found)


def counted_under(known: Known, today: date) -> tuple[Pseudonym, ...]:
    """Return every name under which it may have been counted how a subject's data was used."""
    return tuple(name for key in known.keys if key.category == ACCOUNTABILITY for name in uses.pseudonyms(key, today))


def add_up(counts: Iterable[CountOfUse]) -> list[CountOfUse]:
    """Return one count per month and use: the newest month first, in it what was most."""
    times: Counter[tuple[date, Use]] = Counter()
    for one in counts:
        times[one.month, one.use] += one.times
    found = [CountOfUse(month, use, count) for (month, use), count in times.items()]
    return sorted(found, key=lambda one: (-one.month.toordinal(), -one.times, msgspec.json.encode(one.use)))


async def export(conn: Conn, known: Known) -> list[dict[str, Any]] | None:
    """Return the counts as a copy of one's data has them."""
    return [
        {"month": f"{one.month:%Y-%m}", **msgspec.to_builtins(one.use), "times": one.times}
        for one in await counts_of_uses(conn, known)
    ] or None


async def forget(conn: Conn, pseudonyms: Sequence[Pseudonym], most: int) -> bool:
    """Delete at most so many counts under these names; True when none is left."""
    return await vault.forget_use_counts(pseudonyms, most).run(conn) < most
