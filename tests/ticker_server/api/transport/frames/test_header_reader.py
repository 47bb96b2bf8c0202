"""Header blocks in pieces, against one table."""

from __future__ import annotations

import contextlib
from itertools import pairwise
from typing import Any

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from ticker_server.api.transport.frames.fault import Fault
from ticker_server.api.transport.frames.frame import ErrorCode
from ticker_server.api.transport.frames.header_reader import HeaderReader
from ticker_server.api.transport.frames.limits import Limits

FIELDS = [(b":path", b"/a"), (b"x-long", b"v" * 100)]


def test_block_of_one_frame() -> None:
    """A block that is whole is decoded at once."""
    reader = HeaderReader(Limits())
    reader.begin(5, Encoder().encode(FIELDS))
    assert reader.stream_id == 5

    assert reader.finish() == FIELDS
    assert reader.stream_id == 0


@given(cuts=st.lists(st.integers(0, 200), max_size=5))
def test_block_is_the_join_of_its_pieces(cuts: list[int]) -> None:
    """Wherever a block is cut into frames, it says the same."""
    block, reader = Encoder().encode(FIELDS), HeaderReader(Limits())
    edges = [0, *sorted(min(cut, len(block)) for cut in cuts), len(block)]
    pieces = [block[start:end] for start, end in pairwise(edges)]
    reader.begin(1, pieces[0])
    for piece in pieces[1:]:
        reader.add(piece)

    assert reader.finish() == FIELDS


def test_blocks_share_the_table() -> None:
    """The second block may refer to what the first one has told."""
    encoder, reader = Encoder(), HeaderReader(Limits())
    first, second = encoder.encode(FIELDS), encoder.encode(FIELDS)
    assert len(second) < len(first) / 10
    for block in (first, second):
        reader.begin(1, block)

        assert reader.finish() == FIELDS


@given(numbers=st.lists(st.sampled_from(range(3)), max_size=12), size=st.sampled_from([1, 3_000]))
def test_repeated_blocks_say_what_they_say(numbers: list[int], size: int) -> None:
    """Whichever blocks are repeated, and whatever the table has taken in or dropped between, each is what hpack says."""
    encoder, decoder, reader = Encoder(), Decoder(), HeaderReader(Limits())
    for number in numbers:
        block = encoder.encode([(b"x-own", b"%d" % number * size)])
        expected = [tuple(header) for header in decoder.decode(block, raw=True)]
        reader.begin(1, block)

        assert [tuple(header) for header in reader.finish()] == expected


COMMON = st.lists(
    st.tuples(
        st.sampled_from([b":path", b"te", b"user-agent", b"grpc-timeout", b"content-type", b"x-own"]),
        st.sampled_from([b"", b"a", b"trailers", b"v" * 60, b"w" * 900]),
    ),
    max_size=5,
)
SIZES = st.sampled_from([None, None, 0, 100, 4096])


@given(
    connections=st.lists(st.lists(st.tuples(COMMON, SIZES), min_size=1, max_size=3), max_size=3),
    repeats=st.integers(1, 3),
)
def test_first_blocks_say_what_they_say(connections: list[list[tuple[Any, int | None]]], repeats: int) -> None:
    """However alike connections begin, each block is what hpack makes of it, and so are all that refer to it later."""
    for blocks in connections * repeats:
        encoder, decoder, reader = Encoder(), Decoder(), HeaderReader(Limits())
        for fields, size in blocks:
            if size is not None:
                encoder.header_table_size = size
            block = encoder.encode(fields)
            reader.begin(1, block)

            assert [tuple(header) for header in reader.finish()] == [
                tuple(header) for header in decoder.decode(block, raw=True)
            ]


def test_block_that_is_too_long_ends_the_connection() -> None:
    """A block is given up as soon as its pieces are longer than the limit, finished or not."""
    reader = HeaderReader(Limits(max_header_block=1_000))
    reader.begin(1, b"x" * 600)

    reader.add(b"x" * 400)
    with pytest.raises(Fault) as raised:
        reader.add(b"x")

    assert raised.value.code == ErrorCode.ENHANCE_YOUR_CALM


def test_bomb_ends_the_connection() -> None:
    """A short block that stands for a long list is not unpacked."""
    encoder, reader = Encoder(), HeaderReader(Limits())
    reader.begin(1, encoder.encode([(b"x", b"v" * 4_000)]))
    reader.finish()
    bomb = encoder.encode([(b"x", b"v" * 4_000)] * 5_000)
    assert len(bomb) < 6_000
    reader.begin(3, bomb)

    with pytest.raises(Fault) as raised:
        reader.finish()

    assert raised.value.code == ErrorCode.ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\xff\xff\xff\xff", id="unfinished integer"),
        pytest.param(b"\xbf", id="index beyond the table"),
        pytest.param(b"\x80", id="index 0"),
        pytest.param(b"\x3f\xe2\x1f", id="table above 4096"),
        pytest.param(b"\x00\x81", id="cut short"),
        pytest.param(b"\x82\x20", id="table size behind a header"),
        pytest.param(b"\x00\x82\xff\xff\x01a", id="huffman padding too long"),
    ],
)
def test_block_that_cannot_be_decoded_ends_the_connection(block: bytes) -> None:
    """What is no header block ends the connection with COMPRESSION_ERROR (RFC 9113, section 4.3)."""
    reader = HeaderReader(Limits())
    reader.begin(1, block)

    with pytest.raises(Fault) as raised:
        reader.finish()

    assert raised.value.code == ErrorCode.COMPRESSION_ERROR


@given(blocks=st.lists(st.binary(max_size=40), max_size=5))
def test_junk_raises_nothing_but_faults(blocks: list[bytes]) -> None:
    """Whatever comes is headers or a fault."""
    reader = HeaderReader(Limits())
    for block in blocks:
        reader.begin(1, block)
        with contextlib.suppress(Fault):
            assert all(isinstance(name, bytes) and isinstance(value, bytes) for name, value in reader.finish())
