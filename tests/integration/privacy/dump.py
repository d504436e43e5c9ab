"""A logical dump of the whole database, as somebody holds it who stole it: text, and the rows in the dump's own order.

It is made by PostgreSQL's own program under the administrator, so it lacks nothing that a dump can have.
"""

import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ecrm_privacy.database import binaries
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.postgres import ADMIN_ROLE

ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Table(msgspec.Struct, frozen=True):
    """One table: its columns, and its rows where they stood, each value as text or None."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]

    def dicts(self) -> list[dict[str, Any]]:
        """Return the rows by column."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Dump(msgspec.Struct, frozen=True):
    """The dump's text, and its tables by name."""

    text: bytes
    tables: Mapping[str, Table]

    def __getitem__(self, name: str) -> list[dict[str, Any]]:
        return self.tables[name].dicts()

    def values(self) -> Iterator[bytes]:
        """Return every binary value of every table."""
        values = (value for table in self.tables.values() for row in table.rows for value in row)
        return (bytes.fromhex(value[2:]) for value in values if value and value.startswith("\\x"))

    def binary(self) -> bytes:
        """Return all of them, one per line."""
        return b"\n".join(self.values())


def take(address: Address, admin_password: str) -> Dump:
    """Dump the database at `address`."""
    program = [str(binaries.binary("pg_dump")), "--no-password", "--username", ADMIN_ROLE]
    where = ["--host", address.host, "--port", str(address.port), address.database]
    environment = {**binaries.ENVIRONMENT, "PGPASSWORD": admin_password}
    done = subprocess.run([*program, *where], capture_output=True, check=True, env=environment)
    return Dump(done.stdout, dict(_tables(done.stdout.decode())))


def _tables(text: str) -> Iterator[tuple[str, Table]]:
    lines = iter(text.split("\n"))
    for line in lines:
        if line.startswith("COPY ") and line.endswith(" FROM stdin;"):
            name, _, rest = line.removeprefix("COPY ").partition(" (")
            columns = tuple(rest.partition(")")[0].split(", "))
            yield name, Table(columns, tuple(_rows(lines)))


def _rows(lines: Iterator[str]) -> Iterator[tuple[str | None, ...]]:
    for line in lines:
        if line == "\\.":
            return
        yield tuple(None if value == "\\N" else _plain(value) for value in line.split("\t"))


def _plain(value: str) -> str:
    """Undo the escapes of COPY's text format (PostgreSQL's manual, COPY, "Text Format")."""
    if "\\" not in value:
        return value
    pieces = iter(value)
    return "".join(ESCAPES.get(following := next(pieces), following) if piece == "\\" else piece for piece in pieces)
