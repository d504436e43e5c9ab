"""What a check comes to."""

from collections.abc import Callable

import msgspec

ROWS_AT_ONCE = 2000

Progress = Callable[[str, int, int], None]
"""Is told what is being checked, how many of them are done, and of how many."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `leaf_index` is where `problem`, the first one, is; counts reach as far as the check did.

    `tiles` counts the full ones, `published` is the size of the public checkpoint.
    """

    problem: str | None = None
    leaf_index: int | None = None
    tree_size: int = 0
    root_hash: bytes = b""
    leaves: int = 0
    tiles: int = 0
    published: int = 0
    statements: int = 0
    opened: int = 0
    unopened: int = 0
    subjects: int = 0

    @property
    def sound(self) -> bool:
        """True when nothing wrong was found."""
        return self.problem is None


class Part(msgspec.Struct, frozen=True):
    """What came of checking one share of the bodies: counts, and what was wrong at the earliest leaf."""

    opened: int = 0
    unopened: int = 0
    subjects: int = 0
    problem: str | None = None
    leaf_index: int | None = None


class Wrong(Exception):
    """The first thing that is wrong, and at which leaf."""

    def __init__(self, leaf_index: int | None, problem: str) -> None:
        super().__init__(problem)
        self.leaf_index, self.problem = leaf_index, problem
