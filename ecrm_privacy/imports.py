"""`ecrm import`: files in, line by line, resumable, and shuffled.

A file is read once and checked; bad lines are reported by number and cause, never by content. A file that cannot be
read to its end is refused before anything of it is taken. The good lines are taken in the order of a permutation: rows
that belong together in several tables must not stand at the same place in each. It follows from the lines and a secret,
so that an import that was interrupted goes on where it was, and whoever has the tables alone can neither put the lines
in order again nor try whether they were certain ones. Only lines about the same one keep the order they have in the
file: the later one counts. Every step may run twice.
"""

import csv
import gzip
import hmac
import io
import random
import zlib
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ecrm_privacy.delivery import store as delivery
from ecrm_privacy.errors import Malformed
from ecrm_privacy.mapping import FieldMapping, read_mapping
from ecrm_privacy.sql import Conn

BATCH_LINES = 500
BAD_LINES_KEPT = 1_000
"""So many bad lines are named; the rest are counted."""


class BadLine(msgspec.Struct, frozen=True):
    """A line that was not taken: its number in the file (from 1) and why."""

    number: int
    cause: str


class Outcome(Protocol):
    """Takes a batch of decoded records and returns one word per record: `stored`, or why not."""

    def __call__(self, records: Sequence[Any], /) -> Awaitable[Sequence[str]]:
        """Store `records`."""


Reader = Callable[[Path, "Importer", Path | None], "tuple[list[bytes], Report]"]
"""`read(path, importer, mapping_file)`: the records of a file as JSON, and what is bad. Raises Malformed."""


class Importer(msgspec.Struct, frozen=True):
    """How one kind of file is taken in: the struct of a line, and who stores a batch.

    `about` is the field that names what a line is about. Lines about the same one are stored in the order of the file,
    and never in the same batch. `reader` reads files of its own kinds.
    """

    kind: str
    record: type[Any]
    store: Outcome
    about: str | None = None
    reader: Reader | None = None


class Report(msgspec.Struct):
    """What became of a file. Of the bad lines, the first ones are named and all are counted.

    `dropped` counts, by what it was, what stood in lines that were taken and was not taken with them.
    """

    lines: int = 0
    outcomes: dict[str, int] = {}
    bad: list[BadLine] = []
    bad_lines: int = 0
    resumed_at: int = 0
    dropped: dict[str, int] = {}

    def refuse(self, number: int, cause: str) -> None:
        """Note a bad line."""
        self.bad_lines += 1
        if len(self.bad) < BAD_LINES_KEPT:
            self.bad.append(BadLine(number, cause))


def rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the numbered rows of a CSV, NDJSON (also gzipped) or Parquet file.

    Raises Malformed for another kind, and where a file cannot be read any further, with the line.
    """
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        yield from _parquet(path)
        return
    if not name.endswith((".csv", ".ndjson", ".jsonl")):
        raise Malformed(f"{path.name}: not a CSV, NDJSON or Parquet file")
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        try:
            yield from _csv(path.name, file) if name.endswith(".csv") else _ndjson(file)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise Malformed(f"{path.name}: not a whole gzip file; nothing of it was taken") from None


def _ndjson(file: Iterable[bytes]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, _json(line)


def _csv(name: str, file: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="") as text:
        reader = csv.DictReader(_utf8(name, text))
        try:
            for row in reader:
                yield reader.line_num, row
        except csv.Error as error:  # its words never quote the file
            line = reader.reader.line_num  # the inner one has counted the line it fails on
            raise Malformed(f"{name}: line {line}: {error}; nothing of the file was taken") from None


def _utf8(name: str, lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if not line.isascii() and any("\udc80" <= letter <= "\udcff" for letter in line):
            raise Malformed(
                f"{name}: line {number} is not UTF-8; nothing of the file was taken."
                " Save it as UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8"
            )
        yield line


def _json(line: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {"": "not JSON"}
    return found if isinstance(found, dict) else {"": "not an object"}


def _parquet(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise Malformed("Parquet needs an extra: pip install 'ecrm-privacy[parquet]'") from None
    number = 0
    try:
        for batch in parquet.ParquetFile(path).iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except ArrowException:
        raise Malformed(f"{path.name}: no Parquet from row {number + 1} on; nothing of it was taken") from None


def read_mapped(path: Path, importer: Importer, mapping_file: Path | None) -> tuple[list[bytes], Report]:
    """Read a file in our own words, or by a mapping file column by column. Raises Malformed."""
    return read(path, importer, read_mapping(mapping_file) if mapping_file else None)


def read(path: Path, importer: Importer, mapping: FieldMapping | None) -> tuple[list[bytes], Report]:
    """Read and check a whole file: the records as JSON in the order of the file, and what is bad."""
    report = Report(outcomes={}, bad=[])
    good: list[bytes] = []
    seen: set[Any] = set()
    later = mapping.later((row for _, row in rows(path)), datetime.now(UTC).date()) if mapping else timedelta()
    for number, row in rows(path):
        report.lines += 1
        made = mapping.apply(row, later) if mapping else row
        if made is None or (mapping and mapping.unique and not _first(made, mapping.unique, seen)):
            report.outcomes["left out"] = report.outcomes.get("left out", 0) + 1
            continue
        try:
            record = msgspec.convert(made, importer.record, strict=mapping is None)
        except msgspec.ValidationError as error:
            report.refuse(number, _cause(str(error)))
            continue
        good.append(msgspec.json.encode(record))
    return good, report


def _first(made: Mapping[str, Any], field: str, seen: set[Any]) -> bool:
    value = made.get(field)
    if value in seen:
        return False
    seen.add(value)
    return True


def _cause(message: str) -> str:
    """A decoder's message, without any value."""
    words, _, place = message.partition(" - at ")
    if words.startswith("Object contains unknown field"):  # without a header line, that name is somebody's data
        words = "a field that is not known (is the first line the names of the columns?)"
    if words.startswith("Invalid"):
        words = "not one of the allowed words"
    if " matching regex" in words:
        words = "not written as it must be"
    return f"{words}, at {place.strip('`')}" if place else words


def order_of(secret: bytes, import_id: bytes) -> bytes:
    """Return the seed of the order in which an import takes its lines."""
    return hmac.digest(secret, b"order/v1" + import_id, "sha256")


def shuffled(lines: Sequence[bytes], importer: Importer, seed: bytes) -> list[bytes]:
    """Return `lines` in the order of a permutation that follows from `seed`.

    Those about the same one share out the places they got in the order in which they came.
    """
    order = list(range(len(lines)))
    random.Random(seed).shuffle(order)  # noqa: S311 -- the seed is secret; the order need only look like none
    if importer.about is None:
        return [lines[number] for number in order]
    places: dict[Any, list[int]] = defaultdict(list)
    for place, number in enumerate(order):
        places[msgspec.json.decode(lines[number])[importer.about]].append(place)
    for same in places.values():
        for place, number in zip(same, sorted(order[place] for place in same), strict=True):
            order[place] = number
    return [lines[number] for number in order]


def batches(records: Sequence[Any], about: str | None, most: int = BATCH_LINES) -> Iterator[Sequence[Any]]:
    """Cut `records` into batches of at most `most`, none of which has two about the same one."""
    batch: list[Any] = []
    seen: set[Any] = set()
    for record in records:
        named = None if about is None else getattr(record, about)
        if len(batch) >= most or (about is not None and named in seen):
            yield batch
            batch, seen = [], set()
        batch.append(record)
        seen.add(named)
    if batch:
        yield batch


async def run(
    path: Path,
    importer: Importer,
    mapping_file: Path | None,
    acquire: Callable[[], AbstractAsyncContextManager[Conn]],
    progress: Callable[[int, int], None],
    secret: bytes,
    *,
    dry_run: bool = False,
) -> Report:
    """Take a file in. `progress(done, total)` is called after each batch. With `dry_run` nothing is changed.

    `secret` (of any length, and the same each time) names the import and gives its order.
    """
    good, report = (importer.reader or read_mapped)(path, importer, mapping_file)
    if dry_run:
        report.outcomes["would be taken"] = len(good)
        return report
    import_id = hmac.digest(secret, b"\n".join((b"import/v1", importer.kind.encode(), *good)), "sha256")
    async with acquire() as conn:
        before = await delivery.import_job(import_id).first(conn)
    counts = Counter(msgspec.json.decode(before.report, type=dict[str, int]) if before else {})
    done = report.resumed_at = before.done if before and before.done < len(good) else 0
    if not done:
        counts.clear()
    lines = shuffled(good, importer, order_of(secret, import_id))
    decoder = msgspec.json.Decoder(importer.record)
    for batch in batches([decoder.decode(line) for line in lines[done:]], importer.about):
        counts.update(await importer.store(batch))
        done += len(batch)
        async with acquire() as conn:
            report_text = msgspec.json.encode(dict(counts)).decode()
            await delivery.note_import(import_id, importer.kind, done, report_text).run(conn)
        progress(done, len(good))
    report.outcomes |= counts
    return report
