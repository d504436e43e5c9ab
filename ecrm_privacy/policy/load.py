"""From a folder of TOML files to a checked bundle, and back from its canonical JSON.

Both ways run through the same steps on the same plain tree, so a stored bundle means what its files meant. A document
is read field by field: the author gets every problem of every file at once.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

import msgspec

from ecrm_privacy.errors import PolicyRefused
from ecrm_privacy.policy.check import cross_problems, is_name
from ecrm_privacy.policy.documents import (
    Bundle,
    CategoryDocument,
    ChannelDocument,
    EventDocument,
    JurisdictionDocument,
    NoticeDocument,
    PurposeDocument,
    RecipientDocument,
    SiteDocument,
    SlotDocument,
)

FORMAT = 1
"""Version of the stored JSON *and* of what `decide` makes of it: whoever changes either gives it the next number, so
that rows compiled by an older program are never taken for the new program's."""

FOLDERS: Mapping[str, type[msgspec.Struct]] = {
    "purposes": PurposeDocument,
    "categories": CategoryDocument,
    "recipients": RecipientDocument,
    "channels": ChannelDocument,
    "jurisdictions": JurisdictionDocument,
    "slots": SlotDocument,
    "sites": SiteDocument,
    "notices": NoticeDocument,
}
TABLES: Mapping[str, Any] = {"events": EventDocument, "pages": tuple[str, ...]}

Tree = Mapping[str, Mapping[str, Any]]
"""Section → document's name → what the file says, in plain values."""


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    documents: dict[str, dict[str, Any]]


def load(folder: Path) -> Bundle:
    """Read, check and hash the policy in `folder`. Raises PolicyRefused, which lists every problem by file and key."""
    tree, unread, problems = _read(folder)
    return _build(tree, canonical(tree), unread, problems)


def from_documents(documents: bytes) -> Bundle:
    """Make a bundle again from its stored canonical JSON. Raises PolicyRefused as `load` does."""
    try:
        stored = msgspec.json.decode(documents, type=_Stored)
    except msgspec.DecodeError as error:
        raise PolicyRefused(f"stored policy: {error}") from error
    if stored.v != FORMAT:
        raise PolicyRefused(f"stored policy: format {stored.v}, this program reads {FORMAT}")
    if canonical(stored.documents) != documents:
        raise PolicyRefused("stored policy: not in canonical form")
    return _build(stored.documents, documents, {}, [])


def canonical(tree: Tree) -> bytes:
    """The one JSON text of a tree: sorted keys, no spaces, UTF-8, format version first."""
    plain = {section: dict(documents) for section, documents in tree.items()}
    return msgspec.json.Encoder(order="deterministic").encode(_Stored(FORMAT, plain))


def _read(folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, set[str]], list[str]]:
    """The tree of `folder`, the names (by section) of documents that are no TOML, and the problems so far."""
    if not folder.is_dir():
        raise PolicyRefused(f"{folder}: no such folder")
    tree: dict[str, dict[str, Any]] = {section: {} for section in _KINDS}
    unread: dict[str, set[str]] = {}
    problems: list[str] = []
    for path in sorted(folder.rglob("*.toml")):
        file = path.relative_to(folder)
        section, *name = file.parent.joinpath(path.stem).parts
        if not (section in FOLDERS and len(name) == 1) and not (section in TABLES and not name):
            problems.append(f"{file}: the policy has no such place")
            continue
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            problems.append(f"{file}: not TOML: {error}")
            unread.setdefault(section, set()).update(name)
            continue
        if name:
            tree[section][name[0]] = content
        else:
            tree[section] = content
    return tree, unread, problems


def _build(tree: Tree, documents: bytes, unread: Mapping[str, set[str]], problems: list[str]) -> Bundle:
    problems = [*problems, *(f"{section}: the policy has no such place" for section in tree if section not in _KINDS)]
    sections: dict[str, Any] = {section: _section(section, tree.get(section, {}), problems) for section in _KINDS}
    bundle = Bundle(hash=hashlib.sha256(documents).digest(), documents=documents, **sections)
    names = {section: frozenset(tree.get(section, ())) | unread.get(section, set()) for section in _KINDS}
    problems += cross_problems(bundle, names)
    if problems:
        raise PolicyRefused("\n".join(sorted(set(problems))))
    return bundle


class _Place(NamedTuple):
    """Where in the files a value stands, for people."""

    file: str
    key: str = ""

    def down(self, name: str) -> "_Place":
        return _Place(self.file, f"{self.key}.{name}" if self.key else name)

    def says(self, what: str) -> str:
        return f"{self.file}: {self.key}: {what}" if self.key else f"{self.file}: {what}"


def _section(section: str, raw: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """The documents of `section` that can be read; what cannot is in `problems`."""
    read: dict[str, Any] = {}
    for name, content in sorted(raw.items()):
        if not is_name(section, name):
            form = "name@version" if section == "notices" else "small letters, digits, . _ -"
            problems.append(f"{section}: {name}: not a name ({form})")
            continue
        before = len(problems)
        place = _Place(f"{section}/{name}.toml") if section in FOLDERS else _Place(f"{section}.toml", name)
        if isinstance(content, dict) and "name" in content:
            problems.append(place.down("name").says("no such key; a document is named by its file"))
        named = {**content, "name": name} if isinstance(content, dict) else content
        value = _decode(_KINDS[section], named, place, problems)
        if len(problems) == before:
            read[name] = value
    return read


def _decode(kind: Any, raw: Any, place: _Place, problems: list[str]) -> Any:
    """`raw` as a `kind`; goes down into structs and tables, so that each adds its own problem to `problems`."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(raw, dict):
        return _decode_struct(kind, raw, place, problems)
    if get_origin(kind) is dict and isinstance(raw, dict):
        of_name, of_value = get_args(kind)
        return {
            _decode(of_name, name, place.down(name), problems): _decode(of_value, value, place.down(name), problems)
            for name, value in raw.items()
        }
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        what, _, inside = str(error).replace("`", "").partition(" - at $")
        problems.append(_Place(place.file, place.key + inside).says(what[:1].lower() + what[1:]))
        return None


def _decode_struct(
    kind: type[msgspec.Struct], raw: dict[str, Any], place: _Place, problems: list[str]
) -> msgspec.Struct | None:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    before = len(problems)
    problems += [place.down(name).says("no such key") for name in raw if name not in fields]
    problems += [
        place.down(name).says("missing") for name, field in fields.items() if field.required and name not in raw
    ]
    known = {name: value for name, value in raw.items() if name in fields}
    values = {name: _decode(fields[name].type, value, place.down(name), problems) for name, value in known.items()}
    return None if len(problems) > before else kind(**values)


_KINDS: Mapping[str, Any] = {**FOLDERS, **TABLES}
