"""Frames between a hall and the house."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.hatch.wire import FRAME_BYTES_MAX, HEAD, Line

FRAMES = st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 255), st.binary(max_size=300)), max_size=6)


class Ends:
    """Both ends of a pipe: what is written is kept."""

    def __init__(self) -> None:
        self.written = b""
        self.is_aborted = False

    def writelines(self, parts: Any) -> None:
        self.written += b"".join(parts)

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


def line(heard: list[tuple[int, int, bytes]]) -> tuple[Line, Ends]:
    made, ends = Line(lambda *frame: heard.append(frame), lambda: None), Ends()
    made.connection_made(ends)  # type: ignore[arg-type]
    return made, ends


@given(FRAMES, st.integers(1, 40))
def test_frames_are_heard_as_they_were_said(frames: list[tuple[int, int, bytes]], piece: int) -> None:
    """However the bytes are cut on their way."""
    speaker, ends = line([])
    for frame in frames:
        speaker.say(*frame)
    heard: list[tuple[int, int, bytes]] = []
    listener, _ = line(heard)
    for at in range(0, len(ends.written), piece):
        listener.data_received(ends.written[at : at + piece])
    assert heard == frames


def test_a_frame_that_is_too_long_ends_the_connection() -> None:
    """Before it is taken in."""
    heard: list[tuple[int, int, bytes]] = []
    listener, ends = line(heard)
    listener.data_received(HEAD.pack(FRAME_BYTES_MAX + 1, 1, 0))
    assert ends.is_aborted and heard == []


@pytest.mark.parametrize("said", [b"", b"x"])
def test_what_nobody_can_hear_is_dropped(said: bytes) -> None:
    """After the end of a connection nothing is written."""
    speaker, ends = line([])
    ends.abort()
    speaker.say(1, 0, said)
    assert ends.written == b""
