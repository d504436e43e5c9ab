"""The embedded PostgreSQL: one machine, one folder, our own child.

We use the bundled programs and supervise the server ourselves: checksums, SCRAM and no TCP; a private socket folder; a
process group of its own, so that a terminal's Ctrl-C does not stop it before the service has drained; and its life tied
to ours. Killed, it is started again; whatever is killed in whatever order, the next start waits for or ends what is
left.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import secrets
import shutil
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from ecrm_privacy.database import binaries, leftovers, scram
from ecrm_privacy.database.address import Address
from ecrm_privacy.errors import StartRefused

log = logging.getLogger(__name__)

ADMIN_ROLE = "ecrm_admin"
DATABASE = "ecrm"
PORT = 5432
"""Only part of the socket's name: the embedded server listens on no network."""
SOCKET_PATH_BYTES_MAX = 103
"""`sun_path` holds 104 bytes on macOS and 108 on Linux, with a final zero."""
LOG_BYTES_MAX = 10_000_000
RESTART_S, RESTART_S_MAX = 0.1, 5.0
"""A crashed server is started again after the first pause; while starts fail (disk full), it doubles to the second."""
STOP_STEPS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
"""Fast shutdown, then two that the next start recovers from; each with its seconds."""

SETTINGS = {
    # What we promise stands on these three; given on the command line, ALTER SYSTEM cannot turn them off.
    "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on",
    # What was written ahead goes with its file: one that is used again would keep what was erased, until it is full.
    "wal_recycle": "off",
    "listen_addresses": "", "unix_socket_permissions": "0700", "password_encryption": "scram-sha-256",
    "timezone": "UTC", "log_timezone": "UTC",
    # No trace by accident: statements, their parameters, and errors (which quote values) stay out of the log.
    "log_statement": "none", "log_min_messages": "log", "log_min_error_statement": "panic",
    "log_error_verbosity": "terse", "log_min_duration_statement": "-1", "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0", "logging_collector": "off", "log_destination": "stderr",
}  # fmt: skip
PAGES_BYTES_LEAST, PAGES_BYTES_MOST = 128 * 2**20, 2 * 2**30
"""What the server keeps of its pages: a quarter of the memory, within these. It takes what it comes to use."""
CONTAINER = Path("/sys/fs/cgroup/memory.max")
HBA = "local all all scram-sha-256\n"


class EmbeddedPostgres:
    """PostgreSQL in `folder` (made 0700): `lock`, `data/`, `postgresql.log`, `socket/`.

    Synchronous, for the parent process; any thread. `admin_password` becomes the password of `ADMIN_ROLE` when the data
    is made, and must be the same ever after.
    """

    def __init__(self, folder: Path, admin_password: str) -> None:
        self._folder = folder.absolute()
        self._data = self._folder / "data"
        self._password = admin_password
        self._lock: IO[str] | None = None
        self._identity = "same"
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None

    def __enter__(self) -> Address:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def address(self) -> Address:
        """Where the server is or will be; starts nothing, so that other processes may ask too."""
        return Address(host=str(socket_folder(self._folder)), port=PORT, database=DATABASE)

    def start(self) -> Address:
        """Start the server, making the data first if there is none; returns when it takes connections.

        Recovery after a crash is waited for without limit. Raises StartRefused if the folder is in use by another
        process, cannot be used, or the server ends at once; the message holds its last words.
        """
        if self._lock is not None:
            return self.address
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = take_lock(self._folder)
        try:
            self._identity = binaries.identity_for(self._folder)
            private_folder(socket_folder(self._folder), self._identity)
            self._clear()
            if not self._data.exists():
                make_data(self._folder, self._identity, self._password)
            check_major(self._data)
            self._run()
        except BaseException:
            self.stop()
            raise
        return self.address

    def stop(self) -> None:
        """Shut down cleanly (open connections are ended, nothing committed is lost) and give the folder free."""
        with self._guard:
            self._stopping.set()
        if self._keeper is not None and self._keeper.is_alive():
            for number, wait_s in STOP_STEPS:
                if self._process is not None and self._process.poll() is None:
                    leftovers.send(self._process.pid, number)
                self._keeper.join(wait_s)
                if not self._keeper.is_alive():
                    break
        self._keeper = self._process = None
        if (sockets := socket_folder(self._folder)).parent != self._folder:
            with contextlib.suppress(OSError):  # not there, not ours, or not empty
                sockets.rmdir()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def alive(self) -> bool:
        """True while the server takes connections."""
        process = self._process
        return process is not None and process.poll() is None and leftovers.status(self._data) == (process.pid, "ready")

    def _clear(self) -> None:
        """Wait for what is left of an earlier server, and forget its number beside the socket too: it may be reused."""
        leftovers.clear(self._data)
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (socket_folder(self._folder) / name).unlink(missing_ok=True)

    def _run(self) -> None:
        self._stopping.clear()
        # A thread of its own that lives as long as the server: Linux counts the death of the starting *thread*.
        self._keeper = threading.Thread(target=self._keep, name="postgres-keeper", daemon=True)
        self._keeper.start()
        while not self.alive():
            if not self._keeper.is_alive():
                raise StartRefused(f"PostgreSQL did not start: {last_words(self._folder)}")
            time.sleep(0.005)

    def _keep(self) -> None:
        """Run the server, and again whenever it ends by anything but `stop`; only the first start may fail for good."""
        served_ever, pause_s = False, 0.0
        while not self._stopping.wait(pause_s):
            served = self._serve(after_crash=served_ever)
            served_ever = served_ever or served
            if not served_ever:
                return
            pause_s = RESTART_S if served else min(pause_s * 2, RESTART_S_MAX)

    def _serve(self, *, after_crash: bool) -> bool:
        """Run the server to its end and tell whether it ever took connections."""
        try:
            if after_crash:
                self._clear()
            process = self._spawn()
        except (StartRefused, OSError) as failure:
            log.error("PostgreSQL cannot be started: %s", failure)
            return False
        if process is None:
            return False
        ready = _wait_noting_ready(process, self._data)
        if not self._stopping.is_set():
            log.error("PostgreSQL ended (status %d)", process.returncode)
        return ready

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        with self._guard:
            if self._stopping.is_set():
                return None
            settings = {**SETTINGS, "unix_socket_directories": f'"{socket_folder(self._folder)}"'}
            flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
            with open_log(self._folder) as output:
                self._process = subprocess.Popen(
                    binaries.command(self._identity, "postgres", "-D", str(self._data), "-p", str(PORT), *flags),
                    stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", env=binaries.ENVIRONMENT,
                    start_new_session=True,
                )  # fmt: skip
            return self._process


def _wait_noting_ready(process: subprocess.Popen[bytes], data: Path) -> bool:
    """Wait until `process` ended and tell whether it had been ready before."""
    ready = False
    while not ready and process.poll() is None:
        ready = leftovers.status(data) == (process.pid, "ready")
        time.sleep(0.005)
    process.wait()
    return ready


def take_lock(folder: Path) -> IO[str]:
    """Return the locked file `folder/lock`; the kernel frees it when the process ends, however it ends.

    Raises StartRefused if another process holds it.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    lock = os.fdopen(descriptor, "w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StartRefused(
            f"already running: another process uses {folder}; stop it or choose another data directory"
        ) from None
    return lock


def socket_folder(folder: Path) -> Path:
    """Return where the socket of `folder` lies: in it, or in a private folder under /tmp if the path is too long."""
    inside = folder / "socket"
    if len(os.fsencode(inside / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES_MAX:
        return inside
    return Path("/tmp", f"ecrm-{os.geteuid()}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:20]}")  # noqa: S108


def private_folder(folder: Path, identity: str) -> None:
    """Make `folder` ours alone. Raises StartRefused if somebody else made it first (anybody may, under /tmp)."""
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    owners = {os.geteuid(), owner(identity)[0]}
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid not in owners or facts.st_mode & 0o077:
        raise StartRefused(f"{folder} must be a folder of this user with mode 0700; remove it")
    give(folder, identity)


def owner(identity: str) -> tuple[int, int]:
    """Return the user and group that own the server's files."""
    if ":" not in identity:
        return os.geteuid(), os.getegid()
    uid, gid = (int(number) for number in identity.split(":"))
    return uid, gid


def give(path: Path, identity: str) -> None:
    """Hand `path` to the user under which the server runs, where that is another one."""
    if ":" in identity:
        os.chown(path, *owner(identity))


def make_data(folder: Path, identity: str, password: str) -> None:
    """Make `folder/data`, whole or not at all: an interrupted attempt lies beside it and is removed by the next.

    Nobody may connect until the admin's verifier is in: no password is written to disk, and nobody trusted without.
    """
    for unfinished in folder.glob("data.new-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    give(folder, identity)
    fresh = folder / f"data.new-{secrets.token_hex(4)}"
    fresh.mkdir(mode=0o700)
    give(fresh, identity)
    binaries.run(
        identity, "initdb", "-D", str(fresh), "--username", ADMIN_ROLE, "--auth", "reject", "--data-checksums",
        "--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
        "--no-instructions",
    )  # fmt: skip
    (fresh / "pg_hba.conf").write_text(HBA, encoding="ascii")
    binaries.run(
        identity, "postgres", "--single", "-D", str(fresh), "-c", "exit_on_error=on", "-c", "log_min_messages=fatal",
        "postgres",
        feed=f"alter role {ADMIN_ROLE} password '{scram.verifier(password)}'\ncreate database {DATABASE}\n",
    )  # fmt: skip
    with (fresh / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(f"shared_buffers = {pages_bytes() // 2**20}MB  # a quarter of the memory when this was made\n")
    fresh.rename(folder / "data")
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def pages_bytes() -> int:
    """Return how much of its pages a server made here and now keeps in memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # elsewhere than in a container it says `max`, or is not there
        memory = min(memory, int(CONTAINER.read_text(encoding="ascii")))
    return max(PAGES_BYTES_LEAST, min(memory // 4, PAGES_BYTES_MOST))


def check_major(data: Path) -> None:
    """Raise StartRefused if `data` was made by another major version of PostgreSQL."""
    major = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    if major != str(binaries.MAJOR):
        raise StartRefused(
            f"{data} is of PostgreSQL {major}, this program carries {binaries.MAJOR}: run pg_upgrade, or dump with the "
            f"former version and restore"
        )


def open_log(folder: Path) -> IO[bytes]:
    """Open `folder/postgresql.log` (0600) for appending; one that grew large becomes `postgresql.log.1` first."""
    path = folder / "postgresql.log"
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        path.replace(folder / "postgresql.log.1")
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "ab")


def last_words(folder: Path) -> str:
    """Return the end of the server's log."""
    path = folder / "postgresql.log"
    return path.read_text(encoding="utf-8", errors="replace")[-600:].strip() if path.exists() else "it said nothing"
