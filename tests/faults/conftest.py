"""One demo that was loaded once; every test that needs a service starts it on a copy."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.group import Group

LINUX = sys.platform == "linux"


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a demo that was loaded and stopped. Processes are found in /proc: Linux only."""
    if not LINUX:
        pytest.skip("finds processes in /proc")
    with Group(tmp_path_factory.mktemp("stocked") / "data") as group:
        pass
    return group.data_dir


@pytest.fixture(scope="module")
def copied(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Make a further copy of it, with owners and modes."""

    def copy() -> Path:
        folder = tmp_path_factory.mktemp("service")
        subprocess.run(["cp", "-a", str(stocked), str(folder / "data")], check=True)
        return folder / "data"

    return copy


@pytest.fixture(scope="module")
def group(copied: Callable[[], Path]) -> Iterator[Group]:
    """A service on a copy, which the tests of one file share; not started."""
    made = Group(copied())
    yield made
    made.__exit__(None, None, None)
