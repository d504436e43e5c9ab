"""What tags of a page are told: the script that a page puts first, and the string for IAB GPP."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tests.conftest import Cluster
from tests.houses import ORIGIN, Opened, house_of_its_own, idempotent

pytestmark = pytest.mark.anyio

CALIFORNIA = {"X-Region": "us-ca"}
TC_STRING = "CQuFeUAQuFeUAAAAAAENAAFgAKAAAAAAAAYgAEkiAAAAAAAA"


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "with a gate process"])
async def opened(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Opened]:
    """A house behind a proxy that says where a visitor is."""
    settings: dict[str, Any] = {"region_header": "x-region", "trusted_proxies": ("127.0.0.1/32",)}
    folder = tmp_path_factory.mktemp("house")
    async with house_of_its_own(cluster, folder, gate_process=request.param, **settings) as house:
        yield house


@pytest.fixture
def number() -> str:
    """A customer number that nobody has yet."""
    return f"C-{uuid4().hex[:8]}"


def state(code: str) -> dict[str, Any]:
    """What the script was handed."""
    handed: dict[str, Any] = msgspec.json.decode(code.rpartition(")(")[2].rstrip().removesuffix(");"))
    return handed


async def told(opened: Opened, *answers: dict[str, str], **headers: str) -> dict[str, Any]:
    """What the script tells after these answers."""
    browser = opened.browser(**{"X-Region": "de", **headers})
    for said in answers:
        assert (await browser.answer(said)).status_code == 201
    reply = await browser.http.get("/signals.js")
    assert reply.status_code == 200
    return state(reply.text)


async def test_it_is_for_one_visitor_and_for_pages_of_the_same_site(opened: Opened) -> None:
    """It is an ordinary script that nobody stores, and browsers give it to pages of the same site alone."""
    reply = await opened.browser(**CALIFORNIA).http.get("/signals.js")
    assert reply.headers["content-type"].startswith("text/javascript")
    assert reply.headers["cache-control"] == "private, no-store"
    assert reply.headers["cross-origin-resource-policy"] == "same-site"
    assert {"cookie", "sec-gpc", "x-region"} <= set(reply.headers["vary"].lower().split(", "))


async def test_the_default_is_what_was_said(opened: Opened) -> None:
    """Nobody's default is denied; a yes grants its types and no others; another ground than consent grants nothing."""
    nobody = (await told(opened))["google"]
    assert {name for name, word in nobody.items() if word == "granted"} == {"security_storage"}
    assert "wait_for_update" not in nobody
    known = (await told(opened, {"advertise": "given"}, {"personalize": "given"}))["google"]
    granted = {name for name, word in known.items() if word == "granted"}
    advertising = {"ad_storage", "ad_user_data", "ad_personalization"}
    assert granted == {*advertising, "personalization_storage", "security_storage"}
    taken_back = (await told(opened, {"advertise": "given"}, {"advertise": "withdrawn"}))["google"]
    assert taken_back["ad_storage"] == "denied"


async def test_a_page_of_another_site_is_told_of_nobody(opened: Opened) -> None:
    """Should cookies come along from elsewhere, they are not looked at: nothing is allowed and nothing is certain.

    Not even what the law of California allows to whoever said nothing: this may be somebody who said no.
    """
    for region in ({"X-Region": "de"}, CALIFORNIA):
        browser = opened.browser(**region)
        await browser.answer({"advertise": "given", "measure": "objected"})
        reply = await browser.http.get("/signals.js", headers={"Sec-Fetch-Site": "cross-site"})
        told = state(reply.text)
        assert (told["permissions"], told["ready"]) == ([], False)
        assert told["google"]["wait_for_update"] == 500
        assert {name for name, word in told["google"].items() if word == "granted"} == {"security_storage"}
        sections = told["gpp"]["parsedSections"].values()
        assert all(section["SaleOptOut"] == 1 for section in sections) and bool(sections) == (region is CALIFORNIA)


async def test_the_string_follows_region_answer_and_signal(opened: Opened) -> None:
    """California has its section, and elsewhere none applies; a yes to all is no opt-out, the signal is one."""
    assert (await told(opened))["gpp"]["gppString"] == "DBAA"
    assert (await told(opened, **CALIFORNIA))["gpp"]["gppString"] == "DBABBg~BUUAAACA.QA"
    yes = {"advertise": "given", "share": "given"}
    assert (await told(opened, yes, **CALIFORNIA))["gpp"]["parsedSections"]["usca"]["SaleOptOut"] == 2
    signalling = (await told(opened, yes, **CALIFORNIA, **{"Sec-GPC": "1"}))["gpp"]["parsedSections"]["usca"]
    assert (signalling["SaleOptOut"], signalling["Gpc"]) == (1, True)


async def test_replies_carry_the_string_where_a_section_applies(opened: Opened) -> None:
    """An answer and the permissions have what `__gpp` shall tell from then on; without a section they have nothing."""
    browser = opened.browser(**CALIFORNIA)
    taken = (await browser.answer({"advertise": "given"})).json()
    assert taken["gpp"]["parsedSections"]["usca"]["SharingOptOut"] == 2
    assert (await browser.http.get("/v1/permissions")).json()["gpp"] == taken["gpp"]
    assert "gpp" not in (await opened.browser(**{"X-Region": "de"}).http.get("/v1/permissions")).json()


async def test_a_tc_string_is_kept_with_the_answer_and_opens_nothing(opened: Opened) -> None:
    """It stands in the receipt as it was sent; what it claims changes no permission."""
    browser = opened.browser(**{"X-Region": "de"})
    body = {"notice": "shop@1", "method": "save", "answers": [{"purpose": "remember", "answer": "given"}]}
    plain = await browser.http.post("/v1/answers", json=body, headers=idempotent())
    other = opened.browser(**{"X-Region": "de"})
    reply = await other.http.post("/v1/answers", json=body | {"tc_string": TC_STRING}, headers=idempotent())
    assert reply.status_code == 201
    assert reply.json()["permissions"] == plain.json()["permissions"]
    receipt = (await other.http.get(reply.json()["receipt_url"].removeprefix(ORIGIN))).json()
    assert TC_STRING in receipt["evidence"]


@pytest.mark.parametrize("text", ["", "ada@example.com", TC_STRING[:-4] + "zzzz", 7])
async def test_what_is_no_tc_string_is_a_400(text: Any, opened: Opened) -> None:
    """It is refused as a whole, and what was sent is not repeated."""
    body = {"notice": "shop@1", "method": "save", "answers": [{"purpose": "remember", "answer": "given"}]}
    reply = await opened.browser().http.post("/v1/answers", json=body | {"tc_string": text}, headers=idempotent())
    assert (reply.status_code, reply.json()["type"]) == (400, "/problems/malformed")
    assert "tc_string" in reply.json()["detail"] and "ada@" not in reply.text


async def test_the_signal_of_a_known_person_is_told_without_it(opened: Opened, number: str) -> None:
    """It was sent once and stands: every device of theirs says so, in the script, in replies and in the question."""
    device, other = opened.browser(**CALIFORNIA, **{"Sec-GPC": "1"}), opened.browser(**CALIFORNIA)
    for browser in (device, other):
        assert (await browser.sign_in(number)).status_code == 201
    assert (await device.answer({"remember": "given"})).status_code == 201
    script = state((await other.http.get("/signals.js")).text)
    taken = (await other.answer({"remember": "given"})).json()
    asked = (await other.http.get("/v1/permissions")).json()
    assert [told["gpp"]["parsedSections"]["usca"]["Gpc"] for told in (script, taken, asked)] == [True] * 3
    stranger = opened.browser(**CALIFORNIA)
    forms = [(await browser.http.get("/banner/form")).text for browser in (device, other, stranger)]
    assert ["asks us not to sell" in form for form in forms] == [True, True, False]
