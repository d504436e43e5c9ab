"""`ecrm keys create`: a key file is there only when somebody has its recovery copy."""

import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from ecrm_privacy.cli import main
from ecrm_privacy.config import Config
from ecrm_privacy.errors import EpochsRefused
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.verbs_keys import keys_create
from tests.unit.custody.vault_stand_in import TOKEN, vault


def _create(folder: Path, *more: str, said: str | None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ecrm_privacy", "keys", "create", "--data-dir", str(folder), *more]
    return subprocess.run(command, input=said, capture_output=True, text=True, timeout=60, check=False)


def _copy_in(words: str) -> str:
    return next(line.strip() for line in words.splitlines() if line.count("-") == 13)


def _key_file(folder: Path) -> Path:
    return folder / "keys" / "ecrm.key"


def test_nobody_to_confirm_leaves_no_key_file(tmp_path: Path) -> None:
    """Without a terminal there is no key that nobody can recover, and the message says what to do."""
    made = _create(tmp_path, said="")
    assert (made.returncode, _key_file(tmp_path).exists()) == (2, False)
    assert "--yes" in made.stderr and "Traceback" not in made.stderr


def test_a_wrong_copy_leaves_no_key_file(tmp_path: Path) -> None:
    """What comes back must be what was shown."""
    made = _create(tmp_path, said=Keyring(bytes(32)).recovery_copy() + "\n")
    assert (made.returncode, _key_file(tmp_path).exists()) == (1, False)


def test_a_flag_stands_for_the_confirmation(tmp_path: Path) -> None:
    """A script that keeps what is printed has the copy of the key that was written."""
    made = _create(tmp_path, "--yes", said="")
    assert made.returncode == 0
    assert Keyring.from_recovery(_copy_in(made.stdout)).same_as(Keyring.load(_key_file(tmp_path)))


def test_the_file_is_written_after_the_confirmation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While the copy is asked back there is no file yet, so that nothing which ends us then leaves one."""

    def type_back(_prompt: str) -> str:
        assert not _key_file(tmp_path).exists()
        return _copy_in(capsys.readouterr().out)

    monkeypatch.setattr("builtins.input", type_back)
    assert keys_create(Config(data_dir=tmp_path), Namespace(yes=False, recover=False, kept_by=None)) == 0
    Keyring.load(_key_file(tmp_path))


def test_paper_makes_the_key_file_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the epochs that lie there still; without them nothing is written, because paper does not hold them."""
    config, recover = Config(data_dir=tmp_path), Namespace(yes=False, recover=True, kept_by=None)
    assert keys_create(config, Namespace(yes=True, recover=False, kept_by=None)) == 0
    paper = _copy_in(capsys.readouterr().out)
    monkeypatch.setattr("builtins.input", lambda _prompt: paper)
    before = Keyring.load(_key_file(tmp_path))
    _key_file(tmp_path).unlink()
    assert keys_create(config, recover) == 0
    assert Keyring.load(_key_file(tmp_path)).unwrap(before.wrap(bytes(32), b""), b"") == bytes(32)
    _key_file(tmp_path).unlink()
    _key_file(tmp_path).with_name("epochs.toml").unlink()
    with pytest.raises(EpochsRefused, match="keys backup"):
        keys_create(config, recover)
    assert not _key_file(tmp_path).exists()


def test_a_root_that_somebody_else_keeps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The key file does not hold it; when who keeps it is away nothing starts, and the message says what to do."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    with vault() as stand_in:
        stand_in.keys["ecrm"] = bytes(32)
        address = f"vault-transit:{stand_in.address}/secrets/transit/keys/ecrm?token_file={token}"
        folder = ["--data-dir", str(tmp_path)]
        assert main(["keys", "create", "--yes", "--kept-by", address, *folder]) == 0
        assert main(["keys", "status", *folder]) == 0
        assert f"its root kept by {address}" in capsys.readouterr().out
        assert "root =" not in _key_file(tmp_path).read_text()
        stand_in.sealed = True
        for verb in (["keys", "status"], ["run"]):
            assert main([*verb, *folder]) == 2
            assert "Nothing is lost" in capsys.readouterr().err
