"""The promise of promises: what was acknowledged is never lost, whatever is killed."""

import os
from collections.abc import Callable
from pathlib import Path

from tests.faults import kills


def test_no_acknowledged_answer_is_lost(copied: Callable[[], Path]) -> None:
    """Under load and kills on one data directory, every law of the ledger holds after each restart.

    KILL_ROUNDS and KILL_SEED choose how often, and which run is repeated.
    """
    rounds, seed = int(os.environ.get("KILL_ROUNDS", "5")), int(os.environ.get("KILL_SEED", "20261122"))
    summary = kills.run(copied().parent, rounds, seed, patient=rounds > 5)
    print(summary.text())
    assert summary.wrong == [], summary.text()
    assert summary.total("acked") > 20 * rounds, "the load was too thin to say anything"
