"""Mapping files: which column of somebody else's file becomes which field of ours. TOML, one rule per field.

unique = "customer_number"                  # of several rows with the same value only the first counts
required = ["CustomerID"]                   # rows without these columns are left out, and counted

[fields]
customer_number = {column = "CustomerID", pad = 6, prefix = "C-"}
"price.amount_minor" = {column = "UnitPrice", scale = 100}
"price.currency" = {value = "GBP"}
type = {column = "InvoiceNo", starts = {C = "return"}, otherwise = "purchase"}
event_id = {join = ["InvoiceNo", "StockCode"]}
at = {column = "InvoiceDate", format = "%Y-%m-%d %H:%M:%S"}

[shift]                                     # moves times by whole days, so that the newest is of today (or `days = N`)
newest = "now"
"""

import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ecrm_privacy.errors import Malformed


class FieldRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a field's value comes from: a `column`, a fixed `value`, or several columns `join`ed by a hyphen."""

    column: str | None = None
    value: Any = None
    join: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""
    pad: int = 0
    scale: int | None = None
    absolute: bool = False
    starts: dict[str, str] = {}
    otherwise: str | None = None
    format: str | None = None
    default: Any = None

    def of(self, row: Mapping[str, Any], later: timedelta = timedelta()) -> Any:
        """Return the field's value for a row, a time so much `later`; None where it has none.

        Raises ValueError for an unreadable one.
        """
        if self.column is None and not self.join:
            return self.value
        raw = "-".join(_text(row.get(name)) for name in self.join) if self.join else _text(row.get(self.column or ""))
        if not raw:
            return self.default
        if self.starts or self.otherwise is not None:
            return next((word for start, word in self.starts.items() if raw.startswith(start)), self.otherwise)
        if self.format is not None:
            return (_moment(raw, self.format) + later).isoformat()
        if self.scale is not None or self.absolute:
            return self._number(raw)
        return f"{self.prefix}{raw.zfill(self.pad)}{self.suffix}"

    def _number(self, raw: str) -> int:
        try:
            number = Decimal(raw) * (self.scale or 1)
        except InvalidOperation:
            raise ValueError("not a number") from None
        return round(abs(number) if self.absolute else number)


@lru_cache(maxsize=1024)  # lines of one purchase follow each other, and this is what takes longest about a line
def _moment(raw: str, written: str) -> datetime:
    moment = datetime.strptime(raw, written)  # noqa: DTZ007 -- the zone is set on the next line
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(value: Any) -> str:
    """A cell as text; numbers that are whole lose their `.0`, because spreadsheets add it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


class Shift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By how many whole days times move: so many `days`, or as many as lie between the newest one and today."""

    days: Annotated[int, Meta(ge=-36_525, le=36_525)] | None = None
    newest: Literal["now"] | None = None

    def __post_init__(self) -> None:
        """Raise ValueError, which decoding turns into its own error, unless it says exactly one of the two."""
        if (self.days is None) == (self.newest is None):
            raise ValueError('shift: either days = N or newest = "now"')


class FieldMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole mapping file."""

    fields: dict[str, FieldRule]
    unique: str | None = None
    required: tuple[str, ...] = ()
    shift: Shift | None = None

    def later(self, rows: Iterable[Mapping[str, Any]], today: date) -> timedelta:
        """Return by how much the times of a file with these rows move; it is read only if its newest time is asked."""
        if self.shift is None:
            return timedelta()
        if self.shift.days is not None:
            return timedelta(days=self.shift.days)
        newest = max((moment for row in rows for moment in self._days(row)), default=today)
        return today - newest

    def _days(self, row: Mapping[str, Any]) -> list[date]:
        found = []
        for rule in self.fields.values():
            with suppress(ValueError, TypeError):  # reported as a bad line when the row is taken
                if rule.format is not None and (moment := rule.of(row)) is not None:
                    found.append(datetime.fromisoformat(moment).astimezone(UTC).date())
        return found

    def apply(self, row: Mapping[str, Any], later: timedelta = timedelta()) -> dict[str, Any] | None:
        """Return our record for a row, its times so much `later`, or None where a required column is empty."""
        if any(not _text(row.get(column)) for column in self.required):
            return None
        made: dict[str, Any] = {}
        for name, rule in self.fields.items():
            try:
                value = rule.of(row, later)
            except (ValueError, OverflowError):
                value = object  # nothing decodes from this: the line is reported with the field's name
            if value is not None:
                *folders, leaf = name.split(".")
                place = made
                for folder in folders:
                    place = place.setdefault(folder, {})
                place[leaf] = value
        return made


def read_mapping(path: Path) -> FieldMapping:
    """Read a mapping file. Raises Malformed naming what is wrong."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), FieldMapping)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Malformed(f"{path.name}: {error}") from error
