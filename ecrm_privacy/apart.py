"""Verifying in several processes: each opens and folds the bodies of its share of the subjects, over one snapshot.

Opening a body is work for one processor. A process of this kind gets what it must know on its standard input, loads
the key file itself, and says on its standard output what it found; it ends with whoever started it.
"""

import asyncio
import os
import sys
from functools import partial

import msgspec

from ecrm_privacy.app import passwords
from ecrm_privacy.config import Config
from ecrm_privacy.custody import keeper_at
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.pools import HOUSE, connect
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.ledger import store
from ecrm_privacy.ledger.verify import Apart, Part, Share, verify_share
from ecrm_privacy.logbook import opener
from ecrm_privacy.sql import Conn
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.memory import keep_memory_private

BODIES_WORTH_IT = 50_000
"""With fewer, a process takes longer to start than to check its share."""
SHARES_MAX = 8


class Told(msgspec.Struct, frozen=True):
    """What such a process must know."""

    config: Config
    address: Address
    snapshot: str
    share: Share


async def shares_of(conn: Conn, config: Config, address: Address) -> tuple[Apart, int] | None:
    """Return how to check the bodies of this log in as many processes as there are processors; None if not worth it."""
    bodies = await store.count_bodies().first(conn)
    assert bodies is not None, "a count is one row"
    shares = min(os.cpu_count() or 1, SHARES_MAX) if bodies.count >= BODIES_WORTH_IT else 1
    return None if shares == 1 else (partial(_elsewhere, config, address), shares)


async def _elsewhere(config: Config, address: Address, snapshot: str, share: Share) -> Part:
    told = msgspec.json.encode(Told(config, address, snapshot, share), enc_hook=str)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ecrm_privacy", "_verify", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        said, _ = await process.communicate(told)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise Unavailable(f"a process that checked a share of the bodies ended with status {process.returncode}")
    return msgspec.json.decode(said, type=Part)


def work() -> int:
    """Check one share."""
    told = msgspec.json.decode(sys.stdin.buffer.read(), type=Told, dec_hook=lambda kind, value: kind(value))
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(_check(told))))
    return 0


async def _check(told: Told) -> Part:
    keep_memory_private()
    keyring = Keyring.load(told.config.key_file, keeper_at)
    conn = await connect(told.address, HOUSE, passwords(keyring)[HOUSE])
    try:
        return await verify_share(conn, opener(conn, keyring), told.snapshot, told.share)
    finally:
        await conn.close()
