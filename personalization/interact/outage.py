"""While the database is away: what everybody gets, as it was last read, and never anything about anybody.

It is kept in the memory of a worker. What it shows was in stock, and made by at least k people, when it was read.
"""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ecrm_privacy.errors import Unavailable
from personalization.interact.behaviour import Acts, Names, ReadBehaviour
from personalization.interact.shelf import ReadShelf, Shelf

T = TypeVar("T")


class LastKnown(Generic[T]):
    """Reads what is the same for everybody; while it cannot be read, gives it as it was. Raises Unavailable before."""

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._known: list[T] = []

    async def __call__(self) -> T:
        """Read, or remember."""
        try:
            self._known[:] = [await self._read()]
        except Unavailable:
            if not self._known:
                raise
        return self._known[0]


def everybodys_shelf(read: ReadShelf) -> ReadShelf:
    """Read shelves; while they cannot be read, give the one of nobody in particular. Raises Unavailable before."""
    known: list[Shelf] = []

    async def shelf(around: tuple[str, ...]) -> Shelf:
        try:
            found = await read(around)
        except Unavailable:
            if not known:
                raise
            return known[0]
        if not around or not known:
            known[:] = [_for_nobody(found)]
        return found

    return shelf


def no_acts(read: ReadBehaviour) -> ReadBehaviour:
    """Read what was done; while it cannot be read, nobody did anything: that makes the page which everybody gets."""

    async def acts(names: Names) -> Acts:
        try:
            return await read(names)
        except Unavailable:
            return {}

    return acts


def _for_nobody(shelf: Shelf) -> Shelf:
    """Return what of a shelf is the same for everybody: requests share statements, so more may lie on it."""
    shown = {*shelf.popular, *shelf.head}
    return Shelf(
        popular=shelf.popular, head=shelf.head, items={name: shelf.items[name] for name in shown if name in shelf.items}
    )
