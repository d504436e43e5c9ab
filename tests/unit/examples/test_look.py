"""The design tokens: legible in both schemes, and complete in each."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SHEET = ROOT / "ecrm_privacy" / "web" / "static" / "ecrm.css"
PANEL = ROOT / "personalization" / "static" / "panel.css"
SCHEMES = ("light", "dark")
GROUNDS = ("ground", "surface", "sunken", "accent-soft")
TEXTS = ("ink", "muted", "accent", "accent-strong", "good", "warn", "bad")


def colours(scheme: str) -> dict[str, str]:
    """The colour tokens of one scheme, by name without prefix."""
    blocks = re.findall(r":root \{(.*?)\}", SHEET.read_text("utf-8"), re.DOTALL)
    coloured = [block for block in blocks if "--ecrm-ink:" in block]
    return dict(re.findall(r"--ecrm-([a-z-]+): (#[0-9a-f]{6})", coloured[SCHEMES.index(scheme)]))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2, 1.4.3)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_words_can_be_read(scheme: str) -> None:
    """Every text colour has at least 4.5:1 on every ground, and so have words on the accent."""
    tokens = colours(scheme)
    pairs = [(text, ground) for text in TEXTS for ground in GROUNDS]
    pairs += [("on-accent", "accent"), ("on-accent", "accent-strong")]
    assert [pair for pair in pairs if contrast(tokens[pair[0]], tokens[pair[1]]) < 4.5] == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_edges_of_controls_can_be_seen(scheme: str) -> None:
    """The edges of controls have at least 3:1 on every ground (WCAG 2.2, 1.4.11)."""
    tokens = colours(scheme)
    assert [ground for ground in GROUNDS if contrast(tokens["edge"], tokens[ground]) < 3] == []


def test_dark_mode_forgets_no_colour() -> None:
    """Both schemes define the same colours."""
    assert colours("light").keys() == colours("dark").keys()


def test_the_gate_can_be_read() -> None:
    """The panel's faceplate is dark in both schemes; its texts have 4.5:1 and its edges 3:1 on it."""
    plate = dict(re.findall(r"--ecrm-([a-z-]+): (#[0-9a-f]{6})", PANEL.read_text("utf-8")))
    for ground in ("surface", "sunken"):
        assert all(contrast(plate[text], plate[ground]) >= 4.5 for text in ("ink", "muted", "accent", "accent-strong"))
        assert contrast(plate["edge"], plate[ground]) >= 3
    assert contrast(plate["on-accent"], plate["accent"]) >= 3
