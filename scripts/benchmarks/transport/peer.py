"""A reader's end of one connection: the least of HTTP/2 that a client can speak, and a count of all that comes.

Windows are as large as they can be, so a reader never has to give credit. Every message is counted, and its length
checked.
"""

from __future__ import annotations

import socket
import ssl
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count
from struct import Struct

from hpack import Encoder

from scripts.benchmarks.errors import BenchFailed

__all__ = ["Peer", "RawPeer", "WatchPeer"]

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADER = Struct(">BHBBI")
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_WINDOW_UPDATE = 8
_END_STREAM, _ACK, _END_HEADERS = 0x1, 0x1, 0x4
_INITIAL_WINDOW_SIZE = 4
_LARGEST_WINDOW = 2**31 - 1
_DEFAULT_WINDOW = 65_535
_RECEIVED_BYTES = 16_384
_UPDATES = 3 << 3 | 2
"""How the field `updates` of a WatchStocksResponse begins."""


def _frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return _HEADER.pack(len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream_id) + payload


_BEGIN = (
    _PREFACE
    + _frame(_SETTINGS, 0, 0, Struct(">HI").pack(_INITIAL_WINDOW_SIZE, _LARGEST_WINDOW))
    + _frame(_WINDOW_UPDATE, 0, 0, Struct(">I").pack(_LARGEST_WINDOW - _DEFAULT_WINDOW))
)
_SETTINGS_ACK = _frame(_SETTINGS, _ACK, 0, b"")


class Peer:
    """A connection that makes calls of one method, all with the same request. `has_deadlines` gives each another one.

    `messages` counts what came on each stream, `received` all of them together, and `bytes` those of all of them. that ends counts in `ended`, and another one is made as long as there are `calls_left`.
    """

    def __init__(
        self, connected: socket.socket, path: str, request: bytes = b"", *, has_deadlines: bool = False
    ) -> None:
        self.socket = connected
        self.messages: defaultdict[int, int] = defaultdict(int)
        self.received = 0
        self.bytes = 0
        self.updates = 0
        self.ended = 0
        self.calls_left = 0
        self.outgoing = _BEGIN
        self._request = Struct(">BI").pack(0, len(request)) + request
        blocks = _blocks_with_deadlines if has_deadlines else _same_blocks
        self._blocks = blocks(path, secure=isinstance(connected, ssl.SSLSocket))
        self._next_id = 1
        self._rest = b""
        self._partial: dict[int, bytes] = {}

    @property
    def fewest(self) -> int:
        """The smallest count of messages among the streams."""
        return min(self.messages.values(), default=0)

    @property
    def most(self) -> int:
        """The largest count of messages among the streams."""
        return max(self.messages.values(), default=0)

    def call(self, count: int) -> None:
        """Make so many calls, each on a stream of its own; they leave with the next `flush`."""
        calls = []
        for _ in range(count):
            stream_id = self._next_id
            self._next_id += 2
            self.messages[stream_id] = 0
            calls.append(_frame(_HEADERS, _END_HEADERS, stream_id, next(self._blocks)))
            calls.append(_frame(_DATA, _END_STREAM, stream_id, self._request))
        self.outgoing += b"".join(calls)

    def flush(self) -> bool:
        """Send what the socket takes; return whether that was all."""
        while self.outgoing:
            try:
                sent = self.socket.send(self.outgoing)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return False
            self.outgoing = self.outgoing[sent:]
        return True

    def receive(self) -> None:
        """Take what has come."""
        reads_on = True
        while reads_on:
            try:
                data = self.socket.recv(_RECEIVED_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            if not data:
                raise BenchFailed("the server closed a connection")
            self.take(data)
            # What TLS has decoded already is not announced by the socket.
            reads_on = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending() > 0

    def take(self, data: bytes) -> None:
        """Count what is in some bytes."""
        if self._rest:
            data = self._rest + data
        position, end = 0, len(data)
        while end - position >= 9:
            head = int.from_bytes(data[position : position + 9], "big")
            begin = position + 9
            stop = begin + (head >> 48)
            if stop > end:
                break
            position = stop
            kind = head >> 40 & 0xFF
            if kind == _DATA:
                self._take_data(head & _LARGEST_WINDOW, data[begin:stop])
            else:
                self._take_other(kind, head >> 32 & 0xFF, head & _LARGEST_WINDOW, data[begin:stop])
        self._rest = data[position:]

    def note(self, message: bytes) -> None:
        """Look at a message; here nobody does, and `updates` stays 0."""

    def _take_data(self, stream_id: int, data: bytes) -> None:
        if self._partial:
            data = self._partial.pop(stream_id, b"") + data
        while data:
            stop = 5 + int.from_bytes(data[1:5], "big")
            if len(data) < max(stop, 5):
                self._partial[stream_id] = data
                return
            self.messages[stream_id] += 1
            self.received += 1
            self.bytes += stop - 5
            self.note(data[5:stop])
            data = data[stop:]

    def _take_other(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == _HEADERS and flags & _END_STREAM:
            if self.messages.pop(stream_id, 0) != 1:
                raise BenchFailed("a call ended without its one message")
            self.ended += 1
            if self.calls_left:
                self.calls_left -= 1
                self.call(1)
        elif kind in {_RST_STREAM, _GOAWAY}:
            raise BenchFailed(f"the server ended a stream or a connection: frame {kind}, {payload!r}")
        elif kind == _PING and not flags & _ACK:
            self.outgoing += _frame(_PING, _ACK, 0, payload)
        elif kind == _SETTINGS and not flags & _ACK:
            self.outgoing += _SETTINGS_ACK


class WatchPeer(Peer):
    """A connection that counts the updates in the messages of its watches."""

    def note(self, message: bytes) -> None:
        """Count the updates; all that stands before and between them are fields with a length, or small numbers."""
        position, end = 0, len(message)
        while position < end:
            tag = message[position]
            if tag & 7 == 0:
                position += 2
                continue
            length = message[position + 1]
            position += 2
            if length & 0x80:  # two bytes are enough for what a gateway of a benchmark says
                length = length & 0x7F | message[position] << 7
                position += 1
            position += length
            self.updates += tag == _UPDATES


class RawPeer(Peer):
    """A connection that takes bytes without a call; `received` tells only whether there were any."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__(connected, "")
        self.outgoing = b""

    def call(self, count: int) -> None:
        """Do nothing: bytes come all the same."""

    def take(self, data: bytes) -> None:
        """Count some bytes."""
        self.bytes += len(data)
        self.received = 1


def _headers(path: str, *, secure: bool) -> Sequence[tuple[str, str]]:
    """Return the headers of a call as a grpcio client says them."""
    return (
        (":path", path),
        (":authority", "localhost:50051"),
        (":method", "POST"),
        (":scheme", "https" if secure else "http"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-accept-encoding", "identity, deflate, gzip"),
        ("user-agent", "grpc-python-asyncio/1.85.1 grpc-c/58.0.0 (linux; chttp2)"),
    )


def _same_blocks(path: str, *, secure: bool) -> Iterator[bytes]:
    """Yield the header blocks of calls as a grpcio client sends them: all is in the table after the first."""
    encoder, headers = Encoder(), _headers(path, secure=secure)
    yield encoder.encode(headers, huffman=False)
    later = encoder.encode(headers, huffman=False)
    while True:
        yield later


def _blocks_with_deadlines(path: str, *, secure: bool) -> Iterator[bytes]:
    """Yield the header blocks of calls with a deadline as a grpc-go client sends them: each is another one."""
    encoder, headers = Encoder(), _headers(path, secure=secure)
    for number in count():
        yield encoder.encode((*headers, ("grpc-timeout", f"{4_999_999 - number % 1_000_000}u")))
