"""A partner's key: it learns what people allow that partner, and nothing that is the shop's or another's."""

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import pytest

from ecrm_privacy.consent.store import add_api_key
from tests.conftest import Cluster
from tests.houses import Browser, Opened, house_of_its_own, idempotent

pytestmark = pytest.mark.anyio

SCOPES = ("consent:read", "consent:write", "slots:read")
KEYS = {"shop": "a-key-of-the-shop", "tea-guild": "a-key-of-the-guild", "ad-network": "a-key-of-the-network"}
NUMBER = "C-000001"


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    """One house with the keys of a department and of two partners."""
    folder = tmp_path_factory.mktemp("house")
    async with house_of_its_own(cluster, folder, plugins=("personalization.plugin",)) as house:
        async with house.as_admin() as admin:
            for recipient, key in KEYS.items():
                await add_api_key(sha256(key.encode()).digest(), recipient, SCOPES, 6000).run(admin)
        yield house


@pytest.fixture
async def customer(opened: Opened) -> AsyncIterator[Browser]:
    """Somebody who said nothing yet."""
    browser = opened.browser()
    await browser.sign_in(NUMBER)
    yield browser
    await browser.ask("erasure")
    await opened.settle()


def as_(recipient: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[recipient]}", "Ecrm-Subject": NUMBER, **idempotent()}


async def may(opened: Opened, who: str, **asked: Any) -> tuple[bool, str]:
    reply = await opened.browser().http.post("/v1/access:check", json={"subjects": [NUMBER], **asked}, headers=as_(who))
    assert reply.status_code == 200, reply.text
    (found,) = reply.json()["results"]
    return found["valid_for_processing"], found["because"]


async def test_a_partner_needs_its_own_yes(opened: Opened, customer: Browser) -> None:
    """The purpose's yes is not the partner's; that it leaves its name out of the question changes nothing."""
    await customer.answer({"share": "given"})
    for asked in ({}, {"recipient": "tea-guild"}):
        assert await may(opened, "tea-guild", purpose="share", **asked) == (False, "unknown")
    await customer.answer({"share//paper-mill": "given"})
    assert (await may(opened, "tea-guild", purpose="share"))[0] is False
    await customer.answer({"share//tea-guild": "given"})
    assert await may(opened, "tea-guild", purpose="share") == (True, "consent")
    await customer.answer({"share//tea-guild": "withdrawn"})
    assert await may(opened, "tea-guild", purpose="share") == (False, "withdrawn")


async def test_a_partner_without_a_yes_of_its_own_is_covered_by_the_purpose(opened: Opened, customer: Browser) -> None:
    """So says the policy of the advertising network."""
    assert (await may(opened, "ad-network", purpose="advertise"))[0] is False
    await customer.answer({"advertise": "given"})
    assert (await may(opened, "ad-network", purpose="advertise"))[0] is True


async def test_a_department_asks_for_the_purpose_or_for_a_partner(opened: Opened, customer: Browser) -> None:
    """The shop knows all of its own permissions."""
    await customer.answer({"share": "given"})
    assert (await may(opened, "shop", purpose="share"))[0] is True
    assert (await may(opened, "shop", purpose="share", recipient="tea-guild"))[0] is False


@pytest.mark.parametrize(
    ("asked", "status", "problem"),
    [
        ({"purpose": "personalize"}, 422, "unknown-purpose"),
        ({"purpose": "share", "recipient": "paper-mill"}, 403, "scope-missing"),
    ],
)
async def test_what_is_not_its_business(
    asked: dict[str, str], status: int, problem: str, opened: Opened, customer: Browser
) -> None:
    """A purpose that does not name the partner, and another partner's permission, are not told."""
    await customer.answer({"personalize": "given", "share": "given", "share//paper-mill": "given"})
    reply = await opened.browser().http.post(
        "/v1/access:check", json={"subjects": [NUMBER], **asked}, headers=as_("tea-guild")
    )
    assert (reply.status_code, reply.json()["type"]) == (status, f"/problems/{problem}")


async def test_a_partner_sees_its_own_permissions_alone(opened: Opened, customer: Browser) -> None:
    """In the list of permissions, and in the reply to an answer that was given at the partner's."""
    await customer.answer({"personalize": "given", "share": "given", "share//tea-guild": "given"})
    web = opened.browser().http
    said = {"purpose": "share", "recipient": "tea-guild", "answer": "withdrawn"}
    replies = [
        await web.get("/v1/subject/permissions", headers=as_("tea-guild")),
        await web.post(
            "/v1/subject/answers", json={"notice": "shop@1", "method": "staff", "answers": [said]},
            headers=as_("tea-guild"),
        ),
    ]  # fmt: skip
    for reply, allowed in zip(replies, (True, False), strict=True):
        rows = [(row["purpose"], row["recipient"], row["allowed"]) for row in reply.json()["permissions"]]
        assert rows == [("share", "tea-guild", allowed)]
    assert len((await web.get("/v1/subject/permissions", headers=as_("shop"))).json()["permissions"]) > 5


async def test_no_slot_is_for_a_partner(opened: Opened, customer: Browser) -> None:
    """It opens what the shop's own pages may show."""
    await customer.answer({"personalize": "given", "share": "given", "share//tea-guild": "given"})
    web = opened.browser().http
    reply = await web.post("/v1/subject/slots/greeting", headers=as_("tea-guild"))
    assert (reply.status_code, reply.json()["type"]) == (403, "/problems/scope-missing")
    assert (await web.post("/v1/subject/slots/greeting", headers=as_("shop"))).status_code == 200
