"""With keys in a process of their own: what a hall holds, and what becomes of everybody when the house is away."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from ecrm_privacy import processes
from ecrm_privacy.config import Config
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.pools import GATE, GUEST, HOUSE
from ecrm_privacy.database.postgres import ADMIN_ROLE
from ecrm_privacy.processes import Place
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.worker import Part, Work
from tests.faults import kills
from tests.faults.group import Group
from tests.faults.test_database_away import answer, view
from tests.houses import logged

CHUNK_BYTES = 1 << 24


@pytest.fixture(scope="module")
def group(copied: Callable[[], Path]) -> Iterator[Group]:
    """The service with a gate process, and a plugin that tries what hostile code would."""
    with Group(copied(), workers=1, gate_process=True, plugins="personalization.plugin,tests.faults.probe") as made:
        yield made


@pytest.fixture
def visitor(group: Group) -> Iterator[httpx.Client]:
    """A browser that was let remember and personalize, and looked at something."""
    with httpx.Client(base_url=group.base, headers={"Origin": group.base}, timeout=30, trust_env=False) as client:
        assert answer(client, str(uuid4())).status_code == 201
        assert client.post("/v1/events", json={"events": [view()]}).json()["stored"] == 1
        yield client


def is_personal(visitor: httpx.Client) -> bool:
    """Whether the page is made for this visitor."""
    reply = visitor.get("/v1/slots/for-you", headers={"Accept": "application/json"})
    assert reply.status_code == 200, reply.text
    return bool(reply.json()["personal"])


def holds(process: int, needles: dict[str, bytes]) -> set[str]:
    """Name what stands anywhere in the memory of a process."""
    found = set()
    with Path(f"/proc/{process}/maps").open() as maps, Path(f"/proc/{process}/mem").open("rb", 0) as memory:
        for line in maps:
            place, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(each, 16) for each in place.split("-"))
            before = b""
            for at in range(start, end, CHUNK_BYTES):
                memory.seek(at)
                try:
                    before = before[-128:] + memory.read(min(CHUNK_BYTES, end - at))
                except OSError:  # a mapping of the kernel's
                    break
                found |= {name for name, needle in needles.items() if needle in before}
    return found


# what a hall holds ----------------------------------------------------------------------------------------------------


def test_no_secret_is_in_a_halls_memory(group: Group, visitor: httpx.Client) -> None:
    """Neither the root key nor what follows from it, after pages and calls of every kind; the house has them."""
    assert is_personal(visitor)
    for path in ("/", "/pages/yours", "/preferences", "/v1/permissions", "/v1/receipts"):
        assert visitor.get(path).status_code == 200
    keyring = Keyring.load(group.data_dir / "keys" / "ecrm.key")
    needles = {"root": keyring._root.reveal(), "root in hex": keyring._root.reveal().hex().encode()}
    needles |= {role: keyring.password(role).encode() for role in (HOUSE, GATE, ADMIN_ROLE)}
    needles |= {label: keyring.derive(label) for label in ("blind-index/v1/customer_number", "ledger/signing-key")}
    (hall,), (house,) = group.having("hall"), group.having("house")
    assert holds(hall, needles | {GUEST: keyring.password(GUEST).encode()}) == {GUEST}
    assert {"root", HOUSE, GATE} <= holds(house, needles)


def test_hostile_code_in_a_hall_finds_nothing(group: Group, visitor: httpx.Client) -> None:
    """No key, no file of them, no other process, no other role, and no way to leave anything behind."""
    found = visitor.get("/probe").json()
    assert not [name for name in found["environment"] if name.startswith(("ECRM_", "PG"))]
    assert found["secrets"] == 0 and found["database_url"] is None
    denied = ("key_file", "key_folder", "database_files", "writes")
    assert {name: found[name] for name in denied} == dict.fromkeys(denied, "PermissionError")
    assert len(found["traced"]) >= 2 and set(found["traced"]) == {-1}
    assert set(found["environment_of_kin"]) == set(found["memory_of_kin"]) == {"PermissionError"}
    assert set(found["descriptors"]) <= {"socket", "pipe", "anon_inode", "/dev/null", str(group.log)}
    assert found["logins"] == ["InvalidPasswordError"] * 3 + ["in"]
    assert found["roles"] == 1


# without the house ----------------------------------------------------------------------------------------------------


def told_nobody(visitor: httpx.Client) -> None:
    """What everybody is told while the house is away, and how soon."""
    began = time.monotonic()
    assert not is_personal(visitor)
    assert visitor.get("/").status_code == visitor.get("/pages/yours").status_code == 200
    refused = answer(visitor, str(uuid4()))
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unavailable")
    assert int(refused.headers["retry-after"]) > 0
    event = visitor.post("/v1/events", json={"events": [view()]})
    assert (event.status_code, "retry-after" in event.headers) == (503, True)
    assert visitor.get("/preferences").status_code == 503
    assert visitor.get("/health/live").status_code == 200
    assert time.monotonic() - began < 2


def comes_back(visitor: httpx.Client, within_s: float = 30.0) -> float:
    """Wait until the page is personal again."""
    began = time.monotonic()
    while not is_personal(visitor):
        assert time.monotonic() - began < within_s
        time.sleep(0.05)
    return time.monotonic() - began


def test_a_killed_house_is_replaced(group: Group, visitor: httpx.Client) -> None:
    """Meanwhile pages are everybody's and writes are refused; the halls stay, and go on with the new one."""
    assert is_personal(visitor) and group.parent is not None
    halls, (house,) = group.having("hall"), group.having("house")
    group.parent.send_signal(signal.SIGSTOP)
    try:
        os.kill(house, signal.SIGKILL)
        time.sleep(0.1)
        told_nobody(visitor)
    finally:
        group.parent.send_signal(signal.SIGCONT)
    comes_back(visitor)
    assert group.having("hall") == halls and group.having("house") not in ([], [house])
    assert answer(visitor, str(uuid4()), "withdrawn").status_code == 201
    assert not is_personal(visitor)


def test_a_house_that_hangs_is_away(group: Group, visitor: httpx.Client) -> None:
    """After two seconds nobody waits for it any more; when it wakes up, everything goes on."""
    assert is_personal(visitor)
    (house,) = group.having("house")
    os.kill(house, signal.SIGSTOP)
    try:
        time.sleep(3.0)
        told_nobody(visitor)
    finally:
        os.kill(house, signal.SIGCONT)
    assert comes_back(visitor) < 5
    assert group.having("house") == [house]


def test_a_house_that_never_wakes_up_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parent hears nothing from it any more, and starts another."""
    ready = "import msgspec, os, time; os.write(msgspec.json.decode(os.environ['ECRM_WORK'])['ready_fd'], b'1')"
    program = tmp_path / "house"
    program.write_text(f'#!/bin/sh\nexec {processes.sys.executable} -c "{ready}; time.sleep(60)"\n')
    program.chmod(0o700)
    monkeypatch.setattr(processes.sys, "executable", str(program))
    monkeypatch.setattr(processes, "SILENT_LOOKS", 20)
    monkeypatch.setattr(processes, "RESTART_S", 0.01)
    with logged() as log:
        place = Place(Work(Config(data_dir=tmp_path), Address("127.0.0.1", 1, "none", ()), -1, 1, part=Part.HOUSE))
        until = time.monotonic() + 30
        while log.getvalue().count(b'"event":"house_hangs"') < 2 and time.monotonic() < until:
            place.look()
            time.sleep(0.01)
        place.process.kill()
        place.process.wait()
    assert log.getvalue().count(b'"event":"house_hangs"') == 2 and place.failures == 0


def test_no_acknowledged_answer_is_lost(copied: Callable[[], Path]) -> None:
    """Under load and a kill of the house every law of the ledger holds, also after a restart."""
    summary = kills.run(copied().parent, 1, 20261122, kinds=("house",), gate_process=True)
    print(summary.text())
    assert summary.wrong == [], summary.text()
    assert summary.total("acked") > 20, "the load was too thin to say anything"
