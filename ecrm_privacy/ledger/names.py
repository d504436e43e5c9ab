"""The names under which one log was signed. Pure.

A log that was continued after a restored backup keeps its leaves and takes another name, with a key of its own: so
nothing is ever signed twice under one name. The first name is the configured one; then come `<name>/2`, `<name>/3`, …
"""

import re

_FURTHER = re.compile(r"/([2-9]|[1-9][0-9]{1,8})")


def number_of(base: str, origin: str) -> int | None:
    """Return the how manieth name of the log `base` this `origin` is, from 1; None for one of another log."""
    if origin == base:
        return 1
    further = _FURTHER.fullmatch(origin.removeprefix(base)) if origin.startswith(base) else None
    return int(further[1]) if further else None


def name_of(base: str, number: int) -> str:
    """Return the name that `number_of` reads."""
    assert number >= 1, "the first name of a log has the number 1"
    return base if number == 1 else f"{base}/{number}"
