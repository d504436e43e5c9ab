"""What a person wrote with a request, and what was written back: sealed under their key of evidence, as what they said.

So it is read with that key alone, by them and by whoever answers, and an erasure ends it as it ends everything else.
"""

from collections.abc import Iterable
from uuid import UUID

import structlog

from ecrm_privacy.errors import NotKnown, Tampered
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault import envelope, keys
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.keys import SubjectKey
from ecrm_privacy.vocabulary import EVIDENCE, SubjectId

log = structlog.get_logger(__name__)

UNOPENED = "This is kept, but it cannot be opened: it was altered, or its key is gone."
"""What stands in the place of one item that does not open."""


async def evidence_keys(conn: Conn, keyring: Keyring, subject: SubjectId) -> list[SubjectKey]:
    """Return a subject's keys of evidence that check, the newest last."""
    found = []
    for row in await vault.keys_in([subject], EVIDENCE).all(conn):
        try:
            found.append(keys.unwrap(keyring, subject, EVIDENCE, row.version, row.wrapped))
        except Tampered:
            log.error("not_opened", reason="tampered", category=EVIDENCE)
    return sorted(found, key=lambda key: key.version)


async def sealed(conn: Conn, keyring: Keyring, subject: SubjectId, request_id: UUID, part: str, text: str) -> bytes:
    """Seal a part of a request (`wording`, `reason`). Raises NotKnown for a subject without a key: it is erased."""
    held = await evidence_keys(conn, keyring, subject)
    if not held:
        raise NotKnown
    return envelope.seal(held[-1], _place(request_id, part), text.encode())


def opened(held: Iterable[SubjectKey], request_id: UUID, part: str, closed: bytes | None) -> str:
    """Open a part of a request; one that does not open says so, and one that is not there is empty."""
    if closed is None:
        return ""
    try:
        key = next(key for key in held if key.category == EVIDENCE and key.version == envelope.key_version(closed))
        return envelope.open_(key, _place(request_id, part), closed).decode()
    except (StopIteration, Tampered):
        log.error("not_opened", reason="tampered", category=EVIDENCE)
        return UNOPENED


def _place(request_id: UUID, part: str) -> str:
    return f"request/{request_id}/{part}"
