"""What pages with forms share: what was posted, where to go afterwards, and names out of paths."""

from collections.abc import Collection
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from ecrm_privacy.errors import Malformed, NotKnown
from ecrm_privacy.web.hallway import idempotency_key


def form(body: bytes) -> dict[str, str]:
    """Decode a form post; the last value of a field counts. Raises Malformed."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=200))
    except (UnicodeDecodeError, ValueError):
        raise Malformed("The form cannot be read") from None


def own_key(fields: dict[str, str], body: bytes) -> str:
    """Return the key of one press of one button of a page that has several: its hidden key and what was pressed.

    With the hidden key alone, the no of somebody who pressed yes by mistake would be refused as another body.
    """
    return sha256(idempotency_key(fields.get("idempotency_key")).encode() + body).hexdigest()


def local(path: str) -> str:
    """Return `path` if it stays on this site, else the preferences page: nobody is redirected elsewhere."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if safe else "/preferences"


def back(address: str, origins: Collection[str]) -> str:
    """Return `address` if it is a page of one of these origins or stays on this site, else the preferences page."""
    if "\\" in address or not address.isprintable():
        return local(address)
    try:
        parts = urlsplit(address)
    except ValueError:
        return local("")
    return address if f"{parts.scheme}://{parts.netloc}" in origins else local(address)


def is_uuid(text: str) -> UUID:
    """Return the UUID that `text` is. Raises NotKnown."""
    try:
        return UUID(text)
    except ValueError:
        raise NotKnown from None
