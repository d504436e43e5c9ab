"""The form of a TC string: what one is, and what is none."""

import pytest

from ecrm_privacy.consent.tcf import LENGTH_MOST, evidence, is_tc_string

CORE = "CQuFeUAQuFeUAAAAAAENAAFgAKAAAAAAAAYgAEkiAAAAAAAA"
FULL = "CQuFeUAQuFeUAAAAAAENAAFgAKAAAAAAAAYgFdwAYDIAV2BXkAKAAIABgK8AAAAA.IGQQAwAAgAEAZAAA.cAAAAAAAAUgA"


@pytest.mark.parametrize("text", [CORE, FULL])
def test_a_tc_string_is_one(text: str) -> None:
    """Strings of IAB Tech Lab's own library have the form: a core alone, with ranges, and with every segment."""
    assert is_tc_string(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "C",
        "ada@example.com",
        "D" + CORE[1:],
        "B" + CORE[1:],
        CORE + "B",
        CORE + "_" * 8,
        CORE[:-10],
        f"{CORE}.",
        f"{CORE}.gA",
        f"{FULL}.{FULL.split('.')[1]}",
        f"{CORE}.{CORE}",
        CORE.replace(CORE[5], "é", 1),
        CORE[:19] + "__" + CORE[21:],
        "A" * (LENGTH_MOST + 1),
    ],
)
def test_anything_else_is_none(text: str) -> None:
    """Another version, a cut or a longer one, an unknown or repeated segment, letters that are none: no TC string."""
    assert not is_tc_string(text)


def test_it_is_kept_as_what_was_received() -> None:
    """The record of an answer has it word for word; without one the record says nothing."""
    assert evidence(CORE).endswith(CORE)
    assert evidence(None) == ""
