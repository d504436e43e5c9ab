"""What the house tests read: the files of the repository, and the syntax trees of its Python."""

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ecrm_privacy", "personalization")


def files() -> list[Path]:
    """Every file that git tracks or would track, relative to the top; without git, every file but the caches."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        return sorted(
            path for name in set(listed.stdout.split("\0")) if name and (ROOT / (path := Path(name))).is_file()
        )
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return sorted(
        path
        for path in found
        if not any(part[0] == "." or part in {"__pycache__", "build", "data", "dist"} for part in path.parts)
    )


def python(*tops: str) -> list[Path]:
    """Every Python file under the folders `tops`."""
    return [path for path in files() if path.suffix == ".py" and path.parts[0] in tops]


def tree(path: Path) -> ast.Module:
    """The syntax tree of `path`."""
    return ast.parse((ROOT / path).read_text("utf-8"), str(path))


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Each function of `path` with its dotted name inside the file."""

    def inside(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}.{child.name}" if prefix else child.name
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield name, child
                name += ".<locals>"
            yield from inside(child, name)

    return inside(tree(path), "")


def text_of(path: Path) -> str | None:
    """The text of `path`, or None if it is no text (a picture, say)."""
    content = (ROOT / path).read_bytes()
    return None if b"\0" in content else content.decode("utf-8", errors="replace")


def pyproject() -> dict[str, Any]:
    """The project's settings."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
