"""The wheel carries everything that the service needs away from the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house import source

SHIPPED = {"policies": "policies", "migrations": "migrations", "examples/shop": "shop"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel, built offline by the build backend alone."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(build, cwd=source.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_wheel_carries_both_packages_whole(wheel: Path) -> None:
    """Each file of the two packages is inside: code, templates, static files, the mark of typed packages."""
    missing = [path for path in source.files() if path.parts[0] in source.PACKAGES and not (wheel / path).is_file()]
    assert missing == []
    assert (wheel / "ecrm_privacy/py.typed").is_file()
    assert (wheel / "personalization/py.typed").is_file()


@pytest.mark.parametrize(("top", "inside"), SHIPPED.items())
def test_the_wheel_carries_what_lies_beside_the_packages(wheel: Path, top: str, inside: str) -> None:
    """Policies, migrations and the demo shop are inside, but for the scripts that drew the shop's pictures."""
    shipped = wheel / "ecrm_privacy/_shipped" / inside
    beside = [path for path in source.files() if path.is_relative_to(top) and path.suffix != ".py"]
    assert beside
    assert [path for path in beside if not (shipped / path.relative_to(top)).is_file()] == []
    assert list(shipped.rglob("*.py")) == []


def test_the_wheel_finds_what_it_carries(wheel: Path) -> None:
    """Away from the checkout the installed package finds its own policies, migrations and demo shop."""
    ask = (
        f"import sys; sys.path.insert(0, {str(wheel)!r})\n"
        "from ecrm_privacy import shipped\n"
        "print(shipped.policies(), shipped.migrations(), shipped.demo_shop(), sep='\\n')"
    )
    said = subprocess.run([sys.executable, "-I", "-c", ask], cwd=wheel, capture_output=True, text=True, check=True)
    assert said.stdout.split() == [str(wheel / "ecrm_privacy/_shipped" / name) for name in SHIPPED.values()]


def test_the_wheel_brings_the_command(wheel: Path) -> None:
    """The wheel declares the console script `ecrm`, and its license."""
    (metadata,) = wheel.glob("*.dist-info")
    assert "ecrm = ecrm_privacy.cli:main" in (metadata / "entry_points.txt").read_text("utf-8")
    assert "Apache License" in (metadata / "licenses/LICENSE").read_text("utf-8")
