"""The verifier re-derives what others read of the log, tiles and public checkpoint, and names what somebody changed."""

from base64 import b64encode

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecrm_privacy.ledger import merkle, store
from ecrm_privacy.ledger.checkpoint import Checkpoint, Signer
from ecrm_privacy.ledger.verify import verify
from ecrm_privacy.ledger.writer import Writer
from tests.integration.ledger.making import ORIGIN, own_act

pytestmark = pytest.mark.anyio

SIGNER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
OTHER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
SIZE, PUBLISHED = 600, 520


def note(size: int, root: bytes, signer: Signer = SIGNER) -> str:
    return signer.sign(Checkpoint(ORIGIN, size, root).text())


@pytest.fixture
async def log(writer: Writer, admin: asyncpg.Connection) -> asyncpg.Connection:
    """A connection of somebody who may do everything, to a sound log of two tiles and a rest, published before its end.

    The schema's own constraints are gone: whoever owns it can drop them.
    """
    acts = [own_act(b"%d" % number) for number in range(SIZE)]
    for at in range(0, SIZE, 200):
        assert await writer.append(acts[at : at + 200]) == list(range(at, at + 200))
    await store.open_log(admin, ORIGIN)
    hashes = [merkle.leaf_hash(act.leaf) for act in acts[:PUBLISHED]]
    await admin.execute(
        "insert into ecrm.published values (true, $1, $2, now())", PUBLISHED, note(PUBLISHED, merkle.root(hashes))
    )
    await admin.execute("alter table ecrm.tile drop constraint tile_hashes_check, drop constraint tile_level_check")
    return admin


FLIP = "set_byte(hashes, {0}, get_byte(hashes, {0}) # 1)"
TAMPERED: dict[str, tuple[int | None, str, str]] = {
    "a hash in a tile": (
        256 + 7,
        "tile 0/1 does not hold the hash of leaf 263",
        f"update ecrm.tile set hashes = {FLIP.format(7 * 32)} where number = 1",
    ),
    "the root of a tile": (
        256,
        "tile 0/1 does not have the root",
        "update ecrm.tile set root_hash = sha256('') where number = 1",
    ),
    "a tile withheld": (0, "tile 0/0 is missing", "delete from ecrm.tile where number = 0"),
    "tiles exchanged": (
        0,
        "tile 0/0 does not hold the hash of leaf 0",
        """update ecrm.tile set number = 9 where number = 0; update ecrm.tile set number = 0 where number = 1;
           update ecrm.tile set number = 1 where number = 9""",
    ),
    "a tile cut short": (
        256 + 255,
        "tile 0/1 does not hold the hash of leaf 511",
        "update ecrm.tile set hashes = substr(hashes, 1, 255 * 32) where number = 1",
    ),
    "a tile too long": (
        256,
        "tile 0/1 holds more than 256 hashes",
        "update ecrm.tile set hashes = hashes || sha256('') where number = 1",
    ),
    "an unfinished tile stored": (
        512,
        "tile 0/2 lies beyond the end of the log",
        "insert into ecrm.tile select 0, 2, root_hash, hashes from ecrm.tile where number = 0",
    ),
    "a tile of a level that nobody reached": (
        0,
        "tile 1/0 lies beyond the end of the log",
        "insert into ecrm.tile select 1, 0, root_hash, hashes from ecrm.tile where number = 0",
    ),
    "a tile far away": (
        None,
        "tile 6/9223372036854775807 lies beyond the end of the log",
        "insert into ecrm.tile select 6, 9223372036854775807, root_hash, hashes from ecrm.tile where number = 0",
    ),
    "a public checkpoint of another size": (
        None,
        "the published checkpoint is of another size than the table says",
        "update ecrm.published set tree_size = 519",
    ),
    "a public checkpoint that is none": (
        None,
        "the published checkpoint: the note has no text",
        "update ecrm.published set note = 'good'",
    ),
    "a public checkpoint of another root": (
        None,
        "the first 520 leaves are not those of the published checkpoint",
        f"update ecrm.published set note = '{note(PUBLISHED, bytes(32))}'",
    ),
    "a public checkpoint by another key": (
        None,
        "the published checkpoint:",
        f"update ecrm.published set note = '{note(PUBLISHED, bytes(32), OTHER)}'",
    ),
    "a public checkpoint beyond the end": (
        None,
        "the log has lost leaves: the published checkpoint has 601",
        f"update ecrm.published set tree_size = 601, note = '{note(601, bytes(32))}'",
    ),
}
TABLES = ("tile", "published")


async def test_sound_tiles_are_sound(log: asyncpg.Connection, house: asyncpg.Connection) -> None:
    """Nothing is wrong with tiles that nobody touched; the report counts them, and progress is told of each phase."""
    told: list[tuple[str, int, int]] = []
    report = await verify(house, progress=lambda *args: told.append(args), verifiers=[SIGNER.verifier])
    assert report.problem is None
    assert (report.leaves, report.tiles, report.published) == (SIZE, 2, PUBLISHED)
    assert {what for what, _, _ in told} == {"leaves", "statements"}
    assert all(0 < done <= of == SIZE for _, done, of in told)


async def test_altered_tiles_are_found(log: asyncpg.Connection) -> None:
    """Whatever somebody with every right changes in what others read, it is named with its first leaf."""
    for table in TABLES:
        await log.execute(f"create table ecrm.sound_{table} as table ecrm.{table}")
    for what, (leaf_index, problem, sql) in TAMPERED.items():
        await log.execute(sql)
        report = await verify(log, verifiers=[SIGNER.verifier])
        assert problem in (report.problem or "sound"), what
        assert report.leaf_index == leaf_index, what
        for table in TABLES:
            await log.execute(f"truncate ecrm.{table}; insert into ecrm.{table} table ecrm.sound_{table}")
    assert (await verify(log, verifiers=[SIGNER.verifier])).sound


async def test_a_rewritten_leaf_is_named_by_its_tile(log: asyncpg.Connection) -> None:
    """A leaf that was exchanged with its hash, and its statement with it, is named by what its tile holds."""
    other = own_act(b"other")
    assert other.statement is not None
    await log.execute(
        "update ecrm.ledger_entry set leaf = $1, leaf_hash = $2 where leaf_index = 300",
        other.leaf,
        merkle.leaf_hash(other.leaf),
    )
    await log.execute("update ecrm.statement set payload = $1, open = $2 where leaf_index = 300", *other.statement)
    report = await verify(log)
    assert (report.leaf_index, report.problem) == (300, "tile 0/1 does not hold the hash of leaf 300")


async def test_two_levels_of_tiles(writer: Writer, house: asyncpg.Connection, admin: asyncpg.Connection) -> None:
    """A log with a tile of tiles is sound, and a change in the upper one names the first leaf below the hash."""
    leaf = own_act().leaf
    await admin.execute(
        "insert into ecrm.ledger_entry select g, $1, $2 from generate_series(0, 65536) g", leaf, merkle.leaf_hash(leaf)
    )
    tree, subtrees = merkle.CompactRange().grow([merkle.leaf_hash(leaf)] * 65537)
    lower = [found.root_hash for found in subtrees if found.power == 1]
    assert len(lower) == 256
    await admin.execute(
        "insert into ecrm.tile select 0, g, $1, $2 from generate_series(0, 255) g",
        lower[0],
        merkle.leaf_hash(leaf) * 256,
    )
    upper = next(found.root_hash for found in subtrees if found.power == 2)
    await admin.execute("insert into ecrm.tile values (1, 0, $1, $2)", upper, b"".join(lower))
    await admin.execute(
        "update ecrm.ledger_head set tree_size = 65537, root_hash = $1, edge = $2", tree.root(), tree.edge
    )
    hashed = await verify(house)
    assert "leaf 0 is an act of our own without" in (hashed.problem or "sound"), b64encode(tree.root())
    assert (hashed.leaves, hashed.tiles) == (65537, 257)
    await admin.execute(f"update ecrm.tile set hashes = {FLIP.format(3 * 32)} where level = 1")
    report = await verify(house)
    assert (report.leaf_index, report.problem) == (768, "tile 1/0 does not hold the root of leaves 768 to 1023")
