"""What makes a banner deceptive, as rules over what was measured: each with who says so, and what to do. Pure.

The sources name principles; where a rule needs a number, it is ours, chosen so that what passes is beyond doubt, and
stands below. A banner without findings can still deceive: a person looks at the pictures, too.

Sources, as quoted in the findings:
- EDPB, Guidelines 03/2022 on deceptive design patterns, version 2.0 (14 February 2023), by the name of the pattern: its
  number is another one in version 1.0.
- EDPB, Report of the work undertaken by the Cookie Banner Taskforce (17 January 2023), by paragraph. Paragraph 17 says
  that no general standard of colour or contrast can be imposed; that the choices look alike is CNIL's, and ours.
- CNIL, délibération 2020-092 of 17 September 2020 (recommendation on trackers), 2.4 on consent and refusal: refusing on
  the same screen and as easily as accepting; buttons and font of the same size, equally readable, emphasised in the
  same way.
- GDPR by article; WCAG 2.2 by success criterion.
"""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from ecrm_privacy.policy.buttons import spoken
from ecrm_privacy.showroom.measures import Choice, Form, Measures

CONTRAST_LEAST = 4.5
CONTRAST_APART_MOST = 0.15
SIZE_LEAST = 12.0
PIXELS_APART_MOST = 1.5
SHIFT_MOST = 0.001
CHARACTERS_MOST = 520
COVERED_MOST = 0.9
BLOCKED_MOST = 0
PAINT = ("colour", "background", "opacity")
"""What contrast is made of: where that differs, it is told once."""
ACCEPT, REFUSE = "accept_all", "refuse_all"

GUIDELINES = "EDPB Guidelines 03/2022 v2.0"
TASKFORCE = "EDPB Cookie Banner Taskforce report (2023)"
CNIL = "CNIL, délibération 2020-092"


class Finding(msgspec.Struct, frozen=True, order=True):
    """What breaks a rule: `rule` is its name in `RULES`, `what` the fact, with its numbers."""

    rule: str
    what: str


class Rule(msgspec.Struct, frozen=True):
    """What is demanded, who says so and where, and what to do about a finding."""

    demands: str
    sources: tuple[str, ...]
    remedy: str


class Seen(msgspec.Struct, frozen=True):
    """One banner as it was rendered: what was measured, in which form, in which language."""

    form: Form
    locale: str
    measures: Measures

    def pair(self) -> tuple[Choice, Choice] | None:
        """Acceptance and refusal, if both are shown."""
        accept, refuse = self.measures.choice(ACCEPT), self.measures.choice(REFUSE)
        return (accept, refuse) if accept and refuse else None

    def others(self) -> Iterator[tuple[Choice, Choice]]:
        """Acceptance beside each other choice of its row, the one that opens or saves the details too."""
        if accept := self.measures.choice(ACCEPT):
            yield from ((accept, each) for each in self.measures.choices if each.shown and each is not accept)


Check = Callable[[Seen], Iterator[str]]


def judge(seen: Seen) -> tuple[Finding, ...]:
    """Every finding about one banner, in the order of the rules."""
    if not seen.measures.found:
        return (Finding("shown", "there is no banner in the page"),)
    return tuple(Finding(name, what) for name, check in CHECKS.items() for what in check(seen))


def _shown(seen: Seen) -> Iterator[str]:
    if not seen.measures.choices:
        yield "the banner asks nothing"


def _refusal(seen: Seen) -> Iterator[str]:
    if seen.measures.choice(ACCEPT) and not seen.measures.choice(REFUSE):
        yield "there is a button to accept and none to refuse"


def _clicks(seen: Seen) -> Iterator[str]:
    accept, refuse = (seen.measures.clicks.get(action, 0) for action in (ACCEPT, REFUSE))
    if accept and refuse == 0:
        yield f"accepting takes {accept} click, and no click refuses"
    elif accept and refuse > accept:
        yield f"accepting takes {accept} click, refusing {refuse}"


def _size(seen: Seen) -> Iterator[str]:
    for accept, other in seen.others():
        for side in ("width", "height"):
            ours, theirs = getattr(accept.box, side), getattr(other.box, side)
            if abs(ours - theirs) > PIXELS_APART_MOST:
                yield f"{side}: accept {ours:.0f} px, {_name(other)} {theirs:.0f} px"


def _look(seen: Seen) -> Iterator[str]:
    for accept, other in seen.others():
        told = PAINT if accept.contrast - other.contrast > CONTRAST_APART_MOST else ()
        for part in accept.look.__struct_fields__:
            if part not in told and getattr(accept.look, part) != getattr(other.look, part):
                yield f"{part}: accept ({getattr(accept.look, part)}), {_name(other)} ({getattr(other.look, part)})"


def _contrast(seen: Seen) -> Iterator[str]:
    for accept, other in seen.others():
        if accept.contrast - other.contrast > CONTRAST_APART_MOST:
            yield f"accept {accept.contrast:.1f}:1, {_name(other)} {other.contrast:.1f}:1"


def _font(seen: Seen) -> Iterator[str]:
    for accept, other in seen.others():
        for part in accept.font.__struct_fields__:
            if getattr(accept.font, part) != getattr(other.font, part):
                yield f"{part}: accept {getattr(accept.font, part)}, {_name(other)} {getattr(other.font, part)}"


def _button(seen: Seen) -> Iterator[str]:
    pair = seen.pair()
    if pair and pair[0].kind == "button" != pair[1].kind:
        yield f"accepting is a button, refusing a {pair[1].kind}"


def _order(seen: Seen) -> Iterator[str]:
    pair = seen.pair()
    if pair is None:
        return
    accept, refuse = pair
    if accept.order < 0 or refuse.order < 0:
        if accept.order != refuse.order:
            yield f"by keyboard only {'accepting' if refuse.order < 0 else 'refusing'} can be reached"
    elif abs(refuse.order - accept.order) != 1:
        yield f"accept comes as number {accept.order + 1} by the Tab key, refuse as {refuse.order + 1}"
    if accept.focused:
        yield "the button to accept has the focus already: Enter or a space would accept"
    if refuse.disabled and not accept.disabled:
        yield "the button to refuse is disabled"


def _ticked(seen: Seen) -> Iterator[str]:
    yield from (f"'{name}' is on before anybody said so" for name in seen.measures.ticked)


def _readable(seen: Seen) -> Iterator[str]:
    for text in seen.measures.texts:
        if text.pictured:
            yield f"'{text.words}' stands over a picture, where nobody can tell its contrast"
        elif text.contrast < CONTRAST_LEAST:
            yield f"'{text.words}' has a contrast of {text.contrast:.1f}:1, at least {CONTRAST_LEAST}:1"
        if text.size < SIZE_LEAST:
            yield f"'{text.words}' is set in {text.size:.1f} px, at least {SIZE_LEAST:.0f} px"
    for choice in seen.measures.choices:
        if choice.shown and choice.clipped:
            yield f"the words of {_name(choice)} are cut off"
    if seen.measures.wider > 1:
        yield f"the page scrolls sideways by {seen.measures.wider:.0f} px"


def _fold(seen: Seen) -> Iterator[str]:
    pair = seen.pair()
    if pair and pair[0].reachable and not pair[1].reachable:
        yield "accepting can be pressed at once, refusing only after scrolling, or never"
    elif pair and not pair[1].reachable:
        yield "neither choice can be pressed without scrolling"


def _shift(seen: Seen) -> Iterator[str]:
    if seen.measures.shift > SHIFT_MOST:
        yield f"the page moves while the banner comes (layout shift {seen.measures.shift:.3f})"


def _modal(seen: Seen) -> Iterator[str]:
    modal = seen.measures.modal
    if modal.says:
        yield "it calls itself a modal dialog"
    if modal.blocked > BLOCKED_MOST:
        yield f"{modal.blocked} of {modal.looked} places of the page beside it cannot be pressed"
    if modal.locked:
        yield "the page behind it cannot be scrolled"
    if seen.form != "choose" and modal.covers > COVERED_MOST:
        yield f"it covers {modal.covers:.0%} of the screen"


def _short(seen: Seen) -> Iterator[str]:
    if seen.form != "choose" and seen.measures.characters > CHARACTERS_MOST:
        yield f"{seen.measures.characters} characters in the first view, at most {CHARACTERS_MOST}"


def _words(seen: Seen) -> Iterator[str]:
    if pair := seen.pair():
        yield from spoken(seen.locale, pair[0].words, pair[1].words)


def _name(choice: Choice) -> str:
    return choice.action.removesuffix("_all")


RULES: Mapping[str, Rule] = {
    "shown": Rule(
        "The banner is there and asks.",
        (f"{TASKFORCE} 12", "GDPR 7(2)"),
        "See whether the page loads the script, or has the form.",
    ),
    "refusal": Rule(
        "Wherever one can accept, one can refuse.",
        (f"{TASKFORCE} 8", f"{CNIL}: refusing on the same screen", f"{GUIDELINES}: dead end"),
        "Put a button to refuse beside the button to accept.",
    ),
    "clicks": Rule(
        "Refusing takes no more clicks than accepting.",
        (f"{GUIDELINES}: longer than necessary", f"{CNIL}: refusing as easily as accepting", "GDPR recital 42"),
        "Let one press of the button to refuse be the answer; ask nothing back.",
    ),
    "size": Rule(
        "The choices have one size.",
        (f"{CNIL}: buttons of the same size", f"{GUIDELINES}: hidden in plain sight"),
        "Give the buttons one width and one height: let the longest words decide for all.",
    ),
    "look": Rule(
        "The choices have one look: colour, background, edge, shadow.",
        (f"{TASKFORCE} 15, 17", f"{CNIL}: emphasised in the same way", f"{GUIDELINES}: hidden in plain sight"),
        "Style the choices by one rule; let no theme or stylesheet single one out.",
    ),
    "contrast": Rule(
        "The refusal is as easy to read as the acceptance.",
        (f"{TASKFORCE} 17, 18", f"{CNIL}: the same ease of reading"),
        "Use the same pair of colours for all choices.",
    ),
    "font": Rule(
        "The choices are set in one font, size and weight.",
        (f"{CNIL}: a font of the same size", f"{GUIDELINES}: hidden in plain sight"),
        "Style the choices by one rule; let the refusal be neither small nor light nor underlined.",
    ),
    "button": Rule(
        "If accepting is a button, refusing is one.",
        (f"{TASKFORCE} 11, 14",),
        "Make the refusal a button beside the other, no link and no word in a sentence.",
    ),
    "order": Rule(
        "By keyboard the refusal is as near as the acceptance, and nothing is chosen beforehand.",
        (f"{GUIDELINES}: longer than necessary", "WCAG 2.2 2.4.3 focus order", f"{TASKFORCE} 13"),
        "Let the buttons follow each other in the document, without tabindex and autofocus.",
    ),
    "ticked": Rule(
        "Nothing is ticked that nobody said.",
        (f"{TASKFORCE} 10", "GDPR recital 32", f"{GUIDELINES}: deceptive snugness"),
        "Let every switch be off until the person turns it on.",
    ),
    "readable": Rule(
        f"Text has a contrast of {CONTRAST_LEAST}:1 and {SIZE_LEAST:.0f} px at least, and is not cut off.",
        ("GDPR 12(1)", "WCAG 2.2 1.4.3 contrast, 1.4.10 reflow", f"{GUIDELINES}: hidden in plain sight"),
        "Choose --ecrm-ink, --ecrm-muted and --ecrm-accent against --ecrm-surface, in both schemes.",
    ),
    "fold": Rule(
        "Where one can accept without scrolling, one can refuse without scrolling.",
        (f"{TASKFORCE} 13", f"{CNIL}: refusing on the same screen", f"{GUIDELINES}: hidden in plain sight"),
        "Keep the choices in one row that stays in view; shorten the text.",
    ),
    "shift": Rule(
        "The page does not move while the banner comes, so that nobody presses what they did not mean.",
        (f"{GUIDELINES}: misleading action", "GDPR 4(11)"),
        "Let the banner float (position: fixed); let nothing push the page.",
    ),
    "modal": Rule(
        "The page can be used without an answer.",
        (f"{TASKFORCE} 13", "GDPR 7(4), recital 32"),
        "No dialog, no veil over the page, no locked scrolling: silence is a no, and lets people go on.",
    ),
    "short": Rule(
        f"The first view says it in {CHARACTERS_MOST} characters at most; details come after.",
        ("GDPR 7(2), 12(1)", f"{GUIDELINES}: overloading"),
        "Say what, what for and who receives it; leave the rest to the second view.",
    ),
    "words": Rule(
        "The words of the buttons say yes and no plainly, and alike.",
        (f"{GUIDELINES}: emotional steering, ambiguous wording", f"{TASKFORCE} 12"),
        "Name both answers by the same kind of word, without judging the one who gives them.",
    ),
}
"""Every rule by its name. The sources are about cookie banners and social media; the principles are the GDPR's."""

CHECKS: Mapping[str, Check] = {
    "shown": _shown,
    "refusal": _refusal,
    "clicks": _clicks,
    "size": _size,
    "look": _look,
    "contrast": _contrast,
    "font": _font,
    "button": _button,
    "order": _order,
    "ticked": _ticked,
    "readable": _readable,
    "fold": _fold,
    "shift": _shift,
    "modal": _modal,
    "short": _short,
    "words": _words,
}
