"""Frames as bytes, read back by hyperframe."""

from __future__ import annotations

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.support.frame_log import frames_of
from ticker_server.api.transport.frames import frame
from ticker_server.api.transport.frames.frame import ErrorCode, Setting

# What the server builds, and the same by hyperframe.
PAIRS = {
    "settings": (
        frame.settings_frame([(Setting.MAX_CONCURRENT_STREAMS, 7), (Setting.INITIAL_WINDOW_SIZE, 2**31 - 1)]),
        SettingsFrame(0, settings={3: 7, 4: 2**31 - 1}),
    ),
    "no settings": (frame.settings_frame([]), SettingsFrame(0)),
    "settings ack": (frame.SETTINGS_ACK, SettingsFrame(0, flags=["ACK"])),
    "ping": (frame.ping_frame(b"12345678"), PingFrame(0, opaque_data=b"12345678")),
    "ping ack": (frame.PING_ACK + b"12345678", PingFrame(0, opaque_data=b"12345678", flags=["ACK"])),
    "reset": (frame.rst_frame(2**31 - 1, ErrorCode.REFUSED_STREAM), RstStreamFrame(2**31 - 1, error_code=7)),
    "credit": (frame.window_update_frame(5, 65_536), WindowUpdateFrame(5, window_increment=65_536)),
    "goaway": (
        frame.goaway_frame(2**31 - 1, ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings"),
        GoAwayFrame(0, last_stream_id=2**31 - 1, error_code=11, additional_data=b"too_many_pings"),
    ),
    "headers": (
        frame.headers_frames(3, b"block", end_stream=True, max_frame=16_384),
        HeadersFrame(3, data=b"block", flags=["END_HEADERS", "END_STREAM"]),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_frame_is_the_same_as_hyperframes(name: str) -> None:
    """A frame has the very bytes that hyperframe gives it."""
    built, expected = PAIRS[name]

    assert built == expected.serialize()


ON_STREAMS = [frame.DATA, frame.HEADERS, frame.PRIORITY, frame.RST_STREAM, frame.WINDOW_UPDATE, frame.CONTINUATION]


@given(
    length=st.integers(0, 2**24 - 1),
    kind=st.sampled_from(ON_STREAMS),
    flags=st.integers(0, 255),
    number=st.integers(1, 2**31 - 1),
)
def test_header_is_read_back(length: int, kind: int, flags: int, number: int) -> None:
    """Length, type and stream of any frame are read back as they were given."""
    header = frame.frame_header(length, kind, flags, number)

    assert len(header) == frame.HEADER_BYTES
    assert header[4] == flags
    read, size = Frame.parse_frame_header(memoryview(header))
    assert (read.type, read.stream_id, size) == (kind, number, length)


@given(block=st.binary(max_size=200), max_frame=st.integers(1, 64), end_stream=st.booleans())
def test_long_header_block_goes_on_in_continuations(block: bytes, max_frame: int, *, end_stream: bool) -> None:
    """A block is one HEADERS and as many CONTINUATIONs as it needs; the last one ends it, the first one the stream."""
    built = frame.headers_frames(9, block, end_stream=end_stream, max_frame=max_frame)
    first, *others = frames_of(built)

    assert isinstance(first, HeadersFrame)
    assert all(isinstance(other, ContinuationFrame) for other in others)
    assert b"".join(each.data for each in (first, *others)) == block
    assert all(len(each.data) == max_frame for each in (first, *others)[:-1])
    assert [("END_HEADERS" in each.flags) for each in (first, *others)] == [*([False] * len(others)), True]
    assert ("END_STREAM" in first.flags) == end_stream
    assert {each.stream_id for each in (first, *others)} == {9}
    assert b"".join(each.serialize() for each in (first, *others)) == built


def test_codes_and_settings_are_those_of_the_rfc() -> None:
    """The first and the last number of each table stand where the RFC has them."""
    assert (ErrorCode.NO_ERROR, ErrorCode.HTTP_1_1_REQUIRED) == (0, 13)
    assert (Setting.HEADER_TABLE_SIZE, Setting.MAX_HEADER_LIST_SIZE) == (1, 6)
    assert (frame.DATA, frame.WINDOW_UPDATE, frame.CONTINUATION) == (0, 8, 9)
