"""What was found about the banners of one bundle, as evidence: JSON under its own hash, and a page with the pictures.

`<sha256>.json` says all that was measured and found, which words were shown (the hash of each notice, as receipts name
it) and the hash of each picture; `<sha256>.html` shows it, pictures included, and needs nothing else. The names are the
SHA-256 of the JSON. It says nothing about people: nobody had seen the banner.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ecrm_privacy import __version__
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.notice import notice_hash
from ecrm_privacy.showroom.browser import Shot
from ecrm_privacy.showroom.measures import Form, Measures
from ecrm_privacy.showroom.rules import RULES, Finding, Rule
from ecrm_privacy.showroom.stage import FOLDER
from ecrm_privacy.web.pages import Pages

FORMAT = 1
FORMS = {"first": "first view", "choose": "choices", "form": "without scripts"}


class Shown(msgspec.Struct, frozen=True):
    """A notice that was looked at; `hash` covers every word (SHA-256, hex), the same as in a receipt."""

    site: str
    notice: str
    locale: str
    hash: str


class Looked(msgspec.Struct, frozen=True):
    """One banner that was looked at; `picture` is the SHA-256 (hex) of its picture (JPEG)."""

    site: str
    locale: str
    width: int
    theme: str
    form: Form
    picture: str
    findings: tuple[Finding, ...]
    measures: Measures


class Report(msgspec.Struct, frozen=True):
    """What was found about the banners of the bundle of that hash (hex); `made` is UTC, to the minute."""

    v: int
    bundle: str
    made: datetime
    program: str
    browser: str
    notices: tuple[Shown, ...]
    rules: dict[str, Rule]
    looked: tuple[Looked, ...]

    @property
    def sound(self) -> bool:
        """Whether every notice was looked at in every form and language, and nothing was found."""
        seen = {(each.site, each.locale, each.form) for each in self.looked}
        asked = {(each.site, each.locale, form) for each in self.notices for form in FORMS}
        return asked <= seen and not any(each.findings for each in self.looked)

    def summary(self) -> Iterator[tuple[Finding, list[Looked]]]:
        """Each finding once, with every banner that has it, in the order of the rules."""
        found: dict[Finding, list[Looked]] = {}
        for each in self.looked:
            for finding in each.findings:
                found.setdefault(finding, []).append(each)
        yield from sorted(found.items(), key=lambda item: list(RULES).index(item[0].rule))


class Evidence(msgspec.Struct, frozen=True):
    """A report as it is kept: its name is the SHA-256 of `text`."""

    text: bytes
    page: bytes

    @property
    def hash(self) -> bytes:
        """The name, as bytes."""
        return hashlib.sha256(self.text).digest()

    @property
    def report(self) -> Report:
        """What it says. Raises msgspec.DecodeError for a text that is no report."""
        return msgspec.json.decode(self.text, type=Report)


def evidence(bundle: Bundle, shots: Sequence[Shot], browser: str) -> Evidence:
    """Write down what was found."""
    report = Report(
        FORMAT,
        bundle.hash.hex(),
        datetime.now(UTC).replace(second=0, microsecond=0),
        __version__,
        browser,
        tuple(_shown(bundle)),
        dict(RULES),
        tuple(
            Looked(
                shot.site,
                shot.locale,
                shot.width,
                shot.theme,
                shot.form,
                hashlib.sha256(shot.picture).hexdigest(),
                shot.findings,
                shot.measures,
            )
            for shot in shots
        ),
    )
    text = msgspec.json.Encoder(order="deterministic").encode(report)
    return Evidence(text, _page(report, text, shots).encode())


def _shown(bundle: Bundle) -> Iterator[Shown]:
    for name, site in bundle.sites.items():
        notice = bundle.current_notice(site.notice)
        for locale in site.locales:
            yield Shown(name, notice.name, locale, notice_hash(bundle, notice, locale))


def _page(report: Report, text: bytes, shots: Sequence[Shot]) -> str:
    pictures = {f"{hashlib.sha256(shot.picture).hexdigest()}": b64encode(shot.picture).decode() for shot in shots}
    return Pages(FOLDER / "templates").text(
        "report.html",
        report=report,
        summary=list(report.summary()),
        hash=hashlib.sha256(text).hexdigest(),
        forms=FORMS,
        pictures=pictures,
        groups=_groups(report),
    )


def _groups(report: Report) -> dict[tuple[str, str], dict[tuple[str, str], list[Looked]]]:
    """What was looked at by site and language, then by form and scheme, from light to dark, from narrow to wide."""
    made: dict[tuple[str, str], dict[tuple[str, str], list[Looked]]] = {}
    for each in sorted(report.looked, key=lambda one: (list(FORMS).index(one.form), one.theme != "light", one.width)):
        made.setdefault((each.site, each.locale), {}).setdefault((each.form, each.theme), []).append(each)
    return made


def keep(folder: Path, made: Evidence) -> Path:
    """Put a report into `folder`, under its hash; the page is there before the JSON, by which it is found."""
    folder.mkdir(parents=True, exist_ok=True)
    name = made.hash.hex()
    (folder / f"{name}.html").write_bytes(made.page)
    (folder / f"{name}.json").write_bytes(made.text)
    return folder / f"{name}.html"


def kept(folder: Path, bundle_hash: bytes) -> Evidence | None:
    """The newest sound report about that bundle in `folder`; what is damaged, or not its own hash, is passed over."""
    found: list[tuple[datetime, Evidence]] = []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        text, page = path.read_bytes(), path.with_suffix(".html")
        if hashlib.sha256(text).hexdigest() != path.stem or not page.is_file():
            continue
        made = Evidence(text, page.read_bytes())
        try:
            report = made.report
        except msgspec.DecodeError:
            continue
        if report.v == FORMAT and report.bundle == bundle_hash.hex() and report.sound:
            found.append((report.made, made))
    return max(found, key=lambda pair: pair[0])[1] if found else None
