"""Putting a policy in force: rows that mean nothing before, one entry of the log, and one pointer."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from secrets import token_bytes
from typing import NamedTuple

from ecrm_privacy import shipped
from ecrm_privacy.config import Config
from ecrm_privacy.errors import Failure, PolicyRefused, PolicyUnreadable
from ecrm_privacy.ledger.record import Entry, LeafType, commitment, leaf
from ecrm_privacy.policy import acts
from ecrm_privacy.policy import store as policy_store
from ecrm_privacy.policy.compile import compile as compile_policy
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.load import load
from ecrm_privacy.policy.shelf import Shelf
from ecrm_privacy.sql import Conn

Acquire = Callable[[], AbstractAsyncContextManager[Conn]]
Append = Callable[[Sequence[Entry]], Awaitable[list[int | Failure]]]
Instead = Callable[[str], Bundle]
"""Is told why the policy in force cannot be read, and returns the one to put in force instead, or raises."""


def read_policy(config: Config) -> Bundle:
    """Read the policy documents of the configuration. Raises PolicyRefused naming every problem."""
    return load(config.policies or shipped.policies())


async def active(
    acquire: Acquire, append: Append, shelf: Shelf, config: Config, instead: Instead | None = None
) -> Bundle:
    """Return the active bundle; a database without any gets the configured documents.

    Raises PolicyRefused, which says what to do, when this program cannot read it and nobody names another.
    """
    async with acquire() as conn:
        row = await policy_store.active_hash().first(conn)
    if row is None:
        await activate(acquire, append, read_policy(config))
        return await active(acquire, append, shelf, config)
    try:
        return await shelf.bundle(row.bundle)
    except PolicyUnreadable as unreadable:
        if instead is None:
            raise PolicyRefused(
                f"{unreadable}: put documents in force that it reads, with `ecrm policy activate DIR`"
            ) from unreadable
        bundle = instead(str(unreadable))
        await activate(acquire, append, bundle)
        return await shelf.bundle(bundle.hash)


class Rendered(NamedTuple):
    """What was found about the banners of a bundle before it is in force: JSON, its SHA-256, and a page."""

    report: bytes
    text: bytes
    page: bytes


async def activate(acquire: Acquire, append: Append, bundle: Bundle, rendered: Rendered | None = None) -> int:
    """Make `bundle` the policy and return the leaf index of the act; `rendered` is kept, and named by the act.

    Its rows are written ahead, because they mean nothing before, and once, together with its documents; one entry and
    one pointer switch every worker at once.
    """
    async with acquire() as conn, conn.transaction():
        if await policy_store.documents_of(bundle.hash).first(conn) is None:
            for effect in policy_store.write_rows(bundle, compile_policy(bundle)):
                await effect.run(conn)
        if rendered:
            await policy_store.keep_rendered(rendered.report, bundle.hash, rendered.text, rendered.page).run(conn)
    now = datetime.now(UTC).replace(microsecond=0)
    text = acts.statement(bundle.hash, now, rendered.report if rendered else None)
    opening = token_bytes(32)
    entry = Entry(
        leaf=leaf(LeafType.POLICY, commitment(opening, text)),
        statement=(text, opening),
        effects=(policy_store.point(bundle.hash),),
    )
    outcome = (await append([entry]))[0]
    if isinstance(outcome, Failure):
        raise PolicyRefused(f"the policy could not be put in force: {type(outcome).__name__}") from outcome
    return outcome
