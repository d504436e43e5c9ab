"""IAB GPP: strings that equal those of IAB Tech Lab's own library, and what we say in them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from ecrm_privacy import shipped
from ecrm_privacy.consent.standing import PermissionRow
from ecrm_privacy.policy.load import load
from ecrm_privacy.vocabulary import Purpose
from ecrm_privacy.web import gpp

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "gpp"
BUNDLE = load(shipped.policies())


def _vectors() -> list[dict[str, Any]]:
    lines = [line for path in sorted(VECTORS.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [msgspec.json.decode(line) for line in lines]


def _rows(*allowed: str) -> list[PermissionRow]:
    return [PermissionRow(Purpose(name), name in allowed, "given", "consent", "consent") for name in BUNDLE.purposes]


def test_strings_equal_those_of_the_library() -> None:
    """Every vector is met byte for byte: each section of the United States, each field at each of its values."""
    vectors = _vectors()
    assert {vector["section"] for vector in vectors} == {section.name for section in gpp.SECTIONS}
    made = [gpp.encode({vector["section"]: vector["fields"]}) for vector in vectors]
    assert made == [vector["gpp"] for vector in vectors]


@pytest.mark.parametrize(
    ("names", "header"),
    [((), "DBAA"), (("usnat", "usca"), "DBABrw"), (("usnat", "usca", "usva"), "DBABrYA"), (("usri",), "DBABSYA")],
)
def test_the_header_counts_sections_as_ranges(names: tuple[str, ...], header: str) -> None:
    """Sections that follow each other are one range, as the library writes them."""
    assert gpp.encode({name: {} for name in names}).partition("~")[0] == header


@pytest.mark.parametrize("law", sorted(BUNDLE.jurisdictions))
def test_each_law_has_its_section(law: str) -> None:
    """A state with a law has its own section, the rest of the United States the national one, others none."""
    section = gpp.section_of(law)
    assert (section is None) == (not law.startswith("us"))
    if section is not None:
        assert section.name == ("usnat" if law == "us" else law.replace("-", ""))


@pytest.mark.parametrize(
    ("allowed", "sale", "adverts"),
    [((), 1, 1), (("advertise",), 1, 2), (("share",), 1, 1), (("advertise", "share"), 2, 2)],
)
def test_what_is_not_allowed_is_opted_out(allowed: tuple[str, ...], sale: int, adverts: int) -> None:
    """Who did not allow a sale has opted out of it, whether they answered or not; one closed purpose closes it."""
    told = gpp.told(BUNDLE, BUNDLE.jurisdictions["us-ca"], _rows(*allowed), gpc=False)
    fields = told.parsed_sections["usca"]
    assert (fields["SaleOptOut"], fields["SharingOptOut"]) == (sale, adverts)
    assert told.section_list == told.applicable_sections == (8,)


def test_nothing_applies_elsewhere() -> None:
    """Outside the United States there is a string without a section, and -1 says that none applies."""
    told = gpp.told(BUNDLE, BUNDLE.jurisdictions["eu"], _rows("advertise"), gpc=True)
    assert (told.gpp_string, told.section_list, told.applicable_sections) == ("DBAA", (), (-1,))


def test_the_signal_is_told() -> None:
    """Global Privacy Control stands in the section's second segment."""
    told = gpp.told(BUNDLE, BUNDLE.jurisdictions["us"], _rows(), gpc=True)
    assert told.gpp_string.endswith(".YA")
    assert told.parsed_sections["usnat"]["Gpc"] is True
