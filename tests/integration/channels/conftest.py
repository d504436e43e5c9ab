"""One house for all tests of a module, with a mail server that keeps what it gets."""

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest

from tests.conftest import Cluster
from tests.houses import Opened, house_of_its_own
from tests.mailbox import Mailbox, mail_server

_numbers = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, server: Mailbox) -> AsyncIterator[Opened]:
    settings = {"smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_security": "none"}
    async with house_of_its_own(cluster, tmp_path_factory.mktemp("house"), **settings) as house:
        yield house


@pytest.fixture
def mailbox(server: Mailbox) -> Mailbox:
    server.clear()
    server.refusing, server.refused = "", 0
    return server


@pytest.fixture
def address() -> str:
    """An address that nobody has yet."""
    return f"reader{next(_numbers)}@mailbox.example"


@pytest.fixture
def number() -> str:
    """A customer number that nobody has yet."""
    return f"C-{next(_numbers):06}"
