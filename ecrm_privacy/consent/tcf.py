"""The form of an IAB TCF string (TC string format v2.2 and v2.3). Pure.

We are no TCF platform: what such a string claims about vendors and purposes is never believed. A shop that runs one
may send it along with an answer, as evidence of what its own platform showed; so it has to be one, and nothing else.
"""

from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from typing import Final

LENGTH_MOST = 4096
VERSION = 2
VENDORS_DISCLOSED, VENDORS_ALLOWED, PUBLISHER = 1, 2, 3
LANGUAGE_AT = 108
"""Bits before the language: version 6, created 36, updated 36, platform 12, its version 12, screen 6."""
CORE_FIXED: Final = 213
"""Bits of the core segment before its vendors."""
PADDING_MOST = 24


def evidence(tc_string: str | None) -> str:
    """Return what the record of an answer says about a TC string that came with it; empty without one."""
    return f"IAB TCF string, as received: {tc_string}" if tc_string else ""


def is_tc_string(text: str) -> bool:
    """Tell whether `text` has the form of a TC string: a core segment, and at most one of each further segment."""
    if not 0 < len(text) <= LENGTH_MOST:
        return False
    try:
        core, *further = [_Bits(segment) for segment in text.split(".")]
        _read_core(core)
        return _all_different([_read_further(segment) for segment in further])
    except (_NotOne, Base64Error, ValueError):
        return False


class _NotOne(Exception):
    """These bits are no such segment."""


class _Bits:
    """The bits of a segment, read from the left."""

    def __init__(self, segment: str) -> None:
        if not segment or not segment.isascii() or not segment.replace("-", "").replace("_", "").isalnum():
            raise _NotOne
        padded = segment + "A" * (-len(segment) % 4)  # whole letters; what is added are zeros
        self._bits = "".join(f"{byte:08b}" for byte in urlsafe_b64decode(padded))[: 6 * len(segment)]
        self._at = 0

    def take(self, count: int) -> int:
        """Return the next bits as a number."""
        if self._at + count > len(self._bits):
            raise _NotOne
        bits = self._bits[self._at : self._at + count]
        self._at += count
        return int(bits, 2) if bits else 0

    def end(self) -> None:
        """What is left fills up the last letters or bytes."""
        rest = self._bits[self._at :]
        if len(rest) >= PADDING_MOST or "1" in rest:
            raise _NotOne


def _read_core(bits: _Bits) -> None:
    if bits.take(6) != VERSION:
        raise _NotOne
    bits.take(LANGUAGE_AT - 6)
    for _ in range(2):
        _read_letter(bits)
    bits.take(CORE_FIXED - LANGUAGE_AT - 12 - 12)
    for _ in range(2):  # the publisher's country
        _read_letter(bits)
    _read_vendors(bits)
    _read_vendors(bits)
    for _ in range(bits.take(12)):  # restrictions: a purpose, a kind, vendors
        bits.take(8)
        _read_ranges(bits)
    bits.end()


def _read_letter(bits: _Bits) -> None:
    if bits.take(6) >= 26:
        raise _NotOne


def _read_vendors(bits: _Bits) -> None:
    most = bits.take(16)
    if bits.take(1):
        _read_ranges(bits)
    else:
        bits.take(most)


def _read_ranges(bits: _Bits) -> None:
    for _ in range(bits.take(12)):
        bits.take(32 if bits.take(1) else 16)


def _read_further(bits: _Bits) -> int:
    kind = bits.take(3)
    if kind == PUBLISHER:
        bits.take(48)
        bits.take(2 * bits.take(6))
    elif kind in {VENDORS_DISCLOSED, VENDORS_ALLOWED}:
        _read_vendors(bits)
    else:
        raise _NotOne
    bits.end()
    return kind


def _all_different(kinds: list[int]) -> bool:
    return len(kinds) == len(set(kinds))
