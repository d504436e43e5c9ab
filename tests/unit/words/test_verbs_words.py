"""`ecrm words` names what is missing, and notes what was read."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from ecrm_privacy.cli import main
from ecrm_privacy.web.texts import TEXTS
from personalization.interact.because import WORDS


@pytest.fixture
def _ours_again() -> Iterator[None]:
    """Put the shipped files back after a test that named others."""
    before = [(each, dict(each.files)) for each in (TEXTS, WORDS)]
    yield
    for each, files in before:
        each.files = files
        each._read.clear()


def test_what_is_shipped_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """House and shop, in every language."""
    assert main(["words", "check"]) == 0
    said = capsys.readouterr().out
    assert "whole: web/words" in said and "whole: personalization/words" in said


@pytest.mark.usefixtures("_ours_again")
def test_a_file_of_the_operator_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A language that an operator begins is named key by key, until somebody vouched for it."""
    own = tmp_path / "words"
    copytree(TEXTS.folder, own / "web", ignore=lambda _folder, names: {name for name in names if name != "de.ftl"})
    (own / "web" / "de.ftl").rename(own / "web" / "de-AT.ftl")
    monkeypatch.setenv("ECRM_WORDS", str(own))
    assert main(["words", "check", "de-AT"]) == 1
    assert "words/web/de-AT.ftl: close: stale: nobody vouched for it" in capsys.readouterr().out
    assert main(["words", "vouch", "de-AT", "--all"]) == 0
    assert main(["words", "check", "de-AT"]) == 0
    assert TEXTS.of("de-AT")["locale"] == "de-AT"


def test_vouching_needs_to_know_for_what(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody vouches for everything by leaving the keys out."""
    assert main(["words", "vouch", "de"]) == 2
    assert "name the keys that you have read" in capsys.readouterr().err
