"""What the log says in public when a policy is put in force: the statement of that entry, as JSON.

    {"v":1,"act":"policy.activate","bundle":"<hex SHA-256 of the documents>","at":"2026-11-22T04:30:05Z",
     "rendered":"<hex SHA-256 of the report about its banners>"}

`at` is the server's clock, UTC. Statements of older programs have none: those count by their place in the log.
`rendered` is left out where nobody had measured the banners.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ecrm_privacy.errors import Tampered


class Activation(msgspec.Struct, frozen=True):
    """A policy put in force: the hash of its bundle, and when (None in statements that do not say it)."""

    bundle: bytes
    at: datetime | None
    rendered: bytes | None = None
    """SHA-256 of the report about its banners, if they were measured before."""


class _Act(msgspec.Struct, frozen=True):
    v: Literal[1]
    act: str


class _Statement(msgspec.Struct, frozen=True, omit_defaults=True):
    v: Literal[1]
    act: Literal["policy.activate"]
    bundle: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    at: Annotated[datetime, Meta(tz=True)] | None = None
    rendered: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")] | None = None


def statement(bundle_hash: bytes, at: datetime, rendered: bytes | None = None) -> bytes:
    """Return the public statement that the bundle of that hash is in force since `at` (UTC), and which report about its
    banners there is.
    """
    assert at.tzinfo is UTC, "times are aware and UTC"
    return msgspec.json.encode(
        _Statement(1, "policy.activate", bundle_hash.hex(), at, rendered.hex() if rendered else None)
    )


def parse(text: bytes) -> Activation | None:
    """Return what a statement puts in force; None for another act of ours.

    Raises `Tampered` for what is no statement, or one that this program is too old for.
    """
    try:
        if msgspec.json.decode(text, type=_Act).act != "policy.activate":
            return None
        read = msgspec.json.decode(text, type=_Statement)
        rendered = bytes.fromhex(read.rendered) if read.rendered else None
        return Activation(bytes.fromhex(read.bundle), read.at and read.at.astimezone(UTC), rendered)
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError):
        raise Tampered("the statement of an act of ours cannot be read") from None
