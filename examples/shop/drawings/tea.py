"""Tea and what it is kept in: tins, pouches, a pressed cake, a whisk."""

import math

from drawings.brush import (
    PALETTE,
    SHADE,
    Look,
    box,
    darker,
    fill,
    lighter,
    line,
    lying,
    number,
    oval,
    ring,
    standing_shadow,
    trace,
    turned,
)
from drawings.lathe import Profile, lid, mouth, solid, straight
from drawings.motifs import motif

CUP = ((0.0, 40.0), (18.0, 37.0), (34.0, 27.0), (41.0, 20.0))


def cup_of_tea(cx: float, y: float, liquor: str, glaze: str = "white") -> str:
    """Return a small tasting cup whose rim is at height y, filled with tea of that colour."""
    shape = Profile(cx, tuple((y + dy, r) for dy, r in CUP))
    body = PALETTE[glaze]
    return (
        standing_shadow(cx, shape.foot, 22)
        + solid(shape, body)
        + mouth(shape, lighter(body), darker(body, 0.14), PALETTE[liquor], 0.5)
    )


def tin(look: Look, top: float = 108, r: float = 76) -> str:
    """Return a tin with a printed label, and a cup of what is in it."""
    main, second = PALETTE[look.main], PALETTE[look.second]
    cap = straight(162, top, top + 34, r + 2)
    body = straight(162, top + 30, 318, r)
    print_on = fill(body.band(176, 282, -0.72, 0.72), second)
    rule = fill(body.band(180, 182, -0.68, 0.68), main, 0.7) + fill(body.band(276, 278, -0.68, 0.68), main, 0.7)
    return (
        standing_shadow(162, 318, r)
        + solid(body, main)
        + print_on
        + rule
        + motif(look.detail, 162, 241, 26, darker(main, 0.1), PALETTE[look.third])
        + solid(cap, main)
        + fill(cap.band(top + 31, top + 34), SHADE, 0.22)
        + lid(cap, main)
        + cup_of_tea(290, 296, look.third)
    )


def small_tin(look: Look) -> str:
    """Return a low, wide tin, as powdered tea is sold in."""
    return tin(look, top=158, r=82)


def tall_tin(look: Look) -> str:
    """Return a tall, slim tin."""
    return tin(look, top=74, r=64)


def pouch(look: Look) -> str:
    """Return a stand-up paper bag with a folded top and a label, and a cup."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    bag = "M92 104L226 104L236 312Q160 334 84 312Z"
    fold = "M92 104L226 104L228 140L90 140Z"
    return (
        standing_shadow(160, 318, 78)
        + fill(bag, main)
        + fill("M196 104L226 104L236 312Q222 318 204 320Z", darker(main, 0.5), 0.2)
        + fill("M104 146L112 146L104 306L96 304Z", lighter(main, 0.6), 0.35)
        + fill(fold, darker(main, 0.1))
        + line("M90 140L228 140", darker(main, 0.4), 2, 0.5)
        + box(96, 118, 10, 7, third)
        + box(212, 118, 10, 7, third)
        + box(112, 176, 96, 104, second, 2)
        + line("M122 266L198 266", third, 2.5)
        + motif(look.detail, 160, 220, 30, darker(third, 0.32), darker(main, 0.16))
        + cup_of_tea(290, 296, look.third)
    )


def cake(look: Look) -> str:
    """Return a pressed tea cake in its paper, one corner of the wrapping open."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    chance = look.chance()
    folds = "".join(
        line(
            f"M{number(190 + 112 * math.cos(a))} {number(196 + 112 * math.sin(a))}"
            f"L{number(190 + 128 * math.cos(a + 0.05))} {number(196 + 128 * math.sin(a + 0.05))}",
            darker(second, 0.25), 2, 0.6,
        )
        for a in (i * math.tau / 26 for i in range(26))
    )  # fmt: skip
    crumbs = "".join(
        turned(chance.randrange(180), x, y, oval(x, y, 9, 3, darker(main, 0.1 * chance.randrange(4))))
        for x, y in ((322, 318), (340, 300), (306, 338), (352, 326), (326, 344), (290, 330))
    )
    bite = "M190 196L252 306A126 126 0 0 0 316 196Z"
    leaf = "".join(
        turned(chance.randrange(180), x, y, oval(x, y, 11, 3.4, lighter(main, 0.07 * chance.randrange(5))))
        for x, y in (
            (246, 222),
            (270, 216),
            (288, 232),
            (252, 248),
            (276, 256),
            (258, 276),
            (232, 240),
            (294, 214),
            (240, 262),
        )
    )
    return (
        lying(oval(190, 196, 130, 130, second))
        + folds
        + ring(190, 196, 108, main, 1.5)
        + motif(look.detail, 160, 176, 50, third, main)
        + fill(bite, main)
        + leaf
        + fill("M190 196L252 306L262 268Z", lighter(second, 0.5))
        + fill("M190 196L316 196L276 222Z", lighter(second, 0.3))
        + crumbs
    )


def whisk(look: Look) -> str:
    """Return a bamboo whisk standing on its handle's end, tines up."""
    main, third = PALETTE[look.main], PALETTE[look.third]
    handle = Profile(200, ((228, 31), (250, 27), (322, 27)))
    tines = "".join(_tine(main, i / 12) for i in range(-12, 13))
    inner = "".join(_inner_tine(darker(main, 0.3), i / 2) for i in range(-2, 3))
    knot = "".join(line(f"M169 {y}Q200 {y + 11} 231 {y}", third, 3) for y in (222, 228))
    return standing_shadow(200, 322, 27) + tines + inner + solid(handle, lighter(main, 0.1)) + knot


def _tine(colour: str, f: float) -> str:
    """Return an outer tine at share f from the middle; the further out, the darker."""
    d = trace("M", 200 + 29 * f, 232, "C", 200 + 44 * f, 180, 200 + 78 * f, 150, 200 + 62 * f, 92 - 14 * (1 - f * f))
    return line(d, darker(lighter(colour, 0.2), 0.28 * abs(f)), 3.6)


def _inner_tine(colour: str, f: float) -> str:
    """Return a tine of the inner ring."""
    return line(
        trace("M", 200 + 18 * f, 216, "C", 200 + 16 * f, 170, 200 + 10 * f, 140, 200 + 14 * f, 112), colour, 2.4
    )


DRAWINGS = {"tin": tin, "small_tin": small_tin, "tall_tin": tall_tin, "pouch": pouch, "cake": cake, "whisk": whisk}
