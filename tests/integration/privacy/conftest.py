"""One demo shop for all tests of this folder: the real process group, with two workers and 300 customers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from ecrm_privacy.app import build_app, open_house
from ecrm_privacy.config import Config
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.postgres import ADMIN_ROLE, EmbeddedPostgres
from ecrm_privacy.vault.keyring import Keyring
from tests.faults.group import Group
from tests.houses import Opened
from tests.integration.privacy.dump import Dump, take

SHOP = Path(__file__).resolve().parents[3] / "examples" / "shop"


class Shop(msgspec.Struct, frozen=True):
    """The running demo: its processes, what only its operator has, and a dump from before anybody came."""

    group: Group
    config: Config
    keyring: Keyring
    address: Address
    imported: Dump

    @property
    def origin(self) -> str:
        """Where its pages are."""
        return self.group.base

    def dump(self) -> Dump:
        """Dump its database as it is now."""
        return take(self.address, self.keyring.password(ADMIN_ROLE))


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("demo") / "data"
    with Group(folder, workers=2) as group:
        config = Config(data_dir=folder, port=group.port, demo=True, k_people=5)
        keyring = Keyring.load(config.key_file)
        password = keyring.password(ADMIN_ROLE)
        address = EmbeddedPostgres(folder / "postgres", password).address
        yield Shop(group, config, keyring, address, take(address, password))


@pytest.fixture(scope="module")
async def worker(shop: Shop) -> AsyncIterator[Opened]:
    """One more worker of the shop, in this process, so that a test can ask its gate."""
    async with open_house(shop.config, shop.address, shop.keyring) as house:
        yield Opened(house, build_app(house), shop.address)


@pytest.fixture(scope="session")
def customers() -> list[dict[str, str]]:
    """What was imported about each customer, in one line each."""
    found = []
    for line in (SHOP / "customers.ndjson").read_bytes().splitlines():
        told = msgspec.json.decode(line)
        found.append(
            {"customer_number": told["customer_number"], **told["fields"]["contact"], **told["fields"]["demographics"]}
        )
    return found
