"""Entries as a desk would make them, with a seal that hides nothing, and the opener that goes with it."""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import msgspec

from ecrm_privacy.ledger.record import (
    Body,
    Change,
    ConsentEvent,
    Entry,
    EventKind,
    LeafType,
    StateChange,
    commitment,
    leaf,
    payload,
)
from ecrm_privacy.ledger.verify import Opened, Opener, SealedBody
from ecrm_privacy.vocabulary import ConsentStatus, ExpressionMethod, SubjectId

ORIGIN = "shop.example/ledger"


def a_subject() -> SubjectId:
    return SubjectId(uuid4())


def say(status: ConsentStatus, purpose: str = "remember", **rule: str) -> Change:
    return Change(purpose=purpose, status=status, notice="shop@3", since=date(2026, 1, 31), **rule)


GIVEN = say(ConsentStatus.GIVEN)
REFUSED = say(ConsentStatus.REFUSED)


def an_event(changes: Sequence[Change] = (), state: StateChange | None = None) -> ConsentEvent:
    return ConsentEvent(
        record_id=uuid4(),
        event_time=datetime.now(UTC),
        kind=EventKind.ANSWER,
        controller="Paper & Tea",
        site="demo",
        method=ExpressionMethod.SAVE,
        notice="shop@3",
        notice_hash="ab" * 32,
        locale="en",
        changes=tuple(changes),
        state=state,
    )


def an_entry(
    subject: SubjectId | None = None,
    changes: Sequence[Change] = (),
    state: StateChange | None = None,
    **more: Any,
) -> Entry:
    """An entry whose body is `open || payload` in the clear."""
    open, text = secrets.token_bytes(32), payload(an_event(changes, state))
    linked = subject is not None and not more.get("erases")
    return Entry(
        leaf=leaf(LeafType.SUBJECT, commitment(open, text)),
        subject=subject,
        body=Body(sha256(open).digest(), open + text, b"receipt", b"subject" if linked else None),
        changes=tuple(changes) if linked else (),
        state=state if linked else None,
        **more,
    )


def own_act(text: bytes = b"policy") -> Entry:
    open = secrets.token_bytes(32)
    return Entry(leaf=leaf(LeafType.POLICY, commitment(open, text)), statement=(text, open))


def open_one(body: SealedBody) -> Opened:
    """Open what `an_entry` sealed; a body whose link was cut stays shut."""
    return (body.sealed[32:], body.sealed[:32]) if body.wrapped_for_subject else None


def opening(one: Callable[[SealedBody], Opened]) -> Opener:
    """Make an opener of what opens one body."""

    async def some(bodies: Sequence[SealedBody]) -> list[Opened]:
        return [one(body) for body in bodies]

    return some


opener = opening(open_one)


def seen(entry: Entry, leaf_index: int | None) -> Entry:
    return msgspec.structs.replace(entry, seen=leaf_index)
