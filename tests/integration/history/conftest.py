"""A house whose clock the tests set: what people say is recorded at the time that a test says it is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any

import msgspec
import pytest

from ecrm_privacy.consent import desk
from ecrm_privacy.consent.store import add_api_key
from ecrm_privacy.policy import acts
from tests.conftest import Cluster
from tests.houses import Opened, house_of_its_own

KEYS = {"": "a-key-of-the-shop-itself", "tea-guild": "a-key-of-the-guild"}
YEARS = 3 * 365
_numbers = count(1)


class Clock:
    """What the desk's clock shows; None: the machine's."""

    def __init__(self) -> None:
        self.now: datetime | None = None

    def days_ago(self, days: float) -> datetime:
        """Set the clock back, and return what it shows."""
        self.now = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let records say another time than the machine's; nothing else of the desk is changed."""
    made, record = Clock(), desk.recorded

    def at_that_time(*what: Any, **shown: Any) -> Any:
        event = record(*what, **shown)
        return event if made.now is None else msgspec.structs.replace(event, event_time=made.now)

    monkeypatch.setattr(desk, "recorded", at_that_time)
    return made


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    """One house, whose first policy has been in force for years."""
    statement = acts.statement
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(acts, "statement", lambda bundle, at, *rest: statement(bundle, at - timedelta(days=YEARS), *rest))
        opening = house_of_its_own(cluster, tmp_path_factory.mktemp("house"))
        house = await opening.__aenter__()
    try:
        async with house.as_admin() as admin:
            for recipient, key in KEYS.items():
                await add_api_key(sha256(key.encode()).digest(), recipient, ("consent:read",), 6000).run(admin)
        yield house
    finally:
        await opening.__aexit__(None, None, None)


@pytest.fixture
def number() -> str:
    """A customer number that nobody has yet."""
    return f"C-{next(_numbers):06}"
