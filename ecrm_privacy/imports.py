"""`ecrm import`: files in, line by line, resumable, and shuffled.

A file is read once and checked; bad lines are reported by number and cause, never by content. The good ones are taken
in the order of a permutation: rows that belong together in several tables must not stand at the same place in each. It
follows from the lines and a secret, so that an import that was interrupted goes on where it was, and whoever has the
tables alone can neither put the lines in order again nor try whether they were certain ones. Every step may run twice.
"""

import csv
import gzip
import hmac
import io
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ecrm_privacy.delivery import store as delivery
from ecrm_privacy.errors import Malformed
from ecrm_privacy.mapping import FieldMapping, read_mapping
from ecrm_privacy.sql import Conn

BATCH_LINES = 500


class BadLine(msgspec.Struct, frozen=True):
    """A line that was not taken: its number in the file (from 1) and why."""

    number: int
    cause: str


class Outcome(Protocol):
    """Takes a batch of decoded records and returns one word per record: `stored`, or why not."""

    def __call__(self, records: Sequence[Any], /) -> Awaitable[Sequence[str]]:
        """Store `records`."""


class Importer(msgspec.Struct, frozen=True):
    """How one kind of file is taken in: the struct of a line, and who stores a batch."""

    kind: str
    record: type[Any]
    store: Outcome
    check: Callable[[Any], str | None] = lambda _record: None


class Report(msgspec.Struct):
    """What became of a file."""

    lines: int = 0
    outcomes: dict[str, int] = {}
    bad: list[BadLine] = []
    resumed_at: int = 0


def rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the numbered rows of a CSV, NDJSON (also gzipped) or Parquet file. Raises Malformed for another kind."""
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        yield from _parquet(path)
        return
    if not name.endswith((".csv", ".ndjson", ".jsonl")):
        raise Malformed(f"{path.name}: not a CSV, NDJSON or Parquet file")
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        if name.endswith(".csv"):
            yield from enumerate(csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline="")), start=2)
            return
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _json(line)


def _json(line: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return {"": "not JSON"}
    return found if isinstance(found, dict) else {"": "not an object"}


def _parquet(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise Malformed("Parquet needs an extra: pip install 'ecrm-privacy[parquet]'") from None
    number = 0
    for batch in parquet.ParquetFile(path).iter_batches():
        for row in batch.to_pylist():
            number += 1
            yield number, row


def read(path: Path, importer: Importer, mapping: FieldMapping | None) -> tuple[list[bytes], Report]:
    """Read and check a whole file: the records as JSON in the order of the file, and what is bad."""
    report = Report(outcomes={}, bad=[])
    good: list[bytes] = []
    seen: set[Any] = set()
    for number, row in rows(path):
        report.lines += 1
        made = mapping.apply(row) if mapping else row
        if made is None or (mapping and mapping.unique and not _first(made, mapping.unique, seen)):
            report.outcomes["left out"] = report.outcomes.get("left out", 0) + 1
            continue
        try:
            record = msgspec.convert(made, importer.record, strict=mapping is None)
        except msgspec.ValidationError as error:
            report.bad.append(BadLine(number, _cause(str(error))))
            continue
        if (cause := importer.check(record)) is not None:
            report.bad.append(BadLine(number, cause))
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
    mapping = read_mapping(mapping_file) if mapping_file else None
    good, report = read(path, importer, mapping)
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
    random.Random(order_of(secret, import_id)).shuffle(good)  # noqa: S311 -- the seed is secret; the order need only look like none
    decoder = msgspec.json.Decoder(importer.record)
    while done < len(good):
        batch = [decoder.decode(line) for line in good[done : done + BATCH_LINES]]
        counts.update(await importer.store(batch))
        done += len(batch)
        async with acquire() as conn:
            report_text = msgspec.json.encode(dict(counts)).decode()
            await delivery.note_import(import_id, importer.kind, done, report_text).run(conn)
        progress(done, len(good))
    report.outcomes |= counts
    return report
