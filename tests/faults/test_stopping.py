"""Stopping in order, and being stopped: nothing is left behind, and the next start finds everything."""

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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_on_request_is_clean(group: Group, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end the service with status 0, quickly, and leave no process."""
    group.start()
    group.wait_ready()
    status, took_s = group.stop(number)
    assert (status, group.processes()) == (0, [])
    assert took_s < 15


def test_a_killed_parent_takes_everybody_along(group: Group) -> None:
    """After SIGKILL of the parent alone, neither worker nor database stays, and the next start works."""
    group.start()
    group.wait_ready()
    assert group.parent is not None
    assert len(group.workers()) == 2 and group.postmaster() is not None
    group.parent.kill()
    group.parent.wait()
    assert group.wait_gone() == []
    group.start()
    group.wait_ready()
    assert group.stop()[0] == 0


@pytest.mark.parametrize("after_s", STARTING_S)
def test_a_parent_killed_while_it_starts_leaves_nobody(group: Group, after_s: float) -> None:
    """At whatever moment of its start the parent is killed, nothing is left."""
    group.start()
    assert group.parent is not None
    time.sleep(after_s)
    group.parent.kill()
    group.parent.wait()
    assert group.wait_gone() == []


def test_a_number_that_is_taken_again_does_not_hinder_the_start(group: Group) -> None:
    """Whoever lives under the number of a killed database server, be it a zombie, is not taken for it."""
    group.start()
    group.wait_ready()
    with subprocess.Popen(["sleep", "60"]) as somebody:
        kill_everything(group, random.Random(0))
        assert group.wait_gone() == []
        for lock in ("socket/.s.PGSQL.5432.lock", "data/postmaster.pid"):
            lines = (group.data_dir / "postgres" / lock).read_text().splitlines()
            (group.data_dir / "postgres" / lock).write_text("\n".join([str(somebody.pid), *lines[1:], ""]))
        group.start()
        group.wait_ready()
        somebody.kill()
    assert group.stop()[0] == 0


def test_a_killed_worker_is_replaced(group: Group) -> None:
    """After SIGKILL of a worker the others go on, and soon there are as many as before."""
    group.start()
    group.wait_ready()
    until = time.monotonic() + 30
    while len(group.workers()) < 2:
        time.sleep(0.05)
    killed = group.workers()[0]
    os.kill(killed, signal.SIGKILL)
    while len(set(group.workers()) - {killed}) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(set(group.workers()) - {killed}) == 2
    assert group.stop()[0] == 0


def test_a_worker_closes_the_house(group: Group) -> None:
    """A worker that is asked to stop returns from its work instead of dying of the signal once more."""
    group.start()
    group.wait_ready()
    config = read_config({"ECRM_PLUGINS": ""}, data_dir=group.data_dir, port=free_port())
    keyring = Keyring.load(config.key_file)
    address = EmbeddedPostgres(group.data_dir / "postgres", keyring.password(ADMIN_ROLE)).address
    with _listen(config) as listener:
        task = to_text(Work(config, address, listener.fileno(), os.getpid()))
        worker = subprocess.Popen(
            [sys.executable, "-m", "ecrm_privacy", "_work", "whole", str(group.data_dir)],
            env={**os.environ, WORK: task},
            pass_fds=[listener.fileno()],
        )
        other = Group(group.data_dir, port=config.port)
        other.parent = worker
        other.wait_ready()
        worker.terminate()
        assert worker.wait(20) == 0
    assert group.stop()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_a_library_lets_fall_still_ends_the_start(tmp_path: Path, number: signal.Signals) -> None:
    """Whatever runs while the service starts may let an interrupt fall; it does not serve after it all the same."""
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}

    def careless(_address: Address) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(number)

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
