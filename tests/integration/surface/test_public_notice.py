"""The public notice may be kept by caches: apart by everything that decides what it says."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Cluster
from tests.houses import Opened, house_of_its_own

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    """A house behind a proxy that says where a visitor is."""
    settings = {"region_header": "x-region", "trusted_proxies": ("127.0.0.1/32",)}
    async with house_of_its_own(cluster, tmp_path_factory.mktemp("house"), **settings) as house:
        yield house


@pytest.mark.parametrize(("header", "value"), [("X-Region", "us-ca"), ("Accept-Language", "de"), ("Sec-GPC", "1")])
async def test_what_changes_it_stands_in_vary(header: str, value: str, opened: Opened) -> None:
    """A header that changes a byte of it is named."""
    web = opened.browser().http
    plain = await web.get("/v1/notice?public=1")
    other = await web.get("/v1/notice?public=1", headers={header: value})
    assert other.content != plain.content
    for reply in (plain, other):
        assert reply.headers["cache-control"].startswith("public")
        assert header.lower() in reply.headers["vary"].lower().split(", ")
