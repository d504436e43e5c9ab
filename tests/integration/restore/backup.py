"""A service on an embedded PostgreSQL of its own, which can be stopped, copied, put back and started again."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

from ecrm_privacy.app import build_app, open_house
from ecrm_privacy.cli import main
from ecrm_privacy.config import Config
from ecrm_privacy.processes import database, prepare
from ecrm_privacy.vault.keyring import Keyring
from tests.houses import ORIGIN, SITE_KEY, Browser, Opened, logged

T = TypeVar("T")


class Service:
    """A service in a folder. Between two calls nothing of it runs."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        (folder / "keys").mkdir(mode=0o700, parents=True)
        (folder / "keys" / "demo-site.key").write_bytes(SITE_KEY)
        self.config = Config(data_dir=folder, **{"checkpoint_period_s": 0.01, **settings})
        self.keyring = Keyring.create(self.config.key_file)

    def run(self, act: Callable[[Opened], Awaitable[T]]) -> T:
        """Start, let `act` call it, stop."""

        async def serve(address: Any) -> T:
            async with open_house(self.config, address, self.keyring) as house:
                return await act(Opened(house, build_app(house), address))

        with database(self.config, self.keyring) as (address, admin, password):
            prepare(self.config, self.keyring, address, admin, password)
            return asyncio.run(serve(address))

    def ecrm(self, *arguments: str) -> int:
        """Give a command."""
        with logged():  # the whole program sends its log elsewhere; afterwards it is ours again
            return main([*arguments, "--data-dir", str(self.folder)])

    def back_up(self) -> Path:
        """Copy what the database wrote, as a backup of the disk would."""
        copy = self.folder / "backup"
        shutil.copytree(self.folder / "postgres", copy, symlinks=True, ignore=shutil.ignore_patterns("socket", ".s.*"))
        _same_owners(self.folder / "postgres", copy)
        return copy

    def restore(self, copy: Path) -> None:
        """Put a backup in the place of the database; the key folder stays as it is."""
        shutil.rmtree(self.folder / "postgres")
        copy.rename(self.folder / "postgres")


def _same_owners(source: Path, copy: Path) -> None:
    for path in (copy, *copy.rglob("*")):
        original = source / path.relative_to(copy)
        if not path.is_symlink():
            shutil.chown(path, original.stat().st_uid, original.stat().st_gid)


class Visitor(httpx.AsyncBaseTransport):
    """Somebody whose browser keeps its cookies while the service comes and goes."""

    def __init__(self) -> None:
        client = httpx.AsyncClient(transport=self, base_url=ORIGIN, headers={"Origin": ORIGIN})
        self._browser = Browser(client)
        self._app: Any = None

    def at(self, opened: Opened) -> Browser:
        """Return the browser, which calls what is open now."""
        self._app = opened.app
        return self._browser

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand a request to the application."""
        return await httpx.ASGITransport(app=self._app, raise_app_exceptions=False).handle_async_request(request)
