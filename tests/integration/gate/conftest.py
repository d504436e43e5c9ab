"""One house with the guest for all tests of a module, and the key of a department and of a partner."""

from collections.abc import AsyncIterator
from hashlib import sha256
from itertools import count

import pytest

from ecrm_privacy.consent.store import add_api_key
from tests.conftest import Cluster
from tests.houses import Opened, house_of_its_own

KEYS = {"warehouse": "a-key-of-the-warehouse", "tea-guild": "a-key-of-the-guild"}
_numbers = count(1)


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    folder = tmp_path_factory.mktemp("house")
    async with house_of_its_own(cluster, folder, plugins=("personalization.plugin",)) as house:
        await let_in(house)
        yield house


async def let_in(house: Opened) -> None:
    """Let the department and the partner in."""
    async with house.as_admin() as admin:
        for recipient, key in KEYS.items():
            hashed, scopes = sha256(key.encode()).digest(), ("consent:read", "slots:read")
            await add_api_key(hashed, recipient, scopes, 60_000).run(admin)


@pytest.fixture
def number() -> str:
    """A customer number that nobody has yet."""
    return f"C-{next(_numbers):06}"
