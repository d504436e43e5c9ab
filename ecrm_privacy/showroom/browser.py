"""Looks at banners in Chromium: in each width and scheme, with scripts and without; measures, and takes a picture.

The pages come from a `Stage` inside this process; the browser's every request is answered by it, and none leaves.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import msgspec

from ecrm_privacy.errors import StartRefused
from ecrm_privacy.showroom.measures import FORMS, THEMES, WIDTHS, Form, Measures
from ecrm_privacy.showroom.rules import Finding, Seen, judge
from ecrm_privacy.showroom.stage import FOLDER, Request, Scene, Stage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

ORIGIN = "http://localhost"
"""Where the pages seem to come from: a browser trusts that name as it trusts https. Nobody listens there."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ELSEWHERE = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
WAIT_MS_MOST = 10_000
PRESSES_MOST = 3
ANSWERED_MS = 2_000
PICTURE_QUALITY = 60
CHOICES = ("accept_all", "refuse_all")
MEASURE = (FOLDER / "measure.js").read_text("utf-8")

Progress = Callable[[int, int], object]


class NoBrowser(StartRefused):
    """There is no Chromium, or nothing that drives it; the message says how to get one."""


class Shot(msgspec.Struct, frozen=True):
    """One banner as it was looked at: where, what was measured, what was found, and a picture (JPEG)."""

    site: str
    locale: str
    width: int
    theme: str
    form: Form
    measures: Measures
    findings: tuple[Finding, ...]
    picture: bytes


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start a Chromium for the time of a block. Raises NoBrowser."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ModuleNotFoundError:
        raise NoBrowser(
            "banners are measured in Chromium, which playwright drives: pip install 'ecrm-privacy[rendered]', and have"
            " Chromium or Chrome on the PATH (Debian: apt-get install chromium), or run: playwright install chromium"
        ) from None
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=found())
        except Error as error:
            why = str(error).strip().partition("\n")[0]
            raise NoBrowser(
                f"no Chromium can be started ({why}): apt-get install chromium (Debian), or playwright install chromium"
            ) from None
        try:
            yield browser
        finally:
            browser.close()


def found() -> str | None:
    """The Chromium or Chrome of this machine; None leaves it to playwright, which may have brought its own."""
    paths = (shutil.which(name) for name in NAMES)
    return next((path for path in (*paths, *ELSEWHERE) if path and Path(path).exists()), None)


def look(stage: Stage, browser: "Browser", progress: Progress = lambda done, total: None) -> list[Shot]:
    """Look at every banner of the stage: each site and language, width, scheme and form."""
    scenes = stage.scenes()
    total, done = len(scenes) * len(WIDTHS) * len(THEMES) * len(FORMS), 0
    shots = []
    for scripts in (True, False):
        clicks = _clicks(stage, browser, scenes, scripts=scripts)
        for theme in THEMES:
            for width, height in WIDTHS.items():
                with opened(stage, browser, width, height, theme, scripts=scripts) as page:
                    for scene in scenes:
                        made = list(_shots(page, scene, width, theme, clicks[scene], scripts=scripts))
                        shots += made
                        done += len(made)
                        progress(done, total)
    return shots


@contextmanager
def opened(stage: Stage, browser: "Browser", width: int, height: int, theme: str, *, scripts: bool) -> Iterator["Page"]:
    """Open a page in which every request is answered by `stage`, and close it again."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
        java_script_enabled=scripts,
        base_url=ORIGIN,
    )
    context.set_default_timeout(WAIT_MS_MOST)

    def answer(route: "Route") -> None:
        asked = urlsplit(route.request.url)
        target = f"{asked.path}?{asked.query}"
        reply = stage.reply(Request(route.request.method, target, route.request.post_data_buffer or b""))
        route.fulfill(status=reply.status, headers=reply.headers, body=reply.body)

    context.route("**/*", answer)
    try:
        yield context.new_page()
    finally:
        context.close()


def address(scene: Scene, form: str) -> str:
    """Return where a scene stands, in a form."""
    return "/banner?" + urlencode({"site": scene.site, "locale": scene.locale, "form": form})


def banner(page: "Page") -> "Locator":
    """Return the banner of a page, once it is there."""
    shown = page.locator("ecrm-banner section, form[data-ecrm-banner]").first
    shown.wait_for()
    return shown


def _shots(
    page: "Page", scene: Scene, width: int, theme: str, clicks: dict[str, int], *, scripts: bool
) -> Iterator[Shot]:
    """Open a scene and look at it; with scripts at the first view, then at what the choice opens."""
    page.goto(address(scene, "script" if scripts else "form"))
    forms: tuple[Form, ...] = ("first", "choose") if scripts else ("form",)
    for form in forms:
        shown = banner(page)
        if form == "choose":
            page.locator("[data-ecrm-action=choose]").click()
            page.mouse.move(0, 0)
            shown = page.locator("ecrm-banner section.choose")
            shown.wait_for()
        # What opens because somebody pressed something may move what they look at; only the first view may not.
        measures = measure(page, scripts=scripts, shift=None if form == "first" else 0.0)
        measures = msgspec.structs.replace(measures, clicks=clicks)
        picture = page.screenshot(type="jpeg", quality=PICTURE_QUALITY)
        findings = judge(Seen(form, scene.locale, measures))
        yield Shot(scene.site, scene.locale, width, theme, form, measures, findings, picture)


def measure(page: "Page", *, scripts: bool, shift: float | None = None) -> Measures:
    """Measure the banner of a page as it is now."""
    made: Any = page.evaluate(MEASURE, {"scripts": scripts, "shift": shift})
    return msgspec.convert(made, Measures)


def _clicks(
    stage: Stage, browser: "Browser", scenes: Sequence[Scene], *, scripts: bool
) -> Mapping[Scene, dict[str, int]]:
    """How often each choice is pressed until its answer is given (0: never); neither width nor scheme changes that.

    One page does for all of them: whoever opens it again has said nothing.
    """
    counted: dict[Scene, dict[str, int]] = {scene: {} for scene in scenes}
    width = min(WIDTHS)
    with opened(stage, browser, width, WIDTHS[width], "light", scripts=scripts) as page:
        for scene in scenes:
            for action in CHOICES:
                page.goto(address(scene, "script" if scripts else "form"))
                banner(page)
                counted[scene][action] = presses(page, action)
    return counted


def presses(page: "Page", action: str) -> int:
    """Press a choice until an answer was sent; how often that took, 0 if it never was."""
    from playwright.sync_api import TimeoutError as Late

    for times in range(1, PRESSES_MOST + 1):
        button = page.locator(f"[data-ecrm-action={action}]:visible").first
        try:
            with page.expect_request("**/v1/answers", timeout=ANSWERED_MS):
                button.click(timeout=ANSWERED_MS)
        except Late:
            continue
        return times
    return 0
