"""What an erasure takes, what stays, and why. Pure; the certificate repeats it word for word."""

from datetime import date, timedelta

import msgspec


class Plan(msgspec.Struct, frozen=True):
    """An erasure before it begins: the tables that will be emptied of the subject, and what stays."""

    goes: tuple[str, ...]
    stays: tuple[str, ...]


class Windows(msgspec.Struct, frozen=True):
    """How many days an epoch of keys is current, and how many days a backup of the database is kept."""

    epoch_days: int = 30
    backup_days: int = 30


USUAL = Windows()


class LastCopies(msgspec.Struct, frozen=True):
    """When the last copies in backups end: what was sealed with the key of its epoch, behaviour with the backup."""

    epoch: int
    sealed_until: date
    behaviour_until: date


class Certificate(msgspec.Struct, frozen=True):
    """What an erasure did. It names nobody. Days are those on which the last copies are due to end."""

    version: int
    goes: tuple[str, ...]
    stays: tuple[str, ...]
    pseudonyms: int
    requested: date
    done: date
    last_copies: LastCopies


STAYS = (
    "Ledger leaves: salted commitments that name nobody; without their bodies nobody opens them (GDPR 17(3)(e)).",
    "One keyed hash of the number you had here: by it a restored backup does not bring you back. It names nobody.",
    "Receipts that you saved: only you hold them.",
)


NEVER = (
    "Keyed hashes of {count} addresses that you asked never to be contacted under: by them the same address is known if"
    " it is brought again (GDPR 17(3)(b), 21(3)). They name nobody."
)


def last_copies(epoch: int, began: date, done: date, windows: Windows) -> LastCopies:
    """Return when the last copies in backups end, if the operator does on time what is due.

    The epoch is the newest one when the erasure was done: every key of the subject had stood under it or an older one.
    It is due to be left when it is old, and destroyed when no backup is kept any more from before that.
    """
    kept = timedelta(days=windows.backup_days)
    left = max(began + timedelta(days=windows.epoch_days), done)
    return LastCopies(epoch, left + kept, done + kept)


def plan(tables: frozenset[str], last: LastCopies, *, suppressed: int = 0) -> Plan:
    """Return the plan for the tables that holders claimed, and for so many addresses on the suppression list."""
    sealed = (
        f"Backups, sealed data: until the key of epoch {last.epoch} is destroyed, which is due by {last.sealed_until};"
        f' the public log says so when it is done (key.destroyed, "epoch":{last.epoch}).'
    )
    behaviour = f"Backups, behaviour: until the last one from before is thrown away, by {last.behaviour_until}."
    kept = (NEVER.format(count=suppressed),) if suppressed else ()
    return Plan(tuple(sorted(tables)), (*STAYS, *kept, sealed, behaviour))
