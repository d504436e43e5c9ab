"""The shop's pages and the fragment of a slot: they render, keep their size, and hold nothing inline."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import pytest

from personalization.interact import because

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = (ROOT / "personalization" / "templates", ROOT / "ecrm_privacy" / "web" / "templates")
STATIC = (ROOT / "personalization" / "static", ROOT / "ecrm_privacy" / "web" / "static")
NOBODY = {"kind": "popular", "text": "Liked", "category": None, "purpose": None}
SOMEBODY = {"kind": "affinity", "text": "You bought a cup", "category": "purchases", "purpose": "personalize"}
PURPOSE = {"name": "Personal pages", "required": False, "answer_label": "Off", "purpose": "personalize"}
VOID = {"img", "input", "link", "meta", "path"}


class Elements(HTMLParser):
    """The start tags of a page with their attributes, in order, and the words between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


def render(name: str, locale: str = "en", **context: Any) -> Elements:
    """A template as it is, with nothing undefined."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDERS), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = Elements(templates.get_template(name).render(w=because.words(locale), locale=locale, **context))
    assert page.open == []
    return page


def item(**more: Any) -> dict[str, Any]:
    """An item as pages are given it."""
    about = {"item_id": "cup", "kind": "product", "title": "A <cup>", "summary": "Blue.", "section": "tea"}
    return {**about, "url": "/items/cup", "image": "/pictures/cup.svg", "price_text": "€ 3", "in_stock": True, **more}


def slot(name: str = "for-you", *, personal: bool) -> dict[str, Any]:
    """A slot with four items, chosen for somebody or for nobody."""
    names = {"category_name": "What you bought", "purpose_name": "Personal pages"} if personal else {}
    because = {**(SOMEBODY if personal else NOBODY), **names}
    items = [item(because=because) for _ in range(4)]
    return {"slot": name, "title": "For you", "personal": personal, "tier": "history", "items": items}


def panel(*, allowed: bool) -> dict[str, Any]:
    """What the gate shows of one need and one switch."""
    opened = [{"category_name": "Contact", "field": "name", "value": "Ayame"}] if allowed else []
    names = [{"category_name": "Purchases", "short": "7c1e"}] if allowed else []
    grant = {"slot": "for-you", "purpose": "personalize", "purpose_name": "Personal pages", "because_text": "so"}
    return {
        "subject_known": allowed,
        "account": allowed,
        "grants": [{**grant, "allowed": allowed, "values": opened, "pseudonyms": names}],
        "purposes": [{**PURPOSE, "allowed": allowed, "next_answer": "withdrawn" if allowed else "given"}],
        "opened_text": "1/1 open" if allowed else "0/1 open",
        "return_to": "/",
        "notice": "shop@1",
        "idempotency_key": "k" * 24,
    }


def frame(*, known: bool, **more: Any) -> dict[str, Any]:
    """What every page is given, for somebody signed in or for nobody."""
    return {
        "shop": {"name": "Hollin & Reed", "tagline": "Tea"},
        "sections": [{"name": "tea", "title": "Tea", "url": "/sections/tea"}],
        "signed_in": {"name": "Ayame"} if known else None,
        "panel": panel(allowed=known),
        "banner": False,
        "slots": {"for-you": slot(personal=known), "popular": slot("popular", personal=False)},
        **more,
    }


PAGES: dict[str, dict[str, Any]] = {
    "home.html": {},
    "section.html": {"section": {"name": "tea", "title": "Tea", "url": "/sections/tea"}, "items": [item()]},
    "item.html": {"item": item(), "related": [item(in_stock=False)]},
    "page.html": {"greeting": {"name": "Ayame"}, "orders": [{"at_text": "3 May 2026", "items": [item()]}]},
    "signin.html": {"customers": [{"customer_number": "C-100001", "name": "Ayame"}]},
}


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("name", PAGES)
def test_pages_need_nothing_inline(name: str, known: bool) -> None:
    """No page holds an inline script, style or handler, so that `default-src 'self'` is enough; one h1, no id twice."""
    page = render(name, **frame(known=known, **PAGES[name]))
    assert all(tag != "style" and (tag != "script" or about.get("src")) for tag, about in page.tags)
    assert not any(name == "style" or name.startswith("on") for _, about in page.tags for name in about)
    assert [tag for tag, _ in page.tags].count("h1") == 1
    ids = [about["id"] for _, about in page.tags if "id" in about]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", PAGES)
def test_pages_name_files_that_are_there(name: str) -> None:
    """Every style sheet and script under /static/ exists; the others are made as they are asked for."""
    page = render(name, **frame(known=True, **PAGES[name]))
    named = {about.get("href") or about.get("src") for tag, about in page.tags if tag in {"link", "script"}}
    for path in named - {"/ecrm.js", "/signals.js", "/theme.css"}:
        assert path is not None
        assert any((folder / path.removeprefix("/static/")).is_file() for folder in STATIC)


def test_texts_are_escaped() -> None:
    """A title with markup in it stays text."""
    assert "A <cup>" in render("slot.html", slot=slot(personal=True)).words


def test_a_slot_has_the_same_parts_for_everybody() -> None:
    """The personal and the non-personal slot have the same elements outside the closed notes."""
    shown = [
        [
            tag
            for tag, _ in render("slot.html", slot=slot(personal=personal)).tags
            if tag not in {"dl", "dt", "dd", "div"}
        ]
        for personal in (True, False)
    ]
    links = [tags.count("a") for tags in shown]
    assert links == [8, 4]
    assert [tag for tag in shown[0] if tag != "a"] == [tag for tag in shown[1] if tag != "a"]


def test_a_personal_item_says_why_and_how_to_stop_it() -> None:
    """The note names the data and the purpose, and links to the switch of just that purpose."""
    page = render("slot.html", slot=slot(personal=True))
    assert {"What you bought", "Personal pages", "You bought a cup"} <= set(page.words)
    off = [about for tag, about in page.tags if tag == "a" and about.get("data-ecrm-open") == "personalize"]
    assert [about["href"] for about in off] == ["/preferences#purpose-personalize"] * 4


def test_an_empty_slot_says_so() -> None:
    """A slot without items keeps its title and says that there is nothing."""
    assert (
        "Nothing to show here at the moment." in render("slot.html", slot={**slot(personal=False), "items": []}).words
    )


def test_the_gate_shows_what_it_opened() -> None:
    """The panel lists opened values and shortened pseudonyms, and offers the opposite of what holds."""
    page = render("panel.html", panel=panel(allowed=True))
    assert {"Ayame", "7c1e", "1/1 open"} <= set(page.words)
    switch = next(about for tag, about in page.tags if about.get("role") == "switch")
    assert (switch["name"], switch["value"], switch["aria-checked"]) == ("answer.personalize", "withdrawn", "true")
    fields = {about["name"] for tag, about in page.tags if tag == "input"}
    assert fields == {"notice", "idempotency_key", "method", "return_to"}


def test_the_gate_says_when_it_opened_nothing() -> None:
    """Without permission the panel says that nothing personal was released, and shows no value."""
    words = render("panel.html", panel=panel(allowed=False)).words
    assert "Nothing personal was released for this page." in words
    assert "Ayame" not in words


def test_slots_speak_the_language_of_the_page() -> None:
    """A region gets the words of its language, and a language that is not spoken gets English."""
    assert "Why this?" in render("slot.html", slot=slot(personal=False), locale="tlh").words
    assert "Warum das?" in render("slot.html", slot=slot(personal=False), locale="de-AT").words


def test_templates_use_only_tokens_and_classes_that_exist() -> None:
    """Every class in a template is styled by one of the sheets."""
    styled = "".join(path.read_text("utf-8") for folder in STATIC for path in folder.glob("*.css"))
    known = set(re.findall(r"\.([a-z][a-z0-9-]*)", styled))
    for path in FOLDERS[0].glob("*.html"):
        plain = re.sub(r"\{[%{#].*?[%}#]\}", " ", path.read_text("utf-8"), flags=re.DOTALL)
        for classes in re.findall(r'class="([^"]*)"', plain):
            assert set(classes.split()) <= known, path.name


def test_sheets_use_only_tokens_that_exist() -> None:
    """Every --ecrm- property that a sheet of the shop reads is defined in ecrm.css."""
    tokens = set(re.findall(r"(--ecrm-[a-z0-9-]+):", (STATIC[1] / "ecrm.css").read_text("utf-8")))
    for path in STATIC[0].glob("*.css"):
        assert set(re.findall(r"var\((--ecrm-[a-z0-9-]+)", path.read_text("utf-8"))) <= tokens, path.name
