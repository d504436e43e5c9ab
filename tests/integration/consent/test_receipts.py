"""Receipts are capabilities: the name is all one needs, and nothing else leads to one."""

import base64
import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode

import pytest

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.receipt import verify_receipt
from tests.houses import Opened, everything

pytestmark = pytest.mark.anyio


async def test_who_knows_the_name_reads_it(opened: Opened, number: str) -> None:
    """Anybody, without a cookie, and also the receipt of a refusal, which belongs to nobody."""
    browser = opened.browser()
    refusal = (await browser.answer({"remember": "refused"})).json()["receipt_id"]
    yes = (await browser.answer({"remember": "given"})).json()["receipt_id"]
    await browser.sign_in(number)
    for receipt_id, status in ((refusal, "ConsentRefused"), (yes, "ConsentGiven")):
        reply = await opened.browser().http.get(f"/v1/receipts/{receipt_id}")
        assert reply.status_code == 200 and status in reply.json()["payload"]
        assert reply.headers["cache-control"] == "private, no-store"
        assert number not in reply.text


async def test_nobody_else_finds_it(opened: Opened) -> None:
    """Another name, a shortened one, one in another spelling, and what the database keeps of it: all are unknown."""
    receipt_id = (await opened.browser().answer({"remember": "given"})).json()["receipt_id"]
    raw = base64.urlsafe_b64decode(receipt_id + "=")
    guesses = [
        urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="),
        receipt_id[:-1], receipt_id + "A", receipt_id + "=", raw.hex(), receipt_id.swapcase(),
        urlsafe_b64encode(hashlib.sha256(raw).digest()).decode().rstrip("="), "check", "x", "é" * 43, "-" * 43,
    ]  # fmt: skip
    for guess in guesses:
        reply = await opened.browser().http.get(f"/v1/receipts/{guess}")
        assert reply.status_code == 404 and receipt_id not in reply.text, guess
    async with opened.as_admin() as admin:
        dump = str(await everything(admin))
    assert receipt_id not in dump and raw.hex() not in dump


async def test_the_commitment_can_be_checked_by_hand(opened: Opened) -> None:
    """`c` of the leaf is the HMAC of the payload under `open`, as anyone can compute who holds the receipt."""
    receipt_id = (await opened.browser().answer({"remember": "given", "offers": "refused"})).json()["receipt_id"]
    browser = opened.browser()
    text = (await browser.http.get(f"/v1/receipts/{receipt_id}", headers={"accept": "text/plain"})).text
    reply = (await browser.http.get(f"/v1/receipts/{receipt_id}")).json()
    extra = next(line for line in text.splitlines() if line.startswith("extra ")).removeprefix("extra ")
    held = json.loads(base64.b64decode(extra))
    leaf = json.loads(base64.b64decode(held["leaf"]))
    opening = base64.b64decode(held["open"])
    made = hmac.digest(opening, held["payload"].encode(), "sha256")
    assert list(leaf) == ["v", "t", "c"] and (leaf["v"], leaf["t"]) == (1, "subject")
    assert base64.b64decode(leaf["c"]) == made and held["payload"] == reply["payload"]


async def test_it_is_proven_without_us_and_an_altered_one_is_not(opened: Opened) -> None:
    """Against the log's public key alone; one changed word, or another log's key, and it is none."""
    browser = opened.browser()
    receipt_id = (await browser.answer({"remember": "given"})).json()["receipt_id"]
    text = (await browser.http.get(f"/receipts/{receipt_id}.tlog-proof")).text
    vkey = (await browser.http.get("/ledger/key")).text.strip()
    assert b"remember" in verify_receipt(text, vkey).payload
    head, _, rest = text.partition("extra ")
    extra, _, tail = rest.partition("\n")
    other = base64.b64encode(base64.b64decode(extra).replace(b"ConsentGiven", b"ConsentTaken")).decode()
    with pytest.raises(Tampered):
        verify_receipt(f"{head}extra {other}\n{tail}", vkey)


async def test_my_receipts_are_mine(opened: Opened, number: str) -> None:
    """A list by session: newest first, without names, and nothing of anybody else's."""
    one, other = opened.browser(), opened.browser()
    await one.answer({"remember": "given"})
    await one.answer({"remember": "withdrawn"})
    await other.answer({"offers": "given"})
    mine = (await one.http.get("/v1/receipts")).json()["receipts"]
    assert [act["changes"][0]["status"] for act in mine] == ["withdrawn", "given"]
    assert not [act for act in mine if act["changes"][0]["purpose"] == "offers"]
    await one.sign_in(number)
    assert len((await one.http.get("/v1/receipts")).json()["receipts"]) >= 3


async def test_what_was_shown_stands_in_it(opened: Opened) -> None:
    """Site, notice, language, jurisdiction, purposes with ground and categories: what ISO/IEC TS 27560 asks for."""
    browser = opened.browser(**{"accept-language": "de"})
    receipt_id = (await browser.answer({"offers": "given", "offers/post": "given"})).json()["receipt_id"]
    reply = (await browser.http.get(f"/v1/receipts/{receipt_id}")).json()
    assert (reply["site"], reply["notice"], reply["locale"], reply["jurisdiction"]) == ("demo", "shop@1", "de", "eu")
    assert len(reply["notice_hash"]) == 64
    assert [(change["purpose"], change.get("channel", "")) for change in reply["changes"]] == [
        ("offers", ""),
        ("offers", "post"),
    ]
    (processing,) = reply["processing"]
    assert processing["basis"] == "consent" and set(processing["categories"]) == {"contact", "purchases"}
