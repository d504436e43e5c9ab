"""Pages run from right to left as well as from left to right: nothing in a sheet says left or right."""

import re
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT

SHEETS = sorted((CHECKOUT / "ecrm_privacy/web/static").glob("*.css")) + sorted(
    (CHECKOUT / "personalization/static").glob("*.css")
)
SIDES = re.compile(
    r"(?:^|[;{\s])((?:margin|padding|border|inset|scroll-margin|scroll-padding)-(?:left|right)[a-z-]*|left|right|float|clear)\s*:"
    r"|(text-align\s*:\s*(?:left|right))"
    r"|(border-(?:top|bottom)-(?:left|right)-radius)"
)
FOUR = re.compile(r"\b(margin|padding|inset)\s*:\s*([^;{}]+);")
SCRIPTS = sorted((CHECKOUT / "ecrm_privacy/web/static").glob("ecrm*.js"))


def _values(text: str) -> list[str]:
    """Split a shorthand at the spaces outside of parentheses."""
    return re.split(r"\s+(?![^()]*\))", text.strip())


@pytest.mark.parametrize("sheet", [*SHEETS, *SCRIPTS], ids=lambda path: path.name)
def test_a_sheet_names_no_side(sheet: Path) -> None:
    """Sides are inline-start and inline-end; a shorthand has the same value on both."""
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text("utf-8"), flags=re.DOTALL)
    if sheet in SCRIPTS:
        text = text.partition("const CSS = `")[2].partition("`;")[0]
    assert [found.group(0).strip() for found in SIDES.finditer(text)] == []
    sided = [found.group(0) for found in FOUR.finditer(text) if len(_values(found[2])) == 4]
    assert [one for one in sided if _values(one.partition(":")[2].rstrip(";"))[1] != _values(one[:-1])[-1]] == []
