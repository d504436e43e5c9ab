"""Looking for values that must not be there: in clear, and in every encoding that somebody might call a protection.

All patterns are looked for at once: a window of six bytes at every third place in the hay meets one of the first three
windows of any pattern that stands there.
"""

import base64
import codecs
import hashlib
import html
import json
import quopri
import uuid
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote, quote_plus

WINDOW, STRIDE = 6, 3
SHORTEST = WINDOW + STRIDE - 1
"""Shorter patterns are not looked for: they would be found in random bytes."""
SHORTEST_HEX = 10
"""Nor shorter ones in hexadecimal: random digits spell four letters now and then. `test_dump` finds them where they are
a whole value."""
DIGEST_BYTES = 8
"""So much of a digest is enough: who cuts it off shorter keeps nothing to find people by."""
NAMESPACES = (uuid.NAMESPACE_DNS, uuid.NAMESPACE_URL, uuid.NAMESPACE_OID, uuid.NAMESPACE_X500)


class Trace(NamedTuple):
    """A value that was found, how it was encoded, and where in which hay."""

    value: str
    encoding: str
    hay: int
    place: int


def forms(value: str) -> Iterator[tuple[str, bytes]]:
    """Return `value` in every encoding, each with its name. Case is of no importance for those that end in `-i`."""
    written = dict.fromkeys((value, value.lower(), value.upper(), value.casefold()))
    for text in written:
        raw = text.encode()
        yield "clear-i", raw
        yield "reversed-i", text[::-1].encode()
        yield "rot13-i", codecs.encode(text, "rot13").encode()
        yield "latin-1-i", text.encode("latin-1", "ignore") if text.isascii() else _latin(text)
        yield "utf-16-le-i", text.encode("utf-16-le")
        yield "utf-16-be-i", text.encode("utf-16-be")
        yield "hex-i", raw.hex().encode()
        yield "percent-i", quote(text, safe="").encode()
        yield "form-i", quote_plus(text).encode()
        yield "json-i", json.dumps(text)[1:-1].encode()
        yield "entities-i", html.escape(text).encode()
        yield "quoted-printable-i", quopri.encodestring(raw, quotetabs=True)
        yield from (("base32-i", piece) for piece in _inner(raw, base64.b32encode, 5, 8))
        yield from (("base64", piece) for piece in _inner(raw, base64.b64encode, 3, 4))
        yield from (("base64url", piece) for piece in _inner(raw, base64.urlsafe_b64encode, 3, 4))
        yield from _digests(text)


def _latin(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return b""


def _inner(raw: bytes, encode: Callable[[bytes], bytes], step: int, signs: int) -> Iterator[bytes]:
    """Encode `raw` as it stands inside of a longer text, at each offset; only what no neighbour changes."""
    for offset in range(step):
        whole = encode(bytes(offset) + raw)
        first = -(-offset * signs // step)
        last = (offset + len(raw)) * signs // step
        yield whole[first:last]


def _digests(text: str) -> Iterator[tuple[str, bytes]]:
    for name in ("md5", "sha1", "sha256", "sha512"):
        digest = hashlib.new(name, text.encode(), usedforsecurity=False).digest()
        yield name, digest[:DIGEST_BYTES]
        yield f"{name}-hex-i", digest[:DIGEST_BYTES].hex().encode()
        yield f"{name}-base64", base64.b64encode(digest)[: DIGEST_BYTES * 4 // 3]
        yield f"{name}-base64url", base64.urlsafe_b64encode(digest)[: DIGEST_BYTES * 4 // 3]
    for space in NAMESPACES:
        for made in (uuid.uuid3(space, text), uuid.uuid5(space, text)):
            yield "uuid-i", str(made).encode()
            yield "uuid-bytes", made.bytes


def find(values: Iterable[str], hays: Sequence[bytes]) -> list[Trace]:
    """Return every trace of `values` in `hays`, and in what unpacks there."""
    exact, folded = _patterns(values)
    found = []
    for number, hay in enumerate(hays):
        found += [Trace(value, encoding, number, place) for value, encoding, place in _scan(hay, exact)]
        found += [Trace(value, encoding, number, place) for value, encoding, place in _scan(hay.lower(), folded)]
    return found


class Pattern(NamedTuple):
    """What to look for, where its window is in it, and what it means."""

    raw: bytes
    offset: int
    value: str
    encoding: str


Patterns = dict[bytes, list[Pattern]]


def _patterns(values: Iterable[str]) -> tuple[Patterns, Patterns]:
    """Return patterns by window: those that are exact, and those for hay in small letters."""
    exact, folded = defaultdict(list), defaultdict(list)
    for value in values:
        for encoding, raw in dict.fromkeys(forms(value)):
            if len(raw) < (SHORTEST_HEX if encoding == "hex-i" else SHORTEST):
                continue
            kind, made = (folded, raw.lower()) if encoding.endswith("-i") else (exact, raw)
            for offset in range(STRIDE):
                pattern = Pattern(made, offset, value, encoding.removesuffix("-i"))
                kind[made[offset : offset + WINDOW]].append(pattern)
    return exact, folded


def _scan(hay: bytes, patterns: Patterns) -> Iterator[tuple[str, str, int]]:
    for place in range(0, len(hay) - WINDOW + 1, STRIDE):
        if (window := hay[place : place + WINDOW]) in patterns:
            for pattern in patterns[window]:
                if place >= pattern.offset and hay.startswith(pattern.raw, place - pattern.offset):
                    yield pattern.value, pattern.encoding, place - pattern.offset


def unpacked(values: Iterable[bytes]) -> bytes:
    """Return what those of `values` hold that are compressed, one per line."""
    found = []
    for value in values:
        for window_bits in (15, 31, -15):  # zlib, gzip, raw deflate
            try:
                found.append(zlib.decompressobj(window_bits).decompress(value, 1_000_000))
            except zlib.error:
                continue
    return b"\n".join(found)
