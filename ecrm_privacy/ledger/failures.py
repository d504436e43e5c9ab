"""What can be wrong with one entry. These live here because only the ledger writer knows them.

Refusal
├── StaleSubject     what the caller read is no longer so (somebody wrote about the subject, an epoch of keys was
│                    closed); read again and retry
├── KeyTaken         the Idempotency-Key was taken by an earlier entry; answer with the reply that is kept
└── EntryRefused     the database refused the entry or one of its effects
`LogFrozen`, which others meet too, stands with the failures of everybody.
"""

from ecrm_privacy.errors import LogFrozen, Refusal

__all__ = ["EntryRefused", "KeyTaken", "LogFrozen", "StaleSubject"]


class StaleSubject(Refusal):
    """What the entry was decided by is no longer so (a newer entry, a closed epoch of keys); nothing was written."""


class KeyTaken(Refusal):
    """The Idempotency-Key of this entry was taken by an earlier one; nothing was written."""


class EntryRefused(Refusal):
    """The database refused this entry or one of its effects; nothing of it was written.

    `sqlstate` and `constraint` name the rule. The database's own message is left out: it quotes values.
    """

    def __init__(self, sqlstate: str, constraint: str | None = None) -> None:
        super().__init__(f"the database refused the entry: SQLSTATE {sqlstate}, constraint {constraint or 'none'}")
        self.sqlstate = sqlstate
        self.constraint = constraint
