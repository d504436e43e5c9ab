"""Whose call it is."""

import pytest

from ecrm_privacy.hatch.division import Division

OF_HOUSE = (
    "/preferences", "/v1/receipts/{receipt_id:str}", "/v1/receipts", "/ledger/tile/{name:path}", "/v1/access:check",
)  # fmt: skip
DIVISION = Division(OF_HOUSE)


@pytest.mark.parametrize(
    "path",
    [
        "/preferences", "/preferences/", "//preferences", "/v1/receipts/ab%2Fc", "/v1/receipts/",
        "/ledger/tile/0/x001/067", "/v1/access:check",
    ],
)  # fmt: skip
def test_the_house_answers_its_own(path: str) -> None:
    """However the path is written that the framework takes for the same."""
    assert DIVISION.is_of_house(path)


@pytest.mark.parametrize("path", ["/", "/v1/slots/for-you", "/v1/receipts/a/b", "/preferencesx", "/ledger", "/nothing"])
def test_everything_else_is_the_halls(path: str) -> None:
    """Its own calls, and what nobody has."""
    assert not DIVISION.is_of_house(path)


def test_a_house_without_calls_answers_none() -> None:
    """No pattern is no match."""
    assert not Division([]).is_of_house("/")
