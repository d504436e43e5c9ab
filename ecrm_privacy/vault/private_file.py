"""Small files that only this process's user may read: read with suspicion, written whole, durably, and never in part.

What a file held before is overwritten when it is replaced, so that a key that was taken out of it is not left in the
free blocks of the disk. That is as much as a program can do: a disk that never writes twice to the same place, a
snapshot and a backup keep what they have (docs/how-to/look-after-the-keys.md).
"""

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ecrm_privacy.errors import StartRefused

BYTES_MAX = 1 << 20
_DRAFT, _FORMER = "draft", "former"


def read(path: Path, refused: type[StartRefused], missing: str) -> tuple[bytes, tuple[int, ...]]:
    """Return what a file holds, and the mark of that file by which a later one is told from it.

    Raises `refused` when it is missing (saying `missing`), a link, readable by others, or of another owner.
    """
    try:
        # O_NONBLOCK so that a pipe cannot hold us up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise refused(_why_not_opened(path, error, missing)) from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise refused(f"{path} is not a regular file")
        if status.st_mode & 0o077:
            raise refused(f"{path} can be read or changed by others: chmod 600 {path}")
        if status.st_uid != os.geteuid():
            raise refused(f"{path} belongs to another user than the one that runs this program")
        return file.read(BYTES_MAX), _mark(status)


def mark(path: Path) -> tuple[int, ...] | None:
    """Return the mark of the file that stands at `path` now; None when there is none."""
    try:
        return _mark(path.stat(follow_symlinks=False))
    except OSError:
        return None


def create(path: Path, content: bytes) -> None:
    """Put `content` at `path`, without ever overwriting. Raises FileExistsError.

    A link, not a rename, gives the finished file its name: a rename would replace a file that came in between.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    _write(draft, content)
    try:
        os.link(draft, path)
    finally:
        draft.unlink()
    _flush_folder(path.parent)


def replace(path: Path, content: bytes) -> None:
    """Put `content` in the place of what is at `path`, if anything is, and overwrite what was there.

    After a crash at any point either the old or the new content is there, whole; what is left over beside it is
    overwritten and removed by the next `replace` or `clear`.
    """
    clear(path)
    draft = _beside(path, _DRAFT)
    _write(draft, content)
    with _former(path) as overwrite:
        draft.rename(path)
        _flush_folder(path.parent)
        overwrite()
    clear(path)


def clear(path: Path) -> None:
    """Overwrite and remove what an interrupted `replace` left beside `path`."""
    left = [each for each in (_beside(path, _DRAFT), _beside(path, _FORMER)) if each.exists()]
    current = path.stat() if left and path.exists() else None
    for each in left:
        if current is None or each.stat().st_ino != current.st_ino:  # the same, if it stopped before the rename
            _overwrite(each)
        each.unlink()
    if left:
        _flush_folder(path.parent)


@contextmanager
def locked(path: Path, refused: type[StartRefused], busy: str) -> Iterator[None]:
    """Hold the lock file `path`, which ends with the process. Raises `refused` (saying `busy`) when it is held."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise refused(busy) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _former(path: Path) -> Iterator[Callable[[], None]]:
    """Keep hold of what is at `path` now, and give what overwrites it after something else has that name.

    It gets a second name, by which the next command finds it after a crash; where files cannot have two (FAT), a
    descriptor must do.
    """
    try:
        os.link(path, _beside(path, _FORMER), follow_symlinks=False)
    except FileNotFoundError:
        yield _nothing
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EMLINK}:
            raise
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield partial(_zero, descriptor)
        finally:
            os.close(descriptor)
    else:
        yield _nothing  # `clear` finds it by its name


def _nothing() -> None:
    """Do nothing: there is nothing to overwrite, or something else does it."""


def _write(draft: Path, content: bytes) -> None:
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f".{path.name}.{what}")


def _mark(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _why_not_opened(path: Path, error: OSError, missing: str) -> str:
    if error.errno == errno.ENOENT:
        return f"{path} is missing: {missing}"
    if error.errno == errno.ELOOP:
        return f"{path} is a symbolic link; it must not be one"
    return f"{path} cannot be opened: {os.strerror(error.errno or 0)}"


def _overwrite(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _zero(descriptor)
    finally:
        os.close(descriptor)


def _zero(descriptor: int) -> None:
    os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
    os.fsync(descriptor)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
