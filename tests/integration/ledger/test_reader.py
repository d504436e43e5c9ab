"""Checkpoints and proofs of a stored log, and the receipts they make."""

import random
import secrets
from hashlib import sha256

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy import shipped
from ecrm_privacy.errors import NotKnown, Tampered
from ecrm_privacy.ledger import merkle, receipt, tiles
from ecrm_privacy.ledger.checkpoint import Signer, open_checkpoint
from ecrm_privacy.ledger.reader import LogReader
from ecrm_privacy.ledger.receipt import verify_receipt
from ecrm_privacy.ledger.record import parse
from ecrm_privacy.ledger.store import open_log
from ecrm_privacy.ledger.writer import Writer
from tests.integration.ledger.conftest import MakeWriter
from tests.integration.ledger.making import GIVEN, ORIGIN, a_subject, an_entry, own_act

pytestmark = pytest.mark.anyio

SIGNER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(sha256(b"reader").digest()))


async def test_every_entry_has_its_receipt(writer: Writer, house: asyncpg.Connection) -> None:
    """Each of a few entries gets a receipt that checks with nothing but the key, and says what was said."""
    entries = [an_entry(a_subject(), [GIVEN]) for _ in range(7)]
    assert await writer.append(entries) == list(range(7))
    reader = LogReader(SIGNER)
    for index, entry in enumerate(entries):
        assert entry.body is not None
        open, text = entry.body.sealed[:32], entry.body.sealed[32:]
        proof = await reader.proof(house, index, entry.leaf)
        made = receipt.build(
            leaf=entry.leaf, payload=text, open=open, index=proof.index, path=proof.path, note=proof.note
        )
        checked = verify_receipt(made, SIGNER.vkey())
        assert checked.event == parse(text)
        assert (checked.leaf_index, checked.checkpoint.tree_size) == (index, 7)


async def test_a_checkpoint_can_be_had_again(writer: Writer, house: asyncpg.Connection) -> None:
    """The note of an earlier size is byte for byte the one that was given then."""
    given = [await LogReader(SIGNER).checkpoint(house)]
    for _ in range(5):
        await writer.append([an_entry()])
        given.append(await LogReader(SIGNER).checkpoint(house))
    assert [open_checkpoint(note, SIGNER.verifier).tree_size for note in given] == list(range(6))
    assert [await LogReader(SIGNER).checkpoint(house, size) for size in range(6)] == given


async def test_what_is_not_there_is_not_known(writer: Writer, house: asyncpg.Connection) -> None:
    """Leaves, sizes and statements that the log does not have are not known."""
    await writer.append([an_entry(), own_act(b"said in public")])
    assert (await LogReader(SIGNER).statement(house, 1)).payload == b"said in public"
    for missing in (-1, 2):
        with pytest.raises(NotKnown):
            await LogReader(SIGNER).proof(house, missing, b"")
    with pytest.raises(NotKnown):
        await LogReader(SIGNER).checkpoint(house, 3)
    with pytest.raises(NotKnown):
        await LogReader(SIGNER).statement(house, 0)


async def test_nothing_is_signed_for_another_log(writer: Writer, house: asyncpg.Connection) -> None:
    """A log keeps its origin; a key of another name signs nothing about it."""
    assert (await open_log(house, "shop.example/another")).origin == ORIGIN
    other = Signer("shop.example/another", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    entry = an_entry()
    await writer.append([entry])
    for asked in (LogReader(other).checkpoint(house), LogReader(other).proof(house, 0, entry.leaf)):
        with pytest.raises(Tampered):
            await asked


async def test_no_receipt_from_a_damaged_log(
    writer: Writer, house: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    """A log whose leaves do not lead to its head hands out no proof that needs them."""
    entries = [an_entry() for _ in range(5)]
    await writer.append(entries)
    await admin.execute("update ecrm.ledger_entry set leaf_hash = sha256('') where leaf_index = 2")
    for index in (0, 1, 3, 4):
        with pytest.raises(Tampered):
            await LogReader(SIGNER).proof(house, index, entries[index].leaf)
    await admin.execute("delete from ecrm.ledger_entry where leaf_index = 2")
    with pytest.raises(Tampered):
        await LogReader(SIGNER).proof(house, 0, entries[0].leaf)


async def test_a_log_is_opened_before_it_is_read(house: asyncpg.Connection) -> None:
    """Before the log is opened there is nothing to sign."""
    with pytest.raises(NotKnown):
        await LogReader(SIGNER).checkpoint(house)


async def test_any_proof_of_a_log_of_many_tiles(new_writer: MakeWriter, house: asyncpg.Connection) -> None:
    """Inclusion and consistency are read from tiles, whoever wrote them and however the batches fell."""
    writers = [await new_writer() for _ in range(2)]
    leaves: list[bytes] = []
    chance = random.Random(7)
    while len(leaves) < 256 * 3:
        some = [own_act(secrets.token_bytes(8)) for _ in range(chance.choice([1, 40, 255, 256, 257, 300]))]
        await chance.choice(writers).append(some)
        leaves += [entry.leaf for entry in some]
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    size, reader = len(leaves), LogReader(SIGNER)
    for index in [0, 255, 256, size - 1, *(chance.randrange(size) for _ in range(20))]:
        assert list((await reader.proof(house, index, leaves[index])).path) == merkle.inclusion_path(
            hashes, index, size
        )
    for first in [1, 255, 256, 257, size, *(chance.randrange(1, size) for _ in range(20))]:
        assert list(await reader.consistency(house, first, size)) == merkle.consistency_proof(hashes, first, size)
        assert await reader.root(house, first) == merkle.root(hashes[:first])
    for tile in tiles.tiles_of(size):
        below = hashes if tile.level == 0 else [merkle.root(hashes[at : at + 256]) for at in range(0, size - 255, 256)]
        assert await reader.tile(house, tile) == b"".join(below[tile.number * 256 :][: tile.width])
    assert await reader.entries(house, 0, 2) == b"".join(len(x).to_bytes(2, "big") + x for x in leaves[:2])


async def test_what_was_written_before_tiles_gets_them(
    writer: Writer, house: asyncpg.Connection, admin: asyncpg.Connection
) -> None:
    """The migration makes the tiles of a log that has none, the same as the writer's."""
    for _ in range(3):
        await writer.append([own_act() for _ in range(300)])
    written = await admin.fetch("select * from ecrm.tile order by level, number")
    assert len(written) == 3
    await admin.execute("delete from ecrm.tile")
    text = (shipped.migrations() / "0005_tiles.sql").read_text("utf-8")
    await admin.execute(text[text.index("do $$") :])
    assert await admin.fetch("select * from ecrm.tile order by level, number") == written
