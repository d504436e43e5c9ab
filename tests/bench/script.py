"""What the banner costs a page: time of script on a slow processor, long tasks, movement, and bytes, beside its peers.

One page of a shop, alike for everybody, served from memory; a fresh browser each time, with the processor four times
slower (the DevTools protocol's `Emulation.setCPUThrottlingRate`) than this machine's. Script time is what the browser
itself counts (`Performance.getMetrics`, `ScriptDuration`) until the question stands. `make peers` fetches the others.
"""

import asyncio
import gzip
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
from playwright.async_api import Browser, async_playwright

from ecrm_privacy import shipped
from ecrm_privacy.policy.load import load
from ecrm_privacy.policy.notice import notice_payload
from ecrm_privacy.web import gpp, signals, texts
from tests.bench.ground import Ground
from tests.bench.measure import Line, Scale, Table, interleave

PEERS = Path(__file__).resolve().parents[2] / "build" / "peers"
STATIC = Path(texts.__file__).parent / "static"
SLOWER = 4
SETTLED_S_MOST = 2.5
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
KINDS = {".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8", ".json": "application/json"}
OBSERVED = """<script>
window.seen = {moved: 0, longest: 0};
new PerformanceObserver((list) => list.getEntries().forEach((each) => (seen.moved += each.value)))
  .observe({type: "layout-shift", buffered: true});
const longer = (each) => (seen.longest = Math.max(seen.longest, each.duration));
new PerformanceObserver((list) => list.getEntries().forEach(longer))
  .observe({type: "longtask", buffered: true});
</script>"""
WORDS = (
    "With your yes we use what you look at and buy here to choose what we show you and write to you. You find the "
    "right tea sooner, and hear only of what suits you. It stays with us."
)
HEADS: Mapping[str, str] = {
    "nothing": "",
    "ours": '<script src="/signals.js"></script><script type="module" src="/ecrm.js"></script>',
    "alone": '<script type="module" src="/ecrm.js"></script>',
    "vanilla-cookieconsent": f"""<link rel="stylesheet" href="/vanilla-cookieconsent/dist/cookieconsent.css">
<script src="/vanilla-cookieconsent/dist/cookieconsent.umd.js" defer></script><script type="module">
const section = (title, linkedCategory) => ({{title, description: "{WORDS}", linkedCategory}});
CookieConsent.run({{
  categories: {{necessary: {{readOnly: true}}, measure: {{}}, personalize: {{}}, advertise: {{}}}},
  language: {{default: "en", translations: {{en: {{
    consentModal: {{title: "May we remember you?", description: "{WORDS}", acceptAllBtn: "Accept all",
      acceptNecessaryBtn: "Refuse all", showPreferencesBtn: "Choose"}},
    preferencesModal: {{title: "Your privacy", acceptAllBtn: "Accept all", acceptNecessaryBtn: "Refuse all",
      savePreferencesBtn: "Save", sections: ["necessary", "measure", "advertise"].map((n) => section(n, n))}},
  }}}}}},
}});</script>""",
    "Klaro": f"""<script>const service = (name) => ({{name, purposes: [name], default: false}});
window.klaroConfig = {{version: 1, elementID: "klaro", acceptAll: true, default: false, lang: "en",
  translations: {{en: {{consentNotice: {{description: "{WORDS}"}}, privacyPolicyUrl: "/",
    purposes: {{measure: "Measure", personalize: "Personalize", advertise: "Advertise"}}}}}},
  services: ["measure", "personalize", "advertise"].map(service)}};</script>
<script defer src="/klaro/dist/klaro.js"></script>""",
    "tarteaucitron": """<script src="/tarteaucitronjs/tarteaucitron.min.js"></script><script>
tarteaucitron.init({privacyUrl: "", hashtag: "#tac", cookieName: "tac", orientation: "bottom", groupServices: false,
  showAlertSmall: false, cookieslist: false, closePopup: false, showIcon: false, adblocker: false, DenyAllCta: true,
  AcceptAllCta: true, highPrivacy: true, handleBrowserDNTRequest: false, removeCredit: false, moreInfoLink: true,
  useExternalCss: false, mandatory: true});
(tarteaucitron.job = tarteaucitron.job || []).push("youtube", "gtag", "facebook");</script>""",
}
FOLDERS = {"vanilla-cookieconsent": "vanilla-cookieconsent", "Klaro": "klaro", "tarteaucitron": "tarteaucitronjs"}
BODY = "<h1>A shop</h1>" + "<p>Kettles, tea, and what belongs to it.</p>" * 40


class Visit(msgspec.Struct, frozen=True):
    """What one visit came to: script and task time in ms, the longest task over 50 ms, movement (CLS), bytes."""

    script_ms: float
    task_ms: float
    longest_ms: float
    moved: float
    bytes: int


class Shelf:
    """Everything that the pages ask for, with its size after gzip."""

    def __init__(self) -> None:
        bundle = load(shipped.policies())
        shown = notice_payload(bundle, "demo", locale="en")
        notice = {**msgspec.to_builtins(shown), "gpc": False, "labels": texts.labels("en"), "answer_due": True}
        rows = [
            {"purpose": name, "allowed": purpose.required, "status": "unknown", "basis": purpose.basis, "because": ""}
            for name, purpose in bundle.purposes.items()
        ]
        permissions = {
            "permissions": rows, "notice": shown.notice.version, "answer_due": True, "question": notice,
        }  # fmt: skip
        told = gpp.told(bundle, bundle.jurisdictions["eu"], (), gpc=False)
        state = msgspec.json.encode(signals.State((), signals.consent_mode(()), told, signals.APIS, True))
        self._made = {
            "/signals.js": signals.rendered(state),
            "/ecrm.js": (STATIC / "ecrm.js").read_bytes(),
            "/static/ecrm-choices.js": (STATIC / "ecrm-choices.js").read_bytes(),
            "/v1/permissions": msgspec.json.encode(permissions),
        }
        for name, head in HEADS.items():
            page = f"<!doctype html><html lang=en><head><title>A shop</title>{OBSERVED}{head}</head><body>{BODY}"
            self._made[f"/{name}.html"] = page.encode()
        self.sent: dict[str, int] = {}
        """Bytes of the scripts and sheets that were asked for, by path."""

    def get(self, path: str) -> tuple[str, bytes] | None:
        """Return the kind and the bytes of what is at `path`."""
        body = self._made.get(path)
        if body is None:
            file = (PEERS / path.lstrip("/")).resolve()
            if not file.is_relative_to(PEERS) or not file.is_file():
                return None
            body = file.read_bytes()
        suffix = Path(path).suffix or ".json"
        if suffix in {".js", ".css"}:
            self.sent[path] = len(gzip.compress(body, mtime=0))
        return KINDS.get(suffix, "application/octet-stream"), body


async def run(_made: Ground, scale: Scale) -> Sequence[Table]:
    """Visit each page in turn; without a browser or the peers the table says how to get them."""
    title = "the banner on a page, 4 times slower"
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        return [Table(title, [], ["no Chromium: apt-get install chromium"])]
    peers = [name for name, folder in FOLDERS.items() if (PEERS / folder).is_dir()]
    shelf, settled_s = Shelf(), min(SETTLED_S_MOST, 4 * scale.round_s)
    async with _served(shelf) as base, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path)
        try:
            sides = {
                name: partial(_visit, browser, shelf, f"{base}/{name}.html", settled_s)
                for name in ("ours", "alone", "nothing", *peers)
            }
            found = await interleave(sides, scale.rounds)
        finally:
            await browser.close()
    return [Table(title, list(_lines(found)), [*_notes(found), *([] if peers else ["make peers brings the others"])])]


def _lines(found: Mapping[str, Sequence[Visit]]) -> list[Line]:
    others = [name for name in found if name not in {"ours", "alone", "nothing"}] or ["nothing"]
    ours = found["ours"]
    lines = [
        Line(what, "ms", [one.script_ms for one in found[side]], [one.script_ms for one in found[name]], name, aim)
        for side, what, aim in (("alone", "script of ecrm.js", "≤ 10 ms"), ("ours", "script with signals.js", ""))
        for name in others
    ]
    lines += [
        Line("all tasks", "ms", [one.task_ms for one in ours], [one.task_ms for one in found[name]], name)
        for name in others
    ]
    lines += [
        Line(
            "scripts and sheets",
            "KB",
            [one.bytes / 1e3 for one in ours],
            [one.bytes / 1e3 for one in found[name]],
            name,
        )
        for name in others
        if all(one.bytes for one in found[name])
    ]
    return lines


def _notes(found: Mapping[str, Sequence[Visit]]) -> list[str]:
    return [
        f"{name}: longest task over 50 ms {max(one.longest_ms for one in visits):.0f} ms,"
        f" layout shift {max(one.moved for one in visits):.3f}"
        for name, visits in found.items()
    ]


async def _visit(browser: Browser, shelf: Shelf, url: str, settled_s: float) -> Visit:
    """Visit with a fresh browser, once its window is up; nothing is evaluated before the counters were read."""
    shelf.sent.clear()
    context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    try:
        devtools = await context.new_cdp_session(page)
        await asyncio.sleep(settled_s / 2)
        await devtools.send("Performance.enable")
        await devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        await page.goto(url)
        await asyncio.sleep(settled_s)
        counted = {each["name"]: each["value"] for each in (await devtools.send("Performance.getMetrics"))["metrics"]}
        seen = await page.evaluate("window.seen")
    finally:
        await context.close()
    script_ms, task_ms = counted["ScriptDuration"] * 1e3, counted["TaskDuration"] * 1e3
    return Visit(script_ms, task_ms, seen["longest"], seen["moved"], sum(shelf.sent.values()))


@asynccontextmanager
async def _served(shelf: Shelf) -> AsyncIterator[str]:
    """Serve the shelf on a port of this machine."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)
            found = shelf.get(head[1].decode().partition("?")[0])
            status, (kind, body) = ("200 OK", found) if found else ("404 Not Found", ("text/plain", b""))
            lines = (
                f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(lines.encode() + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the browser went away
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
