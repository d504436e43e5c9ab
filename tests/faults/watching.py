"""Somebody who looks at the public log all the time and keeps what he was shown: a fork is one whoever saw each side.

He asks for the public checkpoint again and again, and for receipts that were just handed out; each note is in the
oracle's files before he looks again.
"""

import asyncio
from typing import Any

import httpx

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.checkpoint import Checkpoint, Verifier, open_checkpoint
from ecrm_privacy.ledger.receipt import parse_proof
from tests.faults.oracle import Shown, Wrong
from tests.faults.people import Town

EVERY_S = 0.05
NAME = "watcher"


class Watcher:
    """Looks at one service round after round; `highest` is the highest tree of each that anybody was shown."""

    def __init__(self) -> None:
        self.public = 0
        self.highest = 0
        self._verifier: Verifier | None = None

    async def look(self, town: Town) -> None:
        """Look until the round ends, whatever is killed meanwhile."""
        async with httpx.AsyncClient(base_url=town.base, timeout=15, trust_env=False, verify=False) as client:
            while not town.stopping.is_set():
                try:
                    await self._once(client, town)
                except (httpx.TransportError, httpx.HTTPStatusError):
                    town.statuses["watcher failed"] += 1
                await asyncio.sleep(EVERY_S)

    async def _once(self, client: httpx.AsyncClient, town: Town) -> None:
        if self._verifier is None:
            self._verifier = Verifier.parse((await _get(client, "/ledger/key")).text.strip())
        self._show(town, "public", (await _get(client, "/ledger/checkpoint")).text)
        if town.receipts:
            reply = await client.get(f"/v1/receipts/{town.receipts.pop()}")
            if reply.status_code == 200:  # its subject may be erased by now, or the service busy
                self._show(town, "receipt", parse_proof(reply.json()["proof"]).note)

    def _show(self, town: Town, where: str, note: str) -> None:
        assert self._verifier is not None
        try:
            found: Any = open_checkpoint(note, self._verifier)
        except Tampered as tampered:
            town.note(Wrong(NAME, f"a {where} checkpoint does not check: {tampered}"))
            return
        town.note(Shown(where, found.tree_size, found.root_hash.hex()))
        self.highest = max(self.highest, found.tree_size)
        if where == "public":
            if found.tree_size < self.public:
                town.note(Wrong(NAME, f"the public checkpoint went back from {self.public} to {found.tree_size}"))
            self.public = max(self.public, found.tree_size)


def checkpoint(shown: Shown, origin: str) -> Checkpoint:
    """Return what was shown, to hold a log against it."""
    return Checkpoint(origin, shown.tree_size, bytes.fromhex(shown.root_hash))


async def _get(client: httpx.AsyncClient, path: str) -> httpx.Response:
    return (await client.get(path)).raise_for_status()
