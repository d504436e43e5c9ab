"""Workers that cannot start: tried less and less often, told once, and given up."""

import os
import threading
import time
from pathlib import Path

import pytest

from ecrm_privacy import processes
from ecrm_privacy.config import Config
from ecrm_privacy.database.address import Address
from ecrm_privacy.errors import StartRefused
from ecrm_privacy.processes import Place, _listen, _Stopping, _watch, restart_pause_s
from ecrm_privacy.worker import Work
from tests.faults.group import free_port
from tests.houses import logged


def test_a_pause_is_doubled_to_a_cap() -> None:
    """One that had answered comes back at once; one that never does is tried less and less often."""
    pauses = [restart_pause_s(failures) for failures in range(12)]
    assert pauses[:6] == [0.5, 0.5, 1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == processes.RESTART_S_MAX


def test_workers_that_never_answer_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Here the key file is gone: each worker says so, the parent says once that one ended, and at last why it ends."""
    monkeypatch.setattr(processes, "RESTART_S", 0.01)
    monkeypatch.setattr(processes, "FAILURES_MAX", 3)
    stopping = _Stopping()
    giving_up = threading.Timer(60, lambda: setattr(stopping, "asked", True))
    giving_up.start()
    config = Config(data_dir=tmp_path, port=free_port())
    with logged() as log, _listen(config) as listener:
        work = Work(config, Address("127.0.0.1", 1, "none", ()), listener.fileno(), os.getpid())
        with pytest.raises(StartRefused, match=r"3 times in a row \(exit status 2\): the lines above say why"):
            _watch([Place(work)], stopping)
    giving_up.cancel()
    assert log.getvalue().count(b'"event":"worker_ended"') == 1
    said = capfd.readouterr().err
    assert said.count("KeyFileRefused") == 3 and "Traceback" not in said


def test_one_that_answered_is_started_anew_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is killed again and again after it answered is no reason to give up, nor to wait longer."""
    ready = "import msgspec, os; os.write(msgspec.json.decode(os.environ['ECRM_WORK'])['ready_fd'], b'1')"
    program = tmp_path / "worker"
    program.write_text(f'#!/bin/sh\nexec {processes.sys.executable} -c "{ready}; os.kill(os.getpid(), 9)"\n')
    program.chmod(0o700)
    monkeypatch.setattr(processes.sys, "executable", str(program))
    monkeypatch.setattr(processes, "RESTART_S", 0.01)
    with logged() as log, _listen(Config(data_dir=tmp_path, port=free_port())) as listener:
        place = Place(Work(Config(data_dir=tmp_path), Address("127.0.0.1", 1, "none", ()), listener.fileno(), 1))
        until = time.monotonic() + 30
        while log.getvalue().count(b'"exit_code":-9') < 4 and time.monotonic() < until:
            place.look()
            time.sleep(0.01)
        place.process.wait()
    assert log.getvalue().count(b'"exit_code":-9') == 4 and place.failures == 0
