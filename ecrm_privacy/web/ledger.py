"""The public side of the log: its key, its checkpoint, its tiles (C2SP tlog-tiles), and our own acts."""

from collections.abc import Awaitable, Callable

import msgspec
from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ecrm_privacy.errors import NotKnown

OCTETS = "application/octet-stream"
LEAF_INDEX_MOST = 2**63 - 1
"""What the database holds as one: no log is that long."""


class PublicLog(msgspec.Struct, frozen=True):
    """What of the log is public: `vkey` (signed-note), a checkpoint, tiles by name, {payload, open} of our own acts."""

    vkey: str
    checkpoint: Callable[[], Awaitable[str]]
    tile: Callable[[str], Awaitable[bytes]]
    statement: Callable[[int], Awaitable[dict[str, str]]]


@get("/ledger/key", media_type=MediaType.TEXT)
async def key(public_log: NamedDependency[PublicLog]) -> Response[str]:
    """The log's verifier key (C2SP signed-note vkey)."""
    return Response(public_log.vkey + "\n", media_type=MediaType.TEXT, headers={"Cache-Control": "public, max-age=60"})


@get("/ledger/checkpoint", media_type=MediaType.TEXT)
async def checkpoint(public_log: NamedDependency[PublicLog]) -> Response[str]:
    """The public checkpoint (C2SP tlog-checkpoint); it moves at a steady pace, so that it tells nobody's moment."""
    note = await public_log.checkpoint()
    return Response(note, media_type=MediaType.TEXT, headers={"Cache-Control": "public, max-age=1"})


@get("/ledger/tile/{name:path}", media_type=OCTETS)
async def tile(name: FromPath[str], public_log: NamedDependency[PublicLog]) -> Response[bytes]:
    """A tile: `0/x001/x234/067` holds 256 hashes of 32 bytes, `….p/12` the first 12, `entries/…` the leaves themselves.

    Tiles beyond the public checkpoint are not served. What is served never changes.
    """
    hashes = await public_log.tile(name.removeprefix("/"))
    return Response(hashes, media_type=OCTETS, headers={"Cache-Control": "public, max-age=31536000, immutable"})


@get("/ledger/statement/{leaf_index:int}")
async def statement(leaf_index: FromPath[int], public_log: NamedDependency[PublicLog]) -> dict[str, str]:
    """`{payload, open}` of an act of our own, such as the activation of a policy."""
    if leaf_index > LEAF_INDEX_MOST:
        raise NotKnown
    return await public_log.statement(leaf_index)
