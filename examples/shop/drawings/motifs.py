"""Small printed signs for labels, covers and cards: each drawn around a point in a box of about twice `s`."""

from collections.abc import Callable
from math import cos, pi, sin

from drawings.brush import box, fill, line, moved, number, oval, ring, trace, turned

Motif = Callable[[str, str], str]


def motif(name: str, cx: float, cy: float, s: float, colour: str, second: str) -> str:
    """Return the named sign, 2 s wide; the motifs themselves are drawn 40 units wide about the origin."""
    return moved(cx, cy, MOTIFS[name](colour, second), scale=round(s / 20, 3))


def leaf_d(length: float, width: float) -> str:
    """Return the path of a leaf that grows upwards from the origin."""
    low, high, w = -length * 0.3, -length * 0.7, width
    return trace("M0 0C", w, low, w, high, 0, -length, "C", -w, high, -w, low, 0, 0, "Z")


def _leaf(colour: str, second: str) -> str:
    blade = fill(leaf_d(38, 15), colour) + line("M0 4L0 -30", second, 1.6)
    return moved(0, 17, turned(28, 0, 0, blade))


def _sprig(colour: str, second: str) -> str:
    leaves = "".join(
        moved(0, y, turned(side * 52, 0, 0, fill(leaf_d(19 - i * 2, 7), colour)))
        for i, y in enumerate((14, 4, -5)) for side in (-1, 1)
    )  # fmt: skip
    return line("M0 21L0 -12", second, 2) + leaves + moved(0, -8, fill(leaf_d(15, 5), colour))


def _shoot(colour: str, second: str) -> str:
    sides = "".join(moved(0, 12, turned(side * 46, 0, 0, fill(leaf_d(28, 9), colour))) for side in (-1, 1))
    return line("M0 20L0 0", second, 2) + sides + moved(0, 8, fill(leaf_d(30, 6), second))


def _mountain(colour: str, second: str) -> str:
    return fill("M-22 15L-6 -15L2 -3L8 -10L22 15Z", colour) + fill("M-6 -15L-10.5 -6.5L-6 -9L-2 -6.5L-1.3 -8Z", second)


def _sun(colour: str, second: str) -> str:
    return oval(0, -1, 12, 12, colour) + "".join(line(f"M-20 {y}L20 {y}", second, 2) for y in (6, 12, 18))


def _wave(colour: str, second: str) -> str:
    rows = ((-8, colour), (2, second), (12, colour))
    return "".join(line(f"M-21 {y}q5.2 -9 10.5 0t10.5 0t10.5 0t10.5 0", tone, 2.6) for y, tone in rows)


def _blossom(colour: str, second: str) -> str:
    petals = "".join(turned(72 * i, 0, 0, oval(0, -10, 6.6, 9.4, colour)) for i in range(5))
    return petals + oval(0, 0, 4.4, 4.4, second)


def _daisy(colour: str, second: str) -> str:
    petals = "".join(turned(36 * i, 0, 0, oval(0, -12, 3, 8, colour)) for i in range(10))
    return petals + oval(0, 0, 5.6, 5.6, second)


def _moon(colour: str, second: str) -> str:
    return fill("M6 -18A18 18 0 1 0 18 7A15 15 0 0 1 6 -18Z", colour) + oval(12, -12, 1.8, 1.8, second)


def _flame(colour: str, second: str) -> str:
    outer = "M0 -20C3 -9 14 -5 14 7A14 14 0 0 1 -14 7C-14 -2 -6 -5 -6 -13C-3 -11 -1 -14 0 -20Z"
    return fill(outer, colour) + fill(
        "M0 20A7.5 7.5 0 0 1 -7 11C-7 5 0 4 1 -3C5 3 7.5 6 7 12A7.5 7.5 0 0 1 0 20Z", second
    )


def _rice(colour: str, second: str) -> str:
    grains = (
        (-11, -10, 30),
        (4, -13, -20),
        (14, -3, 60),
        (-4, 0, 80),
        (-14, 6, -35),
        (6, 8, 20),
        (-3, 16, -70),
        (15, 14, 5),
    )
    return "".join(
        turned(a, x, y, oval(x, y, 2.6, 5.6, colour if i % 3 else second)) for i, (x, y, a) in enumerate(grains)
    )


def _pine(colour: str, second: str) -> str:
    rows = "".join(fill(f"M0 {y - 14}L{w} {y}L-{w} {y}Z", colour) for y, w in ((-6, 9), (4, 13), (14, 17)))
    return box(-2, 13, 4, 8, second) + rows


def _citrus(colour: str, second: str) -> str:
    rays = "".join(
        line(f"M0 0L{number(12.5 * sin(i * pi / 4))} {number(-12.5 * cos(i * pi / 4))}", second, 1.8) for i in range(8)
    )
    return oval(0, 0, 18, 18, colour) + ring(0, 0, 14.4, second, 1.8) + rays


def _plain(colour: str, second: str) -> str:
    """Return the sun over two low hills."""
    return (
        oval(6, -5, 9, 9, second) + fill("M-22 14C-16 -6 -4 -6 4 14Z", colour) + fill("M-8 14C0 0 12 0 22 14Z", colour)
    )


def _bird(colour: str, second: str) -> str:
    body = "M-18 2Q-8 -12 6 -8Q10 -16 17 -11L21 -9L16 -7Q14 8 -2 9Q-8 9 -20 16Q-14 8 -18 2Z"
    return fill(body, colour) + fill("M-8 0Q2 -6 6 2Q0 6 -8 0Z", second) + line("M-1 9L-2 17M3 8L4 16", colour, 1.6)


def _fern(colour: str, second: str) -> str:
    fronds = "".join(
        line(trace("M", 0, 16 - 4.6 * i, "q", side * (9 - i), -1, side * (13 - 1.5 * i), 0.4 * i - 7), colour, 2.2)
        for i in range(7) for side in (-1, 1)
    )  # fmt: skip
    return line("M0 21Q2 0 0 -19", second, 2) + fronds


def _stripes(colour: str, second: str) -> str:
    return "".join(box(-20, y, 40, 3, colour if i % 2 else second) for i, y in enumerate(range(-18, 19, 7)))


def _dot(colour: str, second: str) -> str:
    return oval(0, 0, 14, 14, colour) + oval(0, 0, 5, 5, second)


MOTIFS: dict[str, Motif] = {
    "leaf": _leaf, "sprig": _sprig, "shoot": _shoot, "mountain": _mountain, "sun": _sun, "wave": _wave,
    "blossom": _blossom, "daisy": _daisy, "moon": _moon, "flame": _flame, "rice": _rice, "pine": _pine,
    "citrus": _citrus, "plain": _plain, "bird": _bird, "fern": _fern, "stripes": _stripes, "dot": _dot,
}  # fmt: skip
