"""The documents point at what exists."""

import re
from pathlib import Path

import pytest

from tests.house import source

DOCUMENTS = [path for path in source.files() if path.suffix == ".md"]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_somewhere(document: Path) -> None:
    """Each relative link names a file of the repository, and each fragment a heading in it."""
    broken = [link for link in LINK.findall(_prose(document)) if "://" not in link and not _exists(document, link)]
    assert broken == []


def test_every_document_is_reached() -> None:
    """Each document can be reached from README.md by following links."""
    reached, waiting = set(), [Path("README.md")]
    while waiting:
        document = waiting.pop()
        if document not in reached and document.suffix == ".md":
            reached.add(document)
            links = [link for link in LINK.findall(_prose(document)) if "://" not in link]
            waiting += [_target(document, link)[0] for link in links if _exists(document, link)]
    assert sorted(set(DOCUMENTS) - reached) == []


def _prose(document: Path) -> str:
    text = (source.ROOT / document).read_text("utf-8")
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def _target(document: Path, link: str) -> tuple[Path, str]:
    name, _, fragment = link.partition("#")
    path = (source.ROOT / document.parent / name).resolve() if name else source.ROOT / document
    return (path.relative_to(source.ROOT) if path.is_relative_to(source.ROOT) else path), fragment


def _exists(document: Path, link: str) -> bool:
    path, fragment = _target(document, link)
    if not (source.ROOT / path).exists():
        return False
    return not fragment or fragment in _anchors(path)


def _anchors(document: Path) -> set[str]:
    """The fragments of a document's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", (source.ROOT / document).read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}
