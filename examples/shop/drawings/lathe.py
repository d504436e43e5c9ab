"""Vessels as a potter turns them: a profile of radii over heights, seen a little from above.

A profile is a smooth curve through its points (cubic Hermite, so each stretch of it is exactly one Bézier curve).
A point of the surface is named by its height and by `f`, its share of the radius: -1 left edge, 0 front, 1 right.
"""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Final

from drawings.brush import darker, fill, lighter, number, oval

TILT: Final = 0.16
"""Height of a seen circle over its width: how far from above we look."""


@dataclass(frozen=True)
class Profile:
    """Radii over heights, from the rim downwards: `points` are (y, r) with y rising."""

    cx: float
    points: tuple[tuple[float, float], ...]

    @property
    def top(self) -> float:
        """Height of the rim."""
        return self.points[0][0]

    @property
    def foot(self) -> float:
        """Height of the foot."""
        return self.points[-1][0]

    def radius(self, y: float) -> float:
        """Return the radius at a height."""
        return self._at(y)[0]

    def band(self, top: float, bottom: float, left: float = -1, right: float = 1) -> str:
        """Return the path of the surface between two heights and two shares of the radius."""
        heights = [top, *(y for y, _ in self.points if top < y < bottom), bottom]
        down = "".join(self._stretch(a, b, left) for a, b in pairwise(heights))
        back = heights[::-1]
        up = "".join(self._stretch(a, b, right) for a, b in pairwise(back))
        return f"M{self._point(top, left)}{down}{self._arc(bottom, right, 0)}{up}{self._arc(top, left, 1)}Z"

    def _arc(self, y: float, to: float, sweep: int) -> str:
        r = self.radius(y)
        return f"A{number(r)} {number(r * TILT)} 0 0 {sweep} {self._point(y, to)}"

    def _point(self, y: float, f: float) -> str:
        r = self.radius(y)
        return f"{number(self.cx + f * r)} {number(y + TILT * r * sqrt(1 - f * f))}"

    def _stretch(self, a: float, b: float, f: float) -> str:
        """Return the Bézier curve from height a to height b along share f."""
        third, depth = (b - a) / 3, TILT * sqrt(1 - f * f)
        (ra, sa), (rb, sb) = self._at(a, toward=b), self._at(b, toward=a)
        first, second = ra + sa * third, rb - sb * third
        controls = ((first, a + third), (second, b - third), (rb, b))
        return "C" + " ".join(f"{number(self.cx + f * r)} {number(y + depth * r)}" for r, y in controls)

    def _at(self, y: float, toward: float | None = None) -> tuple[float, float]:
        """Return radius and slope at a height; `toward` says on which side of a corner."""
        aim = y if toward is None else y + (toward - y) * 1e-6
        heights = [point[0] for point in self.points]
        i = min(max(bisect_right(heights, aim) - 1, 0), len(heights) - 2)
        (y0, r0), (y1, r1) = self.points[i], self.points[i + 1]
        h, t = y1 - y0, (y - y0) / (y1 - y0)
        m0, m1 = self._slope(i) * h, self._slope(i + 1) * h
        radius = (
            (1 + 2 * t) * (1 - t) ** 2 * r0 + t * (1 - t) ** 2 * m0 + t * t * (3 - 2 * t) * r1 + t * t * (t - 1) * m1
        )
        slope = 6 * t * (t - 1) * r0 + (1 - t) * (1 - 3 * t) * m0 + 6 * t * (1 - t) * r1 + t * (3 * t - 2) * m1
        return radius, slope / h

    def _slope(self, i: int) -> float:
        before, after = max(i - 1, 0), min(i + 1, len(self.points) - 1)
        (y0, r0), (y1, r1) = self.points[before], self.points[after]
        return (r1 - r0) / (y1 - y0)


def straight(cx: float, top: float, bottom: float, r_top: float, r_bottom: float | None = None) -> Profile:
    """Return a cylinder, or a cone when the second radius is given."""
    return Profile(cx, ((top, r_top), (bottom, r_top if r_bottom is None else r_bottom)))


def solid(shape: Profile, colour: str, *, shine: float = 0.28) -> str:
    """Return a body with shade on its right and a strip of light on its left."""
    span = shape.foot - shape.top
    return (
        fill(shape.band(shape.top, shape.foot), colour)
        + fill(shape.band(shape.top, shape.foot, 0.42, 1), darker(colour, 0.5), 0.24)
        + fill(shape.band(shape.top + span * 0.1, shape.foot - span * 0.14, -0.8, -0.64), lighter(colour, 0.7), shine)
    )


def dipped(shape: Profile, body: str, glaze: str, share: float) -> str:
    """Return a body whose upper share was dipped into a glaze of another colour."""
    edge = shape.top + (shape.foot - shape.top) * share
    return (
        fill(shape.band(shape.top, shape.foot), body)
        + fill(shape.band(shape.top, edge), glaze)
        + fill(shape.band(shape.top, shape.foot, 0.42, 1), darker(glaze, 0.6), 0.24)
        + fill(shape.band(shape.top + 8, edge - 8, -0.8, -0.64), lighter(glaze, 0.7), 0.32)
    )


def mouth(shape: Profile, rim: str, inside: str, liquid: str = "", depth: float = 0.0) -> str:
    """Return the open top: the rim's ring, the inside, and what stands in it `depth` (share of the radius) below."""
    r, cx, y = shape.radius(shape.top), shape.cx, shape.top
    parts = oval(cx, y, r, r * TILT, rim) + oval(cx, y + 0.8, r - 3.5, (r - 3.5) * TILT, inside)
    if liquid:
        inner = (r - 3.5) * (1 - depth * 0.16)
        parts += oval(cx, y + 1.4 + depth * 3, inner - 2.5, (inner - 2.5) * TILT * 0.86, liquid)
    return parts


def lid(shape: Profile, colour: str) -> str:
    """Return the closed, flat top of a cylinder."""
    r = shape.radius(shape.top)
    return oval(shape.cx, shape.top, r, r * TILT, lighter(colour, 0.22))
