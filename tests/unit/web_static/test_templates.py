"""Our own pages render, escape, and hold nothing inline; their forms have the fields that the service reads."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import pytest

from ecrm_privacy.web import texts
from ecrm_privacy.words.catalogue import filled

WEB = Path(texts.__file__).parent
SHARP = "<b>&'\""
NOTICE = {
    "version": "shop@3",
    "locale": "en",
    "title": "May we remember you?",
    "text": "One line.\nAnother.",
    "gpc_text": "We honour it.",
    "buttons": {"accept": "Accept", "refuse": "Refuse", "choose": "Choose", "save": "Save"},
}


def _said(*, allowed: bool, status: str = "given") -> dict[str, Any]:
    return {
        "allowed": allowed,
        "status": status,
        "status_text": f"status {SHARP}",
        "here_only": allowed,
        "waits": False,
        "stands": False,
        "next_answer": "withdrawn" if allowed else "given",
    }


def _row(purpose: str, **more: Any) -> dict[str, Any]:
    return {
        "purpose": purpose,
        "name": f"name {SHARP}",
        "text": "We use it.",
        "benefit": "It helps you.",
        "categories": ["what you bought"],
        "retention": "one year",
        "basis": "consent",
        "required": False,
        "because_text": "So it is on.",
        "since_text": "since today",
        "channels": [],
        "recipients": [],
    } | more


EMAIL = {"channel": "email", "name": "E-mail", "own_yes": True} | _said(allowed=False, status="unknown")
POST = {"channel": "post", "name": "Post", "own_yes": True} | _said(allowed=False) | {"waits": True, "stands": True}
GUILD = {"recipient": "tea-guild", "name": "The Tea Guild", "own_yes": True} | _said(allowed=True)
NETWORK = {"recipient": "ad-network", "name": "An advertising network", "own_yes": False} | _said(allowed=True)
PREFERENCES: dict[str, Any] = {
    "address": "/preferences",
    "embedded": False,
    "contact": "privacy@shop.example",
    "rights": {
        "known": True,
        "restricted": True,
        "answer_by": "in a month",
        "asked": [
            {"request_id": "x", "title": f"Correct {SHARP}", "url": "/requests/x", "text": "in a month"},
            {"request_id": "", "title": "Correct", "url": "/requests/y", "text": "Refused"},
        ],
        "objections": [{"field": "answer.measure", "name": f"See what works {SHARP}"}],
        "objected": True,
    },
    "view": "/pages/view",
    "notice": NOTICE,
    "rows": [
        _row("order", required=True, **_said(allowed=True) | {"here_only": False}),
        _row("offers", channels=[EMAIL, POST], **_said(allowed=True)),
        _row("share", recipients=[GUILD, NETWORK], **_said(allowed=False, status="unknown")),
    ],
    "used": [
        {
            "title": "November 2026",
            "purposes": [
                {"name": f"use {SHARP}", "times_text": "12 times", "bar": 100, "by": [f"Our own pages: {SHARP}"]}
            ],
            "told": [{"who": f"The Tea Guild {SHARP}", "what": "all of it", "times_text": "once"}],
        },
        {"title": "October 2026", "purposes": [], "told": [{"who": "stores", "what": "x", "times_text": "once"}]},
    ],
    "known": [{"category": "contact", "name": "How to reach you", "fields": [{"field": "Name", "value": SHARP}]}],
    "receipts": [
        {"at_text": "today", "summary": SHARP, "entry_text": "Entry 8", "url": "/v1/receipts/x"},
        {"at_text": "yesterday", "summary": "No to all", "entry_text": "Entry 7", "url": "/receipts/y"},
    ],
    "flash": {
        "text": "Offers are on.",
        "receipt_url": "/v1/receipts/x",
        "undo": [{"name": "answer.offers", "value": "withdrawn"}],
    },
    "gpc": True,
    "signed_in": {"name": SHARP},
    "idempotency_key": "0d9d1a52-5f7c-4d1e-9d0e-6f1b6d0f3f57",
    "answer_due": True,
}
NOBODY = PREFERENCES | {
    "rights": {
        "known": False,
        "restricted": False,
        "answer_by": "",
        "asked": [],
        "objections": [],
        "objected": True,
    },
    "known": [],
    "used": [],
    "receipts": [],
    "flash": None,
    "gpc": False,
    "signed_in": None,
    "answer_due": False,
}
RECEIPT = {
    "receipt_id": "x",
    "when_text": "today",
    "notice": "shop@3",
    "method_text": "One by one",
    "evidence": "paper form 2026-118",
    "changes": [{"name": SHARP, "answer_text": "Yes", "until_text": ""}],
    "leaf_index": 12,
    "origin": "localhost/ecrm",
    "tree_size": 13,
    "root_hash": "AA==",
    "payload": f'{{"text": "{SHARP}"}}',
    "json_url": "/v1/receipts/x",
    "text_url": "/v1/receipts/x?text",
    "file_name": "receipt.txt",
}
EXPORT = {
    "day_text": "today",
    "json_url": "/v1/rights-requests/x/export",
    "sections": [
        {
            "name": SHARP,
            "text": "",
            "tables": [{"name": "", "columns": ["Field"], "rows": [[SHARP], [{"name": SHARP, "text": SHARP}]]}],
        },
        {"name": "Views", "text": "Kept for a year.", "tables": []},
    ],
}
CERTIFICATE = {"requested_text": "today", "done_text": "today", "stays": [SHARP], "text": f'{{"{SHARP}"}}'}
REQUEST = {
    "title": "A copy",
    "status_text": "Done",
    "due_text": "",
    "history": [{"name": "Done", "day_text": "today"}],
    "wording": "",
    "reason": "",
    "request_id": "",
}
OPEN = REQUEST | {"due_text": "soon", "wording": SHARP, "reason": SHARP, "request_id": "x"}
CHECK = {"vkey": SHARP, "words": f'{{"good": "{SHARP}"}}', "key_text": SHARP}
BANNER = {k: PREFERENCES[k] for k in ("notice", "gpc", "answer_due", "idempotency_key")} | {"return_to": f"/?{SHARP}"}
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "preferences": ("preferences.html", PREFERENCES),
    "preferences of nobody": ("preferences.html", NOBODY),
    "banner": ("banner_form.html", BANNER),
    "receipt": ("receipt.html", {"receipt": RECEIPT}),
    "receipt check": ("receipts_check.html", CHECK),
    "export": ("export.html", {"export": EXPORT}),
    "export of nobody": ("export.html", {"export": EXPORT | {"sections": []}}),
    "request": ("rights.html", {"rights_request": OPEN, "idempotency_key": "k"}),
    "request done": (
        "rights.html",
        {"rights_request": REQUEST | {"export_url": "/x", "certificate": CERTIFICATE}, "idempotency_key": "k"},
    ),
    "erased": ("erased.html", {"erased": True, "request_url": "/v1/rights-requests/x"}),
    "forgotten": ("erased.html", {"erased": False}),
    "problem": ("problem.html", {"problem": {"name": "missing", "status": 404, "said": SHARP, "unfolded": False}}),
}


class Elements(HTMLParser):
    """Start tags with their attributes, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.tags if attributes.get("name") == name]


def _render(page: str, locale: str = "en") -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(WEB / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    template, context = PAGES[page]
    environment.globals["filled"] = filled
    return environment.get_template(template).render(t=texts.texts(locale), locale=locale, **context)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("locale", sorted(texts.TEXTS))
def test_pages_render_with_nothing_inline(page: str, locale: str) -> None:
    """A page renders without an undefined name, and without inline script, style or handler."""
    html = _render(page, locale)
    tags = Elements(html).tags
    assert not re.findall(r"<style|javascript:", html)
    assert not [tag for tag, attributes in tags if "style" in attributes or any(a.startswith("on") for a in attributes)]
    assert all(attributes.get("src") for tag, attributes in tags if tag == "script")


@pytest.mark.parametrize("page", PAGES)
def test_values_are_escaped(page: str) -> None:
    """What came from people and from policies never becomes markup."""
    assert "<b>" not in _render(page)


@pytest.mark.parametrize("page", PAGES)
def test_names_and_labels_meet(page: str) -> None:
    """Ids are unique, and what names, labels or owns a control by id is there."""
    tags = Elements(_render(page)).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in tags:
        for reference in ("aria-labelledby", "form", "for"):
            assert set((attributes.get(reference) or "").split()) <= set(ids)


def test_a_switch_says_the_opposite_of_what_holds() -> None:
    """A switch is a button of the one answer form, and posts the next answer under the name of what it is about."""
    page = Elements(_render("preferences"))
    offers, email, guild = (
        next(each for each in page.named(name) if each.get("role") == "switch")
        for name in ("answer.offers", "answer.offers/email", "answer.share//tea-guild")
    )
    assert (offers["value"], offers["aria-checked"]) == ("withdrawn", "true")
    assert (email["value"], email["aria-checked"]) == ("given", "false")
    assert (guild["value"], guild["aria-checked"]) == ("withdrawn", "true")
    assert offers["form"] == email["form"] == guild["form"] == "answers"


def test_what_needs_no_yes_of_its_own_has_no_switch() -> None:
    """A required purpose, and a recipient that comes with its purpose, have no switch."""
    page = Elements(_render("preferences"))
    assert page.named("answer.order") == []
    assert page.named("answer.share//ad-network") == []


def test_receivers_are_told_apart() -> None:
    """Who receives data with the purpose is named, who needs a yes is chosen below, and else it is only us."""
    html = _render("preferences")
    assert "An advertising network, whom you pick below" in html
    assert html.count("<dd>only us</dd>") == 2


def test_every_answering_form_carries_notice_and_key() -> None:
    """Each form that answers carries the notice it is about, and each a key that makes a repeat safe."""
    for page, action, count, answering in (("preferences", "/preferences", 7, 4), ("banner", "/v1/answers", 1, 1)):
        elements = Elements(_render(page))
        forms = [attributes for tag, attributes in elements.tags if tag == "form" and attributes["action"] == action]
        assert (len(forms), len(elements.named("notice"))) == (count, answering)
        assert len(elements.named("idempotency_key")) >= count
        assert {attributes["method"] for attributes in forms} == {"post"}


def test_yes_and_no_stand_side_by_side() -> None:
    """Accept, Refuse and Choose follow each other as plain siblings, in this order."""
    tags = Elements(_render("banner")).tags
    order = [attributes["data-ecrm-action"] for _, attributes in tags if "data-ecrm-action" in attributes]
    assert order == ["accept_all", "refuse_all", "choose"]
    assert "checked" not in _render("banner")


def test_a_banner_that_is_not_due_is_not_there() -> None:
    """Without a question there is no form."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(WEB / "templates"), autoescape=True)
    template = environment.get_template("banner_form.html")
    assert template.render(t=texts.texts("en"), locale="en", answer_due=False).strip() == ""
