"""Banner and preferences page of a bundle, as answers to requests: no database, no keys, nothing recorded.

The calls and pages have the addresses and the shapes of the service, because the same script asks for them. Behind
every request stands somebody who has said nothing: what is shown is what a first visitor meets.
"""

import mimetypes
import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from ecrm_privacy.consent.answer import Said
from ecrm_privacy.consent.standing import PermissionRow, Standing, permissions
from ecrm_privacy.gate.types import Signals
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.notice import NoticePayload, Notices
from ecrm_privacy.policy.theme import stylesheet
from ecrm_privacy.rights.deadline import answered_by
from ecrm_privacy.vocabulary import Answer, ConsentStatus
from ecrm_privacy.web import letter
from ecrm_privacy.web.answers import Asked, NoticeReply, PermissionsReply
from ecrm_privacy.web.pages import STATIC, Pages
from ecrm_privacy.web.texts import labels, texts

FOLDER = Path(__file__).parent
HTML, JSON = "text/html; charset=utf-8", "application/json"
NOBODY = "preview"
"""The receipt of an answer that nobody recorded."""
SCHEME = b"(prefers-color-scheme: %s)"
POLICY = "default-src 'self'; frame-ancestors 'self'; form-action 'self'; base-uri 'none'"


class Request(msgspec.Struct, frozen=True):
    """What a browser asks for; `target` is path and query."""

    method: str
    target: str
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path alone."""
        return urlsplit(self.target).path

    @property
    def query(self) -> Mapping[str, str]:
        """The query, the last value of each name."""
        return dict(parse_qsl(urlsplit(self.target).query))


class Reply(msgspec.Struct, frozen=True):
    """What it gets."""

    body: bytes
    media_type: str = HTML
    status: int = 200

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every answer: nothing is kept, nothing comes from elsewhere."""
        return {"Content-Type": self.media_type, "Cache-Control": "no-store", "Content-Security-Policy": POLICY}


class Scene(msgspec.Struct, frozen=True):
    """What is asked to be shown: `theme` is light or dark, or '' for what the browser prefers."""

    site: str
    locale: str
    theme: str = ""
    gpc: bool = False


class Stage:
    """Shows one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._notices = Notices()
        self._pages = Pages(FOLDER / "templates")

    def reply(self, request: Request) -> Reply:
        """Answer one request."""
        path, scene = request.path, self._scene(request.query)
        if path == "/banner":
            return self._page(scene, scripts=request.query.get("form") != "form")
        if path == "/preferences":
            return self._preferences(scene)
        if path == "/v1/permissions":
            question = self._notice(scene)
            version = question.notice.version
            return _json(PermissionsReply(self._rows(scene), version, answer_due=True, question=question))
        if path == "/v1/notice":
            return _json(self._notice(scene))
        if path == "/v1/answers" and request.method == "POST":
            return self._answer(scene, request)
        if path == "/theme.css":
            return Reply(_schemed(stylesheet(self.bundle.sites[scene.site].theme).encode(), scene), "text/css")
        if path == "/ecrm.js":
            return Reply((STATIC / "ecrm.js").read_bytes(), "text/javascript")
        if path.startswith("/static/"):
            return self._static(path.removeprefix("/static/"), scene)
        return Reply(b"There is no such page here.", "text/plain", 404)

    def scenes(self) -> list[Scene]:
        """Every site in each of its languages."""
        return [Scene(name, locale) for name, site in self.bundle.sites.items() for locale in site.locales]

    def _scene(self, query: Mapping[str, str]) -> Scene:
        site = query.get("site", "")
        if site not in self.bundle.sites:
            site = next(iter(self.bundle.sites))
        locales = self.bundle.sites[site].locales
        locale = query.get("locale", "")
        theme = query.get("theme", "")
        return Scene(
            site,
            locale if locale in locales else locales[0],
            theme if theme in {"light", "dark"} else "",
            query.get("gpc") == "1",
        )

    def _shown(self, scene: Scene) -> NoticePayload:
        region = self.bundle.sites[scene.site].jurisdiction
        return self._notices.of(self.bundle, scene.site, scene.locale, region)

    def _rows(self, scene: Scene) -> tuple[PermissionRow, ...]:
        signals = Signals(self._shown(scene).regime, gpc=scene.gpc)
        return permissions(Standing(self.bundle, datetime.now(UTC).date()), signals)

    def _notice(self, scene: Scene) -> NoticeReply:
        shown = self._shown(scene)
        asked = tuple(Asked(**msgspec.structs.asdict(purpose)) for purpose in shown.purposes)
        return NoticeReply(
            shown.notice, asked, shown.jurisdiction, shown.regime, scene.gpc, labels(scene.locale), answer_due=True
        )

    def _answer(self, scene: Scene, request: Request) -> Reply:
        """What an answer would bring, without taking it."""
        try:
            said = msgspec.json.decode(request.body, type=Said)
        except msgspec.DecodeError:  # a form, without scripts
            return self._page(scene, scripts=False, due=False)
        given = {answer.rule for answer in said.answers if answer.answer is Answer.GIVEN}
        rows = [
            msgspec.structs.replace(row, allowed=True, status=ConsentStatus.GIVEN)
            if (row.purpose, row.channel or "", row.recipient or "") in given
            else row
            for row in self._rows(scene)
        ]
        body = {"receipt_id": NOBODY, "leaf_index": 0, "permissions": rows, "answer_due": False}
        return _json({**body, "receipt_url": f"/receipts/{NOBODY}"}, 201)

    def _page(self, scene: Scene, *, scripts: bool, due: bool = True) -> Reply:
        shown = self._shown(scene)
        text = self._pages.text(
            "banner.html",
            t=texts(scene.locale),
            scene=scene,
            scripts=scripts,
            controller=self.bundle.sites[scene.site].controller.name,
            notice=shown.notice,
            gpc=scene.gpc,
            answer_due=due and not scripts,
            idempotency_key=secrets.token_urlsafe(24),
            return_to="/",
        )
        return Reply(text.encode())

    def _preferences(self, scene: Scene) -> Reply:
        shown, t = self._shown(scene), texts(scene.locale)
        nothing: dict[Any, date] = {}
        today = datetime.now(UTC).date()
        text = self._pages.text(
            "preferences.html",
            t=t,
            locale=scene.locale,
            notice=shown.notice,
            rows=letter.rows(shown, nothing, self._rows(scene), t),
            known=[],
            used=[],
            receipts=[],
            flash=None,
            gpc=scene.gpc,
            signed_in=None,
            idempotency_key=secrets.token_urlsafe(24),
            answer_due=True,
            address="/preferences",
            embedded=False,
            view="",
            contact=self.bundle.sites[scene.site].controller.contact,
            rights=letter.rights(
                Standing(self.bundle, today), self._rows(scene), (), answered_by(today), scene.locale, t
            ),
        )
        query = f"site={scene.site}&amp;theme={scene.theme}"
        text = text.replace('.css">', f'.css?{query}">')
        return Reply(text.encode())

    def _static(self, name: str, scene: Scene) -> Reply:
        """Files of the service and of the showroom; a theme that was asked for is put in place of what is preferred."""
        for folder in (STATIC, FOLDER / "static"):
            path = folder / name
            if "/" not in name and path.is_file():
                body = path.read_bytes()
                if path.suffix == ".css":
                    body = _schemed(body, scene)
                return Reply(body, mimetypes.guess_type(name)[0] or "application/octet-stream")
        return Reply(b"There is no such file.", "text/plain", 404)


def _schemed(css: bytes, scene: Scene) -> bytes:
    """A stylesheet in the scheme that was asked for, whatever the browser prefers."""
    if not scene.theme:
        return css
    for scheme in ("light", "dark"):
        css = css.replace(SCHEME % scheme.encode(), b"all" if scheme == scene.theme else b"not all")
    return css.replace(b"color-scheme: light dark", f"color-scheme: {scene.theme}".encode())


def _json(value: Any, status: int = 200) -> Reply:
    return Reply(msgspec.json.encode(value), JSON, status)
