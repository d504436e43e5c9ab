"""The bundles this process knows. Statements return the hash of the active one; an unknown hash is loaded first."""

from collections.abc import Awaitable, Callable

from ecrm_privacy.errors import PolicyRefused, PolicyUnreadable, Unavailable
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.load import from_documents

Fetch = Callable[[bytes], Awaitable[bytes | None]]
"""Reads the canonical documents of a bundle by its hash."""


class Shelf:
    """Bundles by hash; they are immutable, so nothing here is ever stale."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._bundles: dict[bytes, Bundle] = {}
        self.latest: Bundle | None = None
        """The bundle that a statement named last: for reading choice cookies, whose bits mean the same in every one."""

    async def bundle(self, bundle_hash: bytes) -> Bundle:
        """Return the bundle that a statement named. Raises Unavailable when the database does not have it, and
        PolicyUnreadable when this program is too new or too old for it.
        """
        self.latest = await self.earlier(bundle_hash)
        return self.latest

    async def earlier(self, bundle_hash: bytes) -> Bundle:
        """Return a bundle that may not be in force any more; `latest` stays. Raises Unavailable, PolicyUnreadable."""
        if (known := self._bundles.get(bundle_hash)) is not None:
            return known
        documents = await self._fetch(bundle_hash)
        if documents is None:
            raise Unavailable("a policy that was put in force is not in the database")
        try:
            bundle = self._bundles[bundle_hash] = from_documents(documents)
        except PolicyRefused as refused:
            what = str(refused).partition("\n")[0]
            raise PolicyUnreadable(f"this program cannot read policy {bundle_hash.hex()[:16]} ({what})") from refused
        return bundle
