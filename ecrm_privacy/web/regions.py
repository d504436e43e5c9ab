"""The region of a network address, from a file in MaxMind's format. Nobody outside is asked."""

from pathlib import Path
from typing import Any

from ecrm_privacy.errors import StartRefused


class Regions:
    """Looks addresses up; `reader` is what `maxminddb` opened."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def of(self, address: str) -> str:
        """Return a region as the policy names it (`de`, `us-ca`), or nothing for an address that the file lacks."""
        try:
            record = self._reader.get(address)
        except ValueError:  # no address, or one of IPv6 in a file of IPv4
            return ""
        country = _code(record, "country") or _code(record, "registered_country")
        parts = record.get("subdivisions") if isinstance(record, dict) else None
        part = _code({"first": parts[0]}, "first") if isinstance(parts, list) and parts else ""
        return f"{country}-{part}" if country and part else country


def _code(record: Any, name: str) -> str:
    held = record.get(name) if isinstance(record, dict) else None
    code = held.get("iso_code", "") if isinstance(held, dict) else ""
    return code.lower() if isinstance(code, str) else ""


def open_regions(path: Path) -> Regions:
    """Open the file at `path`. Raises StartRefused where it cannot be read, or nothing here reads it."""
    try:
        import maxminddb
    except ImportError:
        raise StartRefused("ECRM_REGION_FILE needs the package maxminddb: pip install 'ecrm-privacy[region]'") from None
    try:
        return Regions(maxminddb.open_database(path))
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise StartRefused(f"ECRM_REGION_FILE: {path} is no MaxMind database ({type(error).__name__})") from error
