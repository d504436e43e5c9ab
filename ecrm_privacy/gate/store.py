"""The gate's statement, and how it writes down what it released."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec

from ecrm_privacy.gate.types import Signals
from ecrm_privacy.sql import Conn, Query
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.uses import Counted


class Behind(msgspec.Struct, frozen=True):
    """By what a caller is found: the hash of a session cookie, or the blind index of a customer number."""

    token_hash: bytes | None = None
    customer_index: bytes | None = None


class Ask(msgspec.Struct, frozen=True):
    """One request at the gate: who, for which needs, under which signals."""

    caller: Behind
    needs: tuple[str, ...]
    signals: Signals


class AdmitRow(msgspec.Struct, frozen=True):
    """One need of one ask: first by itself, without the columns from `subject` on, then once per key that it opens."""

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
    """Look for all `asks` at once; rows come back numbered by position in `asks`.

    No name in a policy has a space, so a need that has one is no need and is not asked for.
    """
    return Query(
        "select n, need, bundle, purpose, allowed, status, because, until, subject, category, version, wrapped, fields,"
        " sealed from ecrm.admit($1, $2, $3, $4, $5, $6)",
        (
            [ask.caller.token_hash for ask in asks],
            [ask.caller.customer_index for ask in asks],
            [ask.signals.regime for ask in asks],
            [ask.signals.gpc for ask in asks],
            [
                "*" if ask.signals.closed_all else " ".join(sorted(ask.signals.closed | ask.signals.elsewhere))
                for ask in asks
            ],
            [" ".join(need for need in ask.needs if " " not in need) for ask in asks],
        ),
        AdmitRow,
    )


async def look(conn: Conn, asks: Sequence[Ask]) -> list[list[AdmitRow]]:
    """Run `admit` and deal its rows out, one list per ask."""
    dealt: list[list[AdmitRow]] = [[] for _ in asks]
    for row in await admit(asks).all(conn):
        dealt[row.n].append(row)
    return dealt


async def write(conn: Conn, made: Sequence[Counted]) -> int:
    """Add to the counts of the use log; returns for how many of them it did."""
    row = await vault.count_uses(made).first(conn)
    return row.counted if row else 0
