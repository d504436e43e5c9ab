"""The shop's pictures: simple shapes in one palette, drawn by functions with a few parameters.

`brush` has strokes, colours and the finished sheet; `lathe` turns profiles into vessels; `motifs` are the small printed
signs; `tea`, `ceramics`, `paper` and `garden` draw the goods. A drawing is a function from a `Look` to SVG text, found
by its name in `DRAWINGS`; the same look gives the same text on every machine.
"""

from drawings import ceramics, garden, paper, tea
from drawings.brush import Look, sheet

DRAWINGS = {**tea.DRAWINGS, **ceramics.DRAWINGS, **paper.DRAWINGS, **garden.DRAWINGS}
FLAT = frozenset({"cake", "plate", *paper.DRAWINGS, *garden.DRAWINGS}) - {
    "ink", "calendar", "watering_can", "slim_can", "pots", "trug",
}  # fmt: skip
"""Drawings of things that lie on the sheet; the others stand on a table."""


def picture(drawing: str, look: Look) -> str:
    """Return a whole SVG document of 400 by 400 units; raises `KeyError` for a drawing that does not exist."""
    return sheet(look, DRAWINGS[drawing](look))
