"""The witness over HTTP: three calls, plain ASGI, plain text. It logs nothing.

POST /add-checkpoint                  C2SP tlog-witness
GET  /                                what this is, its key, and what it has seen
GET  /<hex sha256(origin)>/checkpoint the newest checkpoint that it cosigned of a log
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from threading import Lock
from typing import Any

from ecrm_privacy.errors import Tampered
from ecrm_privacy.ledger.checkpoint import Verifier
from ecrm_privacy.ledger.cosignature import Cosigner
from ecrm_privacy.ledger.witness.store import Record
from ecrm_privacy.ledger.witness.verdict import BODY_BYTES_MAX, Reply, judge, parse_request

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Logs = Mapping[str, Sequence[Verifier]]

BODY_S = 10.0


def by_origin(keys: Sequence[Verifier]) -> dict[str, list[Verifier]]:
    """Return the keys of logs by the origin that they speak for; a log whose key changes has two for a while."""
    logs: dict[str, list[Verifier]] = {}
    for key in keys:
        logs.setdefault(key.name, []).append(key)
    return logs


class Witness:
    """Judges requests by its record, one at a time. `clock` gives seconds since 1970."""

    def __init__(self, cosigner: Cosigner, record: Record, logs: Logs, clock: Callable[[], float] = time.time) -> None:
        self.cosigner = cosigner
        self._record = record
        self._logs = logs
        self._clock = clock
        self._turn = Lock()

    def add_checkpoint(self, body: bytes) -> Reply:
        """Return the reply to one call; what it cosigns is on disk by then. Raises sqlite3.Error if it cannot be."""
        try:
            request = parse_request(body)
        except Tampered as tampered:
            return Reply(400, f"{tampered}\n")
        origin = request.checkpoint.origin
        while True:  # again only when another process went on in between, and then by what that one wrote
            with self._turn:
                state = self._record.state(origin)
                reply = judge(state, request, self._logs.get(origin, ()), self.cosigner, int(self._clock()))
                if reply.state is None or self._record.advance(origin, state, reply.state):
                    return reply

    def checkpoint(self, origin_hash: str) -> str:
        """Return the newest note cosigned of the log whose origin has this hash (hex), empty if there is none."""
        for origin in self._logs:
            if sha256(origin.encode()).hexdigest() == origin_hash:
                with self._turn:
                    return self._record.state(origin).note
        return ""

    def about(self) -> str:
        """Return in plain words what this is, its key, and what it has seen of each log."""
        lines = [
            "This is a witness. It looks after logs that others keep: it remembers the newest state of each log below,",
            "and signs a later state only if it continues what was signed before. A log that shows one history to you",
            "and another to somebody else cannot have this signature on both. The witness sees sizes and hashes, no",
            "entries and nothing about people.",
            "",
            f"Its key: {self.cosigner.vkey()}",
            "Its protocol: https://c2sp.org/tlog-witness",
            "",
        ]
        for origin in self._logs:
            with self._turn:
                state = self._record.state(origin)
            when = datetime.fromtimestamp(state.cosigned_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            seen = f"{state.tree_size} entries at {when}" if state.note else "nothing seen yet"
            lines += [f"Log {origin}: {seen}", f"  /{sha256(origin.encode()).hexdigest()}/checkpoint"]
        return "\n".join(lines) + "\n"


class WitnessApp:
    """The ASGI application around a witness. A body has `body_s` seconds to come."""

    def __init__(self, witness: Witness, *, body_s: float = BODY_S) -> None:
        self._witness = witness
        self._body_s = body_s

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert scope["type"] == "http", "the server is told to offer nothing else"
        try:
            reply = await self._answer(scope, receive)
        except sqlite3.Error:
            reply = Reply(503, "The record cannot be written now; nothing was signed. Try again.\n")
        if reply is None:
            return
        body = reply.body.encode()
        headers = [
            (b"content-type", reply.media_type.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            *([(b"connection", b"close")] if reply.status in {408, 413} else []),  # the rest of the body is not read
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive) -> Reply | None:
        """Return the reply, or None if the caller went away."""
        call = scope["method"], *scope["path"].split("/")[1:]
        match call:
            case "POST", "add-checkpoint":
                body = await _read(receive, self._body_s)
                return body if not isinstance(body, bytes) else await self._off_loop(self._witness.add_checkpoint, body)
            case "GET", "":
                return Reply(200, await self._off_loop(self._witness.about))
            case "GET", origin_hash, "checkpoint":
                note = await self._off_loop(self._witness.checkpoint, origin_hash)
                return Reply(200, note) if note else Reply(404, "Nothing was cosigned of such a log.\n")
        return Reply(404, "POST /add-checkpoint, GET / and GET /<hash>/checkpoint are all there is.\n")

    async def _off_loop(self, work: Callable[..., Any], *args: Any) -> Any:
        """Do what waits for the disk in a thread; what was begun is finished even if the caller goes away."""
        return await asyncio.shield(asyncio.to_thread(work, *args))


async def _read(receive: Receive, within_s: float) -> bytes | Reply | None:
    """Return the body of a request, the refusal of one that is too long or too slow, or None if the caller left."""
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                body += message.get("body", b"")
                if len(body) > BODY_BYTES_MAX:
                    return Reply(413, "The request is too long.\n")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        return Reply(408, "The request did not come in time.\n")
