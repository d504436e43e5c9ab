"""The log as this service runs it: its names and keys, its guard and witnesses, what is public, what opens its bodies.

Part of the composition root: it knows the key file, the configuration and several rooms.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy.config import Config
from ecrm_privacy.consent.receipts import Prove
from ecrm_privacy.delivery.witnesses import Witnesses
from ecrm_privacy.errors import EpochDestroyed, StartRefused, Tampered
from ecrm_privacy.ledger import receipt as receipt_text
from ecrm_privacy.ledger.checkpoint import Signer
from ecrm_privacy.ledger.guard import Guard
from ecrm_privacy.ledger.names import number_of
from ecrm_privacy.ledger.publish import RENAMED, Publisher, Witnessing
from ecrm_privacy.ledger.quorum import parse_policy
from ecrm_privacy.ledger.reader import LogReader
from ecrm_privacy.ledger.store import Head
from ecrm_privacy.ledger.store import head as log_head
from ecrm_privacy.ledger.verify import Opened, Opener, SealedBody
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault import body, keys
from ecrm_privacy.vault import store as vault
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vocabulary import EVIDENCE, SubjectId
from ecrm_privacy.web.ledger import PublicLog

Acquire = Callable[[], AbstractAsyncContextManager[Conn]]


def signer(config: Config, keyring: Keyring, origin: str | None = None) -> Signer:
    """Return the log's signing key, derived from the key file. After a shard the log has another `origin` than before.

    Raises StartRefused for the origin of another log.
    """
    origin = origin or config.log_origin
    if number_of(config.log_origin, origin) is None:
        raise StartRefused(
            f"the log of this database is named {origin}, and the configuration names {config.log_origin}: set"
            " ECRM_LOG_ORIGIN to the name that it was opened with"
        )
    label = "ledger/signing-key" if origin == config.log_origin else f"ledger/signing-key/{origin}"
    return Signer(origin, Ed25519PrivateKey.from_private_bytes(keyring.derive(label)))


def guard(config: Config, keyring: Keyring) -> Guard:
    """Return what remembers, beside the key file, the highest checkpoint that was shown to anybody."""
    path = config.key_file.with_name("highest.checkpoint")
    return Guard(path, config.log_origin, lambda origin: signer(config, keyring, origin).verifier)


def witnesses(config: Config) -> Witnesses:
    """Return whoever cosigns what is published. Raises StartRefused for a policy file that is missing or damaged."""
    if config.witness_policy is None:
        return Witnesses(())
    try:
        return Witnesses(parse_policy(config.witness_policy.read_bytes()).witnesses)
    except OSError as error:
        raise StartRefused(f"ECRM_WITNESS_POLICY: {config.witness_policy} cannot be read ({error.strerror})") from None
    except StartRefused as refused:
        raise StartRefused(f"ECRM_WITNESS_POLICY: {config.witness_policy}: {refused}") from None


def publisher(config: Config, keyring: Keyring, acquire: Acquire, head: Head, asked: Witnesses) -> Publisher:
    """Make what signs for the log under the name that it has in this database."""
    return Publisher(
        acquire,
        LogReader(signer(config, keyring, head.origin)),
        guard(config, keyring),
        config.checkpoint_period_s,
        Witnessing(asked.gather, asked.most),
    )


async def connect_writer(connect_house: Callable[[], Awaitable[Any]], publishes: Publisher) -> Any:
    """Connect the ledger writer: behind a failover may stand a database that lost entries, so look before writing."""
    conn = await connect_house()
    try:
        await publishes.check_on(conn)
    except BaseException:
        conn.terminate()
        raise
    return conn


async def frozen(acquire: Acquire, origin: str) -> str | None:
    """Return why this worker, which knows the log as `origin`, may do nothing with it, or None."""
    async with acquire() as conn:
        head = await log_head().first(conn)
    if head is None:
        return "it was never opened"
    return head.frozen or (RENAMED if head.origin != origin else None)


def receipt_maker(publishes: Publisher) -> Prove:
    """Return what makes the receipt of an entry, under a fresh checkpoint that is remembered first."""

    async def prove(conn: Conn, index: int, raw: bytes, payload: bytes, opening: bytes) -> str:
        proof = await publishes.reader.proof(conn, index, raw)
        await publishes.vouch(proof.note)
        return receipt_text.build(
            leaf=raw, payload=payload, open=opening, index=index, path=proof.path, note=proof.note
        )

    return prove


def public_log(acquire: Acquire, publishes: Publisher) -> PublicLog:
    """Return what of the log is public."""
    reader = publishes.reader

    async def statement(leaf_index: int) -> dict[str, str]:
        async with acquire() as conn:
            found = await reader.statement(conn, leaf_index)
        return {"payload": found.payload.decode(), "open": found.open.hex()}

    return PublicLog(reader.signer.vkey(), publishes.checkpoint, publishes.tile, statement)


def opener(conn: Conn, keyring: Keyring) -> Opener:
    """Return what opens stored bodies for verification: their subjects' evidence keys, while there are such.

    The keys of all that are asked for at once are read at once, over `conn`; each is unwrapped when its body is opened.
    """

    async def open_bodies(bodies: Sequence[SealedBody]) -> Iterable[Opened]:
        subjects = {sealed.subject: None for sealed in bodies if sealed.subject is not None}
        rows = await vault.keys_in([SubjectId(subject) for subject in subjects], EVIDENCE).all(conn)
        wrapped = {(row.subject, row.version): row.wrapped for row in rows}
        return (_open_body(keyring, sealed, wrapped) for sealed in bodies)

    return open_bodies


def _open_body(keyring: Keyring, sealed: SealedBody, wrapped: Mapping[tuple[UUID, int], bytes]) -> Opened:
    if sealed.subject is None:
        return None
    vaulted = body.SealedBody(
        sealed.receipt_hash, sealed.sealed, sealed.wrapped_for_receipt, sealed.wrapped_for_subject
    )
    try:
        version = body.evidence_version(vaulted)
        row = wrapped.get((sealed.subject, version))
        if row is None:
            return None
        return body.open_with_key(keys.unwrap(keyring, SubjectId(sealed.subject), EVIDENCE, version, row), vaulted)
    except EpochDestroyed:  # gone, as it should be: a backup from before brought it back
        return None
    except Tampered as tampered:
        return tampered
