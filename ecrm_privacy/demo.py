"""`ecrm demo`: a shop with customers and history, everything in one process group on this machine."""

import asyncio
import os
import secrets
import sys
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from ecrm_privacy import shipped
from ecrm_privacy.app import House, open_house
from ecrm_privacy.config import Config
from ecrm_privacy.consent import store as consent_store
from ecrm_privacy.database.address import Address
from ecrm_privacy.enact import read_policy
from ecrm_privacy.processes import serve
from ecrm_privacy.vault.keyring import Keyring
from ecrm_privacy.vault.memory import keep_memory_private
from ecrm_privacy.verbs import importers, load_keyring, put_in_force, say, show_report, take_file

SCOPES = (
    "subjects:write", "consent:write", "consent:read", "slots:read", "contacts:write", "catalogue:write",
    "events:write", "consent:import", "rights:write",
)  # fmt: skip
FILES = (("items", "items"), ("subjects", "customers"), ("answers", "answers"), ("events", "events"))


class Customer(msgspec.Struct, frozen=True):
    """A customer of the demo shop, to sign in as."""

    customer_number: str
    name: str
    email: str


class DemoFile(msgspec.Struct, frozen=True):
    """`demo.json`: with it, anyone on this machine can call the demo and sign its customers in."""

    base: str
    api_key: str
    token_secret: str
    issuer: str
    audience: str
    customers: tuple[Customer, ...]


def run(config: Config, given: Namespace) -> int:
    """Make what is missing, load the shop once, serve it."""
    config = msgspec.structs.replace(
        config, demo=True, yes_per_minute_subject=0, yes_per_minute_address=0, checkpoint_period_s=1.0, k_people=5,
        data_dir=config.data_dir if given.data_dir else Path(config.data_dir) / "demo",
    )  # fmt: skip
    keyring = _keyring(config)
    made = _demo_file(config)
    return serve(
        config,
        keyring,
        before=lambda address: asyncio.run(_load(config, address, keyring, made)),
        ready=lambda: _welcome(config),
    )


def _keyring(config: Config) -> Keyring:
    if config.key_file.exists():
        return load_keyring(config)
    keep_memory_private()
    config.key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    say("Making a key file for the demo; a real service makes its own with `ecrm keys create`.")
    return Keyring.create(config.key_file)


def _demo_file(config: Config) -> DemoFile:
    """Write `demo.json` with this start's address; its secrets are made once."""
    path = config.data_dir / "demo.json"
    before = msgspec.json.decode(path.read_bytes(), type=DemoFile) if path.exists() else None
    site = next(iter(read_policy(config).sites.values()))
    made = DemoFile(
        base=config.origin,
        api_key=before.api_key if before else f"ecrm_{secrets.token_urlsafe(32)}",
        token_secret=before.token_secret if before else secrets.token_urlsafe(32),
        issuer=site.token.issuer,
        audience=site.token.audience,
        customers=tuple(_customers()),
    )
    write_private(path, msgspec.json.format(msgspec.json.encode(made), indent=1))
    write_private(config.data_dir / "keys" / site.token.key_file, made.token_secret.encode())
    return made


def _customers() -> list[Customer]:
    lines = (shipped.demo_shop() / "customers.ndjson").read_bytes().splitlines()
    found = (msgspec.json.decode(line) for line in lines)
    return [
        Customer(each["customer_number"], each["fields"]["contact"]["name"], each["fields"]["contact"]["email"])
        for each in found
    ]


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


async def _load(config: Config, address: Address, keyring: Keyring, made: DemoFile) -> None:
    async with open_house(config, address, keyring) as house:
        await put_in_force(house, read_policy(config))
        async with house.pools.house.acquire() as conn:
            key_hash = sha256(made.api_key.encode()).digest()
            await consent_store.add_api_key(key_hash, "shop", SCOPES, 6000).run(conn)
        marker = config.data_dir / "loaded"
        if marker.exists():
            return
        await _load_shop(house)
        marker.touch()


async def _load_shop(house: House) -> None:
    lines = {name: (shipped.demo_shop() / f"{name}.ndjson").read_bytes().splitlines() for _, name in FILES}
    newest = max(msgspec.json.decode(line, type=Dated).at for line in lines["events"])
    later = datetime.now(UTC).date() - newest.date()
    with TemporaryDirectory() as folder:
        for kind, name in FILES:
            path = Path(folder) / f"{name}.ndjson"
            path.write_bytes(b"\n".join(_moved(line, later) for line in lines[name]))
            if kind in importers(house):
                show_report(kind, await take_file(house, kind, path, None))
    for plugin in house.plugins:
        say(await plugin.learn(lambda _done, _total: None))


class Dated(msgspec.Struct, frozen=True):
    """A line of which only the moment is of interest."""

    at: datetime


def _moved(line: bytes, later: timedelta) -> bytes:
    """Return a line with its moment moved, so that the shop's history ends today and no answer has run out."""
    record = msgspec.json.decode(line)
    if "at" in record:
        record["at"] = msgspec.convert(record["at"], datetime, strict=False) + later
    return msgspec.json.encode(record)


def _welcome(config: Config) -> None:
    say(f"""
  Hollin & Reed is open:   {config.origin}/
  Your privacy:            {config.origin}/preferences
  The public log:          {config.origin}/ledger/checkpoint
  For programs:            {config.data_dir / "demo.json"} and {config.origin}/schema

  Try this: say no in the banner and look around; sign in as one of the customers at {config.origin}/signin;
  switch a permission in the panel beside the page, and watch the page follow.
  Check the log:           {sys.argv[0]} ledger verify --data-dir {config.data_dir}
  Ctrl-C stops everything; a second start finds it as it was.
""")
