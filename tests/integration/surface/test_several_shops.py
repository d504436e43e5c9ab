"""Several shops of one controller: one answer where they show one notice, and each its own where they do not."""

import json
import shutil
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest

from tests.conftest import CHECKOUT, Cluster
from tests.houses import Browser, Opened, house_of_its_own, idempotent, token

pytestmark = pytest.mark.anyio

TEA, PAPER, CLUB = "https://tea.example", "https://paper.example", "https://club.example"
_numbers = count(1)


@pytest.fixture(scope="module")
async def opened(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    """Two shops with one notice, and a club that asks about purposes of its own."""
    folder = tmp_path_factory.mktemp("house")
    policies = folder / "policies"
    shutil.copytree(CHECKOUT / "policies", policies)
    demo = (policies / "sites/demo.toml").read_text("utf-8")
    for name, origin, notice in (("demo", TEA, "shop"), ("paper", PAPER, "shop"), ("club", CLUB, "club")):
        site = demo.replace("origins = []", f'origins = ["{origin}"]').replace(
            'notice = "shop"', f'notice = "{notice}"'
        )
        (policies / f"sites/{name}.toml").write_text(site, "utf-8")
    asked = (policies / "notices/shop@1.toml").read_text("utf-8").partition("\n")[2]
    (policies / "notices/club@1.toml").write_text(f'purposes = ["order", "club"]\n{asked}', "utf-8")
    purpose = (policies / "purposes/remember.toml").read_text("utf-8")
    (policies / "purposes/club.toml").write_text(purpose.replace("bit = 1\n", "bit = 40\n"), "utf-8")
    async with house_of_its_own(cluster, folder, policies=policies) as house:
        yield house


async def visitor(opened: Opened, number: str | None = None) -> Browser:
    """One browser at the tea shop, signed in or not; `at` takes it to the others."""
    browser = opened.browser(Origin=TEA)
    if number:
        reply = await browser.http.post("/v1/session", json={"token": token(number)})
        assert reply.status_code == 201
    return browser


async def state(browser: Browser, origin: str) -> tuple[set[str], bool]:
    """What is allowed on the pages of a shop, and whether it asks."""
    reply = (await browser.http.get("/v1/permissions", headers={"Origin": origin})).json()
    return {row["purpose"] for row in reply["permissions"] if row["allowed"]}, reply["answer_due"]


async def answer(browser: Browser, origin: str, notice: str, said: dict[str, str]) -> None:
    body: dict[str, Any] = {"notice": notice, "method": "save"}
    body["answers"] = [{"purpose": purpose, "answer": word} for purpose, word in said.items()]
    reply = await browser.http.post("/v1/answers", json=body, headers={"Origin": origin, **idempotent()})
    assert reply.status_code == 201, reply.text


ALL = ("remember", "personalize", "offers", "model.contribute", "measure", "advertise", "share")


@pytest.mark.parametrize("signed_in", [False, True])
async def test_one_answer_where_the_notice_is_one(opened: Opened, signed_in: bool) -> None:
    """Said in one shop it holds in the other, which does not ask; the club knows nothing of it, and asks."""
    browser = await visitor(opened, f"S-{next(_numbers)}" if signed_in else None)
    assert (await state(browser, PAPER))[1] and (await state(browser, CLUB))[1]
    await answer(browser, TEA, "shop@1", dict.fromkeys(ALL, "given"))
    for origin in (TEA, PAPER):
        assert await state(browser, origin) == ({"order", *ALL}, False)
    assert await state(browser, CLUB) == ({"order"}, True)


@pytest.mark.parametrize("word", ["given", "refused"])
@pytest.mark.parametrize("signed_in", [False, True])
async def test_each_its_own_where_they_are_not(opened: Opened, word: str, signed_in: bool) -> None:
    """The club's answer opens and closes nothing in the shops, neither asks for the other's, and both keep theirs."""
    browser = await visitor(opened, f"S-{next(_numbers)}" if signed_in else None)
    await answer(browser, CLUB, "club@1", {"club": word})
    mine = {"club"} if word == "given" else set()
    assert await state(browser, CLUB) == ({"order", *mine}, False)
    assert await state(browser, TEA) == ({"order", "measure"}, True)
    await answer(browser, TEA, "shop@1", dict.fromkeys(ALL, "refused"))
    assert await state(browser, TEA) == ({"order"}, False)
    assert await state(browser, CLUB) == ({"order", *mine}, False)
    await answer(browser, CLUB, "club@1", {"club": "refused"})
    assert await state(browser, TEA) == ({"order"}, False)


async def test_the_choice_of_one_domain_keeps_both(opened: Opened) -> None:
    """An answer in the club takes nothing away that tags of the shop's pages may know."""
    browser = await visitor(opened)
    await answer(browser, TEA, "shop@1", {"advertise": "given"})
    before = browser.cookies["ecrm_choice"].rpartition(".")[2]
    await answer(browser, CLUB, "club@1", {"club": "refused"})
    after = browser.cookies["ecrm_choice"].rpartition(".")[2]
    assert after.startswith(before[:3]) and "advertise" in (await state(browser, TEA))[0]


async def test_tags_of_a_page_hear_of_its_own_shop_alone(opened: Opened) -> None:
    """An ordinary script brings no origin along: where nothing names the shop, nobody is looked up."""
    browser = await visitor(opened)
    del browser.http.headers["Origin"]
    await answer(browser, TEA, "shop@1", {"advertise": "given", "personalize": "given"})
    await answer(browser, CLUB, "club@1", {"club": "given"})

    async def told(query: str, **headers: str) -> tuple[set[str], bool]:
        code = (await browser.http.get(f"/signals.js{query}", headers=headers)).text
        state = json.loads(code.rpartition(")(")[2].rstrip().removesuffix(");"))
        granted = {name for name, word in state["google"].items() if word == "granted"}
        return granted & {"ad_storage", "personalization_storage"}, state["ready"]

    assert await told("?site=paper") == ({"ad_storage", "personalization_storage"}, True)
    assert await told("?site=club") == (set(), True)
    for headers in ({}, {"Sec-Fetch-Site": "same-site"}):
        assert await told("", **headers) == (set(), False)
    assert (await told("", **{"Sec-Fetch-Site": "same-origin"}))[1], "a page of the service's own"
