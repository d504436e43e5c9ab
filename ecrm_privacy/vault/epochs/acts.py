"""What the log says in public about epochs: the statement of that entry, as JSON.

    {"v":1,"act":"key.epoch","epoch":2,"at":"2026-11-22T04:30:05Z"}         from here new keys are wrapped under it
    {"v":1,"act":"key.destroyed","epoch":1,"at":"2026-12-22T04:30:05Z"}     its key is gone, here and in every copy

`at` is the server's clock, UTC.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ecrm_privacy.errors import Tampered

Act = Literal["key.epoch", "key.destroyed"]


class EpochAct(msgspec.Struct, frozen=True):
    """One statement about an epoch."""

    v: Literal[1]
    act: Act
    epoch: Annotated[int, Meta(gt=0, lt=2**31)]
    at: Annotated[datetime, Meta(tz=True)]


def statement(act: Act, epoch: int, at: datetime) -> bytes:
    """Return the public statement about an epoch, at a time in UTC."""
    assert at.tzinfo is UTC, "times are aware and UTC"
    return msgspec.json.encode(EpochAct(1, act, epoch, at))


def parse(text: bytes) -> EpochAct:
    """Return what a statement says. Raises `Tampered` for what is no such statement."""
    try:
        read = msgspec.json.decode(text, type=EpochAct)
        return msgspec.structs.replace(read, at=read.at.astimezone(UTC))
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError):
        raise Tampered("the statement about an epoch cannot be read") from None
