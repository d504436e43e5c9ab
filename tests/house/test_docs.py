"""The reference says what the code does."""

import re

import msgspec

from ecrm_privacy.config import Config
from tests.house import source


def test_the_configuration_page_names_every_setting() -> None:
    """The reference lists exactly the settings of `Config`, with their defaults where they are plain values."""
    page = (source.ROOT / "docs/reference/configuration.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", page, re.MULTILINE))
    fields = {field.name: field.default for field in msgspec.structs.fields(Config)}
    assert rows.keys() == fields.keys()
    plain = {name: default for name, default in fields.items() if isinstance(default, bool | int | float)}
    assert {name: rows[name] for name in plain} == {name: f"`{str(value).lower()}`" for name, value in plain.items()}
