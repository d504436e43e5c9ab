"""A plugin that only tests load: it tells what hostile code would find in a process that renders."""

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from litestar import get

from ecrm_privacy.config import Config
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.pools import GATE, GUEST, HOUSE, Pool
from ecrm_privacy.database.postgres import ADMIN_ROLE
from ecrm_privacy.vault.aead import Secret
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.web.schema import Surface
from personalization.plugin import SURFACE, Keeper

PTRACE_ATTACH = 16


class Probe(msgspec.Struct, frozen=True):
    """What the composition root wants of a plugin."""

    route_handlers: tuple[Any, ...]
    importers: tuple[Any, ...] = ()
    jobs: tuple[Any, ...] = ()
    static: tuple[Path, ...] = ()
    surface: Surface = msgspec.structs.replace(SURFACE, bodies={})


async def _none_left(*_asked: object) -> bool:
    return True


def keeper(_config: Config) -> Keeper:
    """Hold nothing about anybody."""
    return Keeper((), mix=lambda _newer_than: (), age=_none_left)


def plugin(config: Config, guest: Pool, *_others: object) -> Probe:
    """Make the handler that tries what hostile code would try."""

    @get("/probe", include_in_schema=False)
    async def probe() -> dict[str, Any]:
        others = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]
        kin = [other for other in others if other != os.getpid() and _kin(other, config.data_dir)]
        return {
            "environment": sorted(os.environ),
            "environment_of_kin": [
                _tried(lambda each=each: Path(f"/proc/{each}/environ").read_bytes()) for each in kin
            ],
            "memory_of_kin": [_tried(lambda each=each: Path(f"/proc/{each}/mem").open("rb")) for each in kin],
            "traced": [_traced(each) for each in kin],
            "secrets": sum(isinstance(each, Secret | Keyring) for each in gc.get_objects()),
            "descriptors": sorted(filter(None, map(_target, Path("/proc/self/fd").iterdir()))),
            "key_file": _tried(config.key_file.read_bytes),
            "key_folder": _tried(lambda: [each.read_bytes() for each in config.key_file.parent.iterdir()]),
            "database_files": _tried((config.data_dir / "postgres" / "data" / "PG_VERSION").read_bytes),
            "writes": _tried(lambda: (config.data_dir / "written").write_text("by a hall")),
            "database_url": config.database_url,
            "logins": [await _login(guest, role) for role in (HOUSE, GATE, ADMIN_ROLE, GUEST)],
            "roles": await guest.fetchval("select count(*) from pg_roles where pg_has_role(oid, 'member')"),
        }

    return Probe((probe,))


def _kin(process: int, data_dir: Path) -> bool:
    try:
        return os.fsencode(data_dir) in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def _tried(act: Callable[[], object]) -> str:
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"


def _traced(process: int) -> int:
    import ctypes

    return int(ctypes.CDLL(None).ptrace(PTRACE_ATTACH, process, None, None))


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink()).partition(":")[0]
    except OSError:
        return ""


async def _login(guest: Pool, role: str) -> str:
    """Try to become a role with the only password there is."""
    async with guest.acquire(timeout=5) as conn:
        held = conn._con._params if hasattr(conn, "_con") else conn._params
        address = conn._con._addr if hasattr(conn, "_con") else conn._addr
    where = Address(str(Path(address).parent), int(address.rpartition(".")[2]), held.database, ())
    try:
        made = await asyncpg.connect(**where.connect_args(role, held.password))
    except asyncpg.PostgresError as error:
        return type(error).__name__
    await made.close()
    return "in"


assert sys.platform == "linux", "looks into /proc"
