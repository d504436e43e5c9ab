"""What an erasure takes, what stays, and why. Pure; the certificate repeats it word for word."""

from datetime import date

import msgspec


class Plan(msgspec.Struct, frozen=True):
    """An erasure before it begins: the tables that will be emptied of the subject, and what stays."""

    goes: tuple[str, ...]
    stays: tuple[str, ...]


class Certificate(msgspec.Struct, frozen=True):
    """What an erasure did. It names nobody. Days are those on which the last copies end."""

    version: int
    goes: tuple[str, ...]
    stays: tuple[str, ...]
    pseudonyms: int
    requested: date
    done: date


STAYS = (
    "Ledger leaves: salted commitments that name nobody; without their bodies nobody opens them (GDPR 17(3)(e)).",
    "One keyed hash of the number you had here: by it a restored backup does not bring you back. It names nobody.",
    "Receipts that you saved: only you hold them.",
    "Backups: sealed data until the epoch key is destroyed, behaviour until the backup expires.",
)


def plan(tables: frozenset[str]) -> Plan:
    """Return the plan for the tables that holders claimed."""
    return Plan(tuple(sorted(tables)), STAYS)
