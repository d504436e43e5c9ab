"""What is found by what was measured, without a browser."""

import re

import msgspec
import pytest

from ecrm_privacy.showroom.measures import Box, Choice, Font, Look, Measures, Modal, Words
from ecrm_privacy.showroom.rules import CHECKS, RULES, Seen, judge

BUTTON = Choice(
    action="accept_all",
    words="Accept all",
    kind="button",
    box=Box(10, 700, 240, 44),
    shown=True,
    reachable=True,
    order=0,
    focused=False,
    disabled=False,
    contrast=14.0,
    pictured=False,
    clipped=False,
    look=Look("36,33,28,1", "254,253,250,1", "rgb(133, 123, 108) 1px solid 4px", "none", "1.00"),
    font=Font("sans-serif", 16, "600", "normal", "none", "none", "normal"),
)
REFUSE = msgspec.structs.replace(BUTTON, action="refuse_all", words="Refuse all", box=Box(260, 700, 240, 44), order=1)
CHOOSE = msgspec.structs.replace(BUTTON, action="choose", words="Choose", box=Box(510, 700, 240, 44), order=2)
GOOD = Measures(
    found=True,
    choices=(BUTTON, REFUSE, CHOOSE),
    texts=(Words("May we remember you?", 20, 14.0, False),),
    characters=300,
    modal=Modal(False, 0.3, 0, 20, False),
    clicks={"accept_all": 1, "refuse_all": 1},
)


def found(**changed: object) -> set[str]:
    """The rules that a banner breaks which is good but for what is changed."""
    return {each.rule for each in judge(Seen("first", "en", msgspec.structs.replace(GOOD, **changed)))}


def refusing(**changed: object) -> set[str]:
    """The rules that are broken where only the button to refuse is another one."""
    return found(choices=(BUTTON, msgspec.structs.replace(REFUSE, **changed), CHOOSE))


def test_a_fair_banner_has_no_findings() -> None:
    """Equal buttons, plain words, little text, nothing ticked: nothing to say."""
    assert found() == set()


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("shown", {"found": False}),
        ("shown", {"choices": ()}),
        ("refusal", {"choices": (BUTTON,)}),
        ("clicks", {"clicks": {"accept_all": 1, "refuse_all": 2}}),
        ("clicks", {"clicks": {"accept_all": 1, "refuse_all": 0}}),
        ("ticked", {"ticked": ("personalize//",)}),
        ("readable", {"texts": (Words("small", 11, 14.0, False),)}),
        ("readable", {"texts": (Words("faint", 16, 4.4, False),)}),
        ("readable", {"texts": (Words("on a picture", 16, 14.0, True),)}),
        ("readable", {"wider": 40.0}),
        ("shift", {"shift": 0.02}),
        ("modal", {"modal": Modal(True, 0.3, 0, 20, False)}),
        ("modal", {"modal": Modal(False, 0.3, 1, 20, False)}),
        ("modal", {"modal": Modal(False, 0.3, 0, 20, True)}),
        ("modal", {"modal": Modal(False, 0.95, 0, 0, False)}),
        ("short", {"characters": 900}),
    ],
)
def test_each_rule_is_broken_alone(rule: str, changed: dict[str, object]) -> None:
    """What breaks one rule is found under its name, and under no other."""
    assert found(**changed) == {rule}


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("size", {"box": Box(260, 700, 200, 44)}),
        ("look", {"look": msgspec.structs.replace(BUTTON.look, shadow="rgb(0 0 0) 0 0 4px")}),
        ("contrast", {"contrast": 5.0, "look": msgspec.structs.replace(BUTTON.look, colour="98,90,78,1")}),
        ("font", {"font": msgspec.structs.replace(BUTTON.font, weight="400")}),
        ("button", {"kind": "link"}),
        ("order", {"order": 6}),
        ("order", {"order": -1}),
        ("order", {"disabled": True}),
        ("readable", {"clipped": True}),
        ("fold", {"reachable": False}),
        ("words", {"words": "Not now"}),
    ],
)
def test_a_refusal_that_is_worse_breaks_one_rule(rule: str, changed: dict[str, object]) -> None:
    """A refusal is found that is smaller, paler, lighter, a link, farther away, cut off, hidden, or an evasion."""
    assert refusing(**changed) == {rule}


def test_a_focused_acceptance_is_found() -> None:
    """Whoever presses a key by chance must not have accepted."""
    assert found(choices=(msgspec.structs.replace(BUTTON, focused=True), REFUSE, CHOOSE)) == {"order"}


def test_every_rule_has_a_check_sources_and_a_remedy() -> None:
    """Each rule is checked, says what to do, and names at least one place in a source."""
    assert RULES.keys() == CHECKS.keys()
    for rule in RULES.values():
        assert rule.demands.endswith(".")
        assert rule.remedy.endswith(".")
        assert any(re.search(r"\d", source) for source in rule.sources)
