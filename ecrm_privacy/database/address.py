"""Where a database is, without who asks: roles and passwords are added when a connection is made."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import msgspec

from ecrm_privacy.errors import StartRefused

OPTIONS = frozenset({"sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "target_session_attrs"})
"""What may follow the `?` of a database URL, in libpq's words."""
SESSION = {"application_name": "ecrm", "timezone": "UTC", "search_path": "pg_catalog", "jit": "off"}
"""Every session's settings: dates are UTC dates, SQL names its schemas, and nothing is compiled for a lookup."""


class Address(msgspec.Struct, frozen=True):
    """A database: `host` is a name, several names with commas, or a socket folder (beginning with `/`)."""

    host: str
    port: int
    database: str
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_url(cls, url: str) -> "Address":
        """Parse `postgresql://host[,host][:port]/database[?sslmode=…]`; a user in it is ignored here (see `admin_of`).

        A socket folder is written `postgresql:///database?host=/folder`. Raises StartRefused for anything else, without
        repeating the URL, which may hold a password.
        """
        try:
            parts = urlsplit(url)
            options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
            where, _, port = parts.netloc.rpartition("@")[2].partition(":")
            address = cls(
                host=options.pop("host", "") or unquote(where) or "localhost",
                port=int(options.pop("port", "") or port or 5432),
                database=unquote(parts.path.removeprefix("/")),
                options=tuple(sorted(options.items())),
            )
        except ValueError:
            raise StartRefused(
                "the database URL is malformed: postgresql://HOST:PORT/DATABASE?sslmode=verify-full"
            ) from None
        if parts.scheme not in {"postgresql", "postgres"} or not address.database:
            raise StartRefused("the database URL must read postgresql://HOST:PORT/DATABASE?sslmode=verify-full")
        if unknown := sorted(options.keys() - OPTIONS):
            raise StartRefused(
                f"the database URL has unknown options {', '.join(unknown)}; known: {', '.join(sorted(OPTIONS))}"
            )
        return address

    def connect_args(self, role: str, password: str) -> dict[str, Any]:
        """Return the keyword arguments with which asyncpg connects as `role`."""
        hosts = [self.host] if self.host.startswith("/") else self.host.split(",")
        args: dict[str, Any] = {
            "host": hosts, "port": self.port, "database": self.database, "user": role, "password": password,
            "server_settings": SESSION,
        }  # fmt: skip
        if self.options:
            args["dsn"] = "postgresql:///?" + urlencode(self.options)
        return args


def admin_of(url: str) -> tuple[str, str] | None:
    """Return role and password that a database URL names (who may run `ecrm migrate`), or None if it names nobody."""
    parts = urlsplit(url)
    return None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
