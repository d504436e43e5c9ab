"""The root key at rest: in the key file itself, or wrapped there by somebody else who keeps the key to it.

The file is TOML of version 2: `check` (8 bytes, hex, over the root) and either `root` (32 bytes, hex) or `wrapped`
(base64) with `kept_by`, the address of whoever unwraps it. It has mode 0600 and belongs to the user of this process. It
is written whole, flushed, and never overwritten.
"""

import base64
import hashlib
import json
import secrets
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from ecrm_privacy.errors import KeyFileRefused, Tampered
from ecrm_privacy.vault import aead, private_file

FILE_VERSION = 2


class RootKeeper(Protocol):
    """Who wraps the root key and unwraps it: asked when a process starts, and when a key file is made; never else.

    `context` is bound to the wrapped bytes: it must come again to unwrap them. It is no secret.
    """

    def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Return `secret` wrapped. Raises RootUnavailable, RootDestroyed."""

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        """Return what was wrapped.

        Raises RootUnavailable when it cannot be asked or will not answer, RootDestroyed when it says that the key is
        gone, Tampered when it says that these bytes are not what it wrapped for this context.
        """

    def describe(self) -> str:
        """Return the address by which it is found again, without any secret."""


Keepers = Callable[[str], RootKeeper]
"""Finds a keeper by its address; handed in, because the vault calls nobody itself."""


def write(path: Path, root: bytes, keeper: RootKeeper | None = None) -> None:
    """Write the key file: complete and flushed, or not at all.

    Raises KeyFileRefused when there is one already, and what the keeper raises.
    """
    check = _check(root)
    if keeper is None:
        held = f'root = "{root.hex()}"\n'
    else:
        wrapped = base64.b64encode(keeper.wrap(root, _context(check))).decode()
        held = f"kept_by = {json.dumps(keeper.describe())}\nwrapped = {json.dumps(wrapped)}\n"
    text = (
        "# ecrm key file. Without it nothing that the database keeps sealed can be opened.\n"
        "# Keep it out of the database's backups; keep the recovery copy on paper.\n"
        f'version = {FILE_VERSION}\ncheck = "{check.hex()}"\n{held}'
    )
    try:
        private_file.create(path, text.encode())
    except FileExistsError:
        raise KeyFileRefused(f"{path} exists already; a key file is never overwritten") from None


def read(path: Path, keepers: Keepers | None = None) -> tuple[bytes, str | None]:
    """Return the root and the address of its keeper, if it has one.

    Raises KeyFileRefused when the file is missing, a link, readable by others, of another owner, of an earlier version
    or damaged; RootUnavailable and RootDestroyed as the keeper does. No message repeats what stood in the file.
    """
    missing = "`ecrm keys create` makes one, `ecrm keys create --recover` makes it again from the recovery copy"
    content, _ = private_file.read(path, KeyFileRefused, missing)
    damaged = KeyFileRefused(f"{path} is damaged: restore it, or make it again from the recovery copy")
    try:
        fields = tomllib.loads(content.decode())
        version, check = fields["version"], bytes.fromhex(fields["check"])
        kept_by = fields.get("kept_by")
        held = base64.b64decode(fields["wrapped"], validate=True) if kept_by else bytes.fromhex(fields["root"])
    except (ValueError, KeyError, TypeError):
        raise damaged from None
    if version == 1:
        raise KeyFileRefused(
            f"{path} is of an earlier version, whose keys knew no epochs: begin with a new data folder (the demo:"
            " `make demo RESET=1`)"
        )
    if version != FILE_VERSION:
        raise KeyFileRefused(f"{path} is a key file of another version; this program reads version {FILE_VERSION}")
    root = _ask(path, kept_by, held, check, keepers) if kept_by else held
    if len(root) != aead.KEY_BYTES or not secrets.compare_digest(check, _check(root)):
        raise damaged
    return root, kept_by


def _ask(path: Path, kept_by: str, wrapped: bytes, check: bytes, keepers: Keepers | None) -> bytes:
    if keepers is None:
        raise KeyFileRefused(f"{path}: this root key is kept by {kept_by}, who cannot be asked from here")
    try:
        return keepers(kept_by).unwrap(wrapped, _context(check))
    except Tampered:
        raise KeyFileRefused(
            f"{path}: {kept_by} says that it did not wrap what stands in this file: restore the file, or make it again"
            " from the recovery copy"
        ) from None


def _context(check: bytes) -> Mapping[str, str]:
    return {"use": "ecrm root key v1", "check": check.hex()}


def _check(root: bytes) -> bytes:
    return hashlib.sha256(b"ecrm key file/v1" + root).digest()[:8]
