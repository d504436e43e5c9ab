"""Frames on a connection: `length u32 | number u64 | kind u8 | payload`, big endian; the length is the payload's.

The number ties an answer to its question. Nothing is cut or joined here: a frame is heard when it is whole.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Any

HEAD = struct.Struct(">IQB")
FRAME_BYTES_MAX = 64 * 1024 * 1024
"""A longer frame is nobody's: the connection ends."""

Hear = Callable[[int, int, bytes], None]


class Line(asyncio.Protocol):
    """One end of a connection. `hear(number, kind, payload)` is called for each frame, `lost()` once at the end."""

    def __init__(self, hear: Hear, lost: Callable[[], None]) -> None:
        self._hear = hear
        self._lost = lost
        self._heard = bytearray()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what came, and hear every frame that is whole."""
        heard = self._heard
        heard += data
        at = 0
        while len(heard) - at >= HEAD.size:
            length, number, kind = HEAD.unpack_from(heard, at)
            if length > FRAME_BYTES_MAX:
                self._transport.abort()
                return
            end = at + HEAD.size + length
            if len(heard) < end:
                break
            payload = bytes(memoryview(heard)[at + HEAD.size : end])
            at = end
            self._hear(number, kind, payload)
        del heard[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that nothing more will be heard."""
        self._lost()

    def say(self, number: int, kind: int, payload: bytes) -> None:
        """Send a frame; one that nobody can hear any more is dropped. What is too long for a frame must be cut before.

        What is said within one turn of the event loop goes out together.
        """
        assert len(payload) <= FRAME_BYTES_MAX, "the other end would hang up"
        if self._transport is not None and not self._transport.is_closing():
            self._transport.writelines((HEAD.pack(len(payload), number, kind), payload))

    def close(self) -> None:
        """Send what was said, and end."""
        if self._transport is not None:
            self._transport.close()
