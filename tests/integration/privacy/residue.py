"""What is left of somebody in the files of a data folder: heap, indexes, statistics, the log written ahead.

The files are read as they lie there, of a server that was stopped or has just made a checkpoint, by somebody who has
the disk and needs no password. Of the log written ahead only that is read which is still needed: from the redo point of
the last checkpoint on; every other file is read whole.

    python -m tests.integration.privacy.residue DATA_DIR

looks in any data folder for everybody whom the erasure journal beside its key file knows: it names a subject by a keyed
hash alone, so each sixteen bytes that could be a subject's name are hashed and compared.
"""

import re
import subprocess
import sys
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from ecrm_privacy.config import Config
from ecrm_privacy.database import binaries
from ecrm_privacy.rights.journal import Journal
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vocabulary import SubjectId

WAL_PAGE_BYTES = 8192
WAL_HEADER_BYTES, WAL_FIRST_HEADER_BYTES = 24, 40
WINDOW = 8
UUID_4 = re.compile(rb"(?s)(?=(.{6}[\x40-\x4f].[\x80-\xbf].{7}))")
"""Sixteen bytes that can be a random UUID (RFC 9562, 5.4), at any place, also where two overlap."""


class Left(NamedTuple):
    """What was found: of whom or what, in which spelling, in which file."""

    what: str
    spelling: str
    file: str


def spellings(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Return a binary value as it could lie in a file: as it is, and as text somebody would make of it."""
    yield "raw", value
    yield "hex", value.hex().encode()
    yield "hex in capitals", value.hex().upper().encode()
    yield "base64", b64encode(value).rstrip(b"=")[:-1]
    if len(value) == 16:
        yield "uuid", str(UUID(bytes=value)).encode()


def look(files: Mapping[str, bytes], names: Mapping[str, bytes]) -> list[Left]:
    """Return every trace of `names` in `files`: of what is binary, and of words as the bytes that they are."""
    patterns = [(what, spelling, raw) for what, value in names.items() for spelling, raw in spellings(value)]
    likely: dict[int, set[int]] = defaultdict(set)
    for place, (_, _, raw) in enumerate(patterns):
        for window in _windows_within(raw):
            likely[window].add(place)
    short = {place for place, (_, _, raw) in enumerate(patterns) if len(raw) < 2 * WINDOW - 1}
    found = []
    for file, content in files.items():
        met = likely.keys() & _windows(content)
        for place in sorted(short.union(*(likely[window] for window in met))):
            what, spelling, raw = patterns[place]
            if raw in content:
                found.append(Left(what, spelling, file))
    return found


def _windows(content: bytes) -> set[int]:
    """Return every eighth window of eight bytes: whatever has fifteen bytes or more has one of its own among them."""
    return set(memoryview(content)[: len(content) // WINDOW * WINDOW].cast("Q"))


def _windows_within(raw: bytes) -> Iterator[int]:
    """Return those windows of a pattern one of which is met wherever it stands."""
    if len(raw) >= 2 * WINDOW - 1:
        for offset in range(WINDOW):
            yield int.from_bytes(raw[offset : offset + WINDOW], sys.byteorder)


def erased(files: Mapping[str, bytes], journal: Journal) -> list[Left]:
    """Return every name of a subject in `files` that the journal says was erased."""
    gone = journal.read().done
    met: dict[bytes, bool] = {}
    found = []
    for file, content in files.items():
        for candidate in {match[1] for match in UUID_4.finditer(content)}:
            if candidate not in met:
                met[candidate] = journal.name(SubjectId(UUID(bytes=candidate))) in gone
            if met[candidate]:
                found.append(Left("a subject that was erased", "raw", file))
    return found


def files_of(folder: Path, database: int | None = None) -> dict[str, bytes]:
    """Read every file below `folder` by its name; of the server's databases only the one with that number, if given.

    `folder` is a data folder: `postgres/data` in it is the server's, or it is `data` itself.
    """
    server = next((one for one in (folder / "postgres" / "data", folder / "data") if one.is_dir()), folder)
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        inside = path.relative_to(server).parts if path.is_relative_to(server) else ()
        other = inside[:1] == ("base",) and database is not None and inside[1:2] != (str(database),)
        if path.is_file() and not path.is_symlink() and not other and inside[:1] != ("pg_wal",):
            found[str(name)] = path.read_bytes()
    if (server / "pg_wal").is_dir():
        found |= {f"pg_wal/{name}": content for name, content in needed(server)}
    return found


def needed(server: Path) -> Iterator[tuple[str, bytes]]:
    """Return the log written ahead from the redo point of the last checkpoint on, without the headers of its pages."""
    told = subprocess.run(
        [str(binaries.binary("pg_controldata")), str(server)],
        capture_output=True, check=True, text=True, env=binaries.ENVIRONMENT,
    ).stdout  # fmt: skip
    fields = dict(re.findall(r"^([^:]+):\s+(\S.*)$", told, re.MULTILINE))
    high, low = (int(part, 16) for part in fields["Latest checkpoint's REDO location"].split("/"))
    first, size = fields["Latest checkpoint's REDO WAL file"], int(fields["Bytes per WAL segment"])
    for path in sorted((server / "pg_wal").iterdir()):
        if re.fullmatch(r"[0-9A-F]{24}", path.name) and path.name[8:] >= first[8:]:
            content = path.read_bytes().rstrip(b"\0")
            skip = (high << 32 | low) % size if path.name == first else 0
            yield path.name, _records(content, skip)


def _records(content: bytes, skip: int) -> bytes:
    """Put the pages of a segment together as the records that they carry: one may go on from page to page."""
    pages = []
    for start in range(skip - skip % WAL_PAGE_BYTES, len(content), WAL_PAGE_BYTES):
        header = WAL_FIRST_HEADER_BYTES if start == 0 else WAL_HEADER_BYTES
        pages.append(content[max(start + header, skip) : start + WAL_PAGE_BYTES])
    return b"".join(pages)


def main(folder: Path) -> int:
    """Say what is left of those who were erased; 0 if nothing is."""
    config = Config(data_dir=folder)
    journal = Journal(config.key_file.with_name("erasures.journal"), Keyring.load(config.key_file))
    files = files_of(folder)
    found = Counter(left.file for left in erased(files, journal))
    size = sum(map(len, files.values()))
    print(f"{len(files)} files, {size:,} bytes, {len(journal.read().done)} people erased")
    for file, count in sorted(found.items()):
        print(f"  {file}: {count} of them are named")
    print(
        "nothing is left" if not found else "what lies deleted in a table goes when upkeep writes it anew, once a day"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
