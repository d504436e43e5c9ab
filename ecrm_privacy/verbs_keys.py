"""What `ecrm keys` does: the key file, the epochs beside it, their copies, and what is due."""

import asyncio
import secrets
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ecrm_privacy import reindex
from ecrm_privacy.app import PATIENCE_S, House, passwords
from ecrm_privacy.config import Config
from ecrm_privacy.custody import keeper_at
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.pools import open_pools
from ecrm_privacy.errors import Failure, KeyFileRefused
from ecrm_privacy.roll import EpochStanding, Roll, Standing
from ecrm_privacy.vault import aead
from ecrm_privacy.vault.epochs.epoch import EpochState
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.memory import keep_memory_private
from ecrm_privacy.vault.root import RootKeeper
from ecrm_privacy.verbs import bar, in_house, load_keyring, log_key, reach, say


def arguments(verb: Callable[..., ArgumentParser], keys: object) -> None:
    """Say what `ecrm keys` takes."""
    one = verb("create", keys_create, "make a key file and its recovery copy", "ecrm keys create", keys)
    one.add_argument("--yes", action="store_true", help="do not ask for the recovery copy back")
    one.add_argument("--recover", action="store_true", help="make the old key file again from its recovery copy")
    one.add_argument(
        "--kept-by", metavar="ADDRESS", help="who keeps the key to the root: aws-kms:ARN or vault-transit:URL"
    )
    one = verb("backup", keys_backup, "print the recovery copy again, or keep a copy of the epochs in a folder",
               "ecrm keys backup /mnt/usb/ecrm", keys)  # fmt: skip
    one.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="keep a copy of the epochs there, in step")
    one = verb("rotate", keys_rotate, "begin a new epoch and wrap every key under it, while the service runs",
               "ecrm keys rotate --dry-run", keys)  # fmt: skip
    one.add_argument("--dry-run", action="store_true", help="say what would be done, change nothing")
    _gone(one)
    one = verb("destroy", keys_destroy, "destroy the key of an epoch that no key and no backup needs",
               "ecrm keys destroy 1", keys)  # fmt: skip
    one.add_argument("epoch", type=int, metavar="EPOCH", help="its number")
    one.add_argument("--now", action="store_true", help="there is no backup of the database from its time")
    _gone(one)
    verb("rotate-indexes", keys_rotate_indexes, "change the keys by which people are found, while serving them",
         "ecrm keys rotate-indexes", keys)  # fmt: skip
    verb("status", keys_status, "key file, epochs, copies, and what is due", "ecrm keys status", keys)


def _gone(one: ArgumentParser) -> None:
    one.add_argument(
        "--gone", type=Path, action="append", default=[], metavar="DIR", help="this copy of the epochs is no more"
    )


def keys_create(config: Config, given: Namespace) -> int:
    """`ecrm keys create`: prints the recovery copy, asks for it back, and only then writes the key file."""
    if config.key_file.exists():
        raise KeyFileRefused(f"{config.key_file} exists; a new key would make everything under the old one unreadable")
    keep_memory_private()
    keeper = keeper_at(given.kept_by) if given.kept_by else None
    if given.recover:
        return _recover(config, keeper)
    keyring = Keyring(secrets.token_bytes(aead.KEY_BYTES))
    say("Recovery copy. Write it down and keep it apart from backups of the database; without it or the key file,")
    say("everything is lost:\n")
    say(keyring.recovery_copy(), "\n")
    if not given.yes and not _has_copy_of(keyring):
        say("That is not the same: no key file was written, and that copy is of nothing. Begin again.")
        return 1
    config.key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = keyring.write(config.key_file, keeper)
    say(f"The key file is {config.key_file}. Beside it lies {made.name}: `ecrm keys backup DIR` keeps a copy of that.")
    return 0


def _recover(config: Config, keeper: RootKeeper | None) -> int:
    """Make the key file again; the epochs are not on paper."""
    try:
        keyring = Keyring.from_recovery(input("Type the recovery copy: "))
    except EOFError:
        raise KeyFileRefused("nobody typed the recovery copy, so no key file was written") from None
    config.key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keyring.epoch_file(config.key_file).read()
    keyring.save(config.key_file, keeper)
    say(f"The key file is {config.key_file} again.")
    return 0


def _has_copy_of(keyring: Keyring) -> bool:
    """Read the recovery copy back, from a terminal or a pipe. Raises KeyFileRefused when nothing comes."""
    try:
        return Keyring.from_recovery(input("Type it back to show that you have it: ")).same_as(keyring)
    except EOFError:
        raise KeyFileRefused(
            "nobody confirmed the recovery copy, so no key file was written: run it at a terminal, or with --yes where"
            " what is printed is kept safe"
        ) from None
    except KeyFileRefused:
        return False


def keys_backup(config: Config, given: Namespace) -> int:
    """`ecrm keys backup`."""
    keyring = load_keyring(config)
    if given.folder is None:
        say(keyring.recovery_copy())
        return 0
    file = keyring.epoch_file(config.key_file)
    with file.locked():
        copy = file.add_copy(given.folder.resolve())
    say(f"{copy} is a copy of the epochs now, and stays in step: it must be in reach when one is begun or destroyed.")
    return 0


def keys_rotate(config: Config, given: Namespace) -> int:
    """`ecrm keys rotate`."""

    async def rotate(house: House) -> int:
        roll = _roll(config, house)
        if given.dry_run:
            held = (await roll.standing()).epochs
            say(
                f"Would begin epoch {held[-1].epoch.number + 1} and wrap {sum(one.keys for one in held)} keys under it."
            )
            say("Nothing was changed.")
            return 0
        with bar("wrapping keys") as progress:
            done = await roll.rotate(progress, _folders(given.gone))
        how = "was begun before" if done.resumed else "is begun"
        say(f"Epoch {done.epoch} {how}; {done.moved} keys are wrapped under it.")
        if done.unopened:
            say(f"{done.unopened} keys do not open and stay as they are; see docs/how-to/look-after-the-keys.md.")
        return 0

    return in_house(config, rotate)


def keys_destroy(config: Config, given: Namespace) -> int:
    """`ecrm keys destroy`."""

    async def destroy(house: House) -> int:
        gone = _folders(given.gone)
        done = await _roll(config, house).destroy(given.epoch, at_once=given.now, gone=gone)
        say(f"The key of epoch {done.number} is destroyed; no backup opens what was sealed under it.")
        return 0

    return in_house(config, destroy)


def keys_status(config: Config, _given: Namespace) -> int:
    """`ecrm keys status`."""
    keyring = load_keyring(config)
    kept = f", its root kept by {keyring.kept_by}" if keyring.kept_by else ""
    say(f"{config.key_file}: readable by its owner alone{kept}, epoch {keyring.epoch}")
    say(f"log key: {log_key(config, keyring)}")
    if config.database_url is None and not (config.data_dir / "postgres").exists():
        say("There is no database yet.")
        return 0

    async def look(address: Address) -> Standing:
        pools = await open_pools(address, passwords(keyring))
        try:
            acquire = partial(pools.house.acquire, timeout=PATIENCE_S)
            return await Roll(
                acquire, _appends_nothing, keyring, config.key_backup_days, config.key_epoch_days
            ).standing()
        finally:
            await pools.close()

    try:
        with reach(config, keyring) as address:
            _show(asyncio.run(look(address)))
    except Failure as failure:
        say(f"The database cannot be asked how many keys there are: {failure}")
        return 2
    return 0


async def _appends_nothing(_entries: object) -> list[int | Failure]:
    raise AssertionError("looking says nothing in the log")


def _show(standing: Standing) -> None:
    for one in standing.epochs:
        say(_line(one))
    for folder, in_step in standing.copies:
        say(f"copy in {folder}: {'in step' if in_step else 'NOT in step, or out of reach'}")
    if not standing.copies:
        say("No copy of the epochs is kept: `ecrm keys backup DIR`")


def _line(one: EpochStanding) -> str:
    epoch = one.epoch
    words = [f"epoch {epoch.number}", f"{epoch.state.value}", f"begun {epoch.made:%Y-%m-%d}"]
    if epoch.state is EpochState.DESTROYED and epoch.destroyed:
        words.append(f"destroyed {epoch.destroyed:%Y-%m-%d}")
    else:
        words.append(f"{one.keys} keys")
    if epoch.state is EpochState.RETIRED and one.destroy_from:
        words.append(f"may be destroyed from {one.destroy_from}")
    return ", ".join(words) + (f"\n    due: {one.due}" if one.due else "")


def _roll(config: Config, house: House) -> Roll:
    acquire = partial(house.pools.house.acquire, timeout=PATIENCE_S)
    return Roll(acquire, house.writer.append, house.keyring, config.key_backup_days, config.key_epoch_days)


def _folders(given: list[Path]) -> tuple[Path, ...]:
    return tuple(folder.resolve() for folder in given)


def keys_rotate_indexes(config: Config, _given: Namespace) -> int:
    """`ecrm keys rotate-indexes`: begins a change of index keys, or goes on with one."""

    async def change(house: House) -> int:
        with bar("index values") as progress:
            renewed = await reindex.change(house.pools.house.acquire, house.indexes, progress)
        say(f"index keys of generation {house.indexes.generation}: {renewed} values renewed")
        return 0

    return in_house(config, change)
