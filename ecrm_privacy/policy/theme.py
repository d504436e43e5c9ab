"""A site's look: custom properties that its banner, slots and pages take their colours, fonts and measures from. Pure.

A property that is named `accent` here is `--ecrm-accent` in a stylesheet. `PROPERTIES` are those that may be set, and
what each is for; `docs/how-to/give-it-your-look.md` shows them. A theme can single out no button: there is no property
for one button alone.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping

from ecrm_privacy.policy.documents import Bundle, ThemeDocument

PROPERTIES: Mapping[str, str] = {
    "ground": "the page behind everything",
    "surface": "banner, cards, buttons",
    "sunken": "what lies deeper: switches that are off, a button under the pointer",
    "line": "hairlines between things",
    "edge": "the edges of banner, buttons and switches; at least 3:1 against surface",
    "ink": "text; at least 4.5:1 against ground, surface and sunken",
    "muted": "text that says less; at least 4.5:1 there, too",
    "accent": "links, rings around what has the focus, switches that are on; at least 4.5:1 against surface and ground",
    "accent-strong": "a link under the pointer",
    "on-accent": "text upon accent; at least 4.5:1",
    "accent-soft": "the ground of notes",
    "good": "what went well",
    "warn": "what wants care",
    "bad": "what cannot be undone, what failed",
    "shadow": "the shadow of what lies above the page",
    "serif": "the font of headings",
    "sans": "the font of everything else",
    "mono": "the font of hashes and code",
    "radius": "how round corners are",
}
"""Every property that a theme may set. Sizes, spaces and the size of what is pressed are the house's own."""
COLOURS = frozenset(PROPERTIES) - {"shadow", "serif", "sans", "mono", "radius"}


def stylesheet(theme: ThemeDocument) -> str:
    """The theme as a stylesheet; it stands outside of every layer, so it wins over the tokens of `ecrm.css`."""
    every = dict(_declared(theme.every))
    if theme.logo:
        every["--ecrm-logo"] = f'url("data:image/svg+xml;base64,{b64encode(theme.logo.encode()).decode()}")'
    blocks = [_block(every)]
    for scheme, values in (("light", theme.light), ("dark", theme.dark)):
        if values:
            blocks.append(f"@media (prefers-color-scheme: {scheme}) {{\n{_block(dict(_declared(values)))}}}\n")
    return "".join(blocks)


def problems(bundle: Bundle) -> Iterator[str]:
    """What a theme sets that it cannot, as "file: key: what"."""
    for name, site in bundle.sites.items():
        file = f"sites/{name}.toml: theme"
        for part in ("every", "light", "dark"):
            values: Mapping[str, str] = getattr(site.theme, part)
            for key, value in values.items():
                if key not in PROPERTIES:
                    yield f"{file}.{part}.{key}: no such property; there are: {', '.join(PROPERTIES)}"
                elif "url(" in value.lower() or "image" in value.lower():
                    yield f"{file}.{part}.{key}: a theme loads nothing; the logo stands in `logo`"
        for scheme, other in (("light", "dark"), ("dark", "light")):
            for key in sorted((getattr(site.theme, scheme).keys() - getattr(site.theme, other).keys()) & COLOURS):
                yield f"{file}.{scheme}.{key}: {other} is missing: a colour is chosen for both schemes"


def _declared(values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((f"--ecrm-{name}", value) for name, value in values.items())


def _block(values: Mapping[str, str]) -> str:
    lines = "".join(f"  {name}: {value};\n" for name, value in values.items())
    return f":root {{\n{lines}}}\n" if lines else ""
