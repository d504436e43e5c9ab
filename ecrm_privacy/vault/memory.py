"""The memory of a process that holds keys: no core dump of it, and no other process of the same user reads it.

That keeps keys out of files that nobody meant to write, and from whoever got into another process of the same user. It
does not keep them from root, nor from code in the process itself.
"""

import ctypes
import resource
import sys

PR_SET_DUMPABLE = 4


def keep_memory_private() -> None:
    """Forbid core dumps, and on Linux `ptrace` and `/proc/PID/mem` for everybody but root, until this process ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
