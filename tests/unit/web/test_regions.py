"""The region of an address, from a file."""

from pathlib import Path

import pytest

from ecrm_privacy.errors import StartRefused
from ecrm_privacy.web.regions import open_regions
from tests import mmdb


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that knows two networks."""
    path = tmp_path_factory.mktemp("regions") / "regions.mmdb"
    path.write_bytes(mmdb.written({"192.0.2.0/24": ("US", "CA"), "198.51.100.0/24": ("DE",)}))
    return path


@pytest.mark.parametrize(
    ("address", "region"),
    [("192.0.2.7", "us-ca"), ("198.51.100.1", "de"), ("203.0.113.1", ""), ("2001:db8::1", ""), ("nobody", "")],
)
def test_a_region_is_named_as_the_policy_names_it(file: Path, address: str, region: str) -> None:
    """A country, with its part where the file has one; nothing for an address that it lacks."""
    assert open_regions(file).of(address) == region


def test_a_file_that_is_none_keeps_the_service_from_starting(tmp_path: Path) -> None:
    """A file that is missing or is something else is told at the start, by its name."""
    other = tmp_path / "other.mmdb"
    other.write_bytes(b"not one")
    for path in (other, tmp_path / "missing.mmdb"):
        with pytest.raises(StartRefused, match=path.name):
            open_regions(path)
