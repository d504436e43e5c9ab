"""Who may import whom holds, and would be noticed if it did not."""

import shutil
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tests.house import source

LINT = Path(sys.executable).parent / "lint-imports"

BROKEN = [
    ("personalization/interact/__init__.py", "import ecrm_privacy.vault", "guest"),
    ("personalization/collect/__init__.py", "import ecrm_privacy.ledger", "guest"),
    ("personalization/aggregate/__init__.py", "import ecrm_privacy.web", "guest"),
    ("ecrm_privacy/gate/types.py", "import ecrm_privacy.vault.store", "guest"),  # reached through a third module
    ("personalization/interact/__init__.py", "import personalization.plugin", "guest-floors"),
    ("ecrm_privacy/ledger/__init__.py", "import ecrm_privacy.vault", "floors"),
    ("ecrm_privacy/rights/__init__.py", "import ecrm_privacy.consent", "floors"),
    ("ecrm_privacy/consent/__init__.py", "import ecrm_privacy.gate.admit", "floors"),
    ("ecrm_privacy/vocabulary.py", "import ecrm_privacy.policy", "floors"),
    ("ecrm_privacy/anywhere.py", "import json", "floors"),  # a room that has no place
    ("ecrm_privacy/policy/__init__.py", "import ecrm_privacy.config", "pools"),
    ("ecrm_privacy/web/__init__.py", "import ecrm_privacy.consent.store", "hall"),
    ("personalization/web/__init__.py", "import ecrm_privacy.vault", "hall"),
    ("ecrm_privacy/app.py", "import personalization", "alone"),
    ("ecrm_privacy/vault/__init__.py", "import litestar", "outside-stores"),
    ("ecrm_privacy/rights/__init__.py", "import cryptography", "outside-doors"),
    ("ecrm_privacy/ledger/__init__.py", "import httpx", "outside-http"),
    ("ecrm_privacy/consent/__init__.py", "import aiosmtplib", "outside-http"),
    ("ecrm_privacy/web/__init__.py", "import asyncpg", "outside-hall"),
    ("ecrm_privacy/app.py", "import playwright", "outside-showroom"),
    ("personalization/interact/__init__.py", "import cryptography", "outside-guest"),
]


def test_the_contracts_hold() -> None:
    """Every contract in pyproject.toml is kept."""
    done = _lint(source.ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("file", "line", "contract"), BROKEN)
def test_a_forbidden_import_is_noticed(tmp_path: Path, file: str, line: str, contract: str) -> None:
    """A forbidden import breaks the contract that speaks of it."""
    for package in source.PACKAGES:
        unread = shutil.ignore_patterns("static", "templates", "__pycache__")
        shutil.copytree(source.ROOT / package, tmp_path / package, ignore=unread)
    shutil.copy(source.ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a", encoding="utf-8") as edited:
        edited.write(f"\n{line}\n")
    done = _lint(tmp_path, "--contract", contract)
    assert "Contracts: 0 kept, 1 broken." in done.stdout


def test_every_package_from_outside_is_accounted_for() -> None:
    """What the source imports from outside is msgspec or stands in the contracts' lists."""
    contracts = source.pyproject()["tool"]["importlinter"]["contracts"]
    listed = {name for each in contracts if each["id"].startswith("outside-") for name in each["forbidden_modules"]}
    graph = grimp.build_graph(*source.PACKAGES, include_external_packages=True, cache_dir=None)
    outside = {name.split(".")[0] for name in graph.modules} - set(source.PACKAGES) - sys.stdlib_module_names
    assert outside <= listed | {"msgspec"}


def _lint(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT, "--no-cache", "--no-logo", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"NO_COLOR": "1"},
    )
