"""What a process that renders takes from itself before it begins.

`confine` needs Linux 5.13 with Landlock, and no right of root. From then on this process, and whatever it starts, reads
no file of the folders it was told to hide, writes no file at all, gains no right by starting a program, and can neither
trace nor look into a process outside. It keeps what it holds open. Source: landlock(7), capset(2), prctl(2).
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PR_SET_NO_NEW_PRIVS = 38
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULE_PATH_BENEATH, VERSION_ASKED = 1, 1
EXECUTE, READ_FILE, READ_DIR = 1 << 0, 1 << 2, 1 << 3
RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Every right to files that a version knows; what is not granted below is refused."""
SCOPED_BY_ABI = {6: 0b11}
"""From version 6: no abstract sockets, and no signals, to anybody outside."""
CAPABILITY_VERSION_3 = 0x20080522
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


def confine(hidden: Iterable[Path]) -> bool:
    """Give up for good what rendering does not need; False where the system has no means for it."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(CREATE_RULESET, None, 0, VERSION_ASKED)
    if abi < 1:
        return False
    rights = _newest(RIGHTS_BY_ABI, abi)
    attributes = struct.pack("QQQ", rights, 0, _newest(SCOPED_BY_ABI, abi))
    rules = libc.syscall(CREATE_RULESET, attributes, 24 if abi >= 6 else 8, 0)
    if rules < 0:
        return False
    try:
        _allow(libc, rules, Path("/"), READ_DIR)  # names may be seen: programs look for their parts by listing
        for path in readable([path.resolve() for path in hidden]):
            _allow(libc, rules, path, EXECUTE | READ_FILE)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if libc.syscall(RESTRICT_SELF, rules, 0) != 0:
            return False
    finally:
        os.close(rules)
    # Of a process that root started nothing else is left either; where there was nothing, there is nothing to give up.
    libc.capset(struct.pack("II", CAPABILITY_VERSION_3, 0), struct.pack("6I", 0, 0, 0, 0, 0, 0))
    return True


def readable(hidden: Iterable[Path]) -> Iterator[Path]:
    """Yield what may be read, so that nothing `hidden` is beneath it: a rule can allow a folder, and except nothing."""
    hidden = set(hidden)
    above = {parent for path in hidden for parent in path.parents} | {Path("/")}
    for folder in sorted(above):
        try:
            inside = sorted(folder.iterdir())
        except OSError:
            continue
        for path in inside:
            if path not in above and path not in hidden and path != Path("/dev"):
                yield path
    yield from map(Path, DEVICES)


def _newest(known: dict[int, int], abi: int) -> int:
    return next((value for version, value in sorted(known.items(), reverse=True) if version <= abi), 0)


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    """Grant `rights` to this file, or to all beneath this folder. What is gone or not ours to see stays unseen."""
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        mode = os.fstat(opened).st_mode
        if stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISCHR(mode):
            libc.syscall(ADD_RULE, rules, RULE_PATH_BENEATH, struct.pack("=Qi", rights, opened), 0)
    finally:
        os.close(opened)
