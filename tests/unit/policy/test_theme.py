"""A site's look: what it becomes, and what it may not be."""

import pytest

from ecrm_privacy.errors import PolicyRefused
from ecrm_privacy.policy.theme import stylesheet
from tests.unit.policy.policies import bundle, tree

LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="24"></svg>'


def themed(theme: object) -> str:
    """The stylesheet of a site with that theme."""
    changed = tree()
    changed["sites"]["demo"]["theme"] = theme
    return stylesheet(bundle(changed).sites["demo"].theme)


def test_a_theme_is_custom_properties_by_scheme() -> None:
    """What holds for both schemes comes first, then each scheme's own."""
    text = themed({"every": {"radius": "8px"}, "light": {"accent": "#7a2e3a"}, "dark": {"accent": "#e9a3ad"}})
    assert text == (
        ":root {\n  --ecrm-radius: 8px;\n}\n"
        "@media (prefers-color-scheme: light) {\n:root {\n  --ecrm-accent: #7a2e3a;\n}\n}\n"
        "@media (prefers-color-scheme: dark) {\n:root {\n  --ecrm-accent: #e9a3ad;\n}\n}\n"
    )


def test_a_site_without_a_theme_changes_nothing() -> None:
    """Nothing is set that was not said."""
    assert themed({}) == ""


def test_a_logo_travels_in_the_stylesheet() -> None:
    """It is one picture inside, and no address."""
    text = themed({"logo": LOGO})
    assert text.startswith(':root {\n  --ecrm-logo: url("data:image/svg+xml;base64,')
    assert "http" not in text


@pytest.mark.parametrize(
    ("theme", "what"),
    [
        ({"every": {"accept": "#0f0"}}, "theme.every.accept: no such property"),
        ({"light": {"accent": "#7a2e3a"}}, "theme.light.accent: dark is missing"),
        ({"every": {"sans": "url(font)"}}, "theme.every.sans: a theme loads nothing"),
        ({"every": {"radius": "0} button{display:none"}}, "theme.every.radius"),
        ({"every": {"radius": "8px;"}}, "theme.every.radius"),
        ({"every": {"radius": "https://x.example"}}, "theme.every.radius"),
        ({"logo": "<script></script>"}, "theme.logo"),
        ({"pink": {}}, "theme.pink: no such key"),
    ],
)
def test_what_is_no_look_is_refused(theme: object, what: str) -> None:
    """A theme sets known properties to plain values, a colour for both schemes, and can write no rule of its own."""
    with pytest.raises(PolicyRefused, match=r"sites/demo\.toml: ") as refused:
        themed(theme)
    assert what in str(refused.value)
