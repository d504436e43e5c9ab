"""Garden tools: most lie on the sheet, cans and pots stand."""

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
    moved,
    oval,
    standing_shadow,
    trace,
    turned,
)
from drawings.lathe import TILT, Profile, mouth, solid, straight
from drawings.motifs import leaf_d, motif


def handle(colour: str, length: float, width: float = 17) -> str:
    """Return a turned wooden handle that hangs down from the origin, with a brass collar at its top."""
    w, top, waist = width, width * 0.6, width * 0.7
    grip = trace(
        "M", -top, 0, "C", -waist, length * 0.2, -w, length * 0.3, -w, length * 0.6,
        "C", -w, length * 0.9, -waist, length, 0, length,
        "C", waist, length, w, length * 0.9, w, length * 0.6,
        "C", w, length * 0.3, waist, length * 0.2, top, 0, "Z",
    )  # fmt: skip
    shine = trace("M", -w * 0.45, length * 0.2, "C", -waist, length * 0.5, -top, length * 0.7, -w * 0.4, length * 0.9)
    grain = line(shine, lighter(colour, 0.5), 3, 0.6)
    collar = box(-width * 0.72, -16, width * 1.44, 20, PALETTE["brass"], 2) + box(
        -width * 0.72, -10, width * 1.44, 3, darker(PALETTE["brass"], 0.25)
    )
    loop = oval(0, length - 14, 3.4, 3.4, darker(colour, 0.55))
    return lying(fill(grip, colour)) + grain + collar + loop


def trowel(look: Look) -> str:
    """Return a trowel, blade up and to the right."""
    steel, wood = PALETTE[look.main], PALETTE[look.second]
    blade = lying(
        fill(
            "M0 -176C34 -146 40 -104 34 -58C32 -40 14 -34 0 -34C-14 -34 -32 -40 -34 -58C-40 -104 -34 -146 0 -176Z",
            steel,
        )
    )
    fold = fill("M0 -176C34 -146 40 -104 34 -58C32 -40 14 -34 0 -34Z", darker(steel, 0.3), 0.45) + line(
        "M0 -160L0 -50", lighter(steel, 0.5), 3, 0.6
    )
    neck = line("M0 -38C0 -20 0 -10 0 4", darker(steel, 0.2), 10)
    return moved(186, 216, turned(36, 0, 0, blade, fold, neck, moved(0, 14, handle(wood, 132))))


def hand_fork(look: Look) -> str:
    """Return a three-pronged fork, prongs up and to the left."""
    steel, wood = PALETTE[look.main], PALETTE[look.second]
    prongs = lying(line("M0 -40C-36 -52 -38 -80 -36 -168M0 -40C36 -52 38 -80 36 -168M0 -30L0 -176", steel, 12))
    light = line("M-39 -84L-39 -160M-3 -60L-3 -168M33 -84L33 -160", lighter(steel, 0.6), 2.4, 0.7)
    neck = line("M0 -40L0 4", darker(steel, 0.1), 12)
    return moved(214, 214, turned(-34, 0, 0, prongs, light, neck, moved(0, 14, handle(wood, 134))))


def hori_hori(look: Look) -> str:
    """Return a digging knife with one toothed edge, and its sheath."""
    steel, wood, leather = (PALETTE[name] for name in (look.main, look.second, look.third))
    teeth = "".join("l4 5l-4 5" for _ in range(9))
    blade = lying(
        fill(f"M0 -190C14 -176 21 -160 21 -140L21 -120{teeth}L21 -10L-21 -10L-21 -140C-21 -160 -14 -176 0 -190Z", steel)
    )
    fold = line("M0 -176L0 -22", darker(steel, 0.3), 4, 0.5) + line(
        "M-12 -60L-4 -60M-12 -80L-4 -80M-12 -100L-4 -100", darker(steel, 0.5), 2
    )
    sheath = (
        lying(fill("M-30 -92L30 -92L26 70Q0 108 -26 70Z", leather))
        + line("M-23 -82L-20 64Q0 92 20 64L23 -82", lighter(leather, 0.4), 2)
        + box(-30, -74, 60, 16, darker(leather, 0.25))
    )
    return moved(104, 236, turned(-16, 0, 0, sheath)) + moved(
        250, 214, turned(24, 0, 0, blade, fold, box(-25, -14, 50, 12, PALETTE["brass"], 3), handle(wood, 134, 19))
    )


def dibber(look: Look) -> str:
    """Return a pointed planting stick with rings for the depth, and three bulbs."""
    wood, dark, skin = (PALETTE[name] for name in (look.main, look.second, look.third))
    stick = lying(fill("M-15 -40L15 -40C14 40 8 110 0 150C-8 110 -14 40 -15 -40Z", wood))
    rings = "".join(line(f"M-{w} {y}L{w} {y}", dark, 2.6) for y, w in ((10, 14), (40, 12), (70, 10), (98, 7)))
    grip = lying(box(-58, -76, 116, 38, wood, 19)) + box(-50, -70, 100, 7, lighter(wood, 0.5), 3, 0.6)
    bulbs = "".join(
        moved(
            x,
            y,
            turned(
                a,
                0,
                0,
                lying(
                    fill("M0 -34C6 -20 26 -14 26 6C26 24 12 28 0 28C-12 28 -26 24 -26 6C-26 -14 -6 -20 0 -34Z", skin)
                ),
                line("M0 -26C-4 -8 -14 -2 -14 10M2 -22C6 -6 14 0 12 14", darker(skin, 0.3), 2),
            ),
        )
        for x, y, a in ((106, 272, -12), (164, 308, 16), (92, 334, 38))
    )
    return moved(222, 160, turned(-24, 0, 0, stick, rings, grip)) + bulbs


def secateurs(look: Look) -> str:
    """Return bypass secateurs, a little open, with painted grips."""
    grip, steel, spring = (PALETTE[name] for name in (look.main, look.second, look.third))
    left = lying(fill("M-8 10C-34 60 -52 110 -44 172Q-36 190 -22 176C-24 120 -6 70 14 22Z", grip))
    right = lying(fill("M8 10C36 60 62 104 62 166Q58 186 42 176C36 128 14 78 -10 26Z", grip))
    hook = lying(
        fill("M10 14C-26 -8 -46 -54 -34 -112C-26 -94 -16 -82 -6 -72C-10 -42 0 -18 18 -4Z", darker(steel, 0.18))
    )
    blade = lying(fill("M-14 10C0 -44 22 -92 58 -122C66 -82 54 -26 16 16Z", lighter(steel, 0.25))) + line(
        "M0 -4C16 -52 36 -86 54 -106", lighter(steel, 0.7), 3
    )
    coil = "".join(line(f"M{-12 + i * 2} {58 + 7 * i}L{18 + i * 2} {54 + 7 * i}", spring, 3.4) for i in range(5))
    pin = oval(2, 8, 11, 11, PALETTE["brass"]) + oval(2, 8, 4, 4, darker(PALETTE["brass"], 0.4))
    return moved(196, 180, turned(28, 0, 0, coil, left, hook, right, blade, pin))


def snips(look: Look) -> str:
    """Return flower snips with looped handles, and a cut stem."""
    main, steel, bloom = (PALETTE[name] for name in (look.main, look.second, look.third))
    loops = lying(
        line("M-2 6C-54 40 -66 96 -44 122C-22 140 2 96 -2 6M2 6C54 40 66 96 44 122C22 140 -2 96 2 6", main, 13)
    )
    blades = lying(fill("M-12 14C-20 -40 -18 -90 -4 -128C6 -84 8 -30 8 14Z", steel)) + lying(
        fill("M12 14C20 -40 20 -90 8 -124C-4 -84 -8 -30 -8 14Z", lighter(steel, 0.25))
    )
    stem = (
        line("M96 330C140 270 140 200 96 130", PALETTE["moss"], 4)
        + moved(124, 236, turned(-50, 0, 0, fill(leaf_d(46, 14), PALETTE["moss"])))
        + moved(124, 200, turned(50, 0, 0, fill(leaf_d(38, 12), PALETTE["leaf"])))
    )
    return (
        stem
        + motif("daisy", 94, 118, 38, bloom, PALETTE["ochre"])
        + moved(248, 210, turned(18, 0, 0, loops, blades, oval(0, 8, 8, 8, PALETTE["brass"])))
    )


def watering_can(look: Look) -> str:
    """Return a big can with a rose and a hoop over the top."""
    main = PALETTE[look.main]
    body = straight(216, 168, 312, 80, 88)
    return (
        standing_shadow(216, 316, 88)
        + line("M296 182C376 190 372 282 300 296", darker(main, 0.15), 13)
        + line("M160 160C160 92 276 92 276 160", darker(main, 0.25), 11)
        + fill("M140 276L62 138L82 128L146 226Z", darker(main, 0.1))
        + line("M84 150L142 190", darker(main, 0.3), 5)
        + rose(main)
        + solid(body, main, shine=0.5)
        + "".join(fill(body.band(y, y + 5), darker(main, 0.25), 0.5) for y in (184, 286))
        + mouth(body, lighter(main, 0.3), darker(main, 0.55))
        + fill("M226 155.3A80 12.8 0 0 1 226 180.7Z", lighter(main, 0.12))
    )


def rose(colour: str) -> str:
    """Return the sprinkling end of a can's spout."""
    head = fill("M50 108L92 84L100 128L62 148Z", darker(colour, 0.2)) + oval(0, 0, 0, 0, colour)
    return (
        head
        + turned(-30, 68, 100, oval(68, 94, 30, 12, lighter(colour, 0.2)))
        + line("M52 102h0M62 97h0M72 91h0M82 86h0M60 105h0M70 99h0M80 94h0", darker(colour, 0.6), 3.4)
    )


def slim_can(look: Look) -> str:
    """Return an indoor can with a long, thin spout."""
    main = PALETTE[look.main]
    body = Profile(226, ((212, 62), (236, 70), (290, 74), (312, 70)))
    return (
        standing_shadow(226, 316, 74)
        + line("M278 222C360 190 356 290 292 298", darker(main, 0.12), 9)
        + line("M168 290C110 286 116 190 62 132", darker(main, 0.08), 11)
        + line("M165 286C112 280 116 188 66 134", lighter(main, 0.55), 2.6, 0.6)
        + line("M58 135L66 128", darker(main, 0.45), 4)
        + solid(body, main, shine=0.55)
        + fill(body.band(222, 225), darker(main, 0.3), 0.6)
        + oval(226, 212, 62, 62 * TILT, lighter(main, 0.35))
        + oval(214, 212, 24, 5, darker(main, 0.5))
    )


def pots(look: Look) -> str:
    """Return three flower pots, one of them planted."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    plant = "".join(
        moved(250, 160, turned(a, 0, 0, fill(leaf_d(length, 15), third if a % 4 else lighter(third, 0.15))))
        for a, length in ((-58, 74), (62, 70), (-26, 92), (30, 88), (3, 100))
    )
    return (
        plant
        + pot(250, 152, 78, 318, main)
        + pot(128, 220, 56, 322, second)
        + pot(330, 262, 38, 330, darker(main, 0.08))
    )


def pot(cx: float, top: float, r: float, foot: float, colour: str) -> str:
    """Return one tapered pot with a rolled rim; `foot` is the height it stands at."""
    rim_y = top + r * 0.42
    body = straight(cx, rim_y, foot, r * 0.9, r * 0.62)
    rim = straight(cx, top, rim_y, r, r * 0.97)
    return (
        standing_shadow(cx, foot, r * 0.7)
        + solid(body, colour)
        + fill(body.band(rim_y, rim_y + 7), SHADE, 0.2)
        + solid(rim, colour)
        + mouth(rim, lighter(colour, 0.2), PALETTE["walnut"])
    )  # fmt: skip


def twine(look: Look) -> str:
    """Return two balls of twine, one with a loose end."""
    return (
        line("M232 288C280 344 330 300 350 346", PALETTE[look.main], 4)
        + ball(158, 176, 86, PALETTE[look.main])
        + ball(266, 262, 62, PALETTE[look.second])
    )


def ball(cx: float, cy: float, r: float, colour: str) -> str:
    """Return one wound ball."""
    wound = []
    for angle, tone in ((20, darker(colour, 0.22)), (-52, lighter(colour, 0.3)), (84, darker(colour, 0.14))):
        arcs = "".join(_turn_of_twine(cx, cy, r, k) for k in (-0.72, -0.46, -0.2, 0.06, 0.32, 0.58))
        wound.append(turned(angle, cx, cy, line(arcs, tone, 2.4, 0.7)))
    return (
        lying(oval(cx, cy, r, r, colour))
        + "".join(wound)
        + oval(cx + r * 0.3, cy + r * 0.34, r * 0.62, r * 0.6, SHADE, 0.08)
    )


def _turn_of_twine(cx: float, cy: float, r: float, k: float) -> str:
    """Return one thread over a ball, at share k of its radius."""
    x, half = cx - r * k, r * (1 - k * k) ** 0.5 * 0.9
    return trace("M", x, cy + half, "Q", cx + r * 0.16, cy, x, cy - half)


def seeds(look: Look) -> str:
    """Return a packet of seeds with a printed plant, and a few seeds spilled."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    packet = (
        lying(box(116, 62, 160, 236, PALETTE["cream"], 3))
        + box(116, 62, 160, 34, main, 3)
        + box(130, 110, 132, 142, lighter(main, 0.62))
    )
    sign = motif(look.detail, 196, 182, 54, second, third) + line(
        "M146 268L246 268M166 282L226 282", darker(main, 0.1), 3
    )
    chance = look.chance()
    grains = "".join(
        turned(chance.randrange(180), x, y, oval(x, y, 5.4, 3.2, PALETTE["walnut"]))
        for x, y in (
            (286, 306),
            (304, 322),
            (272, 328),
            (318, 300),
            (294, 344),
            (258, 338),
            (330, 336),
            (310, 356),
            (276, 352),
        )
    )
    return turned(-8, 200, 200, packet, sign) + grains


def labels(look: Look) -> str:
    """Return five plant labels in a row, the outer ones blank, the others written on."""
    main, second = PALETTE[look.main], PALETTE[look.second]
    words = ("", "q9 -13 0 26t0 26t0 26t0 20", "q9 -13 0 26t0 26", "q9 -13 0 26t0 26t0 26", "")
    row = ""
    for i, word in enumerate(words):
        x, lift, tone = 84 + 58 * i, (0, 22, 6, 30, 12)[i], darker(main, 0.1 * (i % 3))
        slate = lying(
            fill(
                f"M{x - 22} {92 + lift}l3 -7l38 1l3 8L{x + 22} {270 + lift}L{x} {314 + lift}L{x - 22} {270 + lift}Z",
                tone,
            )
        )
        row += turned(
            (-3, 1, -1, 2, 4)[i], x, 200, slate, line(f"M{x - 4} {112 + lift}{word}", second, 2.8, 0.9) if word else ""
        )
    return row


def gloves(look: Look) -> str:
    """Return a pair of gloves with knitted cuffs."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    hand = (
        "M-44 96L-48 20C-72 10 -92 -22 -88 -40C-84 -52 -70 -50 -62 -38L-44 -18L-44 -100C-44 -118 -22 -118 -22 -100"
        "L-20 -34L-14 -120C-12 -138 10 -136 10 -118L8 -34L20 -106C24 -124 44 -118 42 -102L32 -24L50 -70"
        "C56 -86 74 -78 70 -62L52 30L48 96Z"
    )
    seams = line("M-20 -34L-20 -14M8 -34L7 -14M32 -24L29 -8M-44 -18Q-34 10 -44 30", darker(main, 0.3), 2.4)
    cuff = box(-50, 92, 102, 54, second, 6) + line(
        "".join(f"M{x} 98L{x} 140" for x in range(-40, 50, 12)), darker(second, 0.3), 2.6
    )
    one = lying(fill(hand, main)) + seams + cuff + box(-50, 92, 102, 9, third)
    return moved(276, 188, turned(14, 0, 0, one)) + moved(
        128, 212, turned(-12, 0, 0, f'<g transform="scale(-1 1)">{one}</g>')
    )


def trug(look: Look) -> str:
    """Return a shallow wooden basket with a hoop, holding what was picked."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    greens = "".join(
        moved(x, 226, turned(a, 0, 0, fill(leaf_d(length, 15), tone)))
        for x, a, length, tone in (
            (118, -34, 64, second),
            (146, -12, 78, lighter(second, 0.2)),
            (178, 14, 66, second),
            (232, -18, 60, lighter(second, 0.12)),
            (262, 20, 72, second),
            (290, 40, 56, lighter(second, 0.2)),
        )
    )
    fruit = "".join(
        oval(x, y, 21, 20, third) + oval(x - 7, y - 7, 6, 5, lighter(third, 0.5))
        for x, y in ((146, 216), (190, 210), (234, 214), (270, 220))
    )
    body = "M56 218Q200 250 344 218Q330 300 286 318Q200 332 114 318Q70 300 56 218Z"
    slats = "".join(
        line(f"M{70 + i * 8} {246 + i * 23}Q200 {272 + i * 24} {330 - i * 8} {246 + i * 23}", darker(main, 0.32), 2.4)
        for i in range(3)
    )
    hoop = line("M116 318C92 60 308 60 284 318", darker(main, 0.16), 14) + line(
        "M112 312C92 58 308 58 288 312", lighter(main, 0.4), 3, 0.5
    )
    back = fill("M56 218Q200 186 344 218Q200 250 56 218Z", darker(main, 0.4))
    return (
        standing_shadow(200, 322, 112)
        + back
        + greens
        + fruit
        + fill(body, main)
        + fill("M250 240Q310 232 344 218Q330 300 286 318Q268 322 250 323Z", SHADE, 0.14)
        + slats
        + hoop
    )


DRAWINGS = {
    "trowel": trowel, "hand_fork": hand_fork, "hori_hori": hori_hori, "dibber": dibber, "secateurs": secateurs,
    "snips": snips, "watering_can": watering_can, "slim_can": slim_can, "pots": pots, "twine": twine,
    "seeds": seeds, "labels": labels, "gloves": gloves, "trug": trug,
}  # fmt: skip
