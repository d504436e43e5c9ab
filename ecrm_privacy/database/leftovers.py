"""What an earlier run left behind: a postmaster still shutting down, orphaned backends, a stale `postmaster.pid`.

Called under the folder's lock, so whatever runs on the data here has lost its supervisor. PostgreSQL itself trusts the
process number in `postmaster.pid`, which after a restart of a container belongs to anybody; we look who it is.
"""

import contextlib
import logging
import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ecrm_privacy.errors import StartRefused

log = logging.getLogger(__name__)

LINUX = platform.system() == "Linux"

STEPS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
"""What an orphaned postmaster is sent, and for how many seconds it is waited for: fast, immediate, none."""
ORPHAN_STEPS = ((signal.SIGCONT, 2.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 10.0))
"""The same for backends without postmaster: they leave by themselves, but not out of a long computation."""


def clear(data: Path) -> None:
    """Wait until nothing runs on the folder `data` any more, with more and more force, and forget its process number.

    Raises StartRefused if something outlives even SIGKILL (a process stuck in the kernel).
    """
    postmaster = postmaster_on(data)
    if postmaster is not None:
        log.warning("an orphaned PostgreSQL (process %d) still runs on the data; stopping it", postmaster)
        _end(lambda: [p for p in (postmaster_on(data),) if p is not None], STEPS)
    _end(lambda: processes_on(data), ORPHAN_STEPS)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _end(running: Callable[[], list[int]], steps: tuple[tuple[signal.Signals, float], ...]) -> None:
    for number, wait_s in steps:
        for process in running():
            send(process, number)
        deadline = time.monotonic() + wait_s
        while running():
            if time.monotonic() > deadline:
                break
            time.sleep(0.01)
        else:
            return
    raise StartRefused(f"PostgreSQL processes {running()} cannot be ended; restart the machine or its container")


def send(process: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def status(data: Path) -> tuple[int, str] | None:
    """Return process number and status (`starting`, `ready`, `stopping`) from `postmaster.pid`, or None without one."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        return abs(int(lines[0])), lines[7].strip() if len(lines) > 7 else "starting"
    except (FileNotFoundError, IndexError, ValueError):
        return None


def postmaster_on(data: Path) -> int | None:
    """Return the process number of the postmaster that runs on `data`, or None."""
    known = status(data)
    if known is None:
        return None
    process = known[0]
    if LINUX:
        return process if process in processes_on(data) else None
    shown = subprocess.run(
        ["ps", "-o", "command=", "-p", str(process)], capture_output=True, text=True, check=False
    ).stdout
    return process if "postgres" in shown else None


def processes_on(data: Path) -> list[int]:
    """Return every PostgreSQL process whose working folder is `data` (zombies have none); elsewhere the postmaster."""
    if not LINUX:
        postmaster = postmaster_on(data)
        return [] if postmaster is None else [postmaster]
    where = str(data.resolve())
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_on(entry, where)]


def _is_on(entry: Path, where: str) -> bool:
    try:
        return (
            str((entry / "cwd").readlink()) == where
            and (entry / "comm").read_text(encoding="utf-8").strip() == "postgres"
        )
    except OSError:  # gone, or another user's
        return False
