"""Epochs as values: their states, and the text of the file that holds their wrapped keys.

The key-encryption key (KEK) of an epoch is 32 random bytes, wrapped under a key derived from the root: `01 | alg |
epoch u32 | nonce 12 | ciphertext 32 | tag 16`, 66 bytes, with the associated data `"epoch1" | epoch u32`. So whoever
destroys the one wrapped copy has destroyed everything below it, whatever backups of the database there are.

The text is TOML with exactly the fields that `render` writes, and nothing else: it is read by rendering again what was
parsed. `key` names the root that it belongs to, `check` is an HMAC-SHA256 over all that follows it.
"""

import hmac
import json
import struct
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from ecrm_privacy.errors import EpochsRefused, Tampered
from ecrm_privacy.vault import aead
from ecrm_privacy.vault.aead import Secret

FILE_VERSION = 1
EPOCH_MAX = 2**31 - 1
_Time = Annotated[datetime, msgspec.Meta(tz=True)]
_HEAD = """\
# ecrm epochs. Without this file nothing that the database keeps sealed can be opened, even with the key file.
# `ecrm keys backup DIR` keeps a copy of it in step. Never put it into a backup that is kept.
"""


class EpochState(StrEnum):
    """What an epoch is for."""

    NEXT = "next"
    """Made, and not in use: the log has not said so yet."""
    CURRENT = "current"
    """New keys are wrapped under it."""
    RETIRED = "retired"
    """Keys that were wrapped under it still open."""
    DESTROYED = "destroyed"
    """Its key is gone; the line stays."""


class Epoch(msgspec.Struct, frozen=True):
    """One epoch. `wrapped` is None once it is destroyed; times are UTC, to the second."""

    number: int
    state: EpochState
    made: datetime
    retired: datetime | None = None
    destroyed: datetime | None = None
    wrapped: bytes | None = None


class EpochList(msgspec.Struct, frozen=True):
    """Every epoch in the order of their numbers, and the folders that hold copies of the file."""

    epochs: tuple[Epoch, ...]
    copies: tuple[Path, ...] = ()

    @property
    def current(self) -> Epoch:
        """The one under which new keys are wrapped."""
        return next(epoch for epoch in self.epochs if epoch.state is EpochState.CURRENT)

    @property
    def upcoming(self) -> Epoch | None:
        """The one that was made and is not in use yet."""
        return next((epoch for epoch in self.epochs if epoch.state is EpochState.NEXT), None)

    def get(self, number: int) -> Epoch | None:
        """Return one epoch."""
        return next((epoch for epoch in self.epochs if epoch.number == number), None)

    def with_next(self, keys: "EpochKeys", now: datetime) -> "EpochList":
        """Return the list with a further epoch that is not in use yet."""
        assert self.upcoming is None, "one at a time"
        number = self.epochs[-1].number + 1
        return msgspec.structs.replace(self, epochs=(*self.epochs, _new(keys, number, EpochState.NEXT, now)))

    def promoted(self, now: datetime) -> "EpochList":
        """Return the list with the next epoch as the current one, and the current one retired."""
        assert self.upcoming is not None, "there is one to promote"
        becomes = {
            self.current.number: msgspec.structs.replace(self.current, state=EpochState.RETIRED, retired=now),
            self.upcoming.number: msgspec.structs.replace(self.upcoming, state=EpochState.CURRENT),
        }
        return msgspec.structs.replace(self, epochs=tuple(becomes.get(e.number, e) for e in self.epochs))

    def without_key(self, number: int, now: datetime) -> "EpochList":
        """Return the list with one epoch destroyed: its key is gone, its line stays."""
        ended = tuple(
            msgspec.structs.replace(epoch, state=EpochState.DESTROYED, destroyed=now, wrapped=None)
            if epoch.number == number
            else epoch
            for epoch in self.epochs
        )
        return msgspec.structs.replace(self, epochs=ended)


class EpochKeys:
    """What the root gives to the epochs: the key that wraps them, and the key that checks their file."""

    __slots__ = ("_check", "_wrap")

    def __init__(self, derive: Callable[[str], bytes]) -> None:
        self._wrap = Secret(derive("epochs/wrap/v1"))
        self._check = Secret(derive("epochs/check/v1"))

    def wrap(self, number: int, kek: bytes) -> bytes:
        """Wrap the key of an epoch, 66 bytes."""
        return aead.seal(self._wrap.cipher(), _header(number), kek, _bound(number))

    def unwrap(self, number: int, wrapped: bytes) -> bytes:
        """Return the key of an epoch. Raises Tampered when it is not that epoch's, under this root."""
        return aead.open_sealed(self._wrap.cipher(), _header(number), wrapped, _bound(number))

    @property
    def key_id(self) -> str:
        """The name of the root in the epochs' file: 16 hex digits that tell nothing about it."""
        return hmac.digest(self._check.reveal(), b"id", "sha256")[:8].hex()

    def check(self, text: bytes) -> str:
        """Return the check over the text of the file."""
        return hmac.digest(self._check.reveal(), b"file" + text, "sha256").hex()

    def __repr__(self) -> str:
        return "<EpochKeys>"


def first(keys: EpochKeys, now: datetime) -> EpochList:
    """Return a list with one new epoch, which is current."""
    return EpochList((_new(keys, 1, EpochState.CURRENT, now),))


def now() -> datetime:
    """Return the time as it is written down."""
    return datetime.now(UTC).replace(microsecond=0)


def _new(keys: EpochKeys, number: int, state: EpochState, made: datetime) -> Epoch:
    if number > EPOCH_MAX:
        raise EpochsRefused("there is no number left for a further epoch")
    return Epoch(number, state, made, wrapped=keys.wrap(number, aead.random_secret().reveal()))


def _header(number: int) -> bytes:
    return struct.pack(">BBI", 1, aead.AES_256_GCM, number)


def _bound(number: int) -> bytes:
    return b"epoch1" + struct.pack(">I", number)


class _Line(msgspec.Struct, frozen=True):
    number: int
    state: EpochState
    made: _Time
    retired: _Time | None = None
    destroyed: _Time | None = None
    wrapped: str | None = None


class _Text(msgspec.Struct, frozen=True):
    epoch: tuple[_Line, ...]
    copies: tuple[str, ...]


# the text ------------------------------------------------------------------------------------------------------------


def render(listed: EpochList, keys: EpochKeys) -> bytes:
    """Return the text of the file."""
    copies = "".join(f"  {_quoted(folder)},\n" for folder in listed.copies)
    text = f"copies = [\n{copies}]\n" if copies else "copies = []\n"
    for epoch in listed.epochs:
        text += f'\n[[epoch]]\nnumber = {epoch.number}\nstate = "{epoch.state.value}"\n'
        for name in ("made", "retired", "destroyed"):
            if (at := getattr(epoch, name)) is not None:
                text += f"{name} = {at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}\n"
        if epoch.wrapped is not None:
            text += f'wrapped = "{epoch.wrapped.hex()}"\n'
    checked = text.encode()
    head = f'{_HEAD}version = {FILE_VERSION}\nkey = "{keys.key_id}"\ncheck = "{keys.check(checked)}"\n'
    return head.encode() + checked


def parse(path: Path, content: bytes, keys: EpochKeys) -> EpochList:
    """Return what the text of the file says. Raises EpochsRefused; no message repeats what stood in it."""
    damaged = EpochsRefused(
        f"{path} is damaged: put a copy in its place (`ecrm keys backup DIR` made it); without any, what is sealed is"
        " lost"
    )
    try:
        fields = tomllib.loads(content.decode())
        version, key_id = fields["version"], fields["key"]
    except (ValueError, KeyError):
        raise damaged from None
    if version != FILE_VERSION:
        raise EpochsRefused(f"{path} is of another version; this program reads version {FILE_VERSION}")
    if key_id != keys.key_id:
        raise EpochsRefused(f"{path} belongs to another key file than the one beside it: put the right one there")
    try:
        text = msgspec.convert(fields, _Text)
        listed = EpochList(tuple(_epoch(each) for each in text.epoch), tuple(Path(copy) for copy in text.copies))
    except ValueError:
        raise damaged from None
    if not hmac.compare_digest(render(listed, keys), content) or not _is_whole(listed.epochs):
        raise damaged
    return listed


def keks(path: Path, listed: EpochList, keys: EpochKeys) -> dict[int, Secret]:
    """Unwrap the key of every epoch that is in use. Raises EpochsRefused for one that does not check."""
    found = {}
    for epoch in listed.epochs:
        if epoch.wrapped is not None and epoch.state is not EpochState.NEXT:
            try:
                found[epoch.number] = Secret(keys.unwrap(epoch.number, epoch.wrapped))
            except Tampered:
                raise EpochsRefused(
                    f"{path}: the key of epoch {epoch.number} does not check: put a copy of the file in its place"
                ) from None
    return found


def _epoch(line: _Line) -> Epoch:
    wrapped = None if line.wrapped is None else bytes.fromhex(line.wrapped)
    return Epoch(line.number, line.state, line.made, line.retired, line.destroyed, wrapped)


def _quoted(folder: Path) -> str:
    """A TOML string is one of JSON, but for a character that JSON lets stand."""
    return json.dumps(str(folder), ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_whole(epochs: Sequence[Epoch]) -> bool:
    """Whether numbers go up, one is current, and exactly the destroyed ones have no key."""
    numbers = [epoch.number for epoch in epochs]
    states = [epoch.state for epoch in epochs]
    return (
        numbers == sorted(set(numbers))
        and all(0 < number <= EPOCH_MAX for number in numbers)
        and states.count(EpochState.CURRENT) == 1
        and states.count(EpochState.NEXT) <= 1
        and all((epoch.wrapped is None) is (epoch.state is EpochState.DESTROYED) for epoch in epochs)
    )
