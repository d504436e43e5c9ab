"""What passes the gate. All that the guest may import.

A `Grant` holds opened values and pseudonyms, never a subject and never a key. An empty grant is the ordinary case: no
subject, no permission, expired, stale, database away. Nobody branches on it:
without pseudonyms there is nothing to read.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime

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
    """What came with the request and can only narrow: `closed` are purposes this browser said no to.

    `elsewhere` are those that other sites ask about and this one does not: nothing here is done for them.
    """

    regime: Regime
    gpc: bool = False
    closed: frozenset[Purpose] = frozenset()
    closed_all: bool = False
    answered: NoticeVersion | None = None
    """The notice that this browser last answered; a question is due again when it is no longer good."""
    elsewhere: frozenset[Purpose] = frozenset()


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


PREFERENCES = Category("preferences")
"""The category in which people's own wishes stand, sealed as every field is."""
BETWEEN = ", "


class View(msgspec.Struct, frozen=True):
    """What somebody wants of the pages, as they said it: items to `hide`, sections with a `weight` from -2 (less) to 2
    (more), and until when suggestions pause. It is kept as fields of `PREFERENCES`, in words that people can read.
    """

    hide: tuple[str, ...] = ()
    weight: Mapping[str, int] = {}
    pause_until: datetime | None = None

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "View":
        """Read the fields of a category; what cannot be read was not said."""
        weights = (part.rpartition(" ") for part in fields.get("weight", "").split(BETWEEN))
        pause = None
        with suppress(ValueError):
            pause = datetime.fromisoformat(fields.get("pause_until", ""))
        return cls(
            tuple(name for name in fields.get("hide", "").split(BETWEEN) if name),
            {name: WEIGHTS[text] for name, _, text in weights if name and text in WEIGHTS},
            pause if pause is not None and pause.tzinfo is not None else None,
        )

    def fields(self) -> dict[str, str]:
        """Return it as fields; of what is not wished the field is empty."""
        return {
            "hide": BETWEEN.join(self.hide),
            "weight": BETWEEN.join(f"{name} {weight:+}" for name, weight in self.weight.items()),
            "pause_until": self.pause_until.isoformat(timespec="minutes") if self.pause_until else "",
        }

    def is_paused(self, now: datetime) -> bool:
        """Tell whether suggestions pause."""
        return self.pause_until is not None and now < self.pause_until


WEIGHTS = {f"{weight:+}": weight for weight in (-2, -1, 1, 2)}

Admit = Callable[[Caller, Sequence[str], Signals], Awaitable[Mapping[str, Grant]]]
"""`await admit(caller, need_names, signals)` gives one `Grant` per need; in doubt it grants nothing."""
