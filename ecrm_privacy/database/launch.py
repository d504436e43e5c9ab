"""The last step before PostgreSQL: become who it may run as, tie its life to ours, and turn into it.

Runs as a script of its own (`python -I -S launch.py PARENT IDENTITY PROGRAM ...`), so that nothing of the service is
imported and no Python runs between fork and exec of a process with threads. IDENTITY is `same`, `namespace` or
`UID:GID`. PostgreSQL refuses to run as root; in a user namespace it sees itself as user 1000 and keeps root's rights to
its own folder, so that no user must be made and no parent folder loosened. Exit status 77: the identity was refused.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

REFUSED = 77
INSIDE_ID = 1000
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1


def enter_namespace() -> None:
    """Enter a user namespace in which we are not root. Raises OSError where the kernel or a sandbox refuses it."""
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if not sys.platform.startswith("linux") or libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are refused here")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{INSIDE_ID} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{INSIDE_ID} {gid} 1", encoding="ascii")


def become(identity: str) -> None:
    """Take the `identity`; raises OSError if it is refused."""
    if identity == "namespace":
        enter_namespace()
    elif identity != "same":
        uid, gid = (int(number) for number in identity.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def die_with(parent: int) -> None:
    """Ask Linux for SIGINT (PostgreSQL's fast shutdown) when `parent` ends. After `become`, which would forget it."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != parent:  # it ended before we asked
        sys.exit(REFUSED)


def main(parent: int, identity: str, program: list[str]) -> None:
    """Become `program`; never returns."""
    os.umask(0o077)
    try:
        become(identity)
    except OSError as refused:
        sys.stderr.write(f"{refused}\n")
        sys.exit(REFUSED)
    die_with(parent)
    os.execv(program[0], program)  # noqa: S606 - that is what this file is for


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
