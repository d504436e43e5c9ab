"""The source keeps to its own habits (CONTRIBUTING.md). Each exception stands here with its reason."""

import ast
import re
from pathlib import Path

import pytest

from tests.house import source

LINES_PER_FILE, LINES_PER_FILE_NOTICED, LINES_PER_FUNCTION = 500, 400, 90
WRITTEN_BY_HAND = {".py", ".js", ".css", ".html", ".sql", ".toml", ".md"}
EMPTY_NAMES = {
    "util",
    "utils",
    "common",
    "helper",
    "helpers",
    "base",
    "service",
    "services",
    "model",
    "models",
    "core",
    "manager",
}

BROAD_EXCEPTS = {
    "ecrm_privacy/hall.py::again": "the edge of a job that comes again: logged, and tried at its next time",
    "ecrm_privacy/database/coalesce.py::Coalescer._serve": "whatever ends a batch is told to each who asked in it",
    "ecrm_privacy/delivery/jobs.py::Runner._loop": "the edge of the queue: a runner that stopped would owe for ever",
    "ecrm_privacy/delivery/jobs.py::Runner.step": "the edge of a job: logged by id, tried again, at last a dead letter",
    "ecrm_privacy/gate/admit.py::Gate.admit": "every doubt is an empty grant, logged by its class and place",
    "ecrm_privacy/gate/uses.py::UseLog._again": "the edge of a job that comes again: logged, and counts are kept",
    "ecrm_privacy/hatch/answering.py::Counter._answer": "the edge of a request from a hall: logged by id, and answered",
    "ecrm_privacy/hatch/answering.py::_Conversation._look": "the edge of a question: logged, and answered",
    "ecrm_privacy/hatch/asking.py::_Asking.admit": "every doubt is an empty grant, logged by its class and place",
    "ecrm_privacy/ledger/writer.py::Writer._drop": "whatever the driver says, the connection is not used again",
    "ecrm_privacy/ledger/writer.py::Writer._turn": "the edge of a turn: every caller is answered",
    "ecrm_privacy/web/edges.py::Edges.__call__": "the edge of a request: logged by id, answered with a problem",
}
"""`file::function` and why the edge of that job or request may catch everything."""

ENVIRONMENT = {
    "ecrm_privacy/config.py": "the only reader of settings",
    "ecrm_privacy/processes.py": "the parent passes the environment on and hands each process its task in it",
    "ecrm_privacy/worker.py": "a process finds its task in it",
}
"""Files that may look at the environment, and why."""

SQL_HOMES = ("ecrm_privacy/sql.py", "ecrm_privacy/database/", "ecrm_privacy/ledger/verify/")
"""Where SQL may stand besides `store.py`: the words themselves, roles and migrations, and the independent checker."""

SQL = re.compile(
    r"^\s*select\s(?!1$)|^\s*with\s+\w+\s+as\s*\(|\binsert\s+into\s+\w|\bdelete\s+from\s+\w|\bupdate\s+[\w.]+\s+set\b|\bselect\b[^.;]*\bfrom\b",
)


def test_nothing_is_left_to_do() -> None:
    """No file holds a note about work that is not done."""
    left = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert _lines_that_match(left) == []


def test_no_machine_and_no_registry_is_named() -> None:
    """No file holds a path of somebody's machine or the address of a package registry."""
    machine = r"(?<![\w.*])/(?:work|root|home|Users)/\w"
    registry = r"(?:pypi|npmjs)\.org|pythonhosted|/simple/\w|--(?:extra-)?index-url \S"
    assert _lines_that_match(re.compile(f"{machine}|{registry}")) == []


def test_names_say_something() -> None:
    """No folder and no module is called util, common, helpers, base, services, models, core or manager."""
    empty = [path for path in source.files() if path.suffix == ".py" and EMPTY_NAMES & {*path.parts[:-1], path.stem}]
    assert empty == []


def test_files_stay_short(capsys: pytest.CaptureFixture[str]) -> None:
    """No file that is written by hand is longer than 500 lines, and those over 400 are counted."""
    lengths = {
        path: len((source.ROOT / path).read_text("utf-8").splitlines())
        for path in source.files()
        if path.suffix in WRITTEN_BY_HAND
    }
    noticed = {path: lines for path, lines in lengths.items() if lines > LINES_PER_FILE_NOTICED}
    if noticed:
        with capsys.disabled():
            print(f"\n{len(noticed)} files over {LINES_PER_FILE_NOTICED} lines:", *_sizes(noticed), sep="\n  ")
    assert [size for size in _sizes(lengths) if int(size.split()[0]) > LINES_PER_FILE] == []


def test_functions_fit_on_a_screen() -> None:
    """No function is longer than 90 lines."""
    long = [
        f"{path}::{name}"
        for path in source.python(*source.PACKAGES, "tests", "examples")
        for name, function in source.functions(path)
        if (function.end_lineno or 0) - function.lineno >= LINES_PER_FUNCTION
    ]
    assert long == []


def test_broad_excepts_are_known() -> None:
    """Everything is caught, and kept, only at the edges that the list above names; and the list names no more."""
    broad = {
        f"{path}::{name}"
        for path in source.python(*source.PACKAGES)
        for name, function in source.functions(path)
        if any(_catches_everything(node) for node in ast.walk(function))
    }
    assert broad == set(BROAD_EXCEPTS)


def test_sql_lives_in_stores() -> None:
    """SQL stands in a `store.py` or in the few homes that the list above names."""
    elsewhere = [
        f"{path}:{line}"
        for path in source.python(*source.PACKAGES)
        if path.name != "store.py" and not str(path).startswith(SQL_HOMES)
        for line, text in _strings(path)
        if SQL.search(text)
    ]
    assert elsewhere == []


def test_stores_begin_and_acquire_nothing() -> None:
    """A store is handed its connection, and its caller owns the transaction."""
    own = re.compile(r"\.(acquire|transaction)\(|[\"'](?:begin|commit|rollback)\b")
    stores = [path for path in source.python(*source.PACKAGES) if path.name == "store.py"]
    assert [str(path) for path in stores if own.search(source.text_of(path) or "")] == []


def test_one_file_reads_the_environment() -> None:
    """Only the files that the list above names look at the environment."""
    readers = {
        str(path)
        for path in source.python(*source.PACKAGES)
        for node in ast.walk(source.tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert readers <= set(ENVIRONMENT)


def test_public_names_are_explained() -> None:
    """Every module, public class and public function of the source has a docstring."""
    silent = []
    for path in source.python(*source.PACKAGES):
        module = source.tree(path)
        nodes = [("", module), *((name, node) for name, node in source.functions(path) if _is_public(name))]
        nodes += [
            (node.name, node) for node in ast.walk(module) if isinstance(node, ast.ClassDef) and node.name[0] != "_"
        ]
        silent += [f"{path}::{name}" for name, node in nodes if not ast.get_docstring(node)]
    assert silent == []


def test_every_test_says_what_it_holds() -> None:
    """Every test has a docstring of one sentence."""
    mute = [
        f"{path}::{name}"
        for path in source.python("tests")
        for name, function in source.functions(path)
        if function.name.startswith("test_") and not (ast.get_docstring(function) or "").endswith(".")
    ]
    assert mute == []


def test_our_own_rooms_are_not_mocked() -> None:
    """No test replaces a part of the product with a pretence of it."""
    pretence = re.compile(r"^\s*(from|import) (unittest\.mock|unittest import mock)", re.MULTILINE)
    assert [str(path) for path in source.python("tests") if pretence.search(source.text_of(path) or "")] == []


def _lines_that_match(pattern: re.Pattern[str]) -> list[str]:
    here = Path(__file__).relative_to(source.ROOT)
    return [
        f"{path}:{number}: {line.strip()[:80]}"
        for path in source.files()
        if path != here
        for number, line in enumerate((source.text_of(path) or "").splitlines(), 1)
        if pattern.search(line)
    ]


def _sizes(lengths: dict[Path, int]) -> list[str]:
    return [f"{lines} {path}" for path, lines in sorted(lengths.items(), key=lambda item: -item[1])]


def _catches_everything(node: ast.AST) -> bool:
    if isinstance(node, ast.ExceptHandler):
        caught = [] if node.type is None else [node.type, *getattr(node.type, "elts", [])]
        passes_on = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
        return not passes_on and (node.type is None or any(_is_everything(kind) for kind in caught))
    is_suppress = isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "suppress"
    return is_suppress and any(_is_everything(kind) for kind in node.args)  # type: ignore[attr-defined]


def _is_everything(kind: ast.expr) -> bool:
    return isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"}


def _is_public(dotted: str) -> bool:
    return not any(part.startswith(("_", "<")) for part in dotted.split("."))


def _strings(path: Path) -> list[tuple[int, str]]:
    """Every string of `path` that is not a docstring or a note beside a name, with its line."""
    module = source.tree(path)
    notes = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in notes
    ]
