"""What an abuser does again and again, as fast as it can, reconnecting as often as it is cut."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import count

from hpack.hpack import encode_integer
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from tests.support.http2.floods import FLOODS, MANY_STREAMS, Flood
from tests.support.http2.header_blocks import INDEXED_FIRST, REMEMBERED, call, literal, open_stream, request_block
from tests.support.http2.mutated_frames import mutated
from tests.support.http2.push_methods import COLLECT, ECHO, WATCH
from tests.support.http2.push_reader import OPEN_WIDE
from tests.support.http2.raw_client import RawClient, SilentClient, connected
from tests.support.http2.wire_frames import (
    PREFACE,
    Flag,
    Frame,
    Kind,
    Setting,
    frame,
    grpc_message,
    ping,
    settings,
    window_update,
)

__all__ = ["ABUSES", "BUSY"]

Abuse = Callable[[int], Awaitable[None]]
"""Takes a port, and does it once: until it is cut, or has done what it can."""

BUSY = "nothing, on a busy core"
_PIECES = 20_000
_HOLD_SECONDS = 1.0
_NO_WINDOW = PREFACE + settings({Setting.INITIAL_WINDOW_SIZE: 0})


def _flood(flood: Flood) -> Abuse:
    async def run(port: int) -> None:
        async with connected(port, RawClient) as client:
            await flood.run(client, _PIECES)
            if not client.is_over and client.terminated is None:
                await _gone_soon(client)

    return run


def _once(first: bytes, *, hold: float = 0.0) -> Abuse:
    """Send some bytes on a new connection, and hold it for some seconds or until it is cut."""

    async def run(port: int) -> None:
        async with connected(port, SilentClient, first=first) as client:
            await client.sent_all()
            await _gone_soon(client, hold)

    return run


def _many(connections: int, abuse: Abuse) -> Abuse:
    async def run(port: int) -> None:
        await asyncio.gather(*(abuse(port) for _ in range(connections)))

    return run


async def _gone_soon(client: RawClient, seconds: float = _HOLD_SECONDS) -> None:
    try:
        async with asyncio.timeout(seconds):
            await client.over.wait()
    except TimeoutError:
        pass


async def _busy(_port: int) -> None:
    end = time.monotonic() + 0.1
    while time.monotonic() < end:
        sum(range(1_000))


async def _byte_by_byte(port: int) -> None:
    first = PREFACE + settings({Setting.INITIAL_WINDOW_SIZE: 1}) + b"".join(call(2 * n + 1, WATCH) for n in range(100))
    async with connected(port, ByteByByteAll, first=first) as client:
        await _gone_soon(client)


class ByteByByteAll(RawClient):
    """Gives credit byte by byte on all of its streams."""

    def take(self, frame: Frame) -> None:
        """Take one frame."""
        if frame.kind == Kind.DATA:
            size = len(frame.payload)
            self.send(window_update(frame.stream_id, size), window_update(0, size))


async def _never_read(port: int) -> None:
    """Ask and ping, and read no answer."""
    async with connected(port, RawClient, receive_buffer=4_096) as client:
        client.stop_reading()
        piece = b"".join(call(2 * n + 1, ECHO, bytes(1_000)) + ping() for n in range(2_000))
        client.send(piece)
        await _gone_soon(client)


async def _fuzz(port: int, seeds: count[int] = count()) -> None:  # noqa: B008 - one for all calls
    async with connected(port, RawClient, first=mutated(next(seeds))) as client:
        client.end()
        await _gone_soon(client)


def _huffman(text: bytes) -> bytes:
    encoded = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(text)
    length = encode_integer(len(encoded), 7)
    length[0] |= 0x80
    return bytes(length) + encoded


def _costly(name: str, block: bytes) -> Flood:
    """Calls that are allowed, with headers that take long to read."""

    def piece(number: int) -> bytes:
        stream_id = 2 * number + 1
        headers = frame(Kind.HEADERS, stream_id, block, Flag.END_HEADERS)
        return headers + frame(Kind.DATA, stream_id, grpc_message(b""), Flag.END_STREAM) + window_update(0, 100)

    return Flood(name, piece)


_BOMB = request_block(WATCH) + literal("x", 3_900 * "y", REMEMBERED) + INDEXED_FIRST * 12_000
_TEN_THOUSAND = b"".join(call(2 * n + 1, WATCH) for n in range(10_000))
_TOGGLES = b"".join(settings([(Setting.INITIAL_WINDOW_SIZE, n) for n in range(2_700)]) for _ in range(20))
_HALVES = b"".join(
    open_stream(2 * n + 1, COLLECT) + frame(Kind.DATA, 2 * n + 1, grpc_message(bytes(9_000), 4_000_000))
    for n in range(100)
)

ABUSES: Mapping[str, Abuse] = {
    BUSY: _busy,
    **{flood.name: _flood(flood) for flood in (*FLOODS, MANY_STREAMS)},
    "header bomb": _once(PREFACE + settings() + frame(Kind.HEADERS, 1, _BOMB, 5), hold=_HOLD_SECONDS),
    "calls with 150 indexed headers": _flood(_costly("indexed", request_block(ECHO) + b"\x90" * 150)),
    "calls with 200 tiny headers": _flood(_costly("tiny", request_block(ECHO) + literal("a", "") * 200)),
    "calls with 8 kB of Huffman": _flood(_costly("huffman", request_block(ECHO) + b"\0\1x" + _huffman(b"{" * 4_300))),
    "SETTINGS that change 10,000 windows": _once(PREFACE + settings() + _TEN_THOUSAND + _TOGGLES, hold=2.0),
    "10,000 watches without a window": _once(_NO_WINDOW + _TEN_THOUSAND, hold=2.0),
    "100 watches byte by byte": _byte_by_byte,
    "half messages of 4 MB": _once(PREFACE + settings() + _HALVES, hold=_HOLD_SECONDS),
    "answers and PINGs never read": _never_read,
    "half a preface, 100 times": _many(100, _once(PREFACE[:10], hold=_HOLD_SECONDS)),
    "half a header block, 100 times": _many(
        100, _once(PREFACE + settings() + frame(Kind.HEADERS, 1, request_block(WATCH)), hold=_HOLD_SECONDS)
    ),
    "connections that come and go": _many(50, _once(b"")),
    "watches that come and go": _many(20, _once(OPEN_WIDE)),
    "fuzzed connections": _many(20, _fuzz),
}
