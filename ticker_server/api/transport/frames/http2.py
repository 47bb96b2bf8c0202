"""The server's side of HTTP/2 on one connection: frames in, frames out, no I/O (RFC 9113).

What the peer must not do ends the connection (`Fault`) or one stream (RST_STREAM), as the RFC has it; what it may do but
does too often ends the connection with ENHANCE_YOUR_CALM. Nothing here walks over all streams but a change of the
initial window, which has an allowance.
"""

from __future__ import annotations

from collections.abc import Callable

from ticker_server.api.transport.frames.budget import Budget
from ticker_server.api.transport.frames.fault import Fault
from ticker_server.api.transport.frames.frame import (
    ACK,
    CONTINUATION,
    DEFAULT_MAX_FRAME,
    END_HEADERS,
    END_STREAM,
    HAS_PRIORITY,
    HEADER_BYTES,
    LARGEST_MAX_FRAME,
    LARGEST_WINDOW,
    PADDED,
    PING,
    PING_ACK,
    PREFACE,
    SETTINGS,
    SETTINGS_ACK,
    WINDOW_UPDATE,
    ErrorCode,
    Setting,
    settings_frame,
    window_update_frame,
)
from ticker_server.api.transport.frames.header_block import Request
from ticker_server.api.transport.frames.header_reader import HeaderReader
from ticker_server.api.transport.frames.limits import Allowance, Limits
from ticker_server.api.transport.frames.output import Output
from ticker_server.api.transport.frames.stream import Stream
from ticker_server.api.transport.frames.streams import Streams

__all__ = ["Http2"]


_LIKE_A_REQUEST = 128
"""So many bytes of a header block are as much work as one more request."""

_MORE_THAN_A_REQUEST = 16
"""So many headers are, too, however short each is in the block."""


class Http2:
    """One connection: `receive` takes the peer's bytes; what there is to say goes into the output.

    `has_preface` tells whether the peer has begun as a client must, `has_more` whether frames are left for another
    turn of the loop. `on_pong` is called with the bytes of each answer to a PING.
    """

    __slots__ = (
        "_budget",
        "_has_settings",
        "_limits",
        "_output",
        "_pinged_at",
        "_requests_left",
        "_rest",
        "_said_by_ping",
        "_strikes",
        "has_more",
        "has_preface",
        "headers",
        "on_pong",
        "streams",
    )

    def __init__(self, output: Output, limits: Limits, on_request: Callable[[Stream, Request], None]) -> None:
        self.has_preface = False
        self.has_more = False
        self.on_pong: Callable[[bytes], None] = _ignore
        self._output = output
        self._limits = limits
        self._budget = Budget()
        self._rest = b""
        self._has_settings = False
        self._requests_left = 0
        self._strikes = 0
        self._pinged_at = -limits.ping_interval
        self._said_by_ping = (0, 0)
        self.headers = HeaderReader(limits)
        self.streams = Streams(output, limits, self._budget, on_request)

    @property
    def is_settled(self) -> bool:
        """Whether the peer owes no rest of its preface or of a header block."""
        return self.has_preface and not self.headers.stream_id

    def begin(self) -> None:
        """Say the server's settings."""
        limits, streams = self._limits, self.streams
        more = max(0, limits.connection_window - streams.window)
        streams.window += more
        settings = settings_frame(
            (
                (Setting.MAX_CONCURRENT_STREAMS, limits.max_streams),
                (Setting.INITIAL_WINDOW_SIZE, limits.receive_window),
                (Setting.MAX_HEADER_LIST_SIZE, limits.max_header_list),
            )
        )
        self._output.write(settings + window_update_frame(0, more) if more else settings)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes of the peer at a monotonic moment, in seconds; a part of them may be left for another turn.

        Raises:
            Fault: The connection cannot go on.
        """
        self.streams.now = now
        if self._rest:
            data = self._rest + data
        position = 0 if self.has_preface else self._take_preface(data)
        if position is None:
            self._rest = data
            return
        end = len(data)
        frames_left = self._limits.frames_per_turn
        self._requests_left = self._limits.requests_per_turn
        self.has_more = False
        while end - position >= HEADER_BYTES:
            head = int.from_bytes(data[position : position + HEADER_BYTES], "big")
            length = head >> 48
            if length > DEFAULT_MAX_FRAME:
                raise Fault(ErrorCode.FRAME_SIZE_ERROR, "a frame is longer than 16384 bytes")
            begin = position + HEADER_BYTES
            if begin + length > end:
                break
            if not frames_left or self._requests_left <= 0:
                self.has_more = True
                break
            frames_left -= 1
            position = begin + length
            self._take(head >> 40 & 0xFF, head >> 32 & 0xFF, head & 0x7FFF_FFFF, data[begin:position])
        self._rest = data[position:]

    def _take_preface(self, data: bytes) -> int | None:
        """Return where the frames begin, None if it cannot be said yet."""
        if not PREFACE.startswith(data[: len(PREFACE)]):
            raise Fault(ErrorCode.PROTOCOL_ERROR, "this is not HTTP/2")
        whole = len(PREFACE) + HEADER_BYTES
        if len(data) < whole:
            return None
        if data[len(PREFACE) + 3] != SETTINGS or data[len(PREFACE) + 4] & ACK:
            raise Fault(ErrorCode.PROTOCOL_ERROR, "a client begins with SETTINGS")
        self.has_preface = True
        return len(PREFACE)

    def _take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """Take one frame."""
        block_of = self.headers.stream_id
        if block_of and (kind != CONTINUATION or stream_id != block_of):
            raise Fault(ErrorCode.PROTOCOL_ERROR, "a header block was interrupted")
        # The two that come with nearly every message of some clients.
        if kind == WINDOW_UPDATE:
            self._window_update(flags, stream_id, payload)
        elif kind == PING:
            self._ping(flags, stream_id, payload)
        elif kind < len(self._TAKERS):
            self._TAKERS[kind](self, flags, stream_id, payload)
        else:
            self._spend(self._limits.unknown_frames, "too many frames of unknown types")

    def _data(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not stream_id:
            raise Fault(ErrorCode.PROTOCOL_ERROR, "DATA on stream 0")
        data = _without_padding(payload) if flags & PADDED else payload
        self.streams.take_data(stream_id, data, len(payload), ends=bool(flags & END_STREAM))

    def _headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not stream_id:
            raise Fault(ErrorCode.PROTOCOL_ERROR, "HEADERS on stream 0")
        block = _without_padding(payload) if flags & PADDED else payload
        headers = self.headers
        headers.ends_stream = bool(flags & END_STREAM)
        headers.depends_on_itself = False
        if flags & HAS_PRIORITY:
            if len(block) < 5:
                raise Fault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS without their priority")
            headers.depends_on_itself = int.from_bytes(block[:4], "big") & 0x7FFF_FFFF == stream_id
            block = block[5:]
        headers.begin(stream_id, block)
        if flags & END_HEADERS:
            self._finish_headers()

    def _continuation(self, flags: int, _stream_id: int, payload: bytes) -> None:
        if not self.headers.stream_id:
            raise Fault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        self._spend(self._limits.continuations, "too many CONTINUATION frames")
        self.headers.add(payload)
        if flags & END_HEADERS:
            self._finish_headers()

    def _finish_headers(self) -> None:
        reader = self.headers
        # Huffman's code is slow to read: 16 kB of it take 8 ms, so a long block takes the turns of many.
        self._requests_left -= 1 + reader.size // _LIKE_A_REQUEST
        stream_id = reader.stream_id
        headers = reader.finish()
        self._requests_left -= len(headers) // _MORE_THAN_A_REQUEST
        self.streams.take_headers(
            stream_id, headers, ends=reader.ends_stream, depends_on_itself=reader.depends_on_itself
        )

    def _priority(self, _flags: int, stream_id: int, payload: bytes) -> None:
        """Priorities are of no use here, but must be well formed."""
        self._spend(self._limits.priorities, "too many PRIORITY frames")
        if not stream_id:
            raise Fault(ErrorCode.PROTOCOL_ERROR, "PRIORITY on stream 0")
        if len(payload) != 5:
            self.streams.reset(stream_id, ErrorCode.FRAME_SIZE_ERROR)
        elif int.from_bytes(payload[:4], "big") & 0x7FFF_FFFF == stream_id:
            self.streams.reset(stream_id, ErrorCode.PROTOCOL_ERROR)

    def _rst_stream(self, _flags: int, stream_id: int, payload: bytes) -> None:
        if not stream_id:
            raise Fault(ErrorCode.PROTOCOL_ERROR, "RST_STREAM on stream 0")
        if len(payload) != 4:
            raise Fault(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM has four bytes")
        self.streams.take_reset(stream_id)

    def _settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise Fault(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream")
        if len(payload) % 6 or (flags & ACK and payload):
            raise Fault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of a wrong length")
        if flags & ACK:
            return
        if self._has_settings:
            self._spend(self._limits.settings, "too many SETTINGS frames")
        streams = self.streams
        self._has_settings = True
        initial_window = streams.initial_window
        for start in range(0, len(payload), 6):
            number = int.from_bytes(payload[start : start + 2], "big")
            value = int.from_bytes(payload[start + 2 : start + 6], "big")
            if number == Setting.INITIAL_WINDOW_SIZE:
                initial_window = value
            self._set(number, value)
        # Once and at the end: this walks over all streams, and one frame has room for thousands of values.
        if initial_window != streams.initial_window:
            streams.set_initial_window(initial_window)
        # Streams that got a larger window have their turn later, so this goes before their DATA.
        self._output.write(SETTINGS_ACK)

    def _set(self, number: int, value: int) -> None:
        """Check one setting and take it, but the initial window; those unknown are ignored (section 6.5.2)."""
        if number == Setting.INITIAL_WINDOW_SIZE:
            if value > LARGEST_WINDOW:
                raise Fault(ErrorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE is above 2^31-1")
        elif number == Setting.MAX_FRAME_SIZE:
            if not DEFAULT_MAX_FRAME <= value <= LARGEST_MAX_FRAME:
                raise Fault(ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE is out of its range")
            self._output.max_frame = value
        elif number == Setting.ENABLE_PUSH and value > 1:
            raise Fault(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is neither 0 nor 1")

    def _push_promise(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        raise Fault(ErrorCode.PROTOCOL_ERROR, "a client does not push")

    def _ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise Fault(ErrorCode.PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != 8:
            raise Fault(ErrorCode.FRAME_SIZE_ERROR, "PING has eight bytes")
        if flags & ACK:
            self.on_pong(payload)
            return
        self._judge_ping()
        self._output.write(PING_ACK + payload)

    def _judge_ping(self) -> None:
        """Count a strike for a PING that comes soon after another, with nothing sent in between."""
        output, now = self._output, self.streams.now
        said = (output.data_sent, output.headers)
        if said != self._said_by_ping:
            self._strikes = 0
        elif now - self._pinged_at < self._limits.ping_interval:
            self._strikes += 1
            if self._strikes > self._limits.max_ping_strikes:
                raise Fault(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings")
        self._said_by_ping = said
        self._pinged_at = now

    def _goaway(self, _flags: int, stream_id: int, payload: bytes) -> None:
        """The peer opens no more streams; those that are open go on, and it closes when it has what it wants."""
        if stream_id:
            raise Fault(ErrorCode.PROTOCOL_ERROR, "GOAWAY on a stream")
        if len(payload) < 8:
            raise Fault(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY has at least eight bytes")

    def _window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise Fault(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE has four bytes")
        credit = int.from_bytes(payload, "big") & LARGEST_WINDOW
        if stream_id:
            self.streams.take_credit(stream_id, credit)
            return
        if not credit:
            raise Fault(ErrorCode.PROTOCOL_ERROR, "a WINDOW_UPDATE of nothing")
        if self._output.window + credit > LARGEST_WINDOW:
            raise Fault(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is above 2^31-1")
        self._output.grant(credit)

    def _spend(self, allowance: Allowance, text: str) -> None:
        if not self._budget.spend(allowance, self.streams.now):
            raise Fault(ErrorCode.ENHANCE_YOUR_CALM, text)

    # By the number of the frame's type.
    _TAKERS = (
        _data,
        _headers,
        _priority,
        _rst_stream,
        _settings,
        _push_promise,
        _ping,
        _goaway,
        _window_update,
        _continuation,
    )


def _without_padding(payload: bytes) -> bytes:
    if not payload or payload[0] >= len(payload):
        raise Fault(ErrorCode.PROTOCOL_ERROR, "a frame is all padding")
    return payload[1 : len(payload) - payload[0]]


def _ignore(_payload: bytes) -> None:
    """Stand in for `on_pong` until it is set."""
