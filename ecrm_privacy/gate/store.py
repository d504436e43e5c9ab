"""The gate's one statement."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec

from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.sql import Conn, Query


class Ask(msgspec.Struct, frozen=True):
    """One request at the gate: who, for which needs, under which signals."""

    caller: Caller
    needs: tuple[str, ...]
    signals: Signals


class AdmitRow(msgspec.Struct, frozen=True):
    """One need of one ask, once per key that it opens; without a key the columns from `subject` on are None."""

    n: int
    need: str
    bundle: bytes
    purpose: str | None
    allowed: bool
    status: str | None
    because: str
    until: date | None
    subject: UUID | None
    category: str | None
    version: int | None
    wrapped: bytes | None
    fields: list[str] | None
    sealed: list[bytes] | None


def admit(asks: Sequence[Ask]) -> Query[AdmitRow]:
    """Look for all `asks` at once; rows come back numbered by position in `asks`."""
    numbers = range(len(asks))
    return Query(
        "select n, need, bundle, purpose, allowed, status, because, until, subject, category, version, wrapped, fields,"
        " sealed from ecrm.admit($1, $2, $3, $4, $5, $6, $7, $8)",
        (
            list(numbers),
            [ask.caller.token_hash for ask in asks],
            [ask.caller.customer_index for ask in asks],
            [ask.signals.regime for ask in asks],
            [ask.signals.gpc for ask in asks],
            ["*" if ask.signals.closed_all else " ".join(sorted(ask.signals.closed)) for ask in asks],
            [n for n in numbers for _ in asks[n].needs],
            [need for ask in asks for need in ask.needs],
        ),
        AdmitRow,
    )


async def look(conn: Conn, asks: Sequence[Ask]) -> list[list[AdmitRow]]:
    """Run `admit` and deal its rows out, one list per ask."""
    dealt: list[list[AdmitRow]] = [[] for _ in asks]
    for row in await admit(asks).all(conn):
        dealt[row.n].append(row)
    return dealt
