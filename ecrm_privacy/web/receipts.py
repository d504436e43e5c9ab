"""Receipts: one to read or to keep, and the page that checks one in the browser, served or as one file to save.

The check asks no server. The file to save is made of the same script and sheets as the page, so that there is nothing
that could differ; its own policy names them by their hashes and lets it reach nobody.
"""

from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from typing import Any

import msgspec
from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ecrm_privacy.consent.desk import ConsentDesk, Where
from ecrm_privacy.consent.receipts import Receipts
from ecrm_privacy.errors import NotKnown
from ecrm_privacy.gate.types import Caller
from ecrm_privacy.web import letter
from ecrm_privacy.web.answers import receipt_bytes
from ecrm_privacy.web.hallway import Hallway
from ecrm_privacy.web.pages import STATIC, Pages
from ecrm_privacy.web.texts import texts

SHEETS = ("ecrm.css", "preferences.css", "receipts_check.css")
SCRIPT = "receipts_check.js"
FILE_NAME = "check-a-receipt.html"
LEAF_INDEX_DIGITS_MOST = 18
_SPOKEN = ("answer_", "method_")


@get("/receipts/{name:str}")
async def receipt_page(
    name: FromPath[str],
    receipts: NamedDependency[Receipts],
    hallway: NamedDependency[Hallway],
    pages: NamedDependency[Pages],
    where: NamedDependency[Where],
) -> Response[str]:
    """One receipt to read, or, as `….tlog-proof`, to keep."""
    receipt_id = name.removesuffix(letter.PROOF)
    found = await receipts.of(receipt_bytes(receipt_id))
    if name != receipt_id:
        return Response(found.proof, media_type=MediaType.TEXT)
    t = texts(where.locale)
    words = letter.receipt(
        found, f"/receipts/{receipt_id}", hallway.bundle, where.locale, t, f"/v1/receipts/{receipt_id}"
    )
    return pages.page("receipt.html", t=t, locale=where.locale, receipt=words)


@get("/preferences/receipts/{name:str}")
async def own_receipt_page(
    name: FromPath[str],
    desk: NamedDependency[ConsentDesk],
    receipts: NamedDependency[Receipts],
    pages: NamedDependency[Pages],
    caller: NamedDependency[Caller],
    where: NamedDependency[Where],
) -> Response[str]:
    """The receipt of one of my own answers, by its entry: whoever was handed its name has it, and nobody else."""
    number = name.removesuffix(letter.PROOF)
    if not (number.isascii() and number.isdigit() and len(number) <= LEAF_INDEX_DIGITS_MOST):
        raise NotKnown
    standing = await desk.standing(caller)
    found = await receipts.own(standing, int(number))
    if name != number:
        return Response(found.proof, media_type=MediaType.TEXT)
    t = texts(where.locale)
    words = letter.receipt(found, f"/preferences/receipts/{number}", standing.bundle, where.locale, t)
    return pages.page("receipt.html", t=t, locale=where.locale, receipt=words)


@get("/receipts/check")
async def check_page(
    pages: NamedDependency[Pages], where: NamedDependency[Where], log_key: NamedDependency[str]
) -> Response[str]:
    """Checks a receipt in the browser."""
    t = texts(where.locale)
    return pages.page("receipts_check.html", **check_context(t, where.locale, log_key), key_text=t["check_vkey_ours"])


@get("/receipts/check.html")
async def check_file(
    pages: NamedDependency[Pages], where: NamedDependency[Where], log_key: NamedDependency[str]
) -> Response[str]:
    """The same as one file to save, which needs neither us nor a connection."""
    text = saved_check(pages, where.locale, log_key)
    held = {"Content-Disposition": f'attachment; filename="{FILE_NAME}"'}
    return Response(text, media_type=MediaType.HTML, headers=held)


def check_context(t: Mapping[str, str], locale: str, vkey: str) -> dict[str, Any]:
    """Return what both forms of the check are filled with; `words` is what its script says, as JSON."""
    words = {key.removeprefix("check_"): text for key, text in t.items() if key.startswith(("check_", *_SPOKEN))}
    return {"t": t, "locale": locale, "vkey": vkey, "words": msgspec.json.encode(words).decode()}


def saved_check(pages: Pages, locale: str, vkey: str) -> str:
    """Return the check as one HTML file that refers to nothing outside itself."""
    t = texts(locale)
    style, script = _inlined()
    policy = (
        f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; base-uri 'none'; "
        "form-action 'none'"
    )
    context = check_context(t, locale, vkey) | {"policy": policy, "style": style, "script": script}
    return pages.text("receipts_check_saved.html", **context, key_text=t["check_vkey_kept"])


@cache
def _inlined() -> tuple[str, str]:
    style = "".join((STATIC / name).read_text("utf-8") for name in SHEETS)
    script = (STATIC / SCRIPT).read_text("utf-8")
    assert not any(end in (style + script).lower() for end in ("</", "<!--")), "it would end its own element"
    return style, script


def _source(text: str) -> str:
    """Return the CSP source that allows exactly this text (CSP 3, 2.3.1)."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
