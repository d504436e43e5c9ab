"""The preferences page with scripts off: every answer and every right is a button of a plain form."""

from html import unescape

import pytest

from ecrm_privacy.consent.desk import hash_token
from ecrm_privacy.ledger.receipt import verify_receipt
from tests.houses import CHOICE, SESSION, Opened, everything, name_of
from tests.integration.consent.forms import buttons, press
from tests.unit.policy.policies import SHIPPED

pytestmark = pytest.mark.anyio

CHOOSABLE = [name for name, purpose in SHIPPED.purposes.items() if not purpose.required]


async def test_every_permission_has_its_button(opened: Opened) -> None:
    """Each purpose, channel and recipient that takes an answer, each once, and none that is required."""
    page = await opened.browser().http.get("/preferences")
    offered = [button.name for button in buttons(page) if button.name.startswith("answer.")]
    own = []
    for name in CHOOSABLE:
        purpose = SHIPPED.purposes[name]
        own.append(f"answer.{name}")
        own += [f"answer.{name}/{channel}" for channel in purpose.channels if channel in purpose.own_yes]
        own += [f"answer.{name}//{recipient}" for recipient in purpose.recipients if recipient in purpose.own_yes]
    assert sorted(offered) == sorted(own)


@pytest.mark.parametrize("locale", ["en", "ar"])
async def test_every_purpose_says_what_it_is(locale: str, opened: Opened) -> None:
    """In plain words: what is done, what one gains, with which data, who receives it, and how long it is kept."""
    browser = opened.browser(**{"Accept-Language": locale})
    text = unescape((await browser.http.get("/preferences")).text)
    purposes = (await browser.http.get("/v1/notice")).json()["purposes"]
    assert len(purposes) > len(CHOOSABLE)
    for each in purposes:
        section = text.partition(f'id="purpose-{each["purpose"]}"')[2].partition("</section>")[0]
        names = [one["name"] for kind in ("categories", "recipients", "channels") for one in each[kind]]
        for words in (each["name"], each["text"], each["benefit"], each["retention"], *names):
            assert words and words in section, (each["purpose"], words)


async def test_no_then_yes_then_no_again(opened: Opened) -> None:
    """Each press is one answer, and the page that comes back says how it stands."""
    browser = opened.browser()
    page = await press(browser, await browser.http.get("/preferences"), "method", "refuse_all")
    assert page.status_code == 200 and set(browser.cookies) == {CHOICE}
    assert await browser.allowed() == {"order"}
    page = await press(browser, page, "answer.remember", "given")
    assert SESSION in browser.cookies and await browser.allowed() == {"order", "remember"}
    page = await press(browser, page, "answer.offers", "given")
    page = await press(browser, page, "answer.offers/post", "given")
    assert await browser.allowed() == {"order", "remember", "offers", "offers/post"}
    page = await press(browser, page, "answer.remember", "withdrawn")
    assert await browser.allowed() == {"order", "offers", "offers/post"}
    assert "/receipts/" in page.text


async def test_a_switch_that_is_off_never_takes_a_yes_back(opened: Opened, number: str) -> None:
    """Where this browser closed what the account allows, its switch opens it here, and another button ends the yes."""
    elsewhere, browser = opened.browser(), opened.browser()
    await elsewhere.sign_in(number)
    await elsewhere.answer({"remember": "given"})
    await browser.answer({"remember": "refused"})
    await browser.sign_in(number)
    page = await browser.http.get("/preferences")
    assert "remember" not in await browser.allowed()
    values = sorted(button.value for button in buttons(page) if button.name == "answer.remember")
    assert values == ["given", "withdrawn"]
    page = await press(browser, page, "answer.remember", "given")
    assert "remember" in await browser.allowed()
    assert "remember" in await elsewhere.allowed()


async def test_accept_all_is_one_press(opened: Opened) -> None:
    """It opens every purpose, and neither a recipient nor a channel that needs its own yes."""
    browser = opened.browser()
    await press(browser, await browser.http.get("/preferences"), "method", "accept_all")
    assert await browser.allowed() == {"order", "advertise//ad-network", *CHOOSABLE}


async def test_undo_takes_one_answer_back(opened: Opened) -> None:
    """The way back is as short as the way there."""
    browser = opened.browser()
    page = await press(browser, await browser.http.get("/preferences"), "answer.remember", "given")
    page = await press(browser, page, "method", "undo")
    assert "remember" not in await browser.allowed()
    await press(browser, page, "method", "undo")
    assert "remember" in await browser.allowed()


@pytest.mark.parametrize("all_of_them", ["refuse_all", "accept_all"])
async def test_undo_takes_all_answers_back(all_of_them: str, opened: Opened) -> None:
    """After yes or no to all, too: what it changed stands as before, and what it did not change is not touched."""
    browser = opened.browser()
    page = await browser.http.get("/preferences")
    for name in ("answer.remember", "answer.offers", "answer.offers/post"):
        page = await press(browser, page, name, "given")
    before = await browser.allowed()
    assert before == {"order", "measure", "remember", "offers", "offers/post"}
    page = await press(browser, page, "method", all_of_them)
    assert await browser.allowed() != before
    await press(browser, page, "method", "undo")
    assert await browser.allowed() == before


async def test_each_receipt_of_ones_own_can_be_read_and_kept(opened: Opened) -> None:
    """The list leads to each, though only the person kept its name; what is saved is sound, and nobody else gets it."""
    browser = opened.browser()
    reply = await browser.answer({"remember": "given"})
    named = (await browser.http.get(f"/v1/receipts/{reply.json()['receipt_id']}")).json()
    address = f"/preferences/receipts/{reply.json()['leaf_index']}"
    assert f'href="{address}"' in (await browser.http.get("/preferences")).text
    page = await browser.http.get(address)
    assert page.status_code == 200 and f'href="{address}.tlog-proof"' in page.text
    kept = (await browser.http.get(f"{address}.tlog-proof")).text
    assert verify_receipt(kept, opened.house.log_key).payload.decode() == named["payload"]
    for guess in (f"{address}.tlog-proof", address, "/preferences/receipts/9999999", "/preferences/receipts/x"):
        assert (await opened.browser().http.get(guess)).status_code == 404, guess
    assert (await browser.http.get("/preferences/receipts/" + "9" * 30)).status_code == 404


async def test_a_page_of_the_site_may_frame_it(opened: Opened) -> None:
    """Framed it has neither head nor foot, answers in the frame, keeps language and frame, and leads out of it."""
    plain = await opened.browser().http.get("/preferences?locale=de")
    assert "frame-ancestors 'none'" in plain.headers["content-security-policy"] and "<footer" in plain.text
    browser = opened.browser()
    page = await browser.http.get("/preferences?embedded=1&locale=de")
    for answer in ("given", "withdrawn"):
        assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
        assert '<html lang="de"' in page.text and "<footer" not in page.text and '<base target="_top">' in page.text
        answering = {button.action for button in buttons(page) if button.name.startswith("answer.")}
        assert answering == {"/preferences?embedded=1&locale=de"}
        page = await press(browser, page, "answer.remember", answer)
    assert "remember" not in await browser.allowed()


async def test_the_day_of_the_answer_is_said(opened: Opened) -> None:
    """Beside the rights stand the last day on which an answer may come, and where to write to."""
    browser = opened.browser()
    await browser.answer({"remember": "given"})
    page = (await browser.http.get("/preferences")).text
    async with opened.as_admin() as admin:
        last = await admin.fetchval("select (current_date + interval '1 month')::date")
    assert f"You have our answer by {last.day} {last:%B %Y}." in page
    assert f'href="mailto:{SHIPPED.sites["demo"].controller.contact}"' in page


async def test_a_press_that_is_repeated_is_one_answer(opened: Opened) -> None:
    """Reloading the page that a press brought sends the same form again."""
    browser = opened.browser()
    page = await browser.http.get("/preferences")
    await press(browser, page, "answer.remember", "given")
    async with opened.as_admin() as admin:
        size = await admin.fetchval("select tree_size from ecrm.ledger_head")
        await press(browser, page, "answer.remember", "given")
        assert await admin.fetchval("select tree_size from ecrm.ledger_head") == size
        await press(browser, page, "answer.personalize", "given")
        assert await admin.fetchval("select tree_size from ecrm.ledger_head") == size + 1


async def test_a_form_of_a_shops_page_leads_back_there_and_nowhere_else(opened: Opened) -> None:
    """`return_to` stays on this site."""
    for wish, way in (
        ("/tea?page=2", "/tea?page=2"),
        ("//evil.example", "/preferences"),
        ("https://e.example", "/preferences"),
    ):
        browser = opened.browser()
        sent = {
            "notice": "shop@1",
            "method": "refuse_all",
            "return_to": wish,
            "idempotency_key": "k" * 20 + str(len(wish)),
        }
        reply = await browser.http.post("/v1/answers", data=sent)
        assert (reply.status_code, reply.headers["location"]) == (303, way)
        assert CHOICE in browser.cookies


async def test_a_copy_of_everything_and_then_an_end(opened: Opened, number: str) -> None:
    """Both rights are buttons; after the second one nothing is left but the request, whose name was shown."""
    browser = opened.browser()
    await browser.sign_in(number)
    page = await press(browser, await browser.http.get("/preferences"), "answer.remember", "given")
    reply = await press(browser, page, "right", "access")
    assert reply.status_code == 303
    copy = await browser.http.get(reply.headers["location"])
    assert copy.status_code == 200 and "remember" in copy.text
    gone = await press(browser, page, "right", "erasure")
    assert gone.status_code == 200 and browser.cookies == {}
    await opened.settle()
    assert (await browser.http.get(reply.headers["location"])).status_code == 404
    link = gone.text.partition('href="/requests/')[2].partition('"')[0]
    assert (await browser.http.get(f"/requests/{link}")).status_code == 200


async def test_forgetting_this_browser_is_a_button(opened: Opened) -> None:
    """No cookie is left, and no row of the subject that only it could reach."""
    browser = opened.browser()
    page = await press(browser, await browser.http.get("/preferences"), "answer.remember", "given")
    forget = next(button for button in buttons(page) if button.action == "/preferences/forget")
    async with opened.as_admin() as admin:
        cookie = hash_token(browser.cookies[SESSION])
        subject = await admin.fetchval("select browser from ecrm.session where token_hash = $1", cookie)
        assert (await press(browser, page, forget.name, forget.value)).status_code == 200
        await opened.settle()
        assert str(subject) not in str(await everything(admin))
    assert browser.cookies == {}
    assert await browser.allowed() == {"order", "measure"}


async def test_a_yes_under_a_closed_purpose_says_what_it_waits_for(opened: Opened) -> None:
    """The switch stays off, with the reason and a way back beside it; a yes to the purpose lets it count."""
    browser = opened.browser()
    await browser.answer({"offers": "refused"})
    page = await press(browser, await browser.http.get("/preferences"), "answer.offers/post", "given")
    words = "You said yes to this. It counts once you say yes above as well."
    assert page.text.count(words) == 1 and "offers/post" not in await browser.allowed()
    rows = (await browser.http.get("/v1/permissions")).json()["permissions"]
    assert [name_of(row) for row in rows if row.get("waits")] == ["offers/post"]
    page = await press(browser, page, "answer.offers/post", "withdrawn")
    assert words not in page.text
    page = await press(browser, page, "answer.offers/post", "given")
    page = await press(browser, page, "answer.offers", "given")
    assert words not in page.text and "offers/post" in await browser.allowed()
