"""One connection as the event loop sees it: a protocol that feeds HTTP/2 and writes what that has to say.

Reading pauses for two reasons, each with a flag of its own: frames are left for another turn of the loop, or the peer
does not read what was written.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from google.rpc import code_pb2

from ticker_server.api.transport.frames.fault import Fault
from ticker_server.api.transport.frames.frame import LARGEST_ID, ErrorCode, goaway_frame, ping_frame
from ticker_server.api.transport.frames.header_block import Request, trailers_block
from ticker_server.api.transport.frames.http2 import Http2
from ticker_server.api.transport.frames.limits import Limits
from ticker_server.api.transport.frames.output import Output
from ticker_server.api.transport.frames.stream import Stream
from ticker_server.api.transport.frames.turn import Turn

__all__ = ["Connection", "OnRequest"]

OnRequest = Callable[[Stream, Request, str, Callable[[Stream], None]], None]
"""Takes a stream, what it asks for, the peer's address, and a way to reset the stream."""

_ARE_YOU_THERE = b"\0alive?\0"
_BEFORE_LAST = b"\0drain?\0"
_CUT_AT_ONCE = 500
_STOPPED = trailers_block(code_pb2.UNAVAILABLE, "the server has stopped; call again, on a new connection")


class Connection(asyncio.Protocol):
    """One peer. `on_gone` is called once nothing is left of it.

    `turn` is the loop's end of turn, `now` its monotonic time in seconds.
    """

    __slots__ = (
        "_asked_at",
        "_has_said_last",
        "_heard_at",
        "_http2",
        "_is_behind",
        "_is_closing",
        "_limits",
        "_now",
        "_on_gone",
        "_on_request",
        "_output",
        "_peer",
        "_socket",
        "_transport",
        "_turn",
        "_unsettled_since",
        "_waits_for_output",
        "_waits_for_turn",
    )

    def __init__(
        self,
        limits: Limits,
        turn: Turn,
        now: Callable[[], float],
        on_request: OnRequest,
        on_gone: Callable[[Connection], None],
    ) -> None:
        self._limits = limits
        self._turn = turn
        self._now = now
        self._on_request = on_request
        self._on_gone = on_gone
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._output = Output(
            self._write_out, turn.soon, high=limits.write_high, served_per_turn=limits.served_per_turn
        )
        self._http2 = Http2(self._output, limits, self._take_request)
        self._http2.on_pong = self._take_pong
        self._http2.streams.on_idle = self._note_idle
        self._peer = ""
        self._unsettled_since: float | None = None
        self._heard_at = 0.0
        self._asked_at: float | None = None
        self._is_closing = False
        # Whether the transport had bytes to write when it was seen last.
        self._is_behind = False
        self._has_said_last = False
        self._waits_for_turn = False
        self._waits_for_output = False

    def write_to(self, plain: socket.socket) -> None:
        """Write to the socket of the transport itself, where it can take what there is. Not with TLS."""
        self._socket = plain

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say the settings; the peer's preface is due from now on."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is not derived from it
        self._heard_at = self._unsettled_since = self._now()
        secured = transport.get_extra_info("ssl_object")
        if secured is not None and secured.selected_alpn_protocol() != "h2":
            transport.abort()
            return
        transport.set_write_buffer_limits(self._limits.write_high, self._limits.write_low)
        self._http2.begin()

    def data_received(self, data: bytes) -> None:
        """Take what the peer sent."""
        if self._is_closing:
            return
        now = self._heard_at = self._now()
        http2 = self._http2
        try:
            http2.receive(data, now)
        except Fault as fault:
            self.close(fault.code, fault.text)
            return
        if http2.is_settled:
            self._unsettled_since = None
        elif self._unsettled_since is None:
            self._unsettled_since = now
        if http2.has_more and not self._waits_for_turn:
            self._waits_for_turn = True
            self._set_reading()
            self._turn.soon(self._go_on)

    def pause_writing(self) -> None:
        """Let no stream send: the peer does not read what there is."""
        self._output.is_congested = True
        self._waits_for_output = True
        self._set_reading()

    def resume_writing(self) -> None:
        """Let the streams send again."""
        if not self._is_closing:
            self._output.is_congested = False
            self._output.serve_soon()
        self._waits_for_output = False
        self._set_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        """Let go of all streams."""
        self._is_closing = True
        self._transport = self._socket = None
        self._output.close()
        self._let_go()
        self._on_gone(self)

    # What the listener calls.

    @property
    def open_streams(self) -> int:
        """How many streams are open."""
        return len(self._http2.streams.open)

    def look(self) -> None:
        """See whether the peer is there and does what is due; called every few seconds."""
        limits, transport = self._limits, self._transport
        if transport is None or self._is_closing:
            return
        now = self._http2.streams.now = self._now()
        self._http2.streams.cut_lingering()
        if self._unsettled_since is not None and now - self._unsettled_since >= self._patience:
            self.close(ErrorCode.ENHANCE_YOUR_CALM, "the preface or a header block took too long")
        elif self._waits_for_output:
            pass  # what it says cannot be read, and TCP sees to it that it goes on
        elif self._asked_at is not None:
            # Equal if the answer came within the tick of the clock, which is a millisecond with uvloop.
            if self._heard_at >= self._asked_at:
                self._asked_at = None
            elif now - self._asked_at >= limits.keepalive_timeout:
                transport.abort()
        elif now - self._heard_at >= limits.keepalive_seconds:
            self._asked_at = now
            self._output.write(ping_frame(_ARE_YOU_THERE))

    def drain(self) -> None:
        """Ask the peer to open no more streams; those it opened meanwhile are answered."""
        if not self._is_closing:
            self._output.write(goaway_frame(LARGEST_ID, ErrorCode.NO_ERROR) + ping_frame(_BEFORE_LAST))

    def say_last(self) -> None:
        """Say which stream was the last one that is answered; the connection ends with the last stream."""
        if self._is_closing or self._has_said_last:
            return
        self._has_said_last = True
        streams = self._http2.streams
        streams.processed_through = streams.last_id
        self._output.write(goaway_frame(streams.last_id, ErrorCode.NO_ERROR))
        self._note_idle()

    def stop(self) -> None:
        """End all streams with UNAVAILABLE, and the connection."""
        for stream in list(self._http2.streams.open.values()):
            stream.finish(_STOPPED)
        self.close(ErrorCode.NO_ERROR)

    def close(self, code: ErrorCode, text: str = "") -> None:
        """Say GOAWAY and close; what the peer still sends is thrown away.

        Closing a socket with input unread would make the kernel send RST, and the peer lose what it has not read.
        """
        transport = self._transport
        if self._is_closing or transport is None:
            return
        if not (self._has_said_last and code is ErrorCode.NO_ERROR):
            streams = self._http2.streams
            last_id = min(streams.last_id, streams.processed_through)  # never raised (RFC 9113, section 6.8)
            self._output.write(goaway_frame(last_id, code, text))
        self._output.flush()
        self._is_closing = True
        self._waits_for_turn = False
        self._set_reading()
        self._output.close()
        self._turn.soon(self._let_go)
        try:
            if transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()
        except OSError:  # the peer has reset the connection already
            transport.abort()
        asyncio.get_running_loop().call_later(self._limits.close_seconds, transport.abort)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # What HTTP/2 calls.

    def _take_request(self, stream: Stream, request: Request) -> None:
        if not self._peer:
            assert self._transport is not None
            self._peer = _peer_name(self._transport.get_extra_info("peername"))
        self._on_request(stream, request, self._peer, self._cut)

    def _take_pong(self, payload: bytes) -> None:
        if payload == _BEFORE_LAST:
            self.say_last()

    def _note_idle(self) -> None:
        if self._has_said_last and not self._http2.streams.open:
            self.close(ErrorCode.NO_ERROR)

    def _cut(self, stream: Stream) -> None:
        self._http2.streams.cut(stream.id, ErrorCode.CANCEL)

    def _write_out(self, data: bytes) -> None:
        """Write bytes: to the socket itself while nothing waits in the transport, which would cost half as much again."""
        transport = self._transport
        if transport is None:
            return
        if self._is_behind:
            self._is_behind = bool(transport.get_write_buffer_size())
        if self._socket is not None and not self._is_behind:
            try:
                sent = self._socket.send(data)
            except OSError:  # it takes nothing now, or is gone; the transport finds out which
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
            self._is_behind = True
        transport.write(data)

    # What is left.

    @property
    def _patience(self) -> float:
        limits = self._limits
        return limits.header_block_seconds if self._http2.has_preface else limits.preface_seconds

    def _go_on(self) -> None:
        self._waits_for_turn = False
        self.data_received(b"")
        self._set_reading()

    def _set_reading(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if not self._is_closing and (self._waits_for_turn or self._waits_for_output):
            if transport.is_reading():
                transport.pause_reading()
        elif not transport.is_reading():
            transport.resume_reading()

    def _let_go(self) -> None:
        """Let go of the streams, some in each turn."""
        if self._http2.streams.close_some(_CUT_AT_ONCE):
            self._turn.soon(self._let_go)


def _peer_name(address: tuple[str | int, ...] | None) -> str:
    """Return an address as gRPC writes it: `ipv4:127.0.0.1:4711`."""
    if not address:
        return "unknown"
    host, port = str(address[0]), address[1]
    return f"ipv6:%5B{host}%5D:{port}" if ":" in host else f"ipv4:{host}:{port}"
