"""Pots, cups, bowls, plates and vases, all from profiles."""

from drawings.brush import (
    PALETTE,
    SHADE,
    Look,
    darker,
    fill,
    lighter,
    line,
    moved,
    number,
    oval,
    standing_shadow,
    turned,
)
from drawings.lathe import TILT, Profile, dipped, mouth, solid
from drawings.motifs import leaf_d


def kyusu(look: Look) -> str:
    """Return a Japanese teapot with its handle at the side."""
    main, second = PALETTE[look.main], PALETTE[look.second]
    body = Profile(186, ((178, 62), (206, 92), (244, 98), (284, 80), (312, 56)))
    cover = Profile(186, ((160, 22), (170, 48), (180, 60)))
    return (
        standing_shadow(186, 316, 66)
        + spout("M118 218C92 206 84 188 68 170L50 176C58 208 78 246 106 262Z", "M68 170L50 176", main)
        + fill("M262 222L356 176Q368 180 366 198L274 256Z", darker(main, 0.12))
        + oval(361, 187, 9, 12, darker(main, 0.45))
        + line("M276 226L346 191", lighter(main, 0.5), 4, 0.35)
        + dipped(body, main, second, 0.42)
        + speckles(look, body, 26)
        + pot_lid(cover, second, 186, 150)
    )


def teapot(look: Look) -> str:
    """Return a round teapot with a spout on the left and a handle on the right."""
    main, second = PALETTE[look.main], PALETTE[look.second]
    body = Profile(196, ((148, 58), (178, 92), (226, 106), (280, 88), (314, 58)))
    cover = Profile(196, ((126, 20), (138, 46), (150, 58)))
    return (
        standing_shadow(196, 318, 74)
        + line("M288 182C366 150 372 268 286 264", darker(main, 0.18), 19)
        + line("M288 178C356 152 364 250 300 262", lighter(main, 0.4), 3, 0.4)
        + spout("M116 246C76 238 78 178 50 152L32 164C44 214 52 274 118 286Z", "M50 152L32 164", main)
        + dipped(body, main, second, 0.36)
        + speckles(look, body, 22)
        + pot_lid(cover, second, 196, 112)
    )


def spout(d: str, lip: str, colour: str) -> str:
    """Return a spout with the dark of its opening."""
    return fill(d, darker(colour, 0.06)) + line(lip, darker(colour, 0.5), 6)


def pot_lid(cover: Profile, colour: str, cx: float, knob_y: float) -> str:
    """Return a lid with a knob above a pot."""
    knob = Profile(cx, ((knob_y - 9, 7), (knob_y - 4, 13.5), (knob_y + 2, 15), (knob_y + 8, 12), (knob_y + 14, 9)))
    shade = fill(
        Profile(
            cx, ((cover.foot - 1, cover.radius(cover.foot) + 2), (cover.foot + 5, cover.radius(cover.foot) + 6))
        ).band(cover.foot - 1, cover.foot + 5),
        SHADE,
        0.2,
    )
    return (
        shade
        + solid(cover, lighter(colour, 0.06))
        + solid(knob, colour)
        + oval(cx, knob_y - 9, 7, 1.6, lighter(colour, 0.3))
    )


def speckles(look: Look, body: Profile, count: int) -> str:
    """Return iron spots in the glaze, where the look's seed lets them fall."""
    chance, dots = look.chance(), []
    for _ in range(count):
        y = body.top + (body.foot - body.top) * (0.08 + 0.84 * chance.random())
        f = -0.86 + 1.72 * chance.random()
        x = body.cx + f * body.radius(y)
        dots.append(f"M{number(x)} {number(y + TILT * body.radius(y) * (1 - f * f) ** 0.5)}h0")
    return line("".join(dots), PALETTE[look.third], 2.8, 0.55)


def gaiwan(look: Look) -> str:
    """Return a lidded tasting bowl on its saucer."""
    main, second = PALETTE[look.main], PALETTE[look.second]
    bowl = Profile(200, ((188, 92), (206, 84), (252, 62), (290, 36)))
    cover = Profile(200, ((148, 24), (164, 58), (184, 82)))
    saucer = Profile(200, ((288, 112), (300, 92), (312, 54)))
    band = fill(bowl.band(198, 203), second) + fill(bowl.band(206, 208), second)
    sprig = moved(192, 268, turned(24, 0, 0, fill(leaf_d(36, 9), second))) + moved(
        186, 270, turned(-30, 0, 0, fill(leaf_d(28, 8), second))
    )
    return (
        standing_shadow(200, 314, 70)
        + solid(saucer, main)
        + oval(200, 288, 112, 112 * TILT, lighter(main, 0.4))
        + oval(200, 290, 60, 60 * TILT, darker(main, 0.14))
        + solid(bowl, main)
        + band
        + sprig
        + mouth(bowl, lighter(main, 0.4), darker(main, 0.16))
        + solid(cover, main)
        + fill(cover.band(176, 179), second)
        + solid(Profile(200, ((136, 26), (142, 18), (150, 15))), main)
        + oval(200, 136, 26, 26 * TILT, darker(main, 0.1))
    )


def cup_pair(look: Look) -> str:
    """Return two handleless cups, one glazed light and one dark."""
    first = Profile(142, ((164, 58), (200, 60), (270, 54), (300, 40)))
    other = Profile(264, ((196, 56), (228, 58), (292, 52), (324, 38)))
    main, second = PALETTE[look.main], PALETTE[look.second]
    return (
        standing_shadow(142, 304, 46)
        + dipped(first, second, main, 0.66)
        + speckles(look, first, 14)
        + mouth(first, lighter(main), darker(main, 0.35))
        + standing_shadow(264, 328, 44)
        + dipped(other, main, second, 0.6)
        + mouth(other, lighter(second), darker(second, 0.3), PALETTE[look.third], 0.8)
    )


def tea_bowl(look: Look) -> str:
    """Return a wide bowl for whisked tea."""
    main, second = PALETTE[look.main], PALETTE[look.second]
    body = Profile(200, ((168, 122), (210, 124), (266, 104), (298, 62), (312, 48)))
    return (
        standing_shadow(200, 316, 66)
        + dipped(body, main, second, 0.7)
        + speckles(look, body, 30)
        + mouth(body, lighter(second, 0.2), darker(second, 0.25), PALETTE["leaf"], 1.6)
        + oval(180, 174, 40, 5, lighter(PALETTE["leaf"], 0.4), 0.5)
    )


def mug(look: Look) -> str:
    """Return a mug with a handle, dipped in a second glaze."""
    main, second = PALETTE[look.main], PALETTE[look.second]
    straight_sided = look.detail != "round"
    points = (
        ((134, 82), (200, 84), (290, 80), (312, 68)) if straight_sided else ((142, 74), (200, 96), (268, 96), (312, 60))
    )
    body = Profile(184, points)
    return (
        standing_shadow(184, 316, 80)
        + line("M262 176C338 156 342 268 262 262", darker(main, 0.14), 19)
        + line("M266 172C326 158 332 244 288 258", lighter(main, 0.5), 3, 0.4)
        + dipped(body, main, second, 0.58)
        + speckles(look, body, 24)
        + mouth(body, lighter(second, 0.3), darker(second, 0.3), PALETTE["walnut"], 1.2)
    )


def nested_bowls(look: Look) -> str:
    """Return three bowls, one in the other."""
    tones = [PALETTE[name] for name in (look.main, look.second, look.third)]
    shapes = [
        Profile(200, ((214, 134), (240, 124), (282, 84), (312, 50))),
        Profile(200, ((178, 112), (204, 104), (244, 72), (270, 44))),
        Profile(200, ((146, 90), (170, 84), (204, 60), (228, 36))),
    ]
    rims = [lighter(tone, 0.3) for tone in tones]
    drawn = standing_shadow(200, 316, 68)
    backs = "".join(mouth(shape, rim, darker(tone, 0.2)) for shape, tone, rim in zip(shapes, tones, rims, strict=True))
    fronts = "".join(solid(shape, tone) for shape, tone in reversed(list(zip(shapes, tones, strict=True))))
    return drawn + backs + fronts + mouth(shapes[2], rims[2], darker(tones[2], 0.2))


def plate(look: Look) -> str:
    """Return a plate from above, with a glazed rim and a sprig at its edge."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    rings = oval(200, 200, 140, 140, main) + oval(200, 200, 132, 132, lighter(main, 0.3)) + oval(200, 200, 98, 98, main)
    well = oval(197, 196, 95, 95, lighter(main, 0.22)) + fill(
        "M118 152A96 96 0 0 1 176 106A110 110 0 0 0 118 152Z", "#ffffff", 0.5
    )
    stem = line("M246 278C262 240 264 202 246 160", second, 3)
    blades = "".join(
        moved(x, y, turned(a, 0, 0, fill(leaf_d(34, 11), second)))
        for x, y, a in ((258, 236, 58), (258, 236, -46), (259, 206, 48), (256, 196, -40), (246, 162, -8))
    )
    return oval(208, 212, 140, 140, SHADE, 0.16) + rings + well + stem + blades + speckles_flat(look, third)


def speckles_flat(look: Look, colour: str) -> str:
    """Return spots on a surface seen from above."""
    chance = look.chance()
    dots = "".join(f"M{number(120 + 150 * chance.random())} {number(120 + 150 * chance.random())}h0" for _ in range(18))
    return line(dots, colour, 2.8, 0.5)


def jug(look: Look) -> str:
    """Return a milk jug with a pulled lip."""
    main, second = PALETTE[look.main], PALETTE[look.second]
    body = Profile(196, ((132, 56), (168, 52), (216, 74), (270, 82), (312, 56)))
    return (
        standing_shadow(196, 316, 66)
        + line("M248 156C330 130 332 258 268 262", darker(main, 0.16), 15)
        + fill("M146 140L116 122Q138 150 148 176Z", darker(second, 0.05))
        + dipped(body, main, second, 0.5)
        + speckles(look, body, 20)
        + mouth(body, lighter(second, 0.3), darker(second, 0.25), PALETTE["white"], 1)
        + fill("M118 122Q146 118 164 128L150 140Q134 130 118 122Z", lighter(second, 0.3))
    )


def vase(look: Look) -> str:
    """Return a narrow vase with a single stem in it."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    body = Profile(200, ((176, 18), (198, 15), (224, 34), (268, 60), (300, 56), (316, 40)))
    stem = line("M200 178C198 130 206 100 224 70", darker(third, 0.2), 3.4)
    blades = "".join(
        moved(x, y, turned(a, 0, 0, fill(leaf_d(length, 12), third)))
        for x, y, a, length in ((201, 138, -62, 44), (203, 122, 58, 40), (210, 96, -48, 34), (224, 72, 34, 34))
    )
    return (
        standing_shadow(200, 320, 52)
        + stem
        + blades
        + dipped(body, main, second, 0.4)
        + speckles(look, body, 16)
        + mouth(body, lighter(second), darker(second, 0.5))
    )


def moon_vase(look: Look) -> str:
    """Return a big round vase with a branch of blossom."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    body = Profile(190, ((150, 30), (160, 34), (188, 82), (236, 106), (284, 82), (314, 46)))
    branch = line(
        "M192 150C210 104 250 96 268 50M226 104C258 108 290 92 306 96M206 124C182 104 178 84 160 70",
        PALETTE["walnut"],
        4.4,
    )
    blossoms = "".join(
        moved(
            x,
            y,
            *(turned(72 * i + x, 0, 0, oval(0, -6, 4.6, 6, third)) for i in range(5)),
            oval(0, 0, 3, 3, PALETTE["ochre"]),
        )
        for x, y in ((268, 54), (246, 82), (304, 96), (276, 102), (160, 72), (180, 92), (222, 100), (256, 62))
    )
    return (
        standing_shadow(190, 318, 62)
        + branch
        + blossoms
        + solid(body, main)
        + fill(body.band(150, 172), second, 0.5)
        + speckles(look, body, 22)
        + mouth(body, lighter(main, 0.5), darker(main, 0.4))
    )


def caddy(look: Look) -> str:
    """Return a lidded jar with painted bands."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    body = Profile(200, ((168, 72), (190, 88), (240, 92), (290, 82), (314, 64)))
    cover = Profile(200, ((132, 58), (146, 68), (164, 70)))
    bands = fill(body.band(206, 212), second) + fill(body.band(264, 270), second)
    leaves = "".join(
        moved(200 + 86 * f, 262 + 12 * (1 - f * f), turned(60 * f, 0, 0, fill(leaf_d(30, 9), second)))
        for f in (-0.78, -0.4, 0, 0.4, 0.76)
    )
    knob = Profile(200, ((106, 8), (111, 15), (117, 17), (124, 13), (134, 10)))
    return (
        standing_shadow(200, 318, 72) + solid(body, main) + bands + leaves
        + solid(cover, third) + oval(200, 132, 58, 58 * TILT, lighter(third, 0.25))
        + solid(knob, third) + oval(200, 106, 8, 1.8, lighter(third, 0.3))
    )  # fmt: skip


def tumblers(look: Look) -> str:
    """Return four small tumblers, stacked two on two."""
    tones = [PALETTE[name] for name in (look.main, look.second, look.third, look.main)]
    places = ((132, 214), (262, 222), (132, 118), (262, 126))
    drawn = ""
    for i, (cx, top) in enumerate(places):
        shape = Profile(cx, ((top, 56), (top + 50, 52), (top + 92, 44)))
        tone = tones[i]
        foot = standing_shadow(cx, shape.foot + 4, 48) if i < 2 else ""
        drawn += (
            foot + dipped(shape, PALETTE["cream"], tone, 0.6) + mouth(shape, lighter(tone, 0.3), darker(tone, 0.25))
        )
    return drawn


DRAWINGS = {
    "kyusu": kyusu, "teapot": teapot, "gaiwan": gaiwan, "cup_pair": cup_pair, "tea_bowl": tea_bowl, "mug": mug,
    "nested_bowls": nested_bowls, "plate": plate, "jug": jug, "vase": vase, "moon_vase": moon_vase, "caddy": caddy,
    "tumblers": tumblers,
}  # fmt: skip
