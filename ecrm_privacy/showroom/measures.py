"""What `measure.js` gives: lengths in CSS pixels, contrasts as WCAG 2.2 defines them (1 to 21)."""

from typing import Literal

import msgspec

Form = Literal["first", "choose", "form"]
"""The first view, the view that `choose` opens, and the banner as a form in the page, without scripts."""
WIDTHS = {320: 568, 360: 740, 768: 1024, 1280: 800}
"""The widths that are looked at, and how high a screen of that width is."""
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
FORMS: tuple[Form, ...] = ("first", "choose", "form")


class Box(msgspec.Struct, frozen=True):
    """Where something lies in the viewport."""

    x: float
    y: float
    width: float
    height: float


class Look(msgspec.Struct, frozen=True):
    """How a choice is painted, as the browser computed it."""

    colour: str
    background: str
    border: str
    shadow: str
    opacity: str


class Font(msgspec.Struct, frozen=True):
    """How a choice is set."""

    family: str
    size: float
    weight: str
    style: str
    case: str
    line: str
    spacing: str


class Choice(msgspec.Struct, frozen=True):
    """One button. `order` is its place by the Tab key (-1: not reached); `reachable`: whoever scrolls nothing can press
    it.
    """

    action: str
    words: str
    kind: str
    box: Box
    shown: bool
    reachable: bool
    order: int
    focused: bool
    disabled: bool
    contrast: float
    pictured: bool
    clipped: bool
    look: Look
    font: Font


class Words(msgspec.Struct, frozen=True):
    """A piece of text; `pictured` where it stands over a picture, so that its contrast cannot be told."""

    words: str
    size: float
    contrast: float
    pictured: bool


class Modal(msgspec.Struct, frozen=True):
    """What a banner does to the page beside it: `covers` is the share of the screen that it takes; of `looked` points
    of the page, `blocked` did not reach the page.
    """

    says: bool
    covers: float
    blocked: int
    looked: int
    locked: bool


class Measures(msgspec.Struct, frozen=True):
    """One banner, measured. `shift` is the layout shift since the page came (CLS); `wider` how far the page scrolls
    sideways; `clicks` how often each choice must be pressed until its answer is given.
    """

    found: bool
    box: Box = Box(0, 0, 0, 0)
    choices: tuple[Choice, ...] = ()
    texts: tuple[Words, ...] = ()
    ticked: tuple[str, ...] = ()
    modal: Modal = Modal(False, 0, 0, 0, False)
    shift: float = 0
    wider: float = 0
    characters: int = 0
    clicks: dict[str, int] = {}

    def choice(self, action: str) -> Choice | None:
        """The choice of that name that is shown, if there is one."""
        return next((each for each in self.choices if each.action == action and each.shown), None)
