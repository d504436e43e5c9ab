"""The folder of a witness: `witness.key`, readable by its owner alone, and `witness.sqlite`, the record.

They belong together. A key without the record of what it signed could be brought to sign a second history, so a witness
does not start with one; and a record is never taken up by a new key in silence.
"""

import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy.errors import KeyFileRefused, StartRefused, Tampered
from ecrm_privacy.ledger.cosignature import Cosigner
from ecrm_privacy.ledger.witness.store import Record

KEY_FILE, RECORD_FILE = "witness.key", "witness.sqlite"
_KEY_BYTES = 32
_FILE_BYTES_MAX = 4096


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in the key file: the version of the format, the cosigner's name, and its Ed25519 seed in hex."""

    v: int
    name: str
    seed: str

    def __repr__(self) -> str:
        return f"<KeyFile of {self.name}>"


def open_folder(folder: Path, origins: Sequence[str], name: str | None = None) -> tuple[Cosigner, Record]:
    """Return the cosigner and the record in `folder`, which the first start makes.

    `name` is the cosigner's; it is written into the key file and cannot be changed afterwards, because the key id
    depends on it. Without one the first start makes one up. Raises StartRefused saying what to do.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_path, record_path = folder / KEY_FILE, folder / RECORD_FILE
    if os.path.lexists(key_path) and not record_path.exists():
        raise StartRefused(
            f"{record_path} is missing, the record of what {key_path} has signed: bring it back as it was last; if it"
            " is lost, move the key away too, start with a new key and publish that"
        )
    os.close(os.open(record_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    record = Record(record_path, list(origins))
    try:
        if not os.path.lexists(key_path):
            _make_key(key_path, record, name)
        return _load_key(key_path, name), record
    except BaseException:
        record.close()
        raise


def _make_key(path: Path, record: Record, name: str | None) -> None:
    """Write a new key. A link, not a rename, gives it its name: a rename could replace one that came in between."""
    if not record.is_fresh():
        raise KeyFileRefused(
            f"{path} is missing, and its record is not empty: bring it back; if it is lost, move the record away too,"
            " start with a new key and publish that"
        )
    seed = secrets.token_bytes(_KEY_BYTES)
    cosigner = _cosigner(name or f"localhost/witness-{secrets.token_hex(4)}", seed)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(msgspec.json.encode(KeyFile(1, cosigner.name, seed.hex())) + b"\n")
            file.flush()
            os.fsync(descriptor)
        os.link(draft, path)
    except FileExistsError:
        raise KeyFileRefused(f"{path} was made at this moment by another witness; start again") from None
    finally:
        draft.unlink()
    _flush_folder(path.parent)


def _load_key(path: Path, name: str | None) -> Cosigner:
    content = _read_private(path)
    try:
        found = msgspec.json.decode(content, type=KeyFile)
        seed = bytes.fromhex(found.seed)
    except (msgspec.MsgspecError, ValueError):
        raise KeyFileRefused(f"{path} is damaged: bring it back as it was") from None
    if found.v != 1 or len(seed) != _KEY_BYTES:
        raise KeyFileRefused(f"{path} is of another version than this program, or damaged")
    if name is not None and name != found.name:
        raise KeyFileRefused(
            f"{path} is the key of {found.name}: leave out --name, or use another folder for a witness of another name"
        )
    return _cosigner(found.name, seed)


def _cosigner(name: str, seed: bytes) -> Cosigner:
    try:
        return Cosigner(name, Ed25519PrivateKey.from_private_bytes(seed))
    except Tampered as tampered:
        raise StartRefused(f"the name of the witness: {tampered}") from None


def _read_private(path: Path) -> bytes:
    """Read a small file that this process's user alone may read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyFileRefused(f"{path} cannot be opened: {os.strerror(error.errno or 0)}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise KeyFileRefused(f"{path} is not a file of the user that runs this program")
        if status.st_mode & 0o077:
            raise KeyFileRefused(f"{path} can be read or changed by others: chmod 600 {path}")
        return file.read(_FILE_BYTES_MAX)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
