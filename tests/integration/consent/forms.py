"""A browser without scripts: reads the forms of a page and presses their buttons."""

from html.parser import HTMLParser
from urllib.parse import urlencode

import httpx
import msgspec

from tests.houses import Browser


class Button(msgspec.Struct):
    """A button and what pressing it sends: its own name and value, and its form's hidden fields."""

    action: str
    name: str
    value: str
    fields: dict[str, str]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[dict[str, str], dict[str, str]]] = []
        self.buttons: list[tuple[dict[str, str], int]] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((found, {}))
        elif tag == "input" and found["type"] == "checkbox":
            assert "checked" not in found, "nothing is ticked beforehand"
        elif tag == "input":
            assert found["type"] == "hidden", "the page asks for nothing that must be typed"
            self.forms[-1][1][found["name"]] = found["value"]
        elif tag == "button":
            self.buttons.append((found, len(self.forms) - 1))


def buttons(page: httpx.Response) -> list[Button]:
    """Return every button of a page that sends something."""
    assert page.status_code == 200, page.text
    parsed = _Page()
    parsed.feed(page.text)
    by_id = {form.get("id", ""): (form, fields) for form, fields in parsed.forms}
    made = []
    for button, at in parsed.buttons:
        if button.get("type", "submit") != "submit":
            continue
        form, fields = by_id[button["form"]] if "form" in button else parsed.forms[at]
        assert form["method"] == "post"
        made.append(Button(form["action"], button.get("name", ""), button.get("value", ""), dict(fields)))
    return made


async def press(browser: Browser, page: httpx.Response, name: str, value: str) -> httpx.Response:
    """Press the one button of that name and value."""
    found = [button for button in buttons(page) if (button.name, button.value) == (name, value)]
    assert len(found) == 1, f"{len(found)} buttons {name}={value}"
    (button,) = found
    sent = {**button.fields, button.name: button.value} if button.name else button.fields
    return await browser.http.post(
        button.action,
        content=urlencode(sent),
        headers={"content-type": "application/x-www-form-urlencoded", "accept": "text/html"},
    )
