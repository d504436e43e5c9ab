"""The reference names every rule with its sources and its remedy, as the code has them."""

import re

from ecrm_privacy.policy.theme import COLOURS, PROPERTIES
from ecrm_privacy.showroom.rules import RULES
from tests.conftest import CHECKOUT


def test_the_reference_has_every_rule() -> None:
    """Each rule is a row of the table, word for word."""
    page = (CHECKOUT / "docs/reference/banner.md").read_text("utf-8")
    rows = [
        f"| `{name}` | {rule.demands} | {'; '.join(rule.sources)} | {rule.remedy} |" for name, rule in RULES.items()
    ]
    assert [row for row in rows if row not in page] == []


def test_the_how_to_has_every_property_as_the_stylesheet_has_it() -> None:
    """Each property that a theme may set is a row, exists in `ecrm.css`, and shows the colours that it has there."""
    page = (CHECKOUT / "docs/how-to/give-it-your-look.md").read_text("utf-8")
    css = (CHECKOUT / "ecrm_privacy/web/static/ecrm.css").read_text("utf-8")
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    for name, meaning in PROPERTIES.items():
        values = re.findall(rf"--ecrm-{name}: ([^;]+);", css)
        assert values
        shown = [value for value in values if name in COLOURS]
        assert f"| `{name}` | {meaning} | " + " | ".join(f"`{value}`" for value in shown) in page
