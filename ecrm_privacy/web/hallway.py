"""What each request brings along: who is calling, which signals, which site and language. Nothing here decides.

Cookies: `__Host-ecrm` names a session (over plain http on loopback: `ecrm`), `ecrm_choice` carries what this browser
chose. The server believes the latter only where it narrows.
"""

from typing import Any, TypeVar

import msgspec
from litestar.connection import ASGIConnection, Request
from litestar.datastructures import Cookie, State

from ecrm_privacy.config import Config
from ecrm_privacy.consent.answer import Said
from ecrm_privacy.consent.desk import Where, hash_token
from ecrm_privacy.errors import KeyMissing, Malformed, Unavailable, UnknownNotice
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.policy import choice
from ecrm_privacy.policy.documents import DEFAULT_REGION, Bundle
from ecrm_privacy.policy.notice import negotiate
from ecrm_privacy.policy.shelf import Shelf
from ecrm_privacy.vocabulary import Answer, Purpose
from ecrm_privacy.web.limits import Rates, client_address, is_from, networks
from ecrm_privacy.web.refusals import TooMany
from ecrm_privacy.web.regions import Regions, open_regions

CHOICE_COOKIE = "ecrm_choice"
CHOICE_MAX_AGE_S = 180 * 86400
SESSION_MAX_AGE_S = 395 * 86400
KEY_CHARS_MIN, KEY_CHARS_MAX = 16, 64

T = TypeVar("T")
AnyRequest = Request[Any, Any, State]
Connection = ASGIConnection[Any, Any, Any, State]


class PlainCookie(Cookie):
    """A cookie whose value goes out as it is: the framework would put quotes around an `@`, and scripts read them."""

    def to_header(self, *, header: str = "Set-Cookie:", **_: Any) -> str:
        """Return the header's text (RFC 6265, section 4.1)."""
        parts = [f"{self.key}={self.value}", f"Max-Age={self.max_age}", f"Path={self.path}", "SameSite=Lax"]
        if self.domain:
            parts.append(f"Domain={self.domain}")
        parts += ["Secure"] if self.secure else []
        parts += ["HttpOnly"] if self.httponly else []
        return f"{header} {'; '.join(parts)}".strip()


class Hallway:
    """Reads requests for the surfaces; made once by the composition root."""

    def __init__(self, config: Config, shelf: Shelf) -> None:
        self._config = config
        self._shelf = shelf
        self._trusted = networks(config.trusted_proxies)
        self._regions: Regions | None = open_regions(config.region_file) if config.region_file else None
        self._rates = Rates(config.yes_per_minute_subject, config.yes_per_minute_address)
        self.session_cookie = "__Host-ecrm" if config.is_https else "ecrm"

    @property
    def origin(self) -> str:
        """The service's own address; links are built from it, never from a Host header."""
        return self._config.origin

    @property
    def preferences(self) -> str:
        """The address at which a person can say anew what they permit."""
        return f"{self.origin}/preferences"

    @property
    def bundle(self) -> Bundle:
        """The policy in force when this worker last looked. Raises Unavailable before it ever did."""
        if self._shelf.latest is None:
            raise Unavailable("no policy is active")
        return self._shelf.latest

    def caller(self, request: Connection) -> Caller:
        """Return whom the session cookie names."""
        token = request.cookies.get(self.session_cookie)
        return Caller(token_hash=hash_token(token) if token else None)

    def signals(self, request: Connection) -> Signals:
        """Return what came with the request and can only narrow."""
        regime = self.bundle.jurisdiction(self.region(request)).regime
        gpc = "1" in (*request.headers.getall("sec-gpc", []), request.query_params.get("gpc"))  # it can only narrow
        site = self._told_site(request)
        if site is None and "authorization" not in request.headers:
            site = self.site(request)
        elsewhere = self.bundle.asked_elsewhere(site) if site else frozenset[Purpose]()
        text = request.cookies.get(CHOICE_COOKIE) or request.headers.get("ecrm-choice")
        if not text:
            return Signals(regime, gpc, elsewhere=elsewhere)
        made = choice.parse(self.bundle, text)
        if made is None:
            return Signals(regime, gpc, closed_all=True, elsewhere=elsewhere)
        return Signals(regime, gpc, made.no_here, answered=made.notice, elsewhere=elsewhere)

    def region(self, request: Connection) -> str:
        """Return the region that a trusted proxy named, else that of the address by the region file.

        Where we look and find none, the strictest law holds; where nobody looks, that of the site, and for servers,
        too: they ask from their own place, which says nothing about the person.
        """
        header = self._config.region_header
        if "authorization" in request.headers or not (header or self._regions):
            return self.bundle.sites[self.site(request)].jurisdiction
        if header and (named := request.headers.get(header)) and is_from(request.scope, self._trusted):
            return named.lower()
        found = self._regions.of(client_address(request.scope, self._trusted)) if self._regions else ""
        return found or DEFAULT_REGION

    @property
    def notice_varies_with(self) -> tuple[str, ...]:
        """Return the headers that decide which notice is shown, whoever looks."""
        named = self._config.region_header
        return ("Origin", "Accept-Language", "Sec-GPC", *((named,) if named else ()))

    def site(self, request: Connection) -> str:
        """Return the site whose origins hold the caller's; for our own pages the one they name, or the first."""
        return self._told_site(request) or next(iter(self.bundle.sites))

    def _told_site(self, request: Connection) -> str | None:
        """Return the site that origin or address tell; None for our own pages that name none, and for servers."""
        origin = request.headers.get("origin", "")
        sites = self.bundle.sites
        for name in sites:
            if origin in self.origins_of(name):
                return name
        named = request.query_params.get("site", "")
        return named if named in sites else None

    def tells_its_shop(self, request: Connection) -> bool:
        """Whether it is known whose answers a page is to hear of: an ordinary script brings no origin along.

        Where all sites show one notice they share the answers.
        """
        if request.headers.get("sec-fetch-site") == "same-origin" or self._told_site(request) is not None:
            return True
        return len({site.notice for site in self.bundle.sites.values()}) == 1

    def origins_of(self, site: str) -> tuple[str, ...]:
        """Return the origins of a site's pages, those of the configuration too."""
        return (*self.bundle.sites[site].origins, *self._config.site_origins.get(site, ()))

    def locale(self, request: Connection) -> str:
        """Return the language of the answer: `?locale=` if the site has it, else by Accept-Language."""
        locales = self.bundle.sites[self.site(request)].locales
        wanted = request.query_params.get("locale", "")
        return wanted if wanted in locales else negotiate(request.headers.get("accept-language", ""), locales)

    def where(self, request: Connection) -> Where:
        """Return site, locale and jurisdiction of the notice this visitor sees."""
        law = self.bundle.jurisdiction(self.region(request))
        return Where(self.site(request), self.locale(request), law.name)

    def check_yes(self, request: Connection, caller: Caller, said: Said) -> Said:
        """Check that a yes is to the notice of its page's site, and count it. A no is neither checked nor counted.

        Returns what is taken: over the rate, of an answer that says both, the no alone. Raises UnknownNotice for the
        notice of another site, TooMany for a yes alone.
        """
        no = tuple(answer for answer in said.answers if answer.answer is not Answer.GIVEN)
        if len(no) == len(said.answers):
            return said
        site, shown = self._told_site(request), self.bundle.notices.get(said.notice)
        if site is not None and shown is not None and shown.notice != self.bundle.sites[site].notice:
            raise UnknownNotice
        try:
            self._rates.count_yes(caller.token_hash, client_address(request.scope, self._trusted))
        except TooMany:
            if not no:
                raise
            return msgspec.structs.replace(said, answers=no)
        return said

    def site_origins(self) -> frozenset[str]:
        """Return every origin that a site's pages may call from."""
        if self._shelf.latest is None:
            return self._config.own_origins
        named = (origin for site in self._shelf.latest.sites.values() for origin in site.origins)
        return self._config.own_origins.union(
            named, (origin for origins in self._config.site_origins.values() for origin in origins)
        )

    def session(self, token: str) -> Cookie:
        """Return the cookie that names a session."""
        return self._cookie(self.session_cookie, token, SESSION_MAX_AGE_S, httponly=True)

    def no_session(self) -> Cookie:
        """Return the cookie that ends a session in this browser."""
        return self._cookie(self.session_cookie, "", 0, httponly=True)

    def choice(self, text: str, site: str) -> Cookie:
        """Return the cookie that says what this browser chose; empty text removes it."""
        domain = self.bundle.sites[site].cookie_domain or None
        return self._cookie(CHOICE_COOKIE, text, CHOICE_MAX_AGE_S if text else 0, httponly=False, domain=domain)

    def _cookie(self, key: str, value: str, max_age_s: int, *, httponly: bool, domain: str | None = None) -> Cookie:
        return PlainCookie(
            key=key, value=value, max_age=max_age_s, path="/", secure=self._config.is_https, httponly=httponly,
            samesite="lax", domain=domain,
        )  # fmt: skip


def idempotency_key(text: str | None) -> str:
    """Return a usable Idempotency-Key. Raises KeyMissing for none, or one outside 16 to 64 characters."""
    if text is None or not KEY_CHARS_MIN <= len(text) <= KEY_CHARS_MAX or not text.isascii():
        raise KeyMissing
    return text


def decode(body: bytes, kind: type[T]) -> T:
    """Decode JSON strictly into `kind`. Raises msgspec.DecodeError, which names the place and never the value."""
    try:
        return msgspec.json.decode(body, type=kind)
    except UnicodeDecodeError:
        raise Malformed("The body is not UTF-8 text.") from None
