"""Several shops, and the service that they call, under names of one domain: what a browser meets outside of the demo.

The house is in this process, in a thread with an event loop of its own, so that a test can also be the shop's server,
or look at what is owed; the browser meets it over HTTP, as another origin than the shops.
"""

import asyncio
import re
import shutil
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qs, urlsplit

import uvicorn

from ecrm_privacy.app import site_signals
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.profile import Profile
from ecrm_privacy.consent.store import add_api_key
from ecrm_privacy.vocabulary import Category
from ecrm_privacy.worker import Protocol
from tests.conftest import CHECKOUT, Cluster
from tests.houses import NOTICE, Opened, house_of_its_own, idempotent, token
from tests.mailbox import Mailbox, mail_server
from tests.provider import SECRET, Provider, provider_server

T = TypeVar("T")
DOMAIN = "hollin-reed.localhost"
SHOPS = {"demo": ("tea", "shop"), "paper": ("paper", "shop"), "stall": ("stall", "stall")}
"""Site → its name in the domain, and the notice it shows: the first two share one, the market stall has its own."""
KEY = "a-key-of-the-shop"
PAGE = """<!doctype html><html lang="en"><head><title>A shop</title>
<script type="module" src="{base}/ecrm.js"></script><script type="module" src="/shop.js"></script></head>
<body><h1>A shop</h1><button id="in">Sign in</button> <button id="out">Sign out</button></body></html>"""
SCRIPT = """document.querySelector("#in").onclick = async () => {{
const token = await (await fetch("/token" + location.search)).text();
{0} }};
document.querySelector("#out").onclick = async () => {{ {1} location.reload(); }};"""
DONE_S_MOST = 30.0
YES_PER_MINUTE = 6
"""Few, so that a burst is small, and no further yes is let through for ten seconds: a test is done by then."""
_numbers = count(1)


def snippet(about: str, base: str) -> str:
    """Return what our documentation gives a shop's page to do about something."""
    texts = (page.read_text("utf-8") for page in sorted((CHECKOUT / "docs/how-to").glob("*.md")))
    (found,) = (code for text in texts for code in re.findall(r"```js\n(.*?)```", text, re.S) if about in code)
    return str(found.replace("https://privacy.shop.example", base))


class Shops(NamedTuple):
    """The running service and its shops; `base` is where the preferences and the script are."""

    base: str
    port: int
    opened: Opened
    loop: asyncio.AbstractEventLoop
    mailbox: Mailbox
    provider: Provider

    def at(self, name: str) -> str:
        """Return the address of a shop."""
        return f"http://{name}.{DOMAIN}:{self.port}"

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the house's own event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(DONE_S_MOST)

    def settle(self) -> None:
        """Wait until nothing is owed: messages are sent."""
        self.do(self.opened.settle())

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Let every answer wait for the end of a block."""

        async def hold() -> None:
            async with self.opened.as_admin() as admin, admin.transaction():
                await admin.execute("select from ecrm.ledger_head for update")
                held.set_result(None)
                await asyncio.wrap_future(over)

        held, over = Future[None](), Future[None]()
        holding = asyncio.run_coroutine_threadsafe(hold(), self.loop)
        held.result(DONE_S_MOST)
        try:
            yield
        finally:
            over.set_result(None)
            holding.result(DONE_S_MOST)

    def customer(self, **fields: dict[str, str]) -> str:
        """Make a customer whom the shop knows: `contact={"email": …}`. Returns the number."""
        number = f"C-{next(_numbers):06}"
        profile = Profile(number, {Category(name): values for name, values in fields.items()})
        house = self.opened.house
        assert self.do(house.profiles.put([profile], site_signals(house), Where("demo", "en", "eu"))) == [0]
        return number

    def tell(self, number: str, *answers: dict[str, str], **more: str) -> None:
        """Let the shop's server record what somebody said elsewhere, as `POST /v1/subject/answers` takes it."""
        body = {"notice": NOTICE, "answers": list(answers), "method": "staff", **more}
        headers = {"Authorization": f"Bearer {KEY}", "Ecrm-Subject": number, **idempotent()}
        server = self.opened.browser().http
        reply = self.do(server.post("/v1/subject/answers", json=body, headers=headers))
        assert reply.status_code == 201, reply.text


def _policies(folder: Path, port: int) -> Path:
    """The shipped policy for three shops; the stall asks about a purpose of its own."""
    policies = folder / "policies"
    shutil.copytree(CHECKOUT / "policies", policies)
    demo = (policies / "sites/demo.toml").read_text("utf-8")
    for site, (name, notice) in SHOPS.items():
        here = f'origins = ["http://{name}.{DOMAIN}:{port}"]\ncookie_domain = "{DOMAIN}"'
        text = demo.replace("origins = []", here).replace('notice = "shop"', f'notice = "{notice}"')
        (policies / f"sites/{site}.toml").write_text(text, "utf-8")
    asked = (policies / "notices/shop@1.toml").read_text("utf-8").partition("\n")[2]
    (policies / "notices/stall@1.toml").write_text(f'purposes = ["order", "stall"]\n{asked}', "utf-8")
    purpose = (policies / "purposes/remember.toml").read_text("utf-8")
    (policies / "purposes/stall.toml").write_text(purpose.replace("bit = 1\n", "bit = 40\n"), "utf-8")
    return policies


@contextmanager
def _shop_pages(base: str) -> Iterator[int]:
    """Serve the pages of all shops; the shop's server vouches for the customer whom the page's address names."""
    doors = SCRIPT.format(snippet("JSON.stringify({token})", base), snippet("DELETE", base))
    served = {
        "/": ("text/html", PAGE.format(base=base)),
        "/shop.js": ("text/javascript", doors),
        "/worker.js": ("text/javascript", "onpush = () => {};"),
    }

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            kind, text = served.get(asked.path, ("text/plain", ""))
            if asked.path == "/token":
                text = token(parse_qs(asked.query)["customer"][0])
            self.send_response(200 if text else 404)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@asynccontextmanager
async def _service(cluster: Cluster, folder: Path, listening: socket.socket, **settings: Any) -> AsyncIterator[Opened]:
    async with house_of_its_own(cluster, folder, **settings) as opened:
        async with opened.as_admin() as admin:
            await add_api_key(sha256(KEY.encode()).digest(), "shop", ("consent:write",), 6000).run(admin)
        config = uvicorn.Config(opened.app, lifespan="off", log_config=None, access_log=False, http=Protocol, ws="none")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield opened
        server.should_exit = True
        await serving


@contextmanager
def open_shops(cluster: Cluster, folder: Path) -> Iterator[Shops]:
    """Open everything, with the house in a thread beside the one that drives the browser."""
    (folder / "sms.secret").write_bytes(SECRET)
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        mail_server() as mailbox,
        provider_server() as provider,
        ThreadPoolExecutor(1) as thread,
    ):
        base = f"http://privacy.{DOMAIN}:{listening.getsockname()[1]}"
        with _shop_pages(base) as port:
            settings = {
                "base_url": base, "policies": _policies(folder, port), "plugins": ("personalization.plugin",),
                "smtp_host": "127.0.0.1", "smtp_port": mailbox.port, "smtp_security": "none",
                "sms_url": f"{provider.base}/messages", "sms_secret_file": folder / "sms.secret",
                "push_services": (provider.base,), "yes_per_minute_subject": YES_PER_MINUTE,
            }  # fmt: skip
            opened: Future[tuple[Opened, asyncio.AbstractEventLoop]] = Future()
            ended = asyncio.Event()

            async def serve() -> None:
                try:
                    async with _service(cluster, folder, listening, **settings) as house:
                        opened.set_result((house, asyncio.get_running_loop()))
                        await ended.wait()
                except BaseException as failure:
                    if not opened.done():
                        opened.set_exception(failure)
                    raise

            served = thread.submit(asyncio.run, serve())
            house, loop = opened.result()
            try:
                yield Shops(base, port, house, loop, mailbox, provider)
            finally:
                loop.call_soon_threadsafe(ended.set)
                served.result(DONE_S_MOST)
