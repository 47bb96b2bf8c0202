"""The sending side of one stream, which is also the sink of a watch.

A message goes out whole where the windows allow it; otherwise it is half sent, and nothing else is taken until the rest
is out. A stream without a window of its own is parked until the peer gives it one; one that the connection holds up
waits in the queue of the output. Both take their turn there, so `on_writable` is called once for each time that
`writable` was False.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ticker_server.api.transport.failures import failure_status
from ticker_server.api.transport.frames.frame import (
    DATA,
    END_STREAM,
    HEADER_BYTES,
    ErrorCode,
    frame_header,
    headers_frames,
    rst_frame,
)
from ticker_server.api.transport.frames.framing import Framing, message_bytes
from ticker_server.api.transport.frames.header_block import RESPONSE_HEADERS
from ticker_server.api.transport.frames.inbox import Inbox
from ticker_server.api.transport.frames.output import Output
from ticker_server.api.transport.frames.status import trailers_of, trailers_of_status
from ticker_server.errors import TickerError

__all__ = ["Stream"]

_framing = Framing()
"""One for all streams: there is one event loop in a process."""

_READY, _QUEUED, _PARKED, _OVER = range(4)
"""Whether a message can be sent, and if not, what for it waits: a turn, or a window of the stream itself."""

_NO_LIMIT = 1 << 30


class Stream:
    """One stream of a connection; `window` is what the peer still takes of DATA on it.

    `since` is the monotonic second at which it was opened. The owner sets what is called: `on_end` with the error when
    a sink ends, for the trailers; `on_gone` when the stream is gone, ended or reset. `on_linger` and `on_over` are the
    connection's, for an end that waits for the reader, and for one that is out.
    """

    __slots__ = (
        "_end",
        "_headers",
        "_output",
        "_rest",
        "_state",
        "id",
        "inbox",
        "is_half_closed",
        "on_end",
        "on_gone",
        "on_linger",
        "on_over",
        "on_writable",
        "since",
        "window",
    )

    def __init__(self, stream_id: int, output: Output, window: int, since: float) -> None:
        self.id = stream_id
        self.window = window
        self.since = since
        self.inbox: Inbox | None = None
        self.is_half_closed = False
        self.on_writable: Callable[[], None] = _ignore
        self.on_end: Callable[[TickerError | None], bytes] = trailers_of
        self.on_gone: Callable[[], None] | None = None
        self.on_linger: Callable[[Stream], None] = _ignore_stream
        self.on_over: Callable[[Stream], None] = _ignore_stream
        self._output = output
        self._state = _READY
        self._headers: bytes | None = RESPONSE_HEADERS
        self._rest: bytes | memoryview = b""
        self._end: bytes | None = None

    @property
    def writable(self) -> bool:
        """Whether a message can be sent now; if not, `on_writable` is called once it can."""
        if self._state or self._end is not None:
            return False
        output = self._output
        if self.window <= 0 or output.window <= 0 or output.is_congested:
            self._wait()
            return False
        return True

    @property
    def is_ended(self) -> bool:
        """Whether the end was said, sent or not."""
        return self._end is not None or self._state == _OVER

    @property
    def is_over(self) -> bool:
        """Whether nothing more is sent: the end is out, or the stream was reset."""
        return self._state == _OVER

    @property
    def has_begun(self) -> bool:
        """Whether anything of the answer was sent."""
        return self._headers is None

    def begin(self, headers: bytes) -> None:
        """Set the header block of the answer; it leaves with the first message. Too late once anything was sent."""
        if self._headers is not None:
            self._headers = headers

    def send_headers(self) -> None:
        """Send the header block of the answer, if it was not sent yet."""
        if self._headers is not None:
            output = self._output
            output.write(headers_frames(self.id, self._headers, end_stream=False, max_frame=output.max_frame))
            output.headers += 1
            self._headers = None

    def send(self, parts: Sequence[bytes]) -> None:
        """Send one message, the join of the parts. Only when writable; never waits."""
        if self._state or self._end is not None:
            raise RuntimeError("a message is sent into a sink that is not writable")
        frame = _framing.frame(self.id, parts)
        size = len(frame) - HEADER_BYTES
        output = self._output
        if self._headers is None and size <= self.window and size <= output.window and size <= output.max_frame:
            self.window -= size
            output.window -= size
            output.write(frame)
            return
        self.send_headers()
        self._rest = memoryview(frame)[HEADER_BYTES:]
        self._advance(_NO_LIMIT)

    def end(self, error: TickerError | None, last: Sequence[bytes] = ()) -> None:
        """End the stream after what was sent and one last message: OK, or the error's status. Only the first call counts."""
        if not self.is_ended:
            self.finish(self.on_end(error), message_bytes(b"".join(last)) if last else b"")

    def finish(self, trailers: bytes, last: bytes = b"") -> None:
        """End the stream with a header block, behind what is half sent and the last bytes; empty trailers are none."""
        if self.is_ended:
            return
        if last:
            self.send_headers()
            self._rest = memoryview(bytes(self._rest) + last)
        self._end = trailers
        self.on_writable = _ignore
        if self._state == _READY or not self._rest:
            self._output.forget(self)
            self._state = _READY
            self._advance(_NO_LIMIT)
        if self._state != _OVER:
            self.on_linger(self)

    def answer_plain(self, headers: bytes, body: bytes) -> None:
        """Answer with headers of its own and a body that ends the stream."""
        if body:
            self.begin(headers)
            self.finish(b"", body)
        else:
            self._headers = b""
            self.finish(headers)

    def reset(self) -> None:
        """Let go of everything: nothing may be sent on this stream any more."""
        self._state = _OVER
        self._rest = b""
        self._output.forget(self)
        self.on_writable = _ignore

    def grant(self, credit: int) -> None:
        """Let so many bytes more be sent (fewer if negative); a parked stream takes its turn once it can send."""
        self.window += credit
        if self._state == _PARKED and self.window > 0:
            self._wait()

    def take_turn(self) -> None:
        """Send one frame of what is half sent, or call back for the next message."""
        self._state = _READY
        if self._rest:
            self._advance(1)
        if self.writable:
            try:
                self.on_writable()
            except Exception as error:  # noqa: BLE001 - it costs this stream alone
                self.finish(trailers_of_status(failure_status(error, {})))

    def _wait(self) -> None:
        if self.window <= 0:
            self._state = _PARKED
        else:
            self._state = _QUEUED
            self._output.wait(self)

    def _advance(self, frames: int) -> None:
        """Send what is left of a message, at most so many frames, then the end if it was said."""
        output = self._output
        while self._rest:
            room = min(self.window, output.window, output.max_frame)
            if room <= 0 or output.is_congested or not frames:
                self._wait()
                return
            piece, self._rest = self._rest[:room], self._rest[room:]
            size = len(piece)
            self.window -= size
            output.window -= size
            frames -= 1
            flags = END_STREAM if self._end == b"" and not self._rest else 0
            output.write(frame_header(size, DATA, flags, self.id) + piece)
        self._rest = b""
        if self._end is not None:
            self._write_end(self._end)

    def _write_end(self, trailers: bytes) -> None:
        output = self._output
        self._state = _OVER
        if trailers:
            # Without a message before it, the end is all of the answer: one block (trailers-only).
            block = trailers if self._headers is None else self._headers + trailers
            output.write(headers_frames(self.id, block, end_stream=True, max_frame=output.max_frame))
            output.headers += 1
        if not self.is_half_closed:
            # The peer may go on sending its request, which nobody needs (RFC 9113, section 8.1).
            output.write(rst_frame(self.id, ErrorCode.NO_ERROR))
        self.on_over(self)


def _ignore() -> None:
    """Stand in for `on_writable` until it is set, and after the end."""


def _ignore_stream(_stream: Stream) -> None:
    """Stand in until the connection has set its own."""
