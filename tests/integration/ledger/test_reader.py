"""Checkpoints and proofs of a stored log, and the receipts they make."""

from hashlib import sha256

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy.errors import NotKnown, Tampered
from ecrm_privacy.ledger import reader, receipt
from ecrm_privacy.ledger.checkpoint import Signer, open_checkpoint
from ecrm_privacy.ledger.receipt import verify_receipt
from ecrm_privacy.ledger.record import parse
from ecrm_privacy.ledger.store import open_log
from ecrm_privacy.ledger.writer import Writer
from tests.integration.ledger.making import GIVEN, ORIGIN, a_subject, an_entry, own_act

pytestmark = pytest.mark.anyio

SIGNER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(sha256(b"reader").digest()))


async def test_every_entry_has_its_receipt(writer: Writer, house: asyncpg.Connection) -> None:
    """Each of a few entries gets a receipt that checks with nothing but the key, and says what was said."""
    entries = [an_entry(a_subject(), [GIVEN]) for _ in range(7)]
    assert await writer.append(entries) == list(range(7))
    for index, entry in enumerate(entries):
        assert entry.body is not None
        open, text = entry.body.sealed[:32], entry.body.sealed[32:]
        proof = await reader.proof(house, SIGNER, index)
        made = receipt.build(
            leaf=entry.leaf, payload=text, open=open, index=proof.index, path=proof.path, note=proof.note
        )
        checked = verify_receipt(made, SIGNER.vkey())
        assert checked.event == parse(text)
        assert (checked.leaf_index, checked.checkpoint.tree_size) == (index, 7)


async def test_a_checkpoint_can_be_had_again(writer: Writer, house: asyncpg.Connection) -> None:
    """The note of an earlier size is byte for byte the one that was given then."""
    given = [await reader.checkpoint(house, SIGNER)]
    for _ in range(5):
        await writer.append([an_entry()])
        given.append(await reader.checkpoint(house, SIGNER))
    assert [open_checkpoint(note, SIGNER.verifier).tree_size for note in given] == list(range(6))
    assert [await reader.checkpoint(house, SIGNER, size) for size in range(6)] == given


async def test_what_is_not_there_is_not_known(writer: Writer, house: asyncpg.Connection) -> None:
    """Leaves, sizes and statements that the log does not have are not known."""
    await writer.append([an_entry(), own_act(b"said in public")])
    assert (await reader.statement(house, 1)).payload == b"said in public"
    for missing in (-1, 2):
        with pytest.raises(NotKnown):
            await reader.proof(house, SIGNER, missing)
    with pytest.raises(NotKnown):
        await reader.checkpoint(house, SIGNER, 3)
    with pytest.raises(NotKnown):
        await reader.statement(house, 0)


async def test_nothing_is_signed_for_another_log(writer: Writer, house: asyncpg.Connection) -> None:
    """A log keeps its origin; a key of another name signs nothing about it."""
    assert (await open_log(house, "shop.example/another")).origin == ORIGIN
    other = Signer("shop.example/another", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    await writer.append([an_entry()])
    for asked in (reader.checkpoint(house, other), reader.proof(house, other, 0)):
        with pytest.raises(Tampered):
            await asked


async def test_no_receipt_from_a_damaged_log(
    writer: Writer, house: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    """A log whose leaves do not lead to its head hands out no proof, about no leaf."""
    await writer.append([an_entry() for _ in range(5)])
    await admin.execute("update ecrm.ledger_entry set leaf_hash = sha256('') where leaf_index = 2")
    for index in range(5):
        with pytest.raises(Tampered):
            await reader.proof(house, SIGNER, index)
    await admin.execute("delete from ecrm.ledger_entry where leaf_index = 2")
    with pytest.raises(Tampered):
        await reader.proof(house, SIGNER, 0)


async def test_a_log_is_opened_before_it_is_read(house: asyncpg.Connection) -> None:
    """Before the log is opened there is nothing to sign."""
    with pytest.raises(NotKnown):
        await reader.checkpoint(house, SIGNER)
