"""A process that is killed just before its n-th step, for what is written step by step.

`Faulty` stands in for the module `os` where files are made durable: each call that changes the disk is a step. Others
may count their own steps with it, by `step`.
"""

import os
from typing import Any

CHANGES = {"fsync", "link", "pwrite"}


class Killed(BaseException):
    """The process ended here."""


class Faulty:
    """`os`, which kills before the step of that number; 0 never."""

    def __init__(self, at: int) -> None:
        self._at = at
        self.steps = 0

    @property
    def killed(self) -> bool:
        """Whether it came to that."""
        return 0 < self._at <= self.steps

    def step(self) -> None:
        """Do a step, or be killed before it."""
        self.steps += 1
        if self.steps == self._at:
            raise Killed

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in CHANGES:
            return real

        def stepping(*given: Any, **named: Any) -> Any:
            self.step()
            return real(*given, **named)

        return stepping
