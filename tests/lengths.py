"""How long the laws are tried: a little at each run, twenty times as much with `ECRM_TESTS=long`."""

import os

LONG = 20


def examples(few: int, many: int = 0) -> int:
    """Return how many examples to draw where a short run draws `few`, and a long one `many` where that is said."""
    return (many or few * LONG) if os.environ.get("ECRM_TESTS") == "long" else few
