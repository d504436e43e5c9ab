"""What the page loads: small, and nothing in it that a strict page would have to allow."""

import gzip
import re
from pathlib import Path

import msgspec
import pytest

from ecrm_privacy.consent.answer import SaidAnswer
from ecrm_privacy.consent.standing import PermissionRow
from ecrm_privacy.vocabulary import ConsentStatus
from ecrm_privacy.web import texts
from ecrm_privacy.web.answers import BY_BROWSER, AnswerReply
from ecrm_privacy.web.gpp import Gpp
from personalization.collect.events import Event

STATIC = Path(texts.__file__).parent / "static"
SCRIPTS = sorted(path.name for path in STATIC.glob("*.js"))
ECRM_BYTES_MOST = 6_144
LATER_BYTES_MOST = 10_000
PARTS = {"ecrm-choices.js", "ecrm-frames.js"}


def _packed_bytes(name: str) -> int:
    return len(gzip.compress((STATIC / name).read_bytes(), compresslevel=9, mtime=0))


def test_the_script_with_its_styles_is_small() -> None:
    """`/ecrm.js` has at most 6,144 bytes after gzip."""
    assert _packed_bytes("ecrm.js") <= ECRM_BYTES_MOST


def test_what_comes_later_is_small() -> None:
    """Everything that our own pages load besides has at most 10 KB together, and what checks a receipt as much."""
    for later in (["preferences.js", "preferences.css", "banner.css"], ["receipts_check.js", "receipts_check.css"]):
        assert sum(map(_packed_bytes, later)) <= LATER_BYTES_MOST


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_evaluates_text_or_stores_anything(name: str) -> None:
    """No script evaluates text as code or as markup of the page, and none keeps anything in the browser."""
    source = (STATIC / name).read_text("utf-8")
    forbidden = r"\beval\b|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|cssText|<style"
    storage = r"localStorage|sessionStorage|indexedDB|document\.cookie|caches\."
    assert re.findall(f"{forbidden}|{storage}", source) == []


@pytest.mark.parametrize("name", ["preferences.css", "banner.css", "receipts_check.css"])
def test_sheets_know_no_left_and_no_right(name: str) -> None:
    """Sheets use logical properties, so that a right-to-left page is set right."""
    source = (STATIC / name).read_text("utf-8")
    assert re.findall(r"(?<![\w-])(?:margin-|padding-|border-)?(?:left|right)\b\s*:", source) == []


def test_parts_that_a_page_loads_later_are_small() -> None:
    """What the script can load later, and what a page puts before it, has at most 10 KB together after gzip."""
    source = (STATIC / "ecrm.js").read_text("utf-8")
    loaded = {f"ecrm-{name}.js" for name in re.findall(r'\bpart\("(\w+)"\)', source)}
    assert loaded == PARTS
    assert source.count("/static/") == 1
    assert sum(map(_packed_bytes, [*loaded, "signals.js"])) <= LATER_BYTES_MOST


def test_the_types_are_those_of_the_script() -> None:
    """`ecrm.d.ts` names exactly what the script offers: its members, events and elements, and the fields of replies."""
    source, types = ((STATIC / name).read_text("utf-8") for name in ("ecrm.js", "ecrm.d.ts"))
    offered = re.search(r"window\.ecrm = \{\n(.*?)\n\};", source, re.DOTALL)
    assert offered
    members = set(re.findall(r"^  (?:get )?(\w+)(?:\(\) \{|,)$", offered[1], re.MULTILINE))
    assert _declared(types, "Ecrm") == members == {"permissions", "allowed", "open", "answer", "track"}
    assert set(re.findall(r'"(ecrm:\w+)":', types)) == set(re.findall(r'Event\("(ecrm:\w+)"', source))
    assert set(re.findall(r'"(ecrm-\w+)":', types)) == set(re.findall(r'customElements\.define\("(ecrm-\w+)"', source))
    for name, kind in (
        ("EcrmAnswer", SaidAnswer), ("EcrmPermission", PermissionRow), ("EcrmTaken", AnswerReply), ("EcrmGpp", Gpp),
        ("EcrmEvent", Event),
    ):  # fmt: skip
        assert _declared(types, name) == {field.encode_name for field in msgspec.structs.fields(kind)}, name
    for name, words in (("EcrmStatus", set(ConsentStatus)), ("EcrmMethod", {*BY_BROWSER, "gpc"})):
        declared = re.search(rf"type {name} =(.*?);", types, re.DOTALL)
        assert declared
        assert set(re.findall(r'"(\w+)"', declared[1])) == words


def _declared(types: str, interface: str) -> set[str]:
    """The members of an interface of the types."""
    found = re.search(rf"^interface {interface} \{{\n(.*?)^\}}", types, re.DOTALL | re.MULTILINE)
    assert found
    return set(re.findall(r"^  (?:readonly )?(\w+)\??[(:]", found[1], re.MULTILINE))


def test_labels_are_those_that_the_script_asks_for() -> None:
    """The labels of a notice are exactly the words that the script reads and the notice itself does not bring."""
    source = "".join((STATIC / name).read_text("utf-8") for name in ("ecrm.js", *PARTS))
    asked = set(re.findall(r'(?:\blabel|\bline|\bsay|\bbutton)\("(\w+)"', source))
    asked |= set(re.findall(r"notice\.labels\.(\w+)", source))
    asked |= {word for words in re.findall(r"this\.buttons\((.*)\);", source) for word in re.findall(r'"(\w+)"', words)}
    brought_by_the_notice = {"accept_all", "refuse_all", "choose", "save"}
    assert asked - brought_by_the_notice == set(texts.LABELS)
