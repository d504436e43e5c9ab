"""What passes the gate. All that the guest may import.

A `Grant` holds opened values and pseudonyms, never a subject and never a key. An empty grant is the ordinary case: no
subject, no permission, expired, stale, database away. Nobody branches on it:
without pseudonyms there is nothing to read.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date

import msgspec

from ecrm_privacy.vocabulary import Category, NoticeVersion, Pseudonym, Purpose, Regime


class Caller(msgspec.Struct, frozen=True):
    """Behind whom we look: the hash of a session cookie or the number of a shop's customer; None for nobody.

    Whoever looks makes the number's blind index, so that whoever asks needs no key. It is not shown by `repr`. `system`
    is the department or partner that gets what is found; empty for our own pages.
    """

    token_hash: bytes | None = None
    customer_number: str | None = None
    system: str = ""

    def __repr__(self) -> str:
        return f"Caller(by_token={self.token_hash is not None}, by_number={self.customer_number is not None})"


class Signals(msgspec.Struct, frozen=True):
    """What came with the request and can only narrow: `closed` are purposes this browser said no to."""

    regime: Regime
    gpc: bool = False
    closed: frozenset[Purpose] = frozenset()
    closed_all: bool = False
    answered: NoticeVersion | None = None
    """The notice that this browser last answered; a question is due again when it is no longer good."""


class Permission(msgspec.Struct, frozen=True):
    """Whether a need's purpose is allowed now, and why (`because` is a word of the policy's decision table)."""

    purpose: Purpose
    allowed: bool
    status: str
    because: str
    until: date | None = None


NOBODY = Permission(Purpose(""), False, "unknown", "unavailable")
"""What is allowed while nobody can say."""


class Grant(msgspec.Struct, frozen=True):
    """What one need opened: `values` by category and field, `pseudonyms` by category; both empty without permission."""

    permission: Permission
    values: Mapping[Category, Mapping[str, str]] = {}
    pseudonyms: Mapping[Category, tuple[Pseudonym, ...]] = {}

    @property
    def is_empty(self) -> bool:
        """True when nothing was opened."""
        return not self.values and not self.pseudonyms

    def all_pseudonyms(self) -> list[Pseudonym]:
        """Return every open pseudonym, in a stable order."""
        return [pseudonym for category in sorted(self.pseudonyms) for pseudonym in self.pseudonyms[category]]


Admit = Callable[[Caller, Sequence[str], Signals], Awaitable[Mapping[str, Grant]]]
"""`await admit(caller, need_names, signals)` gives one `Grant` per need; in doubt it grants nothing."""
