"""Promise 3 with real processes: the next request on any of four workers obeys a withdrawal, under load."""

import os
from collections.abc import Callable
from pathlib import Path

from tests.faults import trials


def test_the_next_request_on_any_worker_obeys(copied: Callable[[], Path]) -> None:
    """Of all requests that follow a withdrawal none is personal, at none of the workers; TRIALS says how many."""
    wanted = int(os.environ.get("TRIALS", "1000"))
    came = trials.run(copied(), wanted)
    print(came.text())
    assert came.missed == 0, came.text()
    assert came.after_no >= wanted and came.elsewhere > came.after_no // 2, came.text()
    assert came.after_yes > wanted // 3 and came.shut <= came.after_yes // 20, "it was taken away, and not given again"
    assert min(came.busy_s) > 0, "a worker was never asked"
