"""How messages are framed, once for many."""

from __future__ import annotations

from hyperframe.frame import DataFrame, Frame
from hypothesis import given
from hypothesis import strategies as st

from ticker_server.api.transport.frames.framing import Framing, message_bytes


def data_of(frame: bytes) -> tuple[int, bytes]:
    """Return the stream and the data of a DATA frame, as another library reads it."""
    parsed, length = Frame.parse_frame_header(memoryview(frame[:9]))
    parsed.parse_body(memoryview(frame[9:]))
    assert isinstance(parsed, DataFrame)
    assert length == len(frame) - 9
    assert not parsed.flags
    return parsed.stream_id, parsed.data


def test_message_has_its_length_before_it() -> None:
    """A message is preceded by a zero, for not compressed, and its length in four bytes."""
    assert message_bytes(b"abc") == b"\0\0\0\0\3abc"


@given(stream_id=st.integers(0, 2**30 - 1).map(lambda number: 2 * number + 1), parts=st.lists(st.binary(max_size=300)))
def test_frame_is_one_message(stream_id: int, parts: list[bytes]) -> None:
    """The frame of a message has the join of its parts, whether they can be shared or not."""
    framing = Framing()
    for given_parts in (parts, tuple(parts)):
        assert data_of(framing.frame(stream_id, given_parts)) == (stream_id, message_bytes(b"".join(parts)))


def test_shared_message_is_framed_once() -> None:
    """A message that many send as the same tuple is framed once for all streams of one number."""
    framing, parts = Framing(), (b"a" * 500, b"b")
    first = framing.frame(1, parts)
    assert framing.frame(3, parts) is not first
    assert framing.frame(1, parts) is first


def test_equal_message_is_another_one() -> None:
    """What tells a shared message is that it is the same object; a list, which may change, never is one."""
    framing = Framing()
    parts = [b"a"]
    before = framing.frame(1, parts)
    parts.append(b"b")
    assert framing.frame(1, parts) != before
    assert data_of(framing.frame(1, (b"c",))) == (1, message_bytes(b"c"))
    assert data_of(framing.frame(1, (b"d",))) == (1, message_bytes(b"d"))


def test_little_is_remembered_of_a_message() -> None:
    """A large message to the many streams of one connection is not kept once for each of them."""
    framing, parts = Framing(), (b"x" * 200_000,)
    frames = [framing.frame(stream_id, parts) for stream_id in range(1, 201, 2)]

    assert framing.frame(1, parts) is frames[0]
    assert sum(framing.frame(1 + 2 * index, parts) is frame for index, frame in enumerate(frames)) < 10
    assert framing.frame(199, parts) == frames[-1]
