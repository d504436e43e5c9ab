"""The showroom: fair banners pass, each deceit is found by its rule, and a folder is shown as it changes."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from ecrm_privacy.cli import main
from ecrm_privacy.policy.load import load
from ecrm_privacy.showroom import browser
from ecrm_privacy.showroom.browser import measure, presses
from ecrm_privacy.showroom.measures import FORMS, THEMES
from ecrm_privacy.showroom.preview import server
from ecrm_privacy.showroom.report import Evidence, kept
from ecrm_privacy.showroom.rules import RULES, Seen, judge
from ecrm_privacy.showroom.stage import Scene, Stage
from tests.conftest import CHECKOUT
from tests.houses import logged

POLICIES = CHECKOUT / "policies"
FAIR = {"accept_all": 1, "refuse_all": 1}
STYLE = """(css) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.querySelector("ecrm-banner").shadowRoot.adoptedStyleSheets.push(sheet);
}"""
BANNER = "document.querySelector('ecrm-banner').shadowRoot"


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(load(POLICIES))


@pytest.fixture
def page(stage: Stage, chromium: Browser) -> Iterator[Page]:
    """A banner's first view on a desk, before anything is done to it."""
    with browser.opened(stage, chromium, 1280, 800, "light", scripts=True) as opened:
        opened.goto(browser.address(Scene("demo", "en"), "script"))
        browser.banner(opened)
        yield opened


def broken(page: Page, form: str = "first", *, scripts: bool = True, shift: float | None = 0.0) -> set[str]:
    """The rules that what stands in the page breaks now; what a test itself moves is counted where it is about that."""
    measures = msgspec.structs.replace(measure(page, scripts=scripts, shift=shift), clicks=FAIR)
    return {each.rule for each in judge(Seen(form, "en", measures))}  # type: ignore[arg-type]


def run(*arguments: str) -> int:
    """Run the command in a thread of its own: a browser is driven from this one already."""
    with logged(), ThreadPoolExecutor(1) as thread:
        return thread.submit(main, arguments).result()


def test_the_fair_banner_breaks_nothing(page: Page) -> None:
    """What we ship has no finding before a test spoils it."""
    assert broken(page, shift=None) == set()


REFUSE, ACCEPT = "[data-ecrm-action=refuse_all]", "[data-ecrm-action=accept_all]"


@pytest.mark.parametrize(
    ("rule", "css"),
    [
        ("size", f"button {{ align-self: start }} {ACCEPT} {{ min-block-size: 5rem }}"),
        ("look", f"{ACCEPT} {{ border-color: #24211c }}"),
        ("contrast", f"{REFUSE} {{ color: #625a4e }}"),
        ("font", f"{REFUSE} {{ font-weight: 400 }}"),
        ("readable", "p { color: #b9b2a6 }"),
        ("readable", "p { font-size: 10px }"),
        ("readable", "section { background-image: linear-gradient(white, grey) }"),
        ("fold", f"{REFUSE} {{ position: relative; inset-block-start: 30rem }}"),
        ("modal", ":host { inset: 0; pointer-events: auto; background: #0006 }"),
    ],
)
def test_a_style_that_deceives_is_found(page: Page, rule: str, css: str) -> None:
    """A stylesheet that favours the yes breaks the rule that forbids it, and no other."""
    page.evaluate(STYLE, css)
    page.mouse.move(0, 0)
    assert broken(page) == {rule}


@pytest.mark.parametrize(
    ("rule", "script"),
    [
        ("shown", "document.querySelector('ecrm-banner').remove()"),
        ("refusal", f"{BANNER}.querySelector('{REFUSE}').remove()"),
        ("order", f"{BANNER}.querySelector('{REFUSE}').tabIndex = -1"),
        ("order", f"{BANNER}.querySelector('{ACCEPT}').focus()"),
        ("shift", "document.body.prepend(Object.assign(document.createElement('div'), {style: 'height: 300px'}))"),
        ("modal", "document.querySelector('ecrm-banner').setAttribute('aria-modal', 'true')"),
        ("modal", "document.body.style.overflow = 'hidden'"),
        ("short", f"{BANNER}.querySelector('p').textContent += ' And much more is to be said.'.repeat(12)"),
        ("words", f"{BANNER}.querySelector('{REFUSE}').textContent = 'Not all, sadly'"),
    ],
)
def test_a_script_that_deceives_is_found(page: Page, rule: str, script: str) -> None:
    """A banner that is changed to favour the yes breaks the rule that forbids it, and no other."""
    page.wait_for_timeout(50)
    page.evaluate(f"() => {{ {script} }}")
    assert broken(page, shift=None if rule == "shift" else 0.0) == {rule}


def test_a_ticked_switch_is_found(page: Page) -> None:
    """The second view has nothing ticked; one that has breaks that rule alone."""
    page.locator("[data-ecrm-action=choose]").click()
    page.mouse.move(0, 0)
    page.locator("ecrm-banner section.choose").wait_for()
    shift = 0.0
    before = msgspec.structs.replace(measure(page, scripts=True, shift=shift), clicks=FAIR)
    assert judge(Seen("choose", "en", before)) == ()
    page.evaluate(f"{BANNER}.querySelector('input').checked = true")
    after = msgspec.structs.replace(measure(page, scripts=True, shift=shift), clicks=FAIR)
    assert {each.rule for each in judge(Seen("choose", "en", after))} == {"ticked"}


def test_a_refusal_that_asks_back_takes_more_clicks(stage: Stage, chromium: Browser) -> None:
    """Clicks are counted by pressing: a button that first asks whether one is sure needs two."""
    counted = {}
    for action in FAIR:
        with browser.opened(stage, chromium, 1280, 800, "light", scripts=True) as page:
            page.goto(browser.address(Scene("demo", "en"), "script"))
            browser.banner(page)
            page.evaluate(f"""() => {{
              const button = {BANNER}.querySelector('{REFUSE}');
              button.addEventListener('click', (event) => event.stopImmediatePropagation(), {{once: true}});
            }}""")
            counted[action] = presses(page, action)
    assert counted == {"accept_all": 1, "refuse_all": 2}


def test_a_link_in_place_of_a_button_is_found(stage: Stage, chromium: Browser) -> None:
    """Without scripts, a refusal that is a link beside a button breaks that rule alone."""
    with browser.opened(stage, chromium, 1280, 800, "light", scripts=False) as page:
        page.goto(browser.address(Scene("demo", "en"), "form"))
        assert broken(page, "form", scripts=False) == set()
        page.evaluate(f"""() => {{
          const link = Object.assign(document.createElement('a'), {{href: '/refuse', textContent: 'Refuse all'}});
          link.dataset.ecrmAction = 'refuse_all';
          document.querySelector('{REFUSE}').replaceWith(link);
        }}""")
        assert broken(page, "form", scripts=False) == {"button"}


def test_every_rule_was_seen_to_fail() -> None:
    """The tests above break each rule there is."""
    marks = (test_a_style_that_deceives_is_found, test_a_script_that_deceives_is_found)
    seen = {case[0] for test in marks for case in test.pytestmark[0].args[1]}  # type: ignore[attr-defined]
    assert seen | {"ticked", "clicks", "button"} == RULES.keys()


def test_the_shipped_banners_are_fair_in_every_rendering(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`ecrm policy check --rendered` finds nothing, and keeps a report under its hash that an activation finds."""
    monkeypatch.setattr(browser, "WIDTHS", {320: 568})  # where words are the tightest
    assert run("policy", "check", str(POLICIES), "--rendered", "--data-dir", str(tmp_path)) == 0
    assert "renderings:" in capsys.readouterr().out
    bundle = load(POLICIES)
    made = kept(tmp_path / "rendered", bundle.hash)
    assert isinstance(made, Evidence)
    assert made.report.sound
    assert {shown.notice for shown in made.report.notices} == {"shop@1"}
    looked = {(each.locale, each.theme, each.form) for each in made.report.looked}
    assert looked == set(product(bundle.sites["demo"].locales, THEMES, FORMS))
    [page] = (tmp_path / "rendered").glob("*.html")
    assert page.stem == made.hash.hex()
    assert b"data:image/jpeg;base64," in made.page
    page.with_suffix(".json").write_bytes(made.text.replace(b'"v":1', b'"v":2'))
    assert kept(tmp_path / "rendered", bundle.hash) is None  # not what its name says


def test_findings_end_the_check_with_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A banner that deceives is named with rule, source and remedy; the check fails, and nothing counts as evidence."""
    monkeypatch.setattr(browser, "WIDTHS", {320: 568})
    monkeypatch.setattr(browser, "THEMES", ("light",))
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    notice = folder / "notices" / "shop@1.toml"
    notice.write_text(notice.read_text("utf-8").replace("We do not.", " ".join(["We do not."] * 40)), "utf-8")
    monkeypatch.setattr(Stage, "_scene", lambda self, query: Scene("demo", query.get("locale", "en"), gpc=True))
    status = run("policy", "check", str(folder), "--rendered", "--data-dir", str(tmp_path / "data"))
    said = capsys.readouterr().out
    assert status == 1
    assert "short:" in said
    assert "EDPB Guidelines 03/2022 v2.0: overloading" in said
    assert kept(tmp_path / "data" / "rendered", load(folder).hash) is None


def test_without_a_browser_the_command_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no Chromium can be started the check ends with 2 and names what to install."""
    monkeypatch.setattr(browser, "found", lambda: str(tmp_path / "no-such-chromium"))
    assert run("policy", "check", str(POLICIES), "--rendered", "--data-dir", str(tmp_path)) == 2
    assert "playwright install chromium" in capsys.readouterr().err


@pytest.fixture
def preview(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A preview of a copy of the shipped policy, and its folder."""
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    with server(folder, 0) as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}", folder
        listening.shutdown()


def test_the_preview_shows_every_rendering_and_follows_the_files(preview: tuple[str, Path], chromium: Browser) -> None:
    """Frames for each width and scheme stand side by side; a changed file is shown without being asked for."""
    base, folder = preview
    page = chromium.new_page(base_url=base)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto("/?site=demo&locale=de")
    assert page.locator("iframe").count() == 24
    frame = page.frame_locator("iframe[title='With scripts, 320 px, dark']")
    expect(frame.locator("ecrm-banner h2")).to_have_text("Dürfen wir uns an Sie erinnern?")
    background = "(each) => getComputedStyle(each).backgroundColor"
    assert frame.locator("ecrm-banner section").evaluate(background) == "rgb(35, 32, 28)"
    notice = folder / "notices" / "shop@1.toml"
    words = notice.read_text("utf-8")
    notice.write_text(words.replace("Dürfen wir uns an Sie erinnern?", "Dürfen wir?"), "utf-8")
    expect(frame.locator("ecrm-banner h2")).to_have_text("Dürfen wir?")
    notice.write_text(words.replace("[texts.de]", "[texts.de"), "utf-8")
    expect(page.locator(".problems")).to_contain_text("notices/shop@1.toml")
    notice.write_text(words, "utf-8")
    expect(frame.locator("ecrm-banner h2")).to_have_text("Dürfen wir uns an Sie erinnern?")
    assert wrong == []
    page.close()


def test_an_answer_in_the_preview_is_shown_and_recorded_nowhere(preview: tuple[str, Path], chromium: Browser) -> None:
    """The buttons work as they will, and what they say is gone with the request."""
    base, _ = preview
    page = chromium.new_page(base_url=base)
    page.goto("/banner?site=demo&locale=en")
    page.locator("ecrm-banner [data-ecrm-action=accept_all]").click()
    expect(page.locator("ecrm-banner [data-ecrm-action=undo]")).to_be_visible()
    assert page.context.cookies() == []
    page.goto("/banner?site=demo&locale=en")
    expect(page.locator("ecrm-banner [data-ecrm-action=accept_all]")).to_be_visible()
    page.close()


def test_the_preview_answers_this_machine_alone(preview: tuple[str, Path], chromium: Browser) -> None:
    """A request under another name, as a page elsewhere can send it, gets nothing."""
    base, _ = preview
    context = chromium.new_context(extra_http_headers={"Host": "shop.example"})
    reply = context.request.get(base)
    assert reply.status == 421
    context.close()
