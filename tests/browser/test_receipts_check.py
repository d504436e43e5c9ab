"""The page that checks receipts refuses what the service refuses, for the same reason; kept, it needs nobody."""

from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.receipt import verify_receipt
from tests.browser.test_pages import AXE, NARROW, RULES
from tests.browser.visitor import PHONE, Visit
from tests.unit.ledger.receipts import GOOD, LOG, STRANGER, receipt_of
from tests.unit.ledger.refused import ACCEPTED, REFUSED, beside, other_proofs, other_records, reason_of, served

SENTENCES = {
    "form": "not a receipt in the one form",
    "signature": "The log did not sign this",
    "inclusion": "not in the log at the place",
    "commitment": "not the one that the entry in the log stands for",
    "record": "no record of an answer",
}
CHECK = """async ([receipts, key]) => {
  const { check } = await import("/static/receipts_check.js");
  const bytes = (base64) => Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
  const outcomes = [];
  for (const each of receipts) outcomes.push(await check(bytes(each), key).then(() => "good", (why) => why.message));
  return outcomes;
}"""

FLIP = """async ([receipt, key]) => {
  const { check } = await import("/static/receipts_check.js");
  const whole = new TextEncoder().encode(receipt);
  const outcomes = [];
  for (let bit = 0; bit < 8 * whole.length; bit++) {
    whole[bit >> 3] ^= 1 << (bit & 7);
    outcomes.push(await check(whole, key).then(() => "good", (why) => why.message));
    whole[bit >> 3] ^= 1 << (bit & 7);
  }
  return outcomes;
}"""


@pytest.fixture
def page(visit: Visit) -> Page:
    """The page, open."""
    opened = visit().page
    opened.goto("/receipts/check")
    return opened


def by_the_page(page: Page, receipts: Iterable[bytes], vkey: str = LOG.vkey()) -> list[str]:
    found: list[str] = page.evaluate(CHECK, [[b64encode(each).decode() for each in receipts], vkey])
    return found


def by_the_service(given: bytes) -> str:
    try:
        verify_receipt(given, LOG.vkey())
    except Tampered as refused:
        return reason_of(refused)
    return "good"


def test_both_refuse_the_same_for_the_same_reason(page: Page) -> None:
    """Each receipt of the shared table is refused by the page for the reason for which the service refuses it."""
    found = dict(zip(REFUSED, by_the_page(page, (row.given for row in REFUSED.values())), strict=True))
    assert found == {name: row.reason for name, row in REFUSED.items()}


def test_both_take_the_same(page: Page) -> None:
    """Each good receipt of the shared table is taken by the page: cosigned ones, JSON, every kind of record."""
    found = dict(zip(ACCEPTED, by_the_page(page, ACCEPTED.values()), strict=True))
    assert found == dict.fromkeys(ACCEPTED, "good")


def test_every_other_proof_is_refused(page: Page) -> None:
    """Whichever bit of a hash is flipped, whichever hash is dropped, doubled, added or moved: it leads elsewhere."""
    assert set(by_the_page(page, other_proofs())) == {"inclusion"}


def test_every_altered_bit_is_refused_alike(page: Page) -> None:
    """Whichever single bit of the file is flipped, page and service refuse it for the same reason."""
    found: list[str] = page.evaluate(FLIP, [GOOD, LOG.vkey()])
    whole = bytearray(GOOD.encode())
    assert (len(found), "good" in found) == (8 * len(whole), False)
    for bit, reason in enumerate(found):
        whole[bit >> 3] ^= 1 << (bit & 7)
        assert (bit, reason) == (bit, by_the_service(bytes(whole)))
        whole[bit >> 3] ^= 1 << (bit & 7)


def test_records_are_read_alike(page: Page) -> None:
    """Of two thousand payloads near a good one, committed and signed, the page takes exactly those of the service."""
    given = [receipt_of(text).encode() for text in other_records()]
    expected = [by_the_service(each) for each in given]
    assert {"good", "record"} == set(expected)
    found = by_the_page(page, given)
    differ = [text for text, one, other in zip(other_records(), found, expected, strict=True) if one != other]
    assert differ == []


def test_a_key_is_read_strictly(page: Page) -> None:
    """A key that is not canonical, of another type, or does not match its own id, is no key; another one signs not."""
    name, key_id, base64 = LOG.vkey().split("+", 2)
    for damaged in (
        "", name, f"{name}+{key_id}", f"{name}+{key_id.upper()}X+{base64}", f"+{key_id}+{base64}",
        f"{name}+00000000+{base64}", f"{name}+{key_id}+{base64}=", f"{name}+{key_id}+B{base64[1:]}",
        f"x{LOG.vkey()}", f"{name} +{key_id}+{base64}", f"{name}+{key_id}+{base64}\n",
    ):  # fmt: skip
        assert by_the_page(page, [GOOD.encode()], damaged) == ["key"]
        with pytest.raises(Tampered, match=r"verifier key|key name"):
            verify_receipt(GOOD, damaged)
    assert by_the_page(page, [GOOD.encode()], STRANGER.vkey()) == ["signature"]


@pytest.mark.parametrize("reason", SENTENCES)
def test_each_reason_has_its_own_sentence(page: Page, reason: str, tmp_path: Path) -> None:
    """A bad file is named in a plain sentence, and nothing of what it says is shown."""
    given = next(row.given for row in REFUSED.values() if row.reason == reason and b"tlog-proof" in row.given)
    shown = choose(page, given, tmp_path, LOG.vkey())
    expect(shown).to_contain_text("The receipt is not sound.")
    assert [name for name, words in SENTENCES.items() if words in shown.inner_text()] == [reason]
    assert "Paper & Tea" not in shown.inner_text()


def test_what_stands_beside_payload_and_proof_is_not_shown(page: Page, tmp_path: Path) -> None:
    """Whatever is altered in the JSON of a receipt besides its payload and proof, the page shows the same."""
    pages = {choose(page, given, tmp_path, LOG.vkey()).inner_html() for given in beside()}
    assert len(pages) == 1
    assert "The receipt is sound." in pages.pop()


def test_whose_key_it_was_is_said(page: Page, tmp_path: Path) -> None:
    """With a key of one's own the check rests on nobody else; with the page's own, the page says that it is trusted."""
    shown = choose(page, GOOD.encode(), tmp_path, LOG.vkey())
    expect(shown).to_contain_text("that you put in")
    expect(shown).to_contain_text("Paper & Tea")
    shown = choose(page, GOOD.encode(), tmp_path, "")
    expect(shown).to_contain_text("The log did not sign this with the key that you check with.")
    ours = page.locator("#result").get_attribute("data-key")
    assert ours and ours in page.locator("#trust").inner_text()


def test_a_verdict_goes_with_what_it_is_about(page: Page, tmp_path: Path) -> None:
    """As soon as key or text are changed the verdict is gone; nothing to check and a bad key are said."""
    shown = choose(page, GOOD.encode(), tmp_path, LOG.vkey())
    page.get_by_label("The log's key").fill("no key")
    expect(shown).to_be_empty()
    page.get_by_role("button", name="Check").click()
    expect(shown).to_contain_text("is no key of a log")
    page.get_by_label("or paste its text").fill(GOOD)
    page.get_by_label("The log's key").fill(LOG.vkey())
    page.get_by_role("button", name="Check").click()
    expect(shown).to_contain_text("The receipt is sound.")
    page.get_by_label("or paste its text").fill("")
    page.get_by_role("button", name="Check").click()
    expect(shown).to_contain_text("Choose the receipt's file first")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_verdicts_can_be_read(visit: Visit, tmp_path: Path, scheme: str) -> None:
    """Sound or not, small and dark too, axe finds nothing, and nothing has to be scrolled sideways."""
    page = visit(viewport=NARROW, color_scheme=scheme).page
    page.goto("/receipts/check")
    page.evaluate(AXE)
    for given in (GOOD.encode(), REFUSED["another place"].given):
        choose(page, given, tmp_path, LOG.vkey())
        found = page.evaluate(f"async () => (await axe.run(document, {RULES})).violations")
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_a_file_can_be_dropped(page: Page) -> None:
    """A file dropped anywhere on the page is checked at once."""
    page.get_by_label("The log's key").fill(LOG.vkey())
    page.evaluate(
        """(text) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], "receipt.tlog-proof"));
          document.body.dispatchEvent(new DragEvent("dragover", { dataTransfer, bubbles: true, cancelable: true }));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        GOOD,
    )
    expect(page.locator("#result")).to_contain_text("The receipt is sound.")


def test_it_works_by_keyboard(page: Page) -> None:
    """From the top of the page, Tab alone leads to file, text, key, button and the page to keep."""
    met = []
    for _ in range(12):
        page.keyboard.press("Tab")
        met.append(page.evaluate("document.activeElement.name || document.activeElement.textContent.trim()"))
    wanted = ["file", "text", "key", "Check", "Keep this page"]
    assert [each for each in met if each in wanted] == wanted
    page.get_by_label("or paste its text").focus()
    page.keyboard.insert_text(served().decode())
    page.keyboard.press("Tab")
    page.keyboard.insert_text(LOG.vkey())
    page.keyboard.press("Enter")
    expect(page.locator("#result")).to_contain_text("The receipt is sound.")


def test_without_scripts_it_says_what_to_do(visit: Visit) -> None:
    """Without scripts there is no form, but the command that checks the same."""
    page = visit(scripts=False).page
    page.goto("/receipts/check")
    expect(page.locator("form")).to_be_hidden()
    said = page.get_by_text("ecrm ledger verify --receipt FILE --key ")
    expect(said).to_be_visible()
    expect(page.get_by_text("Checking here needs scripts")).to_be_visible()


@pytest.mark.parametrize("lack", ["Ed25519", "WebCrypto"])
def test_without_the_means_it_says_so(visit: Visit, lack: str) -> None:
    """A browser that cannot check the signature says so, before and after one tries."""
    visitor = visit()
    visitor.page.add_init_script(
        """crypto.subtle.importKey = (form, key, algorithm) =>
             Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"));"""
        if lack == "Ed25519"
        else """Object.defineProperty(Crypto.prototype, "subtle", { get: () => undefined });"""
    )
    visitor.page.goto("/receipts/check")
    shown = visitor.page.locator("#result")
    expect(shown).to_contain_text("This browser cannot check signatures of this kind")
    visitor.page.get_by_label("The log's key").fill(LOG.vkey())
    visitor.page.get_by_label("or paste its text").fill(GOOD)
    visitor.page.get_by_role("button", name="Check").click()
    expect(shown).to_contain_text("ecrm ledger verify")
    expect(shown).not_to_contain_text("sound")


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
def test_the_page_can_be_kept(visit: Visit, tmp_path: Path, locale: str) -> None:
    """The saved file checks receipts from the disk, offline, asking nobody, in the language it was saved in."""
    visitor = visit(locale=locale, viewport=PHONE)
    visitor.page.goto("/receipts/check")
    with visitor.page.expect_download() as saved:
        visitor.page.locator(".keep a").click()
    assert saved.value.suggested_filename == "check-a-receipt.html"
    kept = tmp_path / "kept.html"
    saved.value.save_as(kept)

    visitor.context.set_offline(True)
    asked: list[str] = []
    page = visitor.context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(kept.as_uri())
    sound, unsound = ("is sound", "not sound") if locale == "en-GB" else ("ist in Ordnung", "nicht in Ordnung")
    expect(choose(page, GOOD.encode(), tmp_path, LOG.vkey())).to_contain_text(sound)
    expect(choose(page, REFUSED["another place"].given, tmp_path, LOG.vkey())).to_contain_text(unsound)
    assert asked == [kept.as_uri()]
    assert refused == []
    assert page.evaluate("fetch('data:,x').then(() => 'reached', () => 'refused')") == "refused"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def choose(page: Page, given: bytes, folder: Path, vkey: str) -> Any:
    """Choose a file on the page, check it, and return the place of the verdict."""
    file = folder / "given"
    file.write_bytes(given)
    page.locator("[name=key]").fill(vkey)
    page.locator("input[type=file]").set_input_files(file)
    page.locator("#check button").click()
    shown = page.locator("#result")
    expect(shown.locator(".verdict")).to_be_visible()
    return shown
