"""One house for all tests of a module: each test has browsers and customers of its own."""

from collections.abc import AsyncIterator
from itertools import count

import pytest

from tests.conftest import Cluster
from tests.houses import Opened, house_of_its_own

_numbers = count(1)


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    async with house_of_its_own(cluster, tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def number() -> str:
    """A customer number that nobody has yet."""
    return f"C-{next(_numbers):06}"
