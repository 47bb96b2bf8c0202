"""Kafka's flexible encoding, both ways."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from aiokafka.protocol.types import CompactBytes, UnsignedVarInt32
from hypothesis import given
from hypothesis import strategies as st

from ticker_server.feed.kafka.frame import NO_TAGS, Frame, array, compact, varint


def frame_of(data: bytes) -> Frame:
    """Return a frame of bytes."""
    return Frame(BytesIO(data))


@given(st.integers(0, 2**32 - 1))
def test_varints(number: int) -> None:
    """A number is written as aiokafka writes it, and read as it was written."""
    assert varint(number) == UnsignedVarInt32.encode(number)
    assert frame_of(varint(number)).varint() == number


@given(st.binary(max_size=400))
def test_bytes(data: bytes) -> None:
    """Bytes are written as aiokafka writes them, and read as they were written."""
    assert compact(data) == CompactBytes.encode(data)
    assert frame_of(compact(data)).data() == data


def test_null_reads_as_empty() -> None:
    """What is null reads as empty."""
    assert compact(None) == CompactBytes.encode(None)
    assert frame_of(compact(None)).text() == ""
    assert frame_of(b"\x00").length() == 0


def test_fields_one_after_the_other() -> None:
    """Fields, texts, arrays and tagged fields are read in their order."""
    number = struct.Struct(">i")
    tags = varint(2) + varint(0) + varint(3) + b"abc" + varint(5) + varint(1) + b"x"
    frame = frame_of(
        number.pack(-7) + array([compact(b"a"), compact("\u00e4".encode())]) + tags + NO_TAGS + compact(b"end")
    )

    assert frame.unpack(number) == (-7,)
    assert [frame.text() for _ in range(frame.length())] == ["a", "\u00e4"]
    frame.skip_tags()
    frame.skip_tags()
    assert frame.text() == "end"


def test_end_too_early() -> None:
    """A frame that ends too early is an error, not a default."""
    with pytest.raises(struct.error):
        frame_of(b"\x00").unpack(struct.Struct(">i"))
    with pytest.raises(IndexError):
        frame_of(b"\x80").varint()
    with pytest.raises(IndexError):
        frame_of(b"\x05abc").data()
