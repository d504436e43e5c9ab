"""What PostgreSQL stores of a password."""

import base64

import pytest

from ecrm_privacy.database.scram import verifier


def test_the_verifier_is_that_of_rfc_7677() -> None:
    """The RFC's example (user `user`, password `pencil`) gives the keys that follow from it."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    assert verifier("pencil", salt) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_no_verifier_is_made_twice() -> None:
    """The salt is random."""
    assert verifier("pencil") != verifier("pencil")


@pytest.mark.parametrize("password", ["", "pässword", "a\nb"])
def test_only_derived_passwords_are_taken(password: str) -> None:
    """A password that SASLprep might change is a programmer's error."""
    with pytest.raises(AssertionError):
        verifier(password)
