"""Rates, and whose they are.

Buckets live in the memory of one worker and are lost when it ends: with `n` workers the rates that hold are up to `n`
times the configured ones. That is enough for what they are for, which is to slow down a flood; nothing legal hangs on
them. Who needs an exact rate sets it at the proxy. A *no* is never counted and never refused.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from ecrm_privacy.errors import StartRefused
from ecrm_privacy.web.refusals import TooMany

BUCKETS_MAX = 100_000
"""How many callers a worker remembers; the one that was away longest is forgotten first. About 25 MB when full."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Buckets:
    """Token buckets that hold one minute's worth each, as one number per caller (the generic cell rate algorithm)."""

    __slots__ = ("_clock", "_full_again", "_most")

    def __init__(self, most: int = BUCKETS_MAX, clock: Callable[[], float] = time.monotonic) -> None:
        self._full_again: OrderedDict[Hashable, float] = OrderedDict()
        self._most = most
        self._clock = clock

    def take(self, caller: Hashable, per_minute: int) -> float:
        """Take one token of `caller`'s; return 0.0, or the seconds until there is one. `per_minute` 0 is off."""
        if per_minute <= 0:
            return 0.0
        now = self._clock()
        full_again = max(self._full_again.get(caller, now), now) + 60.0 / per_minute
        if full_again > now + 60.0 + 1e-9:
            return full_again - now - 60.0
        self._full_again[caller] = full_again
        self._full_again.move_to_end(caller)
        if len(self._full_again) > self._most:
            self._full_again.popitem(last=False)
        return 0.0

    def __len__(self) -> int:
        return len(self._full_again)


class Rates:
    """The rates of a yes: so many a minute per session, so many per address (a /64 of IPv6); 0 is off."""

    __slots__ = ("_buckets", "_per_address", "_per_session")

    def __init__(self, per_session: int, per_address: int, buckets: Buckets | None = None) -> None:
        self._per_session = per_session
        self._per_address = per_address
        self._buckets = Buckets() if buckets is None else buckets

    def count_yes(self, session_hash: bytes | None, address: str) -> None:
        """Count one yes. Raises TooMany. Do not ask for a request that says only no."""
        if session_hash is not None:
            self._count(("session", session_hash), self._per_session)
        self._count(("address", address_group(address)), self._per_address)

    def count_call(self, key_hash: bytes, per_minute: int) -> None:
        """Count one call under an API key with the rate of its own. Raises TooMany."""
        self._count(("key", key_hash), per_minute)

    def _count(self, caller: Hashable, per_minute: int) -> None:
        wait_s = self._buckets.take(caller, per_minute)
        if wait_s > 0.0:
            raise TooMany(wait_s)


def retry_after(wait_s: float) -> int:
    """Return whole seconds for a Retry-After header, never less than one."""
    return max(1, math.ceil(wait_s))


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Parse `trusted_proxies`: addresses or networks. Raises StartRefused naming the one that is neither."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ip_network(text.strip()))
        except ValueError:
            raise StartRefused(f"trusted_proxies: {text!r} is no address and no network (10.0.0.0/8, say)") from None
    return tuple(found)


def client_address(scope: Mapping[str, Any], trusted: Sequence[Network] = ()) -> str:
    """Return the address of whoever called: the rightmost one that no trusted proxy has.

    `X-Forwarded-For` is looked at only when the peer itself is trusted; an entry that is no address ends the search.
    Nothing else in this product believes a forwarded header.
    """
    peer = scope.get("client")
    nearest = _address(peer[0]) if peer else None
    if nearest is None:
        return "unknown"
    if not trusted or not _within(nearest, trusted):
        return str(nearest)
    lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    for hop in reversed(b",".join(lines).decode("latin-1").split(",")):
        address = _address(hop)
        if address is None:
            break
        nearest = address
        if not _within(address, trusted):
            break
    return str(nearest)


def is_from(scope: Mapping[str, Any], trusted: Sequence[Network]) -> bool:
    """Whether the peer itself is a trusted proxy: nobody else's forwarded headers are believed."""
    peer = scope.get("client")
    nearest = _address(peer[0]) if peer else None
    return nearest is not None and _within(nearest, trusted)


def address_group(address: str) -> bytes | str:
    """Return what shares a rate: an IPv4 address, or the /64 that an IPv6 one is in."""
    parsed = _address(address)
    return address if parsed is None else parsed.packed[:8]


def _within(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _address(text: str) -> Address | None:
    """Parse an address, in brackets or with a port too; an IPv4 address inside IPv6 is an IPv4 address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
