"""Logs: one JSON object per line, with fields from an allow-list and nothing else (promise 9).

A line says what happened (`event`, a word from the source), where, and how long it took; never who, never what was
sent. An exception is logged as its class and its place in the source, without message or arguments, because messages
quote values. Lines of libraries are reduced in the same way: their logger, level and place. Whoever needs the words
looks at that place.
"""

import logging
import sys
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, BinaryIO, cast

import msgspec
import structlog

FIELDS = frozenset(
    {
        "event", "level", "at", "where", "error", "logger",             # every line
        "method", "path", "status", "duration_ms", "problem", "request_id",  # a request; `path` is its template
        "reason", "category", "purpose", "need", "slot", "site",        # words of the policy
        "job", "kind", "attempts", "count", "stored", "dropped", "chunk", "due_in_s",
        "leaf_index", "tree_size", "bundle", "migration", "schema", "epoch", "role", "sqlstate", "constraint",
        "host", "port", "workers", "pid", "version", "signal", "exit_code",
    }
)  # fmt: skip
"""Every field that a line may have; docs/reference/logs.md says what each means."""

TEXT_CHARS_MAX = 160
_OURS = ("ecrm_privacy.", "personalization.")
_WITHHELD = "(withheld)"
_FORBIDDEN = frozenset("@\n\r\x00\x1b")
"""An at sign may be an address; the others may forge a line or drive a terminal."""

_encoder = msgspec.json.Encoder(enc_hook=lambda value: type(value).__name__)


def install(stream: BinaryIO | None = None, level: int = logging.INFO) -> None:
    """Send all that is logged in this process, by us or by libraries, through the allow-list to `stream` (stderr)."""
    out = sys.stderr.buffer if stream is None else stream
    lossy = Lossy(out)
    structlog.configure(
        processors=[only_allowed, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", lossy)),
    )
    handler = ReducingHandler(lossy)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # its own complaint would print the arguments
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "asyncpg"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = name != "uvicorn.access"
        library.setLevel(logging.WARNING)


def only_allowed(_: object, level: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Reduce a line to the allow-list (a structlog processor); what was left out is named, not shown."""
    error = line.pop("exc_info", None)
    kept: dict[str, Any] = {"at": _now(), "level": level}
    kept.update((name, _plain(value)) for name, value in line.items() if name in FIELDS)
    if error:
        kept.update(describe(error if isinstance(error, BaseException) else sys.exc_info()[1]))
    left_out = sorted(name for name in line if name not in FIELDS)
    if left_out:
        kept["left_out"] = left_out
    return kept


def render(_: object, __: str, line: Mapping[str, Any]) -> bytes:
    """Encode a line as JSON (a structlog processor)."""
    return _encoder.encode(line)


def describe(error: BaseException | None) -> dict[str, str]:
    """Return an exception's class and the innermost place in our source, or in a library's if it never was in ours."""
    if error is None:
        return {}
    kind = type(error)
    return {"error": f"{kind.__module__}.{kind.__qualname__}", "where": _place(error.__traceback__)}


class Lossy:
    """Where lines go. One that cannot be written, to a full disk or a closed pipe, is lost: nobody fails for it."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, line: bytes) -> int:
        """Write what can be written."""
        with suppress(OSError, ValueError):
            self._out.write(line)
        return len(line)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with suppress(OSError, ValueError):
            self._out.flush()


class ReducingHandler(logging.Handler):
    """Writes lines of the standard library's loggers, those of libraries without their words."""

    def __init__(self, out: Lossy) -> None:
        super().__init__()
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        """Write logger, level, place, and the class and place of an exception.

        Our own rooms' words are shown as they stand in the source, without what would be filled in.
        """
        error = record.exc_info[1] if record.exc_info else None
        for value in record.args if isinstance(record.args, tuple) else ():
            error = value if error is None and isinstance(value, BaseException) else error
        line: dict[str, Any] = {
            "at": _now(),
            "level": record.levelname.lower(),
            "event": _plain(record.msg) if record.name.startswith(_OURS) else "library",
            "logger": _plain(record.name),
            "where": f"{record.module}:{record.funcName}:{record.lineno}",
        }
        line.update(describe(error))
        self._out.write(_encoder.encode(line) + b"\n")
        self._out.flush()


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """Numbers and short words pass; everything else is withheld or named by its type."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        safe = len(value) <= TEXT_CHARS_MAX and not _FORBIDDEN.intersection(value)
        return str(value) if safe else _WITHHELD
    return f"({type(value).__name__})"


def _place(trace: TracebackType | None) -> str:
    place = "unknown"
    ours = False
    while trace is not None:
        frame = trace.tb_frame
        module = str(frame.f_globals.get("__name__", "unknown"))
        is_ours = module.startswith(_OURS)
        if is_ours or not ours:
            place, ours = f"{module}:{frame.f_code.co_name}:{trace.tb_lineno}", ours or is_ours
        trace = trace.tb_next
    return place
