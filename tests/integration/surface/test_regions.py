"""Whose law holds for a visitor: by a trusted proxy or a file, and the strictest where neither knows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import mmdb
from tests.conftest import Cluster
from tests.houses import Opened, house_of_its_own, idempotent

pytestmark = pytest.mark.anyio

KNOWN, UNKNOWN = "192.0.2.7", "203.0.113.9"


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    """A house behind a proxy, with a file of regions."""
    folder = tmp_path_factory.mktemp("house")
    file = folder / "regions.mmdb"
    file.write_bytes(mmdb.written({"192.0.2.0/24": ("US", "CA")}))
    settings = {"region_header": "x-region", "trusted_proxies": ("127.0.0.1/32",), "region_file": file}
    async with house_of_its_own(cluster, folder, **settings) as house:
        yield house


@pytest.mark.parametrize(
    ("headers", "jurisdiction"),
    [
        ({"X-Region": "de"}, "eu"),
        ({"X-Region": "XX"}, "default"),
        ({"X-Forwarded-For": KNOWN}, "us-ca"),
        ({"X-Forwarded-For": KNOWN, "X-Region": "uk"}, "uk"),
        ({"X-Forwarded-For": UNKNOWN}, "default"),
        ({}, "default"),
    ],
)
async def test_the_law_follows_the_region(headers: dict[str, str], jurisdiction: str, opened: Opened) -> None:
    """The proxy's word comes before the file's; whom neither knows has the strictest law, not the site's."""
    reply = (await opened.browser().http.get("/v1/notice", headers=headers)).json()
    assert reply["jurisdiction"] == jurisdiction
    assert (reply["regime"] == "strict") == (jurisdiction == "default")


@pytest.mark.parametrize(("region", "days"), [("us-ca", {45}), ("br", {15}), ("de", {28, 29, 30, 31})])
async def test_an_answer_is_due_by_the_law_of_the_region(region: str, days: set[int], opened: Opened) -> None:
    """A request is answered within the time that the jurisdiction of who asks leaves."""
    browser = opened.browser(**{"X-Region": region})
    await browser.answer({"remember": "given"})
    body = {"right": "rectification", "text": "It is wrong."}
    reply = await browser.http.post("/v1/rights-requests", json=body, headers=idempotent())
    due = {str(each.request_id): each.days_left for each in await opened.house.requests.due()}
    assert due[reply.json()["request_id"]] in days


@pytest.mark.parametrize("place", [{"X-Forwarded-For": UNKNOWN}, {"X-Forwarded-For": KNOWN}, {"X-Region": "us-ca"}])
async def test_a_server_asks_under_the_law_of_its_site(place: dict[str, str], opened: Opened) -> None:
    """Where a server stands says nothing about the person, so the site's law holds."""
    headers = {"Authorization": "Bearer none", **place}
    assert (await opened.browser().http.get("/v1/notice", headers=headers)).json()["jurisdiction"] == "eu"


async def test_a_proxy_that_nobody_trusts_names_no_region(cluster: Cluster, tmp_path: Path) -> None:
    """Somebody means to look and forgot to say whom to believe: the strictest law holds, whatever stands there."""
    async with house_of_its_own(cluster, tmp_path, region_header="x-region") as house:
        for headers in ({"X-Region": "us-ca"}, {}):
            reply = (await house.browser().http.get("/v1/notice", headers=headers)).json()
            assert (reply["jurisdiction"], reply["regime"]) == ("default", "strict")
