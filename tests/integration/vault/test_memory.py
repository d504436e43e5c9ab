"""What was unwrapped for a request is gone after it, and the process that held it shows its memory to nobody."""

import gc
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from ecrm_privacy.vault import keys
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vocabulary import Category, SubjectId
from tests.conftest import Database
from tests.houses import open_for_test

pytestmark = pytest.mark.anyio

LOOK = """
import resource, sys
from ecrm_privacy.config import Config
from ecrm_privacy.verbs import load_keyring
from pathlib import Path
from uuid import uuid4
load_keyring(Config(data_dir=Path(sys.argv[1])))
import ctypes
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


def unwrapped() -> set[int]:
    """Every key that is in memory now, by where it is."""
    gc.collect()
    return {id(each) for each in gc.get_objects() if isinstance(each, Secret | SubjectKey)}


async def test_no_unwrapped_key_outlives_its_turn(database: Database, tmp_path: Path) -> None:
    """After answers, pages, receipts and an export the same keys are in memory as before: those of the house itself."""
    async with open_for_test(database, tmp_path, plugins=("personalization.plugin",)) as opened:
        before = unwrapped()
        assert before, "the house has keys, and they are seen"
        browser = opened.browser()
        answered = await browser.answer({"remember": "given", "personalize": "given"})
        assert answered.status_code == 201
        assert (await browser.http.get("/pages/yours")).status_code == 200
        assert (await browser.http.get("/v1/receipts")).json()["receipts"]
        assert (await browser.http.get(f"/v1/receipts/{answered.json()['receipt_id']}")).status_code == 200
        asked = (await browser.ask("access")).json()["request_id"]
        assert (await browser.http.get(f"/v1/rights-requests/{asked}/export")).status_code == 200
        assert unwrapped() - before == set()
        held, _ = keys.new(opened.house.keyring, SubjectId(uuid4()), Category("contact"))
        assert id(held) in unwrapped() - before, "one that was kept would have been seen"


def test_a_process_that_holds_keys_leaves_no_dump(tmp_path: Path) -> None:
    """A verb that loads the keyring has no core dumps, and on Linux nobody of the same user reads its memory."""
    create = [sys.executable, "-m", "ecrm_privacy", "keys", "create", "--yes", "--data-dir", str(tmp_path)]
    subprocess.run(create, check=True, capture_output=True, timeout=60)
    looked = subprocess.run(
        [sys.executable, "-c", LOOK, str(tmp_path)], check=True, capture_output=True, text=True, timeout=60
    )
    assert looked.stdout.strip() == "(0, 0) 0"
