"""A real browser on the real demo: `ecrm demo` as a subprocess, once per session; visitors with and without scripts.

What the demo has not, such as several shops and a mail server, is beside it (shops.py).

A visitor is a fresh browser context: no cookies, nothing remembered. Whatever goes wrong in a page (an exception, a
refused inline style, a broken request) fails the test that opened it.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, sync_playwright

from ecrm_privacy.showroom.browser import found
from tests.browser.shops import Shops, open_shops
from tests.browser.visitor import DESK, Demo, Visit, Visitor
from tests.conftest import Cluster

NO_BROWSER = "no Chromium: apt-get install chromium (or any Chromium or Chrome on the PATH)"
START_S_MOST, STOP_S_MOST = 180, 30
WAIT_MS_MOST = 10_000
LEAN = ["--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup"]
"""Without the two pages that every window keeps behind its address bar: they cost more than the page that is tried."""
DRIVEN = ["--disable-back-forward-cache"]
"""What drivers switch off and browsers have at home."""
EXPECTED = ("ERR_INTERNET_DISCONNECTED", "ERR_BLOCKED_BY_CLIENT", "Push API in incognito mode")
"""What a browser notes that a test has taken offline, in which it keeps something away, or that keeps nothing."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Return one browser for the session; without any, skip with a line that says how to get one (in CI: fail)."""
    path = found()
    if path is None and os.environ.get("CI") == "true":
        pytest.fail(NO_BROWSER, pytrace=False)
    if path is None:
        pytest.skip(NO_BROWSER)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=LEAN, ignore_default_args=DRIVEN)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def demo(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run `ecrm demo` on a free port and a data directory of its own until the session ends."""
    data_dir = tmp_path_factory.mktemp("demo")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "ecrm_privacy", "demo", "--port", str(port), "--data-dir", str(data_dir)]
    log = (data_dir / "demo.log").open("w")
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}", process, data_dir)
        file = msgspec.json.decode((data_dir / "demo.json").read_bytes())
        yield Demo(file["base"], file, data_dir)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(STOP_S_MOST)
        log.close()


def _wait_until_ready(base: str, process: subprocess.Popen[bytes], data_dir: Path) -> None:
    end = time.monotonic() + START_S_MOST
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urlopen(f"{base}/health/ready", timeout=1) as reply:
                if reply.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.2)
    pytest.fail("the demo did not start:\n" + (data_dir / "demo.log").read_text()[-4000:], pytrace=False)


@contextmanager
def _visitors(chromium: Browser, base: str) -> Iterator[Visit]:
    """Let visitors come to an address; afterwards nothing may have gone wrong in any of their pages."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def note(message: ConsoleMessage, errors: tuple[str, ...]) -> None:
        is_expected = any(word in message.text for word in (*EXPECTED, *errors))
        if message.type == "error" and not is_expected and not message.location["url"].endswith("/favicon.ico"):
            wrong.append(f"{message.text} {message.location['url']}")

    def make(*, scripts: bool = True, errors: tuple[str, ...] = (), **options: Any) -> Visitor:
        settings = {"viewport": DESK, "base_url": base, "locale": "en-GB"} | options
        context = chromium.new_context(java_script_enabled=scripts, **settings)
        context.set_default_timeout(WAIT_MS_MOST)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: note(message, errors))
        return Visitor(page, context, scripts)

    yield make
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def visit(chromium: Browser, demo: Demo) -> Iterator[Visit]:
    """Return a function that makes visitors of the demo: `visit(scripts=False, viewport=PHONE, …)`."""
    with _visitors(chromium, demo.base) as make:
        yield make


@pytest.fixture(scope="session")
def shops(chromium: Browser, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    """Several shops and the service they call, each an origin of its own, until the session ends."""
    with open_shops(cluster, tmp_path_factory.mktemp("shops")) as made:
        yield made


@pytest.fixture
def come(chromium: Browser, shops: Shops) -> Iterator[Visit]:
    """Return a function that makes visitors of the shops; their addresses without a host are the service's."""
    shops.mailbox.clear()
    shops.provider.clear()
    with _visitors(chromium, shops.base) as make:
        yield make


@pytest.fixture(params=[True, False], ids=["scripts on", "scripts off"])
def scripts(request: pytest.FixtureRequest) -> bool:
    """Run the test twice: with scripts and without."""
    return bool(request.param)
