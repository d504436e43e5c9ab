"""What `ecrm ledger verify` does, here, by address, and for one receipt; and `ecrm ledger rebuild-state`."""

import asyncio
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from ecrm_privacy.apart import shares_of
from ecrm_privacy.app import passwords
from ecrm_privacy.config import Config
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.pools import HOUSE, connect
from ecrm_privacy.delivery.public import Elsewhere
from ecrm_privacy.errors import GuardRefused, NotKnown, StartRefused, Tampered, Unavailable
from ecrm_privacy.ledger import rebuild, remote, store
from ecrm_privacy.ledger.checkpoint import Checkpoint, Verifier
from ecrm_privacy.ledger.names import name_of, number_of
from ecrm_privacy.ledger.quorum import Policy, parse_policy
from ecrm_privacy.ledger.receipt import Receipt, verify_receipt
from ecrm_privacy.ledger.verify import Opener, Progress, Report, verify
from ecrm_privacy.logbook import guard, opener, signer
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.verbs import bar, load_keyring, reach, say

SOUND, NOT_SOUND, COULD_NOT_TELL = 0, 1, 2
KEY_BYTES_MAX = 4096


def ledger_verify(config: Config, given: Namespace) -> int:
    """`ecrm ledger verify`: 0 sound, 1 not, 2 could not tell."""
    try:
        if given.url is not None:
            return asyncio.run(_verify_elsewhere(given))
        if given.policy is not None:
            raise StartRefused("witnesses sign what is public: give the service's base address too")
        if given.receipt is not None:
            if given.key is None:
                raise StartRefused("give the log's key with --key, or the service's base address")
            return _receipt_is_sound(_receipt(given, given.key))
        return _verify_here(config)
    except Tampered as tampered:
        say(f"NOT SOUND: {tampered}")
        return NOT_SOUND
    except (StartRefused, Unavailable, NotKnown) as refused:
        say(f"could not tell: {refused}")
        return COULD_NOT_TELL


@contextmanager
def phases() -> Iterator[Progress]:
    """Show a progress bar for each phase of a check."""
    with bar("verifying") as show:
        yield lambda what, done, total: show(done, total or None, what)


def _verify_here(config: Config) -> int:
    keyring = load_keyring(config)

    async def check(address: Address) -> tuple[Report, str]:
        conn = await connect(address, HOUSE, passwords(keyring)[HOUSE])
        try:
            keys = await _verifiers(config, keyring, conn)
            highest = guard(config, keyring).highest()
            with phases() as progress:
                known = [] if highest is None else [highest]
                shares = await shares_of(conn, config, address)
                report = await verify(conn, opener(conn, keyring), progress, known, keys, shares)
            return report, keys[-1].vkey()
        finally:
            await conn.close()

    with reach(config, keyring) as address:
        try:
            report, vkey = asyncio.run(check(address))
        except GuardRefused as refused:
            raise Tampered(str(refused)) from None
    return _say(report, f"{report.opened} bodies opened, {report.unopened} beyond reach, {report.subjects} subjects"
                        f" folded; key {vkey}")  # fmt: skip


async def _verifiers(config: Config, keyring: Keyring, conn: Conn) -> list[Verifier]:
    """Return the keys of all names that the log ever had, the present one last."""
    head = await store.head().first(conn)
    present = 1 if head is None else number_of(config.log_origin, head.origin)
    if present is None:
        raise StartRefused(f"the log of this database has another name than the configured {config.log_origin}")
    return [signer(config, keyring, name_of(config.log_origin, each)).verifier for each in range(1, present + 1)]


def _say(report: Report, more: str) -> int:
    if report.problem is not None:
        where = "" if report.leaf_index is None else f"leaf {report.leaf_index}: "
        say(f"NOT SOUND: {where}{report.problem}")
        return NOT_SOUND
    say(
        f"sound: {report.leaves} leaves in {report.tiles} tiles, {report.statements} statements,"
        f" root {report.root_hash.hex()}, public as far as {report.published}; {more}"
    )
    return SOUND


# current answers ------------------------------------------------------------------------------------------------------


def rebuild_state(config: Config, given: Namespace) -> int:
    """`ecrm ledger rebuild-state`: 0 nothing differs any more, 1 something does, 2 could not tell."""
    keyring = load_keyring(config)

    async def act(address: Address) -> int:
        conn = await connect(address, HOUSE, passwords(keyring)[HOUSE])
        try:
            return await _rebuild(conn, opener(conn, keyring), given, await _verifiers(config, keyring, conn))
        finally:
            await conn.close()

    try:
        with reach(config, keyring) as address:
            return asyncio.run(act(address))
    except (StartRefused, Unavailable) as refused:
        say(f"could not tell: {refused}")
        return COULD_NOT_TELL


async def _rebuild(conn: Conn, open_bodies: Opener, given: Namespace, keys: list[Verifier]) -> int:
    with phases() as progress:
        report = await verify(conn, None, progress, (), keys)
        if not report.sound:
            return _say(report, "")
        found = await rebuild.differences(conn, open_bodies, progress)
    for each in found:
        say(("differs: " if each.standing else "differs, and nothing proves what it should be: ") + each.wrong.problem)
    if not found:
        say(f"current answers are what the {report.leaves} entries of the log say")
        return SOUND
    if given.check or not any(each.standing for each in found):
        return NOT_SOUND
    if not given.yes and not _agreed():
        say("nothing was changed; --yes writes it")
        return NOT_SOUND
    written, left = await rebuild.rewrite(conn, open_bodies, found)
    say(f"the rows of {written} people are what their records say; {left} were left as they are")
    return NOT_SOUND if left else SOUND


def _agreed() -> bool:
    return sys.stdin.isatty() and input("Write what the records say? Type yes: ").strip() == "yes"


# a receipt ------------------------------------------------------------------------------------------------------------


def _receipt(given: Namespace, vkey: str) -> Receipt:
    try:
        return verify_receipt(given.receipt.read_bytes(), vkey)
    except OSError as error:
        raise StartRefused(f"{given.receipt} cannot be read ({error.strerror})") from None


def _receipt_is_sound(found: Receipt) -> int:
    say(f"sound: entry {found.leaf_index}, in a log of {found.checkpoint.tree_size}; what was said:")
    say(found.payload.decode())
    return SOUND


# a log elsewhere ------------------------------------------------------------------------------------------------------


async def _verify_elsewhere(given: Namespace) -> int:
    """Check a log by its address; with a receipt that the log contains its tree, and all of it only if asked to."""
    policy = _policy(given)
    async with Elsewhere(given.url) as service:
        vkey = given.key
        if vkey is None:
            vkey = (await service.get("ledger/key", KEY_BYTES_MAX)).decode("ascii", "replace").strip()
            say(f"trusting the key that the service gave: {vkey}")
        verifier = Verifier.parse(vkey)
        receipt = None if given.receipt is None else _receipt(given, vkey)
        signed = await remote.checkpoint(service.get, verifier, policy)
        if receipt is not None:
            await _contains(service.get, receipt.checkpoint, signed)
        if receipt is None or given.full:
            with phases() as progress:
                report = await remote.rebuild(service.get, signed, progress)
            status = _say(report, f"key {vkey}")
            if status != SOUND or receipt is None:
                return status
    assert receipt is not None, "without one the log was what was asked about"
    return _receipt_is_sound(receipt)


def _policy(given: Namespace) -> Policy | None:
    try:
        return None if given.policy is None else parse_policy(given.policy.read_bytes())
    except OSError as error:
        raise StartRefused(f"{given.policy} cannot be read ({error.strerror})") from None


async def _contains(fetch: remote.Fetch, older: Checkpoint, newer: Checkpoint) -> None:
    if older.tree_size > newer.tree_size:
        raise Unavailable(
            f"the receipt is of a log of {older.tree_size}, and {newer.tree_size} are public yet: come again later"
        )
    try:
        await remote.continues(fetch, older, newer)
    except NotKnown as missing:
        raise Tampered(f"the log does not serve what its checkpoint covers: {missing}") from None
    except Tampered as tampered:
        raise Tampered(f"the log does not contain the tree of the receipt: {tampered}") from None
    say(f"the log of {newer.tree_size} contains the log of {older.tree_size} that the receipt is of")
