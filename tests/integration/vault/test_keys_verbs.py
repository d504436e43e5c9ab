"""`ecrm keys` on a service of its own: what an operator gives in a month, and what is said."""

from pathlib import Path

import pytest

from ecrm_privacy.processes import database, prepare
from tests.integration.restore.backup import Service


def test_a_month_of_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Look, keep a copy, rotate, be refused, destroy: each says what it did and what is due."""
    service = Service(tmp_path)
    usb = tmp_path / "usb"
    usb.mkdir()

    def ecrm(*arguments: str) -> tuple[int, str]:
        status = service.ecrm("keys", *arguments)
        told = capsys.readouterr()
        return status, told.out + told.err

    status, told = ecrm("status")
    assert status == 0 and "no database yet" in told
    with database(service.config, service.keyring) as (address, admin, password):
        prepare(service.config, service.keyring, address, admin, password)
        status, told = ecrm("status")
        assert status == 0 and "No copy of the epochs is kept" in told
        assert ecrm("backup", str(usb))[0] == 0
        assert "Nothing was changed" in ecrm("rotate", "--dry-run")[1]
        assert "epoch 1, current" in ecrm("status")[1]
        status, told = ecrm("rotate")
        assert status == 0 and "Epoch 2 is begun" in told
        status, told = ecrm("destroy", "1")
        assert status == 2 and "backups of the last 30 days" in told
        status, told = ecrm("status")
        assert "epoch 1, retired" in told and "may be destroyed from" in told and f"copy in {usb}: in step" in told
        usb.rename(tmp_path / "pocket")
        status, told = ecrm("destroy", "1", "--now")
        assert status == 2 and "--gone" in told
        status, told = ecrm("destroy", "1", "--now", "--gone", str(usb))
        assert status == 0 and "epoch 1 is destroyed" in told
        assert "epoch 1, destroyed" in ecrm("status")[1]
