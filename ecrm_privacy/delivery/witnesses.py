"""Asks witnesses for their cosignatures of a checkpoint (C2SP tlog-witness, the log's side).

All are asked at once and each has one second for everything. Whoever is slow, away, of another opinion or lying is left
out and logged: a checkpoint with fewer cosignatures is worth less, one that is never published is worth nothing. What a
witness answers is checked before it is believed; where it stands is remembered in memory alone, because it says so
itself when asked from the wrong place (409).
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Protocol

import httpx
import structlog

from ecrm_privacy.errors import Failure, StartRefused, Tampered

log = structlog.get_logger(__name__)

TRIES_MAX = 3
"""The first may start at the wrong size, the second meet another worker's request; more is a witness that plays."""
REPLY_BYTES_MAX = 64 * 1024
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_HEADERS = {"Content-Type": "text/plain; charset=utf-8", "Accept-Encoding": "identity"}

Prove = Callable[[int], Awaitable[Sequence[bytes]]]
"""Gives the consistency proof from the tree of that many leaves (not 0) to the one that is to be cosigned."""


class Asked(Protocol):
    """A witness as this room sees it; `ledger.quorum.Witness` is one."""

    @property
    def name(self) -> str:
        """What the policy calls it."""

    @property
    def url(self) -> str | None:
        """Its submission prefix; one without is not asked."""

    def accept(self, note: str, answer: str) -> list[str]:
        """Return its own checked signature lines of `answer` over `note`; raises `Tampered`."""


class Left(Failure):
    """Why a witness gave no cosignature; `reason` is one word. Never leaves this room."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Witnesses:
    """The witnesses of one policy. Made once per process, in the running loop; `close` lets go of the connections.

    Raises StartRefused for an address that is neither https nor plain http on this machine.
    """

    def __init__(self, asked: Iterable[Asked], *, timeout_s: float = 1.0) -> None:
        self._timeout_s = timeout_s
        self._places: dict[str, list[Asked]] = {}  # one call per address, however many keys sign there
        for witness in asked:
            if witness.url is not None:
                self._places.setdefault(_checked(witness.name, witness.url), []).append(witness)
        self._sizes: dict[str, int] = {}
        self._client = httpx.AsyncClient(
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=2 * len(self._places) + 1, keepalive_expiry=120.0),
        )

    @property
    def most(self) -> int:
        """How many signature lines may come at most."""
        return sum(len(each) for each in self._places.values())

    async def close(self) -> None:
        """Close the connections that were kept."""
        await self._client.aclose()

    async def gather(self, note: str, tree_size: int, prove: Prove) -> list[str]:
        """Return the signature lines that came in time for the signed checkpoint `note` of `tree_size` leaves.

        Append them to the note as they are. Takes the time-out once, whatever the witnesses do; raises only what
        `prove` raises and is no expected failure.
        """
        asked = [self._ask(place, note, tree_size, prove) for place in self._places]
        found = await asyncio.gather(*asked, return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return [line for each in found if not isinstance(each, BaseException) for line in each]

    async def _ask(self, place: str, note: str, tree_size: int, prove: Prove) -> list[str]:
        """Return the lines of the witnesses at one address, none if there is any doubt."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._add_checkpoint(place, note, tree_size, prove)
        except TimeoutError:
            reason = "timeout"
        except Left as left:
            reason = left.reason
        except (httpx.HTTPError, Failure) as error:
            reason = type(error).__name__
        log.warning("witness_left_out", host=httpx.URL(place).host, reason=reason, tree_size=tree_size)
        return []

    async def _add_checkpoint(self, place: str, note: str, tree_size: int, prove: Prove) -> list[str]:
        old_size = self._sizes.get(place, 0)
        for _ in range(TRIES_MAX):
            if old_size > tree_size:  # it saw more than we publish: the log went back, or the witness lies
                self._sizes.pop(place, None)
                raise Left("ahead_of_us")
            proof = await prove(old_size) if 0 < old_size < tree_size else ()
            hashes = "".join(f"{b64encode(node).decode()}\n" for node in proof)
            status, kind, answer = await self._post(place, f"old {old_size}\n{hashes}\n{note}".encode())
            if status == 200:
                return self._believed(place, note, tree_size, answer)
            stands_at = _SIZE.fullmatch(answer)
            if status != 409 or kind != "text/x.tlog.size" or stands_at is None:
                self._sizes.pop(place, None)
                raise Left(f"status_{status}")
            old_size = self._sizes[place] = int(stands_at[1])
        raise Left("conflicts")

    def _believed(self, place: str, note: str, tree_size: int, answer: bytes) -> list[str]:
        """Return what each witness at the address signed, after checking it."""
        self._sizes.pop(place, None)
        try:
            text = answer.decode()
            lines = [line for witness in self._places[place] for line in witness.accept(note, text)]
        except (UnicodeDecodeError, Tampered):
            raise Left("bad_cosignature") from None
        if not lines:
            raise Left("no_cosignature")
        self._sizes[place] = tree_size
        return lines

    async def _post(self, place: str, body: bytes) -> tuple[int, str, bytes]:
        """Return status, media type and at most `REPLY_BYTES_MAX` of the answer as it came."""
        answer = bytearray()
        async with self._client.stream("POST", f"{place}/add-checkpoint", content=body, headers=_HEADERS) as reply:
            async for chunk in reply.aiter_raw():
                answer += chunk
                if len(answer) > REPLY_BYTES_MAX:
                    raise Left("answer_too_long")
        return reply.status_code, reply.headers.get("Content-Type", "").partition(";")[0].strip().lower(), bytes(answer)


def _checked(name: str, url: str) -> str:
    """Return the prefix without a slash at its end; raises StartRefused unless what is sent there stays unread."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        raise StartRefused(f"the address of witness {name} is not a URL") from None
    is_private = parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts))
    if not (parts.host and is_private) or parts.query or parts.fragment:
        raise StartRefused(f"the address of witness {name} must be https (or http on this machine) without a query")
    return str(parts).rstrip("/")


def _is_here(url: httpx.URL) -> bool:
    try:
        return url.host == "localhost" or ip_address(url.host).is_loopback
    except ValueError:
        return False
