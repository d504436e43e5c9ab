"""`ecrm ledger shard`: the way on after a restored backup. The service is stopped meanwhile.

It may be given again after a crash: what was committed is found, and the rest is done.
"""

import asyncio
import sys
from argparse import Namespace
from datetime import UTC, datetime

import msgspec

from ecrm_privacy.app import House, open_house, passwords
from ecrm_privacy.config import Config
from ecrm_privacy.consent.reconcile import Reconciler
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.pools import HOUSE, connect
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.ledger import store
from ecrm_privacy.ledger.names import name_of, number_of
from ecrm_privacy.ledger.shard import UNFINISHED, Shard, ShardRefused, carry_on, check
from ecrm_privacy.logbook import guard, signer
from ecrm_privacy.processes import database, prepare
from ecrm_privacy.rights.journal import Mark
from ecrm_privacy.rights.recall import Returned, returned
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.verbs import load_keyring, say


class Given(msgspec.Struct, frozen=True):
    """What the operator said."""

    size: int
    nothing_lost: bool
    dry_run: bool


def shard(config: Config, given: Namespace) -> int:
    """`ecrm ledger shard`: 0 done, 1 refused; the embedded database says when the service still runs."""
    keyring = load_keyring(config)
    said = Given(given.size, given.nothing_lost, given.dry_run)
    with database(config, keyring) as (address, admin, password):
        prepare(config, keyring, address, admin, password)
        try:
            return asyncio.run(go_on(config, address, keyring, said))
        except ShardRefused as refused:
            say(f"refused: {refused}")
            return 1


async def go_on(config: Config, address: Address, keyring: Keyring, said: Given) -> int:
    """Do what was said to the database at `address`. Raises ShardRefused."""
    async with open_house(config, address, keyring) as house:  # which freezes what must not go on
        head = await _head(house)
        if head.frozen != UNFINISHED:
            check(head, said.size)
            back = await returned(house.pools.house.acquire, house.rights.journal)
            made = _plan(config, keyring, head, said)
            _explain(head, made, back)
            if said.dry_run:
                say("Nothing was changed (--dry-run).")
                return 0
            if not _confirmed(said):
                say("refused: that is not the size; nothing was changed")
                return 1
            await _commit(house, address, keyring, made, said, back)
    if said.dry_run:
        say("Going on was begun before and is not finished; the same command without --dry-run finishes it.")
        return 0
    async with open_house(config, address, keyring) as house:  # under the new name
        changed = await Reconciler(house.desk).everybody()
        async with house.pools.house.acquire() as conn:
            await store.thaw(UNFINISHED).run(conn)
        await house.publisher.publish()
        await house.runner.drain()
        say(
            f"The log goes on as {house.publisher.reader.signer.name}."
            f" What history may serve changed for {changed} people."
        )
        say(f"Its key, for whoever checks receipts from now on: {house.log_key}")
    return 0


async def _head(house: House) -> store.Head:
    async with house.pools.house.acquire() as conn:
        head = await store.head().first(conn)
    if head is None:
        raise Unavailable("the log was never opened")
    return head


def _plan(config: Config, keyring: Keyring, head: store.Head, said: Given) -> Shard:
    number = number_of(config.log_origin, head.origin)
    kept = guard(config, keyring)
    highest = kept.highest()
    assert number is not None, "the house would not have opened"
    if highest is not None:  # a name that anything was signed under is used up, also if the database forgot it
        number = max(number, kept.rank(highest)[0])
    names = [name_of(config.log_origin, each) for each in range(1, number + 2)]
    vkeys = [signer(config, keyring, name).vkey() for name in names]
    return Shard(names[-1], vkeys[-1], tuple(vkeys[:-1]), kept.note(), said.nothing_lost, datetime.now(UTC).date())


def _explain(head: store.Head, made: Shard, back: Returned) -> None:
    say(f"The log is frozen: {head.frozen}.")
    say(f"This database has {head.tree_size} entries under the name {head.origin}.")
    if made.highest is not None:
        say(f"The highest checkpoint that anybody was shown has {made.highest.splitlines()[1]}.")
    say(f"It will go on as {made.origin}, after {head.tree_size} entries.")
    say(f"Erased again: {len(back.everybody)} people whom the backup brought back.")
    if made.nothing_lost:
        say("You state that nothing was lost; the log will say so in public, and nobody is asked again.")
    else:
        say("Every yes of the time before is asked again; every no stands.")


def _confirmed(said: Given) -> bool:
    """At a terminal the size is typed once more; elsewhere --from says it."""
    return not sys.stdin.isatty() or input("There is no way back. Type the number of entries to go on: ") == str(
        said.size
    )


async def _commit(house: House, address: Address, keyring: Keyring, made: Shard, said: Given, back: Returned) -> None:
    erasures = [await house.rights.again(subject, made.on) for subject in back.everybody]
    conn = await connect(address, HOUSE, passwords(keyring)[HOUSE])
    try:
        index = await carry_on(conn, made, said.size, erasures)
    finally:
        await conn.close()
    for subject in back.begun:
        await asyncio.to_thread(house.rights.journal.write, subject, Mark.DONE, made.on)
    say(f"Entry {index} of the log says in public what happened.")
