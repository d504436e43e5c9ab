"""What is said through the hatch, and how it is told apart from what went wrong."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ecrm_privacy.errors import Failure, LogFrozen, NotKnown, OutcomeUnknown, Unavailable
from ecrm_privacy.gate.types import Caller, Grant, Signals
from ecrm_privacy.web.refusals import ApiKeyRefused, ScopeMissing, TooMany

VERSION = 1
"""Of these words; both ends must speak the same one."""

DONE, FAILED, START, PART, END, LOST = range(6)
"""Kinds of answers: a value; a failure; the head of a response, a part of its body, its last part. `LOST` is never
sent: it is what the hall hears in place of an answer when the connection ends."""


class _Word(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Something that the hall says."""


class Hello(_Word, frozen=True):
    """The first word of a connection; the house answers with `Welcome`."""

    version: int


class AreYouThere(_Word, frozen=True):
    """Asked twice a second; answered with nothing."""


class Admit(_Word, frozen=True):
    """A request at the gate; answered with `Admitted`."""

    caller: Caller
    needs: tuple[str, ...]
    signals: Signals


class WhoIs(_Word, frozen=True):
    """Who looks at a page; answered with a `Visitor`."""

    caller: Caller
    signals: Signals


class WhoseKey(_Word, frozen=True):
    """Who holds the key in an Authorization header, and may they; answered with a `ServerCaller`."""

    authorization: str
    scope: str


class IsFrozen(_Word, frozen=True):
    """Whether the log takes entries; answered with the reason why not, or nothing."""


class Documents(_Word, frozen=True):
    """The documents of a policy bundle, by its hash; answered with them."""

    bundle: bytes


class Request(_Word, frozen=True):
    """A call that the house answers, with its whole body; answered with `START`, parts, and `END`."""

    method: str
    path: str
    raw_path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    scheme: str
    client: tuple[str, int] | None
    server: tuple[str, int | None] | None
    body: bytes


Question = Hello | AreYouThere | Admit | WhoIs | WhoseKey | IsFrozen | Documents | Request


class Welcome(msgspec.Struct, frozen=True, array_like=True):
    """What a hall needs to begin: the password of the guest's role, the policy in force, and the house's paths."""

    guest_password: str
    policy: bytes
    paths: tuple[str, ...]

    def __repr__(self) -> str:
        return "Welcome(…)"


class Admitted(msgspec.Struct, frozen=True, array_like=True):
    """What the gate granted, and the hash of the policy by which it did."""

    policy: bytes
    grants: Mapping[str, Grant]


class Start(msgspec.Struct, frozen=True, array_like=True):
    """The head of a response, with what is logged of it: the template of its path, and the problem that it is."""

    status: int
    headers: list[tuple[bytes, bytes]]
    template: str
    problem: dict[str, str]


class Failed(msgspec.Struct, frozen=True, array_like=True):
    """A failure by its name, with the little that it says."""

    name: str
    about: str = ""
    retry_after_s: float = 1.0


EXPECTED: Mapping[str, type[Failure]] = {
    kind.__name__: kind
    for kind in (Unavailable, LogFrozen, OutcomeUnknown, NotKnown, ApiKeyRefused, ScopeMissing, TooMany)
}
"""The failures that are the same on both sides; every other is a fault of the house, which has logged it."""


class HouseFailed(Exception):
    """The house met a fault of its own; it has said in its log which."""


def told(failure: Exception) -> Failed:
    """Return a failure as it is said."""
    name = next((each.__name__ for each in type(failure).__mro__ if EXPECTED.get(each.__name__) is each), "")
    about = str(failure) if isinstance(failure, LogFrozen) else ""
    return Failed(name, about, float(getattr(failure, "retry_after_s", 1.0)))


def heard(failed: Failed) -> Exception:
    """Return the failure that was said."""
    kind: Any = EXPECTED.get(failed.name)
    if kind is None:
        return HouseFailed()
    return kind(failed.retry_after_s) if kind is TooMany else kind(failed.about)
