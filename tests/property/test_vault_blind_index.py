"""A blind index finds a person however the address was typed, and nobody else."""

from hypothesis import assume, given
from hypothesis import strategies as st

from ecrm_privacy.vault.blind_index import BlindIndexes, IndexKind, normalise
from ecrm_privacy.vault.keyring import Keyring

KEYRING = Keyring(bytes(range(32)))
INDEXES = BlindIndexes(KEYRING)
EMAIL, NUMBER = IndexKind.EMAIL, IndexKind.CUSTOMER_NUMBER
ADDRESSES = st.emails()
SPACE = st.text(" \t\n\u00a0\u3000", max_size=3)


@given(ADDRESSES, SPACE, SPACE)
def test_an_address_is_found_in_any_case_and_with_spaces_around(address: str, before: str, after: str) -> None:
    """People type addresses with capitals and blanks."""
    assert INDEXES.of(EMAIL, address) == INDEXES.of(EMAIL, before + address.upper() + after)


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_normalising_twice_changes_nothing(value: str) -> None:
    """Otherwise what was indexed could not be found by what is shown."""
    for kind in IndexKind:
        once = normalise(kind, value)
        assert normalise(kind, once) == once


@given(ADDRESSES, ADDRESSES)
def test_two_addresses_have_two_indexes(one: str, two: str) -> None:
    """Sixteen bytes do not collide."""
    assume(normalise(EMAIL, one) != normalise(EMAIL, two))
    assert INDEXES.of(EMAIL, one) != INDEXES.of(EMAIL, two)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_an_index_is_sixteen_bytes_and_another_per_kind_and_keyring(value: str) -> None:
    """A number that looks like an address leads nowhere else."""
    index = INDEXES.of(NUMBER, value)
    assert len(index) == 16
    assert index != INDEXES.of(EMAIL, value)
    assert index != BlindIndexes(Keyring(b"x" * 32)).of(NUMBER, value)


@given(st.from_regex(r"C-[0-9]{6}", fullmatch=True))
def test_customer_numbers_keep_their_case(number: str) -> None:
    """The shop says when two of its names are equal."""
    assert INDEXES.of(NUMBER, f" {number} ") == INDEXES.of(NUMBER, number) != INDEXES.of(NUMBER, number.lower())


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), st.integers(1, 6), st.integers(0, 4))
def test_a_stored_index_becomes_the_one_that_is_asked_for(value: str, generation: int, later: int) -> None:
    """Without the value it was made from; and whoever is one generation behind asks for it too."""
    kind, to = NUMBER, generation + later
    stored = BlindIndexes(KEYRING, generation).of(kind, value)
    spelled = BlindIndexes(KEYRING, to).spelled(kind, value)
    assert BlindIndexes(KEYRING, to).renewed(kind, stored, generation, to) == spelled.values[to]
    assert list(spelled.values) == [number for number in (to - 1, to, to + 1) if number]
    assert len(set(spelled.values.values())) == len(spelled.values)
    assert BlindIndexes(KEYRING, to + 1).of(kind, value) == spelled.values[to + 1]
    assert len(spelled.asked) == 16 * len(spelled.values) <= 48
