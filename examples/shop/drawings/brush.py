"""Strokes, colours and the sheet they stand on. All numbers are user units of a 400 by 400 sheet."""

import random
import re
from dataclasses import dataclass
from typing import Final

PALETTE: Final = {
    # grounds
    "bone": "#ece3d3", "oat": "#e0d1b8", "sage": "#c2ccb3", "mist": "#c3d0d4", "rose": "#e3c4b6", "straw": "#e3cb97",
    "dusk": "#a9b4bf", "fern": "#93a586", "peach": "#dfa98a", "night": "#3d4a54", "pine": "#3f5547",
    # things
    "cream": "#f6efe1", "white": "#fdfaf3", "kraft": "#c8a478", "terracotta": "#b9643f", "oxblood": "#7d332e",
    "ochre": "#cb9231", "moss": "#5d7340", "leaf": "#7d9a52", "celadon": "#94b8a6", "indigo": "#354a70",
    "sky": "#7d9fb6", "charcoal": "#3b3a39", "brass": "#bd9648", "steel": "#a7b1b3", "iron": "#59605f",
    "ash": "#c9a06d", "walnut": "#6d4b33", "blush": "#d88f78", "plum": "#7a5068", "amber": "#c4762a",
    "straw-tea": "#d8bf62", "jute": "#bb9a63", "slate": "#565f68", "ink": "#2b2f3a",
}  # fmt: skip
TABLE_Y: Final = 286
SHADE: Final = "#2a2018"


@dataclass(frozen=True)
class Look:
    """What makes one drawing differ from another of its kind: the ground, three colours, a detail and a seed."""

    ground: str
    main: str
    second: str
    third: str
    detail: str = ""
    seed: str = ""
    standing: bool = True

    def chance(self) -> random.Random:
        """Return a generator seeded with the look's own seed, so that speckles fall where they fell last time."""
        return random.Random(self.seed)


def mix(colour: str, other: str, share: float) -> str:
    """Return `colour` with `share` (0 to 1) of `other` mixed in; both as #rrggbb."""
    pairs = ((int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def darker(colour: str, share: float = 0.2) -> str:
    """Return a warmer, darker tone of `colour`."""
    return mix(colour, SHADE, share)


def lighter(colour: str, share: float = 0.25) -> str:
    """Return a lighter tone of `colour`."""
    return mix(colour, "#fffaf0", share)


def number(value: float) -> str:
    """Write a number with at most one decimal, as short as it goes."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def trace(*steps: str | float) -> str:
    """Return path data: commands as they are, numbers written short and parted by spaces."""
    data = ""
    for step in steps:
        data += step if isinstance(step, str) else f" {number(step)}" if data[-1].isdigit() else number(step)
    return data


def tag(name: str, **attributes: str | float) -> str:
    """Return one empty element; an underscore in a name stands for a hyphen."""
    written = "".join(
        f' {key.replace("_", "-")}="{value if isinstance(value, str) else number(value)}"'
        for key, value in attributes.items()
    )
    return f"<{name}{written}/>"


def fill(d: str, colour: str, opacity: float = 1) -> str:
    """Return a filled path."""
    return tag("path", d=d, fill=colour, **_seen(opacity))


def line(d: str, colour: str, width: float, opacity: float = 1) -> str:
    """Return a stroked path with round ends."""
    return tag(
        "path", d=d, fill="none", stroke=colour, stroke_width=width, stroke_linecap="round", stroke_linejoin="round",
        **_seen(opacity),
    )  # fmt: skip


def oval(cx: float, cy: float, rx: float, ry: float, colour: str, opacity: float = 1) -> str:
    """Return a filled ellipse."""
    return tag("ellipse", cx=cx, cy=cy, rx=rx, ry=ry, fill=colour, **_seen(opacity))


def box(x: float, y: float, width: float, height: float, colour: str, r: float = 0, opacity: float = 1) -> str:
    """Return a filled rectangle with corners of radius `r`."""
    corner = {"rx": r} if r else {}
    return tag("rect", x=x, y=y, width=width, height=height, fill=colour, **corner, **_seen(opacity))


def ring(cx: float, cy: float, r: float, colour: str, width: float) -> str:
    """Return a circle's outline."""
    return tag("circle", cx=cx, cy=cy, r=r, fill="none", stroke=colour, stroke_width=width)


def turned(degrees: float, cx: float, cy: float, *parts: str) -> str:
    """Return the parts as a group, turned clockwise about a point."""
    return f'<g transform="rotate({number(degrees)} {number(cx)} {number(cy)})">{"".join(parts)}</g>'


def moved(dx: float, dy: float, *parts: str, scale: float = 1) -> str:
    """Return the parts as a group, scaled about the origin and then moved."""
    scaled = f" scale({scale:g})" if scale != 1 else ""
    return f'<g transform="translate({number(dx)} {number(dy)}){scaled}">{"".join(parts)}</g>'


def lying(outline: str, *details: str, dx: float = 5, dy: float = 8) -> str:
    """Return a flat thing with its shadow: the outline once more, dark and shifted, under outline and details."""
    bare = re.sub(r' (?:fill|stroke)="#[0-9a-f]{6}"| opacity="[^"]*"', "", outline)
    dark = f'fill="{SHADE}" stroke="{SHADE}" stroke-width="0" opacity=".17"'
    return f'<g {dark} transform="translate({dx:g} {dy:g})">{bare}</g>' + outline + "".join(details)


def standing_shadow(cx: float, y: float, r: float) -> str:
    """Return the soft shadow at the foot of a standing thing of radius `r`."""
    return oval(cx + r * 0.22, y + r * 0.06, r * 1.22, r * 0.2, SHADE, 0.16)


def sheet(look: Look, drawn: str) -> str:
    """Return the finished document: the ground, a table's edge for what stands, and the drawing."""
    ground = PALETTE[look.ground]
    table = box(0, TABLE_Y, 400, 400 - TABLE_Y, darker(ground, 0.09)) if look.standing else ""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" width="400" height="400">'
        f"{box(0, 0, 400, 400, ground)}{table}{drawn}</svg>\n"
    )


def _seen(opacity: float) -> dict[str, str]:
    return {} if opacity == 1 else {"opacity": f"{opacity:.2f}".lstrip("0")}
