"""The suppression list meets the same address in every spelling, and no other."""

import pytest

from ecrm_privacy.vault.blind_index import BlindIndexes, IndexKind
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.suppression import ADDRESSES, Suppressions
from ecrm_privacy.vocabulary import Category

KEYRING = Keyring(bytes(range(32)))
CONTACT = Category("contact")
LIST = Suppressions(KEYRING)


def of(field: str, value: str) -> list[bytes]:
    return LIST.among({CONTACT: {field: value}})


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("email", "ada@example.org", " ADA@Example.ORG "),
        ("phone", "+49 170 1234567", "0049-170/1234567"),
        ("phone", "0170 1234567", "(0170) 12 34 567"),
    ],
)
def test_spellings_of_one_address_meet(field: str, one: str, other: str) -> None:
    """Capitals, spaces and separators are of no importance."""
    assert of(field, one) == of(field, other) != []


@pytest.mark.parametrize(
    ("field", "value"), [("name", "Ada"), ("street", "1 Hill"), ("email", "  "), ("phone", "none")]
)
def test_what_is_no_address_is_not_listed(field: str, value: str) -> None:
    """Names and places are shared, and nothing at all would be met by everybody."""
    assert of(field, value) == []


def test_a_value_says_nothing_without_the_key_and_is_no_index() -> None:
    """Another key file makes another value, another kind too, and the index of the same address leads nowhere here."""
    (value,) = of("email", "ada@example.org")
    assert [value] != Suppressions(Keyring(bytes(32))).among({CONTACT: {"email": "ada@example.org"}})
    assert value[:16] != BlindIndexes(KEYRING).of(IndexKind.EMAIL, "ada@example.org")
    assert of("phone", "123") != of("email", "123")
    assert len(value) == 32 and {field for _, field in ADDRESSES} == {"email", "phone", "address"}
