"""A policy that this program cannot read is a failure with a name, not a fault."""

import pytest

from ecrm_privacy.errors import PolicyUnreadable, Unavailable
from ecrm_privacy.policy.shelf import Shelf
from tests.unit.policy.policies import SHIPPED

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "stored",
    [SHIPPED.documents.replace(b'{"v":1', b'{"v":0'), b'{"v":1,"documents":{"purposes":{"x":{}}}}', b"not JSON"],
)
async def test_what_cannot_be_read_says_so(stored: bytes) -> None:
    """Another format, documents that this program refuses, or nothing that is JSON."""

    async def fetch(_: bytes) -> bytes | None:
        return stored

    shelf = Shelf(fetch)
    with pytest.raises(PolicyUnreadable, match=f"this program cannot read policy {SHIPPED.hash.hex()[:16]}"):
        await shelf.bundle(SHIPPED.hash)
    assert shelf.latest is None


async def test_what_is_not_there_is_something_else() -> None:
    """A bundle that nobody stored is no matter of formats."""

    async def fetch(_: bytes) -> bytes | None:
        return None

    with pytest.raises(Unavailable) as raised:
        await Shelf(fetch).bundle(SHIPPED.hash)
    assert not isinstance(raised.value, PolicyUnreadable)
