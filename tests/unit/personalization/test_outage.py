"""While nothing can be read, everybody gets what nobody in particular would."""

import pytest

from ecrm_privacy.errors import Unavailable
from personalization.interact.behaviour import Acts, Names
from personalization.interact.outage import LastKnown, everybodys_shelf, no_acts
from personalization.interact.shelf import Shelf, Shown

pytestmark = pytest.mark.anyio


class Source:
    """Gives what it has; without anything it is away."""

    def __init__(self, has: Shelf | None = None) -> None:
        self.has = has

    async def shelf(self, _around: tuple[str, ...]) -> Shelf:
        """Give the shelf."""
        if self.has is None:
            raise Unavailable
        return self.has

    async def sections(self) -> int:
        """Count what lies on the shelf."""
        return len((await self.shelf(())).items)


def on_shelf(*names: str) -> dict[str, Shown]:
    return {name: Shown(name, "product", name, "tea", f"/items/{name}", None, 100, "EUR", True) for name in names}


async def test_the_last_reading_is_given_again() -> None:
    """What is the same for everybody is read while it can be, and remembered when it cannot."""
    source = Source(Shelf(items=on_shelf("a", "b")))
    sections = LastKnown(source.sections)
    assert await sections() == 2
    source.has = None
    assert await sections() == 2
    source.has = Shelf(items=on_shelf("a"))
    assert await sections() == 1


async def test_what_was_never_read_cannot_be_remembered() -> None:
    """Before the first reading an outage is told as what it is."""
    source = Source()
    with pytest.raises(Unavailable):
        await LastKnown(source.sections)()
    with pytest.raises(Unavailable):
        await everybodys_shelf(source.shelf)(())


async def test_nobodys_shelf_holds_nothing_of_anybody() -> None:
    """What lay on a shared shelf for somebody else's history is not on the one that is remembered."""
    source = Source(Shelf(near={"z": (("y", 1.0),)}, popular=("a",), head=("b",), items=on_shelf("a", "b", "y", "z")))
    shelf = everybodys_shelf(source.shelf)
    await shelf(())
    source.has = None
    assert await shelf(("z",)) == Shelf(popular=("a",), head=("b",), items=on_shelf("a", "b"))


async def test_without_a_reading_nobody_did_anything() -> None:
    """An outage between the gate and the history leaves the page that everybody gets."""

    async def away(_names: Names) -> Acts:
        raise Unavailable

    assert await no_acts(away)(()) == {}
