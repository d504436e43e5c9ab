"""Lines of a stream, however they were cut into pieces on the way."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.web.refusals import BodyTooLarge
from ecrm_privacy.web.stream import lines


async def pieces(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def read(parts: Iterable[bytes], most: int = 64 * 1024) -> list[bytes]:
    async def gather() -> list[bytes]:
        return [line async for line in lines(pieces(parts), most)]

    return asyncio.run(gather())


@given(st.lists(st.binary(max_size=20)))
def test_cutting_differently_gives_the_same_lines(parts: list[bytes]) -> None:
    """TCP does not know lines."""
    whole = b"".join(parts)
    expected = [line.rstrip(b"\r") for line in whole.split(b"\n") if line.strip()]
    assert read(parts) == read([whole]) == expected == read([whole[at : at + 1] for at in range(len(whole))])


def test_a_last_line_needs_no_end() -> None:
    """Blank lines are none."""
    assert read([b'{"a":1}\r\n\n  \n{"b', b'":2}']) == [b'{"a":1}', b'{"b":2}']


@pytest.mark.parametrize(
    "parts", [[b"x" * 11], [b"x" * 11 + b"\n"], [b"x" * 6, b"x" * 6], [b"ok\n", b"x" * 11 + b"\n"]]
)
def test_a_line_has_a_limit(parts: list[bytes]) -> None:
    """Also one that never ends."""
    with pytest.raises(BodyTooLarge):
        read(parts, most=10)


def test_many_lines_have_none() -> None:
    """A stream may be as long as it likes."""
    assert len(read((b"x" * 9 + b"\n" for _ in range(10_000)), most=10)) == 10_000
