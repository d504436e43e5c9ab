"""How long the laws are tried: a little at each run, twenty times as much with `ECRM_TESTS=long`."""

import os

LONG = 20


def examples(few: int) -> int:
    """Return how many examples to draw where a short run draws `few`."""
    return few * LONG if os.environ.get("ECRM_TESTS") == "long" else few
