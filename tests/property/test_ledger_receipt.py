"""Promise 5, provable: of a receipt that somebody holds, nothing can be changed unseen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.receipt import verify_receipt
from tests.unit.ledger.receipts import EVENT, GOOD, LOG

BYTES = GOOD.encode()
LINES = GOOD.splitlines(keepends=True)
VKEY = LOG.vkey()


def is_refused(text: bytes) -> bool:
    try:
        verify_receipt(text, VKEY)
    except Tampered:
        return True
    return False


def test_every_altered_bit_is_noticed() -> None:
    """Whichever single bit of the file is flipped, the receipt is refused."""
    altered = bytearray(BYTES)
    passed = []
    for place in range(len(altered)):
        for bit in range(8):
            altered[place] ^= 1 << bit
            if not is_refused(bytes(altered)):
                passed.append((place, bit))
            altered[place] ^= 1 << bit
    assert passed == []


def test_every_altered_bit_of_the_key_is_noticed() -> None:
    """Whichever single bit of the verifier key is flipped, the receipt does not check against it."""
    for place in range(len(VKEY)):
        for bit in range(7):
            key = VKEY[:place] + chr(ord(VKEY[place]) ^ 1 << bit) + VKEY[place + 1 :]
            with pytest.raises(Tampered):
                verify_receipt(GOOD, key)


@given(st.integers(0, len(BYTES)), st.integers(0, 40), st.binary(max_size=40))
def test_every_splice_is_noticed(start: int, length: int, inserted: bytes) -> None:
    """Cut out, put in or exchange any stretch: refused, unless nothing changed."""
    spliced = BYTES[:start] + inserted + BYTES[start + length :]
    assert is_refused(spliced) == (spliced != BYTES)


@given(st.lists(st.sampled_from(LINES), max_size=len(LINES) + 2) | st.permutations(LINES))
def test_every_other_order_of_lines_is_noticed(lines: list[str]) -> None:
    """Lines dropped, doubled or exchanged: refused, unless it is the same text."""
    text = "".join(lines).encode()
    assert is_refused(text) == (text != BYTES)


def test_the_receipt_itself_is_good() -> None:
    """Unaltered, it checks: the laws above are not empty."""
    assert verify_receipt(BYTES, VKEY).event == EVENT
