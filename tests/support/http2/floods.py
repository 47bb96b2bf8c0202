"""Floods: small pieces that cost a server more than their sender, each allowed once and harmful by the thousand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.http2.header_blocks import call, literal, open_stream, request_block
from tests.support.http2.push_methods import COLLECT, WATCH
from tests.support.http2.raw_client import RawClient
from tests.support.http2.wire_frames import (
    Flag,
    Kind,
    Setting,
    frame,
    ping,
    priority,
    rst,
    settings,
    window_update,
)

__all__ = ["FLOODS", "MANY_STREAMS", "Flood"]

_LARGEST = 2**31 - 1
_PIECES_AT_ONCE = 250


@dataclass(frozen=True)
class Flood:
    """Bytes that begin it, then a piece for each number from 0 on."""

    name: str
    piece: Callable[[int], bytes]
    first: bytes = b""

    async def run(self, client: RawClient, pieces: int) -> None:
        """Send so many pieces, as fast as they are taken, until the server has had enough."""
        client.send(self.first)
        for start in range(0, pieces, _PIECES_AT_ONCE):
            if client.is_over or client.terminated is not None:
                return
            client.send(*(self.piece(number) for number in range(start, start + _PIECES_AT_ONCE)))
            await client.sent_all()


def _id(number: int) -> int:
    return 2 * number + 1


def _headers(number: int, block: bytes, flags: int = Flag.END_HEADERS | Flag.END_STREAM) -> bytes:
    return frame(Kind.HEADERS, _id(number), block, flags)


def _always(data: bytes) -> Callable[[int], bytes]:
    return lambda _number: data


_HALF_BLOCK = frame(Kind.HEADERS, 1, request_block(WATCH), Flag.END_STREAM)

FLOODS = (
    Flood("rapid reset", lambda n: call(_id(n), WATCH) + rst(_id(n))),
    Flood("rapid reset of unfinished requests", lambda n: open_stream(_id(n), WATCH) + rst(_id(n))),
    Flood("SETTINGS", _always(settings())),
    Flood("SETTINGS of many values", _always(settings([(Setting.INITIAL_WINDOW_SIZE, n) for n in range(1_000)]))),
    Flood("PING", _always(ping())),
    Flood("PRIORITY", lambda n: priority(_id(n) + 2, 1)),
    Flood("empty DATA", _always(frame(Kind.DATA, 1)), open_stream(1, COLLECT)),
    Flood("DATA of padding", _always(frame(Kind.DATA, 1, b"\x03" + bytes(3), Flag.PADDED)), open_stream(1, COLLECT)),
    Flood("empty CONTINUATION", _always(frame(Kind.CONTINUATION, 1)), _HALF_BLOCK),
    Flood("long CONTINUATION", _always(frame(Kind.CONTINUATION, 1, literal("a", "b" * 1_000))), _HALF_BLOCK),
    Flood("CONTINUATION of a byte", _always(frame(Kind.CONTINUATION, 1, b"\x88")), _HALF_BLOCK),
    Flood("unknown frames", _always(frame(0xEE, 0, b"what"))),
    Flood("unknown frames on streams", lambda n: frame(0xEE, _id(n), b"what")),
    Flood("WINDOW_UPDATE of 0", lambda n: call(_id(n), WATCH) + window_update(_id(n), 0)),
    Flood("windows that overflow", lambda n: call(_id(n), WATCH) + window_update(_id(n), _LARGEST)),
    Flood("DATA after the end", lambda n: call(_id(n), WATCH) + frame(Kind.DATA, _id(n), b"more")),
    Flood("HEADERS after the end", lambda n: call(_id(n), WATCH) + _headers(n, literal("more", ""))),
    Flood("a stream that depends on itself", lambda n: call(_id(n), WATCH) + priority(_id(n), _id(n))),
    Flood("PRIORITY that is too short", lambda n: call(_id(n), WATCH) + frame(Kind.PRIORITY, _id(n), b"xyz")),
    Flood("requests without a path", lambda n: _headers(n, b"\x83\x86")),
    Flood("headers without a name", lambda n: _headers(n, request_block(WATCH, [("", "x")]))),
    Flood("content-length that lies", lambda n: open_stream(_id(n), WATCH, ("content-length", "5"), flags=5)),
)

MANY_STREAMS = Flood("streams above the limit", lambda n: call(_id(n), WATCH))
