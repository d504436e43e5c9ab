"""Serves a policy folder that is not in force, on this machine alone: every language, width and scheme side by side.

The page asks every second whether a file has changed, and shows the new one. Documents with problems are shown as their
problems. Nothing is recorded: an answer that is pressed here is forgotten with the request.
"""

from collections.abc import Callable
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from urllib.parse import urlencode, urlsplit

import msgspec

from ecrm_privacy.errors import PolicyRefused, StartRefused
from ecrm_privacy.policy.load import load
from ecrm_privacy.showroom.measures import THEMES, WIDTHS
from ecrm_privacy.showroom.stage import FOLDER, HTML, Reply, Request, Scene, Stage
from ecrm_privacy.web.pages import STATIC, Pages

HOST = "127.0.0.1"
BODY_MOST = 32_768
HOSTS = frozenset({HOST, "localhost"})


class Frame(msgspec.Struct, frozen=True):
    """One banner on the matrix page."""

    address: str
    width: int
    height: int
    theme: str


class Preview:
    """A policy folder as pages, read anew whenever a file in it, or of the banner, has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pages = Pages(FOLDER / "templates")
        self._lock = Lock()
        self._stamp = ""
        self._stage: Stage | None = None
        self._problems: tuple[str, ...] = ()

    def stamp(self) -> str:
        """A word for the state of all the files that are shown; another one when one of them changed."""
        paths = (*self._folder.rglob("*.toml"), *STATIC.iterdir(), *(FOLDER / "static").iterdir())
        states = sorted(f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}" for path in paths if path.is_file())
        return sha256("\n".join(states).encode()).hexdigest()[:16]

    def reply(self, request: Request) -> Reply:
        """Answer one request."""
        stamp = self.stamp()
        if request.path == "/stamp":
            return Reply(stamp.encode(), "text/plain")
        with self._lock:
            if stamp != self._stamp:
                self._read(stamp)
        if request.path == "/":
            return self._matrix(request)
        if self._stage is None and not request.path.startswith("/static/"):
            return self._matrix(request)
        return (self._stage or _EMPTY).reply(request)

    def _read(self, stamp: str) -> None:
        try:
            self._stage, self._problems = Stage(load(self._folder)), ()
        except PolicyRefused as refused:
            self._stage, self._problems = None, tuple(str(refused).splitlines())
        self._stamp = stamp

    def _matrix(self, request: Request) -> Reply:
        scenes = self._stage.scenes() if self._stage else []
        asked = request.query
        shown = next(
            (s for s in scenes if (s.site, s.locale) == (asked.get("site", s.site), asked.get("locale"))), None
        )
        shown = shown or next(iter(scenes), None)
        gpc = asked.get("gpc") == "1"
        text = self._pages.text(
            "matrix.html",
            problems=self._problems,
            stamp=self._stamp,
            scenes=scenes,
            shown=shown,
            gpc=gpc,
            rows=_rows(shown, gpc=gpc) if shown else {},
        )
        return Reply(text.encode(), HTML)


def _rows(scene: Scene, *, gpc: bool) -> dict[str, list[Frame]]:
    """What stands side by side: the banner with scripts and without, and the preferences page."""
    kinds = {
        "With scripts": "/banner?form=script&",
        "Without scripts": "/banner?form=form&",
        "Preferences": "/preferences?",
    }
    same = {"site": scene.site, "locale": scene.locale, **({"gpc": "1"} if gpc else {})}
    return {
        name: [
            Frame(start + urlencode({**same, "theme": theme}), width, height, theme)
            for theme in THEMES
            for width, height in WIDTHS.items()
        ]
        for name, start in kinds.items()
    }


class _Nothing:
    """Shows nothing but the showroom's own files, while the documents cannot be read."""

    def reply(self, request: Request) -> Reply:
        for folder in (STATIC, FOLDER / "static"):
            path = folder / request.path.removeprefix("/static/")
            if path.parent == folder and path.is_file():
                kind = "text/css" if path.suffix == ".css" else "text/javascript"
                return Reply(path.read_bytes(), kind)
        return Reply(b"There is no such file.", "text/plain", 404)


_EMPTY = _Nothing()


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """Listen on loopback. Raises StartRefused for a folder that is not there and a port that is taken."""
    if not folder.is_dir():
        raise StartRefused(f"{folder}: no such folder")
    try:
        return ThreadingHTTPServer((HOST, port), _handler(Preview(folder).reply))
    except OSError as error:
        raise StartRefused(f"port {port}: {error.strerror}; choose another with --port") from None


def _handler(reply: Callable[[Request], Reply]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Hands requests on; those under a foreign name, as a page elsewhere could send them, are refused."""

        def do_GET(self) -> None:
            self._hand_on(b"")

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self._hand_on(self.rfile.read(min(length, BODY_MOST)))

        def _hand_on(self, body: bytes) -> None:
            host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
            given = (
                reply(Request(self.command, self.path, body))
                if host in HOSTS
                else Reply(b"This is for this machine alone.", "text/plain", 421)
            )
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(given.body)))
            self.end_headers()
            self.wfile.write(given.body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
