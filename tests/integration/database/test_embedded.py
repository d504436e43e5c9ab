"""The embedded server: started, stopped, killed and started again."""

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from ecrm_privacy.database import binaries, leftovers, postgres
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.postgres import ADMIN_ROLE, EmbeddedPostgres
from ecrm_privacy.errors import StartRefused

PASSWORD = "password-of-the-admin"
STARTER = """
import sys, time
from pathlib import Path
from ecrm_privacy.database.postgres import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1]), sys.argv[2]).start()
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that is made once; the tests of this module start and stop on it."""
    return tmp_path_factory.mktemp("embedded") / "data-dir"


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(folder, PASSWORD)
    made.start()
    yield made
    made.stop()


def sql(address: Address, *statements: str, password: str = PASSWORD) -> list[object]:
    """Run each statement on a connection of its own and return its first value."""

    async def one(statement: str) -> object:
        conn = await asyncpg.connect(**address.connect_args(ADMIN_ROLE, password))
        try:
            return await conn.fetchval(statement)
        finally:
            await conn.close()

    return [asyncio.run(one(statement)) for statement in statements]


def eventually(holds: Callable[[], bool], within_s: float = 20.0) -> bool:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def data_of(folder: Path) -> Path:
    return folder / "data"


def postmaster_of(folder: Path) -> int:
    found = leftovers.postmaster_on(data_of(folder))
    assert found is not None
    return found


def test_data_survives_a_clean_stop(folder: Path) -> None:
    """Started again, the server has what was written; stopped, nothing runs and no socket is left."""
    server = EmbeddedPostgres(folder, PASSWORD)
    sql(server.start(), "create table if not exists public.kept as select 1 as n")
    assert server.alive()
    server.stop()
    assert not server.alive()
    assert leftovers.processes_on(data_of(folder)) == []
    assert list((folder / "socket").iterdir()) == []
    with server as address:
        assert sql(address, "select n from public.kept") == [1]


def test_the_folder_and_what_is_in_it_are_ours_alone(server: EmbeddedPostgres, folder: Path) -> None:
    """Nobody else may enter the data or reach the socket, and no file holds the password."""
    for path in (folder, folder / "socket", data_of(folder)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "lock").stat().st_mode) == 0o600
    small = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size < 100_000]
    assert not [path for path in small if PASSWORD.encode() in path.read_bytes()]


def test_nobody_is_trusted_without_a_password(server: EmbeddedPostgres) -> None:
    """Neither a wrong nor an empty password is let in."""
    for wrong in ("wrong", ""):
        with pytest.raises(asyncpg.InvalidPasswordError):
            sql(server.address, "select 1", password=wrong)


def test_the_server_is_set_up_to_keep_its_word(server: EmbeddedPostgres) -> None:
    """Durable, checked, unreachable by network; ALTER SYSTEM cannot undo it."""
    sql(server.address, "alter system set fsync = off", "select pg_reload_conf()")
    shown = sql(
        server.address,
        *[f"show {name}" for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums")],
    )
    assert shown == ["on"] * 4
    assert sql(server.address, "show listen_addresses", "show password_encryption") == ["", "scram-sha-256"]
    sql(server.address, "alter system reset fsync")


def test_errors_leave_no_value_in_the_log(server: EmbeddedPostgres, folder: Path) -> None:
    """What a failing statement quotes (here a canary) is told to its sender and not written down."""
    canary = "canary-of-the-log"
    for statement in (
        f"select '{canary}'::int",
        f"select '{canary}' from nowhere",
        f"do $$ begin raise warning '{canary}'; end $$",
    ):
        with contextlib.suppress(asyncpg.PostgresError):
            sql(server.address, statement)
    assert canary not in (folder / "postgresql.log").read_text()


def test_the_server_has_a_process_group_of_its_own(server: EmbeddedPostgres, folder: Path) -> None:
    """Ctrl-C on the terminal reaches the service, not its database."""
    assert os.getpgid(postmaster_of(folder)) != os.getpgid(0)


@pytest.mark.parametrize("whole_tree", [False, True])
def test_a_killed_server_comes_back_with_everything(server: EmbeddedPostgres, folder: Path, whole_tree: bool) -> None:
    """After SIGKILL of the postmaster, or of all its processes, it is started again and nothing committed is lost."""
    sql(server.address, "drop table if exists public.written", "create table public.written as select 7 as n")
    old = postmaster_of(folder)
    for process in leftovers.processes_on(data_of(folder)) if whole_tree else [old]:
        leftovers.send(process, signal.SIGKILL)
    assert eventually(lambda: server.alive() and leftovers.postmaster_on(data_of(folder)) not in {None, old})
    assert sql(server.address, "select n from public.written") == [7]


def test_stopping_right_after_a_kill_stops(folder: Path) -> None:
    """`stop` in the pause before a restart leaves nothing running, and the next start recovers."""
    server = EmbeddedPostgres(folder, PASSWORD)
    server.start()
    os.kill(postmaster_of(folder), signal.SIGKILL)
    server.stop()
    with server as address:
        assert sql(address, "select 1") == [1]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_killed_parent_leaves_no_server(folder: Path, at_once: bool) -> None:
    """Linux shuts the server down with us; who starts at once waits for that and finds the data whole."""
    parent = subprocess.Popen([sys.executable, "-c", STARTER, str(folder), PASSWORD], stdout=subprocess.PIPE)
    assert parent.stdout is not None and parent.stdout.readline() == b"started\n"
    assert leftovers.processes_on(data_of(folder))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    if not at_once and leftovers.LINUX:
        assert eventually(lambda: not leftovers.processes_on(data_of(folder)))
    with EmbeddedPostgres(folder, PASSWORD) as address:
        assert sql(address, "select 1") == [1]


def test_backends_that_lost_everybody_are_ended(folder: Path) -> None:
    """Parent and postmaster killed, a backend in a long computation holds the data: the next start ends it."""
    parent = subprocess.Popen([sys.executable, "-c", STARTER, str(folder), PASSWORD], stdout=subprocess.PIPE)
    assert parent.stdout is not None and parent.stdout.readline() == b"started\n"
    server = EmbeddedPostgres(folder, PASSWORD)

    async def compute_and_kill() -> None:
        conn = await asyncpg.connect(**server.address.connect_args(ADMIN_ROLE, PASSWORD))
        work = asyncio.create_task(conn.fetchval("select count(*) from generate_series(1, 1e10::bigint)"))
        await asyncio.sleep(0.1)
        leftovers.send(postmaster_of(folder), signal.SIGKILL)
        parent.kill()
        parent.wait()
        await asyncio.sleep(0.1)
        assert not leftovers.LINUX or leftovers.processes_on(data_of(folder))
        await asyncio.to_thread(server.start)
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await work

    asyncio.run(compute_and_kill())
    parent.stdout.close()
    assert sql(server.address, "select 1") == [1]
    server.stop()


def test_an_orphaned_server_is_ended_before_the_next_start(server: EmbeddedPostgres, folder: Path) -> None:
    """Where a server outlived its supervisor (or only its backends did), it is stopped and its number forgotten."""
    orphan = postmaster_of(folder)
    server._stopping.set()  # so that the supervisor does not start another
    leftovers.clear(data_of(folder))
    assert leftovers.processes_on(data_of(folder)) == []
    assert not (data_of(folder) / "postmaster.pid").exists()
    assert orphan not in leftovers.processes_on(data_of(folder))


def test_a_stale_process_number_that_is_somebody_elses_does_not_matter(folder: Path) -> None:
    """`postmaster.pid` with the number of another living process, as after a restarted container."""
    (data_of(folder) / "postmaster.pid").write_text(f"{os.getpid()}\n{data_of(folder)}\n1\n5432\n\n\n\nready\n")
    with EmbeddedPostgres(folder, PASSWORD) as address:
        assert sql(address, "select 1") == [1]


def test_one_folder_is_served_once(server: EmbeddedPostgres, folder: Path) -> None:
    """A second start is refused, in this process and in another."""
    with pytest.raises(StartRefused, match="already running"):
        EmbeddedPostgres(folder, PASSWORD).start()
    other = subprocess.run(
        [sys.executable, "-c", STARTER, str(folder), PASSWORD], capture_output=True, text=True, check=False
    )
    assert other.returncode != 0 and "already running" in other.stderr
    assert server.alive()


def test_starting_twice_is_starting_once(server: EmbeddedPostgres, folder: Path) -> None:
    """`start` on a running server gives its address."""
    running = postmaster_of(folder)
    assert server.start() == server.address
    assert postmaster_of(folder) == running


def test_half_made_data_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt that was cut off in the middle leaves no data folder, and the next start removes what it left."""
    run = binaries.run

    def cut_off(identity: str, name: str, *arguments: str, feed: str = "") -> None:
        run(identity, name, *arguments, feed=feed)
        raise KeyboardInterrupt

    monkeypatch.setattr(binaries, "run", cut_off)
    with pytest.raises(KeyboardInterrupt):
        EmbeddedPostgres(tmp_path, PASSWORD).start()
    monkeypatch.undo()
    assert [path.name.split("-")[0] for path in tmp_path.glob("data*")] == ["data.new"]
    with EmbeddedPostgres(tmp_path, PASSWORD) as address:
        assert sql(address, "select 1") == [1]
    assert [path.name for path in tmp_path.glob("data*")] == ["data"]


def test_a_long_path_gets_a_private_socket_elsewhere(tmp_path: Path) -> None:
    """Where the socket's path would not fit, it lies in a folder of ours alone, which goes with the server."""
    server = EmbeddedPostgres(tmp_path / ("long" * 30), PASSWORD)
    elsewhere = Path(server.address.host)
    assert elsewhere.parent == Path("/tmp")
    with server as address:
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700
        assert sql(address, "select 1") == [1]
    assert not elsewhere.exists()


@pytest.mark.parametrize("planted", ["open", "link"])
def test_a_planted_socket_folder_is_refused(tmp_path: Path, planted: str) -> None:
    """A folder that others may enter, or a link to one, is not used."""
    place = tmp_path / "socket"
    if planted == "open":
        place.mkdir()
        place.chmod(0o777)
    else:
        (tmp_path / "target").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "target")
    with pytest.raises(StartRefused, match="0700"):
        EmbeddedPostgres(tmp_path, PASSWORD).start()


def test_data_of_another_major_version_is_refused(folder: Path) -> None:
    """The message names both versions, and the data is as it was."""
    version = data_of(folder) / "PG_VERSION"
    kept = version.read_bytes()
    version.write_text("16\n")
    try:
        with pytest.raises(StartRefused, match=r"PostgreSQL 16.*18"):
            EmbeddedPostgres(folder, PASSWORD).start()
    finally:
        version.write_bytes(kept)


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    """The refusal carries the server's last words, and the folder is free again."""
    broken = data_of(folder) / "postgresql.auto.conf"
    kept = broken.read_bytes()
    broken.write_text("shared_buffers = 'much'\n")
    try:
        with pytest.raises(StartRefused, match="shared_buffers"):
            EmbeddedPostgres(folder, PASSWORD).start()
    finally:
        broken.write_bytes(kept)
    with EmbeddedPostgres(folder, PASSWORD) as address:
        assert sql(address, "select 1") == [1]


@pytest.mark.parametrize(("container", "megabytes"), [("max", None), (str(4 * 2**30), 1024), (str(64 * 2**20), 128)])
def test_it_keeps_a_quarter_of_the_memory(
    container: str, megabytes: int | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It keeps of its pages what a quarter of the machine's or the container's memory holds, within bounds."""
    monkeypatch.setattr(postgres, "CONTAINER", tmp_path / "memory.max")
    postgres.CONTAINER.write_text(f"{container}\n")
    kept = postgres.pages_bytes() // 2**20
    assert 128 <= kept <= 2048 and (megabytes is None or kept <= megabytes)
    assert megabytes != 128 or kept == megabytes


def test_the_server_runs_with_what_it_was_made_for(server: EmbeddedPostgres) -> None:
    """What was worked out when the data was made is in force."""
    (kept,) = sql(server.address, "select pg_size_bytes(current_setting('shared_buffers'))")
    assert kept == postgres.pages_bytes() // 2**20 * 2**20


def test_root_without_namespaces_runs_it_as_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where user namespaces are refused the data belongs to another user, also at later starts; others need nothing."""
    if os.geteuid() != 0:
        assert binaries.identity_for(Path.home()) == "same"
        return
    monkeypatch.setattr(binaries, "_runs", lambda identity: False)
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o711)
        folder = Path(temporary, "data-dir")
        with EmbeddedPostgres(folder, PASSWORD) as address:
            assert sql(address, "select 1") == [1]
            assert data_of(folder).stat().st_uid != 0
            assert Path(f"/proc/{postmaster_of(folder)}").stat().st_uid == data_of(folder).stat().st_uid
        monkeypatch.undo()
        with EmbeddedPostgres(folder, PASSWORD) as address:
            assert sql(address, "select 1") == [1]


def test_root_is_told_which_folder_is_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No parent folder is loosened: the start is refused and names it."""
    if os.geteuid() != 0:
        assert binaries.identity_for(tmp_path) == "same"
        return
    monkeypatch.setattr(binaries, "_runs", lambda identity: False)
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700)
    with pytest.raises(StartRefused, match="cannot enter"):
        EmbeddedPostgres(shut / "data-dir", PASSWORD).start()
    assert stat.S_IMODE(shut.stat().st_mode) == 0o700


def test_a_large_log_is_put_aside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One former log is kept."""
    monkeypatch.setattr(postgres, "LOG_BYTES_MAX", 10)
    with EmbeddedPostgres(folder, PASSWORD):
        pass
    assert (folder / "postgresql.log.1").stat().st_size > 10
