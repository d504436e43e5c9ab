"""Stopping in order, and being stopped: nothing is left behind, and the next start finds everything."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecrm_privacy.config import Config, read_config
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.postgres import ADMIN_ROLE, EmbeddedPostgres
from ecrm_privacy.processes import _listen, serve
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.worker import WORK, Work, to_text
from tests.faults.group import Group, free_port, kill_everything

STARTING_S = (0.2, 0.9, 1.4, 2.0, 2.8)


@pytest.fixture(scope="module")
def running(group: Group) -> Group:
    """The service, started once for the tests that leave it as it was; the last of them stops it."""
    group.start()
    group.wait_ready()
    return group


@pytest.fixture
def stopped(group: Group) -> Group:
    """The service, not started."""
    if group.processes():
        group.stop()
    return group


def test_a_killed_worker_is_replaced(running: Group) -> None:
    """After SIGKILL of a worker the others go on, and soon there are as many as before."""
    until = time.monotonic() + 60
    while len(running.workers()) < 2:
        time.sleep(0.05)
    killed = running.workers()[0]
    os.kill(killed, signal.SIGKILL)
    while len(set(running.workers()) - {killed}) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(set(running.workers()) - {killed}) == 2


def test_a_worker_closes_the_house(running: Group) -> None:
    """A worker that is asked to stop returns from its work instead of dying of the signal once more."""
    config = read_config({"ECRM_PLUGINS": ""}, data_dir=running.data_dir, port=free_port())
    keyring = Keyring.load(config.key_file)
    address = EmbeddedPostgres(running.data_dir / "postgres", keyring.password(ADMIN_ROLE)).address
    with _listen(config) as listener:
        task = to_text(Work(config, address, listener.fileno(), os.getpid()))
        worker = subprocess.Popen(
            [sys.executable, "-m", "ecrm_privacy", "_work", "whole", str(running.data_dir)],
            env={**os.environ, WORK: task},
            pass_fds=[listener.fileno()],
        )
        other = Group(running.data_dir, port=config.port)
        other.parent = worker
        other.wait_ready()
        worker.terminate()
        assert worker.wait(20) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_on_request_is_clean(running: Group, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end the service with status 0, quickly, and leave no process."""
    if not running.processes():
        running.start()
        running.wait_ready()
    status, took_s = running.stop(number)
    assert (status, running.processes()) == (0, [])
    assert took_s < 15


def test_a_killed_parent_takes_everybody_along(stopped: Group) -> None:
    """After SIGKILL of the parent alone, neither worker nor database stays, and the next start works."""
    stopped.start()
    stopped.wait_ready()
    assert stopped.parent is not None
    assert len(stopped.workers()) == 2 and stopped.postmaster() is not None
    stopped.parent.kill()
    stopped.parent.wait()
    assert stopped.wait_gone() == []
    stopped.start()
    stopped.wait_ready()
    assert stopped.stop()[0] == 0


@pytest.mark.parametrize("after_s", STARTING_S)
def test_a_parent_killed_while_it_starts_leaves_nobody(stopped: Group, after_s: float) -> None:
    """At whatever moment of its start the parent is killed, nothing is left."""
    stopped.start()
    assert stopped.parent is not None
    time.sleep(after_s)
    stopped.parent.kill()
    stopped.parent.wait()
    assert stopped.wait_gone() == []


def test_a_number_that_is_taken_again_does_not_hinder_the_start(stopped: Group) -> None:
    """Whoever lives under the number of a killed database server, be it a zombie, is not taken for it."""
    stopped.start()
    stopped.wait_ready()
    with subprocess.Popen(["sleep", "60"]) as somebody:
        kill_everything(stopped, random.Random(0))
        assert stopped.wait_gone() == []
        for lock in ("socket/.s.PGSQL.5432.lock", "data/postmaster.pid"):
            lines = (stopped.data_dir / "postgres" / lock).read_text().splitlines()
            (stopped.data_dir / "postgres" / lock).write_text("\n".join([str(somebody.pid), *lines[1:], ""]))
        stopped.start()
        stopped.wait_ready()
        somebody.kill()
    assert stopped.stop()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("becomes", [None, asyncio.CancelledError])
def test_an_interrupt_ends_the_start_whatever_it_becomes(
    tmp_path: Path, number: signal.Signals, becomes: type[BaseException] | None
) -> None:
    """What runs while the service starts may let an interrupt fall, or turn it into something else; it counts."""
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell starts what runs in the background

    def careless(_address: Address) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(number)
        if becomes:
            raise becomes

    config = Config(data_dir=tmp_path, port=free_port(), database_url="postgresql:///nobody?host=/nowhere")
    try:
        with pytest.raises(KeyboardInterrupt):
            serve(config, Keyring.create(tmp_path / "ecrm.key"), before=careless, ready=pytest.fail)
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


def test_a_start_that_is_interrupted_is_continued(tmp_path: Path) -> None:
    """Ctrl-C while the shop is being loaded stops at once, and the next start loads the rest."""
    if sys.platform != "linux":
        pytest.skip("finds processes in /proc")
    group = Group(tmp_path / "data")
    group.start()
    while not (group.data_dir / "postgres" / "data" / "postmaster.pid").exists():
        time.sleep(0.05)
    time.sleep(1.5)
    loading = not (group.data_dir / "loaded").exists()
    status, took_s = group.stop(signal.SIGINT)
    assert loading and status == 130 and took_s < 15
    assert group.wait_gone() == []
    with group:
        assert (group.data_dir / "loaded").exists()
