"""The choice cookie: what was chosen in this browser, without an identifier and readable by the shop's own pages.

`1.<notice>.<bits>`: a format version, the notice that was shown, and one hexadecimal digit for every two purposes. The
purpose with bit b has two bits of digit b // 2, shifted by 2 * (b % 2): 1 is *allowed*, 2 is *no here*. Zeros at the
end are left out. So a script reads `parseInt(bits[b >> 1] || "0", 16) >> 2 * (b & 1)`.
"""

import re

import msgspec

from ecrm_privacy.policy.documents import BITS_MOST, Bundle
from ecrm_privacy.vocabulary import NoticeVersion, Purpose

LENGTH_MOST = 60
"""Characters of a cookie's value: room for a notice name of 20, a version of 4 digits and 64 purposes."""

FORM = re.compile(rf"1\.([a-z][a-z0-9-]{{0,19}}@[1-9][0-9]{{0,3}})\.([0-9a-f]{{0,{BITS_MOST // 2}}})", re.ASCII)
ALLOWED = 1
NO_HERE = 2


class Choice(msgspec.Struct, frozen=True):
    """`allowed` is for tags on the page and never believed here; `no_here` only narrows, so it needs no proof."""

    notice: NoticeVersion
    allowed: frozenset[Purpose] = frozenset()
    no_here: frozenset[Purpose] = frozenset()


def encode(bundle: Bundle, choice: Choice) -> str:
    """The cookie's value for `choice`: at most 60 characters of `[A-Za-z0-9._@-]`."""
    digits = [0] * (BITS_MOST // 2)
    for meaning, purposes in ((ALLOWED, choice.allowed), (NO_HERE, choice.no_here)):
        for purpose in purposes:
            digit, half = divmod(bundle.purposes[purpose].bit, 2)
            digits[digit] |= meaning << (2 * half)
    text = f"1.{choice.notice}.{''.join(f'{digit:x}' for digit in digits).rstrip('0')}"
    assert FORM.fullmatch(text), "a loaded policy has no notice name that does not fit"
    return text


def parse(bundle: Bundle, text: str) -> Choice | None:
    """The choice in a cookie's value; None if it cannot be read, and then everything is closed until the next answer.

    Bits of purposes that the policy no longer has are passed over: a bit is never given to another purpose.
    """
    match = FORM.fullmatch(text)
    if match is None or match[2].endswith("0"):
        return None
    digits = [int(digit, 16) for digit in match[2].ljust(BITS_MOST // 2, "0")]

    def purposes_with(meaning: int) -> frozenset[Purpose]:
        return frozenset(
            name
            for name, purpose in bundle.purposes.items()
            if digits[purpose.bit // 2] >> (2 * (purpose.bit % 2)) & meaning
        )

    return Choice(NoticeVersion(match[1]), purposes_with(ALLOWED), purposes_with(NO_HERE))
