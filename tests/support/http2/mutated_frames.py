"""Conversations with something wrong in them, the same for the same seed."""

from __future__ import annotations

from random import Random

from tests.support.http2.header_blocks import call, literal, open_stream, request_block
from tests.support.http2.push_methods import COLLECT, ECHO, IGNORE, NEVER, WATCH
from tests.support.http2.wire_frames import (
    PREFACE,
    SETTINGS_ACK,
    Flag,
    Kind,
    frame,
    goaway,
    grpc_message,
    ping,
    priority,
    rst,
    settings,
    window_update,
)

__all__ = ["mutated"]

_MOST_FRAMES = 60
_METHODS = (WATCH, ECHO, COLLECT, NEVER, IGNORE, "/no.Such/Method", "")
_DAMAGED = 0.04
_LOST = 0.03
"""How many frames are damaged, and how many are on a stream that is not open, or of random headers."""


def mutated(seed: int) -> bytes:
    """Return what one client sends: a preface, then frames of which most are right."""
    generator = Random(seed)
    conversation = _Conversation(generator)
    frames = [PREFACE + settings({4: generator.choice((0, 1, 65_535, 2**31 - 1))})]
    frames += [conversation.frame() for _ in range(generator.randrange(1, _MOST_FRAMES))]
    return b"".join(_damaged(generator, each) if generator.random() < _DAMAGED else each for each in frames)


class _Conversation:
    """Frames in an order that makes sense, mostly."""

    def __init__(self, generator: Random) -> None:
        self._random = generator
        self._next = 1
        self._open: list[int] = []

    def frame(self) -> bytes:
        """Return the next frame, or the two of a call."""
        generator = self._random
        kind = generator.choices(("call", "open", "more", "other"), (3, 3, 5, 6))[0]
        if kind == "call":
            return call(self._new(), generator.choice(_METHODS), generator.randbytes(generator.randrange(50)))
        if kind == "open":
            timeout = generator.choice(("1S", "1n", "x", "99999999H"))
            self._open.append(self._next)
            return open_stream(self._new(), generator.choice(_METHODS), ("grpc-timeout", timeout))
        return self._on_stream() if kind == "more" and self._open else self._other()

    def _on_stream(self) -> bytes:
        """Return a frame of a stream that was opened, or of any."""
        generator = self._random
        stream_id = self._some_stream()
        match generator.randrange(5):
            case 0 | 1:
                announced = generator.choice((20, 20, 0, 10, 4_000_000, 2**32 - 1))
                flags = generator.choice((0, 0, Flag.END_STREAM, Flag.PADDED))
                return frame(Kind.DATA, stream_id, grpc_message(generator.randbytes(20), announced), flags)
            case 2:
                return window_update(stream_id, generator.choice((0, 1, 1_000, 2**31 - 1, 2**32 - 1)))
            case 3:
                return rst(stream_id, generator.randrange(20))
            case _:
                return frame(Kind.HEADERS, stream_id, literal("more", "x"), generator.choice((4, 5)))

    def _other(self) -> bytes:
        """Return a frame of the connection, or of no use."""
        generator = self._random
        match generator.randrange(8):
            case 0:
                return settings([(generator.choice((1, 3, 4, 6, 9)), generator.choice((0, 1, 16_384, 70_000)))])
            case 1:
                return ping(generator.randbytes(8), ack=generator.random() < 0.5)
            case 2:
                return priority(self._next, generator.choice((0, 1, 3)))
            case 3:
                return window_update(0, generator.choice((1, 1_000, 70_000)))
            case 4:
                return generator.choice((SETTINGS_ACK, goaway(1, generator.randrange(14))))
            case 5:
                return frame(generator.randrange(10, 256), 0, generator.randbytes(20))
            case 6 if generator.random() < _LOST:
                return frame(Kind.HEADERS, self._new(), generator.randbytes(30), Flag.END_HEADERS)
            case _:
                first, rest = (block := request_block(generator.choice(_METHODS)))[:20], block[20:]
                stream_id = self._new()
                return frame(Kind.HEADERS, stream_id, first) + frame(Kind.CONTINUATION, stream_id, rest, 4)

    def _new(self) -> int:
        self._next += 2
        return self._next - 2

    def _some_stream(self) -> int:
        generator = self._random
        if generator.random() < _LOST or not self._open:
            return generator.choice((0, 1, 2, 3, self._next, 2**31 - 1))
        return generator.choice(self._open)


def _damaged(generator: Random, data: bytes) -> bytes:
    """Return bytes with some of them changed, missing, doubled or new."""
    at = generator.randrange(len(data))
    match generator.randrange(5):
        case 0:
            return data[:at] + bytes((data[at] ^ 1 << generator.randrange(8),)) + data[at + 1 :]
        case 1:
            return data[:at]
        case 2:
            return data + data
        case 3:
            return data[:at] + generator.randbytes(generator.randrange(1, 20)) + data[at:]
        case _:
            return data[:at] + data[at + 1 :]
