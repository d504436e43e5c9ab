"""The verifier finds what somebody with every right in the database changed, and names the leaf."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import asyncpg
import msgspec
import pytest

from ecrm_privacy.errors import Tampered, Unavailable
from ecrm_privacy.ledger import merkle
from ecrm_privacy.ledger.checkpoint import Checkpoint
from ecrm_privacy.ledger.record import StateChange
from ecrm_privacy.ledger.verify import Opened, Part, SealedBody, Share, verify, verify_share
from ecrm_privacy.ledger.writer import Writer
from tests.integration.ledger.making import (
    GIVEN,
    ORIGIN,
    REFUSED,
    a_subject,
    an_entry,
    open_one,
    opener,
    opening,
    own_act,
)  # fmt: skip

pytestmark = pytest.mark.anyio

# What stands in the log of these tests, by leaf index: 0 an answer, 1 an act of our own, 2 a refusal of nobody, 3 to 8
# answers of six others, 9 a later answer of the first.
LAST = 9


@pytest.fixture
async def log(writer: Writer, admin: asyncpg.Connection) -> asyncpg.Connection:
    """A connection of somebody who may do everything, to a sound log of ten entries."""
    first = a_subject()
    entries = [an_entry(first, [GIVEN], StateChange(regime="gdpr")), own_act(), an_entry()]
    entries += [an_entry(a_subject(), [GIVEN]) for _ in range(6)]
    assert await writer.append(entries) == list(range(LAST))
    assert await writer.append([an_entry(first, [REFUSED], seen=0)]) == [LAST]
    return admin


FLIP = "set_byte({0}, {1}, get_byte({0}, {1}) # 1)"
OTHER = "set_byte(leaf, 40, case get_byte(leaf, 40) when 65 then 66 else 65 end)"  # another letter: still base64
REWRITE = f"leaf = {OTHER}, leaf_hash = sha256('\\x00' || {OTHER})"
NOT_SAID = "a row of current answers is not what the body"
TAMPERED: dict[str, tuple[int | None, str, str]] = {
    "a byte of a leaf": (
        5,
        "leaf 5 does not have the hash",
        f"update ecrm.ledger_entry set leaf = {FLIP.format('leaf', 40)} where leaf_index = 5",
    ),
    "a byte of a leaf hash": (
        5,
        "leaf 5 does not have the hash",
        f"update ecrm.ledger_entry set leaf_hash = {FLIP.format('leaf_hash', 0)} where leaf_index = 5",
    ),
    "a leaf and its hash": (
        5,
        "leaf 5 does not commit to its body",
        f"update ecrm.ledger_entry set {REWRITE} where leaf_index = 5",
    ),
    "another spelling of a leaf, and its hash": (
        5,
        "leaf 5: the leaf is not in its one canonical form",
        """update ecrm.ledger_entry set leaf = leaf || ' ', leaf_hash = sha256('\\x00' || leaf || ' ')
           where leaf_index = 5""",
    ),
    "a leaf of nobody and its hash": (
        0,
        "leaves 0 to 7 are not the ones that were appended",
        f"update ecrm.ledger_entry set {REWRITE} where leaf_index = 2",
    ),
    "two entries exchanged": (
        7,
        "leaf 7 does not commit to its body",
        """update ecrm.ledger_entry set leaf_index = 99 where leaf_index = 7;
           update ecrm.ledger_entry set leaf_index = 7 where leaf_index = 8;
           update ecrm.ledger_entry set leaf_index = 8 where leaf_index = 99""",
    ),
    "a dropped entry": (5, "leaf 5 is missing", "delete from ecrm.ledger_entry where leaf_index = 5"),
    "a dropped last entry": (9, "leaf 9 is missing", "delete from ecrm.ledger_entry where leaf_index = 9"),
    "an entry too many": (
        10,
        "leaf 10 lies beyond the head",
        "insert into ecrm.ledger_entry select 10, leaf, leaf_hash from ecrm.ledger_entry where leaf_index = 2",
    ),
    "a log cut back": (
        9,
        "a body names leaf 9, which the log does not have",
        "update ecrm.ledger_head set tree_size = 9; delete from ecrm.ledger_entry where leaf_index = 9",
    ),
    "another root": (None, "the root of the head", "update ecrm.ledger_head set root_hash = sha256('')"),
    "a longer edge": (None, "the edge of the head", "update ecrm.ledger_head set edge = edge || sha256('')"),
    "no head": (None, "the log was never opened", "delete from ecrm.ledger_head"),
    "a byte of a body": (
        6,
        "leaf 6 does not commit to its body",
        f"update ecrm.body set sealed = {FLIP.format('sealed', 50)} where leaf_index = 6",
    ),
    "a body of another leaf": (
        6,
        "leaf 6 does not commit to its body",
        "update ecrm.body a set sealed = b.sealed from ecrm.body b where a.leaf_index = 6 and b.leaf_index = 4",
    ),
    "a body withheld": (4, NOT_SAID, "delete from ecrm.body where leaf_index = 4"),
    "an answer turned round": (9, NOT_SAID, "update ecrm.consent_status set status = 'given' where leaf_index = 9"),
    "an answer made older": (4, NOT_SAID, "update ecrm.consent_status set since = since - 1 where leaf_index = 4"),
    "an answer made to end": (4, NOT_SAID, "update ecrm.consent_status set until = since where leaf_index = 4"),
    "an answer of another leaf": (9, NOT_SAID, "update ecrm.consent_status set leaf_index = 0 where leaf_index = 9"),
    "an answer withheld": (4, NOT_SAID, "delete from ecrm.consent_status where leaf_index = 4"),
    "an answer nobody gave": (
        4,
        NOT_SAID,
        """insert into ecrm.consent_status
           select subject, 'share', '', 'tea-guild', 'given', notice, since, until, 4
           from ecrm.consent_status where leaf_index = 4""",
    ),
    "a state nobody stated": (
        9,
        "the state of the subject of leaf 9",
        "update ecrm.subject_state set restricted = true where leaf_index = 9",
    ),
    "a state withheld": (
        9,
        "the state of the subject of leaf 9",
        "delete from ecrm.subject_state where leaf_index = 9",
    ),
    "another statement": (1, "leaf 1 does not commit to its public", "update ecrm.statement set payload = 'other'"),
    "a statement withheld": (1, "leaf 1 is an act of our own without", "delete from ecrm.statement"),
    "a published answer": (
        4,
        "leaf 4 is no act of our own",
        "insert into ecrm.statement values (4, 'payload', sha256(''))",
    ),
}
TABLES = ("ledger_head", "ledger_entry", "body", "statement", "consent_status", "subject_state")


async def test_a_sound_log_is_sound(log: asyncpg.Connection, house: asyncpg.Connection) -> None:
    """Nothing is wrong with a log that nobody touched, and the report counts what was checked, in the house's role."""
    told: list[tuple[str, int, int]] = []
    report = await verify(house, opener, lambda *args: told.append(args))
    assert report.sound and report.leaf_index is None
    assert (report.leaves, report.tree_size, report.statements) == (10, 10, 1)
    assert (report.opened, report.unopened, report.subjects) == (8, 1, 7)
    assert report.root_hash == await log.fetchval("select root_hash from ecrm.ledger_head")
    assert {what for what, _, _ in told} == {"leaves", "statements", "bodies"}


async def test_tampering_is_found(log: asyncpg.Connection) -> None:
    """Whatever somebody with every right changes, the first thing that is wrong is named with its leaf."""
    for table in TABLES:
        await log.execute(f"create table ecrm.sound_{table} as table ecrm.{table}")
    for what, (leaf_index, problem, sql) in TAMPERED.items():
        await log.execute(sql)
        report = await verify(log, opener)
        assert problem in (report.problem or "sound"), what
        assert report.leaf_index == leaf_index, what
        for table in TABLES:
            await log.execute(f"truncate ecrm.{table}; insert into ecrm.{table} table ecrm.sound_{table}")
    assert (await verify(log, opener)).sound


async def test_shares_find_what_one_check_finds(
    log: asyncpg.Connection, house: asyncpg.Connection, connected: Callable[[str], Awaitable[asyncpg.Connection]]
) -> None:
    """Whatever is checked in shares is counted once, and the earliest wrong leaf is named, whose share it is in."""
    seen: list[Share] = []

    async def apart(snapshot: str, share: Share) -> Part:
        seen.append(share)
        return await verify_share(await connected("ecrm_house"), opener, snapshot, share)

    shared = await verify(house, opener, apart=(apart, 4))
    assert shared == await verify(house, opener) and [share.number for share in seen] == [1, 2, 3]
    assert Share(0, 4).bounds()[0].int == 0 and Share(3, 4).bounds()[1].int == 2**128 - 1
    for leaf_index in (3, 7):
        await log.execute("update ecrm.consent_status set status = 'renewed' where leaf_index = $1", leaf_index)
    for leaf_index in (3, 7):
        assert (await verify(house, opener, apart=(apart, 4))).leaf_index == leaf_index
        await log.execute("update ecrm.consent_status set status = 'given' where leaf_index = $1", leaf_index)
    assert (await verify(house, opener, apart=(apart, 4))).sound


async def test_shares_read_one_snapshot(
    log: asyncpg.Connection,
    house: asyncpg.Connection,
    writer: Writer,
    connected: Callable[[str], Awaitable[asyncpg.Connection]],
) -> None:
    """What is appended between the shares belongs to none of them."""

    async def apart(snapshot: str, share: Share) -> Part:
        await writer.append([an_entry(a_subject(), [GIVEN]) for _ in range(20)])
        return await verify_share(await connected("ecrm_house"), opener, snapshot, share)

    assert (await verify(house, opener, apart=(apart, 2))).opened == 8
    assert (await verify(house, opener, apart=(apart, 2))).opened == 28


async def test_a_share_that_fails_fails_the_check(log: asyncpg.Connection, house: asyncpg.Connection) -> None:
    """Nobody is told that a log is sound of which a share could not be checked."""

    async def apart(_snapshot: str, _share: Share) -> Part:
        raise Unavailable("killed")

    with pytest.raises(Unavailable):
        await verify(house, opener, apart=(apart, 2))


async def test_a_body_given_to_somebody_else_is_found(log: asyncpg.Connection) -> None:
    """Moving a body to another subject is noticed on the one side or on the other, whoever is looked at first."""
    await log.execute(
        "update ecrm.body set subject = (select subject from ecrm.body where leaf_index = 3) where leaf_index = 9"
    )
    assert (await verify(log, opener)).leaf_index in {0, 9}


async def test_an_opener_may_say_that_a_body_was_altered(log: asyncpg.Connection) -> None:
    """An opener says of each body by itself that it was altered, and the others are opened all the same."""
    altered = Tampered("sealed data does not open")
    report = await verify(log, opening(lambda body: altered if body.leaf_index == 6 else open_one(body)))
    assert (report.leaf_index, report.problem) == (6, "the body of leaf 6 was altered")
    assert report.opened == 7


async def test_an_opener_may_read_the_same_snapshot(log: asyncpg.Connection) -> None:
    """An opener that reads over the connection that is checked finds what was there when the check began."""

    async def reading(bodies: Sequence[SealedBody]) -> list[Opened]:
        indexes = [body.leaf_index for body in bodies]
        there = await log.fetchval("select count(*) from ecrm.body where leaf_index = any($1)", indexes)
        assert there == len(bodies)
        return [open_one(body) for body in bodies]

    report = await verify(log, reading)
    assert report.problem is None and report.opened == 8


async def test_without_an_opener_the_tree_is_checked(log: asyncpg.Connection) -> None:
    """Without keys answers cannot be replayed: the log itself is checked all the same."""
    await log.execute("delete from ecrm.consent_status")
    assert (await verify(log)).sound
    await log.execute("delete from ecrm.ledger_entry where leaf_index = 3")
    assert (await verify(log)).leaf_index == 3


async def test_what_does_not_open_proves_no_row(log: asyncpg.Connection) -> None:
    """A row of current answers whose body opens for nobody is a row that nothing vouches for."""
    report = await verify(log, opening(lambda body: None if body.leaf_index == 4 else open_one(body)))
    assert report.leaf_index == 4


async def test_a_known_checkpoint_must_be_continued(log: asyncpg.Connection) -> None:
    """A log rewritten with everything that depends on it still differs from a checkpoint that somebody kept."""
    hashes = [row[0] for row in await log.fetch("select leaf_hash from ecrm.ledger_entry order by leaf_index")]
    known = [Checkpoint(ORIGIN, size, merkle.root(hashes[:size])) for size in range(11)]
    assert (await verify(log, known=known)).sound
    longer = msgspec.structs.replace(known[10], tree_size=11)
    assert "lost leaves" in ((await verify(log, known=[longer])).problem or "")
    await log.execute(f"update ecrm.ledger_entry set {REWRITE} where leaf_index = 5")
    rewritten = [row[0] for row in await log.fetch("select leaf_hash from ecrm.ledger_entry order by leaf_index")]
    tree = merkle.CompactRange().extend(rewritten)
    await log.execute("update ecrm.ledger_head set root_hash = $1, edge = $2", tree.root(), tree.edge)
    assert (await verify(log)).sound
    assert (await verify(log, known=known[:6])).sound
    assert "the first 6 leaves" in ((await verify(log, known=known)).problem or "")


async def test_a_growing_log_is_checked_as_it_was(log: asyncpg.Connection, writer: Writer) -> None:
    """Entries that are appended while the check runs do not disturb it: it reads one snapshot."""

    async def appending(bodies: Sequence[SealedBody]) -> Iterable[Opened]:
        if any(body.leaf_index == 6 for body in bodies):
            await writer.append([an_entry(a_subject(), [GIVEN])])
        return await opener(bodies)

    report = await verify(log, appending)
    assert report.problem is None and report.leaves == 10
    assert (await verify(log, opener)).leaves == 11


async def test_an_empty_log_is_sound(writer: Writer, house: asyncpg.Connection) -> None:
    """A log without entries has nothing wrong with it."""
    report = await verify(house, opener)
    assert report.sound and report.leaves == 0
