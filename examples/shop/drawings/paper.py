"""Paper goods, lying on the sheet and seen from straight above."""

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
    mix,
    moved,
    number,
    oval,
    ring,
    standing_shadow,
    turned,
)
from drawings.lathe import Profile, lid, solid, straight
from drawings.motifs import motif


def notebook(look: Look) -> str:
    """Return a closed notebook with a label, a spine and an elastic or a ribbon."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    cover = box(112, 68, 184, 262, main, 6)
    spine = box(112, 68, 26, 262, darker(main, 0.16), 4)
    pages = lying(box(118, 72, 184, 262, PALETTE["cream"], 4)) + line(
        "M300 78L300 330M297 78L297 332", darker(PALETTE["cream"], 0.2), 1
    )
    label = box(168, 112, 98, 70, second, 2) + motif(look.detail, 217, 147, 22, darker(main, 0.15), third)
    strap = (
        box(268, 68, 9, 262, third)
        if look.detail != "fern"
        else fill("M206 330L206 356L213 348L220 356L220 330Z", third)
    )
    return turned(-6, 200, 200, pages, cover, spine, label, strap)


def sketchbook(look: Look) -> str:
    """Return a spiral-bound sketchbook with a pencil across it."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    book = lying(box(72, 96, 256, 206, main, 4)) + box(88, 110, 226, 178, lighter(main, 0.08), 2)
    holes = "".join(line(f"M{x} 88L{x} 108", PALETTE["steel"], 5) for x in range(90, 320, 17))
    drawing = moved(
        150,
        200,
        line("M-30 30C-34 -6 -10 -14 -8 -34L10 -34C12 -14 38 -6 32 30Q0 40 -30 30Z", second, 3),
        line("M2 -36C0 -60 10 -64 18 -74M4 -56C-6 -58 -12 -64 -14 -72", second, 3),
    )
    return turned(-5, 200, 200, book, holes, drawing, moved(250, 206, pencil(third, 168, 34)))


def pencil(colour: str, length: float, degrees: float) -> str:
    """Return a pencil around the origin, its point down before it is turned."""
    half = length / 2
    body = lying(box(-6, -half, 12, length - 22, colour)) + box(-6, -half, 4, length - 22, lighter(colour, 0.25))
    end = box(-6, -half - 4, 12, 10, PALETTE["brass"])
    cone = fill(f"M-6 {number(half - 22)}L6 {number(half - 22)}L0 {number(half)}Z", PALETTE["ash"])
    tip = fill(f"M-2 {number(half - 7)}L2 {number(half - 7)}L0 {number(half)}Z", PALETTE["charcoal"])
    return turned(degrees, 0, 0, body, end, cone, tip)


def pencils(look: Look) -> str:
    """Return six pencils side by side under a paper band."""
    tones = [PALETTE[name] for name in (look.main, look.second, look.third)]
    row = "".join(moved(112 + i * 35, 200 + (i % 2) * 14, pencil(tones[i % 3], 264, 0)) for i in range(6))
    band = lying(box(92, 168, 216, 64, PALETTE["cream"], 2)) + line("M102 176L298 176M102 224L298 224", tones[0], 1.6)
    return turned(8, 200, 200, row, band, motif(look.detail, 200, 200, 19, tones[0], tones[1]))


def envelope(x: float, y: float, colour: str, lining: str, stamp: str = "") -> str:
    """Return an open-flapped envelope, 190 by 126, its upper left corner at (x, y)."""
    flap = f"M{x} {y}L{x + 190} {y}L{x + 106} {y - 74}Q{x + 95} {y - 82} {x + 84} {y - 74}Z"
    inner = f"M{x + 14} {y}L{x + 176} {y}L{x + 102} {y - 64}Q{x + 95} {y - 70} {x + 88} {y - 64}Z"
    front = box(x, y, 190, 126, colour, 2)
    seams = line(
        f"M{x} {y + 126}L{x + 84} {y + 56}Q{x + 95} {y + 48} {x + 106} {y + 56}L{x + 190} {y + 126}",
        darker(colour, 0.16),
        2,
    )
    pocket = fill(f"M{x} {y}L{x + 84} {y + 62}Q{x + 95} {y + 70} {x + 106} {y + 62}L{x + 190} {y}Z", lining)
    return lying(fill(flap, colour) + front) + fill(inner, lining) + pocket + seams + stamp


def envelopes(look: Look) -> str:
    """Return three lined envelopes, one behind the other."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    places = ((128, 134, -9, main, third), (78, 192, 4, second, main), (132, 252, -3, third, second))
    return "".join(
        turned(angle, x + 95, y + 60, envelope(x, y, paper, lining)) for x, y, angle, paper, lining in places
    )


def letter_set(look: Look) -> str:
    """Return sheets of laid paper, one with a few written lines, and an envelope before them."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    sheets = turned(-7, 170, 190, lying(box(76, 56, 178, 250, darker(main, 0.05), 1))) + turned(
        -2, 170, 190, lying(box(82, 52, 178, 250, main, 1))
    )
    words = turned(
        -2,
        170,
        190,
        *(
            line(f"M104 {y}q9 -7 17 0t17 0t17 0t17 0{'t17 0t17 0' if y % 60 else 't17 0'}", third, 2.4, 0.85)
            for y in range(92, 196, 24)
        ),
    )
    return sheets + words + turned(6, 240, 290, envelope(150, 236, second, third))


def cards(look: Look) -> str:
    """Return three cards with a printed sign, overlapping."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    drawn = ""
    for dx, dy, angle, paper, ink in (
        (-58, 16, -13, main, second),
        (58, 20, 12, main, third),
        (0, -6, -2, lighter(main, 0.4), second),
    ):
        front = lying(box(138, 92, 124, 178, paper, 3)) + line("M148 256L252 256", ink, 1.4)
        drawn += moved(
            dx,
            dy,
            turned(angle, 200, 200, front, motif(look.detail, 200, 172, 42, ink, third if ink == second else second)),
        )
    return drawn


def postcards(look: Look) -> str:
    """Return two postcards, one from behind with its stamp, one with a plant."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    lines = line("M210 168L286 168M210 188L286 188M210 208L270 208", darker(main, 0.3), 1.8)
    back = (
        lying(box(86, 104, 216, 148, main, 2))
        + line("M194 118L194 238", darker(main, 0.2), 1.6)
        + lines
        + stamp(262, 116, third)
    )
    plant = lying(box(100, 168, 216, 148, lighter(main, 0.5), 2)) + box(110, 178, 196, 128, mix(second, main, 0.78))
    signs = "".join(
        motif(look.detail, x, y, s, second, third) for x, y, s in ((160, 244, 40), (216, 240, 50), (270, 246, 38))
    )
    return turned(9, 194, 178, back) + turned(-5, 208, 242, plant, signs)


def stamp(x: float, y: float, colour: str) -> str:
    """Return a small postage stamp."""
    return (
        box(x, y, 28, 34, lighter(colour, 0.6))
        + box(x + 3, y + 3, 22, 28, colour)
        + oval(x + 14, y + 16, 6, 8, lighter(colour, 0.5))
    )


def ink(look: Look) -> str:
    """Return a bottle of ink, a drop and a stroke of its colour."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    bottle = Profile(190, ((176, 34), (190, 38), (206, 84), (232, 94), (300, 94), (314, 84)))
    filled = fill(bottle.band(228, 306, -0.9, 0.9), main)
    cap = straight(190, 118, 176, 42)
    label = fill(bottle.band(240, 292, -0.6, 0.6), second)
    swatch = line("M60 344C120 326 150 352 210 340S320 344 344 330", main, 13) + oval(352, 352, 6, 6, main)
    return (
        standing_shadow(190, 316, 86) + solid(bottle, mix(main, PALETTE["mist"], 0.55)) + filled + label
        + motif(look.detail, 190, 279, 19, main, third) + solid(cap, third)
        + "".join(fill(cap.band(y, y + 2), SHADE, 0.18) for y in (134, 148, 162))
        + lid(cap, third) + swatch
    )  # fmt: skip


def fountain_pen(look: Look) -> str:
    """Return a pen lying across the line it has written, its cap beside it."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    barrel = lying(box(-13, -118, 26, 150, main, 10)) + box(-13, -118, 7, 150, lighter(main, 0.45), 4)
    section = box(-10, 30, 20, 34, PALETTE["charcoal"], 3) + box(-14, 24, 28, 8, lighter(main, 0.3), 2)
    nib = (
        fill("M-10 62L10 62Q8 92 0 112Q-8 92 -10 62Z", lighter(main, 0.35))
        + line("M0 80L0 110", darker(main, 0.5), 1.6)
        + oval(0, 79, 2.6, 2.6, darker(main, 0.5))
    )
    cap = (
        lying(box(-16, -60, 32, 118, main, 11))
        + box(-16, -60, 8, 118, lighter(main, 0.45), 4)
        + box(-16, 44, 32, 9, second)
        + box(-4, -46, 8, 74, lighter(main, 0.2), 4)
    )
    page = turned(-8, 200, 200, lying(box(62, 96, 276, 236, PALETTE["cream"], 2)))
    words = line("M88 286q11 -12 21 0t21 0t21 0t21 0q16 6 26 -10", third, 3.4)
    return (
        page + words + moved(262, 186, turned(34, 0, 0, barrel, section, nib)) + moved(118, 172, turned(62, 0, 0, cap))
    )


def wrapping(look: Look) -> str:
    """Return two rolls of printed paper, one unrolled."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    block = f'<defs><g id="block">{motif(look.detail, 0, 0, 12, second, third)}</g></defs>'
    prints = "".join(
        f'<use href="#block" x="{x}" y="{y}"/>'
        for row, y in enumerate((186, 222, 258, 294, 326)) for x in range(118 + row % 2 * 18, 296, 42)
    )  # fmt: skip
    return block + turned(-4, 200, 200, lying(box(92, 150, 216, 190, main)), prints, roll(64, second), roll(116, main))


def roll(y: float, colour: str) -> str:
    """Return a roll of paper under a paper band, its upper edge at y."""
    body = lying(box(78, y, 244, 40, colour, 8)) + box(78, y + 6, 244, 7, lighter(colour, 0.5), 3, 0.5)
    shade = box(78, y + 28, 244, 12, darker(colour, 0.5), 6, 0.2)
    end = oval(80, y + 20, 8, 20, darker(colour, 0.25)) + oval(80, y + 20, 4, 11, PALETTE["kraft"])
    return body + shade + end + box(186, y, 26, 40, PALETTE["kraft"])


def tape(look: Look) -> str:
    """Return three rolls of paper tape and a torn strip of each."""
    drawn = ""
    for (x, y), name in zip(((134, 138), (252, 168), (158, 256)), (look.main, look.second, look.third), strict=True):
        tone = PALETTE[name]
        roll = (
            lying(oval(x, y, 58, 58, tone))
            + ring(x, y, 50, lighter(tone, 0.3), 2)
            + ring(x, y, 43, darker(tone, 0.15), 2)
        )
        drawn += (
            roll + oval(x, y, 34, 34, PALETTE["kraft"]) + oval(x + 2, y + 3, 29, 29, darker(PALETTE[look.ground], 0.12))
        )
    strip = "M236 296L338 270l-4 7l7 4l-4 8l6 5L242 322Z"
    return (
        drawn
        + lying(fill(strip, PALETTE[look.third]))
        + "".join(oval(x, 306 - (x - 250) * 0.25, 3, 3, PALETTE[look.second]) for x in range(252, 336, 14))
    )


def journal(look: Look) -> str:
    """Return an open garden journal: written lines on one page, a pressed plant on the other."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    cover = lying(box(48, 88, 304, 226, main, 6))
    pages = fill("M58 98Q130 84 200 100L200 304Q130 288 58 302Z", PALETTE["white"]) + fill(
        "M342 98Q270 84 200 100L200 304Q270 288 342 302Z", PALETTE["cream"]
    )
    gutter = fill("M200 100L200 304Q192 296 182 295L182 98Z", SHADE, 0.1) + line(
        "M200 100L200 304", darker(PALETTE["cream"], 0.3), 2
    )
    words = "".join(
        line(f"M78 {y}q8 -6 15 0t15 0t15 0t15 0{'t15 0' if y % 40 else ''}", third, 2.2, 0.8)
        for y in range(132, 276, 20)
    )
    return turned(
        -4,
        200,
        200,
        cover,
        pages,
        gutter,
        words,
        motif(look.detail, 270, 196, 66, second, third),
        box(250, 268, 40, 12, PALETTE["kraft"]),
        fill("M296 308L296 338L303 330L310 338L310 306Z", PALETTE["oxblood"]),
    )


def calendar(look: Look) -> str:
    """Return a desk calendar on its stand, a drawn sign over the days."""
    main, second, third = (PALETTE[name] for name in (look.main, look.second, look.third))
    stand = fill("M96 96L296 96L326 312L120 312Z", darker(main, 0.35))
    leaf = fill("M84 96L284 96L284 312L84 312Z", PALETTE["white"]) + box(
        84, 96, 200, 112, mix(second, PALETTE["cream"], 0.55)
    )
    days = "".join(
        box(100 + 25 * column, 224 + 17 * row, 12, 6, third if (row, column) == (2, 3) else main, 1)
        for row in range(5)
        for column in range(7)
        if row * 7 + column < 31
    )
    rings = "".join(line(f"M{x} 84L{x} 106", PALETTE["iron"], 4) for x in range(104, 280, 20))
    return (
        standing_shadow(206, 314, 104) + stand + leaf + motif(look.detail, 184, 154, 40, second, third) + days + rings
    )


DRAWINGS = {
    "notebook": notebook, "sketchbook": sketchbook, "pencils": pencils, "envelopes": envelopes,
    "letter_set": letter_set, "cards": cards, "postcards": postcards, "ink": ink, "fountain_pen": fountain_pen,
    "wrapping": wrapping, "tape": tape, "journal": journal, "calendar": calendar,
}  # fmt: skip
