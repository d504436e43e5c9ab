"""The reference says what the code does."""

import argparse
import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from ecrm_privacy.cli import _parser
from ecrm_privacy.config import Config
from ecrm_privacy.mapping import FieldMapping, FieldRule
from ecrm_privacy.moving.mapping import AnswerMapping, Asked
from tests.house import source


def test_the_configuration_page_names_every_setting() -> None:
    """The reference lists exactly the settings of `Config`, with their defaults where they are plain values."""
    page = (source.ROOT / "docs/reference/configuration.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", page, re.MULTILINE))
    fields = {field.name: field.default for field in msgspec.structs.fields(Config)}
    assert rows.keys() == fields.keys()
    plain = {name: default for name, default in fields.items() if isinstance(default, bool | int | float)}
    assert {name: rows[name] for name in plain} == {name: f"`{str(value).lower()}`" for name, value in plain.items()}


def test_the_command_line_page_explains_every_verb() -> None:
    """The reference has a section for each verb, with its options and its example, and for no other."""
    page = (source.ROOT / "docs/reference/cli.md").read_text("utf-8")
    sections = dict(re.findall(r"^## (ecrm .+)\n((?:(?!## ).*\n)*)", page, re.MULTILINE))
    verbs = dict(_verbs("ecrm", _parser()))
    assert sections.keys() == verbs.keys()
    for name, parser in verbs.items():
        options = {option for action in parser._actions for option in action.option_strings}
        assert {option for option in options - {"-h", "--help", "--data-dir"} if option not in sections[name]} == set()
        assert (parser.epilog or "").removeprefix("Example: ") in sections[name]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("import-your-data", (FieldMapping, FieldRule)), ("move-in-from-another-tool", (AnswerMapping, Asked))],
)
def test_the_import_pages_explain_every_rule(name: str, kinds: Sequence[type[msgspec.Struct]]) -> None:
    """The pages about imports name each key of their mapping files."""
    page = (source.ROOT / f"docs/how-to/{name}.md").read_text("utf-8")
    keys = [field.encode_name for kind in kinds for field in msgspec.structs.fields(kind)]
    assert [key for key in keys if not re.search(rf"`{key}`|^{key} = |^\[{key}\]", page, re.MULTILINE)] == []


def _verbs(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    within = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not within:
        yield name, parser
    for action in within:
        for word, inner in action.choices.items():
            yield from _verbs(f"{name} {word}", inner)


def test_the_http_page_lists_every_call() -> None:
    """The reference lists exactly the calls that the source declares."""
    page = (source.ROOT / "docs/reference/http.md").read_text("utf-8")
    listed = re.findall(r"^\| `([A-Z]+) (/\S*)` \|", page, re.MULTILINE)
    declared = sorted(call for path in source.python(*source.PACKAGES) for call in _calls(path))
    assert sorted(listed) == declared


def _calls(path: Path) -> Iterator[tuple[str, str]]:
    """The method and path of each handler in a file, without the types of the path's parts."""
    for _, function in source.functions(path):
        for mark in function.decorator_list:
            if isinstance(mark, ast.Call) and getattr(mark.func, "id", "") in {"get", "post", "put", "patch", "delete"}:
                address = ast.literal_eval(mark.args[0])
                yield mark.func.id.upper(), re.sub(r":\w+}", "}", address)  # type: ignore[attr-defined]
