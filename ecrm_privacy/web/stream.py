"""Lines of a stream (NDJSON): any number of them, each of limited length."""

from collections.abc import AsyncIterable, AsyncIterator

from ecrm_privacy.web.refusals import BodyTooLarge

LINE_BYTES_MAX = 64 * 1024


async def lines(pieces: AsyncIterable[bytes], most: int = LINE_BYTES_MAX) -> AsyncIterator[bytes]:
    """Yield each line of `pieces` (`request.stream()`) without its end, blank ones left out.

    Raises BodyTooLarge at the first line of more than `most` bytes; the lines before it were yielded.
    """
    rest = bytearray()
    async for piece in pieces:
        rest += piece
        *whole, last = rest.split(b"\n")
        for line in whole:
            if len(line) > most:
                raise BodyTooLarge
            if line.strip():
                yield bytes(line.rstrip(b"\r"))
        rest = bytearray(last)
        if len(rest) > most:
            raise BodyTooLarge
    if rest.strip():
        yield bytes(rest.rstrip(b"\r"))
